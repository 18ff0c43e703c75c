"""Typical cost: the cost of earlier turns at the same budget. Unknown amounts are left out, but counted."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.amounts import EXACT
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.limits import Unit, amount_text
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ENOUGH: Final = 5
"""Known turns that quartiles need; with fewer, `low` and `high` are the lowest and highest amount."""


class Spread(Struct, frozen=True):
    """The distribution of `known` amounts: the middle half lies between `low` and `high`.

    With fewer than `ENOUGH` amounts, `low` and `high` are the extremes. All amounts are None when none
    is known. `unknown`: the number of turns whose amount was never reported.
    """

    known: int = 0
    unknown: int = 0
    low: Decimal | None = None
    median: Decimal | None = None
    high: Decimal | None = None
    p90: Decimal | None = None
    most: Decimal | None = None


def spread(amounts: Iterable[Decimal | None]) -> Spread:
    """The distribution of one amount per turn, in any order."""
    values = list(amounts)
    known = sorted(amount for amount in values if amount is not None)
    unknown = len(values) - len(known)
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
    """A quantile by exact linear interpolation between two amounts; `ordered` must not be empty."""
    position = EXACT.multiply(Decimal(len(ordered) - 1), share)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    step = EXACT.subtract(ordered[above], ordered[below])
    return EXACT.add(ordered[below], EXACT.multiply(step, EXACT.subtract(position, Decimal(below))))


class TypicalCost(Struct, frozen=True):
    """The cost of the newest turns of one worker at one budget, in USD and in credits.

    `everywhere`: the worker has no turn at the budget; the figures are those of all workers.
    """

    budget: str
    usd: Spread = Spread()
    credits: Spread = Spread()
    everywhere: bool = False


# -- texts ----------------------------------------------------------------------------
CHIP_CELLS: Final = 25
"""The maximum width of `typical_cost_chip` in cells."""
_SMALLEST: Final = Decimal("0.0001")
_STEPS: Final = ((Decimal("0.1"), Decimal("0.01")), (Decimal("0.01"), Decimal("0.001")))
"""Pairs of a least amount and its rounding step, for two significant digits."""
_LARGE: Final = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def typical_cost_text(usual: TypicalCost) -> str:
    """One short line with gaps and other workers: "usually $0.02–$0.09 (median $0.04, 12 turns)"."""
    unit, of = _unit_and_spread(usual)
    budget = clean_line(usual.budget, 40)
    if of.median is None:
        if not of.unknown:
            return f"no cost history at {budget} yet"
        whose = "on other workers " if usual.everywhere else ""
        return f"{whose}{plural(of.unknown, 'turn')} at {budget}, cost not reported"
    gaps = f"{of.unknown:,} more not reported" if of.unknown else ""
    turns = plural(of.known, "turn")
    if of.known < ENOUGH:
        whose = "other workers, " if usual.everywhere else ""
        amount = amount_text(of.median, unit) if of.known == 1 else _between(of, unit)
        return f"{whose}{turns} so far: {amount}" + (f", {gaps}" if gaps else "")
    whose = "other workers usually" if usual.everywhere else "usually"
    details = ", ".join(filter(None, [f"median {rough(of.median, unit)}", turns, gaps]))
    return f"{whose} {_between(of, unit)} ({details})"


def typical_cost_chip(usual: TypicalCost) -> str:
    """A text of at most `CHIP_CELLS` cells: "~$0.04 ($0.02–0.09)", "no cost history yet"."""
    unit, of = _unit_and_spread(usual)
    if of.median is None:
        return "cost not reported" if of.unknown else "no cost history yet"
    median = f"~{rough(of.median, unit)}"
    turns = f"{median} ({plural(of.known, 'turn')})"
    if usual.everywhere:
        choices = [f"{median} (other workers)"]
    elif of.known == 1:
        choices = [turns.removeprefix("~")]
    elif of.known < ENOUGH:
        choices = [f"{_briefly(of, unit)} ({plural(of.known, 'turn')})", turns]
    else:
        choices = [f"{median} ({_briefly(of, unit).partition(' ')[0]})", turns]
    return next((text for text in choices if len(text) <= CHIP_CELLS), median)


def rough(value: Decimal, unit: Unit) -> str:
    """An amount with about two digits: "$0.04", "$0.0042", "$12.50", "$1.2M", "4 credits"."""
    sign, digits = _digits(value, 2 if unit is Unit.USD else 0)
    if unit is Unit.USD:
        return f"{sign}${digits}"
    return f"{sign}{digits} {'credit' if digits == '1' else 'credits'}"


def _unit_and_spread(usual: TypicalCost) -> tuple[Unit, Spread]:
    """USD where it was ever reported, else credits."""
    if usual.usd.known or not usual.credits.known:
        return Unit.USD, usual.usd
    return Unit.CREDITS, usual.credits


def _between(of: Spread, unit: Unit) -> str:
    """The range "$0.02–$0.09" or "2–9 credits"; one amount where both ends are the same."""
    low, high = (rough(end or Decimal(0), unit) for end in (of.low, of.high))
    return high if low == high else f"{low.partition(' ')[0]}–{high}"


def _briefly(of: Spread, unit: Unit) -> str:
    """The range with one currency sign: "$0.02–0.09"."""
    return _between(of, unit).replace("–$", "–")


def _digits(value: Decimal, at_least: int) -> tuple[str, str]:
    """A sign ("", "<" or ">") and the digits, with `at_least` decimals for values below 100."""
    if value >= 10**15:
        return ">", "999T"
    if value and value < _SMALLEST:
        return "<", str(_SMALLEST)
    if value >= 100:
        size, letter = next(((size, letter) for size, letter in _LARGE if value >= 10 * size), (1, ""))
        return "", f"{EXACT.divide(value, Decimal(size)):.0f}{letter}"
    step = next((step for least, step in _STEPS if value >= least), _SMALLEST)
    units, _, decimals = format(value.quantize(step, context=EXACT), "f").partition(".")
    decimals = decimals.rstrip("0").ljust(at_least, "0")
    return "", f"{units}.{decimals}" if decimals else units
