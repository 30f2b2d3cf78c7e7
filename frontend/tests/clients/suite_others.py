"""Other clients: @xmpp/client under Node, and profanity in a terminal."""

import asyncio
import os
import shutil
from pathlib import Path

from client import Client
from feeds import CACHE
from run import Skipped

HERE = Path(__file__).parent


async def test_xmpp_client_of_node_publishes_and_receives(reef):
    if not shutil.which("node") or not (CACHE / "npm/node_modules/@xmpp/client").is_dir():
        raise Skipped("node or @xmpp/client is not here: scripts/clients.sh install")
    await reef.users("author", "reader")
    env = {**os.environ, "NODE_TLS_REJECT_UNAUTHORIZED": "0", "NODE_NO_WARNINGS": "1", "REEF_CLIENTS": str(CACHE)}
    process = await asyncio.create_subprocess_exec(
        "node", str(HERE / "publish.mjs"), str(reef.port), str(reef.tls_port), env=env,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0 and out.decode().endswith("ok\n"), out.decode()


class Terminal:
    """profanity in tmux, typed at and looked at."""

    def __init__(self, home):
        self.home = home
        self.socket = str(home / "tmux")

    async def tmux(self, *args):
        process = await asyncio.create_subprocess_exec(
            "tmux", "-S", self.socket, "-f", "/dev/null", *args,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    async def start(self):
        env = f"env HOME={self.home} XDG_CONFIG_HOME={self.home}/c XDG_DATA_HOME={self.home}/d TERM=screen LC_ALL=C.UTF-8"
        await self.tmux("new-session", "-d", "-x", "160", "-y", "50", f"{env} profanity")

    async def type(self, line):
        await self.tmux("send-keys", "-l", line)
        await self.tmux("send-keys", "Enter")

    async def shows(self, text):
        """Looks until it is there: a terminal has no events."""
        for _ in range(200):
            screen = await self.tmux("capture-pane", "-p")
            if text in screen:
                return screen
            await asyncio.sleep(0.05)
        raise AssertionError(f"{text!r} is not shown:\n{screen}")


async def test_profanity_connects_sees_presence_and_chats(reef):
    if not shutil.which("profanity") or not shutil.which("tmux"):
        raise Skipped("profanity or tmux is not here: scripts/clients.sh install")
    await reef.users("juliet", "romeo")
    juliet = await Client(reef, "juliet").login()
    home = Path(reef.dir.name) / "terminal"
    home.mkdir()
    terminal = Terminal(home)
    await terminal.start()
    try:
        await terminal.shows("Profanity")
        await terminal.type(f"/connect romeo@localhost server 127.0.0.1 port {reef.port} tls trust")
        await terminal.shows("Enter password")
        await terminal.type("secret")
        await terminal.shows("logged in successfully")
        await terminal.type("/sub request juliet@localhost")
        await juliet.until(lambda: any(p["type"] == "subscribe" for p in juliet.presences), "request")
        juliet.send_presence_subscription("romeo@localhost", ptype="subscribed")
        juliet.send_presence(pstatus="on the balcony")
        await terminal.shows("on the balcony")
        juliet.send_message("romeo@localhost", "wherefore art thou?", mtype="chat")
        await terminal.shows("juliet@localhost")
        await terminal.type("/msg juliet@localhost here below")
        await juliet.until(lambda: any(m["body"] == "here below" for m in juliet.messages), "chat")
        await terminal.shows("wherefore art thou?")
    finally:
        await terminal.tmux("kill-server")
    await juliet.quit()
