"""Messages (RFC 6121 §8.5, XEP-0160): to bare and full JIDs, and to who is away."""

from client import Client


def bodies(client):
    return [m["body"] for m in client.messages if m["type"] != "error"]


async def test_bare_full_and_negative(reef):
    await reef.users("juliet", "romeo")
    juliet = await Client(reef, "juliet").login()
    phone = await Client(reef, "romeo", "phone").login()
    laptop = await Client(reef, "romeo", "laptop").login()
    quiet = await Client(reef, "romeo", "quiet").login(priority=-5)
    juliet.send_message("romeo@localhost", "to all", mtype="chat")
    juliet.send_message("romeo@localhost/phone", "to one", mtype="chat")
    juliet.send_message("romeo@localhost/gone", "to one who is gone", mtype="chat")
    juliet.send_message("romeo@localhost/quiet", "to the quiet", mtype="chat")
    juliet.send_message("romeo@localhost", "head", mtype="headline")
    juliet.send_message("romeo@localhost/gone", "to nobody", mtype="headline")
    juliet.send_message("romeo@localhost", "end", mtype="chat")
    await phone.until(lambda: "end" in bodies(phone), "end")
    await laptop.until(lambda: "end" in bodies(laptop), "end")
    await quiet.until(lambda: "to the quiet" in bodies(quiet), "to the quiet")
    await quiet.sync()
    assert bodies(phone) == ["to all", "to one", "to one who is gone", "head", "end"], bodies(phone)
    assert bodies(laptop) == ["to all", "to one who is gone", "head", "end"], bodies(laptop)
    assert bodies(quiet) == ["to the quiet"], bodies(quiet)
    assert phone.messages[0]["from"] == juliet.boundjid
    for client in (juliet, phone, laptop, quiet):
        await client.quit()


async def test_messages_wait_for_who_is_away_and_come_once_in_order_with_delay(reef):
    await reef.users("sender", "sleeper")
    sender = await Client(reef, "sender").login()
    for n in range(5):
        sender.send_message("sleeper@localhost", f"m{n}", mtype="chat" if n % 2 else "normal")
    sender.send_message("sleeper@localhost", "no headline", mtype="headline")
    sender.send_message("sleeper@localhost/phone", "m5", mtype="chat")
    await sender.sync()
    low = await Client(reef, "sleeper", "low").login(priority=-1)
    await low.sync()
    assert bodies(low) == []
    sleeper = await Client(reef, "sleeper").login()
    await sleeper.until(lambda: len(sleeper.messages) >= 6, "six messages")
    assert bodies(sleeper) == [f"m{n}" for n in range(6)], bodies(sleeper)
    assert all(m["delay"]["stamp"] for m in sleeper.messages)
    await sleeper.quit()
    again = await Client(reef, "sleeper").login()
    sender.send_message(again.bare, "now", mtype="chat")
    await again.until(lambda: again.messages, "now")
    assert bodies(again) == ["now"]
    for client in (sender, again, low):
        await client.quit()


async def test_what_cannot_be_delivered_comes_back(reef):
    await reef.users("lonely")
    lonely = await Client(reef, "lonely").login()
    lonely.send_message("nobody@localhost", "hello?", mtype="chat")
    lonely.send_message("someone@elsewhere.example", "hello?", mtype="chat")
    lonely.send_message("nobody@localhost", "silence", mtype="headline")
    await lonely.until(lambda: len(lonely.messages) == 2, "errors")
    conditions = {m["from"].bare: m["error"]["condition"] for m in lonely.messages}
    assert conditions == {
        "nobody@localhost": "service-unavailable",
        "someone@elsewhere.example": "remote-server-not-found",
    }, conditions
    await lonely.quit()


async def test_a_managed_client_that_leaves_gets_no_message_twice(reef):
    """What it got and was never asked about must not be kept for it."""
    await reef.users("chatty", "managed")
    chatty, managed = await Client(reef, "chatty").login(), await Client(reef, "managed", managed=True).login()
    await managed.happens("sm_enabled")
    for n in range(3):
        chatty.send_message(managed.bare, f"m{n}", mtype="chat")
    await managed.until(lambda: len(managed.messages) == 3, "three messages")
    await managed.sync()
    await managed.quit()
    managed = await Client(reef, "managed").login()
    chatty.send_message(managed.bare, "new", mtype="chat")
    await managed.until(lambda: "new" in bodies(managed), "new")
    assert bodies(managed) == ["new"], bodies(managed)
    await chatty.quit()
    await managed.quit()
