"""Typical cost: what earlier turns at a budget cost, as a distribution and in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit, amount_text, at_price, fitted, price_words, range_text
from handinger_tui.core.decimals import EXACT, json_amount
from handinger_tui.core.formatting import fitting, plural
from handinger_tui.core.money.prediction import price_range, unusual_above
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    from handinger_tui.core.documents import SpreadPart

ENOUGH: Final = 5
"""How many amounts quartiles need; with fewer, `low` and `high` are the minimum and the maximum."""


class Spread(Struct, frozen=True):
    """The distribution of `counted` amounts: the middle half is between `low` and `high` (see `ENOUGH`).

    Of a typical cost (`expected`) these are what the next turn costs in four of five cases. All amounts are
    None if there is none. `unknown`: how many turns have no reported amount.
    """

    counted: int = 0
    unknown: int = 0
    low: Decimal | None = None
    median: Decimal | None = None
    high: Decimal | None = None
    p90: Decimal | None = None
    most: Decimal | None = None
    unusual_above: Decimal | None = None
    """Of a typical cost: the amount above which a turn is unusually expensive."""

    @property
    def part(self) -> SpreadPart:
        """The distribution in JSON."""
        from handinger_tui.core.documents import SpreadPart  # not for the first frame

        return SpreadPart(
            turns=self.counted,
            not_reported=self.unknown,
            low=json_amount(self.low),
            median=json_amount(self.median),
            high=json_amount(self.high),
            p90=json_amount(self.p90),
            most=json_amount(self.most),
        )


def spread(amounts: Iterable[Decimal | None]) -> Spread:
    """The distribution of amounts, one per turn, in any order."""
    values = list(amounts)
    reported = sorted(amount for amount in values if amount is not None)
    unknown = len(values) - len(reported)
    if not reported:
        return Spread(unknown=unknown)
    enough = len(reported) >= ENOUGH
    return Spread(
        len(reported),
        unknown,
        low=quantile(reported, Decimal("0.25")) if enough else reported[0],
        median=quantile(reported, Decimal("0.5")),
        high=quantile(reported, Decimal("0.75")) if enough else reported[-1],
        p90=quantile(reported, Decimal("0.9")),
        most=reported[-1],
    )


def expected(amounts: Iterable[Decimal | None]) -> Spread:
    """What the next turn will cost, by amounts of earlier ones, the newest first."""
    values = list(amounts)
    of, past = spread(values), [amount for amount in reversed(values) if amount is not None]
    prices = price_range(past) if of.counted >= ENOUGH else None
    if prices is None or of.median is None:
        return of
    low, high = min(prices.low, of.median), max(prices.high, of.median)
    return replace(of, low=low, high=high, unusual_above=unusual_above(past))


def quantile(ordered: Sequence[Decimal], share: Decimal) -> Decimal:
    """A quantile by exact linear interpolation. `ordered`: sorted, not empty; `share`: from 0 to 1."""
    position = EXACT.multiply(Decimal(len(ordered) - 1), share)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    step = EXACT.subtract(ordered[above], ordered[below])
    return EXACT.add(ordered[below], EXACT.multiply(step, EXACT.subtract(position, Decimal(below))))


class TypicalCost(Struct, frozen=True):
    """The cost of the newest turns of one worker at one budget, in USD and in credits.

    `everywhere`: the worker has no turn at this budget, so the figures are those of all workers.
    """

    budget: str
    usd: Spread = Spread()
    credits: Spread = Spread()
    everywhere: bool = False
    credit_usd: Decimal | None = None
    """The person's price of a credit now."""
    shared: int = 0
    """Without any other turn: how many share their amounts with others, so that each has only a maximum."""

    def at_price(self, unit: Unit, value: Decimal) -> str:
        """The cost of an amount of credits at the person's price, "about $0.04"; "" if there is none."""
        return price_words(at_price(value, self.credit_usd)) if unit is Unit.CREDITS else ""

    # -- in words
    @property
    def about(self) -> str:
        """What one message will cost: "about $0.02", "cost unknown"."""
        return TypicalCost.together([self])

    @property
    def text(self) -> str:
        """One short line: "usually $0.02–0.09 (median $0.04, 12 turns, 1 more unknown)"."""
        unit, of = self.unit_and_spread
        budget = clean_line(self.budget, 40)
        if of.median is None:
            turns = of.unknown or self.shared
            if not turns:
                return f"no cost history at {budget} yet"
            whose = "on other workers " if self.everywhere else ""
            return f"{whose}{plural(turns, 'turn')} at {budget}, {self.no_amount}"
        facts = [plural(of.counted, "turn"), self.at_price(unit, of.median)]
        facts += [f"{of.unknown:,} more unknown"] if of.unknown else []
        whose = "other workers " if self.everywhere else ""
        if of.counted < ENOUGH:
            amount = f"{whose}{amount_text(of.median, unit) if of.counted == 1 else _between(of, unit)}"
        else:
            amount = f"{whose}usually {_between(of, unit)}"
            facts.insert(0, f"median {amount_text(of.median, unit)}")
        return f"{amount} ({', '.join(filter(None, facts))})"

    @property
    def no_amount(self) -> str:
        """What is known where no turn has an amount of its own, in at most `CHIP_CELLS` cells."""
        if self.unit_and_spread[1].unknown:
            return "cost unknown"
        return ONLY_SHARED if self.shared else "no cost history yet"

    @property
    def chip(self) -> str:
        """A text of at most `CHIP_CELLS` cells: "~$0.04 ($0.02–0.09)", "no cost history yet"."""
        unit, of = self.unit_and_spread
        if of.median is None:
            return self.no_amount
        median = f"~{amount_text(of.median, unit)}"
        turns = f"{median} ({plural(of.counted, 'turn')})"
        if self.everywhere:
            choices = [f"{median} (other workers)"]
        elif of.counted == 1:
            choices = [turns.removeprefix("~")]
        elif of.counted < ENOUGH:
            choices = [f"{_between(of, unit)} ({plural(of.counted, 'turn')})", turns]
        else:
            choices = [f"{median} ({_between(of, unit).partition(' ')[0]})", turns]
        price = at_price(of.median, self.credit_usd) if unit is Unit.CREDITS else None
        if price is not None:
            dollars = Total(price, doubtful=True).cell()
            choices = [f"{text} · {dollars}" for text in (*choices, median)] + choices
        shortest = f"~{fitted([of.median], CHIP_CELLS - 1, unit)[0]}"
        return fitting((*choices, median, shortest), CHIP_CELLS)

    @property
    def unit_and_spread(self) -> tuple[Unit, Spread]:
        """The unit and its distribution: USD if it was ever reported, else credits."""
        if self.usd.counted or not self.credits.counted:
            return Unit.USD, self.usd
        return Unit.CREDITS, self.credits

    # -- of several
    @staticmethod
    def together(costs: Iterable[TypicalCost | None]) -> str:
        """What messages will cost together: "about $0.02"; "cost unknown" where one has no history."""
        total, units = Decimal(0), set[Unit]()
        for cost in costs:
            unit, of = (None, None) if cost is None else cost.unit_and_spread
            if unit is None or of is None or of.median is None:
                return "cost unknown"
            units.add(unit)
            total = EXACT.add(total, of.median)
        return f"about {amount_text(total, units.pop())}" if len(units) == 1 else "cost unknown"

    @staticmethod
    def dearest(costs: Iterable[TypicalCost], preferred: str) -> str:
        """A sentence on the most expensive turn on record: at the `preferred` budget, else at any other."""
        costs = list(costs)
        priced = [cost for cost in costs if cost.unit_and_spread[1].most is not None]
        at_preferred = [cost for cost in priced if cost.budget == preferred]
        if not priced:
            only = next((cost.no_amount for cost in costs if cost.shared), "no cost history yet")
            return f"{only.capitalize()}."
        # Dollars before credits, which have no price here.
        cost = max(at_preferred or priced, key=_most)
        unit, of = cost.unit_and_spread
        whose = "all workers" if cost.everywhere else "this worker"
        sentence = (
            f"Most expensive turn so far at {cost.budget}: {amount_text(of.most, unit)} "
            f"({plural(of.counted, 'turn')}, {whose})."
        )
        return sentence if at_preferred else f"No cost history at {preferred} yet. {sentence}"


# -- texts ----------------------------------------------------------------------------
ONLY_SHARED: Final = "only “up to” amounts yet"
CHIP_CELLS: Final = 25
"""The maximum width of `typical_cost_chip` in cells."""


def _most(cost: TypicalCost) -> tuple[bool, Decimal]:
    unit, of = cost.unit_and_spread
    return unit is Unit.USD, of.most or Decimal(0)


def _between(of: Spread, unit: Unit) -> str:
    return range_text(of.low or Decimal(0), of.high or Decimal(0), unit)
