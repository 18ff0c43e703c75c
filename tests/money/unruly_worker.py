"""A worker with known costs and up to three bad habits at once; what the program says is exact has to be.

`service.py` has one habit at a time and compares sums; here habits meet: figures that are corrected,
missing, late, zero or noisy, replicas, restarts, refunds, strangers, turns that overlap, are refused, left or
not read.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Collection
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from random import Random
from typing import Final, NamedTuple

from handinger_tui.core.decimals import EXACT
from handinger_tui.core.money.events import Ended, Event, Key, Read, Sent
from handinger_tui.core.money.timeline import Timeline
from tests.money.oracle import entered, is_plain
from tests.money.service import UNIT

TOLERANCE: Final = Fraction(1, 10**11)


class Habit(StrEnum):
    """What the worker, its users or the program do that makes its figures hard to read."""

    NOISY = "noisy"
    CORRECTED = "corrected"
    """Figures of a running turn are estimates, too high by up to 30 units."""
    ZERO_RUNNING = "zero running"
    MISSING = "missing"
    VANISHING = "vanishing"
    """The figure goes away, and may come back."""
    LATE = "late"
    LAGGING = "lagging"
    REFUNDED = "refunded"
    RESTARTED = "restarted"
    RESTARTED_INSIDE = "restarted inside a turn"
    STRANGERS = "strangers"
    OVERLAPPING = "overlapping"
    REFUSED = "refused"
    LEFT = "left running"
    UNREAD = "not read"


HIDING: Final = frozenset({Habit.LATE, Habit.REFUNDED, Habit.RESTARTED, Habit.RESTARTED_INSIDE})
"""Habits that can hide a part of an amount from every reading: then it may be too small, never too large."""
UNDECIDABLE: Final = frozenset({Habit.LAGGING, Habit.REFUNDED, Habit.RESTARTED_INSIDE})
"""Habits by which readings can look exactly like those of other costs: nobody could do better."""


HIDING_PAIRS: Final = (
    {Habit.RESTARTED, Habit.MISSING},
    {Habit.CORRECTED, Habit.STRANGERS},
    {Habit.CORRECTED, Habit.OVERLAPPING},
)
"""Of these, one hides what the other does."""


class UnrulyWorker:
    """Plays one history, chosen by `seed`. `habits`: instead of random ones."""

    def __init__(self, seed: int, habits: Collection[Habit] | None = None) -> None:
        self.random = random = Random(seed)
        self.is_lifetime = random.random() < 2 / 3
        chosen = random.sample(list(Habit), random.choice([0, 1, 1, 2, 2, 3]))
        self.habits = frozenset(chosen if habits is None else habits)
        if not self.is_lifetime:
            self.habits -= {Habit.RESTARTED, Habit.RESTARTED_INSIDE, Habit.REFUNDED}
        self.is_counted = random.random() < 0.75 or bool(self.habits & {Habit.STRANGERS, Habit.LAGGING})
        self.events: list[Event] = []
        self.cost: dict[Key, int] = {}
        self.total = self.offset = self.newest_cost = self.prompts = 0
        self.running: set[Key] = set()
        self.newest: Key | None = None
        """The turn of the newest message; None: a stranger's."""
        self.is_gone = self.is_lagging = False
        self.shown: list[tuple[Decimal | None, int]] = []
        self._play()

    def _has(self, habit: Habit, share: float = 1) -> bool:
        return habit in self.habits and self.random.random() < share

    # -- what it costs -------------------------------------------------------------------
    def _spend(self, turn: Key | None, most: int = 900) -> None:
        amount = self.random.randint(1, most)
        self.total += amount
        if turn is not None:
            self.cost[turn] += amount
        if turn == self.newest:
            self.newest_cost += amount

    def _refund(self) -> None:
        self.offset += self.random.randint(1, max(1, (self.total - self.offset) // 3))

    def _strange(self) -> None:
        self.prompts += 1
        self.newest, self.newest_cost = None, 0
        self._spend(None)

    # -- what is read --------------------------------------------------------------------
    def _value(self) -> Decimal | None:
        if self.is_gone:
            return None
        if self.running and Habit.ZERO_RUNNING in self.habits:
            return Decimal(0)
        value = (self.total - self.offset if self.is_lifetime else self.newest_cost) * UNIT
        if self.running and Habit.CORRECTED in self.habits:
            value += self.random.randint(0, 30) * UNIT
        if value and Habit.NOISY in self.habits:
            value += self.random.choice([0, 0, -1, 1]) * Decimal("1e-15")
        return value

    def _read(self, *, fresh: bool = False) -> None:
        value = None if not fresh and self._has(Habit.MISSING, 0.3) else self._value()
        prompts = self.prompts
        # Two in a row cannot be distinguished from the truth.
        may_lag = bool(self.shown) and not fresh and not self.is_lagging
        self.is_lagging = may_lag and self._has(Habit.LAGGING, 0.25)
        if self.is_lagging:
            value, prompts = self.shown[-1]
        else:
            self.shown.append((value, prompts))
        self.events.append(Read((value,), bool(self.running), prompts if self.is_counted else None))

    # -- what happens --------------------------------------------------------------------
    def _play(self) -> None:
        for number in range(1, self.random.randint(2, 9)):
            if number > 1:
                self._happen_between(number)
            if number > 1 and self._has(Habit.OVERLAPPING, 0.4):
                self._overlap(f"A{number}", f"B{number}")
            else:
                self._turn(number)
        for _ in range(3):
            self._read(fresh=True)

    def _happen_between(self, number: int) -> None:
        if self._has(Habit.STRANGERS, 0.25):
            self._strange()
        if self._has(Habit.RESTARTED, 0.3):
            self.offset = self.total
        if self._has(Habit.REFUNDED, 0.3):
            self._refund()
        if self._has(Habit.REFUSED, 0.3):
            self.events.append(Sent(1000 + number, refused=True))
            self.total += 50 * (self.random.random() < 0.4)
        if self._has(Habit.VANISHING, 0.2):
            self.is_gone = not self.is_gone

    def _begin(self, turn: Key, *, creates: bool = False) -> None:
        looked = not creates and not self._has(Habit.UNREAD, 0.3)
        if looked:
            self._read()
        self.cost[turn] = 0
        self.events.append(Sent(turn, creates, looked))
        self.running.add(turn)
        self.prompts += 1
        self.newest, self.newest_cost = turn, 0

    def _end(self, turn: Key) -> None:
        self.running.discard(turn)
        is_left = self._has(Habit.LEFT, 0.4)
        if not is_left and not self._has(Habit.UNREAD, 0.3):
            self._read()
        self.events.append(Ended(turn, left_running=is_left))

    def _turn(self, number: int) -> None:
        self._begin(number, creates=number == 1)
        for _ in range(self.random.choice([0, 0, 1, 2])):
            self._spend(number, 300)
            if self._has(Habit.RESTARTED_INSIDE, 0.2):
                self.offset = self.total
            if self._has(Habit.REFUNDED, 0.15):
                self._refund()
            self._read()
        if self._has(Habit.STRANGERS, 0.2):
            self._strange()
            if self.random.random() < 0.4:
                self._read()
        self._spend(number)
        if self._has(Habit.VANISHING, 0.15):
            self.is_gone = not self.is_gone
        self._end(number)
        if self._has(Habit.LATE, 0.4):
            self._spend(number, 200)
            if self.random.random() < 0.6:
                self._read()

    def _overlap(self, first: Key, second: Key) -> None:
        self._begin(first)
        self._spend(first, 300)
        if self.random.random() < 0.5:
            self._read()
        self._begin(second)
        for _ in range(self.random.randint(1, 3)):
            self._spend(self.random.choice([first, second]), 300)
            if self.random.random() < 0.5:
                self._read()
        earlier, later = self.random.sample([first, second], 2)
        self._end(earlier)
        self._spend(later, 300)
        self._end(later)


class Verdict(NamedTuple):
    """`wrong`: what is said and not so. `exact`: how many of `turns` have their amount without a mark."""

    wrong: list[str]
    exact: int
    turns: int


def verdict(worker: UnrulyWorker) -> Verdict:
    """Compare what the program says at the end with the truth, and its sums after every event."""
    timeline = Timeline((Decimal(0),))
    wrong: list[str] = []
    exact, (meter,) = 0, timeline.results()
    # A correction by one unit of the last digit is taken for rounding.
    tolerance = Fraction(UNIT) if Habit.CORRECTED in worker.habits else TOLERANCE
    with localcontext(EXACT):
        for step, event in enumerate(worker.events):
            timeline.take(event)
            (meter,) = timeline.results()
            if entered(meter) != (meter.total or 0):
                wrong.append(f"step {step}: {entered(meter)} entered of {meter.total}")
        for turn, units in worker.cost.items():
            entry, truth = meter.entry(turn), Fraction(UNIT) * units
            off = Fraction(entry.amount or 0) - truth
            if is_plain(entry) and turn in timeline.final:
                exact += abs(off) <= tolerance
                if (off if worker.habits & HIDING else abs(off)) > tolerance:
                    wrong.append(f"turn {turn} took {float(truth)}, it says {entry.amount}")
    return Verdict(wrong, exact, len(worker.cost))


def is_decidable(worker: UnrulyWorker) -> bool:
    """Whether the readings can have only one cause.

    Those of a worker that reports each turn cannot where each turn costs more than the one before.
    """
    if not worker.is_lifetime or worker.habits & UNDECIDABLE:
        return False
    return not any(worker.habits >= pair for pair in HIDING_PAIRS)


def main() -> int:
    """`python -m tests.money.unruly_worker --histories 30000 --seed 0`; 1 where a decidable one is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    counts: dict[str, Counter[str]] = {"lifetime": Counter(), "per turn": Counter()}
    failed = 0
    for seed in range(chosen.seed, chosen.seed + chosen.histories):
        worker = UnrulyWorker(seed)
        wrong, exact, turns = verdict(worker)
        counts["lifetime" if worker.is_lifetime else "per turn"].update(
            exact=exact, turns=turns, wrong=bool(wrong), histories=1
        )
        if wrong and is_decidable(worker):
            failed += 1
            print(f"seed {seed} ({', '.join(sorted(worker.habits))}): {'; '.join(wrong)}")
    for name, counted in counts.items():
        share = counted["exact"] / (counted["turns"] or 1)
        print(f"{name:9} {counted['histories']} histories, exact {share:.1%}, wrong {counted['wrong']}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
