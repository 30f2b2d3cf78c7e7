"""A component by slixmpp (XEP-0114), beside a client by slixmpp."""

import asyncio

import slixmpp
from client import Client
from reef import DOMAIN, Reef, free_ports

PORT = free_ports(1)[0]
NAME = f"echo.{DOMAIN}"
SETS = [f'component=[{{name="{NAME}",secret="open sesame"}}]', f'components.listen=["127.0.0.1:{PORT}"]']
FIXTURES = {"": lambda: Reef(*SETS)}


class Echo(slixmpp.ComponentXMPP):
    """Says back what it is told."""

    def __init__(self, secret="open sesame"):
        super().__init__(NAME, secret, "127.0.0.1", PORT)
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self["xep_0030"].add_identity("client", "bot", "Echo")
        self.ready, self.refused = asyncio.Event(), asyncio.Event()
        self.add_event_handler("session_start", lambda _: self.ready.set())
        self.add_event_handler("stream_error", lambda _: self.refused.set())
        self.add_event_handler("message", self.answer)

    def answer(self, message):
        if message["body"] and message["type"] != "error":
            message.reply(f"you said {message['body']}").send()

    async def join(self):
        self.connect()
        await asyncio.wait_for(self.ready.wait(), 10)
        return self

    async def quit(self):
        await self.disconnect()


async def test_a_component_is_found_and_answers(reef):
    await reef.users("juliet")
    juliet = await Client(reef, "juliet").login()
    echo = await Echo().join()
    items = await juliet["xep_0030"].get_items(DOMAIN)
    assert NAME in [str(item[0]) for item in items["disco_items"]["items"]], items
    info = await juliet["xep_0030"].get_info(NAME)
    assert ("client", "bot", None, "Echo") in info["disco_info"]["identities"], info
    juliet.send_message(f"anybody@{NAME}", "hello", mtype="chat")
    await juliet.until(lambda: any(m["body"] == "you said hello" for m in juliet.messages), "an echo")
    await juliet["xep_0199"].ping(NAME)
    await echo["xep_0199"].ping(DOMAIN, ifrom=NAME)
    await echo.quit()
    await juliet.quit()


async def test_what_is_said_while_it_is_away_reaches_it(reef):
    await reef.users("romeo")
    romeo = await Client(reef, "romeo").login()
    romeo.send_message(f"anybody@{NAME}", "later", mtype="chat")
    await romeo.sync()
    echo = await Echo().join()
    await romeo.until(lambda: any(m["body"] == "you said later" for m in romeo.messages), "an echo")
    await echo.quit()
    await romeo.quit()


async def test_a_wrong_secret_is_refused(reef):
    wrong = Echo("close sesame")
    wrong.connect()
    await asyncio.wait_for(wrong.refused.wait(), 10)
    assert not wrong.ready.is_set()
    wrong.abort()
