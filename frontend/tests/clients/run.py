"""Runs the suites: each `test_*` of each `suite_*.py`, with one reef per suite. Prints what fails, and a summary.

`run.py [WORD]...` runs those whose name has one of the words.
"""

import asyncio
import importlib
import logging
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from reef import Reef  # noqa: E402


class Skipped(Exception):
    """A test that cannot run here; the reason is said."""


async def suite(module, words, tally):
    tests = [(n, f) for n, f in vars(module).items() if n.startswith("test_")]
    chosen = [(n, f) for n, f in tests if not words or any(w in f"{module.__name__}.{n}" for w in words)]
    if not chosen:
        return
    reef = Reef(*getattr(module, "SETS", []))
    try:
        await reef.start()
        for name, test in chosen:
            await one(f"{module.__name__}.{name}", test, reef, tally)
    finally:
        await reef.close()


async def one(name, test, reef, tally):
    began = time.monotonic()
    try:
        await asyncio.wait_for(test(reef), getattr(test, "patience", 90))
        tally["passed"] += 1
        print(f"ok      {name} ({time.monotonic() - began:.1f} s)", flush=True)
    except Exception as error:  # noqa: BLE001
        if type(error).__name__ == "Skipped":
            tally["skipped"] += 1
            print(f"skipped: {name} ({error})", flush=True)
            return
        tally["failed"] += 1
        print(f"FAILED  {name}", flush=True)
        traceback.print_exc()
        print(reef.logged()[-2000:], flush=True)


def main():
    logging.basicConfig(level=logging.CRITICAL)
    tally = {"passed": 0, "failed": 0, "skipped": 0}
    for path in sorted(Path(__file__).parent.glob("suite_*.py")):
        asyncio.run(suite(importlib.import_module(path.stem), sys.argv[1:], tally))
    print(", ".join(f"{count} {what}" for what, count in tally.items()))
    sys.exit(1 if tally["failed"] else 0)


if __name__ == "__main__":
    main()
