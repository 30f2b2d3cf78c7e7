"""Libervia 0.9 under test: its backend on a D-Bus of its own, with profiles that log in to a reef, asked by its command line.

Knows no test. Runs with the system's Python, which Debian's packages are for. Next: `suite_libervia.py`.
"""

import asyncio
import json
import os
import shutil
from pathlib import Path

from reef import DOMAIN
from run import Skipped

PATH = "/usr/bin:/bin"
PYTHON = "/usr/bin/python3"
CONFIG = """[DEFAULT]
local_dir={home}/data
cache_dir={home}/cache
pid_dir={home}
hosts_dict={{"{domain}": {{"host": "127.0.0.1", "port": {port}}}}}
"""
#: What the command line says of its own optional parts.
NOISE = ("ProgressBar", "Progress bar", "--", "Missing module", "")


class Libervia:
    """`async with Libervia(reef, "juliet") as libervia`: connected, each profile with an account of its name."""

    def __init__(self, reef, *profiles):
        missing = [p for p in ("libervia-backend", "libervia-cli", "dbus-daemon") if not shutil.which(p, path=PATH)]
        if missing:
            raise Skipped(f"{', '.join(missing)} not here: scripts/clients.sh install")
        self.reef, self.profiles = reef, profiles
        self.home = Path(reef.dir.name) / f"libervia-{profiles[0]}"
        self.env = {
            "PATH": PATH, "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1", "HOME": str(self.home),
            **{f"XDG_{what}_HOME": str(self.home / what.lower()) for what in ("CONFIG", "DATA", "CACHE")},
        }
        self.processes = []

    async def __aenter__(self):
        try:
            return await self.start()
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *_):
        for process in reversed(self.processes):
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def start(self):
        (self.home / "data").mkdir(parents=True)
        (self.home / "config/libervia").mkdir(parents=True)
        config = CONFIG.format(home=self.home, domain=DOMAIN, port=self.reef.port)
        (self.home / "config/libervia/libervia.conf").write_text(config)
        bus = await self.spawn("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1")
        self.env["DBUS_SESSION_BUS_ADDRESS"] = (await bus.says("unix:")).strip()
        self.backend = await self.spawn(PYTHON, f"{PATH.split(':')[0]}/libervia-backend", "fg")
        await self.backend.says("Backend is ready")
        for profile in self.profiles:
            await self.reef.user(profile)
            await self.li("profile", "create", profile, "-x", "secret", "-j", f"{profile}@{DOMAIN}/libervia")
            await self.li("param", "set", "Connection", "check_certificate", "false", "-p", profile)
            await self.li("param", "set", "Debug", "Xml log", "true", "-p", profile)
            await self.li("profile", "connect", "--connect", "-p", profile)
        return self

    async def spawn(self, *args):
        process = await asyncio.create_subprocess_exec(
            *args, env=self.env, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, limit=1 << 24,
        )
        self.processes.append(process)
        return Lines(process)

    async def ask(self, *args, stdin=""):
        """A command: its exit code, and what it prints."""
        process = await asyncio.create_subprocess_exec(
            PYTHON, "/usr/bin/libervia-cli", *args, env=self.env, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 30)
        said = [line for line in err.decode().splitlines() if not line.startswith(NOISE[:-1]) and line != NOISE[-1]]
        return process.returncode, out.decode(), "\n".join(said)

    async def li(self, *args, stdin=""):
        """A command that must be done: what it prints."""
        code, out, err = await self.ask(*args, stdin=stdin)
        assert code == 0, f"li {' '.join(args)}: {code}\n{out}{err}\n{self.logged()}"
        return out

    async def json(self, *args):
        return json.loads(await self.li(*args, "-O", "json"))

    async def until(self, true, *args):
        """Asks until the answer is such. A command line has no events; each question takes half a second."""
        for _ in range(20):
            answer = await self.json(*args)
            if true(answer):
                return
        raise AssertionError(f"li {' '.join(args)}: {answer}\n{self.logged()}")

    async def monitor(self, profile):
        """What comes on the streams from now on. It does not say when it listens, so something comes until it is seen."""
        lines = await self.spawn(PYTHON, "/usr/bin/libervia-cli", "debug", "monitor", "-d", "in", "-O", "xml-raw")
        for _ in range(20):
            await self.ask("pubsub", "affiliations", "-p", profile, "-s", f"{profile}@{DOMAIN}")
            if "<affiliations" in lines.text:
                return lines
        raise AssertionError(f"the monitor shows nothing: {lines.text}\n{self.logged()}")

    def logged(self):
        return self.backend.text[-3000:] if hasattr(self, "backend") else ""


class Lines:
    """What a process says, line by line."""

    def __init__(self, process):
        self.process, self.text = process, ""
        self._more = asyncio.Event()
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self):
        while line := await self.process.stdout.readline():
            self.text += line.decode(errors="replace")
            self._more.set()
        self._more.set()

    async def says(self, words, patience=30):
        """Waits for a line with these words; gives it."""

        async def wait():
            while not (found := next((line for line in self.text.splitlines() if words in line), None)):
                assert not self._reader.done(), f"ended without {words!r}:\n{self.text[-2000:]}"
                self._more.clear()
                await self._more.wait()
            return found

        try:
            return await asyncio.wait_for(wait(), patience)
        except asyncio.TimeoutError:
            raise AssertionError(f"{words!r} was not said:\n{self.text[-3000:]}") from None
