"""A domain that is an address: dialled as it stands, on 5269; accounts and their nodes, no services.

Prosody 0.12 and ejabberd 23.01 look for no address among a certificate's names (iPAddress), so that dialback must be
allowed with them. Two Reefs need none.
"""

import os

from people import bodies, leave, meet, open_blog, say
from world import HERE, World


def worlds():
    """Addresses that no other run is likely to take: the port cannot be chosen."""
    low = os.getpid() % 250 + 2
    made = {}
    for n, there in enumerate(("prosody", "ejabberd")):
        for m, (what, roles) in enumerate({"here": ["here"], "both": ["here", "there"]}.items()):
            domains = {role: f"127.{10 + 2 * n + m}.{k}.{low}" for k, role in enumerate(roles)}
            trusted = {kind: {"trusted": True} for kind in ("prosody", "ejabberd", "reef")}
            made[f"{there}, an address is {what}"] = lambda there=there, domains=domains: World(
                there, dialback=True, domains=domains, here_with=trusted, there_with=trusted
            )
    if HERE == "reef":
        domains = {"here": f"127.20.0.{low}", "there": f"127.20.1.{low}"}
        made["reef, by certificates"] = lambda: World("reef", domains=domains)
    return made


FIXTURES = worlds()


async def test_users_of_an_address_write_and_follow_and_are_followed(world):
    juliet, romeo = await meet(world, "juliet", "romeo")
    await say(juliet, romeo.bare, "from here")
    await romeo.until(lambda: bodies(romeo) == ["from here"], "the message")
    await say(romeo, juliet.boundjid.full, "from there")
    await juliet.until(lambda: bodies(juliet) == ["from there"], "the message")
    for author, reader in ((juliet, romeo), (romeo, juliet)):
        await open_blog(author)
        await reader.follow(author)
        reader.posts.clear()
        await author.post("p1")
        await reader.got("p1")
    await leave(juliet, romeo)
