"""Direct TLS between servers (XEP-0368)."""

from people import bodies, leave, meet, say
from world import each_peer

FIXTURES = each_peer(direct=True)


async def test_direct_tls_is_used_where_names_offer_nothing_else(world):
    """XEP-0368: without `_xmpp-server` there is no other way in."""
    for server in (world.here, world.there):
        for name in server.domains:
            world.names.services.pop(f"_xmpp-server._tcp.{name}")
        # Streams that are there would serve.
        await server.stop()
    for server in (world.here, world.there):
        await server.start()
    rosalind, orlando = await meet(world, "rosalind", "orlando")
    await say(rosalind, orlando.bare, "direct")
    await orlando.until(lambda: bodies(orlando) == ["direct"], "the message")
    await say(orlando, rosalind.bare, "and back")
    await rosalind.until(lambda: bodies(rosalind) == ["and back"], "the answer")
    await leave(rosalind, orlando)
