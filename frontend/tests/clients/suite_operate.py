"""What an operator does to a node while it is followed: followers brought in by a file, fan-out paused and resumed."""

import json

import raw
from raw import Raw, item_ids
from reef import DOMAIN

SETS = [*raw.PLAIN, "limits.publish_per_second=1", "limits.publish_burst=8"]
BLOG = "urn:xmpp:microblog:0"


async def here(reef, name, resource="r"):
    """A session that is available."""
    client = await Raw(reef).login(name, resource)
    client.send("<presence/><iq type='get' id='here'><ping xmlns='urn:xmpp:ping'/></iq>")
    await client.answer("here")
    return client


async def posts(client, last):
    """Item ids of what comes, up to and with `last`."""
    got = []
    while last not in got:
        got += item_ids(await client.stanza())
    return got


async def leave(client):
    """Says goodbye; the item ids of what comes until the server has said it, too."""
    client.send("</stream:stream>")
    got = []
    try:
        while True:
            got += item_ids(await client.stanza())
    except raw.Closed:
        pass
    client.writer.close()
    await client.writer.wait_closed()
    return got


async def test_imported_followers_get_what_is_published_then(reef):
    await reef.users("author", "one", "two")
    author = await here(reef, "author")
    author.publish("before", "before", "author")
    await author.answer("before")
    one = await here(reef, "one")
    listed = f"# followers\none@{DOMAIN}\n\ntwo@{DOMAIN}\none@{DOMAIN}\nnobody at all\n".encode()
    node = f"author@{DOMAIN}/{BLOG}"
    answer = await reef.run("node", "import-followers", node, "-", "--json", stdin=listed, check=False)
    summary = json.loads(answer[1].splitlines()[-1])
    assert [summary[key] for key in ("imported", "already", "bad_lines")] == [2, 1, 1], answer
    author.publish("after", "after", "author")
    await author.answer("after")
    assert await posts(one, "after") == ["after"]
    # Who was away catches up on what came since he follows.
    two = await here(reef, "two")
    assert await posts(two, "after") == ["after"]


async def test_a_paused_node_delivers_when_it_is_resumed_and_loses_nothing(reef):
    await reef.users("slow", "reader")
    author, reader = await here(reef, "slow"), await here(reef, "reader")
    author.publish("p0", "p0", "slow")
    await author.answer("p0")
    reader.follow("slow", "reader")
    await reader.answer("follow-slow")
    node = f"slow@{DOMAIN}/{BLOG}"
    await reef.run("node", "pause", node)
    for number in range(1, 4):
        author.publish(f"p{number}", "text", "slow")
        await author.answer(f"p{number}")
    (shown,) = await reef.json("node", "show", node)
    assert (shown["fan_out"], shown["held"]) == ("paused", 3), shown
    await reef.run("node", "resume", node)
    assert await posts(reader, "p3") == ["p1", "p2", "p3"]
    author.publish("p4", "text", "slow")
    await author.answer("p4")
    assert await posts(reader, "p4") == ["p4"]
    (shown,) = await reef.json("node", "show", node)
    assert shown["fan_out"] == "running", shown


async def test_one_who_publishes_too_fast_is_told_to_wait_and_loses_nothing_else(reef):
    await reef.users("hasty")
    hasty = await here(reef, "hasty")
    for number in range(12):
        hasty.publish(f"h{number}", "text", "hasty")
    refused, answered = [], set()
    while len(answered) < 12:
        stanza = await hasty.stanza()
        if not (stanza.get("id") or "").startswith("h") or not stanza.tag.endswith("iq"):
            continue
        answered.add(stanza.get("id"))
        if stanza.get("type") == "error":
            error = stanza.find("{jabber:client}error")
            assert error.get("type") == "wait", error.get("type")
            assert error.find("{urn:ietf:params:xml:ns:xmpp-stanzas}resource-constraint") is not None
            refused.append(int(stanza.get("id")[1:]))
    assert refused and min(refused) >= 8, refused
    (shown,) = await reef.json("node", "show", f"hasty@{DOMAIN}/{BLOG}")
    assert shown["items"] == 12 - len(refused), shown


async def test_a_goodbye_while_posts_arrive_brings_each_once(reef):
    await reef.users("talker", "guest")
    talker = await here(reef, "talker")
    guest = await here(reef, "guest")
    talker.publish("g0", "text", "talker")
    await talker.answer("g0")
    guest.follow("talker", "guest")
    await guest.answer("follow-talker")
    got = []
    for number in range(1, 7):
        talker.publish(f"g{number}", "text", "talker")
        got += await leave(guest)
        await talker.answer(f"g{number}")
        guest = await here(reef, "guest")
        if f"g{number}" not in got:
            got += await posts(guest, f"g{number}")
    assert got == [f"g{number}" for number in range(1, 7)], got
