"""A client with slixmpp that keeps what it gets, and waits for what should come. Nothing here sleeps.

To show that something does not come, `sync()` asks the server twice: what was on its way before has come by then.
"""

import asyncio
import ssl
from xml.sax.saxutils import escape

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp.xmlstream.xmlstream import ET

PATIENCE = 10
BLOG = "urn:xmpp:microblog:0"
ATOM = "{http://www.w3.org/2005/Atom}"
EVENT = "{http://jabber.org/protocol/pubsub#event}"
PLUGINS = ["xep_0030", "xep_0004", "xep_0059", "xep_0060", "xep_0077", "xep_0115", "xep_0163", "xep_0199", "xep_0203"]


def entry(text, ident=None):
    return ET.fromstring(
        f"<entry xmlns='http://www.w3.org/2005/Atom'><title>{escape(text)}</title><id>{escape(ident or text)}</id>"
        "<updated>2024-01-01T00:00:00Z</updated></entry>"
    )


class Post:
    """One event of one node."""

    def __init__(self, message, items, child):
        self.node = items.get("node")
        self.id = child.get("id")
        self.kind = child.tag.removeprefix(EVENT)
        self.sender, self.to = message.get("from"), message.get("to")
        self.payload = child[0] if len(child) else None
        delay = message.find("{urn:xmpp:delay}delay")
        self.delay = None if delay is None else delay.get("stamp")

    @property
    def title(self):
        return None if self.payload is None else self.payload.findtext(f"{ATOM}title")

    def __repr__(self):
        return f"{self.kind} {self.id}"


