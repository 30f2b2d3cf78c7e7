"""Many peers behind one port, in this process: whom a stream is for says which one it is. Most are well-behaved; the others
are dead, mute, slow or hostile by their name. They take posts and acknowledge them (XEP-0198), and say when each came.
"""

import asyncio
import ssl
import time

from forge import SASL, STREAMS, Wire, context
from raw import Closed
from reef import free_ports

SM = "urn:xmpp:sm:3"
EVENT = "{http://jabber.org/protocol/pubsub#event}"
BAD = ("dead", "mute", "slow", "hangs", "lies", "babbles")


class Swarm:
    def __init__(self, world, count, bad):
        self.world = world
        self.good = [f"good{n}.swarm.example" for n in range(count - bad)]
        self.bad = [f"{BAD[n % len(BAD)]}{n}.swarm.example" for n in range(bad)]
        # When a post came to a peer: post → {domain: seconds}.
        self.came, self.changed, self.streams = {}, asyncio.Event(), set()

    async def start(self):
        cert, key = self.world.ca.issue("swarm", "*.swarm.example")
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context(True, cert, key), backlog=2048)
        port, (closed,) = self.server.sockets[0].getsockname()[1], free_ports(1)
        for domain in (*self.good, *self.bad):
            self.world.names.serve(domain, None, closed if domain.startswith("dead") else port)
        return self

    def close(self):
        self.server.close()
        for task in self.streams:
            task.cancel()

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.streams.add(task)
        try:
            await self.stream(Wire(reader, writer))
        except (Closed, ConnectionError, ssl.SSLError, asyncio.TimeoutError):
            pass
        finally:
            self.streams.discard(task)
            writer.close()

    async def stream(self, wire):
        me = await self.greet(wire, f"<mechanisms xmlns='{SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>")
        if me.startswith("hangs"):
            return
        if me.startswith("mute"):
            await asyncio.Event().wait()
        if me.startswith("babbles"):
            wire.send("</nonsense>" * 1000)
            return
        while not (await wire.stanza(None)).tag.endswith("}auth"):
            pass
        wire.send(f"<success xmlns='{SASL}'/>")
        wire.restart()
        await self.greet(wire, f"<sm xmlns='{SM}'/>")
        if me.startswith("slow"):
            # It takes what fits into buffers, and no more.
            wire.writer.transport.pause_reading()
            await asyncio.Event().wait()
        await self.take(wire, me)

    async def greet(self, wire, features):
        while wire.root is None:
            await wire.feed(None)
        me = wire.root.get("to")
        wire.header(**{"id": f"s{id(wire):x}", "from": me, "to": wire.root.get("from")})
        wire.send(f"<stream:features>{features}</stream:features>")
        return me

    async def take(self, wire, me):
        handled, wrong = 0, 1000 if me.startswith("lies") else 0
        while True:
            stanza = await wire.stanza(None)
            if stanza.tag == f"{{{SM}}}enable":
                wire.send(f"<enabled xmlns='{SM}'/>")
            elif stanza.tag == f"{{{SM}}}r":
                wire.send(f"<a xmlns='{SM}' h='{handled + wrong}'/>")
            elif stanza.tag != f"{STREAMS}error":
                handled += 1
                for item in stanza.iter(f"{EVENT}item"):
                    self.came.setdefault(item.get("id"), {}).setdefault(me, time.monotonic())
                    self.changed.set()

    async def has(self, ident, patience):
        """Waits until all well-behaved peers have a post; when each had it."""

        async def wait():
            while len(self.good_ones(ident)) < len(self.good):
                self.changed.clear()
                await self.changed.wait()

        try:
            await asyncio.wait_for(wait(), patience)
        except asyncio.TimeoutError:
            raise AssertionError(f"{ident} came to {len(self.good_ones(ident))} of {len(self.good)}") from None
        return self.good_ones(ident)

    def good_ones(self, ident):
        return {me: when for me, when in self.came.get(ident, {}).items() if me.startswith("good")}
