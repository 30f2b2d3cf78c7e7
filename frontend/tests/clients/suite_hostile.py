"""A hundred bad connections: each gets its stream error and is closed; memory and others are untouched."""

import asyncio

from client import Client
from raw import HEADER, PLAIN, Raw
from reef import DOMAIN

SETS = [*PLAIN, "c2s.handshake_timeout=2s"]
MEMORY_MAX = 64 << 20

BEFORE = {
    "not-well-formed": [HEADER + "<a></b>", "<stream:stream <", HEADER + "<message to='a' to='b'/>"],
    "restricted-xml": [HEADER + "<!-- hi -->", "<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", HEADER + "<?php ?>"],
    "bad-format": ["GET / HTTP/1.1\r\n\r\n", HEADER + "hello"],
    "invalid-namespace": [HEADER.replace("jabber:client", "jabber:x"), HEADER.replace("etherx", "other")],
    "host-unknown": [HEADER.replace(f"'{DOMAIN}'", "'elsewhere.example'")],
    "unsupported-version": [HEADER.replace("version='1.0' xmlns", "xmlns")],
    "policy-violation": [
        HEADER + "<message>" + "x" * 40_000,
        HEADER + "<a>" * 500,
        HEADER + f"<message a='{'y' * 40_000}",
        HEADER + "<message>" + "<b/>" * 40_000,
    ],
    "not-authorized": [HEADER + "<message/>", HEADER + "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>"],
    "unsupported-stanza-type": [HEADER + "<other/>"],
    "connection-timeout": ["", HEADER, "<stream:stream "],
}
AFTER = {
    "not-well-formed": ["<a></b>", "<message to='a' to='b'/>"],
    "restricted-xml": ["<!-- hi -->", "<message><![CDATA[x]]><?pi?></message>", "<iq>&entity;</iq>"],
    "policy-violation": [
        "<message><body>" + "x" * 600_000,
        "<message>" + "<a>" * 5000,
        "<message>" + "<b/>" * 300_000,
        f"<message a='{'y' * 600_000}",
    ],
    "unsupported-stanza-type": ["<other/>", "<iq xmlns='jabber:server' type='get' id='1'/>"],
    "bad-format": ["hello"],
    "invalid-from": ["<message from='somebody@else.example' to='a@localhost'><body>x</body></message>"],
}


async def ended(raw, condition, text):
    """Exactly one error, of this kind, then the end of stream and connection."""
    try:
        raw.send(text)
        await raw.writer.drain()
    except ConnectionError:
        pass
    rest = (await raw.everything()).decode()
    what = text[len(HEADER) :][:40] if text.startswith(HEADER) else text[:40]
    assert rest.count("<stream:error>") == 1 and f"<{condition} " in rest, f"{condition} for {what!r}: {rest[-300:]}"
    assert rest.endswith("</stream:error></stream:stream>"), rest[-100:]
    raw.cut()


async def test_a_hundred_bad_connections_are_told_why_and_leave_nothing(reef):
    await reef.users("good", "other", "bad")
    good, other = await Client(reef, "good").login(), await Client(reef, "other").login()
    await good.post("0")
    await other.follow(good)
    before = reef.memory()

    async def early(condition, text):
        await ended(await Raw(reef).connect(), condition, text)

    async def late(number, condition, text):
        await ended(await Raw(reef).login("bad", f"r{number}"), condition, text)

    rounds = 0
    while rounds < 100:
        for cases in (
            [early(c, t) for c, texts in BEFORE.items() for t in texts],
            [late(rounds + n, c, t) for n, (c, t) in enumerate((c, t) for c, ts in AFTER.items() for t in ts)],
        ):
            await asyncio.gather(*cases)
            rounds += len(cases)
    endless = [await Raw(reef).login("bad", f"e{n}") for n in range(8)]
    await asyncio.gather(*(flood(raw) for raw in endless))
    await good.post("1")
    await other.got("1")
    await good.sync()
    grown = reef.memory() - before
    assert grown < MEMORY_MAX, f"{grown >> 20} MiB more than before"
    await good.quit()
    await other.quit()


async def flood(raw):
    """Never ends its stanza, and never reads."""
    try:
        raw.send("<message><body>")
        for _ in range(500):
            raw.send("flood " * 10_000)
            await asyncio.wait_for(raw.writer.drain(), 10)
    except (ConnectionError, TimeoutError):
        pass
    raw.cut()


async def test_more_requests_than_may_be_under_way_are_all_answered(reef):
    """They are not read before others are answered, and then they are, though nothing more comes on the socket."""
    await reef.users("hasty")
    for round_ in range(3):
        hasty = await Raw(reef).login("hasty", f"h{round_}")
        count = 640
        for n in range(count):
            hasty.publish(f"{round_}-{n}", "x" * 100, "hasty")
        got = [(await hasty.stanza()).get("id") for _ in range(count)]
        assert got == [f"{round_}-{n}" for n in range(count)]
        hasty.cut()


async def test_one_who_does_not_read_is_cut_off_and_others_are_served(reef):
    await reef.users("deaf", "talker")
    deaf, talker = await Raw(reef).login("deaf", "x"), await Client(reef, "talker").login()
    deaf.send("<presence/>")
    await deaf.stanza()
    for _ in range(60):
        talker.send_message("deaf@localhost/x", "x" * 100_000, mtype="chat")
    await talker.sync()
    text = (await deaf.everything()).decode(errors="replace")
    assert text.count("</message>") < 60, "it got everything"
    await talker.quit()


async def test_one_who_asks_and_reads_late_is_slowed_and_gets_every_answer(reef):
    await reef.users("late")
    late = await Raw(reef).login("late", "x")
    await late_asks(late, 3_000)


async def late_asks(late, count):
    """Asks for more than fits any buffer before the first answer is read."""
    disco = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
    asked = asyncio.ensure_future(ask(late, count, disco))
    got = 0
    while got < count:
        stanza = await late.stanza()
        assert stanza.get("id") == f"d{got}", stanza.get("id")
        got += 1
    await asked


async def ask(late, count, payload):
    late.send("".join(f"<iq type='get' id='d{n}' to='localhost'>{payload}</iq>" for n in range(count)))
    await late.writer.drain()
