"""Servers that know each other: names, certificates, and which servers there are.

A suite says with `FIXTURES` in which worlds it runs. `world.here` is Reef, or with `REEF_HERE` another server, so that
the rig can be tried without Reef; `world.there` is the peer.
"""

import os
import tempfile

from ca import Authority
from dns import Names
from ejabberd import Ejabberd
from gate import Gate
from peer import Peer
from prosody import Prosody
from server import names

KINDS = {"reef": Peer, "prosody": Prosody, "ejabberd": Ejabberd}
HERE = os.environ.get("REEF_HERE", "reef")


def each_peer(*kinds, **options):
    """What most suites want as `FIXTURES`. Where another server takes Reef's place, Reef is no peer either."""
    kinds = kinds or ("prosody", "ejabberd", "reef")
    return {kind: lambda kind=kind: World(kind, **options) for kind in kinds if HERE == "reef" or kind != "reef"}


class World:
    """`here`, `there` and `aside` are kinds of servers, or none. With `dialback` nobody trusts the others' certificates."""

    def __init__(self, there, aside=None, here=None, dialback=False, direct=False, here_with=None, there_with=None,
                 domains=None):
        self.kinds = {"here": here or HERE, "there": there, "aside": aside}
        self.dialback, self.direct = dialback, direct
        self.domains = {role: f"{role}.example" for role in self.kinds} | (domains or {})
        self.options = {"here": here_with or {}, "there": there_with or {}, "aside": {}}
        self.dir = tempfile.TemporaryDirectory(prefix="reef-world-")
        self.servers, self.gates = [], {}

    async def start(self):
        self.ca, self.names = Authority(self.dir.name), await Names().start()
        for role, kind in self.kinds.items():
            if kind is not None:
                setattr(self, role, await self.add(kind, self.domains[role], **self.options[role].get(kind, {})))
        return self

    async def add(self, kind, domain, **options):
        """Another server, started, with names and a certificate."""
        make = KINDS[kind]
        trusted = options.pop("trusted", not self.dialback)
        domains = names(domain, make.SERVICES)
        cert, key = self.ca.issue(domain, *options.pop("names", domains), trusted=trusted)
        server = make(
            domain, cert, key, self.ca.path, self.names.port, dialback=self.dialback, direct=self.direct, **options
        )
        self.servers.append(server)
        for name in domains if len(domains) > 1 else ():
            self.names.serve(name, server.s2s_port, server.s2s_tls_port)
        return await server.start()

    async def behind_gate(self, server):
        """From now on names point to a gate before that server; there is one, since streams stay."""
        if server in self.gates:
            await self.gates[server].reopen()
            return self.gates[server]
        gate = self.gates[server] = await Gate(server.s2s_port).start()
        for name in server.domains:
            self.names.serve(name, gate.port)
        return gate

    @property
    def reef(self):
        """Whether this world tests Reef, not the rig."""
        return self.kinds["here"] == "reef"

    async def close(self):
        for server in self.servers:
            await server.close()
        for gate in self.gates.values():
            gate.close()
        self.names.close()
        self.dir.cleanup()

    def logged(self):
        return "\n".join(f"--- {server.domain}\n{server.logged()}" for server in self.servers)
