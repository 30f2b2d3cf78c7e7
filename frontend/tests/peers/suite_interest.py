"""Contacts there are notified of what their clients want (XEP-0163 §4), as contacts here are."""

from client import Client, befriend
from people import far, leave, meet, open_node, reef_only
from world import each_peer

FIXTURES = each_peer()
MOOD = "urn:x:mood"


async def contacts(world, owner, friend):
    """An owner here and a contact there whose client wants to hear of moods."""
    owner, former = await meet(world, owner, friend)
    await former.quit()
    friend = Client(world.there, friend)
    friend["xep_0163"].add_interest(MOOD)
    await friend.login()
    await befriend(owner, friend)
    return owner, friend


def moods(client):
    return [post.id for post in client.posts if post.node == MOOD]


async def again(world, client):
    """The same user, who comes online once more."""
    name = client.boundjid.user
    await client.quit()
    client = Client(world.there, name)
    client["xep_0163"].add_interest(MOOD)
    return await client.login()


@reef_only
async def test_who_comes_online_gets_the_last_item_and_then_each_as_it_is_published(world):
    owner, friend = await contacts(world, "owner", "friend")
    await owner.post("m1", node=MOOD)
    await friend.got("m1", node=MOOD)
    friend = await again(world, friend)
    await friend.got("m1", node=MOOD)
    names = [f"n{n}" for n in range(20)]
    for name in names:
        await owner.post(name, node=MOOD)
    await friend.until(lambda: len(moods(friend)) == 21, "all moods")
    assert moods(friend) == ["m1", *names], moods(friend)
    await leave(owner, friend)


@reef_only
async def test_who_follows_the_node_as_well_gets_each_once(world):
    owner, friend = await contacts(world, "doubled", "follower")
    await open_node(owner, MOOD, "m0", send_last_published_item="never")
    await friend.got("m0", node=MOOD)
    await friend.follow(owner, MOOD)
    await owner.post("m1", node=MOOD)
    await friend.until(lambda: "m1" in moods(friend), "the mood")
    await far(friend, world.here.domain)
    assert moods(friend) == ["m0", "m1"], friend.posts
    assert friend.posts[-1].to == friend.bare, friend.posts[-1]
    await leave(owner, friend)


@reef_only
async def test_who_is_no_contact_any_more_gets_nothing_more(world):
    owner, friend = await contacts(world, "parted", "former")
    await owner.post("m1", node=MOOD)
    await friend.got("m1", node=MOOD)
    owner.send_presence_subscription(friend.bare, ptype="unsubscribed")
    await owner.until(lambda: owner.client_roster[friend.bare]["subscription"] in ("to", "none"), "no contact")
    await owner.post("m2", node=MOOD)
    await owner.sync()
    await far(friend, world.here.domain)
    assert moods(friend) == ["m1"], friend.posts
    await leave(owner, friend)
