"""Twelve ways of spending, simulated: the costs of turns, day by day."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from math import exp
from typing import Final

Day = tuple[date, list[float]]
"""A day and the costs of its turns, in order."""
FIRST: Final = date(2026, 1, 1)


def _days(
    dice: random.Random, turns: Callable[[date], float], cost: Callable[[date], float]
) -> Iterator[Day]:
    """Days without end. `turns`: how many turns a day has on average."""
    day = FIRST
    while True:
        number = sum(dice.random() < turns(day) / 20 for _ in range(20))
        yield day, [cost(day) for _ in range(number)]
        day += timedelta(1)


def _is_workday(day: date) -> bool:
    return day.weekday() < 5


def steady(dice: random.Random) -> Iterator[Day]:
    return _days(dice, lambda _: 5, lambda _: 0.05 * exp(dice.gauss(0, 0.25)))


def noisy(dice: random.Random) -> Iterator[Day]:
    return _days(dice, lambda _: 5, lambda _: 0.05 * exp(dice.gauss(0, 0.7)))


def heavy_tail(dice: random.Random) -> Iterator[Day]:
    return _days(dice, lambda _: 6, lambda _: 0.02 * dice.paretovariate(2.5))


def questions_and_research(dice: random.Random) -> Iterator[Day]:
    def cost(_day: date) -> float:
        middle, width = (0.25, 0.3) if dice.random() < 0.25 else (0.02, 0.2)
        return middle * exp(dice.gauss(0, width))

    return _days(dice, lambda _: 6, cost)


def long_sessions(dice: random.Random) -> Iterator[Day]:
    """Each turn of a session costs more than the one before it."""
    place = 0

    def cost(_day: date) -> float:
        nonlocal place
        place = 0 if dice.random() < 0.1 else place + 1
        return 0.01 * 1.12 ** min(place, 30) * exp(dice.gauss(0, 0.15))

    return _days(dice, lambda _: 6, cost)


def growing(dice: random.Random) -> Iterator[Day]:
    def cost(day: date) -> float:
        return 0.03 * 1.006 ** (day - FIRST).days * exp(dice.gauss(0, 0.3))

    return _days(dice, lambda _: 5, cost)


def learning(dice: random.Random) -> Iterator[Day]:
    def cost(day: date) -> float:
        return 0.2 * 0.996 ** (day - FIRST).days * exp(dice.gauss(0, 0.35))

    return _days(dice, lambda _: 5, cost)


def new_prices(dice: random.Random) -> Iterator[Day]:
    """Twice a year everything costs twice or half as much from one day to the next."""

    def cost(day: date) -> float:
        level = (1, 2, 1, 2.5)[(day - FIRST).days // 100 % 4]
        return 0.04 * level * exp(dice.gauss(0, 0.25))

    return _days(dice, lambda _: 5, cost)


def workdays(dice: random.Random) -> Iterator[Day]:
    turns = lambda day: 8 if day.weekday() == 0 else 5 if _is_workday(day) else 0  # noqa: E731 - a table
    return _days(dice, turns, lambda _: 0.06 * exp(dice.gauss(0, 0.4)))


def weekend_batches(dice: random.Random) -> Iterator[Day]:
    turns = lambda day: 1 if _is_workday(day) else 12  # noqa: E731 - a table
    return _days(dice, turns, lambda _: 0.08 * exp(dice.gauss(0, 0.3)))


def spells(dice: random.Random) -> Iterator[Day]:
    """Quiet and busy weeks, each day most like the one before it."""
    is_busy = False

    def turns(_day: date) -> float:
        nonlocal is_busy
        is_busy = is_busy if dice.random() < 0.85 else not is_busy
        return 9 if is_busy else 2

    return _days(dice, turns, lambda _: 0.05 * exp(dice.gauss(0, 0.35)))


def fixed_price(dice: random.Random) -> Iterator[Day]:
    return _days(dice, lambda _: 4, lambda _: 0.01 * dice.choice((4, 4, 5, 5, 5, 6)))


HABITS: Final = (
    *(steady, noisy, heavy_tail, questions_and_research, long_sessions, growing, learning, new_prices),
    *(workdays, weekend_batches, spells, fixed_price),
)
