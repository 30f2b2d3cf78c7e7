"""Kannel, which carries texts in earnest, bound to our SMSC: what it cuts we put together, and the other way round."""

from world import CODE, EMOJI, GSM, PHONE, Kannel

# Kannel has to be told in which base ids are written: bit 0 is set where it is hexadecimal in answers, bit 1 in receipts.
FIXTURES = {
    "hex, then decimal": lambda: Kannel(0x01, "--ids", "hex-decimal"),
    "text, decimal, then hex": lambda: Kannel(0x02, "--receipts", "text", "--ids", "decimal-hex"),
}


async def receipts(kannel, state):
    """8 says that the SMSC took it, 1 that it arrived, 2 that it did not. Kannel asks for a receipt of one part only."""
    seen = [(await kannel.called("/dlr"))["state"] for _ in range(2)]
    assert sorted(seen) == sorted(["8", state]), seen


async def test_a_long_text_in_the_gsm_alphabet_arrives_whole(kannel):
    await kannel.send(GSM, 0)
    source, to, parts, text = await kannel.text()
    assert (source, to, text) == (CODE, PHONE, GSM), text
    assert parts == 3
    await receipts(kannel, "1")


async def test_a_long_text_with_emoji_arrives_whole(kannel):
    await kannel.send(EMOJI, 2)
    *_, text = await kannel.text()
    assert text == EMOJI, text
    await receipts(kannel, "1")


async def test_a_receipt_of_what_did_not_arrive_says_so(kannel):
    await kannel.send("!undeliv", 0)
    await kannel.text()
    await receipts(kannel, "2")


async def test_a_text_from_a_phone_is_put_together_and_answered(kannel):
    kannel.reply = "Danke für 5 € [und alles]".encode()
    await kannel.smsc.say(f"mo {PHONE} {GSM.strip()}")
    call = await kannel.called("/mo")
    assert call["to"] == CODE and call["from"].lstrip("+") == PHONE.lstrip("+")
    assert call["text"].encode("latin-1").decode(call["charset"]) == GSM.strip(), call
    assert (await kannel.text())[3] == "Danke für 5 € [und alles]"


async def test_emoji_from_a_phone_are_put_together(kannel):
    kannel.reply = b""
    await kannel.smsc.say(f"mo {PHONE} {EMOJI.strip()}")
    call = await kannel.called("/mo")
    assert call["text"].encode("latin-1").decode(call["charset"]) == EMOJI.strip(), call


async def test_kannel_comes_back_after_a_cut_and_an_unbind(kannel):
    for order in ("cut", "unbind"):
        binds = (await kannel.counts())["binds"]
        await kannel.smsc.say(order)
        while (await kannel.counts())["binds"] == binds:
            pass
        await kannel.send(f"after the {order}", 0)
        assert (await kannel.text())[3] == f"after the {order}"


async def test_everything_was_acknowledged_and_nothing_refused(kannel):
    counts = await kannel.counts()
    assert counts["nacks"] == 0 and counts["rejected"] == 0 and counts["throttled"] == 0, counts
