"""`reef check-config` says beforehand what other servers would stumble over."""

from people import reef_only
from world import World

FIXTURES = {"alone": lambda: World(None)}


async def said(server):
    """Its exit code, and all that it prints."""
    code, out, err = await server.run("check-config", check=False)
    return code, out + err


@reef_only
async def test_services_that_have_names_and_certificates_are_passed_over(world):
    code, text = await said(world.here)
    assert code == 0, text
    assert not any(f"{service}.{world.here.domain}" in text for service in world.here.SERVICES), text


@reef_only
async def test_a_service_that_has_no_name_is_warned_of(world):
    lost = f"comments.{world.here.domain}"
    known = world.names.services.pop(f"_xmpp-server._tcp.{lost}")
    code, text = await said(world.here)
    world.names.services[f"_xmpp-server._tcp.{lost}"] = known
    assert code == 0 and lost in text and f"pubsub.{world.here.domain}" not in text, text


@reef_only
async def test_a_service_that_is_not_in_the_certificate_is_warned_of(world):
    server = await world.add("reef", "bare.example", names=["bare.example", "comments.bare.example"])
    code, text = await said(server)
    assert code == 0 and "pubsub.bare.example" in text and "comments.bare.example" not in text, text
