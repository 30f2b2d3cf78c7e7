"""Message archives (XEP-0313) with slixmpp: a conversation page by page, by time and person, and after being away."""

import asyncio
import os
import random
from datetime import datetime, timedelta, timezone

from slixmpp.xmlstream.xmlstream import ET

from client import Client, refused
from raw import PLAIN, Raw

SETS = PLAIN
PLUGINS = ["xep_0313", "xep_0297", "xep_0359"]
SID = "{urn:xmpp:sid:0}stanza-id"


async def login(reef, name, resource="here", **more):
    return await Client(reef, name, resource, plugins=PLUGINS).login(**more)


def forwarded(message):
    return message["mam_result"]["forwarded"]["stanza"]


def delivered(client):
    """What came as it was sent, with its name; results of queries are messages, too."""
    return [m for m in client.messages if m.xml.find(SID) is not None]


def name(message):
    """The name of a message in its receiver's archive."""
    return message.xml.find(SID).get("id")


async def everything(client, **query):
    return [message async for message in client["xep_0313"].iterate(**query)]


async def talk(one, other, count):
    """So many messages, in turn; waits until the last has come."""
    for n in range(count):
        sender, receiver = (one, other) if n % 2 == 0 else (other, one)
        sender.send_message(receiver.bare, f"m{n}", mtype="chat")
        await receiver.until(lambda: any(m["body"] == f"m{n}" for m in receiver.messages), f"m{n}")


async def test_a_conversation_is_paged_forwards_and_backwards(reef):
    await reef.users("juliet", "romeo", "nurse")
    juliet, romeo, nurse = [await login(reef, user) for user in ("juliet", "romeo", "nurse")]
    await talk(juliet, romeo, 25)
    texts = [f"m{n}" for n in range(25)]
    for client in (juliet, romeo):
        for reverse, expected in ((False, texts), (True, texts[::-1])):
            came = await everything(client, rsm={"max": 7}, reverse=reverse)
            assert [forwarded(m)["body"] for m in came] == expected, came
    assert await everything(nurse) == []
    # What was delivered says where it lies.
    archived = {m["mam_result"]["id"]: forwarded(m)["body"] for m in await everything(romeo)}
    assert len(delivered(romeo)) == 13
    assert all(archived[name(m)] == m["body"] for m in delivered(romeo))
    # Both sides' full JIDs are there (XEP-0313 §3).
    first = forwarded((await everything(romeo))[0])
    assert (first["from"], first["to"]) == (juliet.boundjid, romeo.bare)
    for client in (juliet, romeo, nurse):
        await client.quit()


async def test_a_query_is_bounded_by_person_and_time(reef):
    await reef.users("anna", "bert", "carl")
    anna, bert, carl = [await login(reef, user) for user in ("anna", "bert", "carl")]
    for sender, text in ((bert, "b0"), (carl, "c0"), (bert, "b1")):
        sender.send_message(anna.bare, text, mtype="chat")
        await anna.until(lambda: any(m["body"] == text for m in anna.messages), text)

    async def bodies(**query):
        return [forwarded(m)["body"] for m in await everything(anna, **query)]

    assert await bodies() == ["b0", "c0", "b1"]
    assert await bodies(with_jid=bert.boundjid.bare) == ["b0", "b1"]
    assert await bodies(with_jid=carl.boundjid.full) == ["c0"]
    assert await bodies(with_jid="carl@localhost/elsewhere") == []
    assert await bodies(with_jid=anna.bare) == []
    now = datetime.now(timezone.utc)
    hour = timedelta(hours=1)
    assert await bodies(start=now - hour, end=now + hour) == ["b0", "c0", "b1"]
    assert await bodies(start=now + hour) == []
    assert await bodies(end=now - hour) == []
    ends = (await anna["xep_0313"].get_archive_metadata())["mam_metadata"]
    assert (ends["start"]["id"], ends["end"]["id"]) == tuple(name(delivered(anna)[at]) for at in (0, -1))
    fields = await anna["xep_0313"].get_fields()
    assert {"with", "start", "end", "before-id", "after-id", "ids"} <= set(fields.get_fields())
    info = await anna["xep_0030"].get_info(anna.bare)
    assert {"urn:xmpp:mam:2", "urn:xmpp:mam:2#extended", "urn:xmpp:sid:0"} <= info["disco_info"]["features"]
    await refused(anna["xep_0313"].retrieve(jid=bert.bare), "forbidden")
    for client in (anna, bert, carl):
        await client.quit()


async def test_who_was_away_catches_up_from_the_last_id_and_knows_doubles(reef):
    await reef.users("away", "friend")
    away, friend = await login(reef, "away"), await login(reef, "friend")
    friend.send_message(away.bare, "seen", mtype="chat")
    await away.until(lambda: away.messages, "seen")
    seen = name(away.messages[0])
    await away.quit()
    for n in range(12):
        friend.send_message(away.bare, f"missed {n}", mtype="chat")
    await friend.sync()
    missed = [f"missed {n}" for n in range(12)]
    # Without presence nothing that was kept comes; the archive has it.
    back = await login(reef, "away", presence=False)
    page = await back["xep_0313"].retrieve(rsm={"after": seen, "max": 50})
    came = page["mam"]["results"]
    assert [forwarded(m)["body"] for m in came] == missed
    await back.come()
    await back.until(lambda: [m for m in back.messages if m["body"] == missed[-1]], "what was kept")
    kept = delivered(back)
    assert {m["mam_result"]["id"]: forwarded(m)["body"] for m in came} == {name(m): m["body"] for m in kept}
    for client in (back, friend):
        await client.quit()


