"""What the next turn will cost, when a cost is unusual, and what the rest of a month will cost.

Estimates from earlier amounts, in logarithms: costs differ by factors. `python -m tests.money.backtest` plays
twelve spending habits and says how often each statement holds.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from math import exp, log, sqrt
from typing import Final, NamedTuple

from handinger_tui.core.decimals import EXACT

HOLDS: Final = 0.8
"""In this share of turns the cost is in the range that was stated before it."""
ENOUGH_TO_JUDGE: Final = 8
"""With fewer amounts none is called unusual."""
_CORRECTION: Final = 0.05
"""How much one turn outside of its range widens the next ones."""
_FREE: Final = 1e-12
"""What stands for a cost of nothing, which has no logarithm."""
_ALWAYS: Final = 3
"""A cost of more than so many times the 90th percentile is unusual, however much costs vary."""
_MAD_SIGMAS: Final = 1.4826
"""A standard deviation is so many median deviations."""
_BEYOND: Final = log(10)
"""How far the end of a range may be beyond all amounts so far: tenfold."""
_FINEST: Final = Decimal(1).scaleb(-12)


class Range(NamedTuple):
    """From a low to a high amount."""

    low: Decimal
    high: Decimal


def price_range(amounts: Sequence[Decimal]) -> Range | None:
    """The range in which the next amount is in four of five turns. `amounts`: the oldest first.

    A past in which ranges held too seldom (costs that grow, or come in spells) makes the next one wider, and
    one in which they held too often narrower: adaptive conformal prediction.
    """
    ordered: list[float] = []
    outside = 1 - HOLDS
    for amount in amounts:
        value = log(max(float(amount), _FREE))
        if len(ordered) >= 2:
            low, high = _ends(ordered, outside)
            outside += _CORRECTION * ((1 - HOLDS) - (not low <= value <= high))
            outside = min(0.9, max(0.004, outside))
        insort(ordered, value)
    if len(ordered) < 2:
        return None
    low, high = _ends(ordered, outside)
    return Range(_amount(low), _amount(high))


def _ends(ordered: Sequence[float], outside: float) -> tuple[float, float]:
    return _quantile(ordered, outside / 2), _quantile(ordered, 1 - outside / 2)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """A quantile for the next value: of n values each gap has the same chance. Beyond them it goes on."""
    count = len(ordered)
    place = share * (count + 1) - 1
    at = min(count - 2, max(0, int(place)))
    if 0 <= place <= count - 1:
        return ordered[at] + (ordered[at + 1] - ordered[at]) * (place - at)
    spread = (ordered[-1] - ordered[0]) / (count - 1)
    beyond = place if place < 0 else place - count + 1
    # A free turn among the others would put the end at any amount.
    return ordered[-1 if beyond > 0 else 0] + max(-_BEYOND, min(_BEYOND, beyond * spread))


def unusual_above(amounts: Sequence[Decimal]) -> Decimal | None:
    """The amount above which a turn is unusually expensive, by median and median deviation; in any order.

    It is never above `_ALWAYS` times the 90th percentile, unless that is nothing. None with fewer than
    `ENOUGH_TO_JUDGE` amounts.
    """
    count = len(amounts)
    if count < ENOUGH_TO_JUDGE:
        return None
    values = sorted(log(max(float(amount), _FREE)) for amount in amounts)
    middle = _median(values)
    deviation = _MAD_SIGMAS * _median(sorted(abs(value - middle) for value in values))
    # With few amounts their deviation is uncertain. Where a part of all turns costs far more than the others,
    # that is usual there.
    factor = 2.75 * (1 + 2 / count)
    bar = max(middle + factor * deviation, middle + log(2), _quantile(values, 0.95) + log(1.38))
    high = _at(values, 0.9)
    return _amount(min(bar, high + log(_ALWAYS)) if high > log(_FREE) else bar)


def _median(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


LOOK_BACK: Final = 84
"""How many days before today say how far off a forecast may be."""
WEEKS: Final = 28
"""How many of them make the average: full weeks, so that weekends have their true weight."""
_NINE_OF_TEN: Final = 1.645
"""So many standard deviations to both sides hold nine of ten values."""


def error_factor(days: Sequence[Decimal], ahead: Decimal) -> Decimal:
    """By which factor an average of `WEEKS` may be wrong for the next days, in nine of ten cases.

    `days`: what each day cost, the oldest first. `ahead`: how many days are to come.
    """
    values = [float(one) for one in days]
    recent = values[-WEEKS:]
    mean = sum(recent) / len(recent)
    if not mean:
        return Decimal(1)
    count, coming = len(recent), max(1.0, float(ahead))
    # Two more days, one of nothing and one of twice the average: three equal days are no certainty.
    variance = (sum((value - mean) ** 2 for value in recent) + 2 * mean * mean) / (count + 1)
    deviation = sqrt(variance * _inertia(recent, mean) * (coming + coming * coming / count)) / (mean * coming)
    width = _NINE_OF_TEN * sqrt(log(1 + deviation * deviation))
    return Decimal(exp(max(width, _past_error(values, round(coming)))))


def _inertia(values: Sequence[float], mean: float) -> float:
    """How much more sums differ because days are like those before them."""
    squares = sum((value - mean) ** 2 for value in values)
    products = sum((a - mean) * (b - mean) for a, b in pairwise(values))
    likeness = min(0.7, max(0.0, products / squares)) if squares else 0.0
    return (1 + likeness) / (1 - likeness)


def _past_error(values: Sequence[float], ahead: int) -> float:
    """How far off earlier averages were, for as many days: nine of ten were nearer. A logarithm."""
    errors = []
    for at in range(7, len(values) - ahead + 1):
        past, came = values[max(0, at - WEEKS) : at], sum(values[at : at + ahead])
        if came and any(past):
            errors.append(abs(log(came * len(past) / (sum(past) * ahead))))
    if not errors:
        return 0.0
    # Those of neighboring days say the same.
    independent = max(1.0, len(errors) / ahead)
    return _at(sorted(errors), min(1.0, 0.9 * (independent + 1) / independent))


def _at(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    at = min(int(place), max(0, len(ordered) - 2))
    above = ordered[min(at + 1, len(ordered) - 1)]
    return ordered[at] + (above - ordered[at]) * (place - at)


def _amount(logarithm: float) -> Decimal:
    """More than 12 decimals of an estimate mean nothing."""
    value = Decimal(exp(logarithm)).quantize(_FINEST, ROUND_HALF_EVEN, EXACT)
    return Decimal(0) if logarithm <= log(_FREE) + 1 else value
