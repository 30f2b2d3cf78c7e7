"""From Reef to Reef a post crosses once, whoever many follow there (frontend/FANOUT.md)."""

import asyncio

from client import BLOG, Client, entry
from people import form, leave, meet, reef_only
from raw import PLAIN, Raw, item_ids
from world import World

BARE = {"reef": {"sets": PLAIN}}
FIXTURES = {"reef": lambda: World("reef", here_with=BARE, there_with=BARE)}
READERS, SIZE = 60, 8000


async def reading(world, author, node, names):
    """Followers there, online."""

    async def one(name):
        raw = await Raw(world.there).login(name, "r")
        raw.send(
            f"<presence/><iq type='set' id='f' to='{author.bare}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"
            f"<subscribe node='{node}' jid='{name}@{world.there.domain}'/></pubsub></iq>"
        )
        await raw.answer("f")
        return raw

    await world.there.users(*names)
    return await asyncio.gather(*(one(name) for name in names))


async def got(raw, ident):
    """Waits for this post; how often it came is said by what came before the answer to a ping."""
    while ident not in item_ids(await raw.stanza()):
        pass
    raw.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    while (stanza := await raw.stanza()).get("id") != "p":
        assert ident not in item_ids(stanza), "it came twice"


async def gates(world):
    """Whoever dials, what crosses is counted."""
    return [await world.behind_gate(server) for server in (world.here, world.there)]


async def crossing(gates, author, readers, node, ident):
    """How many bytes a post took to reach all of them."""

    def crossed():
        return sum(gate.bytes + gate.back for gate in gates)

    before = crossed()
    await author["xep_0060"].publish(author.bare, node, id=ident, payload=entry("x" * SIZE, ident))
    await asyncio.gather(*(got(raw, ident) for raw in readers))
    return crossed() - before


@reef_only
async def test_a_post_crosses_once_for_all_who_follow_there(world):
    counted = await gates(world)
    await world.here.users("author")
    author = await Client(world.here, "author").login()
    await author.post("zero")
    readers = await reading(world, author, BLOG, [f"r{n}" for n in range(READERS)])
    took = await crossing(counted, author, readers, BLOG, "p1")
    assert SIZE < took < 3 * SIZE, f"{took} bytes for a post of {SIZE} and {READERS} followers"
    # Who leaves gets nothing more, who comes is served at once: both sides agree who follows.
    leaver, *rest = readers
    leaver.send(
        f"<iq type='set' id='u' to='{author.bare}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"
        f"<unsubscribe node='{BLOG}' jid='r0@{world.there.domain}'/></pubsub></iq>"
    )
    await leaver.answer("u")
    rest += await reading(world, author, BLOG, ["late"])
    took = await crossing(counted, author, rest, BLOG, "p2")
    assert SIZE < took < 3 * SIZE, f"{took} bytes"
    leaver.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    while (stanza := await leaver.stanza()).get("id") != "p":
        assert "p2" not in item_ids(stanza)
    for raw in (leaver, *rest):
        raw.cut()
    await leave(author)


@reef_only
async def test_both_agree_who_follows_also_after_either_was_killed(world):
    counted = await gates(world)
    author, _ = await meet(world, "writer", "other")
    await author.post("zero")
    names = [f"k{n}" for n in range(10)]
    readers = await reading(world, author, BLOG, names)
    for server in (world.there, world.here):
        for raw in readers:
            raw.cut()
        author.cut()
        await server.kill()
        await server.start()
        author = await Client(world.here, "writer").login()
        readers = [await Raw(world.there).login(name, "r") for name in names]
        for raw in readers:
            raw.send("<presence/>")
        took = await crossing(counted, author, readers, BLOG, f"after-{server.domain}")
        assert took < 5 * SIZE, f"{took} bytes"
    for raw in readers:
        raw.cut()
    await leave(author)


@reef_only
async def test_what_only_some_may_read_goes_to_each_of_them_by_name(world):
    """A closed node's posts are never left to the other server to hand out."""
    author, guest = await meet(world, "closed", "guest")
    node = "urn:x:circle"
    pubsub = author["xep_0060"]
    await pubsub.create_node(author.bare, node, config=form("node_config", {"access_model": "whitelist"}))
    await pubsub.modify_affiliations(author.bare, node, [(guest.bare, "member")])
    await guest.follow(author, node)
    await author.post("c1", node=node)
    await guest.got("c1", node=node)
    await pubsub.modify_affiliations(author.bare, node, [(guest.bare, "none")])
    await author.post("c2", node=node)
    await author.sync()
    await guest["xep_0199"].send_ping(world.here.domain, timeout=10)
    await guest.got("c1", node=node)
    await leave(author, guest)
