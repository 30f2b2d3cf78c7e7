"""A server under test that is not Reef: a process with its own configuration and data, on ports that it keeps.

What Prosody and ejabberd share: starting, waiting until the ports answer, stopping, killing, coming back, accounts by
in-band registration. Next: `prosody.py` and `ejabberd.py` write the configurations; `world.py` puts servers together.
"""

import asyncio
import ipaddress
import os
import shutil
import signal
import tempfile
from pathlib import Path

from raw import Raw, header
from reef import free_ports
from run import Skipped

# Erlang takes seconds where two cores are busy.
PATIENCE = 60


def literal(domain):
    """Whether the domain is an address (RFC 7622 §3.2): then it has no services and no names, and one port."""
    try:
        ipaddress.ip_address(domain)
        return True
    except ValueError:
        return False


def names(domain, services):
    """What a server at this domain answers to."""
    return [domain] if literal(domain) else [domain, *(f"{service}.{domain}" for service in services)]


class Server:
    """`services` are names below the domain that it serves, too; `crowd.` is for an external component (XEP-0114)."""

    SERVICES = ("pubsub", "crowd")
    # The program, which may not be here.
    PROGRAM = ""

    def __init__(self, domain, cert, key, ca, dns, dialback=False, direct=False):
        self.domain, self.cert, self.key, self.ca, self.dns = domain, cert, key, ca, dns
        self.dialback = dialback
        self.dir = tempfile.TemporaryDirectory(prefix="reef-peer-")
        self.folder = Path(self.dir.name)
        self.port, self.s2s_port, self.component_port, tls_port = free_ports(4)
        self.s2s_host = "127.0.0.1"
        if literal(domain):
            self.s2s_host, self.s2s_port = domain, 5269
        self.s2s_tls_port = tls_port if direct else None
        self.process = None
        # Its standard output, and what it writes there itself.
        self.log = open(self.folder / "server.log", "ab")

    @property
    def domains(self):
        return names(self.domain, self.SERVICES)

    def command(self):
        """The program and its arguments, and its environment."""
        raise NotImplementedError

    async def start(self):
        # Not everybody's path has what administrators run.
        if not shutil.which(self.PROGRAM, path=f"{os.environ['PATH']}:/usr/sbin"):
            raise Skipped(f"no {self.PROGRAM}: scripts/peers.sh install")
        command, env = self.command()
        self.process = await asyncio.create_subprocess_exec(
            *command, stdout=self.log, stderr=self.log, env={**os.environ, **env}, cwd=self.folder, start_new_session=True
        )
        for host, port in (("127.0.0.1", self.port), (self.s2s_host, self.s2s_port), ("127.0.0.1", self.component_port)):
            await self.answers(host, port)
        return self

    async def answers(self, host, port):
        """Nothing tells that a port is open but the port."""
        for _ in range(PATIENCE * 20):
            assert self.process.returncode is None, f"{self.domain} ended\n{self.logged()}"
            try:
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.05)
        raise AssertionError(f"{self.domain} does not answer on {port}\n{self.logged()}")

    async def stop(self):
        await self.end(signal.SIGTERM)

    async def kill(self):
        await self.end(signal.SIGKILL)

    async def end(self, how):
        """The whole group: Erlang has children."""
        if self.process and self.process.returncode is None:
            os.killpg(self.process.pid, how)
            await asyncio.wait_for(self.process.wait(), PATIENCE)

    async def close(self):
        await self.kill()
        self.log.close()
        self.dir.cleanup()

    async def users(self, *names):
        for name in names:
            raw = await Raw(self).connect()
            raw.send(header(self.domain))
            await raw.stanza()
            raw.send(
                "<iq type='set' id='reg'><query xmlns='jabber:iq:register'>"
                f"<username>{name}</username><password>secret</password></query></iq>"
            )
            await raw.answer("reg")
            raw.cut()

    def logs(self):
        """All that it wrote, for tests that look who dialled whom."""
        return (self.folder / "server.log").read_text(errors="replace")

    def forget(self):
        """Its log begins anew."""
        (self.folder / "server.log").write_bytes(b"")

    def logged(self):
        return self.logs()[-3000:]
