"""A user here is away while two authors on two servers of other makes write: nothing is missing when he returns."""

import asyncio

from client import BLOG, Client
from people import far, leave, open_blog, reef_only
from world import World

FIXTURES = {"prosody and ejabberd": lambda: World("prosody", aside="ejabberd")}
POSTS = 50


@reef_only
async def test_who_was_away_gets_fifty_posts_of_each_in_order_with_delay(world):
    await world.here.users("reader")
    reader = await Client(world.here, "reader").login()
    authors = []
    for home, name in ((world.there, "romeo"), (world.aside, "paris")):
        await home.users(name)
        author = await Client(home, name).login()
        await open_blog(author)
        await reader.follow(author)
        authors.append(author)
    await reader.quit()

    async def write(author):
        for n in range(POSTS):
            await author.post(f"{author.boundjid.user}-{n}")
        await far(author, world.here.domain)

    await asyncio.gather(*(write(author) for author in authors))
    reader = await Client(world.here, "reader").login()
    await reader.until(lambda: len(reader.posts) >= 2 * POSTS, f"{2 * POSTS} posts")
    for author in authors:
        name = author.boundjid.user
        came = [post.id for post in reader.posts if post.sender == author.bare and post.node == BLOG]
        assert came == [f"{name}-{n}" for n in range(POSTS)], came
    assert all(post.delay and post.to == reader.bare for post in reader.posts), reader.posts
    await authors[0].post("now")
    await reader.until(lambda: reader.posts[-1].id == "now" and reader.posts[-1].delay is None, "a live post")
    assert len(reader.posts) == 2 * POSTS + 1
    await leave(reader, *authors)
