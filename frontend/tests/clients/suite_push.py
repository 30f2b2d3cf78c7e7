"""Push notifications (XEP-0357): a client of slixmpp's enables them, and a component of its is the service."""

import asyncio

import slixmpp
from client import ET, Client
from reef import DOMAIN, Reef, free_ports
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

PORT = free_ports(1)[0]
NAME = f"push.{DOMAIN}"
SETS = [f'component=[{{name="{NAME}",secret="s"}}]', f'components.listen=["127.0.0.1:{PORT}"]']
FIXTURES = {"": lambda: Reef(*SETS)}
PUBSUB = "{http://jabber.org/protocol/pubsub}"


class Service(slixmpp.ComponentXMPP):
    """Keeps what is published, and answers."""

    def __init__(self):
        super().__init__(NAME, "s", "127.0.0.1", PORT)
        self.ready, self.published = asyncio.Event(), asyncio.Queue()
        self.add_event_handler("session_start", lambda _: self.ready.set())
        path = f"{{{self.default_ns}}}iq/{PUBSUB}pubsub/{PUBSUB}publish"
        self.register_handler(Callback("published", MatchXPath(path), self.take))

    def take(self, iq):
        self.published.put_nowait(iq)
        iq.reply().send()

    async def join(self):
        self.connect()
        await asyncio.wait_for(self.ready.wait(), 10)
        return self


async def test_a_service_hears_of_who_is_away(reef):
    await reef.users("juliet", "romeo")
    service = await Service().join()
    juliet = await Client(reef, "juliet").login()
    enable = juliet.make_iq_set()
    enable.append(ET.fromstring(f"<enable xmlns='urn:xmpp:push:0' jid='{NAME}' node='n'/>"))
    await enable.send(timeout=10)
    await juliet.quit()
    romeo = await Client(reef, "romeo").login()
    romeo.send_message(juliet.bare, "wherefore", mtype="chat")
    iq = await asyncio.wait_for(service.published.get(), 10)
    assert iq["from"] == juliet.bare, iq
    fields = {f.get("var"): f.findtext("{jabber:x:data}value") for f in iq.xml.iter("{jabber:x:data}field")}
    assert fields["message-count"] == "1" and fields["last-message-sender"] == romeo.boundjid.full, fields
    assert "wherefore" not in str(iq)
    await service.disconnect()
    await romeo.quit()
