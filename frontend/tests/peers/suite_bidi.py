"""Bidirectional streams (XEP-0288), which Prosody offers and asks for: whoever dials, the answer takes the same stream."""

from people import bodies, far, leave, meet, say
from world import World

BIDI = {"prosody": {"bidi": True, "level": "debug"}}
FIXTURES = {"prosody": lambda: World("prosody", here_with=BIDI, there_with=BIDI)}


async def test_the_answer_takes_the_stream_that_was_dialled_from_here(world):
    juliet, romeo = await meet(world, "juliet", "romeo")
    await say(juliet, romeo.bare, "art thou not Romeo")
    await romeo.until(lambda: bodies(romeo), "the message")
    await say(romeo, juliet.bare, "neither")
    await juliet.until(lambda: bodies(juliet) == ["neither"], "the answer")
    assert set(world.there.proofs(world.here.domain)) == {"in"}, world.there.proofs(world.here.domain)
    await leave(juliet, romeo)


async def test_the_answer_takes_the_stream_that_was_dialled_from_there(world):
    for server in (world.here, world.there):
        await server.stop()
    world.there.forget()
    for server in (world.there, world.here):
        await server.start()
    viola, orsino = await meet(world, "viola", "orsino")
    await say(orsino, viola.bare, "if music be the food of love")
    await viola.until(lambda: bodies(viola), "the message")
    await say(viola, orsino.bare, "play on")
    await orsino.until(lambda: bodies(orsino) == ["play on"], "the answer")
    await far(viola, world.there.domain)
    assert set(world.there.proofs(world.here.domain)) == {"out"}, world.there.proofs(world.here.domain)
    await leave(viola, orsino)
