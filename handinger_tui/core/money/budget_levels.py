"""A comparison of the budget levels: what turns at each cost, took and found, and one sentence of advice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Final

from msgspec import Struct

from handinger_tui.core.amounts import Unit, amount_text
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.spending import TurnCharge
from handinger_tui.core.money.typical_cost import Spread, spread
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import LOCAL
from handinger_tui.core.turns.turn import FREE, LEVELS, LIVE, TurnStatus, level_of

FINISHED: Final = frozenset({TurnStatus.COMPLETED, TurnStatus.INCOMPLETE, TurnStatus.FAILED})
"""Statuses of turns whose end was seen, so that time and sources are complete."""
ENOUGH_TO_ADVISE: Final = 8
"""How many costs each of two levels needs before the advice compares them."""
CLEAR_FACTOR: Final = Decimal("1.5")
"""The minimum factor between the medians of two levels."""
ABOUT_EQUAL: Final = Decimal("0.2")
"""Two numbers of sources with at most this relative difference are "about as many"."""


class BudgetRow(Struct, frozen=True):
    """The turns at one level that may have cost something. `budget`: "" if the level is unknown.

    `incomplete`: turns that failed, ended early, or whose end is unknown. The distributions are those of
    finished turns; times are in milliseconds.
    """

    budget: str
    turns: int
    incomplete: int
    usd: Spread
    credits: Spread
    elapsed_ms: Spread
    steps: Spread
    sources: Spread

    @property
    def share_incomplete(self) -> int | None:
        """The percentage of incomplete turns: 0 only for none, 100 only for all. None without turns."""
        if not self.turns:
            return None
        if self.incomplete in (0, self.turns):
            return 100 if self.incomplete else 0
        return min(99, max(1, (200 * self.incomplete + self.turns) // (2 * self.turns)))


def compare(charges: Iterable[TurnCharge]) -> tuple[BudgetRow, ...]:
    """One row per level, in the order low, standard, high, unlimited, others by name, unknown.

    Running turns are omitted; so are the turns of the local worker (simulated money) if there are others.
    """
    counted = [own for own in charges if own.status not in FREE and own.status not in LIVE]
    real = [own for own in counted if own.base_url != LOCAL]
    levels: dict[str, list[TurnCharge]] = {}
    for own in real or counted:
        levels.setdefault(level_of(own.budget, own.trigger), []).append(own)
    others = sorted(level for level in levels if level and level not in LEVELS)
    return tuple(_row(level, levels[level]) for level in (*LEVELS, *others, "") if level in levels)


def _row(level: str, charges: Sequence[TurnCharge]) -> BudgetRow:
    return BudgetRow(
        level,
        len(charges),
        sum(own.status is not TurnStatus.COMPLETED for own in charges),
        usd=spread(own.usd if own.final else None for own in charges),
        credits=spread(own.credits if own.final else None for own in charges),
        elapsed_ms=_counts(own.elapsed_ms if own.status in FINISHED else None for own in charges),
        steps=_counts(own.usage.steps if own.final else None for own in charges),
        sources=_counts(own.sources if own.status in FINISHED else None for own in charges),
    )


def _counts(values: Iterable[int | None]) -> Spread:
    return spread(None if value is None else Decimal(value) for value in values)


# -- advice ----------------------------------------------------------------------------
class _Pair(Struct, frozen=True):
    """Two levels, the one with the lower median first."""

    cheap: BudgetRow
    expensive: BudgetRow
    unit: Unit

    def spreads(self) -> tuple[Spread, Spread]:
        return _of(self.cheap, self.unit), _of(self.expensive, self.unit)


def advice(rows: Sequence[BudgetRow]) -> str | None:
    """One sentence on the two levels that differ clearly and have the most costs; None without any."""
    named = [row for row in rows if row.budget]
    pairs = [pair for one, other in combinations(named, 2) if (pair := _pair(one, other)) is not None]
    if not pairs:
        return None
    # The smaller number of costs decides.
    pair = max(pairs, key=lambda pair: min(one.counted for one in pair.spreads()))
    cheap, expensive = (
        f"{amount_text(of.median or Decimal(0), pair.unit)} ({plural(of.counted, 'turn')})"
        for of in pair.spreads()
    )
    cost = f"So far, {_name(pair.cheap)} costs a median of {cheap} and {_name(pair.expensive)} {expensive}"
    details = filter(None, (_sources(pair), _incomplete(pair)))
    return f"{cost}. {_name(pair.cheap).capitalize()} had {' and '.join(details)}."


def _pair(one: BudgetRow, other: BudgetRow) -> _Pair | None:
    """The pair in USD if both levels have enough costs, else in credits; None if they are too similar."""
    for unit in Unit:
        if min(_of(one, unit).counted, _of(other, unit).counted) < ENOUGH_TO_ADVISE:
            continue
        cheap, expensive = sorted((one, other), key=lambda row: _of(row, unit).median or Decimal(0))
        pair = _Pair(cheap, expensive, unit)
        return pair if _differ_clearly(*pair.spreads()) else None
    return None


def _differ_clearly(cheap: Spread, expensive: Spread) -> bool:
    """Whether the medians are far apart and the middle halves do not overlap."""
    if cheap.median is None or expensive.median is None or cheap.high is None or expensive.low is None:
        return False
    is_far = expensive.median > 0 and expensive.median >= EXACT.multiply(cheap.median, CLEAR_FACTOR)
    return is_far and expensive.low >= cheap.high


def _of(row: BudgetRow, unit: Unit) -> Spread:
    return row.usd if unit is Unit.USD else row.credits


def _name(row: BudgetRow) -> str:
    return clean_line(row.budget, 40)


def _sources(pair: _Pair) -> str:
    """The text about sources, "about as many sources (6 vs. 7)"; "" if too few turns report them."""
    cheap, expensive = pair.cheap.sources, pair.expensive.sources
    if (
        min(cheap.counted, expensive.counted) < ENOUGH_TO_ADVISE
        or cheap.median is None
        or expensive.median is None
    ):
        return ""
    tolerance = max(Decimal(1), EXACT.multiply(max(cheap.median, expensive.median), ABOUT_EQUAL))
    its, other = _plain(cheap.median), _plain(expensive.median)
    if abs(EXACT.subtract(cheap.median, expensive.median)) <= tolerance:
        return f"about as many sources ({its} vs. {other})"
    word = "fewer" if cheap.median < expensive.median else "more"
    return f"{word} sources ({its} vs. {other})"


def _incomplete(pair: _Pair) -> str:
    cheap, expensive = pair.cheap, pair.expensive
    numbers = f"{cheap.share_incomplete}% vs. {expensive.share_incomplete}%"
    if cheap.incomplete * expensive.turns > expensive.incomplete * cheap.turns:
        return f"more incomplete turns ({numbers})"
    return (
        f"no higher share of incomplete turns ({numbers})"
        if expensive.incomplete
        else "no more incomplete turns"
    )


def _plain(value: Decimal) -> str:
    text = format(value.quantize(Decimal("0.1"), context=EXACT), "f")
    return text.removesuffix(".0")
