"""The probable cost of what runs by itself: of one run, and of all runs in a month."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from handinger_tui.core.amounts import Unit, amount_text, total
from handinger_tui.core.decimals import EXACT, json_amount
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.typical_cost import Spread, TypicalCost
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    from handinger_tui.core.documents import PricePart


class Price(Struct, frozen=True):
    """The probable cost of a schedule. `runs`: in 30 days; None for a single run, or if unknown.

    Amounts are estimates from earlier turns; None if there are none.
    """

    typical: TypicalCost
    runs: Decimal | None = None
    is_once: bool = False

    @property
    def unit(self) -> Unit:
        """USD if it was ever reported, else credits."""
        return self.typical.unit_and_spread[0]

    @property
    def of_run(self) -> Spread:
        """The distribution of the cost of a run."""
        return self.typical.unit_and_spread[1]

    @property
    def per_month(self) -> Decimal | None:
        """The cost of all runs in 30 days, by the median of a run."""
        median = self.of_run.median
        return None if median is None or self.runs is None else EXACT.multiply(median, self.runs)

    def words(self, amount: Decimal) -> str:
        """An estimate, "about $1.20"; credits also at the person's price: "about 30 credits (about $0.3)"."""
        dollars = self.typical.at_price(self.unit, amount)
        return f"about {amount_text(amount, self.unit)}" + (f" ({dollars})" if dollars else "")

    @property
    def part(self) -> PricePart:
        """The estimate in JSON; amounts are null where there are none."""
        from handinger_tui.core.documents import PricePart  # not for the first frame

        of = self.of_run
        return PricePart(
            unit=str(self.unit),
            budget=self.typical.budget,
            per_run=json_amount(of.median),
            per_run_low=json_amount(of.low),
            per_run_high=json_amount(of.high),
            per_month=json_amount(self.per_month),
            credit_usd=json_amount(self.typical.credit_usd),
            runs_per_month=None if self.runs is None else float(round(self.runs, 2)),
            turns=of.counted,
            of_other_workers=self.typical.everywhere,
        )

    @property
    def tag(self) -> str:
        """One short line: "about $0.04 a run, about $1.20 a month", "about $0.04 once"."""
        of = self.of_run
        if of.median is None:
            return self.typical.no_amount
        if self.per_month is None:
            return f"{self.words(of.median)} {'once' if self.is_once else 'a run'}"
        return f"about {amount_text(of.median, self.unit)} a run, {self.words(self.per_month)} a month"

    @property
    def short_tag(self) -> str:
        """The last part of the tag: the price of a month, if runs repeat."""
        return self.tag.rpartition(", ")[2]

    @property
    def sentences(self) -> str:
        """The tag with the number of runs and the basis of the estimate."""
        runs = "" if self.runs is None else f" ({runs_text(self.runs)})"
        basis = self.typical.text
        if self.of_run.median is None:
            return f"Cost unknown{runs}: {basis.removesuffix(', cost unknown')}."
        return f"{self.tag}{runs}. Budget {clean_line(self.typical.budget, 20)}: {basis}."

    @staticmethod
    def monthly_text(prices: Sequence[Price]) -> str:
        """The cost of all repeated runs: "about $3.40 a month + 1 schedule unknown"; "" if none repeats."""
        repeated = [price for price in prices if not price.is_once]
        sums = []
        for unit in Unit:
            priced = [price for price in repeated if price.unit is unit and price.per_month is not None]
            if priced:
                amount = total(price.per_month for price in priced).value
                sums.append(priced[0].words(amount or Decimal(0)))
        unknown = sum(price.per_month is None for price in repeated)
        gaps = f"{plural(unknown, 'schedule')} unknown" if unknown else ""
        if not sums:
            return f"cost a month: {gaps}" if gaps else ""
        return " + ".join(filter(None, [f"{' and '.join(sums)} a month", gaps]))


def runs_text(runs: Decimal) -> str:
    """The number of runs in a month: "30 runs a month", "0.5 runs a month"."""
    number = f"{runs:,.0f}" if runs >= 10 else f"{runs:.1f}".removesuffix(".0")
    number = "<0.1" if number == "0" else number
    return f"{number} {'run' if number == '1' else 'runs'} a month"
