"""Any number of followers on one connection: an external component (XEP-0114) of the peer that is all of
`u0@crowd.<domain>`, `u1@…`. It keeps what each of them got, in order, and answers requests as a server without
handlers does.
"""

import asyncio
import hashlib

from client import BLOG
from raw import Closed, Raw

ACCEPT = "{jabber:component:accept}"
EVENT = "{http://jabber.org/protocol/pubsub#event}"


class Crowd(Raw):
    def __init__(self, server, size):
        super().__init__(server)
        self.domain, self.size = f"crowd.{server.domain}", size
        self.got = {f"u{n}@{self.domain}": [] for n in range(size)}
        self.answers, self.errors, self.reading = {}, [], None
        self.changed = asyncio.Event()
        # Who has not got the post that is awaited.
        self.last, self.late = None, set()

    async def arrive(self):
        """Connects; also again, after the server was away."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.reef.component_port)
        self.restart()
        self.send(
            f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='{self.domain}'>"
        )
        while self.root is None:
            await self.feed()
        secret = hashlib.sha1(f"{self.root.get('id')}secret".encode()).hexdigest()
        self.send(f"<handshake>{secret}</handshake>")
        accepted = await self.stanza()
        assert accepted.tag == f"{ACCEPT}handshake", accepted.tag
        self.reading = asyncio.create_task(self.read())
        return self

    async def read(self):
        try:
            while True:
                self.handle(await self.stanza(patience=None))
        except (Closed, OSError):
            # The server went away: whoever waits for more will say what is missing.
            pass

    def handle(self, stanza):
        kind = stanza.tag.removeprefix(ACCEPT)
        if kind == "message" and stanza.get("type") == "error":
            self.errors.append(stanza)
        elif kind == "message":
            ids = [(item.tag.removeprefix(EVENT), item.get("id")) for items in stanza.iter(f"{EVENT}items") for item in items]
            self.got.setdefault(stanza.get("to"), []).extend(ids)
            if self.last in ids:
                self.late.discard(stanza.get("to"))
        elif kind == "iq" and stanza.get("type") in ("result", "error"):
            self.answers[stanza.get("id")] = stanza
        elif kind == "iq":
            self.send(
                f"<iq type='error' id='{stanza.get('id')}' from='{stanza.get('to')}' to='{stanza.get('from')}'>"
                "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            )
        self.changed.set()

    async def follow(self, author, node=BLOG):
        """All of them, a thousand requests under way at once."""
        names = list(self.got)
        for begin in range(0, len(names), 1000):
            some = names[begin : begin + 1000]
            for name in some:
                self.send(
                    f"<iq type='set' id='{name}' from='{name}' to='{author}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                    f"<subscribe node='{node}' jid='{name}'/></pubsub></iq>"
                )
            await self.until(lambda some=some: all(name in self.answers for name in some), "answers to all who follow", 60)
        refused = [name for name, answer in self.answers.items() if answer.get("type") != "result"]
        assert not refused, f"{len(refused)} were refused"

    async def until(self, true, what, patience):
        async def wait():
            while not true():
                self.changed.clear()
                await self.changed.wait()

        try:
            await asyncio.wait_for(wait(), patience)
        except asyncio.TimeoutError:
            least = min(len(got) for got in self.got.values())
            raise AssertionError(f"{what} did not come; the last has {least} posts") from None

    async def has(self, names, patience):
        """Until each of them has the last of these posts."""
        self.last = ("item", names[-1])
        self.late = {name for name, got in self.got.items() if self.last not in got}
        await self.until(lambda: not self.late, f"{names[-1]} of {self.size} followers", patience)

    def repeats(self, names, prefix):
        """Each got each post, in this order: the first time; how many came again, all in all, and what began with another
        prefix among them: posts of tests before."""
        wanted = [("item", name) for name in names]
        count = 0
        for who, got in self.got.items():
            first = [entry for entry in dict.fromkeys(got) if entry[1].startswith(prefix)]
            assert first == wanted, f"{who}: {difference(wanted, first)}"
            count += len(got) - len(first)
        return count

    def count(self):
        return sum(len(got) for got in self.got.values())

    def forget(self):
        for got in self.got.values():
            got.clear()

    async def leave(self):
        self.cut()
        await self.reading


def difference(wanted, came):
    missing = [name for name in wanted if name not in set(came)]
    if missing:
        return f"{len(missing)} missing, first {missing[0]}"
    place = next((n for n, (a, b) in enumerate(zip(wanted, came)) if a != b), len(wanted))
    return f"out of order at {place}: {came[place:place + 3]}"
