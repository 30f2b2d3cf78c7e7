"""Certificates that prove nothing, where dialback is not allowed."""

from forge import STREAMS
from forger import EVIL, Forger
from people import bodies, reef_only, say
from raw import Closed
from world import World

FIXTURES = {"certificates": lambda: World(None)}


async def test_a_certificate_for_another_name_proves_nothing(world):
    for name, names, expired in (("other", [f"somebody.{EVIL}"], False), ("old", [], True), ("sub", [f"a.sub.{EVIL}"], False)):
        async with Forger(world, name, *names, expired=expired) as forger:
            wire = await (await forger.dialled()).begin(forger.domain, world.here.domain)
            await wire.secure(forger.cert, forger.private)
            await wire.begin(forger.domain, world.here.domain)
            if world.reef:
                assert "EXTERNAL" not in wire.mechanisms(), name
            try:
                assert await wire.external(forger.domain) in ("failure", f"{STREAMS}error"), name
                forger.write(wire, "believe me")
                await wire.ended()
            except (Closed, ConnectionError):
                pass
            await forger.victim.sync()
            assert bodies(forger.victim) == [], name


async def test_nothing_is_sent_to_who_shows_a_certificate_for_another_name(world):
    async with Forger(world, "receives", f"somebody.{EVIL}") as forger:
        await say(forger.victim, f"x@{forger.domain}", "secret")
        await forger.home.happened("ended")
        assert not any(entry[0] == "stanza" for entry in forger.home.log), forger.home.log


@reef_only
async def test_external_is_believed_for_the_streams_domain_only(world):
    async with Forger(world, "signs") as forger:
        wire = await forger.encrypted()
        assert await wire.external(f"bank.{EVIL}") == "failure"
