"""A domain of one's own with a victim here: what the suites of forgeries do wrong, this can do right."""

from client import Client
from forge import Home, Wire, key
from people import bodies, leave

EVIL = "evil.example"
MESSAGE = "<message xmlns='jabber:server' type='chat' id='m' from='{}' to='{}'><body>{}</body></message>"


class Forger:
    """`names` are those in the certificate, if not the own one."""

    def __init__(self, world, name, *names, expired=False):
        self.world, self.name = world, name
        self.domain, self.here = f"{name}.{EVIL}", world.here.domain
        trusted = not world.dialback
        self.cert, self.private = world.ca.issue(name, *(names or [self.domain]), trusted=trusted, expired=expired)

    async def __aenter__(self):
        self.home = await Home(self.world, self.domain, self.cert, self.private).start()
        await self.world.here.users(self.name)
        self.victim = await Client(self.world.here, self.name).login()
        self.wires = []
        return self

    async def __aexit__(self, *_):
        for wire in self.wires:
            wire.cut()
        self.home.close()
        await leave(self.victim)

    async def dialled(self):
        wire = await Wire.dial(self.world.here)
        self.wires.append(wire)
        return wire

    async def encrypted(self, me=None):
        """A stream up to the features under TLS."""
        wire = await (await self.dialled()).begin(me or self.domain, self.here)
        await wire.secure(self.cert, self.private)
        return await wire.begin(me or self.domain, self.here)

    def key(self, wire, me=None):
        return key(self.home.secret, self.here, me or self.domain, wire.id)

    async def proved(self):
        """A stream on which the own domain is believed."""
        wire = await self.encrypted()
        if self.world.dialback:
            assert await wire.result(self.domain, self.here, self.key(wire)) == "valid"
        else:
            assert await wire.external(self.domain) == "success"
            await wire.begin(self.domain, self.here)
        return wire

    def write(self, wire, text, sender=None):
        wire.send(MESSAGE.format(f"x@{self.domain}" if sender is None else sender, self.victim.bare, text))

    async def shut_out(self, wire, *conditions):
        """Reef ends the stream with one of these, None for no word. Others may let it be; that nothing comes is asked of all."""
        if self.world.reef:
            said = await wire.ended()
            assert said in conditions, f"{said} instead of {conditions}"
        await self.victim.sync()
        assert bodies(self.victim) == [], bodies(self.victim)
