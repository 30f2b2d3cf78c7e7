"""A client of bytes, without TLS, for what slixmpp would not do: floods, broken XML, connections that are cut.

Wants a reef with `c2s.require_tls=false`.
"""

import asyncio
import base64
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

from reef import DOMAIN

PATIENCE = 30


def header(domain):
    return (
        f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    )


HEADER = header(DOMAIN)
PLAIN = ["c2s.require_tls=false"]


class Closed(Exception):
    """The server has closed the stream or the connection."""


class Raw:
    def __init__(self, reef):
        self.reef = reef

    async def connect(self, sock=None):
        to = {"sock": sock} if sock else {"host": "127.0.0.1", "port": self.reef.port}
        self.reader, self.writer = await asyncio.open_connection(**to)
        self.restart()
        return self

    def restart(self):
        self.parser = ET.XMLPullParser(["start", "end"])
        self.depth, self.root, self.waiting = 0, None, []

    def send(self, text):
        self.writer.write(text.encode())

    async def stanza(self, patience=PATIENCE):
        """The next child of the stream."""
        while not self.waiting:
            await self.feed(patience)
        found = self.waiting.pop(0)
        if found is None:
            raise Closed
        return found

    async def feed(self, patience=PATIENCE):
        """Takes what comes next, be it a part of something."""
        data = await asyncio.wait_for(self.reader.read(65536), patience)
        if not data:
            raise Closed
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            if event == "start":
                self.root = element if self.depth == 0 else self.root
                self.depth += 1
                continue
            self.depth -= 1
            if self.depth == 0:
                self.waiting.append(None)
            elif self.depth == 1:
                self.waiting.append(element)
                self.root.remove(element)

    async def authenticate(self, name, password="secret"):
        """Up to the features after SASL."""
        self.send(header(self.reef.domain))
        await self.stanza()
        secret = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        success = await self.stanza()
        assert success.tag.endswith("success"), success.tag
        self.restart()
        self.send(header(self.reef.domain))
        await self.stanza()

    async def login(self, name, resource, password="secret"):
        await self.connect()
        await self.authenticate(name, password)
        return await self.bind(resource)

    async def bind(self, resource):
        self.send(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            f"<resource>{resource}</resource></bind></iq>"
        )
        bound = await self.stanza()
        assert bound.get("type") == "result", ET.tostring(bound)
        return self

    async def answer(self, ident):
        """The answer to a request; what comes before it is passed over."""
        while (stanza := await self.stanza()).get("id") != ident:
            pass
        assert stanza.get("type") == "result", ET.tostring(stanza)
        return stanza

    def publish(self, ident, text, name, node="urn:xmpp:microblog:0"):
        self.send(
            f"<iq type='set' id='{ident}' to='{name}@{self.reef.domain}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"
            f"<publish node='{node}'><item id='{ident}'><entry xmlns='http://www.w3.org/2005/Atom'>"
            f"<title>{escape(text)}</title><id>tag:{ident}</id><updated>2024-01-01T00:00:00Z</updated></entry></item>"
            "</publish></pubsub></iq>"
        )

    def follow(self, name, who):
        self.send(
            f"<iq type='set' id='follow-{name}' to='{name}@{self.reef.domain}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"
            f"<subscribe node='urn:xmpp:microblog:0' jid='{who}@{self.reef.domain}'/></pubsub></iq>"
        )

    async def everything(self):
        """All bytes until the server closes."""
        return await asyncio.wait_for(self.reader.read(-1), PATIENCE)

    def cut(self):
        self.writer.transport.abort()


def item_ids(stanza):
    """The ids of the items that a notification brings."""
    return [item.get("id") for item in stanza.iter("{http://jabber.org/protocol/pubsub#event}item")]
