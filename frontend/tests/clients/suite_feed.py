"""`reef post --atom` with real entries: one online, one offline, one who does not read for a while get each once."""

import socket
from pathlib import Path

from client import Client
from feeds import feed
from raw import PLAIN, Raw, item_ids
from run import Skipped

SETS = [*PLAIN, "limits.queue_posts=16"]


async def test_every_follower_gets_every_entry_of_a_feed_once_in_order(reef):
    file = Path(reef.dir.name) / "feed.xml"
    ids = feed(file)
    if ids is None:
        raise Skipped("feedparser's tests are not in ~/.cache/reef/clients: scripts/clients.sh install")
    assert len(ids) >= 100, len(ids)
    await reef.users("press", "online", "offline", "slow")
    await reef.run("post", "press@localhost", "hello")
    online, offline = await Client(reef, "online").login(), await Client(reef, "offline").login()
    # A small window, so that the server soon cannot write.
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", reef.port))
    slow = await Raw(reef).connect(sock)
    await slow.authenticate("slow")
    await slow.bind("slow")
    slow.send("<presence/>")
    slow.follow("press", "slow")
    await slow.answer("follow-press")
    for client in (online, offline):
        await client["xep_0060"].subscribe("press@localhost", "urn:xmpp:microblog:0")
    await offline.quit()
    await reef.run("post", "press@localhost", "--atom", str(file))
    # Again: what is there is left alone.
    await reef.run("post", "press@localhost", "--atom", str(file))
    await online.got(*ids)
    offline = await Client(reef, "offline").login()
    await offline.got(*ids)
    seen = []
    while len(seen) < len(ids):
        seen += item_ids(await slow.stanza())
    assert seen == ids, [pair for pair in zip(seen, ids) if pair[0] != pair[1]][:3]
    await reef.run("post", "press@localhost", "--node", "urn:xmpp:microblog:0", "end")
    ident = None
    while ident is None:
        ident = next(iter(item_ids(await slow.stanza())), None)
    assert ident not in ids, f"{ident} came twice"
    await online.until(lambda: len(online.posts) == len(ids) + 1, "the end")
    await offline.until(lambda: len(offline.posts) == len(ids) + 1, "the end")
    slow.cut()
    await online.quit()
    await offline.quit()
