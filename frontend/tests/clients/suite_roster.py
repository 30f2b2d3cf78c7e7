"""Rosters and presence (RFC 6121 §2–§4): both sides of a subscription, pushes, versions."""

from client import Client, befriend
from slixmpp.xmlstream.xmlstream import ET


def items(client):
    """What pushes said of contacts, in order."""
    return [(i.get("jid"), i.get("subscription"), i.get("ask")) for q in client.pushes for i in q]


async def types(client, bare, *wanted):
    """The types of presence that came from somebody, in order, until the last wanted has come."""

    def came():
        return [p["type"] for p in client.presences if p["from"].bare == bare]

    await client.until(lambda: came()[-1:] == [wanted[-1]] and len(came()) >= len(wanted), f"{wanted} from {bare}")
    assert came() == list(wanted), came()


async def test_subscribing_approving_and_unsubscribing_moves_both_rosters(reef):
    await reef.users("juliet", "romeo")
    juliet, romeo = await Client(reef, "juliet").login(), await Client(reef, "romeo").login()
    romeo.send_presence_subscription(juliet.bare)
    await juliet.until(lambda: any(p["type"] == "subscribe" for p in juliet.presences), "request")
    await romeo.until(lambda: items(romeo) == [(juliet.bare, "none", "subscribe")], "push")
    assert items(juliet) == []
    juliet.send_presence_subscription(romeo.bare, ptype="subscribed")
    await types(romeo, juliet.bare, "subscribed", "available")
    await romeo.until(lambda: items(romeo)[-1] == (juliet.bare, "to", None), "push")
    await juliet.until(lambda: items(juliet)[-1:] == [(romeo.bare, "from", None)], "push")
    juliet.send_presence(pstatus="on the balcony")
    await types(romeo, juliet.bare, "subscribed", "available", "available")
    assert romeo.presences[-1]["status"] == "on the balcony"
    # One who comes later is told who is there.
    again = await Client(reef, "romeo", "again").login()
    await again.until(lambda: any(p["from"] == juliet.boundjid for p in again.presences), "presence")
    romeo.presences.clear()
    await juliet.quit()
    await romeo.until(lambda: [p["type"] for p in romeo.presences if p["from"].bare == juliet.bare] == ["unavailable"])
    juliet = await Client(reef, "juliet").login()
    romeo.presences.clear()
    romeo.send_presence_subscription(juliet.bare, ptype="unsubscribe")
    await juliet.until(lambda: any(p["type"] == "unsubscribe" for p in juliet.presences), "unsubscribe")
    await juliet.until(lambda: items(juliet)[-1:] == [(romeo.bare, "none", None)], "push")
    await romeo.until(lambda: items(romeo)[-1] == (juliet.bare, "none", None), "push")
    await types(romeo, juliet.bare, "unavailable")
    for client in (juliet, romeo, again):
        await client.quit()


async def test_a_request_waits_for_who_is_away_and_a_refusal_ends_it(reef):
    await reef.users("away", "asker")
    asker = await Client(reef, "asker").login()
    asker.send_presence_subscription("away@localhost")
    await asker.until(lambda: items(asker), "push")
    away = await Client(reef, "away").login()
    await away.until(lambda: any(p["type"] == "subscribe" for p in away.presences), "request")
    # It is told again until it is answered, also while another session keeps the user in memory.
    more = await Client(reef, "away", "more").login()
    await more.until(lambda: any(p["type"] == "subscribe" for p in more.presences), "request")
    away.send_presence_subscription(asker.bare, ptype="unsubscribed")
    await asker.until(lambda: any(p["type"] == "unsubscribed" for p in asker.presences), "refusal")
    third = await Client(reef, "away", "third").login()
    await third.sync()
    assert not any(p["type"] == "subscribe" for p in third.presences)
    for client in (asker, away, more, third):
        await client.quit()


async def test_contacts_are_set_pushed_versioned_and_removed(reef):
    await reef.users("owner", "contact")
    owner, contact = await Client(reef, "owner").login(), await Client(reef, "contact").login()
    other = await Client(reef, "owner", "other").login()
    silent = await Client(reef, "owner", "silent").login(roster=False)
    await owner.update_roster(contact.bare, name="C & Co", groups=["Friends", "Work"])
    await other.until(lambda: other.pushes, "push")
    item = other.pushes[-1][0]
    assert (item.get("name"), sorted(g.text for g in item)) == ("C & Co", ["Friends", "Work"])
    version = other.pushes[-1].get("ver")

    async def ask(ver):
        iq = owner.make_iq_get()
        iq.append(ET.fromstring(f"<query xmlns='jabber:iq:roster' ver='{ver}'/>"))
        return (await iq.send()).xml.find("{jabber:iq:roster}query")

    assert await ask(version) is None
    assert (await ask("")).get("ver") == version and len(await ask("old")) == 1
    await befriend(owner, contact)
    await owner.until(lambda: items(owner)[-1:] == [(contact.bare, "both", None)], "push")
    assert owner.pushes[-1][0].get("name") == "C & Co"
    contact.presences.clear()
    await owner.del_roster_item(contact.bare)
    await owner.until(lambda: items(owner)[-1:] == [(contact.bare, "remove", None)], "push")
    await contact.until(lambda: items(contact)[-1:] == [(owner.bare, "none", None)], "push")
    kinds = {"unsubscribe", "unsubscribed", "unavailable"}
    await contact.until(lambda: kinds <= {p["type"] for p in contact.presences}, "both subscriptions' end")
    await silent.sync()
    assert silent.pushes == []
    for client in (owner, other, silent, contact):
        await client.quit()


async def test_directed_presence_is_taken_back_when_its_sender_leaves(reef):
    await reef.users("guest", "host")
    guest, host = await Client(reef, "guest").login(), await Client(reef, "host").login()
    guest.send_presence(pto=host.boundjid.full)
    await types(host, guest.bare, "available")
    guest.cut()
    await types(host, guest.bare, "available", "unavailable")
    await host.quit()


async def test_presence_goes_to_ones_own_sessions_and_to_no_stranger(reef):
    await reef.users("me", "stranger")
    one, stranger = await Client(reef, "me", "one").login(), await Client(reef, "stranger").login()
    two = await Client(reef, "me", "two").login()
    await one.until(lambda: any(p["from"] == two.boundjid for p in one.presences), "presence")
    await two.until(lambda: any(p["from"] == one.boundjid for p in two.presences), "presence")
    await two.quit()
    await one.until(lambda: any(p["type"] == "unavailable" and p["from"] == two.boundjid for p in one.presences), "gone")
    await stranger.sync()
    assert {p["from"].bare for p in stranger.presences} == {stranger.bare}
    await one.quit()
    await stranger.quit()
