"""Nodes (XEP-0060, XEP-0163): who may read, publish-options, pages, an owner's lists, discovery."""

import hashlib
from base64 import b64encode

from client import BLOG, Client, befriend, refused
from reef import DOMAIN
from slixmpp.xmlstream.xmlstream import ET

PUBSUB = "{http://jabber.org/protocol/pubsub}"
OWNER = "{http://jabber.org/protocol/pubsub#owner}"
RSM = "{http://jabber.org/protocol/rsm}"


def options(client, **fields):
    form = client["xep_0004"].make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    for name, value in fields.items():
        form.add_field(var=f"pubsub#{name}", value=value)
    return form


async def test_access_models_let_in_whom_they_say(reef):
    await reef.users("owner", "friend", "stranger")
    owner, friend = await Client(reef, "owner").login(), await Client(reef, "friend").login()
    stranger = await Client(reef, "stranger").login()
    await befriend(owner, friend)
    await owner.update_roster(friend.bare, groups=["Close"])
    for model, extra in (("presence", {}), ("roster", {"roster_groups_allowed": "Close"}), ("whitelist", {})):
        node = f"urn:x:{model}"
        await owner.post("secret", node=node, options=options(owner, access_model=model, **extra))
        if model == "whitelist":
            await refused(friend.follow(owner, node), "not-allowed", "closed-node")
            await owner["xep_0060"].modify_affiliations(owner.bare, node, [(friend.bare, "member")])
        await friend.follow(owner, node)
        items = await friend["xep_0060"].get_items(owner.bare, node)
        assert [i["id"] for i in items["pubsub"]["items"]] == ["secret"]
        wrong = {
            "presence": ("not-authorized", "presence-subscription-required"),
            "roster": ("not-authorized", "not-in-roster-group"),
            "whitelist": ("not-allowed", "closed-node"),
        }[model]
        await refused(stranger.follow(owner, node), *wrong)
        await refused(stranger["xep_0060"].get_items(owner.bare, node), *wrong)
    await refused(stranger.post("mine", node="urn:x:presence", to=owner.bare), "forbidden")
    # Who loses his right loses what he followed by it.
    friend.posts.clear()
    owner.send_presence_subscription(friend.bare, ptype="unsubscribed")
    await friend.until(lambda: any(p["type"] == "unsubscribed" for p in friend.presences), "the end")
    await owner.post("more", node="urn:x:presence")
    await friend.sync()
    assert friend.posts == [], friend.posts
    for client in (owner, friend, stranger):
        await client.quit()


async def test_publish_options_make_a_node_and_guard_it(reef):
    await reef.users("careful")
    careful = await Client(reef, "careful").login()
    node = "urn:x:opts"
    await careful.post("1", node=node, options=options(careful, access_model="whitelist", persist_items="true"))
    await careful.post("2", node=node, options=options(careful, access_model="whitelist"))
    await refused(
        careful.post("3", node=node, options=options(careful, access_model="open")), "conflict", "precondition-not-met"
    )
    config = await careful["xep_0060"].get_node_config(careful.bare, node)
    assert config["pubsub_owner"]["configure"]["form"]["values"]["pubsub#access_model"] == "whitelist"
    await careful.quit()


async def page(client, to, node, **rsm):
    """Ids, and what the server says of the page."""
    iq = client.make_iq_get(ito=to)
    query = ET.SubElement(iq.xml, f"{PUBSUB}pubsub")
    ET.SubElement(query, f"{PUBSUB}items", node=node)
    wanted = ET.SubElement(query, f"{RSM}set")
    for name, value in rsm.items():
        ET.SubElement(wanted, f"{RSM}{name}").text = str(value) if value != "" else None
    answer = (await iq.send()).xml
    said = answer.find(f".//{RSM}set")
    return [i.get("id") for i in answer.iter(f"{PUBSUB}item")], {c.tag.removeprefix(RSM): c.text for c in said}


