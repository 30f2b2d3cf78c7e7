"""Users there follow nodes here: they are served as users here are."""

from client import BLOG, ET, Client, befriend, entry, refused
from people import ask, bodies, far, form, leave, meet, open_blog, open_node, reef_only, say
from slixmpp.exceptions import IqError
from world import each_peer

FIXTURES = each_peer()
PUBSUB = "http://jabber.org/protocol/pubsub"
RSM = "http://jabber.org/protocol/rsm"
LIKES = "urn:xmpp:pubsub-attachments:1"


async def blog(world, author, *fans):
    """An author here with an open microblog, and fans there who follow it."""
    await world.here.users(author)
    await world.there.users(*fans)
    author = await Client(world.here, author, plugins=["xep_0191"]).login()
    await open_blog(author)
    fans = [await Client(world.there, name).login() for name in fans]
    for fan in fans:
        await fan.follow(author)
        fan.posts.clear()
    return author, *fans


def titled(client, node=BLOG):
    """What came of a node, but for what had been there before."""
    return [(post.kind, post.id) for post in client.posts if post.node == node]


async def followers(author, node=BLOG):
    answer = await ask(author, author.bare, f"<pubsub xmlns='{PUBSUB}#owner'><subscriptions node='{node}'/></pubsub>", "get")
    return {s.get("jid"): s.get("subscription") for s in answer.iter(f"{{{PUBSUB}#owner}}subscription")}


async def test_a_follower_gets_each_post_live_once_in_order(world):
    juliet, romeo, paris = await blog(world, "juliet", "romeo", "paris")
    names = [f"p{n}" for n in range(30)]
    for name in names:
        await juliet.post(name)
    for fan in (romeo, paris):
        posts = await fan.got(*names)
        assert {(p.sender, p.to, p.delay) for p in posts} == {(juliet.bare, fan.bare, None)}, posts
        assert posts[0].title == "p0"
    await leave(juliet, romeo, paris)


async def test_who_unfollows_gets_nothing_more(world):
    bard, bored, keen = await blog(world, "bard", "bored", "keen")
    await bored.unfollow(bard)
    await bard.post("x1")
    await keen.got("x1")
    await far(bored, world.here.domain)
    assert bored.posts == [], bored.posts
    await leave(bard, bored, keen)


@reef_only
async def test_followers_there_are_listed_and_counted_beside_those_here(world):
    star, distant = await blog(world, "star", "distant")
    await world.here.users("near")
    near = await Client(world.here, "near").login()
    await near.follow(star)
    both = {distant.bare: "subscribed", near.bare: "subscribed"}
    assert await followers(star) == both, await followers(star)
    node = f"{star.bare}/{BLOG}"
    assert {f["jid"] for f in await world.here.json("node", "followers", node)} == set(both)
    info = await distant["xep_0030"].get_info(star.bare, node=BLOG, timeout=10)
    count = info.xml.find(".//{jabber:x:data}field[@var='pubsub#num_subscribers']")
    assert count is not None and count.findtext("{jabber:x:data}value") == "2", info
    await star["xep_0060"].modify_subscriptions(star.bare, BLOG, [(distant.bare, "none")])
    await star.post("for near")
    await near.got("for near")
    await far(distant, world.here.domain)
    assert titled(distant) == [], distant.posts
    await leave(star, distant, near)


@reef_only
async def test_a_microblog_is_read_from_there_page_by_page_with_its_count(world):
    author, reader = await meet(world, "author", "reader")
    names = [f"i{n:02}" for n in range(25)]
    for name in names:
        await author.post(name)
    found, after = [], ""
    while len(found) < 25:
        page = await ask(reader, author.bare, f"<pubsub xmlns='{PUBSUB}'><items node='{BLOG}'/>"
                         f"<set xmlns='{RSM}'><max>10</max>{after}</set></pubsub>", "get")
        ids = [item.get("id") for item in page.iter(f"{{{PUBSUB}}}item")]
        said = page.find(f".//{{{RSM}}}set")
        assert said.findtext(f"{{{RSM}}}count") == "25", ET.tostring(page)
        after, found = f"<after>{said.findtext(f'{{{RSM}}}last')}</after>", found + ids
    assert found == names, found
    await leave(author, reader)


async def test_a_post_is_read_from_there_by_its_name(world):
    author, reader = await meet(world, "novelist", "browser")
    await open_blog(author)
    await author.post("one", "Chapter one")
    got = await reader["xep_0060"].get_item(author.bare, BLOG, "one", timeout=10)
    assert got.xml.find(".//{http://www.w3.org/2005/Atom}title").text == "Chapter one", got
    if world.reef:
        await refused(reader["xep_0060"].get_items(author.bare, "urn:x:none", timeout=10), "item-not-found")
    await leave(author, reader)


@reef_only
async def test_who_follows_gets_the_last_item_where_the_node_says_so(world):
    poet, late = await meet(world, "poet", "late")
    node = "urn:x:weather"
    await open_node(poet, node, "rain", send_last_published_item="on_sub")
    await late.follow(poet, node)
    await late.got("rain", node=node)
    await poet.post("sun", node=node)
    await late.got("rain", "sun", node=node)
    await leave(poet, late)


