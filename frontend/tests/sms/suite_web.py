"""A whole Reef with a route by HTTP: what phones say comes to its port as webhooks, what it says goes to a provider of these tests;
and what its page of metrics shows of it.
"""

import asyncio
import json
from itertools import count

from gateway import Quiet, metric, request
from program import LONG, PATIENCE
from reef import free_ports

SECRET = "0123456789abcdef"
PHONE = "+4917098765401"


class Provider:
    """A server that takes every message, and a Reef whose route it is."""

    async def start(self):
        self.messages, self.ids = asyncio.Queue(), count(1)
        self.server = await asyncio.start_server(self._asked, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/messages"
        (self.web,) = free_ports(1)
        keys = [
            'name="web"', 'kind="http"', f'url="{url}"', 'authorization="Bearer token"', f'webhook_secret="{SECRET}"',
            'number="40404"', 'mo_trust="carrier"', "rate=1000",
        ]
        self.reef = Quiet(
            f"sms.route=[{{{', '.join(keys)}}}]", 'sms.country=[{prefix="+49",price=0.25,sender="40404"}]', 'sms.quiet="off"',
            "sms.daily_cost=100.0", f'http.listen=["127.0.0.1:{self.web}"]',
        )
        await self.reef.start()

    async def close(self):
        if hasattr(self, "reef"):
            await self.reef.close()
        self.server.close()

    def logged(self):
        return self.reef.logged() if hasattr(self, "reef") else ""

    async def _asked(self, reader, writer):
        """One connection, request after request."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                (length,) = (line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:"))
                message = json.loads(await reader.readexactly(int(length)))
                assert head.startswith("post /messages ") and "authorization: bearer token" in head, head
                answer = json.dumps({"id": f"m{next(self.ids)}"})
                writer.write(f"HTTP/1.1 201 Created\r\nContent-Length: {len(answer)}\r\n\r\n{answer}".encode())
                await writer.drain()
                self.messages.put_nowait(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def told(self, text, ident, secret=SECRET):
        """The provider tells that the phone texted; what it is answered."""
        body = json.dumps({"from": PHONE, "to": "40404", "text": text, "id": ident}).encode()
        return (await request(self.web, f"POST /sms/web/{secret}", "application/json", body))[0]

    async def gets(self):
        """The next message that the phone would get."""
        message = await asyncio.wait_for(self.messages.get(), PATIENCE)
        assert message["to"] == PHONE and message["from"] == "40404", message
        return message["text"]

    async def shows(self, name, value):
        """Waits until the page shows this number."""
        async with asyncio.timeout(LONG):
            while await metric(self.web, name) != value:
                pass


FIXTURES = {"": Provider}


async def test_a_text_that_is_posted_to_the_webhook_is_answered_by_the_provider(world):
    await world.reef.users("juliet")
    await world.reef.run("post", "juliet@localhost", "first")
    for wrong in ("0123456789abcdeF", "", "0123456789abcdef0"):
        assert await world.told("follow juliet", "w", wrong) == 404, wrong
    assert await world.told("follow juliet", "1") == 200
    assert "reply YES to get @juliet" in await world.gets()
    assert await world.told("yes", "2") == 200
    assert "you now get @juliet" in await world.gets()
    await world.reef.run("post", "juliet@localhost", "second")
    assert await world.gets() == "@juliet: second"
    assert world.messages.empty()


async def test_the_page_of_metrics_shows_what_waits_and_what_was_spent(world):
    await world.shows('bound{route="web"}', 1)
    await world.shows('in_flight{route="web"}', 0)
    # The three of the first test.
    await world.shows('sent_total{route="web"}', 3)
    for of, per in (("web", "day"), ("all", "day"), ("all", "month")):
        assert await metric(world.web, f'spent{{of="{of}",per="{per}"}}') == 0.75
        assert await metric(world.web, f'spent_segments{{of="{of}",per="{per}"}}') == 3
    assert await metric(world.web, 'ceiling{of="all",per="day"}') == 100
    waiting = 'waiting{route="web",class="answer"}'
    assert await metric(world.web, waiting) == 0
    await world.reef.run("sms", "route", "pause", "web")
    await world.told("who", "3")
    await world.shows(waiting, 1)
    assert await metric(world.web, 'waiting_seconds{route="web",class="answer"}') >= 0
    await world.reef.run("sms", "route", "resume", "web")
    assert "juliet" in await world.gets()
    await world.shows(waiting, 0)
    await world.shows('spent_segments{of="web",per="day"}', 4)


async def test_a_stop_by_webhook_ends_it(world):
    assert await world.told("STOP", "4") == 200
    assert "you are unsubscribed" in await world.gets()
    await world.reef.run("post", "juliet@localhost", "third")
    assert await world.told("help", "5") == 200
    assert "posts by text" in await world.gets()
    assert world.messages.empty()
