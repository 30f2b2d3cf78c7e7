"""kill -9 of a whole Reef whose SMSC takes texts and never says so: an answer is sent once more, and never a third time."""

from gateway import Phone, Served

FIXTURES = {"": lambda: Served("--silent", "1000", "--no-words")}


async def test_answers_in_doubt_are_sent_once_more_and_no_third_time(served):
    asks, stops = (Phone(served, f"+49151987654{n:02}") for n in (1, 2))
    first = [await asks.asks("who"), await stops.asks("stop")]
    assert first[0].startswith("You get nobody's posts") and "you are unsubscribed" in first[1], first
    await served.again()
    assert [await asks.gets(), await stops.gets()] == first
    await served.again()
    await served.smsc.say("heal")
    # What would come a third time is older than this answer.
    assert await asks.asks("follow nobody") == "No user 'nobody'. To post this send: POST <text>"
    assert "posts by text" in await stops.asks("help")
    await served.rested()
    assert [len(served.texts(phone.number)) for phone in (asks, stops)] == [3, 3], served.texts()
    assert await served.metric("ambiguous_total") == 2
