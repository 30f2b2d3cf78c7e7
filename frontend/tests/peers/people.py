"""Users on two servers, and what they see of each other."""

from functools import wraps

from client import BLOG, ET, Client, entry
from run import Skipped
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0004 import Form


async def meet(world, here, there, **more):
    """A user here and one there, registered and online."""
    await world.here.users(here)
    await world.there.users(there)
    return await Client(world.here, here, **more).login(), await Client(world.there, there, **more).login()


def bodies(client, kind=None):
    """What others wrote, in order; with `kind`, only messages of that type."""
    return [m["body"] for m in client.messages if m["body"] and m["type"] != "error" and kind in (None, m["type"])]


def errors(client):
    """What came back: (the id of what was sent, the condition)."""
    return [(m["id"], m["error"]["condition"]) for m in client.messages if m["type"] == "error"]


def kinds(client, bare):
    """The types of presence that came from somebody, in order."""
    return [p["type"] for p in client.presences if p["from"].bare == bare]


def reef_only(test):
    """What no other server can do, where another one takes Reef's place."""

    @wraps(test)
    async def guarded(world):
        if not world.reef:
            raise Skipped("of Reef alone")
        await test(world)

    return guarded


async def ask(client, to, payload, kind="set"):
    """A request as it is written; the answer's XML."""
    iq = client.make_iq(ito=to)
    iq["type"] = kind
    iq.append(ET.fromstring(payload))
    return (await iq.send(timeout=10)).xml


async def leave(*clients):
    for client in clients:
        await client.quit()


async def say(sender, to, text, **more):
    """Sends a chat message, and gives its id."""
    message = sender.make_message(to, text, mtype=more.pop("mtype", "chat"))
    message["id"] = f"id-{text}"
    message.send()
    return message["id"]


async def far(client, domain):
    """Asks the other server twice: what was on its way from there before has come by then. An error is an answer, too:
    pubsub services of Prosody and ejabberd know no ping."""
    for _ in range(2):
        try:
            await client["xep_0199"].send_ping(domain, timeout=10)
        except IqError as error:
            assert error.condition in ("service-unavailable", "feature-not-implemented"), error


def form(kind, fields):
    """`publish-options` (XEP-0060 §7.1.5) or `node_config`."""
    made = Form()
    made["type"] = "submit"
    made.add_field(var="FORM_TYPE", ftype="hidden", value=f"http://jabber.org/protocol/pubsub#{kind}")
    for name, value in fields.items():
        made.add_field(var=f"pubsub#{name}", value=value)
    return made


async def open_node(author, node, ident, **fields):
    """Publishes the first item as Movim does: with options; where the server knows not all of them (ejabberd), without,
    and configures the node then. The defaults of PEP would keep one item and let contacts alone follow."""
    fields = {"access_model": "open", "persist_items": "true", **fields}
    pubsub = author["xep_0060"]
    try:
        options = form("publish-options", fields)
        await pubsub.publish(author.bare, node, id=ident, payload=entry(ident), options=options)
    except IqError as error:
        assert error.condition == "resource-constraint", error
        await pubsub.publish(author.bare, node, id=ident, payload=entry(ident))
        # Presence from other servers is not looked at there: nobody on them would get anything.
        fields["presence_based_delivery"] = "false"
        await pubsub.set_node_config(author.bare, node, form("node_config", fields))


async def open_blog(author, ident="zero"):
    await open_node(author, BLOG, ident, max_items="1000", notify_retract="true", send_last_published_item="never")
