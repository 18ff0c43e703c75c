"""Poster: heading, figures and the three charts on one sheet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from handinger_tui.core.charts.data import SIMULATED, percent_text
from handinger_tui.core.charts.drawing import WIDTH, bars, cumulative, share_of
from handinger_tui.core.charts.scene import Anchor, Box, Ink, Mark, Scene, Word, moved
from handinger_tui.core.money import EXACT, credits_text, usd_text
from handinger_tui.core.safety import clean_line
from handinger_tui.core.spending import Bucket
from handinger_tui.core.words import NOT_REPORTED, number, plural

_GAP: Final = 20
_MARGIN: Final = 32


@dataclass(frozen=True, slots=True)
class Figure:
    """One large number. `note` names what is missing in it."""

    name: str
    value: str
    note: str = ""


def figures(whole: Bucket) -> tuple[Figure, ...]:
    """What everything came to, with the gaps in words."""
    cost, credit, token = (whole.total(name) for name in ("usd", "credits", "tokens"))
    share = EXACT.divide(whole.incomplete, whole.turns) if whole.turns else None
    return (
        Figure("cost", usd_text(cost.value), _missing(cost.missing_turns)),
        Figure("credits", credits_text(credit.value), _missing(credit.missing_turns)),
        Figure(
            "tokens",
            NOT_REPORTED if token.value is None else number(int(token.value)),
            _missing(token.missing_turns),
        ),
        Figure("turns", number(whole.turns)),
        Figure(
            "incomplete",
            number(whole.incomplete),
            f"{percent_text(share)} of all turns" if whole.turns else "",
        ),
    )


def _missing(turns: int) -> str:
    return f"+ {plural(turns, 'turn')} not reported" if turns else ""


def poster(days: Sequence[Bucket], whole: Bucket, heading: str, *, simulated: bool) -> Scene:
    """`whole`: everything that is told of; `heading`: which charges these are."""
    side = 2 * _MARGIN
    marks: list[Mark] = [
        Word(0, 34, "What it cost", size=32, bold=True),
        Word(0, 64, clean_line(heading, 140), Ink.MUTED, 16),
    ]
    y = 84
    if simulated:
        marks += [
            Box(0, y, WIDTH, 36, Ink.WARN, hatched=True, corner=8),
            Box(10, y + 4, WIDTH - 20, 28, Ink.GROUND, corner=6),
            Word(WIDTH / 2, y + 23, SIMULATED, Ink.WARN, 15, Anchor.MIDDLE, bold=True),
        ]
        y += 36 + _GAP
    marks += moved(_tiles(whole), 0, y)
    y += 112 + _GAP
    for scene in (bars(days), share_of(whole), cumulative(days)):
        marks += moved(scene.marks, 0, y)
        y += scene.height + _GAP
    marks.append(
        Word(0, y + 6, "USD as reported; a hatched or dashed mark stands for what was not.", Ink.MUTED, 13)
    )
    height = y + 16
    shifted = moved(marks, _MARGIN, _MARGIN)
    ground = Box(0, 0, WIDTH + side, height + side, Ink.GROUND)
    return Scene(WIDTH + side, height + side, (ground, *shifted), "What it cost")


def _tiles(whole: Bucket) -> list[Mark]:
    told = figures(whole)
    wide = (WIDTH - _GAP * (len(told) - 1)) / len(told)
    marks: list[Mark] = []
    for at, figure in enumerate(told):
        x = at * (wide + _GAP)
        marks += [
            Box(x, 0, wide, 112, Ink.EDGE, corner=12),
            Box(x + 1, 1, wide - 2, 110, Ink.CARD, corner=11),
            Word(x + 20, 32, figure.name, Ink.MUTED, 14),
            Word(x + 20, 68, figure.value, size=_size(figure.value), bold=True),
            Word(x + 20, 94, figure.note, Ink.GAP if figure.note.startswith("+") else Ink.MUTED, 13),
        ]
    return marks


def _size(value: str) -> int:
    """So that the longest number stays within its tile."""
    return 28 if len(value) <= 11 else 18 if len(value) <= 16 else max(6, 288 // len(value))
