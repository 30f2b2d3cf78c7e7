"""A peer that takes nothing and says nothing: other peers, and users here, are served as if it were not there."""

from client import BLOG, Client
from people import bodies, leave, open_blog, reef_only, say
from world import World

FIXTURES = {"prosody beside ejabberd": lambda: World("prosody", aside="ejabberd")}


@reef_only
async def test_a_peer_that_stalls_delays_no_other_and_gets_everything_later(world):
    gate = await world.behind_gate(world.there)
    await world.here.users("author", "near")
    author, near = await Client(world.here, "author").login(), await Client(world.here, "near").login()
    await open_blog(author)
    followers = [near]
    for home, name in ((world.there, "stuck"), (world.aside, "free")):
        await home.users(name)
        followers.append(await Client(home, name).login())
    for client in followers:
        await client.follow(author)
        client.posts.clear()
    near, stuck, free = followers
    gate.stall()
    names = [f"p{n}" for n in range(100)]
    for name in names:
        await author.post(name)
    for client in (near, free):
        await client.got(*names)
    await say(author, free.bare, "chat passes, too")
    await free.until(lambda: bodies(free), "the message")
    assert stuck.posts == []
    await gate.reopen()
    await stuck.until(lambda: any(p.id == names[-1] for p in stuck.posts), names[-1])
    assert list(dict.fromkeys(p.id for p in stuck.posts if p.node == BLOG)) == names
    await leave(author, near, stuck, free)
