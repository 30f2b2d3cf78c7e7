"""Streams between servers, as the peer sees them: who dials, and who proves himself how."""

from people import bodies, far, leave, meet, say
from world import World


def worlds():
    loud = {"prosody": {"level": "debug"}}
    made = {}
    for there in ("prosody", "ejabberd"):
        made[f"certificates-{there}"] = lambda there=there: World(there, there_with=loud)
        made[f"dialback-{there}"] = lambda there=there: World(there, there_with=loud, dialback=True)
    return made


FIXTURES = worlds()


def expected(world):
    return "dialback" if world.dialback else "EXTERNAL"


async def test_what_starts_here_is_proved_to_the_peer_and_arrives(world):
    juliet, romeo = await meet(world, "juliet", "romeo")
    await say(juliet, romeo.bare, "from here")
    await romeo.until(lambda: bodies(romeo) == ["from here"], "the message")
    assert world.there.proofs(world.here.domain)["in"] == expected(world), world.there.proofs(world.here.domain)
    await leave(juliet, romeo)


async def test_what_starts_there_is_dialled_by_the_peer_and_arrives(world):
    viola, orsino = await meet(world, "viola", "orsino")
    await say(orsino, viola.bare, "from there")
    await viola.until(lambda: bodies(viola) == ["from there"], "the message")
    assert world.there.proofs(world.here.domain)["out"] == expected(world), world.there.proofs(world.here.domain)
    await leave(viola, orsino)


async def test_the_peer_finds_a_service_by_its_own_name_and_is_answered(world):
    """`pubsub.` of either side has names, a place in the certificate, and streams of its own."""
    beatrice, benedick = await meet(world, "beatrice", "benedick")
    for asks, domain in ((beatrice, world.there.domain), (benedick, world.here.domain)):
        for name in (domain, f"pubsub.{domain}"):
            await far(asks, name)
            info = await asks["xep_0030"].get_info(name, timeout=10)
            kinds = {identity[:2] for identity in info["disco_info"]["identities"]}
            assert (("server", "im") if name == domain else ("pubsub", "service")) in kinds, (name, kinds)
    await leave(beatrice, benedick)
