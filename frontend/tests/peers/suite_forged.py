"""What no honest server does, by a server of bytes: nothing of it is believed, and each has its error. Whichever way
domains are proved; what is particular to either is in suite_forged_keys.py and suite_forged_certificates.py.
"""

import ssl
from xml.etree.ElementTree import ParseError

from forge import SERVER
from forger import MESSAGE, Forger
from people import bodies, reef_only, say
from raw import Closed
from world import World

FIXTURES = {"dialback": lambda: World(None, dialback=True), "certificates": lambda: World(None)}


async def test_who_proves_himself_is_believed(world):
    """What the other tests do wrong, done right."""
    async with Forger(world, "honest") as honest:
        wire = await honest.proved()
        honest.write(wire, "good day")
        await honest.victim.until(lambda: bodies(honest.victim) == ["good day"], "the message")


async def test_a_sender_whose_domain_was_not_proved_ends_the_stream(world):
    for sender in ("president@whitehouse.example", "x@pubsub.own", "", "@@"):
        async with Forger(world, f"lies{len(sender)}") as forger:
            wire = await forger.proved()
            forger.write(wire, "believe me", sender.replace("own", forger.domain))
            await forger.shut_out(wire, "invalid-from" if "." in sender else "improper-addressing")


@reef_only
async def test_a_sender_of_this_server_ends_the_stream(world):
    async with Forger(world, "inside") as forger:
        wire = await forger.proved()
        forger.write(wire, "it is me", f"admin@{world.here.domain}")
        await forger.shut_out(wire, "invalid-from")


@reef_only
async def test_a_wrapped_stanza_of_another_domain_is_refused_and_the_stream_stays(world):
    """XEP-0297: what is forwarded has a sender, too."""
    async with Forger(world, "wraps") as forger:
        wire = await forger.proved()
        inner = MESSAGE.format("president@whitehouse.example", forger.victim.bare, "believe me")
        for around in ("{}", "<received xmlns='urn:xmpp:carbons:2'>{}</received>", "<a xmlns='urn:a'><b>{}</b></a>"):
            wrapped = around.format(f"<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded>")
            wire.send(f"<message type='chat' id='w' from='x@{forger.domain}' to='{forger.victim.bare}'>"
                      f"<body>see</body>{wrapped}</message>")
        forger.write(wire, "after")
        await forger.victim.until(lambda: "after" in bodies(forger.victim), "the message after")
        assert bodies(forger.victim) == ["after"], bodies(forger.victim)
        _, _, refused = await forger.home.happened("stanza")
        error = refused.find(f"{{{SERVER}}}error")
        assert refused.get("type") == "error" and error.get("type") == "cancel", refused.attrib
        assert error.find("{urn:ietf:params:xml:ns:xmpp-stanzas}not-allowed") is not None, error


async def test_nothing_is_taken_before_anything_is_proved(world):
    async with Forger(world, "early") as forger:
        wire = await forger.encrypted()
        forger.write(wire, "believe me")
        await forger.shut_out(wire, "not-authorized")


async def test_nothing_can_be_proved_without_encryption(world):
    async with Forger(world, "plain") as forger:
        wire = await (await forger.dialled()).begin(forger.domain, world.here.domain)
        if world.reef:
            assert wire.mechanisms() == [] and not wire.offers("{urn:xmpp:features:dialback}dialback"), wire.features
        wire.send(f"<db:result from='{forger.domain}' to='{world.here.domain}'>{forger.key(wire)}</db:result>")
        forger.write(wire, "believe me")
        await forger.shut_out(wire, "policy-violation", "not-authorized")


async def test_what_is_injected_behind_starttls_is_not_read_as_encrypted(world):
    """CVE-2011-0411 and its kin: bytes that came before encryption are never part of what is encrypted."""
    async with Forger(world, "injects") as forger:
        here = world.here.domain
        wire = await (await forger.dialled()).begin(forger.domain, here)
        inject = f"<db:verify from='{forger.domain}' to='{here}' id='injected'>x</db:verify>"
        try:
            await wire.secure(forger.cert, forger.private, inject)
            await wire.begin(forger.domain, here)
            wire.send(f"<db:verify from='{forger.domain}' to='{here}' id='after'>x</db:verify>")
            answer = await wire.stanza()
            assert answer.get("id") != "injected", "what was injected has been answered"
        except (Closed, ConnectionError, ssl.SSLError, ParseError):
            return
        assert not world.reef, "the stream went on"


@reef_only
async def test_what_is_injected_behind_proceed_is_not_read_as_encrypted(world):
    async with Forger(world, "pours") as forger:
        forger.home.after_proceed = (
            b"<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
            b"<dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"
        )
        await say(forger.victim, f"x@{forger.domain}", "secret")
        await forger.home.happened("ended")
        assert not any(entry[0] in ("encrypted", "stanza", "result") for entry in forger.home.log), forger.home.log


async def test_a_stream_to_or_from_the_wrong_domain_is_refused(world):
    async with Forger(world, "lost") as forger:
        for me, to, condition in (
            (forger.domain, "nobody.example", "host-unknown"),
            (world.here.domain, world.here.domain, "invalid-from"),
            ("not a domain", world.here.domain, "improper-addressing"),
        ):
            wire = await forger.dialled()
            wire.header(**{"from": me, "to": to})
            if world.reef or condition == "host-unknown":
                assert await wire.ended() == condition, (me, to)
