"""A reef under test: started on free ports with its own data folder, waited for, killed, started again.

Knows no XMPP. Next: `client.py` (slixmpp) and `raw.py` (bytes) talk to it.
"""

import asyncio
import json
import os
import socket
import tempfile
from pathlib import Path

DOMAIN = "localhost"
BINARY = os.environ.get("REEF") or str(
    Path(os.environ.get("CARGO_TARGET_DIR", Path.home() / ".cache/reef/target")) / "release/reef"
)


def free_ports(count):
    """Ports that nobody has now: all are held until the last is found."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Reef:
    """`sets` are `key=value` overrides of the configuration."""

    domain = DOMAIN
    # What it logs, if `REEF_LOG` says nothing else.
    level = "info"

    def __init__(self, *sets):
        self.dir = tempfile.TemporaryDirectory(prefix="reef-test-")
        self.port, self.tls_port = free_ports(2)
        self.sets = [
            f"data_dir={self.dir.name}",
            f'c2s.listen=["127.0.0.1:{self.port}"]',
            f'c2s.listen_tls=["127.0.0.1:{self.tls_port}"]',
            "c2s.scram_iterations=4096",
            "limits.registrations_per_minute=0",
            "limits.publish_per_second=0",
            *sets,
        ]
        self.process = None
        self.log = open(Path(self.dir.name) / "reef.log", "ab")

    def command(self, *args):
        return [BINARY, *args, *(part for s in self.sets for part in ("--set", s))]

    async def start(self):
        env = {**os.environ, "REEF_LOG": os.environ.get("REEF_LOG", self.level)}
        self.process = await asyncio.create_subprocess_exec(
            *self.command("serve"), stdout=asyncio.subprocess.PIPE, stderr=self.log, env=env
        )
        line = await asyncio.wait_for(self.process.stdout.readline(), 30)
        assert line == b"ready\n", f"instead of `ready`: {line!r}\n{self.logged()}"
        return self

    async def stop(self):
        """As an operator does it; the exit code must be 0."""
        self.process.terminate()
        code = await asyncio.wait_for(self.process.wait(), 20)
        assert code == 0, f"exit code {code}\n{self.logged()}"

    async def kill(self):
        self.process.kill()
        await self.process.wait()

    async def close(self):
        if self.process and self.process.returncode is None:
            await self.kill()
        self.log.close()
        self.dir.cleanup()

    def logged(self):
        return self.log_text()[-4000:]

    def log_text(self):
        """All that it has logged."""
        return (Path(self.dir.name) / "reef.log").read_text(errors="replace")

    async def run(self, *args, stdin=b"", check=True):
        """A command of reef's; what it prints."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*args),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin), 60)
        assert not check or process.returncode == 0, f"{args}: {err.decode()}"
        return out.decode() if check else (process.returncode, out.decode(), err.decode())

    async def user(self, name, password="secret"):
        await self.run("user", "add", f"{name}@{self.domain}", "--password-stdin", stdin=password.encode())

    async def users(self, *names):
        for name in names:
            await self.user(name)

    async def json(self, *args):
        return [json.loads(line) for line in (await self.run(*args, "--json")).splitlines()]

    def memory(self):
        """Resident bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024
