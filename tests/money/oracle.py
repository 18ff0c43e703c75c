"""The true amounts of a history, computed in fractions and without the program's rules."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import chain, pairwise
from random import Random
from typing import NamedTuple

from handinger_tui.core.decimals import EXACT
from handinger_tui.core.money.basis import Basis
from handinger_tui.core.money.events import Key
from handinger_tui.core.money.timeline import Entry, MeterResult, Timeline
from tests.money.service import UNIT, History, Lens

NOISE = Fraction(1, 10**12)
EXACT_LENSES = (Lens.FROZEN, Lens.LIFETIME, Lens.MISSING, Lens.NOISY, Lens.PER_TURN, Lens.ZERO_RUNNING)
"""Lenses that hide nothing for ever: an amount without a mark is right to the last digit."""


class Step(NamedTuple):
    """The amounts of the program after an event.

    `settled`: the amounts that are settled and without a mark, and whether they are those of each turn alone.
    """

    meter: MeterResult
    is_balanced: bool
    settled: dict[Key, tuple[Decimal | int | None, bool]]


def play(history: History) -> Iterator[Step]:
    """The amounts of the program after each event, with random pauses between the events."""
    timeline, pauses, at_ms = Timeline((Decimal(0),)), Random(len(history.events)), 0
    with localcontext(EXACT):
        for event in history.events:
            at_ms += pauses.choice([1, 6_000, 40_000, 3_600_000])
            timeline.take(event, at_ms)
            (meter,) = timeline.results()
            entries = {turn: meter.entry(turn) for turn in timeline.final if timeline.is_confirmed(turn)}
            settled = {turn: (one.amount, meter.by_turn) for turn, one in entries.items() if is_plain(one)}
            yield Step(meter, entered(meter) == (meter.total or 0), settled)


def is_plain(entry: Entry) -> bool:
    """Whether the program claims that the amount is exact."""
    return entry.amount is not None and entry.most is None and not entry.doubtful and not entry.open


def entered(meter: MeterResult) -> Decimal:
    """All amounts of a lifetime meter, shared ones once, and its suspense. Exact in the context `EXACT`."""
    parts = chain(
        meter.lifetime.values(),
        (one.entered for one in meter.shared.values()),
        (one.amount for one in meter.suspense),
    )
    return sum(map(Decimal, parts), Decimal(0))


class Verdict(NamedTuple):
    """The faults of a history. Of the turns that arrived: how many are exact, how many marked, and all."""

    wrong: list[str]
    exact: int
    marked: int
    turns: int


def judge(history: History) -> Verdict:
    """Compare the amounts of a history with the truth."""
    steps = [*play(history)]
    if not steps:
        return Verdict([], 0, 0, 0)
    meter = steps[-1].meter
    wrong = [
        f"step {at}: not all of {step.meter.total}" for at, step in enumerate(steps) if not step.is_balanced
    ]
    entries = {turn: meter.entry(turn) for turn in history.cost}
    wrong += [fault for turn, entry in entries.items() if (fault := _fault(history, turn, entry))]
    wrong += _flips(history, [step.meter.basis for step in steps]) + _silent_changes(steps)
    spent = Fraction(UNIT) * (sum(history.cost.values()) + history.strangers)
    charged = sum((Fraction(entry.amount or 0) for entry in entries.values()), Fraction(0))
    if charged > spent + NOISE:
        wrong.append(f"{float(charged)} charged of {float(spent)}")
    lacking = sum(
        (max(Fraction(0), _truth(history, turn) - Fraction(entry.amount or 0)))
        for turn, entry in entries.items()
        if is_plain(entry)
    )
    # Late costs are suspense, or part of an amount that the next turn shares with earlier costs.
    elsewhere = sum((Fraction(one.amount) for one in meter.suspense), Fraction(0))
    elsewhere += sum((Fraction(one.most or 0) for one in entries.values()), Fraction(0))
    if history.lens not in (Lens.PER_TURN, Lens.RESETTING) and lacking > elsewhere + NOISE:
        wrong.append(f"exact amounts lack {float(lacking)}, {float(elsewhere)} are elsewhere")
    is_complete = history.lens in (Lens.LIFETIME, Lens.MISSING, Lens.LATE)
    if is_complete and Fraction(meter.total or 0) != Fraction(history.reported[-1]):
        wrong.append(f"total {meter.total}, reported {history.reported[-1]}")
    off = {turn: Fraction(entry.amount or 0) - _truth(history, turn) for turn, entry in entries.items()}
    arrived = [turn for turn in entries if turn not in history.lost]
    plain = [turn for turn in arrived if is_plain(entries[turn])]
    exact = sum(abs(off[turn]) <= NOISE for turn in plain)
    return Verdict(wrong, exact, len(arrived) - len(plain), len(arrived))


def faults(history: History) -> list[str]:
    """All faults in the amounts of a history."""
    return judge(history).wrong


def _flips(history: History, bases: list[Basis]) -> list[str]:
    """Decided meanings that were left, and those that are not the right one."""
    pairs = pairwise(bases)
    left = [f"{before} → {now}" for before, now in pairs if now is not before is not Basis.UNDECIDED]
    right = Basis.PER_TURN if history.lens is Lens.PER_TURN else Basis.LIFETIME
    return left + [f"it counts {right}"] * bool({*bases} - {right, Basis.UNDECIDED})


def _differs(one: Decimal | int | None, other: Decimal | int | None) -> bool:
    return one != other and abs(Fraction(one or 0) - Fraction(other or 0)) > NOISE


def _silent_changes(steps: list[Step]) -> list[str]:
    """Amounts that change although they are settled, and stay so. What belongs to another meaning is told."""
    return [
        f"turn {turn}: {amount} became {after.settled[turn][0]} while it was settled"
        for before, after in pairwise(steps)
        for turn, (amount, by_turn) in before.settled.items()
        if turn in after.settled
        and after.settled[turn][1] is by_turn
        and _differs(after.settled[turn][0], amount)
    ]


def _truth(history: History, turn: int | str) -> Fraction:
    return Fraction(UNIT) * history.cost[turn]


def _fault(history: History, turn: int | str, entry: Entry) -> str:
    """The fault in the amount of one turn; "" for none."""
    amount, truth = Fraction(entry.amount or 0), _truth(history, turn)
    if history.lens in EXACT_LENSES and is_plain(entry) and abs(amount - truth) > NOISE:
        return f"turn {turn}: {float(amount)} without a mark is not {float(truth)}"
    if entry.most is None:
        is_more = amount > truth + NOISE
        return f"turn {turn}: {float(amount)} is more than {float(truth)}" if is_more else ""
    # A part of a turn that a later one shares may be missing in its own bound.
    is_bound = history.lens in (Lens.LIFETIME, Lens.MISSING, Lens.NOISY, Lens.ZERO_RUNNING)
    is_less = is_bound and not entry.open and Fraction(entry.most) + NOISE < truth
    return f"turn {turn}: up to {float(entry.most)}, but it took {float(truth)}" if is_less else ""
