"""How often the estimates hold, on twelve simulated spending habits.

python -m tests.money.backtest --years 20 --seed 0
"""

from __future__ import annotations

import argparse
import random
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Final, NamedTuple

from handinger_tui.core.amounts import Total
from handinger_tui.core.money.forecast import forecast
from handinger_tui.core.money.prediction import ENOUGH_TO_JUDGE, price_range, unusual_above
from handinger_tui.core.money.typical_cost import ENOUGH
from handinger_tui.ledger.charges.grouping import SAMPLED_TURNS
from tests.money.habits import HABITS, Day

QUIET: Final = ("steady", "growing", "new_prices", "weekend_batches", "fixed_price")
"""Habits in which a fourfold cost is far outside of what is usual."""
JUMP: Final = 4


class Share(NamedTuple):
    """How often something was so."""

    hits: int
    cases: int

    @property
    def part(self) -> float:
        return self.hits / self.cases if self.cases else 0.0


class Result(NamedTuple):
    """How the estimates did with one habit."""

    ranges: Share
    months: Share
    false_alarms: Share
    jumps: Share


def years(habit: int, seed: int, count: int) -> Iterator[list[Day]]:
    """Years of a habit, each of another person."""
    for number in range(count):
        yield list(islice(HABITS[habit](random.Random(f"{seed}.{habit}.{number}")), 365))


def play(habit: int, seed: int, count: int, every: int = 1) -> Result:
    """State everything before each turn and day, and see what comes. `every`: how many turns are tried."""
    seen: Counter[str] = Counter()
    for days in years(habit, seed, count):
        _play_turns([Decimal(repr(round(cost, 9))) for _, costs in days for cost in costs], seen, every)
        _play_months(days, seen)
    shares = [Share(seen[name], seen[f"all {name}"]) for name in ("range", "month", "alarm", "jump")]
    return Result(*shares)


def _play_turns(costs: list[Decimal], seen: Counter[str], every: int) -> None:
    for at in range(ENOUGH, len(costs), every):
        past = costs[max(0, at - SAMPLED_TURNS) : at]
        stated = price_range(past)
        assert stated is not None
        seen["range"] += stated.low <= costs[at] <= stated.high
        seen["all range"] += 1
        bar = unusual_above(past)
        assert (bar is None) == (len(past) < ENOUGH_TO_JUDGE)
        if bar is not None:
            seen["alarm"] += costs[at] > bar
            seen["all alarm"] += 1
            seen["jump"] += JUMP * costs[at] > bar
            seen["all jump"] += 1


def _play_months(days: list[Day], seen: Counter[str]) -> None:
    totals = [(day, sum(costs)) for day, costs in days]
    for month in range(2, 13):
        first = date(2026, month, 1)
        length = monthrange(2026, month)[1]
        start = (first - totals[0][0]).days
        truth = Decimal(repr(sum(cost for _, cost in totals[start : start + length])))
        for today in (5, 10, 15, 20, 25):
            earlier_days = totals[: start + today - 1]
            dated = [(day, Total(Decimal(repr(cost)))) for day, cost in earlier_days if cost]
            estimate = forecast(dated, date(2026, month, today), Decimal(0))
            if estimate.low is not None and estimate.high is not None:
                seen["month"] += estimate.low <= truth <= estimate.high
                seen["all month"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--years", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("habit                    range holds   month holds   false alarms   fourfold found")
    for number, habit in enumerate(HABITS):
        result = play(number, arguments.seed, arguments.years)
        quiet = f"{result.jumps.part:8.1%}" if habit.__name__ in QUIET else "       –"
        alarms = f"{result.false_alarms.part:8.2%}"
        line = f"{result.ranges.part:8.1%}      {result.months.part:8.1%}      {alarms}       {quiet}"
        print(f"{habit.__name__:24} {line}", flush=True)


if __name__ == "__main__":
    main()
