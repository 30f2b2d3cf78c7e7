"""kill -9 at random moments while several authors publish: what was acknowledged is there, once, in order; the follower
misses nothing. `REEF_ROUNDS` says how many times (3 by default), `REEF_SEED` which moments.
"""

import asyncio
import os
import random
import time

from raw import PLAIN, Closed, Raw, item_ids

SETS = PLAIN
ROUNDS = int(os.environ.get("REEF_ROUNDS", "3"))
AUTHORS = ["anna", "bert", "carl", "dora"]
RATE = 500
# A session's place is written about once a second: what was acknowledged longer ago is not repeated by a crash.
REPEATED_MAX = 4.0


class Author:
    """Publishes `name-0`, `name-1`, … at a steady rate without waiting for answers, and notes what was acknowledged."""

    def __init__(self, reef, name):
        self.reef, self.name, self.next, self.sent, self.acked = reef, name, 0, [], []

    async def work(self):
        raw = await Raw(self.reef).login(self.name, "x")
        reading = asyncio.create_task(self.read(raw))
        try:
            began, count = time.monotonic(), 0
            while not reading.done():
                while count < (time.monotonic() - began) * RATE / len(AUTHORS):
                    ident = f"{self.name}-{self.next}"
                    self.next, count = self.next + 1, count + 1
                    self.sent.append(ident)
                    raw.publish(ident, ident, self.name)
                await raw.writer.drain()
                await asyncio.wait([reading], timeout=0.005)
        except (ConnectionError, Closed):
            pass
        await reading

    async def read(self, raw):
        try:
            while True:
                answer = await raw.stanza()
                if answer.get("type") == "result" and answer.get("id", "").startswith(self.name):
                    self.acked.append(answer.get("id"))
        except (ConnectionError, Closed):
            pass


class Follower:
    """Keeps what comes, in order, with the time of its acknowledgement."""

    def __init__(self, reef):
        self.reef, self.seen, self.order, self.handled = reef, {}, [], 0

    async def work(self, until=None):
        try:
            raw = await Raw(self.reef).login("reader", "phone")
            raw.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
            await raw.stanza()
            raw.send("<presence/>")
            handled, session = 0, {}
            while until is None or not until():
                stanza = await raw.stanza()
                if stanza.tag == "{urn:xmpp:sm:3}r":
                    raw.send(f"<a xmlns='urn:xmpp:sm:3' h='{handled}'/>")
                    continue
                if stanza.tag.startswith("{jabber:client}"):
                    handled += 1
                for ident in item_ids(stanza):
                    self.take(ident, session)
            raw.cut()
        except (ConnectionError, Closed):
            pass

    def take(self, ident, session):
        now, author, number = time.monotonic(), *ident.split("-")
        assert int(number) > session.get(author, -1), f"{ident} after {author}-{session[author]} in one session"
        session[author] = int(number)
        if ident in self.seen:
            age = now - self.seen[ident]
            assert age < REPEATED_MAX, f"{ident} came again after {age:.1f} s"
        self.seen[ident] = now
        self.order.append(ident)


async def in_store(reef, name):
    """The ids of the items of an author's node, oldest first."""
    raw, found, after = await Raw(reef).login(name, "look"), [], ""
    while True:
        page = f"<after>{after}</after>" if after else ""
        raw.send(
            f"<iq type='get' id='p{len(found)}' to='{name}@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"
            f"<items node='urn:xmpp:microblog:0'/><set xmlns='http://jabber.org/protocol/rsm'><max>500</max>{page}</set>"
            "</pubsub></iq>"
        )
        answer = await raw.answer(f"p{len(found)}")
        ids = [i.get("id") for i in answer.iter("{http://jabber.org/protocol/pubsub}item")]
        if not ids:
            raw.cut()
            return found
        found, after = found + ids, ids[-1]


