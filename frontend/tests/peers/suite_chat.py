"""Messages, presence and requests between users of two servers (RFC 6121)."""

from client import Client, befriend
from people import bodies, errors, far, kinds, leave, meet, say
from slixmpp.exceptions import IqError
from world import each_peer

FIXTURES = each_peer()


async def test_messages_cross_in_order_both_ways(world):
    juliet, romeo = await meet(world, "juliet", "romeo")
    for n in range(20):
        await say(juliet, romeo.bare, f"a{n}")
        await say(romeo, juliet.boundjid.full, f"b{n}")
    await romeo.until(lambda: len(bodies(romeo)) >= 20, "20 messages")
    await juliet.until(lambda: len(bodies(juliet)) >= 20, "20 messages")
    assert bodies(romeo) == [f"a{n}" for n in range(20)], bodies(romeo)
    assert bodies(juliet) == [f"b{n}" for n in range(20)], bodies(juliet)
    assert romeo.messages[0]["from"] == juliet.boundjid and romeo.messages[0]["to"] == romeo.bare
    assert juliet.messages[0].xml.tag == "{jabber:client}message", "the namespace of streams between servers has stayed"
    await leave(juliet, romeo)


async def test_who_is_away_gets_his_messages_when_he_returns(world):
    pair, homes = list(await meet(world, "hamlet", "horatio")), (world.here, world.there)
    for away in (0, 1):
        writer, name = pair[1 - away], pair[away].boundjid.user
        await pair[away].quit()
        for n in range(3):
            await say(writer, f"{name}@{homes[away].domain}", f"{name} {n}")
        await far(writer, homes[away].domain)
        pair[away] = back = await Client(homes[away], name).login()
        await back.until(lambda back=back: len(bodies(back)) >= 3, "three messages")
        assert bodies(back) == [f"{name} {n}" for n in range(3)], bodies(back)
        assert all(m["delay"]["stamp"] for m in back.messages if m["body"])
    await leave(*pair)


async def test_what_cannot_be_delivered_comes_back(world):
    prospero, ariel = await meet(world, "prospero", "ariel", plugins=["xep_0092"])
    for writer, domain in ((prospero, world.there.domain), (ariel, world.here.domain)):
        ident = await say(writer, f"nobody-at-all@{domain}", "who is there")
        await writer.until(lambda: errors(writer), "an error")
        assert errors(writer) == [(ident, "service-unavailable")], errors(writer)
        try:
            await writer["xep_0092"].get_version(f"nobody-at-all@{domain}", timeout=10)
        except IqError as error:
            assert error.condition == "service-unavailable", error.condition
        else:
            raise AssertionError("nobody answered")
    await leave(prospero, ariel)


async def test_contacts_see_each_other_come_change_and_go(world):
    helena, bertram = await meet(world, "helena", "bertram")
    await befriend(helena, bertram)
    for one, other in ((helena, bertram), (bertram, helena)):
        await one.until(lambda: one.client_roster[other.bare]["subscription"] == "both", "both")
        one.presences.clear()
    helena.send_presence(pstatus="in Florence")
    await bertram.until(lambda: any(p["status"] == "in Florence" for p in bertram.presences), "status")
    bertram.send_presence(pstatus="in Paris")
    await helena.until(lambda: any(p["status"] == "in Paris" for p in helena.presences), "status")
    # Who returns asks where the others are (a probe), and they learn that he is back.
    pair = [helena, bertram]
    for away, home in ((0, world.here), (1, world.there)):
        stays, name = pair[1 - away], pair[away].boundjid.user
        stays.presences.clear()
        await pair[away].quit()
        await stays.until(lambda: kinds(stays, pair[away].bare) == ["unavailable"], "unavailable")
        pair[away] = back = await Client(home, name).login()
        await back.until(lambda: "available" in kinds(back, stays.bare), "presence of who was there already")
        await stays.until(lambda: kinds(stays, back.bare)[-1] == "available", "presence of who is back")
    await leave(*pair)


async def test_a_request_waits_for_who_is_away_and_what_is_ended_is_ended_on_both_sides(world):
    olivia, cesario = await meet(world, "olivia", "cesario")
    await cesario.quit()
    olivia.send_presence_subscription(cesario.bare)
    await far(olivia, world.there.domain)
    cesario = await Client(world.there, "cesario").login()
    await cesario.until(lambda: "subscribe" in kinds(cesario, olivia.bare), "request")
    cesario.send_presence_subscription(olivia.bare, ptype="subscribed")
    await olivia.until(lambda: kinds(olivia, cesario.bare)[-2:] == ["subscribed", "available"], "grant and presence")
    olivia.send_presence_subscription(cesario.bare, ptype="unsubscribe")
    await cesario.until(lambda: "unsubscribe" in kinds(cesario, olivia.bare), "unsubscribe")
    await cesario.until(lambda: cesario.client_roster[olivia.bare]["subscription"] == "none", "none")
    olivia.presences.clear()
    cesario.send_presence(pstatus="for nobody")
    await far(cesario, world.here.domain)
    await far(olivia, world.there.domain)
    assert not any(p["status"] == "for nobody" for p in olivia.presences)
    await leave(olivia, cesario)


async def test_users_and_servers_answer_requests_from_there(world):
    portia, shylock = await meet(world, "portia", "shylock", plugins=["xep_0092"])
    for asks, other, home in ((portia, shylock, world.there), (shylock, portia, world.here)):
        await asks["xep_0199"].send_ping(home.domain, timeout=10)
        await asks["xep_0199"].send_ping(other.boundjid.full, timeout=10)
        about = await asks["xep_0030"].get_info(home.domain, timeout=10)
        assert ("server", "im") in {i[:2] for i in about["disco_info"]["identities"]}
        listed = await asks["xep_0030"].get_items(home.domain, timeout=10)
        assert f"pubsub.{home.domain}" in {item[0] for item in listed["disco_items"]["items"]}
        seen = (await asks["xep_0092"].get_version(other.boundjid.full, timeout=10))["software_version"]
        assert seen["name"], seen
    await leave(portia, shylock)


async def test_a_domain_that_is_nowhere_is_said_so_at_once(world):
    """Names that do not exist, and a domain that says that it has no such service (a target of `.`)."""
    world.names.refuse("silent.example")
    cordelia, edgar = await meet(world, "cordelia", "edgar")
    writers = (cordelia,) if world.reef else (cordelia, edgar)
    for writer in writers:
        sent = [await say(writer, f"x@{domain}", domain) for domain in ("nowhere.example", "silent.example")]
        await writer.until(lambda: len(errors(writer)) >= 2, "two errors")
        assert sorted(errors(writer)) == sorted((s, "remote-server-not-found") for s in sent), errors(writer)
    await leave(cordelia, edgar)
