"""Prices with dates: of a credit, and of a dollar in another currency."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.money.limits import Limit
from handinger_tui.core.periods import midnight_ms
from handinger_tui.core.prices import NO_PRICES, Prices, prices_in
from handinger_tui.core.turns.turn import NO_DAY

JUMP = "0.01, 0.012 from 2026-07-01, 0.02 from 2026-09-01"


def prices(text: str, *, of_dollar: bool = False) -> Prices:
    return prices_in(text, Limit.amount_of, of_dollar=of_dollar)


def test_each_day_has_the_price_that_held_on_it() -> None:
    own = prices(JUMP)
    days = ("2020-01-01", "2026-06-30", "2026-07-01", "2026-08-31", "2026-09-01", "2040-01-01")
    assert [str(own.on(day)) for day in days] == ["0.01", "0.01", "0.012", "0.012", "0.02", "0.02"]
    assert prices("0.01 from 2026-07-01").on("2026-06-30") is None
    midnight = midnight_ms(date(2026, 7, 1))
    assert [own.at(midnight + ms) for ms in (-1, 0)] == [Decimal("0.01"), Decimal("0.012")]


def test_a_day_that_is_not_known_has_a_price_only_if_there_is_one_for_all_days() -> None:
    assert prices("0.01").at(None) == prices("0.01").at(NO_DAY) == Decimal("0.01")
    for text in (JUMP, "0.01 from 2026-07-01"):
        assert prices(text).at(None) is prices(text).at(NO_DAY) is None
    assert NO_PRICES.at(0) is None


def test_amounts_of_several_days_cost_what_each_costs_by_itself() -> None:
    own, midnight = prices(JUMP), midnight_ms(date(2026, 7, 1))
    assert own.cost([(midnight - 1, Decimal(100)), (midnight, Decimal(100))]) == Decimal("2.2")
    assert (own.over(midnight - 1, midnight), own.over(midnight, midnight + 1)) == (None, Decimal("0.012"))
    # One amount without a price makes the sum unknown; none, and zero, need no price.
    assert own.cost([(midnight, Decimal(1)), (None, Decimal(1))]) is None
    assert own.cost([(midnight, Decimal(1)), (None, None), (None, Decimal(0))]) == Decimal("0.012")
    assert own.cost([(midnight, None)]) is None


def test_a_rate_names_its_currency() -> None:
    rates = prices("0.92 EUR, .95 eur from 2026-07-01", of_dollar=True)
    assert (rates.currency, rates.text) == ("EUR", "0.92 EUR, 0.95 EUR from 2026-07-01")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a price"),
        ("0.01,", "is not a price"),
        ("0,01", "must be above 0"),
        ("0.01, 0.02", "two prices begin without a day"),
        ("0.01 from 2026-13-01", "2026-13-01 is not a day"),
        ("0.01 from tomorrow", "is not a price"),
        ("0.01 from 2026-07-01, 0.02 from 2026-07-01", "two prices begin on 2026-07-01"),
        ("0", "must be above 0"),
        ("-1", "is not an amount"),
        ("0.92 EUR", "the prices are in USD"),
    ],
)
def test_what_is_no_price_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        prices(text)


@pytest.mark.parametrize("text", ["0.92", "0.92 USD", "0.92 EUR, 0.8 GBP from 2026-07-01"])
def test_a_rate_without_a_currency_of_its_own_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="each rate needs the same currency"):
        prices(text, of_dollar=True)


@given(
    st.dictionaries(
        st.dates(date(2020, 1, 1), date(2030, 1, 1)),
        st.decimals("0.000001", "1000", places=6),
        min_size=1,
        max_size=6,
    ),
    st.dates(date(2019, 1, 1), date(2031, 1, 1)),
)
def test_prices_are_written_as_they_are_read(steps: dict[date, Decimal], day: date) -> None:
    text = ", ".join(f"{price} from {since}" for since, price in steps.items())
    own = prices(text)
    assert prices(own.text) == own
    held = [since for since in steps if since <= day]
    assert own.on(day.isoformat()) == (steps[max(held)] if held else None)
