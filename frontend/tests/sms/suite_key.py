"""A backup leaves out the key that numbers of phones are sealed with: a Reef that was restored says what is missing, and does not
start without it, or with another one. With it, phones are who they were.
"""

import shutil
from pathlib import Path

from gateway import Phone, Quiet, Served

FIXTURES = {"": lambda: Served(route=("rate=1000",))}
ANN = "+4917098765401"


async def refused(reef):
    """What a start ends with: one line, and a code that says that it failed."""
    code, out, err = await reef.run("serve", check=False)
    assert code == 1 and "ready" not in out, (code, out)
    return err.splitlines()[-1]


async def test_a_restored_server_starts_with_the_key_of_its_numbers_and_with_no_other(served):
    ann = Phone(served, ANN)
    await served.reef.users("juliet")
    await served.reef.run("post", "juliet@localhost", "first")
    await ann.asks("follow juliet")
    assert "you now get @juliet" in await ann.asks("yes")
    former = served.reef
    backup = Path(former.dir.name) / "backup"
    await former.run("backup", str(backup))
    await former.stop()
    assert not list(backup.rglob("sms-key")), "the backup holds the key"
    served.reef = Quiet(*served.sets())
    key = Path(served.reef.dir.name) / "sms-key"
    code, told, wrong = await served.reef.run("restore", str(backup), check=False)
    assert code == 0 and f"sealed with {key}" in told and "put it there before the server is started" in told, (code, told, wrong)
    assert f"sealed with {key}, which backups leave out" in await refused(served.reef)
    assert not key.exists(), "a key was made that opens nothing"
    another = "the phone numbers were sealed with another key: put the file sms-key of the old data folder there"
    key.write_bytes(b"another key of thirty-two octets")
    assert another in await refused(served.reef)
    key.write_bytes(b"half of one")
    assert str(key) in await refused(served.reef)
    shutil.copy(backup.parent / "sms-key", key)
    await served.reef.start()
    await served.reef.run("post", "juliet@localhost", "second")
    assert await ann.gets() == "@juliet: second"
    await former.close()
