"""Both sides agree who follows, also where one of them was restored from a backup (frontend/FANOUT.md §4)."""

import asyncio
import json
from pathlib import Path

from client import BLOG, Client
from people import leave, open_blog, reef_only
from world import World

FIXTURES = {"reef": lambda: World("reef")}
PATIENCE = 30


async def saved(server):
    """A backup of what it has now."""
    folder = Path(server.dir.name) / "saved"
    await server.run("backup", str(folder))
    return folder


async def restored(server, folder):
    """Has it begin again with what it had then."""
    await server.stop()
    store = Path(server.dir.name) / "store"
    store.rename(store.with_name("lost"))
    await server.run("restore", str(folder))
    await server.start()


async def followed(server, author, *names):
    """Waits until these follow, and nobody else, by what a server has recorded."""

    async def recorded():
        # Until somebody follows it there is no such node: that is an error.
        _, rows, _ = await server.run("node", "followers", f"{author.bare}/{BLOG}", "--json", check=False)
        return {json.loads(row)["jid"] for row in rows.splitlines()}

    async def asked():
        while await recorded() != set(names):
            pass

    await asyncio.wait_for(asked(), PATIENCE)


async def fan(world, author, name):
    await world.there.users(name)
    fan = await Client(world.there, name).login()
    await fan.follow(author)
    return fan


async def author_of(world, name):
    await world.here.users(name)
    author = await Client(world.here, name).login()
    await open_blog(author)
    return author


@reef_only
async def test_whom_the_followers_server_does_not_know_to_follow_does_not_follow_there_either(world):
    author = await author_of(world, "poet")
    await world.there.users("romeo", "paris")
    folder = await saved(world.there)
    fans = [await Client(world.there, name).login() for name in ("romeo", "paris")]
    for one in fans:
        await one.follow(author)
    fans.append(await fan(world, author, "gone"))
    await author.post("before")
    for one in fans:
        await one.until(lambda one=one: "before" in [post.id for post in one.posts], "the post")
        one.cut()
    await restored(world.there, folder)
    fans = [await Client(world.there, name).login() for name in ("romeo", "paris")]
    await author.post("now both compare")
    await followed(world.here, author)
    # Whoever still wants to follow does so again: nobody is made to by another server.
    for one in fans:
        await one.follow(author)
    names = [one.bare for one in fans]
    await followed(world.there, author, *names)
    await followed(world.here, author, *names)
    await author.post("after")
    for one in fans:
        await one.until(lambda one=one: "after" in [post.id for post in one.posts], "the post")
    await leave(author, *fans)


@reef_only
async def test_what_the_authors_server_has_lost_is_forgotten_where_the_followers_are(world):
    author = await author_of(world, "bard")
    first = await fan(world, author, "first")
    folder = await saved(world.here)
    second = await fan(world, author, "second")
    await followed(world.there, author, first.bare, second.bare)
    author.cut()
    await restored(world.here, folder)
    author = await Client(world.here, "bard").login()
    await author.post("p1")
    await first.until(lambda: "p1" in [post.id for post in first.posts], "the post")
    await followed(world.there, author, first.bare)
    await leave(author, first, second)
