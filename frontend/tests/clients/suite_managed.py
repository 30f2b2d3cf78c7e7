"""Stream management (XEP-0198): a connection that is cut is resumed; nothing is lost and nothing comes twice."""

from client import Client
from raw import PLAIN, Raw, item_ids
from slixmpp.xmlstream.xmlstream import ET

SM = "{urn:xmpp:sm:3}"
SETS = PLAIN


async def resume(client):
    """The socket dies; the client comes back with what it knows of its stream."""
    client.events.clear()
    client.cut()
    await client.happens("disconnected")
    return client


async def reconnect(client):
    client.connect("127.0.0.1", client.reef.port)
    await client.happens("session_resumed")


async def test_a_resumed_session_has_missed_nothing_and_gets_nothing_twice(reef):
    await reef.users("juliet", "romeo")
    juliet, romeo = await Client(reef, "juliet").login(), await Client(reef, "romeo", managed=True).login()
    await romeo.happens("sm_enabled")
    await juliet.post("0")
    await romeo.follow(juliet)
    idents, texts = [], []
    for round_ in range(3):
        for n in range(10):
            idents.append(f"r{round_}n{n}")
            await juliet.post(idents[-1])
            if n == 4:
                # In the middle, and perhaps before it has acknowledged what it has.
                await resume(romeo)
        texts.append(f"m{round_}")
        juliet.send_message(romeo.bare, texts[-1], mtype="chat")
        await juliet.sync()
        await reconnect(romeo)
        # A resumed session is still available: nobody had to be told.
        await romeo.until(lambda: len(romeo.messages) == round_ + 1, "message")
    await romeo.got(*idents)
    assert [m["body"] for m in romeo.messages] == texts
    await juliet.quit()
    await romeo.quit()


async def test_more_than_a_queue_holds_is_caught_up_after_resumption(reef):
    await reef.users("busy", "patient")
    busy, patient = await Raw(reef).login("busy", "x"), await Client(reef, "patient", managed=True).login()
    busy.publish("0", "0", "busy")
    await busy.stanza()
    await patient["xep_0060"].subscribe("busy@localhost", "urn:xmpp:microblog:0")
    await resume(patient)
    idents = [f"b{n}" for n in range(900)]
    for ident in idents:
        busy.publish(ident, ident, "busy")
    for _ in idents:
        assert (await busy.stanza()).get("type") == "result"
    await reconnect(patient)
    await patient.got(*idents)
    busy.cut()
    await patient.quit()


async def test_stanzas_that_follow_resume_at_once_are_handled(reef):
    """A client may send before it has seen `<resumed/>`: what comes behind it belongs to the resumed session."""
    await reef.users("eager")
    first = await Raw(reef).login("eager", "x")
    first.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    ident = (await first.stanza()).get("id")
    first.cut()
    second = await Raw(reef).connect()
    await second.authenticate("eager")
    second.send(
        f"<resume xmlns='urn:xmpp:sm:3' h='0' previd='{ident}'/>"
        "<iq type='get' id='behind'><ping xmlns='urn:xmpp:ping'/></iq><r xmlns='urn:xmpp:sm:3'/>"
    )
    answers = [await second.stanza() for _ in range(3)]
    assert [a.tag for a in answers] == [f"{SM}resumed", "{jabber:client}iq", f"{SM}a"], answers
    assert (answers[1].get("id"), answers[2].get("h")) == ("behind", "1")
    second.cut()


async def test_a_false_resumption_fails_and_bind_still_works(reef):
    await reef.users("stranger")
    raw = await Raw(reef).connect()
    await raw.authenticate("stranger")
    raw.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='nothing'/>")
    assert (await raw.stanza()).find("{urn:ietf:params:xml:ns:xmpp-stanzas}item-not-found") is not None
    raw.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    assert (await raw.stanza()).get("type") == "result"
    raw.send("<enable xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='5'/>")
    await raw.stanza()
    error = await raw.stanza()
    assert "undefined-condition" in ET.tostring(error).decode()


async def test_what_was_acknowledged_is_not_sent_again_to_a_new_session(reef):
    """Without resumption the cursor says it: what is not acknowledged comes again, the rest does not."""
    await reef.users("teller", "listener")
    teller, listener = await Raw(reef).login("teller", "x"), await Raw(reef).login("listener", "phone")
    teller.publish("0", "0", "teller")
    await teller.stanza()
    listener.send("<presence/>")
    listener.follow("teller", "listener")
    await listener.answer("follow-teller")
    listener.send("<enable xmlns='urn:xmpp:sm:3'/>")
    while not (await listener.stanza()).tag == f"{SM}enabled":
        pass
    for n in range(6):
        teller.publish(f"t{n}", "t", "teller")
        await teller.stanza()
    seen = []
    while len(seen) < 6:
        seen += item_ids(await listener.stanza())
    assert seen == [f"t{n}" for n in range(6)], seen
    listener.send("<a xmlns='urn:xmpp:sm:3' h='3'/><iq type='get' id='done'><ping xmlns='urn:xmpp:ping'/></iq>")
    await listener.answer("done")
    listener.cut()
    again = await Raw(reef).login("listener", "phone")
    again.send("<presence/>")
    teller.publish("last", "t", "teller")
    seen = []
    while "last" not in seen:
        seen += item_ids(await again.stanza())
    assert seen == ["t3", "t4", "t5", "last"], seen
