"""How the figures of a turn were read, in words: the only place that makes text of a reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from handinger_tui.core.formatting import plural
from handinger_tui.core.money.attribution import METERS, MoneyIndex, Reading
from handinger_tui.core.money.timeline import Meaning, MeterResult
from handinger_tui.core.money.turn_events import newest_worker
from handinger_tui.core.turns.session import Session


class ReadingWords(NamedTuple):
    """`sign`: for the receipt line, "" where there is nothing to say; `short`: for a panel."""

    sign: str
    short: str
    sentence: str


_WORDS: Final = {
    Reading.TOTAL: ReadingWords(
        "Σ",
        "worker totals",
        "As worker totals. This turn is their increase while it ran.",
    ),
    Reading.PER_TURN: ReadingWords(
        "1×",
        "reported per turn",
        "As figures of this turn. The worker reports each turn separately.",
    ),
    Reading.NONE: ReadingWords("", "nothing reported", "Nothing was reported for this turn."),
}


def reading_words(reading: Reading, *, pinned: bool = False) -> ReadingWords:
    """The words for a reading of a turn or of a session. `pinned`: the person decided it."""
    words = _WORDS[reading]
    if not pinned or not words.sign:
        return words
    return words._replace(short=f"{words.short}, {PINNED}", sentence=f"{words.sentence} It is {PINNED}.")


# -- what each figure of a worker means ----------------------------------------------------
PINNED: Final = "pinned by you"
_MEANINGS: Final = {
    Meaning.LIFETIME: "worker totals",
    Meaning.PER_TURN: "figures per turn",
    Meaning.UNDECIDED: "undecided, treated as worker totals",
}
_SHOWN: Final = {
    "cost_usd": "cost",
    "model_usd": "model",
    "tool_usd": "tools",
    "sandbox_usd": "sandbox",
    "internal_usd": "internal",
    "credits": "credits",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "reasoning_tokens": "reasoning tokens",
    "cache_read_tokens": "cache read tokens",
    "cache_write_tokens": "cache write tokens",
    "total_tokens": "total tokens",
}
"""The figures of a reading that money and tokens are computed from, in the order of the lines."""


def worker_of_figures(session: Session) -> str | None:
    """The worker whose figures `/reading` is about; None before there is one."""
    return newest_worker(session.turns) or session.worker_id


def meaning_lines(session: Session) -> list[str]:
    """What the figures of the session's worker mean and why; a line for those of which the same is true."""
    index = MoneyIndex()
    index(session.turns, session.elsewhere)
    meters = index.results.get(worker_of_figures(session), [])
    lines: dict[str, list[str]] = {}
    for member, name in _SHOWN.items() if meters else ():
        meter = meters[METERS.index(member)]
        if meter.total is not None:
            lines.setdefault(_meaning_text(meter), []).append(name)
    return [_line(names, text) for text, names in lines.items()] or ["Nothing reported yet."]


def _line(names: Sequence[str], text: str) -> str:
    listed = ", ".join(names)
    return f"{listed[:1].upper()}{listed[1:]}: {text}."


def _meaning_text(meter: MeterResult) -> str:
    readings = plural(meter.values, "reading")
    if not meter.pinned:
        why = f"after {readings}" if meter.meaning is Meaning.UNDECIDED else f"decided from {readings}"
        return f"{_MEANINGS[meter.meaning]}, {why}"
    is_one = meter.values == 1
    if meter.shown is Meaning.UNDECIDED:
        other = "is inconclusive" if is_one else "are inconclusive"
    else:
        other = f"alone {'suggests' if is_one else 'suggest'} {_MEANINGS[meter.shown]}"
    return f"{_MEANINGS[meter.meaning]}, {PINNED}; {readings} {other}"
