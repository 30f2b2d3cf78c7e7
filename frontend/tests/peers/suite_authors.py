"""Users here follow authors there: what comes is kept and delivered as posts from here are."""

from client import BLOG, ET, Client
from people import ask, far, leave, meet, open_blog, reef_only
from slixmpp.exceptions import IqError
from world import each_peer

FIXTURES = each_peer()
PUBSUB = "http://jabber.org/protocol/pubsub"
PAM = "urn:xmpp:pam:0"
MAM = "urn:xmpp:mam:2"
TIMELINE = "urn:reef:timeline:0"


async def reading(world, reader, author):
    """One here who follows one there, straight, as Movim does it."""
    reader, author = await meet(world, reader, author)
    await open_blog(author)
    await reader.follow(author)
    reader.posts.clear()
    return reader, author


async def managed(reader, verb, author, node=BLOG):
    """Through the own account (XEP-0376)."""
    return await ask(reader, None, f"<pam xmlns='{PAM}' jid='{author.bare}'>"
                     f"<{verb} xmlns='{PUBSUB}' node='{node}' jid='{reader.bare}'/></pam>")


async def subscriptions(reader):
    answer = await ask(reader, None, f"<subscriptions xmlns='{PAM}'/>", "get")
    found = answer.iter(f"{{{PAM}}}subscription")
    return {(s.get("service"), s.get("node"), s.get("subscription")) for s in found}


async def timeline(reader):
    """The names of the posts in the home timeline, oldest first."""
    iq = reader.make_iq_set()
    iq.append(ET.fromstring(f"<query xmlns='{MAM}' queryid='home' node='{TIMELINE}'/>"))
    begin = len(reader.messages)
    await iq.send(timeout=10)
    results = [m.xml.find(f"{{{MAM}}}result") for m in reader.messages[begin:]]
    return [item.get("id") for r in results if r is not None for item in r.iter(f"{{{PUBSUB}#event}}item")]


async def test_a_reader_gets_each_post_live_once_in_order(world):
    juliet, romeo = await reading(world, "juliet", "romeo")
    names = [f"p{n}" for n in range(30)]
    for name in names:
        await romeo.post(name)
    posts = await juliet.got(*names)
    assert {(p.sender, p.to, p.delay) for p in posts} == {(romeo.bare, juliet.bare, None)}, posts
    assert posts[0].title == "p0"
    await leave(juliet, romeo)


async def test_who_unfollows_gets_nothing_more(world):
    reader, author = await reading(world, "tired", "talker")
    await author.post("1")
    await reader.got("1")
    await reader.unfollow(author)
    await author.post("2")
    await far(reader, world.there.domain)
    await reader.got("1")
    if world.reef:
        assert await subscriptions(reader) == set()
    await leave(reader, author)


async def test_a_retracted_post_is_taken_back_here(world):
    reader, author = await reading(world, "sees", "withdraws")
    await author.post("oops")
    await author.post("fine")
    await reader.got("oops", "fine")
    await author.retract("oops")
    await reader.until(lambda: [(p.kind, p.id) for p in reader.posts][2:] == [("retract", "oops")], "the retraction")
    if world.reef:
        assert await timeline(reader) == ["fine"]
    await leave(reader, author)


@reef_only
async def test_what_one_follows_there_is_listed_here_whichever_way_it_began(world):
    straight, author = await reading(world, "straight", "widely")
    await world.here.users("asks")
    asks = await Client(world.here, "asks").login()
    await managed(asks, "subscribe", author)
    expected = {(author.bare, BLOG, "subscribed")}
    for reader in (straight, asks):
        assert await subscriptions(reader) == expected, await subscriptions(reader)
    await author.post("w1")
    await straight.got("w1")
    await asks.got("w1")
    await managed(asks, "unsubscribe", author)
    assert await subscriptions(asks) == set()
    await author.post("w2")
    await straight.got("w1", "w2")
    await far(asks, world.there.domain)
    await asks.got("w1")
    await leave(straight, asks, author)


@reef_only
async def test_what_is_refused_there_is_followed_by_nobody_here(world):
    reader, author = await meet(world, "hopes", "shut")
    for way in (reader.follow(author, "urn:x:none"), managed(reader, "subscribe", author, "urn:x:none")):
        try:
            await way
        except IqError as error:
            assert error.condition in ("item-not-found", "forbidden"), error
        else:
            raise AssertionError("there is no such node")
    assert await subscriptions(reader) == set()
    await leave(reader, author)


