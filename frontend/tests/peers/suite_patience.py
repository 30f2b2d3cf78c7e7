"""How long a peer is waited for, and what its senders and the operator see of it. Reef alone keeps what it could not bring."""

import json

from client import Client
from people import bodies, errors, leave, meet, open_blog, reef_only, say
from world import World

# Seconds take the place of hours and days.
HASTY = {"reef": {"sets": ['s2s.warn_after="1s"', 's2s.queue_for="4s"', 's2s.retry_max="1s"']}}
FIXTURES = {"prosody": lambda: World("prosody", here_with=HASTY)}


async def peer(world, *words):
    """What `reef peer …` prints, a value a line."""
    printed = await world.here.run("peer", *words, "--json")
    return [json.loads(line) for line in printed.splitlines() if line.strip()]


async def stored(world, domain):
    """Waits until one stanza waits there; what is shown then."""
    while True:
        found = [row for row in await peer(world, "list") if row["peer"] == domain and row["stanzas"] == 1]
        if found:
            return found[0]


@reef_only
async def test_a_sender_is_warned_once_and_told_when_it_was_too_long(world):
    hero, leander = await meet(world, "hero", "leander")
    await leander.quit()
    gate = await world.behind_gate(world.there)
    gate.shut()
    await world.there.stop()
    name = await say(hero, leander.bare, "swim")
    warned = f"{world.there.domain} cannot be reached"
    await hero.until(lambda: any(warned in body for body in bodies(hero)), "the warning")
    await hero.until(lambda: errors(hero) == [(name, "remote-server-timeout")], "what became of it")
    assert sum(warned in body for body in bodies(hero)) == 1, bodies(hero)
    await world.there.start()
    await gate.reopen()
    leander = await Client(world.there, "leander").login()
    await say(hero, leander.bare, "too late")
    await leander.until(lambda: bodies(leander) == ["too late"], "what is sent now, and nothing of before")
    await leave(hero, leander)


@reef_only
async def test_posts_that_waited_too_long_are_told_to_their_author(world):
    author, reader = await meet(world, "sappho", "phaon")
    await open_blog(author)
    await reader.follow(author)
    gate = await world.behind_gate(world.there)
    gate.shut()
    await world.there.stop()
    await author.post("old")
    told = "1 of your posts"
    await author.until(lambda: any(told in body for body in bodies(author)), "what became of it")
    rows = await peer(world, "list")
    assert all(row["posts"] == 0 for row in rows), rows
    await world.there.start()
    await gate.reopen()
    await leave(author)


@reef_only
async def test_an_operator_sees_what_waits_has_it_wait_and_throws_it_away(world):
    dido, aeneas = await meet(world, "dido", "aeneas")
    domain = world.there.domain
    await peer(world, "pause", domain)
    await say(dido, aeneas.bare, "stay")
    row = await stored(world, domain)
    assert row["state"] == "paused", row
    await peer(world, "resume", domain)
    await aeneas.until(lambda: bodies(aeneas) == ["stay"], "what waited")
    await peer(world, "pause", domain)
    name = await say(dido, aeneas.bare, "forget me")
    await stored(world, domain)
    [gone] = await peer(world, "drop", domain)
    assert gone["stanzas"] == 1, gone
    await dido.until(lambda: (name, "remote-server-timeout") in errors(dido), "that it was thrown away")
    await peer(world, "resume", domain)
    await say(dido, aeneas.bare, "farewell")
    await aeneas.until(lambda: bodies(aeneas) == ["stay", "farewell"], "what came behind it")
    await leave(dido, aeneas)
