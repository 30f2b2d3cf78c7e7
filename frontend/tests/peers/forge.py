"""A server of bytes, for what no honest server does: it dials with any header, proves what it likes, and answers those
who ask whether it said so (XEP-0220).

`Wire` is one stream, in or out; `Home` is where the names of a domain point to. Knows no stanzas.
"""

import asyncio
import base64
import hashlib
import hmac
import ssl

from raw import Closed, Raw

SERVER, DIALBACK = "jabber:server", "jabber:server:dialback"
TLS, SASL = "urn:ietf:params:xml:ns:xmpp-tls", "urn:ietf:params:xml:ns:xmpp-sasl"
STREAMS = "{http://etherx.jabber.org/streams}"
CONDITIONS = "{urn:ietf:params:xml:ns:xmpp-streams}"
PATIENCE = 10


def key(secret, receiving, originating, stream):
    """The dialback key, as XEP-0185 says."""
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    return hmac.new(hashed.encode(), f"{receiving} {originating} {stream}".encode(), hashlib.sha256).hexdigest()


def context(server, cert=None, private=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if cert:
        made.load_cert_chain(cert, private)
    return made


class Wire(Raw):
    """One stream between servers."""

    def __init__(self, reader, writer):
        super().__init__(None)
        self.reader, self.writer = reader, writer
        self.features = self.theirs = None
        self.restart()

    @classmethod
    async def dial(cls, server):
        return cls(*await asyncio.open_connection(server.s2s_host, server.s2s_port))

    def header(self, **attributes):
        said = "".join(f" {name}='{value}'" for name, value in attributes.items() if value is not None)
        self.send(
            f"<?xml version='1.0'?><stream:stream xmlns='{SERVER}' xmlns:db='{DIALBACK}' "
            f"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'{said}>"
        )

    async def begin(self, me, to):
        """Our header, theirs and their features."""
        self.restart()
        self.header(**{"from": me, "to": to})
        self.features = await self.stanza(PATIENCE)
        return self

    @property
    def id(self):
        """The name of the stream: the receiving side gives it."""
        return self.root.get("id")

    def offers(self, tag):
        return any(child.tag == tag for child in self.features)

    def mechanisms(self):
        return [m.text for m in self.features.iter(f"{{{SASL}}}mechanism")]

    async def secure(self, cert=None, private=None, inject=""):
        """STARTTLS as who dials; `inject` follows the request unencrypted."""
        self.send(f"<starttls xmlns='{TLS}'/>{inject}")
        if (await self.stanza(PATIENCE)).tag != f"{{{TLS}}}proceed":
            raise Closed
        await self.writer.start_tls(context(False, cert, private))

    async def external(self, authzid):
        """SASL EXTERNAL; the tag of the answer."""
        said = base64.b64encode(authzid.encode()).decode() if authzid else "="
        self.send(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>{said}</auth>")
        return (await self.stanza(PATIENCE)).tag.removeprefix(f"{{{SASL}}}")

    async def result(self, me, to, proof):
        """Asks to be believed (dialback); what the answer's type is, or the condition of a stream error."""
        self.send(f"<db:result from='{me}' to='{to}'>{proof}</db:result>")
        return await self.verdict("result")

    async def verify(self, me, to, ident, proof):
        """Asks whether a key is theirs."""
        self.send(f"<db:verify from='{me}' to='{to}' id='{ident}'>{proof}</db:verify>")
        return await self.verdict("verify")

    async def verdict(self, name):
        answer = await self.stanza(PATIENCE)
        if answer.tag == f"{STREAMS}error":
            return answer[0].tag.removeprefix(CONDITIONS)
        assert answer.tag == f"{{{DIALBACK}}}{name}", answer.tag
        return answer.get("type")

    async def ended(self):
        """The condition with which the other side ends the stream, or None if it says nothing; stanzas are passed over."""
        said = None
        try:
            while True:
                stanza = await self.stanza(PATIENCE)
                if stanza.tag == f"{STREAMS}error":
                    said = stanza[0].tag.removeprefix(CONDITIONS)
        except (Closed, ConnectionError, ssl.SSLError):
            return said


class Home:
    """The server that speaks for `domain`: answers whether keys are its own, and takes what is sent to it."""

    def __init__(self, world, domain, cert, private, secret="s3cret"):
        self.world, self.domain, self.secret = world, domain, secret
        self.cert, self.private = cert, private
        self.after_proceed, self.offers_dialback = b"", True
        # What happened, in order: (what, from, …); keys that were shown to us; how many connections ended.
        self.log, self.keys = [], []
        self.changed, self.wires = asyncio.Event(), []

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.world.names.serve(self.domain, self.server.sockets[0].getsockname()[1])
        return self

    def close(self):
        self.server.close()
        for wire in self.wires:
            wire.cut()

    def note(self, *what):
        self.log.append(what)
        self.changed.set()

    async def happened(self, what):
        """Waits for the first such thing."""
        return (await self.until(lambda: [entry for entry in self.log if entry[0] == what]))[0]

    async def until(self, true):
        """Waits until that is so; gives what it gave."""

        async def wait():
            while not (found := true()):
                self.changed.clear()
                await self.changed.wait()
            return found

        return await asyncio.wait_for(wait(), PATIENCE)

    async def serve(self, reader, writer):
        wire = Wire(reader, writer)
        self.wires.append(wire)
        try:
            await self.answer(wire)
        except (Closed, ConnectionError, ssl.SSLError, asyncio.TimeoutError) as error:
            self.note("ended", type(error).__name__)

    async def answer(self, wire):
        await self.greet(wire, f"<starttls xmlns='{TLS}'><required/></starttls>")
        while (await wire.stanza()).tag != f"{{{TLS}}}starttls":
            pass
        wire.writer.write(f"<proceed xmlns='{TLS}'/>".encode() + self.after_proceed)
        await wire.writer.drain()
        await wire.writer.start_tls(context(True, self.cert, self.private))
        self.note("encrypted")
        dialback = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
        wire.restart()
        await self.greet(wire, dialback if self.offers_dialback else "")
        while True:
            self.take(wire, await wire.stanza(None))

    async def greet(self, wire, features):
        while wire.root is None:
            await wire.feed()
        wire.theirs, ident = wire.root, f"stream-{len(self.wires)}-{id(wire):x}"
        wire.ident = ident
        wire.header(**{"id": ident, "from": self.domain, "to": wire.root.get("from")})
        wire.send(f"<stream:features>{features}</stream:features>")

    def take(self, wire, stanza):
        me, asks, proof = stanza.get("to"), stanza.get("from"), stanza.text
        if stanza.tag == f"{{{DIALBACK}}}verify":
            right = proof == key(self.secret, asks, me, stanza.get("id"))
            wire.send(
                f"<db:verify from='{me}' to='{asks}' id='{stanza.get('id')}' type='{'valid' if right else 'invalid'}'/>"
            )
            self.note("verify", asks, right)
        elif stanza.tag == f"{{{DIALBACK}}}result":
            self.keys.append((wire.ident, asks, proof))
            wire.send(f"<db:result from='{me}' to='{asks}' type='valid'/>")
            self.note("result", asks)
        elif stanza.tag.startswith(f"{{{SERVER}}}"):
            self.note("stanza", asks, stanza)