async def test_items_are_paged_with_their_count(reef):
    await reef.users("author")
    author = await Client(reef, "author").login()
    all_ = [f"i{n:02}" for n in range(25)]
    for ident in all_:
        await author.post(ident)
    found, after = [], {}
    while len(found) < 25:
        ids, said = await page(author, author.bare, BLOG, max=10, **after)
        assert said["count"] == "25" and (said["first"], said["last"]) == (ids[0], ids[-1])
        found, after = found + ids, {"after": said["last"]}
    assert found == all_, found
    ids, said = await page(author, author.bare, BLOG, max=10, before="")
    assert ids == all_[15:], ids
    ids, said = await page(author, author.bare, BLOG, max=10, before=said["first"])
    assert ids == all_[5:15], ids
    assert (await page(author, author.bare, BLOG, max=0))[1] == {"count": "25"}
    newest = await author["xep_0060"].get_items(author.bare, BLOG, max_items=2)
    assert {i["id"] for i in newest["pubsub"]["items"]} == {"i24", "i23"}
    one = await author["xep_0060"].get_item(author.bare, BLOG, "i07")
    assert one["pubsub"]["items"]["item"]["id"] == "i07"
    await refused(author["xep_0060"].get_items(author.bare, "urn:x:none"), "item-not-found")
    await author["xep_0060"].purge(author.bare, BLOG)
    assert (await page(author, author.bare, BLOG, max=0))[1] == {"count": "0"}
    await author.quit()


async def test_an_owner_sees_who_follows_and_takes_followers_out(reef):
    names = [f"f{n}" for n in range(5)]
    await reef.users("star", *names)
    star = await Client(reef, "star").login()
    await star.post("0")
    for name in names:
        fan = await Client(reef, name).login()
        await fan.follow(star)
        await fan.quit()

    async def followers(**rsm):
        iq = star.make_iq_get(ito=star.bare)
        query = ET.SubElement(iq.xml, f"{OWNER}pubsub")
        ET.SubElement(query, f"{OWNER}subscriptions", node=BLOG)
        wanted = ET.SubElement(query, f"{RSM}set")
        for name, value in rsm.items():
            ET.SubElement(wanted, f"{RSM}{name}").text = str(value)
        answer = (await iq.send()).xml
        said = {c.tag.removeprefix(RSM): c.text for c in answer.find(f".//{RSM}set")}
        return [s.get("jid") for s in answer.iter(f"{OWNER}subscription")], said

    first, said = await followers(max=3)
    rest, _ = await followers(max=3, after=said["last"])
    assert said["count"] == "5" and sorted(first + rest) == [f"{n}@{DOMAIN}" for n in names], (first, rest, said)
    await star["xep_0060"].modify_subscriptions(star.bare, BLOG, [(f"f0@{DOMAIN}", "none")])
    assert f"f0@{DOMAIN}" not in (await followers())[0] and (await followers())[1]["count"] == "4"
    fan = await Client(reef, "f1").login()
    await refused(fan["xep_0060"].get_node_subscriptions(star.bare, BLOG), "forbidden")
    await fan.quit()
    await star.quit()


async def test_discovery_tells_what_there_is_and_the_caps_hash_is_true(reef):
    await reef.users("curious", "shown")
    curious, shown = Client(reef, "curious"), await Client(reef, "shown").login()
    await curious.login()
    await shown.post("0")
    server = (await curious["xep_0030"].get_info(DOMAIN))["disco_info"]
    assert ("server", "im") in {(i[0], i[1]) for i in server["identities"]}
    assert {"http://jabber.org/protocol/disco#info", "urn:xmpp:ping", "jabber:iq:register"} <= set(server["features"])
    identities = "".join(f"{c}/{t}/{lang or ''}/{n or ''}<" for c, t, lang, n in sorted(server["identities"]))
    text = identities + "".join(f"{f}<" for f in sorted(server["features"]))
    ver = b64encode(hashlib.sha1(text.encode()).digest()).decode()
    said = curious.features_seen.get("ver")
    assert said == ver, f"{said} in the features, {ver} of what is told"
    named = await curious["xep_0030"].get_info(DOMAIN, node=f"{curious.features_seen['node']}#{ver}")
    assert set(named["disco_info"]["features"]) == set(server["features"])
    account = (await curious["xep_0030"].get_info(shown.bare))["disco_info"]
    assert {("account", "registered"), ("pubsub", "pep")} <= {(i[0], i[1]) for i in account["identities"]}
    nodes = await curious["xep_0030"].get_items(shown.bare)
    assert BLOG in {i[1] for i in nodes["disco_items"]["items"]}
    services = await curious["xep_0030"].get_items(DOMAIN)
    assert f"pubsub.{DOMAIN}" in {i[0] for i in services["disco_items"]["items"]}
    await curious.quit()
    await shown.quit()
