"""A peer that is away for a while, or a stream to it that breaks: what was posted and said meanwhile waits and arrives.

Prosody acknowledges by XEP-0198, ejabberd only by answering pings. `REEF_FOLLOWERS` (20) follow there, `REEF_POSTS` (200)
are posted. They are on a component of the peer, which is there before the peer can be reached again: what came earlier
would be answered by the peer itself, which has no archive of posts.
"""

import asyncio
import os
import time

from client import ET, Client
from crowd import Crowd
from people import bodies, errors, kinds, leave, meet, open_blog, reef_only, say
from slixmpp.exceptions import IqError
from world import each_peer

FIXTURES = each_peer("prosody", "ejabberd")
FOLLOWERS, POSTS = int(os.environ.get("REEF_FOLLOWERS", "20")), int(os.environ.get("REEF_POSTS", "200"))
# What may come again after a cut: no more than is under way to a peer without being acknowledged.
WINDOW = 1024
MEMORY_MAX = 64 << 20
# The slowest of the peers takes some thousand stanzas a second.
PATIENCE = 40 + FOLLOWERS * POSTS / 1000


class Outage:
    """An author here, his followers there, and a gate between the servers."""

    def __init__(self, world, name):
        self.world, self.name = world, name

    async def __aenter__(self):
        world = self.world
        self.gate = await world.behind_gate(world.there)
        await world.here.users(self.name)
        self.author = await Client(world.here, self.name).login()
        await open_blog(self.author)
        self.crowd = await Crowd(world.there, FOLLOWERS).arrive()
        await self.crowd.follow(self.author.bare)
        self.crowd.forget()
        self.names = []
        await self.write(1)
        await self.crowd.has(self.names, PATIENCE)
        return self

    async def write(self, count):
        """So many posts, a hundred under way at once; each is acknowledged."""
        names = [f"{self.name}-{len(self.names) + n}" for n in range(count)]
        for begin in range(0, count, 100):
            await asyncio.gather(*(self.author.post(name) for name in names[begin : begin + 100]))
        self.names += names

    async def away(self):
        self.gate.shut()
        await self.crowd.leave()
        await self.world.there.stop()

    async def back(self):
        await self.world.there.start()
        await self.crowd.arrive()
        await self.gate.reopen()

    async def restarted(self):
        """`kill -9`, and the author comes again."""
        self.author.cut()
        await self.world.here.kill()
        await self.world.here.start()
        self.author = await Client(self.world.here, self.name).login()

    async def complete(self, cuts):
        """All that was posted has come to all, in order; repeated is at most what was under way at each cut."""
        try:
            await self.crowd.has(self.names, PATIENCE)
        except AssertionError:
            print(await self.world.here.run("peer", "list", check=False), flush=True)
            raise
        again = self.crowd.repeats(self.names, f"{self.name}-")
        assert again <= WINDOW * cuts, f"{again} came again"
        assert not self.crowd.errors
        print(f"        {self.crowd.count()} came to {FOLLOWERS}, {again} of them again", flush=True)

    async def __aexit__(self, *_):
        await self.crowd.leave()
        self.author.cut()


@reef_only
async def test_a_crowd_there_gets_all_posts_while_nothing_breaks(world):
    async with Outage(world, "steady") as outage:
        began = time.monotonic()
        await outage.write(POSTS)
        await outage.complete(cuts=0)
        print(f"        {POSTS * FOLLOWERS / (time.monotonic() - began):.0f} stanzas a second", flush=True)


@reef_only
async def test_posts_wait_for_a_peer_that_is_stopped_and_arrive_in_order_when_it_returns(world):
    async with Outage(world, "patient") as outage:
        await outage.away()
        before = world.here.memory()
        await outage.write(POSTS)
        grown = world.here.memory() - before
        assert grown < MEMORY_MAX, f"{grown >> 20} MiB more while the peer was away"
        await outage.back()
        await outage.complete(cuts=1)
        await outage.write(1)
        await outage.complete(cuts=1)


