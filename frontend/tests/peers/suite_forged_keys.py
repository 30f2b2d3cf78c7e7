"""Dialback (XEP-0220) with keys that prove nothing: it is said so, and the stream ends."""

from forger import Forger
from people import say
from world import World

FIXTURES = {"dialback": lambda: World(None, dialback=True)}


async def test_a_wrong_key_is_refused(world):
    async with Forger(world, "wrongkey") as forger:
        wire = await forger.encrypted()
        assert await wire.result(forger.domain, world.here.domain, "0" * 64) == "invalid"
        assert ("verify", world.here.domain, False) in forger.home.log, forger.home.log
        forger.write(wire, "believe me")
        await forger.shut_out(wire, None)


async def test_the_key_of_another_stream_is_refused(world):
    async with Forger(world, "replays") as forger:
        first, second = await forger.encrypted(), await forger.encrypted()
        proof = forger.key(first)
        assert await first.result(forger.domain, world.here.domain, proof) == "valid"
        assert await second.result(forger.domain, world.here.domain, proof) == "invalid"
        forger.write(second, "believe me")
        await forger.shut_out(second, None)


async def test_another_domains_key_is_refused(world):
    """The victim's own server is asked, not who dialled."""
    async with Forger(world, "bank") as bank, Forger(world, "thief") as thief:
        wire = await thief.encrypted(bank.domain)
        assert await wire.result(bank.domain, world.here.domain, thief.key(wire, bank.domain) + "x") == "invalid"
        assert ("verify", bank.here, False) in bank.home.log and thief.home.log == []
        bank.write(wire, "send money")
        await bank.shut_out(wire, None)


async def test_only_keys_that_were_made_for_a_stream_are_confirmed(world):
    """As the authoritative server: its own key for that stream, and no other."""
    async with Forger(world, "asks") as asks:
        await say(asks.victim, f"x@{asks.domain}", "hello")
        await asks.home.happened("stanza")
        (ident, here, proof), *_ = asks.home.keys
        wire = await asks.encrypted()
        assert here == world.here.domain
        assert await wire.verify(asks.domain, here, ident, proof) == "valid"
        for wrong in ((f"{ident}x", proof), (ident, f"{proof[:-1]}{'0' if proof[-1] != '0' else '1'}")):
            assert await wire.verify(asks.domain, here, *wrong) == "invalid", wrong