@reef_only
async def test_who_was_away_catches_up_in_order_with_delay_and_without_what_was_retracted(world):
    reader, author = await reading(world, "sleeper", "early")
    await author.post("1")
    await reader.got("1")
    await reader.quit()
    for ident in ("2", "gone", "3"):
        await author.post(ident)
    await author.retract("gone")
    await author.post("4")
    await far(author, world.here.domain)
    reader = await Client(world.here, "sleeper").login()
    posts = await reader.got("2", "3", "4")
    assert all(p.delay for p in posts), posts
    await author.post("5")
    posts = await reader.got("2", "3", "4", "5")
    assert posts[-1].delay is None
    assert await timeline(reader) == ["1", "2", "3", "4", "5"], await timeline(reader)
    await leave(reader, author)


@reef_only
async def test_each_device_gets_each_post_once_also_after_a_restart(world):
    phone, author = await reading(world, "double", "steady")
    await phone.quit()
    phone = await Client(world.here, "double", "phone").login()
    laptop = await Client(world.here, "double", "laptop").login()
    await author.post("a")
    await phone.got("a")
    await laptop.got("a")
    await laptop.quit()
    await author.post("b")
    await phone.got("a", "b")
    await phone.quit()
    await world.here.stop()
    await world.here.start()
    phone = await Client(world.here, "double", "phone").login()
    laptop = await Client(world.here, "double", "laptop").login()
    await laptop.got("b")
    await author.post("c")
    await phone.got("c")
    await laptop.got("b", "c")
    await leave(phone, laptop, author)


@reef_only
async def test_an_event_nobody_asked_for_becomes_no_post(world):
    """A stranger's notification is a message to one session, if anything: nothing of it is kept."""
    victim, stranger = await meet(world, "victim", "stranger")
    message = stranger.make_message(victim.bare, mtype="headline")
    message.append(ET.fromstring(
        f"<event xmlns='{PUBSUB}#event'><items node='{BLOG}'><item id='spam'>"
        "<entry xmlns='http://www.w3.org/2005/Atom'><title>spam</title></entry></item></items></event>"
    ))
    message.send()
    await far(stranger, world.here.domain)
    assert await timeline(victim) == []
    await victim.quit()
    victim = await Client(world.here, "victim").login()
    await victim.sync()
    assert victim.posts == [], victim.posts
    await leave(victim, stranger)


@reef_only
async def test_an_event_of_another_authors_node_is_no_post_of_his(world):
    """One whom he follows speaks for his own nodes, not for those of his neighbour."""
    reader, author = await reading(world, "wary", "honest")
    await world.there.users("forger")
    forger = await Client(world.there, "forger").login()
    message = forger.make_message(reader.bare, mtype="headline")
    message.append(ET.fromstring(f"<event xmlns='{PUBSUB}#event'><items node='{BLOG}'><item id='false'/></items></event>"))
    message.send()
    await far(forger, world.here.domain)
    await author.post("true")
    await reader.until(lambda: any(p.id == "true" for p in reader.posts), "the true post")
    assert await timeline(reader) == ["true"], await timeline(reader)
    await leave(reader, author, forger)


@reef_only
async def test_who_blocks_the_author_hears_no_more_of_him(world):
    reader, author = await reading(world, "peaceful", "loud")
    await reader.quit()
    reader = await Client(world.here, "peaceful", plugins=["xep_0191"]).login()
    await reader["xep_0191"].block([author.bare])
    await author.post("noise")
    await far(author, world.here.domain)
    await reader.sync()
    assert [p.id for p in reader.posts] == [], reader.posts
    assert await subscriptions(reader) == set()
    await leave(reader, author)


async def test_a_service_there_is_followed_like_an_account(world):
    """`pubsub.` is a domain of its own, with streams of its own."""
    reader, owner = await meet(world, "member", "founder")
    service = f"pubsub.{world.there.domain}"
    await owner["xep_0060"].create_node(service, "verona")
    await reader["xep_0060"].subscribe(service, "verona", timeout=10)
    await owner.post("v1", node="verona", to=service)
    posts = await reader.got("v1", node="verona")
    assert posts[0].sender == service
    await leave(reader, owner)
