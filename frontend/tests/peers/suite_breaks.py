"""A peer that takes streams and breaks them, one that an operator has wait while it is connected, and one that says who
follows it."""

from forge import SERVER
from forger import Forger
from people import errors, say
from world import World

FIXTURES = {"dialback": lambda: World(None, dialback=True)}
EVENT = "http://jabber.org/protocol/pubsub#event"
NODE = "urn:xmpp:microblog:0"


def came(forger):
    texts = [entry[2].findtext(f"{{{SERVER}}}body") for entry in forger.home.log if entry[0] == "stanza"]
    return [text for text in texts if text]


async def peer(world, domain):
    return next(row for row in await world.here.json("peer", "list") if row["peer"] == domain)


async def test_a_peer_that_is_being_stopped_loses_nothing(world):
    """It says so at the first message of six streams."""
    async with Forger(world, "stops") as forger:
        take, broken, said = forger.home.take, [], [f"{i}" for i in range(20)]

        def stops(wire, stanza):
            if not stanza.tag.endswith("message") or (len(broken) > 5 and wire not in broken):
                return take(wire, stanza)
            if wire not in broken:
                broken.append(wire)
                wire.send("<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
                wire.writer.close()

        forger.home.take = stops
        for text in said:
            await say(forger.victim, f"x@{forger.domain}", text)
        await forger.home.until(lambda: said[-1] in came(forger))
        assert came(forger) == said and errors(forger.victim) == [], (came(forger), errors(forger.victim))
        assert (await peer(world, forger.domain))["given_up"] == 0


async def test_a_peer_that_is_connected_can_be_paused(world):
    async with Forger(world, "pauses") as forger:
        await say(forger.victim, f"x@{forger.domain}", "one")
        await forger.home.until(lambda: came(forger) == ["one"])
        await world.here.run("peer", "pause", forger.domain)
        await forger.home.happened("ended")
        await say(forger.victim, f"x@{forger.domain}", "two")
        while (row := await peer(world, forger.domain))["stanzas"] < 1:
            pass
        assert row["state"] == "paused", row
        assert came(forger) == ["one"]
        await world.here.run("peer", "resume", forger.domain)
        await forger.home.until(lambda: "two" in came(forger))


async def test_nobody_follows_because_a_server_says_so(world):
    async with Forger(world, "recruits") as forger:
        wire, victim = await forger.proved(), forger.victim.bare
        author = f"spam@{forger.domain}"
        for to in (victim, f"nobody@{world.here.domain}"):
            wire.send(
                f"<message xmlns='{SERVER}' from='{author}' to='{to}'><event xmlns='{EVENT}'>"
                f"<subscription node='{NODE}' jid='{to}' subscription='subscribed'/></event></message>"
            )
        wire.send(
            f"<message xmlns='{SERVER}' from='{author}' to='{victim}'><event xmlns='{EVENT}'><items node='{NODE}'>"
            "<item id='1'><entry xmlns='http://www.w3.org/2005/Atom'/></item></items></event></message>"
        )
        # As any message.
        await forger.victim.got("1")
        assert author not in await world.here.run("node", "list")
