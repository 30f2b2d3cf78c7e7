"""Users on two servers, and what they see of each other."""

from client import BLOG, Client, entry
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0004.stanza.form import Form


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


def options(**fields):
    """`publish-options` (XEP-0060 §7.1.5), or a node's configuration."""
    form = Form()
    form["type"] = "submit"
    return filled(form, "http://jabber.org/protocol/pubsub#publish-options", fields)


def filled(form, kind, fields):
    form.add_field(var="FORM_TYPE", ftype="hidden", value=kind)
    for name, value in fields.items():
        form.add_field(var=f"pubsub#{name}", value=value)
    return form


async def open_blog(author, ident="zero"):
    """Publishes as Movim does: only so does a microblog on Prosody or ejabberd keep more than one post and may be
    followed by strangers."""
    form = options(persist_items="true", access_model="open", max_items="1000", notify_retract="true",
                   send_last_published_item="never")
    return await author["xep_0060"].publish(author.bare, BLOG, id=ident, payload=entry(ident), options=form)
