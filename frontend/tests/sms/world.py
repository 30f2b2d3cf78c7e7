"""What the suites for SMS stand on: our session with an SMSC of npm's, our SMSC with smpplib or with Kannel.

Each is a fixture as `run.py` wants it: `start`, `close`, `logged`.
"""

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, quote_from_bytes, urlsplit

from program import LOADTEST, Program
from reef import free_ports
from run import Skipped

HERE = Path(__file__).parent
CLIENTS = Path(os.environ.get("REEF_CLIENTS", Path.home() / ".cache/reef/clients"))
PHONE, CODE = "+491700000001", "40404"
GSM = "Übergrößen kosten 5 € [brutto], {netto} weniger; ~7 % ^ _ @ £. " * 6
EMOJI = "Korallenriff 🪸 von 👩‍🚀 & 🇩🇪 — жизнь. " * 8


class World:
    """Programs that are started and closed together."""

    def __init__(self):
        self.programs = []

    async def run(self, name, *arguments, env=None):
        program = Program(name, *arguments, env=env)
        self.programs.append(program)
        await program.start()
        return program

    async def close(self):
        for program in reversed(self.programs):
            await program.close()

    def logged(self):
        return "\n".join(program.logged() for program in self.programs)


class Npm(World):
    """Our session with an SMSC of the npm package `smpp`."""

    async def start(self):
        modules = CLIENTS / "sms/node_modules"
        if not (modules / "smpp").exists() or not shutil.which("node"):
            raise Skipped("no node, or no npm package smpp: scripts/sms.sh install")
        self.modules, (self.port,) = modules, free_ports(1)
        await self.smsc_anew()
        self.esme = await self.session()
        await self.esme.until("bound Transceiver")

    async def smsc_anew(self):
        self.smsc = await self.run("npm", "node", str(HERE / "smsc.cjs"), str(self.port), env={"NODE_PATH": str(self.modules)})
        self.orders = 0
        await self.event("listening")

    async def session(self, *flags, password="secret"):
        address = f"127.0.0.1:{self.port}"
        named = ["--system-id", "reef", "--password", password, "--show-numbers"]
        return await self.run("esme", LOADTEST, "esme", address, *named, *flags)

    async def event(self, name):
        """The next event of this name."""
        line = await self.smsc.until(lambda line: line.startswith("{") and json.loads(line)["event"] == name)
        return json.loads(line)

    async def order(self, **order):
        """Carried out when this returns; what it brings about may have been printed before that is said."""
        at = self.smsc.taken
        self.orders += 1
        await self.smsc.say(json.dumps(order))
        await self.smsc.until(json.dumps({"event": "done", "done": self.orders}, separators=(",", ":")))
        self.smsc.taken = at


class Ours(World):
    """Our SMSC, with these flags."""

    def __init__(self, *flags):
        super().__init__()
        self.flags = flags

    async def start(self):
        self.smsc = await self.run("smsc", LOADTEST, "smsc", "--listen", "127.0.0.1:0", "--show-numbers", "--account", "reef:secret", *self.flags)
        self.port = int((await self.smsc.until("listening")).rpartition(":")[2])

    async def text(self):
        """The next text that it took: from, to, parts, text."""
        line = await self.smsc.until("text ")
        _, source, to, parts, text = line.split(" ", 4)
        return source, to, int(parts), json.loads(text)

    async def counts(self):
        await self.smsc.say("counts")
        return json.loads(await self.smsc.until("{"))


class Smpplib(Ours):
    """Our SMSC, and smpplib at hand."""

    async def start(self):
        if importlib.util.find_spec("smpplib") is None:
            raise Skipped("no smpplib: scripts/sms.sh install")
        await super().start()


class Kannel(Ours):
    """Our SMSC, and Debian's Kannel bound to it: its HTTP interface, and a server for what it calls."""

    def __init__(self, ids, *flags):
        super().__init__(*flags)
        self.ids = ids

    async def start(self):
        if not all(shutil.which(program) for program in ("bearerbox", "smsbox")):
            raise Skipped("no Kannel: scripts/sms.sh install")
        await super().start()
        self.calls, self.reply = asyncio.Queue(), b""
        self.web = await asyncio.start_server(self._called, "127.0.0.1", 0)
        web = self.web.sockets[0].getsockname()[1]
        self.dir = tempfile.TemporaryDirectory(prefix="reef-kannel-")
        admin, inner, self.http = free_ports(3)
        config = Path(self.dir.name) / "kannel.conf"
        config.write_text(CONFIG.format(smpp=self.port, admin=admin, inner=inner, http=self.http, web=web, ids=self.ids))
        self.web_port = web
        self.bearerbox = await self.run("bearerbox", "bearerbox", "-v", "1", str(config))
        await self.bearerbox.until(lambda line: "MAIN: Start-up done" in line)
        self.smsbox = await self.run("smsbox", "smsbox", "-v", "1", str(config))
        async with asyncio.timeout(30):
            while (await self.counts())["binds"] == 0 or not await self._answers():
                await asyncio.sleep(0.05)

    async def close(self):
        for box in self.programs[1:]:
            # In good order Kannel takes ten seconds to end, and there is nothing that it must keep.
            await box.close(signal.SIGKILL)
        await super().close()
        if hasattr(self, "web"):
            self.web.close()

    async def _answers(self):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.http)
        except OSError:
            return False
        writer.close()
        return True

    async def _called(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.calls.put_nowait(urlsplit(head.split(" ")[1]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(self.reply))
        writer.write(self.reply)
        await writer.drain()
        writer.close()

    async def called(self, path):
        """The next call of a path: its fields, as octets are percent-encoded Latin-1."""
        async with asyncio.timeout(30):
            while (url := await self.calls.get()).path != path:
                pass
        return {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True, encoding="latin-1").items()}

    async def send(self, text, coding):
        """A text by Kannel's HTTP interface; a receipt calls `/dlr`."""
        dlr = quote_from_bytes(f"http://127.0.0.1:{self.web_port}/dlr?state=%d&id=%F&to=%p".encode(), safe="")
        fields = [
            "username=reef", "password=reef", f"from={CODE}", f"to={quote_from_bytes(PHONE.encode(), safe='')}", f"coding={coding}",
            "charset=UTF-8", f"text={quote_from_bytes(text.encode(), safe='')}", "dlr-mask=31", f"dlr-url={dlr}",
        ]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.http)
        writer.write(f"GET /cgi-bin/sendsms?{'&'.join(fields)} HTTP/1.0\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        assert " 202 " in answer.split("\r\n")[0], answer


CONFIG = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = reef
smsbox-port = {inner}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
box-deny-ip = *.*.*.*
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = reef
host = 127.0.0.1
port = {smpp}
transceiver-mode = true
smsc-username = reef
smsc-password = secret
system-type = ""
reconnect-delay = 1
msg-id-type = {ids}
source-addr-autodetect = yes

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}
sendsms-interface = 127.0.0.1
global-sender = 40404

group = sendsms-user
username = reef
password = reef
concatenation = true
max-messages = 10

group = sms-service
keyword = default
catch-all = true
get-url = "http://127.0.0.1:{web}/mo?from=%p&to=%P&coding=%c&charset=%C&text=%b"
max-messages = 5
concatenation = true
omit-empty = true
"""
