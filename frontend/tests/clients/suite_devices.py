"""Edits, retractions and comments while one device is away: in the end each device of a follower has the same."""

from client import BLOG, Client, entry
from reef import DOMAIN

COMMENTS = f"comments.{DOMAIN}"
TALK = "urn:xmpp:microblog:0:comments/"


class Timeline:
    """What a device shows of nodes: it does what each notification says, no more, and is kept while it is away."""

    def __init__(self):
        self.items = {}

    def read(self, client, since=0):
        """Takes what came since; an item that comes again is a new version of it, and stands where it came last."""
        for post in client.posts[since:]:
            self.items.pop((post.node, post.id), None)
            if post.kind == "item":
                self.items[post.node, post.id] = post.title
            else:
                assert post.kind == "retract", post
        return self

    def of(self, node):
        return [(ident, title) for (of, ident), title in self.items.items() if of == node]


async def everything(reader, owner, node):
    """What a device that begins anew finds: the items of a node, in their order."""
    items = (await reader["xep_0060"].get_items(owner, node))["pubsub"]["items"]
    return [(i["id"], i["payload"].findtext("{http://www.w3.org/2005/Atom}title")) for i in items]


async def come(reef, timeline, resource, last):
    """A device of the reader's comes online and reads until it has the last word."""
    device = await Client(reef, "reader", resource).login()
    await device.until(lambda: any(p.id == last for p in device.posts), last)
    timeline.read(device)
    return device


async def test_edits_retractions_and_answers_leave_every_device_with_the_same(reef):
    await reef.users("author", "reader", "other")
    author, other = await Client(reef, "author").login(), await Client(reef, "other").login()
    talk = TALK + "2"
    await author.post("0")
    await other["xep_0060"].create_node(COMMENTS, talk)
    here, away = Timeline(), Timeline()
    kept = await Client(reef, "reader", "kept").login()
    left = await Client(reef, "reader", "left").login()
    await kept.follow(author)
    await kept["xep_0060"].subscribe(COMMENTS, talk)
    for ident in ("1", "2", "3", "4"):
        await author.post(ident)
    await author.post("said before", node=talk, to=COMMENTS)
    for device in (kept, left):
        await device.until(lambda: any(p.id == "said before" for p in device.posts), "what was said")
    away.read(left)
    await left.quit()
    # While it is away: 2 is edited twice and 3 once, 1 is retracted, 5 is edited, 6 comes and goes; there is talk.
    await author.post("2", "2, edited")
    await author.retract("1")
    await author.post("5")
    await author.post("3", "3, edited")
    await author.post("6")
    await other.post("hello", node=talk, to=COMMENTS)
    await author.post("5", "5, edited")
    await author.post("answer", "hello yourself", node=talk, to=COMMENTS)
    await author.retract("6")
    await author.post("2", "2, edited again")
    await other["xep_0060"].publish(COMMENTS, talk, id="hello", payload=entry("hello, edited"))
    await author["xep_0060"].retract(COMMENTS, talk, "said before", notify=True)
    await author.post("end")
    await kept.until(lambda: any(p.id == "end" for p in kept.posts), "the end")
    here.read(kept)
    left = await come(reef, away, "left", "end")
    posts = [("4", "4"), ("3", "3, edited"), ("5", "5, edited"), ("2", "2, edited again"), ("end", "end")]
    said = [("answer", "hello yourself"), ("hello", "hello, edited")]
    for name, timeline in (("online", here), ("away", away)):
        assert timeline.of(BLOG) == posts, (name, timeline.of(BLOG))
        assert timeline.of(talk) == said, (name, timeline.of(talk))
    # A device that begins anew asks, and finds the same behind what was before it followed.
    assert await everything(kept, author.bare, BLOG) == [("0", "0"), *posts]
    assert await everything(kept, COMMENTS, talk) == said
    # What came while it was away comes once: the next post is the next thing that both get.
    before = len(kept.posts), len(left.posts)
    await author.post("2", "2, once more")
    for device, since, timeline in ((kept, before[0], here), (left, before[1], away)):
        await device.until(lambda: len(device.posts) > since, "2, once more")
        await device.sync()
        assert [(p.kind, p.id, p.title) for p in device.posts[since:]] == [("item", "2", "2, once more")], device.posts
        timeline.read(device, since)
    assert here.items == away.items and list(here.items) == list(away.items)
    for client in (author, other, kept, left):
        await client.quit()


async def test_the_same_is_so_after_the_server_was_killed(reef):
    await reef.users("press")
    press = await Client(reef, "press").login()
    await press.post("old")
    away = Timeline()
    left = await Client(reef, "reader", "left").login()
    await left.follow(press)
    for ident in ("a", "b", "c"):
        await press.post(ident)
    await left.until(lambda: any(p.id == "c" for p in left.posts), "c")
    away.read(left)
    await left.quit()
    await press.post("b", "b, edited")
    await press.retract("a")
    await reef.kill()
    await reef.start()
    press = await Client(reef, "press").login()
    await press.post("c", "c, edited")
    await press.retract("b")
    await press.post("d")
    left = await come(reef, away, "left", "d")
    assert away.of(BLOG)[-2:] == [("c", "c, edited"), ("d", "d")], away.of(BLOG)
    assert not {"a", "b"} & {ident for ident, _ in away.of(BLOG)}, away.of(BLOG)
    for client in (press, left):
        await client.quit()
