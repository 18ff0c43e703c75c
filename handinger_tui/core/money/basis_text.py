"""What the figures of a worker mean, in words: the basis, why it is so, and what the person may answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from handinger_tui.core.figures import FIGURES, SHOWN, Measure
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.attribution import AmountBasis, MoneyIndex, TurnMoney
from handinger_tui.core.money.basis import Basis
from handinger_tui.core.money.timeline import MeterResult
from handinger_tui.core.money.turn_events import AUTO, newest_timeline
from handinger_tui.core.turns.session import Session


class BasisChoice(NamedTuple):
    """What the person may decide: the word that is stored, and the answer."""

    stored: str
    answer: str


BASIS_CHOICES: Final = {
    "lifetime": BasisChoice("lifetime", "Pinned by you: this worker's figures are totals."),
    "per-turn": BasisChoice("per_turn", "Pinned by you: this worker's figures are per turn."),
    AUTO: BasisChoice(AUTO, "No longer pinned: the readings decide what this worker's figures mean."),
}
"""By the word that is typed."""
SET_BY_YOU: Final = "pinned by you"
BASIS: Final = {
    AmountBasis.TOTAL: "worker total",
    AmountBasis.PER_TURN: "per turn",
    AmountBasis.NONE: "nothing reported",
}
"""The cost basis in words: how the figures of a worker are read."""


def basis_words(money: TurnMoney) -> str:
    """The cost basis of a turn: "worker total", "per turn, pinned by you"."""
    note = SET_BY_YOU if money.set_by_person else "not decided yet" if money.undecided else ""
    return f"{BASIS[money.reading]}, {note}" if note else BASIS[money.reading]


_BASES: Final = {Basis.LIFETIME: "worker total", Basis.PER_TURN: "per turn"}


def basis_lines(session: Session) -> list[str]:
    """What the figures of the session's worker mean, and why; figures with the same answer share a line."""
    if any(turn.own_usage is not None for turn in session.turns):
        return ["The service reports the figures of each turn by themselves: there is nothing to decide."]
    index = MoneyIndex()
    index(session.turns, session.elsewhere)
    meters = index.results.get(newest_timeline(session.turns) or session.worker_id, [])
    lines: dict[str, list[str]] = {}
    for figure in SHOWN if meters else ():
        meter = meters[FIGURES.index(figure)]
        if meter.total is not None and figure.measure not in (Measure.STEPS, Measure.TIME):
            lines.setdefault(_basis_text(meter), []).append(figure.label)
    return [_basis_line(names, text) for text, names in lines.items()] or ["Nothing reported yet."]


def _basis_line(names: Sequence[str], text: str) -> str:
    listed = ", ".join(names)
    return f"{listed[:1].upper()}{listed[1:]}: {text}."


def _basis_text(meter: MeterResult) -> str:
    readings = plural(meter.values, "reading")
    if not meter.set_by_person and meter.basis is Basis.UNDECIDED:
        likely = _BASES[Basis.PER_TURN if meter.by_turn else Basis.LIFETIME]
        return f"undecided, treated as {likely}, after {readings}"
    if not meter.set_by_person:
        return f"{_BASES[meter.basis]}, decided from {readings}"
    is_one = meter.values == 1
    if meter.shown is Basis.UNDECIDED:
        other = "is inconclusive" if is_one else "are inconclusive"
    else:
        other = f"alone {'suggests' if is_one else 'suggest'} {_BASES[meter.shown]}"
    return f"{_BASES[meter.basis]}, {SET_BY_YOU}; {readings} {other}"
