"""The true amounts of a history, computed in fractions and without the program's rules."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from random import Random

from handinger_tui.core.amounts import EXACT
from handinger_tui.core.money.meaning import Meaning
from handinger_tui.core.money.timeline import Entry, Key, MeterResult, Timeline
from tests.money.service import UNIT, History, Lens

NOISE = Fraction(1, 10**12)
EXACT_LENSES = (Lens.FROZEN, Lens.LIFETIME, Lens.MISSING, Lens.NOISY, Lens.PER_TURN, Lens.ZERO_RUNNING)
"""Lenses that hide nothing for ever: an amount without a mark is right to the last digit."""


def play(history: History) -> Iterator[MeterResult]:
    """The amounts of the program after each event."""
    timeline = Timeline((Decimal(0),))
    with localcontext(EXACT):
        for event in history.events:
            timeline.take(event)
            yield timeline.results()[0]


def is_plain(entry: Entry) -> bool:
    """Whether the program claims that the amount is exact."""
    return entry.amount is not None and entry.most is None and not entry.doubtful and not entry.open


def entered(meter: MeterResult) -> Fraction:
    """All amounts of a lifetime meter, shared ones once, and its suspense."""
    shared = sum((Fraction(one.entered) for one in meter.shared.values()), Fraction(0))
    own = sum(map(Fraction, meter.lifetime.values()), Fraction(0))
    return own + shared + sum((Fraction(one.amount) for one in meter.suspense), Fraction(0))


def faults(history: History) -> list[str]:
    """All faults in the amounts of a history."""
    wrong = []
    meter: MeterResult | None = None
    for step, meter in enumerate(play(history)):
        if entered(meter) != Fraction(meter.total or 0):
            wrong.append(f"step {step}: {entered(meter)} entered of {meter.total}")
    if meter is None:
        return wrong
    entries = {turn: meter.entry(turn) for turn in history.cost}
    wrong += [fault for turn, entry in entries.items() if (fault := _fault(history, turn, entry))]
    wrong += _flips(history) + _silent_changes(history)
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
    return wrong


def _flips(history: History) -> list[str]:
    """Decided meanings that were left, and those that are not the right one."""
    meanings = [meter.meaning for meter in play(history)]
    pairs = pairwise(meanings)
    left = [f"{before} → {now}" for before, now in pairs if now is not before is not Meaning.UNDECIDED]
    right = Meaning.PER_TURN if history.lens is Lens.PER_TURN else Meaning.LIFETIME
    return left + [f"it counts {right}"] * bool({*meanings} - {right, Meaning.UNDECIDED})


def _differs(one: Decimal | int | None, other: Decimal | int | None) -> bool:
    return abs(Fraction(one or 0) - Fraction(other or 0)) > NOISE


def _silent_changes(history: History) -> list[str]:
    """Amounts that change although they are settled, and stay so."""
    timeline, pauses = Timeline((Decimal(0),)), Random(len(history.events))
    at_ms, settled, wrong = 0, dict[Key, tuple[Decimal | int | None, bool]](), list[str]()
    with localcontext(EXACT):
        for event in history.events:
            at_ms += pauses.choice([1, 6_000, 40_000, 3_600_000])
            timeline.take(event, at_ms)
            (meter,) = timeline.results()
            entries = {turn: meter.entry(turn) for turn in timeline.stillness.confirmed}
            # What belongs to another meaning is told.
            now = {turn: (one.amount, meter.by_turn) for turn, one in entries.items() if is_plain(one)}
            wrong += [
                f"turn {turn}: {amount} became {now[turn][0]} while it was settled"
                for turn, (amount, by_turn) in settled.items()
                if turn in now and now[turn][1] is by_turn and _differs(now[turn][0], amount)
            ]
            settled = now
    return wrong


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


def exact_turns(history: History) -> tuple[int, int, int]:
    """How many turns have their exact amount without a mark, how many are marked, and how many there are."""
    *_, meter = play(history)
    exact = marked = 0
    for turn, units in history.cost.items():
        entry = meter.entry(turn)
        if not is_plain(entry):
            marked += 1
        elif abs(Fraction(entry.amount or 0) - Fraction(UNIT) * units) <= NOISE:
            exact += 1
    return exact, marked, len(history.cost)
