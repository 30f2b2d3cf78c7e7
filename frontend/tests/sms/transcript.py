"""What both sides of a conversation said and got, written down in order; numbers masked, codes and times left out.

Knows no protocol: who speaks says what it is called.
"""

import os
from pathlib import Path

from program import LOADTEST

WRITTEN = Path(__file__).parent / "conversation.txt"
# Beside what is built: kept after each run, whatever came of it.
KEPT = Path(LOADTEST).parent.parent / "sms-conversation.txt"


class Transcript:
    """Lines, and words that are shown as others."""

    def __init__(self):
        self.lines, self.hidden = [], {}

    def hide(self, words, shown):
        self.hidden[words] = shown

    def line(self, who, arrow, what):
        for words, shown in self.hidden.items():
            what = what.replace(words, shown)
        self.lines.append(f"{who:<14} {arrow} {what}")

    def head(self, what):
        self.lines.append(f"{'' if not self.lines else chr(10)}# {what}")

    def text(self):
        return "\n".join(self.lines) + "\n"

    def keep(self):
        """Prints it, and keeps it beside what is built."""
        KEPT.write_text(self.text())
        print(self.text(), flush=True)

    def compare(self):
        """It must be the conversation that is written down; `UPDATE_EXPECT=1` writes it anew."""
        if os.environ.get("UPDATE_EXPECT"):
            WRITTEN.write_text(self.text())
        written, said = WRITTEN.read_text().splitlines(), self.text().splitlines()
        for number, (old, new) in enumerate(zip(written, said), 1):
            assert old == new, f"{WRITTEN.name}:{number}: {new!r} instead of {old!r}"
        assert len(written) == len(said), f"{len(said)} lines instead of {len(written)}"
