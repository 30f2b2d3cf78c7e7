"""Phones and XMPP clients talk with each other through a whole Reef: its own process, bound to an SMSC in another one, with real
clients. What both sides said and got is `conversation.txt`; and a number is in nothing that a client got, and in no line of the log.
"""

from client import BLOG, befriend
from gateway import Served
from people import Person, Talking
from transcript import Transcript

FIXTURES = {"": lambda: Served(route=("rate=100",))}
ANN, BEN = "+4917098765401", "+4917098765402"
# What both have, and nothing else could.
DIGITS = "1709876540"


class Stage:
    """Two phones and four accounts."""

    def __init__(self, served):
        self.served, self.talk = served, Transcript()
        self.ann, self.ben = Talking(served, self.talk, ANN), Talking(served, self.talk, BEN)

    async def enter(self):
        names = ["juliet", "romeo", "nurse", "benvolio"]
        await self.served.reef.users(*names)
        self.juliet, self.romeo, self.nurse, self.benvolio = (Person(self.served, self.talk, name) for name in names)
        self.benvolio["xep_0163"].add_interest(BLOG)
        for person in self.clients():
            await person.login()
        await befriend(self.romeo, self.benvolio)

    def clients(self):
        return self.juliet, self.romeo, self.nurse, self.benvolio


async def a_phone_follows(stage):
    stage.talk.head("A phone without an account follows an author by text, and gets what she posts")
    await stage.juliet.publishes("1", "What's in a name?")
    await stage.ann.asks("follow juliet")
    await stage.ann.asks("YES")
    await stage.juliet.publishes("2", "Good night, good night!")
    assert await stage.ann.gets() == "@juliet: Good night, good night!"


async def a_phone_is_linked(stage):
    stage.talk.head("An account asks for a code, and its phone texts it")
    told = await stage.romeo.commands("link", phone=BEN)
    code = next(word for word in told.split() if word.isdigit())
    assert len(code) == 6, told
    stage.talk.hide(code, "(code)")
    stage.romeo.notes("<", told)
    assert "linked with @romeo" in await stage.ben.asks(code)


async def its_texts_are_posts(stage):
    stage.talk.head("Its texts are posts, for who is notified by presence and for who is subscribed")
    await stage.ben.says("But soft, what light through yonder window breaks?")
    await stage.benvolio.sees()
    stage.nurse.notes(">", "subscribe romeo@localhost")
    await stage.nurse.follow(stage.romeo)
    await stage.ben.says("It is the east")
    for watcher in (stage.nurse, stage.benvolio):
        assert (await watcher.sees()).title == "It is the east"


async def it_answers_a_post(stage):
    stage.talk.head("It follows, gets a post and answers it")
    await stage.ben.asks("follow juliet")
    await stage.juliet.publishes("3", "Parting is such sweet sorrow")
    for phone in (stage.ann, stage.ben):
        assert await phone.gets() == "@juliet: Parting is such sweet sorrow"
    await stage.ben.says("r Sleep dwell upon thine eyes")
    for watcher in (stage.nurse, stage.benvolio):
        assert (await watcher.sees()).title == "Sleep dwell upon thine eyes"


async def they_write_to_each_other(stage):
    stage.talk.head("Direct messages: to the phone while its account is away, and from the phone")
    stage.romeo.notes(">", "(goes)")
    await stage.romeo.quit()
    await stage.benvolio.writes("romeo@localhost", "Art thou there?")
    assert await stage.ben.gets() == "DM @benvolio: Art thou there?"
    await stage.ben.says("d benvolio By a name I know not")
    assert await stage.benvolio.hears() == "By a name I know not"


async def stop_ends_it(stage):
    stage.talk.head("STOP ends it; HELP is answered all the same, and nothing came before that")
    assert "you are unsubscribed" in await stage.ben.asks("STOP")
    await stage.juliet.publishes("4", "'Tis almost morning")
    assert await stage.ann.gets() == "@juliet: 'Tis almost morning"
    await stage.benvolio.writes("romeo@localhost", "Still there?")
    await stage.served.rested()
    assert "posts by text" in await stage.ben.asks("help")
    assert "you are unsubscribed" in await stage.ann.asks("stop")
    await stage.juliet.publishes("5", "I would have thee gone")
    await stage.served.rested()
    assert [len(stage.served.texts(phone.number)) - phone.taken for phone in (stage.ann, stage.ben)] == [0, 0]


async def the_account_goes_on(stage):
    stage.talk.head("The account goes on without its phone")
    stage.romeo.notes(">", "(comes)")
    await stage.romeo.login()
    heard = [await stage.romeo.hears(), await stage.romeo.hears()]
    assert heard == ["Art thou there?", "Still there?"], heard


def no_number_is_anywhere(stage):
    for person in stage.clients():
        assert person.octets, f"nothing was kept of what {person.name} got"
        assert DIGITS.encode() not in person.octets, f"{person.name} got a number"
    log = stage.served.reef.log_text()
    assert "DEBUG" in log, "the log is not as full as it can be"
    told = [line for line in log.splitlines() if DIGITS in line]
    assert not told, f"a number is in the log: {told[:3]}"


async def test_phones_and_clients_talk_and_no_number_is_shown(served):
    stage = Stage(served)
    await stage.enter()
    try:
        for act in (
            a_phone_follows, a_phone_is_linked, its_texts_are_posts, it_answers_a_post, they_write_to_each_other, stop_ends_it,
            the_account_goes_on,
        ):
            await act(stage)
    finally:
        stage.talk.keep()
    for person in stage.clients():
        await person.quit()
    await served.reef.stop()
    no_number_is_anywhere(stage)
    stage.talk.compare()