async def test_a_retracted_post_is_taken_back_there(world):
    regrets, saw = await blog(world, "regrets", "saw")
    await regrets.post("oops")
    await regrets.post("fine")
    await saw.got("oops", "fine")
    await regrets.retract("oops")
    await saw.until(lambda: ("retract", "oops") in titled(saw), "the retraction")
    await leave(regrets, saw)


async def test_an_edit_comes_under_the_same_name(world):
    editor, reads = await blog(world, "editor", "reads")
    await editor.post("note", "frist")
    await editor.post("note", "first")
    await reads.until(lambda: reads.posts and reads.posts[-1].title == "first", "the edit")
    # What was replaced before it could be sent need not come.
    assert [(p.id, p.title) for p in reads.posts] in ([("note", "frist"), ("note", "first")], [("note", "first")])
    await leave(editor, reads)


@reef_only
async def test_who_is_there_comments_on_a_post_and_its_author_sees_who(world):
    author, guest = await blog(world, "host", "guest")
    service, node = f"comments.{world.here.domain}", "urn:xmpp:microblog:0:comments/post"
    await author.post("post")
    fields = {"access_model": "open", "publish_model": "open", "itemreply": "publisher"}
    await author["xep_0060"].create_node(service, node, config=form("node_config", fields))
    await author["xep_0060"].subscribe(service, node)
    await guest["xep_0060"].publish(service, node, id="c1", payload=entry("well said"), timeout=10)
    await author.until(lambda: titled(author, node) == [("item", "c1")], "the comment")
    got = await guest["xep_0060"].get_items(service, node, timeout=10)
    items = list(got.xml.iter(f"{{{PUBSUB}}}item"))
    assert [(i.get("id"), i.get("publisher")) for i in items] == [("c1", guest.bare)], got
    await leave(author, guest)


@reef_only
async def test_who_is_there_likes_a_post_and_is_counted(world):
    author, fan = await blog(world, "liked", "likes")
    await author.post("post")
    node = f"{LIKES}/xmpp:{author.bare}?;node=urn%3Axmpp%3Amicroblog%3A0;item=post"

    def like(who):
        return ask(fan, author.bare, f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='{who}'>"
                   f"<attachments xmlns='{LIKES}'><noticed/></attachments></item></publish></pubsub>")

    await like(fan.bare)
    try:
        await like(author.bare)
        raise AssertionError("one may not like in another's name")
    except IqError as error:
        assert error.condition == "bad-request", error
    summary = await ask(fan, author.bare, f"<pubsub xmlns='{PUBSUB}'>"
                        f"<items node='urn:xmpp:pubsub-attachments:summary:1/{BLOG}'/></pubsub>", "get")
    assert [n.get("count") for n in summary.iter("{urn:xmpp:pubsub-attachments:summary:1}noticed")] == ["1"]
    await leave(author, fan)


@reef_only
async def test_whom_the_author_blocks_is_out(world):
    author, rude, kind = await blog(world, "calm", "rude", "kind")
    await author["xep_0191"].block([rude.bare])
    assert await followers(author) == {kind.bare: "subscribed"}
    await author.post("b1")
    await kind.got("b1")
    await far(rude, world.here.domain)
    assert rude.posts == [], rude.posts
    for request in (rude.follow(author), rude["xep_0060"].get_items(author.bare, BLOG, timeout=10)):
        await refused(request, "service-unavailable")
    await say(rude, author.bare, "let me in")
    await far(rude, world.here.domain)
    await author.sync()
    assert bodies(author) == []
    await author["xep_0191"].unblock([rude.bare])
    await rude.follow(author)
    await author.post("b2")
    await rude.got("b2")
    await leave(author, rude, kind)


@reef_only
async def test_who_loses_the_contact_loses_what_only_contacts_read(world):
    author, friend = await meet(world, "private", "friend")
    await open_node(author, "urn:x:diary", "d0", access_model="presence")
    await refused(friend.follow(author, "urn:x:diary"), "not-authorized", "presence-subscription-required")
    await befriend(author, friend)
    await friend.follow(author, "urn:x:diary")
    friend.posts.clear()
    await author.post("d1", node="urn:x:diary")
    await friend.got("d1", node="urn:x:diary")
    author.send_presence_subscription(friend.bare, ptype="unsubscribed")
    await author.until(lambda: author.client_roster[friend.bare]["subscription"] in ("to", "none"), "no contact")
    await author.post("d2", node="urn:x:diary")
    await author.sync()
    await far(friend, world.here.domain)
    assert titled(friend, "urn:x:diary") == [("item", "d1")], friend.posts
    assert await followers(author, "urn:x:diary") == {}
    await leave(author, friend)


@reef_only
async def test_a_contact_there_gets_what_his_client_wants_to_be_notified_of(world):
    """XEP-0163: by presence and `+notify`, whose meaning is asked of his client through the other server."""
    owner, friend = await meet(world, "moody", "curious")
    await friend.quit()
    friend = Client(world.there, "curious")
    friend["xep_0163"].add_interest("urn:x:mood")
    await friend.login()
    await befriend(owner, friend)
    await owner.post("m1", node="urn:x:mood")
    posts = await friend.got("m1", node="urn:x:mood")
    assert posts[0].to == friend.boundjid.full, posts[0].to
    await leave(owner, friend)
