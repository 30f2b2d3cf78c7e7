"""Libervia 0.9: reads and publishes a feed, follows one, comments, reacts, and manages nodes."""

from client import BLOG, ET, Client
from libervia import Libervia
from reef import DOMAIN

MOOD = "http://jabber.org/protocol/mood"
PUBSUB = f"pubsub.{DOMAIN}"


async def test_libervia_publishes_reads_with_all_fields_edits_and_retracts(reef):
    async with Libervia(reef, "juliet", "romeo") as libervia:
        # Whichever service comes first is taken for everything: never the one for comments.
        assert PUBSUB in await libervia.backend.says("default pubsub service")
        post = ("blog", "set", "-p", "juliet", "-i", "first", "-t", "verona", "-t", "balcony", "-l", "en")
        await libervia.li(*post, "-T", "Wherefore art thou?", stdin="Deny thy father")
        own = ("blog", "get", "-p", "juliet", "-C")
        others = ("blog", "get", "-p", "romeo", "-s", f"juliet@{DOMAIN}", "-C")
        for get in (own, others):
            items, about = await libervia.json(*get)
            (item,) = items
            wanted = {
                "id": "first", "service": f"juliet@{DOMAIN}", "node": BLOG, "title": "Wherefore art thou?",
                "content": "Deny thy father", "language": "en", "tags": ["verona", "balcony"], "author": "juliet",
                "author_jid": f"juliet@{DOMAIN}", "author_jid_verified": True, "comments": [],
            }
            assert {key: item.get(key) for key in wanted} == wanted, item
            assert "<p>Deny thy father</p>" in item["content_xhtml"] and item["published"] == item["updated"], item
            assert (about["service"], about["node"]) == (f"juliet@{DOMAIN}", BLOG), about
        await libervia.li(*post, "-T", "Wherefore art thou, Romeo?", stdin="Deny thy father")
        await libervia.li("blog", "set", "-p", "juliet", "-i", "second", "-T", "A rose", stdin="by any other name")
        items, _ = await libervia.json(*others)
        assert {i["id"]: i["title"] for i in items} == {"first": "Wherefore art thou, Romeo?", "second": "A rose"}, items
        await libervia.li("pubsub", "delete", "-p", "juliet", "-n", BLOG, "-i", "first", "-f")
        items, _ = await libervia.json(*others)
        assert [i["id"] for i in items] == ["second"], items


async def test_libervia_follows_and_gets_posts_edits_and_retractions_as_they_come(reef):
    async with Libervia(reef, "author", "reader") as libervia:
        author = ("-p", "author")
        await libervia.li("blog", "set", *author, "-i", "before", "-T", "Before", stdin="before")
        # It subscribes by its account's management alone (XEP-0376).
        blog = ("-s", f"author@{DOMAIN}", "-n", BLOG)
        await libervia.li("pubsub", "subscribe", "-p", "reader", *blog)
        own = await libervia.json("pubsub", "subscriptions", "-p", "reader")
        assert [(s["service"], s["node"], s["state"]) for s in own] == [(f"author@{DOMAIN}", BLOG, "subscribed")], own
        # From here on it keeps what it reads, and learns of changes by notifications.
        kept = ("blog", "get", "-p", "reader", *blog)
        await libervia.until(lambda found: [i["id"] for i in found[0]] == ["before"], *kept)
        stream = await libervia.monitor("reader")
        # By +notify, though its hash counts a feature twice: what it answers holds for it alone (XEP-0115 §5.4).
        phone = await Client(reef, "reader", "phone").login(presence=False)
        await phone["xep_0060"].publish(phone.bare, MOOD, id="mood", payload=ET.Element(f"{{{MOOD}}}mood"))
        assert f'to="reader@{DOMAIN}/libervia"' in await stream.says(f'<items node="{MOOD}"')
        await phone.quit()
        for title in ("Live", "Live again"):
            await libervia.li("blog", "set", *author, "-i", "live", "-T", title, stdin=title.lower())
            line = await stream.says(f">{title}</title>")
            assert line.startswith("<message") and f'publisher="author@{DOMAIN}"' in line, line
            assert f'to="reader@{DOMAIN}"' in line, line
            now = {"before": "Before", "live": title}
            await libervia.until(lambda found: {i["id"]: i["title"] for i in found[0]} == now, *kept)
        await libervia.li("pubsub", "delete", *author, "-n", BLOG, "-i", "live", "-f")
        line = await stream.says('<retract id="live"')
        assert f'to="reader@{DOMAIN}"' in line, line
        await libervia.until(lambda found: [i["id"] for i in found[0]] == ["before"], *kept)
        await libervia.li("pubsub", "unsubscribe", "-p", "reader", *blog)
        assert await libervia.json("pubsub", "subscriptions", "-p", "reader") == []


