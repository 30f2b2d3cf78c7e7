"""Following: a newcomer, one who was away, several devices, and who gets what by which reason."""

from client import BLOG, Client, befriend

SETS = ["c2s.registration=open"]


async def test_a_newcomer_registers_follows_posts_and_receives(reef):
    clients = []
    for name in ("juliet", "romeo"):
        client = Client(reef, name)
        client["xep_0077"].force_registration = True

        async def register(_, client=client):
            iq = client.Iq()
            iq["type"] = "set"
            iq["register"]["username"] = client.boundjid.user
            iq["register"]["password"] = client.password
            await iq.send()

        client.add_event_handler("register", register)
        clients.append(await client.login())
    juliet, romeo = clients
    await juliet.post("first")
    await romeo.follow(juliet)
    await juliet.post("second", "Good night <&> \"'é☃𝄞")
    posts = await romeo.got("second")
    assert posts[0].title == "Good night <&> \"'é☃𝄞", posts[0].title
    assert (posts[0].sender, posts[0].to, posts[0].delay) == (juliet.bare, romeo.bare, None)
    items = await romeo["xep_0060"].get_items(juliet.bare, BLOG)
    assert [i["id"] for i in items["pubsub"]["items"]] == ["first", "second"]
    for client in clients:
        await client.quit()


async def test_who_was_away_catches_up_in_order_with_delay_edits_and_retracts(reef):
    await reef.users("author", "reader")
    author, reader = await Client(reef, "author").login(), await Client(reef, "reader", "phone").login()
    await author.post("0")
    await reader.follow(author)
    await author.post("1")
    await author.post("gone")
    await reader.got("1", "gone")
    await reader.quit()
    for ident in ("2", "3", "never", "4"):
        await author.post(ident)
    await author.post("2", "2 again")
    await author.retract("gone")
    await author.retract("never")
    reader = await Client(reef, "reader", "phone").login()
    await author.post("5")
    await reader.until(lambda: any(p.id == "5" for p in reader.posts), "5")
    came = [(p.kind, p.id) for p in reader.posts]
    assert came == [("item", "3"), ("item", "4"), ("item", "2"), ("retract", "gone"), ("item", "5")], came
    assert reader.posts[2].title == "2 again"
    assert all(p.delay for p in reader.posts[:3]) and reader.posts[-1].delay is None
    await reader.quit()
    reader = await Client(reef, "reader", "phone").login()
    await author.post("6")
    await reader.got("6")
    await author.quit()
    await reader.quit()


async def test_each_device_gets_each_post_once_also_after_a_restart(reef):
    await reef.users("writer", "double")
    writer = await Client(reef, "writer").login()
    await writer.post("before")
    phone, laptop = await Client(reef, "double", "phone").login(), await Client(reef, "double", "laptop").login()
    await phone.follow(writer)
    await writer.post("a")
    await phone.got("a")
    await laptop.got("a")
    await laptop.quit()
    await writer.post("b")
    await phone.got("a", "b")
    for client in (phone, writer):
        await client.quit()
    await reef.stop()
    await reef.start()
    writer = await Client(reef, "writer").login()
    await writer.post("c")
    phone, laptop = await Client(reef, "double", "phone").login(), await Client(reef, "double", "laptop").login()
    await phone.got("c")
    await laptop.got("b", "c")
    for client in (phone, laptop, writer):
        await client.quit()


async def test_a_negative_priority_gets_no_posts_until_it_rises(reef):
    await reef.users("poet", "shy")
    poet, shy = await Client(reef, "poet").login(), await Client(reef, "shy").login(priority=-1)
    await poet.post("p0")
    await shy.follow(poet)
    await poet.post("p1")
    await shy.sync()
    assert shy.posts == [], shy.posts
    shy.send_presence(ppriority=5)
    await shy.got("p1")
    await poet.post("p2")
    await shy.got("p1", "p2")
    shy.send_presence(ppriority=-1)
    await shy.sync()
    await poet.post("p3")
    await shy.sync()
    shy.send_presence(ppriority=0)
    await shy.got("p1", "p2", "p3")
    shy.send_presence(ptype="unavailable")
    await shy.sync()
    await poet.post("p4")
    await shy.sync()
    assert shy.posts[-1].id == "p3"
    shy.send_presence()
    await shy.got("p1", "p2", "p3", "p4")
    await poet.quit()
    await shy.quit()


async def test_an_unfollower_gets_nothing_more(reef):
    await reef.users("bard", "bored", "keen")
    bard, bored = await Client(reef, "bard").login(), await Client(reef, "bored").login()
    keen = await Client(reef, "keen").login()
    await bard.post("x0")
    for follower in (bored, keen):
        await follower.follow(bard)
    await bard.post("x1")
    await bored.got("x1")
    await bored.unfollow(bard)
    await bard.post("x2")
    await keen.got("x1", "x2")
    await bored.sync()
    await bored.got("x1")
    for client in (bard, bored, keen):
        await client.quit()


async def test_notify_goes_to_the_full_jid_and_each_session_gets_a_post_once(reef):
    """XEP-0163: by presence and `+notify` to the full JID, else as a follower to the bare one; never both."""
    await reef.users("owner", "friend")
    owner = await Client(reef, "owner").login()
    friend = Client(reef, "friend", "wants")
    friend["xep_0163"].add_interest("urn:x:mood")
    await friend.login(roster=True)
    await befriend(owner, friend)
    plain = await Client(reef, "friend", "plain").login()
    await owner.post("m1", node="urn:x:mood")
    posts = await friend.got("m1", node="urn:x:mood")
    assert posts[0].to == friend.boundjid.full, posts[0].to
    await plain.sync()
    assert plain.posts == [], plain.posts
    await friend.follow(owner, "urn:x:mood")
    await plain.until(lambda: any(p.id == "m1" for p in plain.posts), "the last item")
    for client in (friend, plain):
        client.posts.clear()
    await owner.post("m2", node="urn:x:mood")
    posts = await friend.got("m2", node="urn:x:mood")
    assert posts[0].to == friend.boundjid.full, posts[0].to
    posts = await plain.got("m2", node="urn:x:mood")
    assert posts[0].to == friend.bare, posts[0].to
    late = Client(reef, "friend", "late")
    late["xep_0163"].add_interest("urn:x:mood")
    await late.login()
    await late.got("m2", node="urn:x:mood")
    for client in (owner, friend, plain, late):
        await client.quit()


async def test_ones_own_sessions_hear_of_ones_own_nodes(reef):
    await reef.users("self")
    here, there = Client(reef, "self", "here"), Client(reef, "self", "there")
    there["xep_0163"].add_interest("urn:x:bookmarks")
    await there.login()
    await there.sync()
    await here.login()
    await here.post("b1", node="urn:x:bookmarks")
    await there.got("b1", node="urn:x:bookmarks")
    await here.quit()
    await there.quit()
