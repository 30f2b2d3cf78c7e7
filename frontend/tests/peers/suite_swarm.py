"""Many peers, every tenth of them dead, mute, slow or hostile: the others are served as if these were not there.

`REEF_PEERS` (60) says how many.
"""

import os
import time

from client import Client
from people import leave, open_blog, reef_only
from swarm import Swarm
from world import World

FIXTURES = {"alone": lambda: World(None)}
PEERS, ROUNDS = int(os.environ.get("REEF_PEERS", "60")), 20
PATIENCE = 30 + PEERS / 10
# Below this a measurement on a busy machine says nothing.
FLOOR = 0.1


async def followed(world, name, domains):
    """An author whom one at each of these domains follows."""
    await world.here.users(name)
    author = await Client(world.here, name).login()
    await open_blog(author)
    listed = "\n".join(f"fan@{domain}" for domain in domains).encode()
    await world.here.run("node", "import-followers", f"{author.bare}/urn:xmpp:microblog:0", "-", stdin=listed)
    return author


async def latencies(swarm, author, name):
    """From the author's request until each peer has it, sorted, after a first post that opened the streams."""
    await author.post(f"{name}-first")
    await swarm.has(f"{name}-first", PATIENCE)
    took = []
    for n in range(ROUNDS):
        began = time.monotonic()
        await author.post(f"{name}-{n}")
        took += [when - began for when in (await swarm.has(f"{name}-{n}", PATIENCE)).values()]
    return sorted(took)


def at(took, share):
    return took[min(len(took) - 1, int(len(took) * share))]


@reef_only
async def test_healthy_peers_see_no_more_than_twice_the_latency_that_they_see_alone(world):
    swarm = await Swarm(world, PEERS, PEERS // 10).start()
    try:
        alone = await followed(world, "alone", swarm.good)
        among = await followed(world, "among", swarm.good + swarm.bad)
        quiet = await latencies(swarm, alone, "alone")
        loud = await latencies(swarm, among, "among")
        for share in (0.5, 0.99):
            print(f"        p{share * 100:.0f}: {at(quiet, share) * 1000:.1f} ms alone, {at(loud, share) * 1000:.1f} ms "
                  f"with {len(swarm.bad)} bad ones among {PEERS}", flush=True)
            assert at(loud, share) <= max(2 * at(quiet, share), FLOOR), share
        await leave(alone, among)
    finally:
        swarm.close()


test_healthy_peers_see_no_more_than_twice_the_latency_that_they_see_alone.patience = 120 + PEERS
