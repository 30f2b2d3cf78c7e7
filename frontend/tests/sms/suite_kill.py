"""kill -9 of a whole Reef while a post goes round to phones, at an SMSC that goes on: who has no text may ask for it, nobody gets
two, and what is in doubt is shown and bounded. `REEF_ROUNDS` says how many times (3 by default), `REEF_SEED` which moments.
"""

import asyncio
import os
import random

from client import Client
from gateway import Phone, Served

ROUNDS = int(os.environ.get("REEF_ROUNDS", "3"))
PHONES, WINDOW = 200, 10
# Intents of one commit where the window is ten.
BATCH = 32
FIXTURES = {"": lambda: Served("--delay-ms", "50", "--no-words", route=("rate=1000", f"window={WINDOW}"))}


def numbers():
    # New numbers of one prefix are limited.
    return [f"+49{15 + n // 50}9876{n:05}" for n in range(PHONES)]


async def everybody_follows(served):
    await served.reef.users("juliet")
    juliet = await Client(served.reef, "juliet").login()
    await juliet.post("first", "first")
    await juliet.quit()
    phones = [Phone(served, number) for number in numbers()]

    async def follow(phone):
        await phone.asks("follow juliet")
        assert "you now get @juliet" in await phone.asks("yes")

    await asyncio.gather(*(follow(phone) for phone in phones))
    return phones


async def more(phone):
    """What was held back for it."""
    return await phone.asks("more")


async def one_round(served, phones, words, moment):
    """A post, and a kill once so many have it; how many have it then, in the end, and are in doubt."""
    post = f"@juliet: {words}"

    def got():
        return [to for to, text in served.texts() if text == post]

    await served.reef.run("post", "juliet@localhost", words)
    await served.smsc.when(lambda: len(got()) >= moment)
    await served.reef.kill()
    before = len(got())
    assert before < PHONES, "it was over before the kill"
    await served.reef.start()
    await served.rested()
    reached, doubts = got(), await served.metric("ambiguous_total")
    assert len(reached) == len(set(reached)), "a post in doubt was sent again"
    missing = {phone.number for phone in phones} - set(reached)
    assert len(missing) <= doubts <= WINDOW + BATCH, f"{len(missing)} have nothing, {doubts} are in doubt"
    for phone in phones:
        phone.taken = len(served.texts(phone.number))
    answers = dict(zip((phone.number for phone in phones), await asyncio.gather(*(more(phone) for phone in phones))))
    asked = {number for number, answer in answers.items() if answer == post}
    assert missing <= asked, f"silently lost for {len(missing - asked)}"
    assert len(asked) == doubts, f"{doubts} are in doubt, and {len(asked)} may ask for it"
    return before, len(reached), doubts


async def test_kill_9_in_a_fan_out_loses_nothing_silently_and_sends_nothing_twice(served):
    seed = int(os.environ.get("REEF_SEED", str(random.randrange(1 << 32))))
    moments = random.Random(seed)
    print(f"        {ROUNDS} rounds, REEF_SEED={seed}", flush=True)
    phones = await everybody_follows(served)
    for turn in range(ROUNDS):
        moment = moments.randrange(1, PHONES - 3 * BATCH)
        before, reached, doubts = await one_round(served, phones, f"round {turn}", moment)
        print(f"        killed at {before}: {reached} of {PHONES} have it once, {doubts} in doubt may ask for it", flush=True)


test_kill_9_in_a_fan_out_loses_nothing_silently_and_sends_nothing_twice.patience = 60 + 60 * ROUNDS
