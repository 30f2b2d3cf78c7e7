"""Our session with the SMSC of the npm package `smpp`, which has its own codec: each reads what the other writes."""

import signal

from world import CODE, EMOJI, GSM, PHONE, Npm

FIXTURES = {"": Npm}
NUMBER = PHONE.lstrip("+")


async def submitted(npm, parts):
    return [await npm.event("submit") for _ in range(parts)]


async def test_a_long_text_is_in_parts_with_headers(npm):
    await npm.esme.say(f"send {PHONE} {GSM.strip()}")
    first = await npm.event("submit")
    header = bytes.fromhex(first["udh"][0])
    parts = [first, *await submitted(npm, header[-2] - 1)]
    assert "".join(part["text"] for part in parts) == GSM.strip()
    assert [(bytes.fromhex(part["udh"][0])[-1], part["esm_class"], part["data_coding"]) for part in parts] == [
        (number, 0x40, 0) for number in range(1, len(parts) + 1)
    ]
    assert {(part["to"], part["ton"], part["from"], part["registered"]) for part in parts} == {(NUMBER, 1, CODE, 1)}
    for _ in parts:
        assert (await npm.esme.until("answered")).split()[2] == "0x0"


async def test_emoji_are_whole_in_each_part(npm):
    await npm.esme.say(f"send {PHONE} {EMOJI.strip()}")
    first = await npm.event("submit")
    parts = [first, *await submitted(npm, bytes.fromhex(first["udh"][0])[-2] - 1)]
    text = "".join(part["text"] for part in parts)
    assert text == EMOJI.strip().replace("—", "-"), text
    assert {part["data_coding"] for part in parts} == {8}
    assert not any("\ud800" <= character <= "\udfff" for part in parts for character in part["text"])


async def test_parameters_and_payload_are_read(npm):
    for flag in ("--sar", "--payload"):
        esme = await npm.session(flag)
        await esme.until("bound")
        await esme.say(f"send {PHONE} {GSM.strip()}")
        first = await npm.event("submit")
        more = first["sar"][1] - 1 if first["sar"] else 0
        parts = [first, *await submitted(npm, more)]
        assert "".join(part["text"] for part in parts) == GSM.strip(), flag
        assert [part["sar"] and part["sar"][2] for part in parts] == ([None] if flag == "--payload" else list(range(1, more + 2)))
        await esme.close(signal.SIGINT)
        await npm.event("unbound")
        # Messages come by whoever bound last.
        npm.smsc.taken = len(npm.smsc.lines)
    await npm.esme.close(signal.SIGINT)
    npm.esme = await npm.session()
    await npm.esme.until("bound")


async def test_errors_come_with_their_status(npm):
    await npm.order(status=0x58)
    await npm.esme.say(f"send {PHONE} throttled")
    assert (await npm.esme.until("answered")).split()[2] == "0x58"
    await npm.order(status=0)
    await npm.esme.say(f"send {PHONE} taken")
    assert (await npm.esme.until("answered")).split()[2] == "0x0"


async def test_receipts_are_read_from_text_and_from_parameters(npm):
    text = "id:00000000A7 sub:001 dlvrd:001 submit date:2611231200 done date:2611231201 stat:DELIVRD err:000 text:hi"
    await npm.order(deliver={"source_addr": NUMBER, "destination_addr": CODE, "esm_class": 4, "short_message": text})
    assert await npm.esme.until("receipt") == "receipt DELIVRD a7 167"
    told = {"receipted_message_id": "A7", "message_state": 5}
    for order in ("deliver", "data"):
        body = {"source_addr": NUMBER, "destination_addr": CODE, "esm_class": 4, **told}
        await npm.order(**{order: body if order == "data" else {**body, "short_message": ""}})
        assert await npm.esme.until("receipt") == "receipt UNDELIV a7 167", order
    for _ in range(3):
        assert (await npm.event("delivered"))["status"] == 0


async def test_messages_from_phones_are_put_together(npm):
    halves = "Grüße an alle: ", "😀 und жизнь"
    for number, text in ((2, halves[1]), (1, halves[0])):
        body = {"udh": f"05000307020{number}", "message": text}
        await npm.order(deliver={"source_addr": NUMBER, "source_addr_ton": 1, "destination_addr": CODE, "esm_class": 0x40, "data_coding": 8, "short_message": body})
    assert await npm.esme.until("text") == f'text {PHONE} {CODE} "{"".join(halves)}"'
    await npm.order(deliver={"source_addr": NUMBER, "source_addr_ton": 1, "destination_addr": CODE, "short_message": "STOP [now] €"})
    assert await npm.esme.until("text") == f'text {PHONE} {CODE} "STOP [now] €"'


async def test_enquiries_and_malformed_messages_do_not_end_the_session(npm):
    await npm.order(enquire=True)
    await npm.event("enquire answered")
    await npm.order(raw="00000016" + "00000005" + "00000000" + "00000099" + "000101313233")
    await npm.esme.until("malformed")
    await npm.order(raw="00000010" + "000000ee" + "00000000" + "0000009a")
    await npm.esme.say(f"send {PHONE} still here")
    assert (await npm.event("submit"))["text"] == "still here"


async def test_silence_is_enquired_about(npm):
    esme = await npm.session("--enquire", "1")
    await esme.until("bound")
    await npm.event("enquired")
    await esme.close(signal.SIGINT)
    await npm.event("unbound")


async def test_an_unbind_and_a_kill_are_followed_by_a_bind(npm):
    await npm.esme.close(signal.SIGINT)
    npm.esme = await npm.session()
    await npm.esme.until("bound")
    await npm.order(unbind=True)
    await npm.event("unbind answered")
    await npm.esme.until("bound")
    await npm.order(silent=True)
    await npm.esme.say(f"send {PHONE} in doubt")
    await npm.event("submit")
    await npm.smsc.close(signal.SIGKILL)
    await npm.esme.until("in-doubt")
    await npm.smsc_anew()
    await npm.esme.until("bound")


async def test_a_wrong_password_is_told(npm):
    esme = await npm.session(password="wrong")
    assert "Refused(14)" in await esme.until("lost")
    await esme.close(signal.SIGINT)
    assert "stopped" in esme.lines[-2]
