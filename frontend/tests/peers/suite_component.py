"""A component of ours (XEP-0114) and users of other servers: its domain is served as our own is."""

import asyncio

import slixmpp
from client import Client
from people import bodies, leave, say
from reef import free_ports
from slixmpp.exceptions import IqError
from world import each_peer

PORT = free_ports(1)[0]
NAME = "echo.here.example"
WITH = {
    "sets": (f'component=[{{name="{NAME}",secret="s"}}]', f'components.listen=["127.0.0.1:{PORT}"]'),
    "names": ("here.example", "pubsub.here.example", "comments.here.example", NAME),
}
FIXTURES = {
    **each_peer(here_with={"reef": WITH}),
    **{f"{kind}, dialback": make for kind, make in each_peer("reef", here_with={"reef": WITH}, dialback=True).items()},
}


async def echo():
    """A component that says back what it is told."""
    component = slixmpp.ComponentXMPP(NAME, "s", "127.0.0.1", PORT)
    component.register_plugin("xep_0199")
    ready = asyncio.Event()
    component.add_event_handler("session_start", lambda _: ready.set())
    component.add_event_handler(
        "message", lambda m: m["type"] != "error" and m["body"] and m.reply(f"you said {m['body']}").send()
    )
    component.connect()
    await asyncio.wait_for(ready.wait(), 10)
    return component


async def test_users_elsewhere_and_a_component_reach_each_other(world):
    if not world.reef:
        return
    world.names.serve(NAME, world.here.s2s_port)
    await world.there.users("orsino")
    orsino = await Client(world.there, "orsino", plugins=["xep_0092"]).login()
    component = await echo()
    await say(orsino, f"anybody@{NAME}", "hello")
    await orsino.until(lambda: bodies(orsino) == ["you said hello"], "an echo")
    component.send_message(orsino.bare, "unasked", mtype="chat", mfrom=f"it@{NAME}")
    await orsino.until(lambda: "unasked" in bodies(orsino), "a message")
    await orsino["xep_0199"].ping(NAME, timeout=10)
    await component["xep_0199"].ping(world.there.domain, ifrom=NAME, timeout=10)
    # Who asks one that is away is told so.
    await component.disconnect()
    try:
        await orsino["xep_0199"].send_ping(NAME, timeout=20)
    except IqError as error:
        assert error.condition in ("remote-server-timeout", "service-unavailable"), error.condition
    else:
        raise AssertionError("nobody answered")
    await leave(orsino)
