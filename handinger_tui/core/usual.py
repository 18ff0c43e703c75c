"""Usual: what turns like this one took before. Pure; an unknown amount is left out and counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from handinger_tui.core.money import EXACT

ENOUGH: Final = 5
"""From this many known turns on, a spread is told; below it only the lowest and highest."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How `known` amounts spread: the middle half lies between `low` and `high`.

    With fewer than `ENOUGH` amounts `low` and `high` are the extremes. All
    None when nothing is known. `unknown`: turns whose amount was never reported.
    """

    known: int = 0
    unknown: int = 0
    low: Decimal | None = None
    median: Decimal | None = None
    high: Decimal | None = None
    p90: Decimal | None = None
    most: Decimal | None = None


def spread(amounts: Iterable[Decimal | None]) -> Spread:
    """Of one amount per turn, in any order."""
    listed = list(amounts)
    known = sorted(amount for amount in listed if amount is not None)
    unknown = len(listed) - len(known)
    if not known:
        return Spread(unknown=unknown)
    enough = len(known) >= ENOUGH
    return Spread(
        len(known),
        unknown,
        low=quantile(known, Decimal("0.25")) if enough else known[0],
        median=quantile(known, Decimal("0.5")),
        high=quantile(known, Decimal("0.75")) if enough else known[-1],
        p90=quantile(known, Decimal("0.9")),
        most=known[-1],
    )


def quantile(ordered: Sequence[Decimal], share: Decimal) -> Decimal:
    """By linear interpolation between the two nearest amounts, exactly; `ordered` is not empty."""
    place = EXACT.multiply(Decimal(len(ordered) - 1), share)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    step = EXACT.subtract(ordered[above], ordered[below])
    return EXACT.add(ordered[below], EXACT.multiply(step, EXACT.subtract(place, Decimal(below))))


@dataclass(frozen=True, slots=True)
class Usual:
    """What one worker's turns at one budget took: `usd` and `credits` of its newest turns.

    `everywhere`: this worker has no history at the budget; the figures are those of all workers.
    """

    budget: str
    usd: Spread = Spread()
    credits: Spread = Spread()
    everywhere: bool = False
