"""Runs the suites of a folder: each `test_*` of each `suite_*.py`, with one reef per suite, or with what the suite names
in `FIXTURES`: once with each. Prints what fails, and a summary.

`run.py FOLDER [WORD]...` runs those whose name has one of the words.
"""

import asyncio
import importlib
import logging
import sys
import time
import traceback
from pathlib import Path

FOLDER = Path(sys.argv[1]).resolve()
sys.path[:0] = [str(FOLDER), str(Path(__file__).parent)]

from reef import Reef  # noqa: E402


class Skipped(Exception):
    """A test that cannot run here; the reason is said."""


async def suite(module, words, tally):
    alone = {"": lambda: Reef(*getattr(module, "SETS", []))}
    for label, make in getattr(module, "FIXTURES", alone).items():
        prefix = f"{module.__name__}[{label}]" if label else module.__name__
        tests = [(f"{prefix}.{n}", f) for n, f in vars(module).items() if n.startswith("test_")]
        chosen = [(n, f) for n, f in tests if not words or any(w in n for w in words)]
        if chosen:
            await together(prefix, make(), chosen, tally)


async def together(name, reef, tests, tally):
    """All of these against one server, or one group of servers."""
    try:
        if not await one(f"{name}: start", lambda r: r.start(), reef, tally):
            return
        for named, test in tests:
            if await one(named, test, reef, tally):
                tally["passed"] += 1
    finally:
        await reef.close()


async def one(name, test, reef, tally):
    """Whether it went well; what did not is said and counted."""
    began = time.monotonic()
    try:
        await asyncio.wait_for(test(reef), getattr(test, "patience", 90))
        print(f"ok      {name} ({time.monotonic() - began:.1f} s)", flush=True)
        return True
    except Exception as error:  # noqa: BLE001
        if type(error).__name__ == "Skipped":
            tally["skipped"] += 1
            print(f"skipped: {name} ({error})", flush=True)
            return False
        tally["failed"] += 1
        print(f"FAILED  {name}", flush=True)
        traceback.print_exc()
        print(reef.logged()[-4000:], flush=True)
        return False


def main():
    logging.basicConfig(level=logging.CRITICAL)
    tally = {"passed": 0, "failed": 0, "skipped": 0}
    for path in sorted(FOLDER.glob("suite_*.py")):
        asyncio.run(suite(importlib.import_module(path.stem), sys.argv[2:], tally))
    print(", ".join(f"{count} {what}" for what, count in tally.items()))
    sys.exit(1 if tally["failed"] else 0)


if __name__ == "__main__":
    main()
