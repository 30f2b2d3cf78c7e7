"""A door before a server's port: it lets connections through, cuts them, holds them up, or is shut.

Names point to it instead of the server (`world.behind_gate`). Knows no XMPP.
"""

import asyncio


class Gate:
    def __init__(self, port):
        self.behind, self.port, self.pairs = port, 0, set()
        self.flowing, self.reached = asyncio.Event(), asyncio.Event()
        self.flowing.set()
        self.limit = self.then = None
        # How many connections came, and how many bytes went in and out.
        self.connections = self.bytes = self.back = 0

    async def start(self):
        self.server = await asyncio.start_server(self.enter, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def enter(self, reader, writer):
        self.connections += 1
        try:
            inner, outer = await asyncio.open_connection("127.0.0.1", self.behind)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, outer)
        self.pairs.add(pair)
        await asyncio.gather(self.carry(reader, outer, True), self.carry(inner, writer, False))
        self.pairs.discard(pair)

    async def carry(self, reader, writer, inwards):
        try:
            while data := await reader.read(65536):
                await self.flowing.wait()
                if inwards:
                    self.count(len(data))
                else:
                    self.back += len(data)
                writer.write(data)
                await writer.drain()
            writer.close()
        except OSError:
            writer.transport.abort()

    def count(self, size):
        self.bytes += size
        if self.limit is not None and self.bytes >= self.limit:
            self.limit = None
            self.then()
            self.reached.set()

    def after(self, size, then):
        """Does that when so many more bytes have gone in; `reached` is set then."""
        self.limit, self.then = self.bytes + size, then
        self.reached.clear()

    def cut(self):
        """All connections die without a word; the next may come."""
        for pair in self.pairs:
            for writer in pair:
                writer.transport.abort()

    def shut(self):
        """All connections die, and from now on nobody listens."""
        self.server.close()
        self.cut()

    async def reopen(self):
        self.flowing.set()
        if not self.server.is_serving():
            await self.start()

    def stall(self):
        """Nothing goes in or out, and nobody is told."""
        self.flowing.clear()

    def close(self):
        self.server.close()
        self.cut()