class Client(slixmpp.ClientXMPP):
    """`reef` is the server: any that has a `domain` and a `port`."""

    def __init__(self, reef, name, resource="here", password="secret", managed=False, plugins=()):
        super().__init__(f"{name}@{reef.domain}/{resource}", password)
        self.reef = reef
        self.bare = f"{name}@{reef.domain}"
        self.ssl_context = ssl.create_default_context()
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        for plugin in [*PLUGINS, *(["xep_0198"] if managed else []), *plugins]:
            self.register_plugin(plugin)
        self.auto_authorize = self.auto_subscribe = None
        self.posts, self.messages, self.presences, self.pushes, self.errors = [], [], [], [], []
        self.failed = None
        self._changed = asyncio.Event()
        for name_, take in (("message", self._message), ("presence", self._presence), ("iq", self._iq)):
            self.register_handler(Callback(f"all {name_}", MatchXPath(f"{{jabber:client}}{name_}"), take))
        for event in ("session_start", "session_resumed", "disconnected", "failed_auth", "failed_all_auth",
                      "register", "sm_enabled", "connection_failed"):
            self.add_event_handler(event, lambda data, event=event: self._event(event, data))
        self.add_event_handler("stream_error", lambda e: self.errors.append(e["condition"]))
        self.events = []
        # The capabilities in the stream's features.
        self.features_seen = {}
        self.register_handler(
            Callback("all features", MatchXPath("{http://etherx.jabber.org/streams}features"), self._features)
        )

    def _features(self, features):
        caps = features.xml.find("{http://jabber.org/protocol/caps}c")
        self.features_seen = {} if caps is None else dict(caps.attrib)

    def _event(self, event, data):
        self.events.append((event, data))
        self._changed.set()

    def _message(self, message):
        event = message.xml.find(f"{EVENT}event")
        if event is None:
            self.messages.append(message)
        else:
            # What is said of subscriptions is no post.
            for child in (child for child in event if child.tag != f"{EVENT}subscription"):
                self.posts.extend(Post(message.xml, child, item) for item in (list(child) or [child]))
        self._changed.set()

    def _presence(self, presence):
        self.presences.append(presence)
        self._changed.set()

    def _iq(self, iq):
        if iq["type"] == "set" and iq.xml.find("{jabber:iq:roster}query") is not None:
            self.pushes.append(iq.xml.find("{jabber:iq:roster}query"))
        self._changed.set()

    async def until(self, true, what="what was awaited"):
        """Waits until `true()`; gives what it gave."""

        async def wait():
            while not (found := true()):
                self._changed.clear()
                await self._changed.wait()
            return found

        try:
            return await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise AssertionError(
                f"{self.boundjid}: {what} did not come; posts {self.posts}, messages "
                f"{[m['body'] for m in self.messages]}, events {[e for e, _ in self.events]}"
            ) from None

    def had(self, event):
        return next((data or True for name, data in self.events if name == event), None)

    async def happens(self, event):
        return await self.until(lambda: self.had(event), event)

    async def login(self, priority=0, presence=True, roster=True):
        """Connects and waits until it is bound; then roster and presence, as clients do."""
        self.connect("127.0.0.1", self.reef.port)
        await self.happens("session_start")
        if roster:
            await self.get_roster()
        if presence:
            await self.come(priority)
        return self

    async def come(self, priority=0):
        """Presence, and until the server has taken it."""
        self.send_presence(ppriority=priority)
        await self.until(
            lambda: any(p["from"] == self.boundjid and p["type"] == "available" for p in self.presences), "own presence"
        )

    async def sync(self):
        for _ in range(2):
            await self["xep_0199"].send_ping(self.reef.domain, timeout=PATIENCE)

    async def quit(self):
        """Says goodbye, and waits until the connection is closed."""
        self.events = [e for e in self.events if e[0] != "disconnected"]
        self.disconnect()
        await self.happens("disconnected")

    def cut(self):
        """The socket dies without a word."""
        self.transport.abort()

    # What the tests do with nodes.

    async def post(self, ident, text=None, node=BLOG, to=None, **more):
        return await self["xep_0060"].publish(to or self.bare, node, id=ident, payload=entry(text or ident), **more)

    async def follow(self, whom, node=BLOG):
        return await self["xep_0060"].subscribe(whom.bare, node)

    async def unfollow(self, whom, node=BLOG):
        return await self["xep_0060"].unsubscribe(whom.bare, node)

    async def retract(self, ident, node=BLOG):
        return await self["xep_0060"].retract(self.bare, node, ident, notify=True)

    async def got(self, *idents, node=BLOG):
        """Waits until the last of these posts has come, and says whether these came, in this order, and no others."""
        await self.until(lambda: any(p.id == idents[-1] and p.node == node for p in self.posts), idents[-1])
        came = [p.id for p in self.posts if p.node == node]
        assert came == list(idents), f"{self.boundjid}: {came} instead of {list(idents)}"
        return [p for p in self.posts if p.node == node]


async def befriend(a, b):
    """Both see each other's presence."""
    for asks, grants in ((a, b), (b, a)):
        asks.send_presence_subscription(grants.bare)
        await grants.until(
            lambda: any(p["type"] == "subscribe" and p["from"].bare == asks.bare for p in grants.presences), "request"
        )
        grants.send_presence_subscription(asks.bare, ptype="subscribed")
        await asks.until(
            lambda: any(p["type"] == "subscribed" and p["from"].bare == grants.bare for p in asks.presences), "grant"
        )
    for here, there in ((a, b), (b, a)):
        await here.until(
            lambda: any(p["type"] == "available" and p["from"].bare == there.bare for p in here.presences), "presence"
        )


async def refused(request, condition, app=None):
    """The request must be answered with this error, and this condition of XEP-0060."""
    try:
        await request
    except slixmpp.exceptions.IqError as error:
        assert error.condition == condition, f"{error.condition} instead of {condition}"
        if app:
            namespace = "{http://jabber.org/protocol/pubsub#errors}"
            assert error.iq["error"].xml.find(namespace + app) is not None, f"no {app} in {error.iq}"
        return error.iq
    raise AssertionError(f"{condition} was expected")
