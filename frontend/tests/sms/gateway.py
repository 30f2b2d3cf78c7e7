"""A whole Reef whose gateway is bound to our SMSC, which runs in a process of its own and outlives it; and phones at that SMSC.

A fixture as `run.py` wants it. Knows no suite. Next: `suite_conversation.py`, `suite_kill.py`, `suite_doubt.py`, `suite_key.py`.
"""

import asyncio
import json

from program import LONG
from reef import Reef, free_ports
from world import CODE, Ours


async def request(port, head, kind="text/plain", body=b""):
    """A request to a server on this machine: its status, and what it answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = f"Content-Length: {len(body)}\r\nContent-Type: {kind}\r\n" if body else ""
    writer.write(f"{head} HTTP/1.0\r\n{length}\r\n".encode() + body)
    answer = (await reader.read()).decode()
    writer.close()
    top, _, rest = answer.partition("\r\n\r\n")
    return int(top.split(" ")[1]), rest


async def metric(port, name):
    """A number of the gateway, by its name and labels as the page of metrics shows them."""
    _, page = await request(port, "GET /metrics")
    (line,) = (line for line in page.splitlines() if line.startswith(f"reef_sms_{name} "))
    return float(line.rpartition(" ")[2])


class Quiet(Reef):
    """Says all that it does: what must be in no line of a log is looked for in all that there can be."""

    level = "debug"


class Served(Ours):
    """Our SMSC with these flags, and a Reef bound to it: `route` are further keys of its route."""

    def __init__(self, *flags, route=()):
        super().__init__(*flags)
        self.route = route
        self.taken, self.by_number, self.looked = [], {}, 0

    async def start(self):
        await super().start()
        (self.web,) = free_ports(1)
        self.reef = Quiet(*self.sets())
        await self.reef.start()

    def sets(self):
        keys = [
            'name="carrier"', f'address="127.0.0.1:{self.port}"', 'system_id="reef"', 'password="secret"', f'number="{CODE}"',
            'mo_trust="carrier"', *self.route,
        ]
        return [
            f"sms.route=[{{{', '.join(keys)}}}]", 'sms.country=[{prefix="+49",price=0.0}]', 'sms.quiet="off"', "sms.burst=200",
            "sms.daily_segments=200", f'http.listen=["127.0.0.1:{self.web}"]',
        ]

    async def close(self):
        if hasattr(self, "reef"):
            await self.reef.close()
        await super().close()

    def logged(self):
        return super().logged() + (self.reef.logged() if hasattr(self, "reef") else "")

    async def again(self):
        """The process dies as it stands, and another one begins."""
        await self.reef.kill()
        await self.reef.start()

    def texts(self, number=None):
        """What the SMSC took so far, in order: of one number the texts, of all to whom and what."""
        for line in self.smsc.lines[self.looked :]:
            if line.startswith("text "):
                _, _, to, _, text = line.split(" ", 4)
                self.taken.append((to, json.loads(text)))
                self.by_number.setdefault(to, []).append(self.taken[-1][1])
        self.looked = len(self.smsc.lines)
        return self.by_number.get(number, []) if number else self.taken

    async def rested(self):
        """Every post went round, and nothing is under way."""
        async with asyncio.timeout(LONG):
            while await self.reef.json("sms", "queue") or any(
                route["state"] != "up" or route["in_flight"] for route in await self.reef.json("sms", "route", "list")
            ):
                pass

    async def metric(self, name):
        """A number that the server shows of the route."""
        return int(await metric(self.web, f'{name}{{route="carrier"}}'))


class Phone:
    """A number at the SMSC. What it gets is waited for one text after another."""

    def __init__(self, served, number):
        self.served, self.number, self.taken = served, number, 0

    @property
    def masked(self):
        """As Reef shows it."""
        return f"{self.number[:5]}{'•' * (len(self.number) - 7)}{self.number[-2:]}"

    async def says(self, text):
        await self.served.smsc.say(f"mo {self.number} {text}")

    async def gets(self):
        """The next text that has not been waited for."""

        def texts():
            return self.served.texts(self.number)[self.taken :]

        text = (await self.served.smsc.when(texts))[0]
        self.taken += 1
        return text

    async def asks(self, text):
        await self.says(text)
        return await self.gets()