async def test_libervia_comments_and_reacts(reef):
    async with Libervia(reef, "writer", "guest") as libervia:
        writer, guest, service = ("-p", "writer"), ("-p", "guest"), f"writer@{DOMAIN}"
        # It asks how the node is configured before it makes one for comments, so there must be one.
        await libervia.li("blog", "set", *writer, "-i", "quiet", "-T", "Quiet", stdin="no comment")
        await libervia.li("blog", "set", *writer, "-i", "open", "-T", "Open", "-C", stdin="say something")
        items, _ = await libervia.json("blog", "get", *guest, "-s", service, "-C")
        (comments,) = next(item["comments"] for item in items if item["id"] == "open")
        assert comments["node"] == "urn:xmpp:microblog:0:comments/open", comments
        place = ("-s", comments["service"], "-n", comments["node"])
        await libervia.li("blog", "set", *guest, *place, "-i", "said", "-T", "I say", stdin="something")
        (comment,), _ = await libervia.json("blog", "get", *writer, *place, "-C")
        assert (comment["title"], comment["author_jid"]) == ("I say", f"guest@{DOMAIN}"), comment
        assert comment["author_jid_verified"], comment
        item = ("-s", service, "-n", BLOG, "-i", "open")
        await libervia.li("blog", "attachments", "set", *guest, *item, "-N", "true", "-r", "♥")
        (attached,) = await libervia.json("blog", "attachments", "get", *writer, *item)
        assert attached["from"] == f"guest@{DOMAIN}", attached
        assert attached["noticed"]["noticed"] and attached["reactions"]["reactions"] == ["♥"], attached


async def test_libervia_creates_configures_shares_and_deletes_nodes(reef):
    async with Libervia(reef, "owner", "helper") as libervia:
        owner, helper = ("-p", "owner"), ("-p", "helper")
        for service in (PUBSUB, f"owner@{DOMAIN}"):
            node = ("-s", service, "-n", "news")
            fields = ("-f", "title", "News", "-f", "publish_model", "publishers", "-f", "itemreply", "publisher")
            await libervia.li("pubsub", "node", "create", *owner, *node, *fields)
            await libervia.li("pubsub", "node", "set", *owner, *node, "-f", "title", "Newer", "-f", "max_items", "10")
            info = await libervia.json("pubsub", "node", "info", *owner, *node)
            wanted = {"title": "Newer", "publish_model": "publishers", "itemreply": "publisher", "max_items": "10"}
            assert {key: info.get(key) for key in wanted} == wanted, info
            publish = ("pubsub", "set", *helper, *node, "one")
            code, _, error = await libervia.ask(*publish, stdin="<x xmlns='urn:x'>hello</x>")
            assert code != 0 and "forbidden" in error, (code, error)
            await libervia.li("pubsub", "node", "affiliations", "set", *owner, *node, "-a", f"helper@{DOMAIN}", "publisher")
            given = await libervia.json("pubsub", "node", "affiliations", "get", *owner, *node)
            assert given == {f"owner@{DOMAIN}": "owner", f"helper@{DOMAIN}": "publisher"}, given
            own = await libervia.json("pubsub", "affiliations", *helper, "-s", service)
            assert own["news"] == "publisher", own
            await libervia.li(*publish, stdin="<x xmlns='urn:x'>hello</x>")
            got = await libervia.li("pubsub", "get", *owner, *node, "-C")
            assert 'id="one"' in got and f'publisher="helper@{DOMAIN}"' in got and ">hello</x>" in got, got
            await libervia.li("pubsub", "node", "purge", *owner, *node, "-f")
            got = await libervia.li("pubsub", "get", *owner, *node, "-C")
            assert "hello" not in got, got
            await libervia.li("pubsub", "node", "delete", *owner, *node, "-f")
            code, _, error = await libervia.ask("pubsub", "node", "info", *owner, *node)
            assert code != 0 and "exist" in error, (code, error)


# Each command starts a Python.
for test in list(vars().values()):
    if getattr(test, "__name__", "").startswith("test_"):
        test.patience = 240
