"""A program under test: started, told lines, and its lines waited for. Knows no SMPP. Next: `world.py` puts programs together."""

import asyncio
import os
import signal
from pathlib import Path

PATIENCE = 10
# For what takes a whole server some time.
LONG = 60
LOADTEST = str(Path(os.environ.get("CARGO_TARGET_DIR", Path.home() / ".cache/reef/target")) / "release/reef-loadtest")


class Program:
    """What it prints is kept; `until` waits for a line that has not been waited for yet."""

    def __init__(self, name, *arguments, env=None):
        self.name, self.arguments, self.env = name, arguments, env
        self.lines, self.taken = [], 0
        self.process = self.reader = None
        self.more = asyncio.Event()

    async def start(self):
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *self.arguments, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env={**os.environ, **(self.env or {})}
        )
        self.reader = asyncio.create_task(self._read())

    async def _read(self):
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode(errors="replace").rstrip("\n"))
            self.more.set()
        self.lines.append("(ended)")
        self.more.set()

    async def say(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def until(self, wanted):
        """The next line that begins so, or for which `wanted` holds; those before it are passed over."""
        holds = wanted if callable(wanted) else lambda line: line.startswith(wanted)
        async with asyncio.timeout(PATIENCE):
            while True:
                self.more.clear()
                while self.taken < len(self.lines):
                    self.taken += 1
                    if holds(self.lines[self.taken - 1]):
                        return self.lines[self.taken - 1]
                await self.more.wait()

    async def when(self, true):
        """Waits until `true()`, which is asked again after each line; gives what it gave. What `until` waits for is not touched."""
        async with asyncio.timeout(LONG):
            while not (found := true()):
                self.more.clear()
                await self.more.wait()
            return found

    async def close(self, how=signal.SIGTERM):
        if self.process and self.process.returncode is None:
            self.process.send_signal(how)
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        if self.reader:
            await self.reader

    def logged(self):
        return "\n".join(f"{self.name}: {line}" for line in self.lines)