async def test_who_takes_the_name_of_a_removed_account_finds_no_archive(reef):
    await reef.users("heir", "other")
    heir, other = await login(reef, "heir"), await login(reef, "other")
    await talk(other, heir, 4)
    assert len(await everything(heir)) == 4
    await reef.run("user", "remove", heir.bare)
    await heir.happens("disconnected")
    await reef.users("heir")
    heir = await login(reef, "heir")
    assert await everything(heir) == []
    other.send_message(heir.bare, "new", mtype="chat")
    await heir.until(lambda: delivered(heir), "new")
    assert [forwarded(m)["body"] for m in await everything(heir)] == ["new"]
    # The other side has all of it.
    assert len(await everything(other)) == 5
    for client in (heir, other):
        await client.quit()


async def test_preferences_are_those_of_the_account_after_a_restart(reef):
    await reef.users("shy", "loud")
    shy, loud = await login(reef, "shy"), await login(reef, "loud")
    iq = shy.make_iq_set(ET.fromstring("<prefs xmlns='urn:xmpp:mam:2' default='never'/>"))
    await iq.send()
    for client in (shy, loud):
        await client.quit()
    await reef.stop()
    await reef.start()
    shy, loud = await login(reef, "shy"), await login(reef, "loud")
    await talk(loud, shy, 2)
    assert await everything(shy) == [] and delivered(shy) == []
    assert [forwarded(m)["body"] for m in await everything(loud)] == ["m0", "m1"]
    for client in (shy, loud):
        await client.quit()


async def test_each_pair_keeps_its_order_while_much_is_archived(reef):
    seed = int(os.environ.get("REEF_SEED", str(random.randrange(1 << 32))))
    rng = random.Random(seed)
    print(f"        REEF_SEED={seed}", flush=True)
    senders, receivers = [f"says{n}" for n in range(3)], [f"hears{n}" for n in range(3)]
    await reef.users(*senders, *receivers)
    hear = {name: await Raw(reef).login(name, "x") for name in receivers}
    say = {name: await Raw(reef).login(name, "x") for name in senders}
    kinds = [
        "<message type='chat' to='{to}' id='{n}'><body>b</body></message>",
        "<message type='chat' to='{to}' id='{n}'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>",
        "<presence to='{to}' id='{n}'/>",
        "<iq type='result' to='{to}' id='{n}'/>",
    ]
    count = 1500
    sent = {}

    async def speak(name):
        for n in range(count):
            to = rng.choice(receivers)
            sent.setdefault((name, to), []).append(str(n))
            kind = rng.choices(kinds, [6, 3, 1, 1])[0]
            say[name].send(kind.format(to=f"{to}@localhost/x", n=n))
            if n % 40 == 0:
                await say[name].writer.drain()
        for to in receivers:
            say[name].send(f"<message type='chat' to='{to}@localhost/x' id='end'><body>end</body></message>")
        await say[name].writer.drain()

    async def listen(name):
        came, ended = {}, 0
        while ended < len(senders):
            stanza = await hear[name].stanza()
            if stanza.get("id") == "end":
                ended += 1
            else:
                came.setdefault(stanza.get("from").split("@")[0], []).append(stanza.get("id"))
        return came

    heard, *_ = await asyncio.gather(asyncio.gather(*map(listen, receivers)), *map(speak, senders))
    for to, came in zip(receivers, heard):
        for name in senders:
            assert came[name] == sent[name, to], f"{name} to {to}"
    for raw in (*hear.values(), *say.values()):
        raw.cut()


async def test_what_is_being_archived_when_the_server_stops_is_kept_for_who_is_away(reef):
    # One of them lives on another shard than the sender, where there are two.
    away = ["napping", "dozing"]
    await reef.users("hurried", *away)
    hurried = await Raw(reef).login("hurried", "x")
    for n in range(300):
        hurried.send(f"<message type='chat' to='{away[n % 2]}@localhost'><body>{n}</body></message>")
        if n == 20:
            hurried.send("<iq type='get' id='some'><ping xmlns='urn:xmpp:ping'/></iq>")
    await hurried.answer("some")
    await reef.stop()
    hurried.cut()
    await reef.start()
    for name in away:
        client = await login(reef, name, presence=False)
        archived = [forwarded(m)["body"] for m in await everything(client)]
        assert archived
        await client.come()
        await client.until(lambda: any(m["body"] == archived[-1] for m in delivered(client)), archived[-1])
        assert [m["body"] for m in delivered(client)] == archived
        print(f"        {len(archived)} of 150 were archived", flush=True)
        await client.quit()
