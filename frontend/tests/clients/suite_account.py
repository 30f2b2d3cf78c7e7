"""Accounts: registration that is closed, a new password, suspension, removal (XEP-0077)."""

from client import BLOG, Client, refused
from raw import HEADER, Closed, Raw
from reef import DOMAIN

SETS = ["c2s.require_tls=false"]


async def test_closed_registration_is_not_offered_and_refused(reef):
    raw = await Raw(reef).connect()
    raw.send(HEADER)
    features = await raw.stanza()
    assert features.find("{http://jabber.org/features/iq-register}register") is None
    raw.send(
        "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>new</username><password>p</password>"
        "</query></iq>"
    )
    try:
        answer = await raw.stanza()
        assert answer.get("type") == "error" or answer.tag.endswith("error"), answer.tag
    except Closed:
        pass
    assert all(user["jid"] != f"new@{DOMAIN}" for user in await reef.json("user", "list"))


async def test_a_new_password_replaces_the_old(reef):
    await reef.users("juliet")
    juliet = await Client(reef, "juliet").login()
    await juliet["xep_0077"].change_password("other", jid=DOMAIN)
    await juliet.quit()
    old = Client(reef, "juliet")
    old.connect("127.0.0.1", reef.port)
    await old.happens("failed_all_auth")
    await old.quit()
    new = await Client(reef, "juliet", password="other").login()
    await new.quit()


async def test_a_suspended_account_is_thrown_out_and_stays_out(reef):
    await reef.users("troll")
    troll = await Client(reef, "troll").login()
    await reef.run("user", "suspend", f"troll@{DOMAIN}")
    await troll.happens("disconnected")
    again = Client(reef, "troll")
    again.connect("127.0.0.1", reef.port)
    await again.happens("failed_all_auth")
    await again.quit()
    await reef.run("user", "resume", f"troll@{DOMAIN}")
    again = await Client(reef, "troll").login()
    await again.quit()


async def test_a_removed_account_takes_everything_along(reef):
    await reef.users("leaver", "fan")
    leaver, fan = await Client(reef, "leaver").login(), await Client(reef, "fan").login()
    other = await Client(reef, "leaver", "other").login()
    await leaver.post("0")
    await fan.follow(leaver)
    await fan.post("f0")
    await leaver.follow(fan)
    leaver.send_presence_subscription(fan.bare)
    await fan.until(lambda: any(p["type"] == "subscribe" for p in fan.presences), "request")
    fan.send_presence_subscription(leaver.bare, ptype="subscribed")
    await leaver.until(lambda: any(p["type"] == "subscribed" for p in leaver.presences), "grant")
    await leaver["xep_0077"].cancel_registration(jid=DOMAIN)
    await leaver.happens("disconnected")
    await other.happens("disconnected")
    await fan.until(lambda: any(i.get("subscription") == "none" for q in fan.pushes for i in q), "push")
    await refused(fan["xep_0060"].get_items(leaver.bare, BLOG), "service-unavailable")
    # What he followed is taken out in the background.
    while any("leaver" in str(f) for f in await reef.json("node", "followers", fan.bare)):
        pass
    await fan.post("f1")
    gone = Client(reef, "leaver")
    gone.connect("127.0.0.1", reef.port)
    await gone.happens("failed_all_auth")
    await gone.quit()
    # The name is free again, and nothing of the old is there.
    await reef.user("leaver")
    back = await Client(reef, "leaver").login()
    await fan.post("f2")
    await back.sync()
    assert back.posts == [] and len(back.client_roster.keys()) <= 1
    await fan.quit()
    await back.quit()
