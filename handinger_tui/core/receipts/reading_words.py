"""How the figures of a turn were read, in words: the only place that makes text of a reading."""

from __future__ import annotations

from typing import Final, NamedTuple

from handinger_tui.core.money.attribution import Reading


class ReadingWords(NamedTuple):
    """`sign`: for the receipt line, "" where there is nothing to say; `short`: for a panel."""

    sign: str
    short: str
    sentence: str


_WORDS: Final = {
    Reading.TOTAL: ReadingWords(
        "Σ",
        "worker totals",
        "As totals of the worker: this turn is what they rose by in its time.",
    ),
    Reading.PER_TURN: ReadingWords(
        "1×",
        "reported per turn",
        "As this turn's own: the worker reports every turn by itself.",
    ),
    Reading.NONE: ReadingWords("", "nothing reported", "Not at all: nothing was reported for this turn."),
}


def reading_words(reading: Reading) -> ReadingWords:
    """The words for a reading of a turn or of a session."""
    return _WORDS[reading]