async def test_kill_9_loses_nothing_that_was_acknowledged(reef):
    seed = int(os.environ.get("REEF_SEED", str(random.randrange(1 << 32))))
    moments = random.Random(seed)
    print(f"        {ROUNDS} rounds, REEF_SEED={seed}", flush=True)
    await reef.users(*AUTHORS, "reader")
    reader = await Raw(reef).login("reader", "phone")
    for name in AUTHORS:
        author = await Raw(reef).login(name, "x")
        author.publish(f"{name}-start", "start", name)
        await author.answer(f"{name}-start")
        reader.follow(name, "reader")
        await reader.answer(f"follow-{name}")
        author.cut()
    reader.cut()
    authors, follower = [Author(reef, name) for name in AUTHORS], Follower(reef)
    for _ in range(ROUNDS):
        work = [asyncio.create_task(each.work()) for each in (*authors, follower)]
        await asyncio.wait(work, timeout=moments.uniform(0.3, 2.5), return_when=asyncio.FIRST_COMPLETED)
        await reef.kill()
        await asyncio.gather(*work)
        await reef.start()
    store = {}
    for author in authors:
        found = store[author.name] = [i for i in await in_store(reef, author.name) if not i.endswith("start")]
        assert len(found) == len(set(found)), "an item is there twice"
        missing = set(author.acked) - set(found)
        assert not missing, f"acknowledged and lost: {sorted(missing)[:5]} of {len(missing)}"
        numbers = [int(i.split("-")[1]) for i in found]
        assert numbers == sorted(numbers), f"{author.name}: out of order"
    everything = {i for found in store.values() for i in found}
    acked = sum(len(author.acked) for author in authors)
    assert acked > 50 * ROUNDS, f"only {acked} posts were acknowledged"
    await follower.work(until=lambda: everything <= follower.seen.keys())
    assert set(follower.seen) <= everything, f"not in the store: {sorted(set(follower.seen) - everything)[:5]}"
    print(f"        {acked} acknowledged, {len(everything)} stored, {len(follower.order)} delivered", flush=True)
    await reef.stop()
    await reef.run("verify")
    await reef.start()


async def archived(reef, name):
    """The ids of the messages in an archive, oldest first."""
    raw, found, after = await Raw(reef).login(name, "look"), [], ""
    while True:
        page = f"<after>{after}</after>" if after else ""
        raw.send(
            f"<iq type='set' id='q{len(found)}'><query xmlns='urn:xmpp:mam:2'>"
            f"<set xmlns='http://jabber.org/protocol/rsm'><max>200</max>{page}</set></query></iq>"
        )
        got = []
        while (stanza := await raw.stanza()).get("id") != f"q{len(found)}":
            got.extend(result.get("id") for result in stanza.iter("{urn:xmpp:mam:2}result"))
        found += got
        if stanza.find("{urn:xmpp:mam:2}fin").get("complete") == "true":
            raw.cut()
            return found
        after = found[-1]


async def test_kill_9_loses_no_message_that_was_delivered_with_its_name(reef):
    seed = int(os.environ.get("REEF_SEED", str(random.randrange(1 << 32))))
    moments = random.Random(seed)
    print(f"        {ROUNDS} rounds, REEF_SEED={seed}", flush=True)
    await reef.users("talks", "listens")
    delivered = []
    for _ in range(ROUNDS):
        talks, listens = await Raw(reef).login("talks", "x"), await Raw(reef).login("listens", "x")
        for n in range(2000):
            talks.send(f"<message type='chat' to='listens@localhost/x' id='{n}'><body>{n}</body></message>")
        killed, wanted = None, moments.randrange(1, 200)
        try:
            while True:
                stanza = await listens.stanza()
                delivered.extend(name.get("id") for name in stanza.iter("{urn:xmpp:sid:0}stanza-id"))
                if stanza.get("id") == str(wanted):
                    killed = asyncio.create_task(reef.kill())
        except (ConnectionError, Closed):
            pass
        assert killed, "the server went away by itself"
        await killed
        talks.cut()
        await reef.start()
    found = await archived(reef, "listens")
    assert len(found) == len(set(found))
    places = [found.index(name) for name in delivered]
    assert places == sorted(places), "in the archive out of order"
    assert found == await archived(reef, "talks"), "the two sides differ"
    assert delivered, "nothing was delivered"
    print(f"        {len(delivered)} delivered, {len(found)} archived", flush=True)


test_kill_9_loses_nothing_that_was_acknowledged.patience = 60 + 20 * ROUNDS
