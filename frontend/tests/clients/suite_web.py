"""Clients in a browser and over WebSocket: Converse.js in headless Chromium, and @xmpp/client. And go-sendxmpp, which has neither."""

import asyncio
import json
import os
import shutil
import urllib.request
from pathlib import Path

from client import Client
from feeds import CACHE
from reef import free_ports
from run import Skipped

HERE = Path(__file__).parent


(PORT,) = free_ports(1)
SETS = [f'http.listen=["127.0.0.1:{PORT}"]']


async def node(script, *args, patience=180):
    env = {**os.environ, "NODE_TLS_REJECT_UNAUTHORIZED": "0", "NODE_NO_WARNINGS": "1", "REEF_CLIENTS": str(CACHE)}
    process = await asyncio.create_subprocess_exec(
        "node", str(HERE / script), *map(str, args), env=env,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), patience)
    assert process.returncode == 0 and out.decode().endswith("ok\n"), out.decode()


async def test_converse_logs_in_chats_and_finds_its_history_over_websocket_and_bosh(reef):
    there = (CACHE / "npm/node_modules" / name for name in ("converse.js", "puppeteer-core"))
    if not (shutil.which("node") and shutil.which("chromium") and all(path.is_dir() for path in there)):
        raise Skipped("node, Chromium or Converse.js is not here: scripts/clients.sh install")
    await reef.users("juliet", "romeo")
    juliet, romeo = await Client(reef, "juliet").login(), await Client(reef, "romeo").login()
    # They are each other's contacts.
    for one, other in ((juliet, romeo), (romeo, juliet)):
        one.send_presence_subscription(other.bare)
        await other.until(lambda: any(p["type"] == "subscribe" for p in other.presences), "the request")
        other.send_presence_subscription(one.bare, ptype="subscribed")
        await one.until(lambda: any(p["type"] == "subscribed" for p in one.presences), "the consent")
    await juliet.quit()
    await romeo.quit()
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path.home() / ".cache/reef/target"))
    await node("converse.mjs", PORT, target / "converse.png")
    assert (target / "converse.png").stat().st_size > 10_000


test_converse_logs_in_chats_and_finds_its_history_over_websocket_and_bosh.patience = 200


async def test_xmpp_client_of_node_chats_over_websocket(reef):
    if not shutil.which("node") or not (CACHE / "npm/node_modules/@xmpp/client").is_dir():
        raise Skipped("node or @xmpp/client is not here: scripts/clients.sh install")
    await reef.users("author", "reader")
    await node("chat.mjs", PORT)


async def test_go_sendxmpp_sends_hears_and_uploads(reef):
    if not shutil.which("go-sendxmpp"):
        raise Skipped("go-sendxmpp is not here: scripts/clients.sh install")
    await reef.users("nurse", "peter")
    peter = await Client(reef, "peter").login()

    def command(*args):
        return asyncio.create_subprocess_exec(
            "go-sendxmpp", "-n", "-u", "nurse@localhost", "-p", "secret", *args, "peter@localhost",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )

    for number, ways in enumerate((["-j", f"127.0.0.1:{reef.port}"], ["-t", "-j", f"127.0.0.1:{reef.tls_port}"])):
        process = await command(*ways)
        out, _ = await asyncio.wait_for(process.communicate(f"good night {number}".encode()), 40)
        assert process.returncode == 0, out.decode()
        await peter.until(lambda: any(m["body"] == f"good night {number}" for m in peter.messages), "the message")
    image = Path(reef.dir.name) / "night.txt"
    image.write_text("a thousand times")
    process = await command("-j", f"127.0.0.1:{reef.port}", "-h", str(image))
    out, _ = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, out.decode()
    sent = await peter.until(lambda: [m["body"] for m in peter.messages if "/upload/" in m["body"]], "the address")
    with urllib.request.urlopen(sent[0]) as got:
        assert got.read() == b"a thousand times"
    await peter.quit()