@reef_only
async def test_posts_survive_kill_9_of_reef_while_the_peer_is_away_and_while_it_is_served(world):
    async with Outage(world, "robust") as outage:
        await outage.away()
        await outage.write(POSTS // 2)
        await outage.restarted()
        await outage.write(POSTS - POSTS // 2)
        outage.gate.after(FOLLOWERS * POSTS * 100, outage.gate.stall)
        await outage.back()
        await asyncio.wait_for(outage.gate.reached.wait(), PATIENCE)
        await outage.restarted()
        outage.gate.cut()
        await outage.gate.reopen()
        await outage.complete(cuts=3)


@reef_only
async def test_a_stream_that_breaks_twice_in_the_middle_loses_nothing(world):
    async with Outage(world, "broken") as outage:
        outage.gate.after(FOLLOWERS * POSTS * 50, outage.gate.cut)
        writing = asyncio.create_task(outage.write(POSTS))
        for last in (False, True):
            await asyncio.wait_for(outage.gate.reached.wait(), PATIENCE)
            if not last:
                outage.gate.after(FOLLOWERS * POSTS * 50, outage.gate.cut)
        await writing
        await outage.complete(cuts=2)


@reef_only
async def test_what_is_taken_back_while_the_peer_is_away_is_taken_back_there(world):
    async with Outage(world, "repents") as outage:
        (first,) = outage.names
        await outage.away()
        await outage.author.retract(first)
        await outage.author.post("hasty")
        await outage.author.retract("hasty")
        await outage.write(1)
        await outage.back()
        await outage.crowd.has(outage.names, PATIENCE)
        for who, got in outage.crowd.got.items():
            assert ("retract", first) in got and ("item", "hasty") not in got, f"{who}: {got}"


@reef_only
async def test_chat_and_requests_for_presence_wait_for_a_peer_that_is_away(world):
    gate = await world.behind_gate(world.there)
    juliet, romeo = await meet(world, "juliet", "romeo")
    await say(juliet, romeo.bare, "before")
    await romeo.until(lambda: bodies(romeo) == ["before"], "the message")
    gate.shut()
    await leave(romeo)
    await world.there.stop()
    texts = [f"m{n}" for n in range(5)]
    for text in texts:
        await say(juliet, romeo.bare, text)
    juliet.send_presence_subscription(romeo.bare)
    await juliet.sync()
    assert errors(juliet) == [] and kinds(juliet, romeo.bare) == [], (errors(juliet), juliet.presences)
    await world.there.start()
    romeo = await Client(world.there, "romeo").login()
    await gate.reopen()
    await romeo.until(lambda: bodies(romeo)[-1:] == texts[-1:], texts[-1])
    late = [m for m in romeo.messages if m["body"] != "before"]
    assert [m["body"] for m in late] == texts, bodies(romeo)
    assert all(m["delay"]["stamp"] for m in late), late
    await romeo.until(lambda: "subscribe" in kinds(romeo, juliet.bare), "the request for presence")
    await leave(juliet, romeo)


@reef_only
async def test_a_request_to_a_peer_that_is_away_is_answered_and_what_need_not_wait_is_dropped(world):
    gate = await world.behind_gate(world.there)
    viola, orsino = await meet(world, "viola", "orsino")
    gate.shut()
    # A stream that is there would be used.
    await world.there.stop()
    try:
        await viola["xep_0199"].send_ping(world.there.domain, timeout=10)
        raise AssertionError("nobody can have answered")
    except IqError as error:
        assert error.condition == "remote-server-timeout", error.condition
    await say(viola, orsino.bare, "news", mtype="headline")
    hint = viola.make_message(orsino.bare, "typing", mtype="chat")
    hint.append(ET.Element("{urn:xmpp:hints}no-store"))
    hint.send()
    await viola.sync()
    await world.there.start()
    orsino = await Client(world.there, "orsino").login()
    await gate.reopen()
    await say(viola, orsino.bare, "here I am")
    await orsino.until(lambda: "here I am" in bodies(orsino), "the message")
    assert bodies(orsino) == ["here I am"], bodies(orsino)
    await leave(viola, orsino)


for test in [test for name, test in list(globals().items()) if name.startswith("test_")]:
    test.patience = 60 + 3 * PATIENCE
