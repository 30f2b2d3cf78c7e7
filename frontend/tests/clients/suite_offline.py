"""What a client leaves undone must not be lost: messages kept, cut short, or still unacknowledged."""

import raw

SETS = raw.PLAIN


async def chat(reef, sender, to, *texts):
    """Sends messages, and waits until the server has handled them."""
    client = await raw.Raw(reef).login(sender, "s")
    for text in texts:
        client.send(f"<message to='{to}' type='chat'><body>{text}</body></message>")
    client.send("<iq type='get' id='done'><ping xmlns='urn:xmpp:ping'/></iq>")
    while (await client.stanza()).get("id") != "done":
        pass
    client.writer.close()


async def bodies(client, last):
    """Bodies of what comes, up to and with `last`."""
    got = []
    while not got or got[-1] != last:
        body = (await client.stanza()).find("{jabber:client}body")
        if body is not None:
            got.append(body.text)
    return got


async def test_a_session_that_ends_at_once_takes_no_kept_message_along(reef):
    await reef.users("brief", "writer")
    await chat(reef, "writer", "brief@localhost", "kept")
    client = await raw.Raw(reef).login("brief", "r")
    client.send("<presence/></stream:stream>")
    try:
        while True:
            await client.stanza()
    except raw.Closed:
        pass
    client = await raw.Raw(reef).login("brief", "r")
    client.send("<presence/>")
    await chat(reef, "writer", "brief@localhost", "new")
    # Nothing was handed to the first session, so nothing may be missing now.
    assert await bodies(client, "new") == ["kept", "new"]


async def test_what_was_not_acknowledged_comes_to_who_is_back_at_once(reef):
    await reef.users("hasty", "writer2")
    first = await raw.Raw(reef).login("hasty", "r")
    first.send("<presence/><enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    while not (await first.stanza()).tag.endswith("enabled"):
        pass
    await chat(reef, "writer2", "hasty@localhost", "unacked")
    assert await bodies(first, "unacked") == ["unacked"]
    # The same resource again, with presence behind bind in one write: the first session ends in between.
    second = await raw.Raw(reef).connect()
    await second.authenticate("hasty")
    second.send(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>"
        "<presence/>"
    )
    assert await bodies(second, "unacked") == ["unacked"]


async def test_strangers_cannot_fill_a_login_with_requests(reef):
    strangers = [f"stranger{n}" for n in range(6)]
    await reef.users("victim", *strangers)
    for name in strangers:
        client = await raw.Raw(reef).login(name, "s")
        client.send(f"<presence to='victim@localhost' type='subscribe'><status>{'x' * 250_000}</status></presence>")
        client.send("<iq type='get' id='done'><ping xmlns='urn:xmpp:ping'/></iq>")
        while (await client.stanza()).get("id") != "done":
            pass
        client.writer.close()
    victim = await raw.Raw(reef).login("victim", "r")
    victim.send("<presence/>")
    asked = set()
    while len(asked) < len(strangers):
        stanza = await victim.stanza()
        if stanza.get("type") == "subscribe":
            assert stanza.find("{jabber:client}status") is None
            asked.add(stanza.get("from"))
    assert asked == {f"{name}@localhost" for name in strangers}
