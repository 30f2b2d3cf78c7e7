"""smpplib, a client in Python, bound to our SMSC; and octets that no client sends."""

import asyncio
import struct

from world import CODE, EMOJI, PHONE, Smpplib

FIXTURES = {"": Smpplib}
NUMBER = PHONE.lstrip("+")


class Session:
    """smpplib waits where it reads, so it does that in a thread."""

    def __init__(self, port):
        import smpplib.client

        self.client = smpplib.client.Client("127.0.0.1", port, timeout=10, allow_unknown_opt_params=True)
        self.sent, self.came = [], []
        self.client.set_message_sent_handler(lambda pdu, **_: self.sent.append(pdu))
        self.client.set_message_received_handler(lambda pdu, **_: self.came.append(pdu) or 0)
        self.client.connect()
        self.client.bind_transceiver(system_id="reef", password="secret")

    def send(self, text, **how):
        import smpplib.gsm

        parts, coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            self.client.send_message(
                source_addr=CODE, dest_addr_ton=1, dest_addr_npi=1, destination_addr=NUMBER,
                short_message=part, data_coding=coding, esm_class=esm_class, registered_delivery=True, **how,
            )
        return len(parts)

    def read_until(self, holds):
        while not holds():
            self.client.read_once()

    def close(self):
        self.client.unbind()
        self.client.disconnect()


async def with_session(ours, talk):
    def run():
        session = Session(ours.port)
        try:
            return talk(session)
        finally:
            session.close()

    return await asyncio.to_thread(run)


async def test_long_texts_arrive_and_their_receipts_name_them(ours):
    def talk(session):
        counts = [session.send("Plain text without any surprises. " * 9), session.send(EMOJI)]
        session.read_until(lambda: len(session.sent) == sum(counts) and len(session.came) == sum(counts))
        ids = {pdu.message_id for pdu in session.sent}
        assert ids == {pdu.receipted_message_id for pdu in session.came}, ids
        assert all(pdu.message_state == 2 and pdu.esm_class == 4 for pdu in session.came)

    talked = asyncio.create_task(with_session(ours, talk))
    assert (await ours.text())[3] == "Plain text without any surprises. " * 9
    assert (await ours.text())[3] == EMOJI
    await talked


async def test_a_message_from_a_phone_arrives(ours):
    await ours.smsc.say(f"mo {PHONE} Hello, reef")

    def talk(session):
        session.read_until(lambda: session.came)
        (pdu,) = session.came
        assert (pdu.short_message, pdu.source_addr, pdu.destination_addr) == (b"Hello, reef", NUMBER.encode(), CODE.encode())

    await with_session(ours, talk)


async def test_errors_and_throttling_are_understood(ours):
    import smpplib.exceptions

    def talk(session):
        refused = []
        session.client.set_error_pdu_handler(lambda pdu, **_: refused.append((pdu.command, pdu.status)))
        for text in ("!throttle", "!error", "!nack"):
            session.send(text)
            session.client.read_once()
        assert [status for _, status in refused] == [0x58, 0x45, 0x08], refused

    await with_session(ours, talk)


async def test_a_wrong_password_is_refused(ours):
    import smpplib.client
    import smpplib.exceptions

    def run():
        client = smpplib.client.Client("127.0.0.1", ours.port, timeout=10)
        client.connect()
        try:
            client.bind_transceiver(system_id="reef", password="wrong")
        except smpplib.exceptions.PDUError as error:
            return error.args[1]
        finally:
            client.state = 0
            client.disconnect()

    assert await asyncio.to_thread(run) == 0x0E


def command(number, sequence, body=b"", length=None):
    return struct.pack(">IIII", length if length is not None else 16 + len(body), number, 0, sequence) + body


BIND = command(9, 1, b"reef\0secret\0\0\x34\0\0\0")


async def answers(ours, *sent):
    """What comes back after a bind: command, status, sequence; until the end, if that comes first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
    writer.write(BIND + b"".join(sent) + command(6, 99))
    found = []
    async with asyncio.timeout(10):
        try:
            while True:
                length, *header = struct.unpack(">IIII", await reader.readexactly(16))
                await reader.readexactly(length - 16)
                found.append(tuple(header))
        except asyncio.IncompleteReadError:
            pass
    writer.close()
    assert found[0] == (0x80000009, 0, 1), found
    return found[1:]


async def test_unknown_commands_and_bodies_are_refused_and_the_session_goes_on(ours):
    found = await answers(ours, command(0x77, 2), command(4, 3, b"\0\x01\x01no end"), command(0x15, 4))
    assert found == [(0x80000000, 3, 2), (0x80000000, 8, 3), (0x80000015, 0, 4), (0x80000006, 0, 99)]


async def test_impossible_lengths_are_refused_and_end_the_session(ours):
    for length in (3, 15, 65537, 0xFFFFFFFF):
        assert await answers(ours, command(0x15, 7, length=length)) == [(0x80000000, 2, 7)], length


async def test_a_submit_without_a_bind_is_refused(ours):
    reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
    writer.write(command(4, 5, b"\0\x00\x0140404\0\x01\x01491700000001\0\0\0\0\0\0\0\0\0\0\x02hi"))
    assert struct.unpack(">IIII", await asyncio.wait_for(reader.readexactly(16), 10))[1:] == (0x80000004, 4, 5)
    writer.close()
