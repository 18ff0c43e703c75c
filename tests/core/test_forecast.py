"""The month-end forecast: an estimate with its method, or the reason for a missing one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.money.forecast import (
    ENOUGH_DAYS,
    Forecast,
    daily,
    days_over,
    days_to_limit,
    forecast,
    forecast_text,
    limit_outlook,
)
from handinger_tui.core.money.limits import Gauge, Limit, Scope
from handinger_tui.core.money.prediction import WEEKS
from handinger_tui.core.money.spending import Bucket

TODAY = date(2026, 11, 20)  # ten days of the month follow it
HALF = Decimal("0.5")


def on(day: int, usd: str | None, missing: int = 0, month: int = 11) -> tuple[date, Total]:
    return date(2026, month, day), Total(None if usd is None else Decimal(usd), missing)


def test_even_spending_is_forecast_evenly() -> None:
    days = [on(day, "1") for day in range(1, 20)]
    result = forecast([*days, on(20, "0.5")], TODAY, HALF)
    assert result.spent == Total(Decimal("19.5"))
    assert result.middle == Decimal(30)
    assert (result.days_seen, result.per_day, result.gaps) == (19, Decimal(1), 0)
    assert forecast_text(result) == "about $30.00 by month end ($28.10–32.32)"


def test_the_fewer_days_the_wider_the_range_even_of_equal_days() -> None:
    def text(days: int) -> str:
        return forecast_text(forecast([on(20 - back, "1") for back in range(1, days + 1)], TODAY, Decimal(0)))

    assert text(3) == "about $14.00 by month end ($8.35–25.63, from 3 days)"
    assert text(6) == "about $17.00 by month end ($13.10–23.05, from 6 days)"
    assert text(19) == "about $30.00 by month end ($28.04–32.39)"


def test_the_range_surrounds_the_middle_and_is_never_below_the_spending() -> None:
    result = forecast([on(17, "0.1"), on(18, "9"), on(19, "0.2"), on(20, "1")], TODAY, HALF)
    assert result.low is not None
    assert result.middle is not None
    assert result.high is not None
    assert result.spent.value == Decimal("10.3") <= result.low < result.middle < result.high
    assert result.middle == Decimal("10.3") + Decimal("3.1") * Decimal("10.5")
    # The range is as many times as high as the middle as that is as high as its low end.
    more, less = (end - result.spent.value for end in (result.high, result.low))
    assert abs(more * less - (result.middle - result.spent.value) ** 2) < Decimal("1e-9")
    assert forecast_text(result).startswith("about $42.85 by month end ($")


def test_days_without_turns_are_zero_from_the_first_one_on() -> None:
    result = forecast([on(16, "4")], TODAY, HALF)
    assert (result.days_seen, result.per_day) == (4, Decimal(1))


@pytest.mark.parametrize("days", [[], [on(19, "4")], [on(18, "4")], [on(20, "4")]])
def test_too_few_days_make_no_forecast(days: list[tuple[date, Total]]) -> None:
    result = forecast(days, TODAY, HALF)
    assert (result.low, result.middle, result.high, result.per_day) == (None, None, None, None)
    assert "No forecast yet" in result.method
    assert f"needs {ENOUGH_DAYS} days of history" in result.method
    assert forecast_text(result) == result.method


def test_a_month_without_turns_is_forecast_by_earlier_days() -> None:
    days = [on(day, "2", month=10) for day in range(20, 32)]
    result = forecast(days, date(2026, 11, 1), Decimal(0))
    assert result.spent == Total(Decimal(0))
    assert result.middle == Decimal(60)


def test_a_turn_that_runs_with_a_cost_so_far_is_no_turn_of_unknown_cost() -> None:
    running = (TODAY, Total(Decimal("0.01"), 2, open_turns=2))
    assert forecast_text(forecast([running], TODAY, HALF)) == "No forecast yet: needs 3 days of history."
    days = [on(day, "1") for day in range(1, 20)]
    result = forecast([*days, running], TODAY, HALF)
    assert result.gaps == 0
    assert "unknown" not in forecast_text(result) + result.method


def test_only_the_newest_days_count() -> None:
    days = [on(1, "1000", month=9), *(on(day, "1", month=10) for day in range(1, 32))]
    result = forecast(days, date(2026, 11, 1), Decimal(0))
    assert (result.days_seen, result.per_day) == (WEEKS, Decimal(1))


def test_unknown_amounts_make_a_marked_lower_bound() -> None:
    days = [on(day, "1") for day in range(1, 18)]
    result = forecast([*days, on(18, "1", missing=2), on(19, None, missing=1)], TODAY, HALF)
    assert result.gaps == 3
    assert result.spent == Total(Decimal(18), 3)
    assert (result.days_seen, result.per_day) == (18, Decimal(1))
    assert forecast_text(result).startswith("about $28.50 + 3 unknown by")
    assert "Turns of unknown cost are not included." in result.method


def test_a_month_without_amounts_has_no_forecast() -> None:
    days = [on(day, "1", month=10) for day in range(20, 32)]
    result = forecast([*days, on(2, None, missing=1)], date(2026, 11, 3), HALF)
    assert result.spent == Total(None, 1)
    assert result.middle is None
    assert result.method == "No forecast: no cost was reported this month."


def test_the_last_evening_has_an_exact_forecast() -> None:
    days = [on(day, str(day)) for day in range(1, 31)]
    result = forecast(days, date(2026, 11, 30), Decimal(1))
    assert result.low == result.middle == result.high == result.spent.value


def test_december_of_the_last_year_is_a_month_too() -> None:
    last = date(9999, 12, 28)
    days = [(last - timedelta(back), Total(Decimal(1))) for back in range(1, 5)]
    assert forecast(days, last, Decimal(0)).middle == Decimal(8)


def test_a_share_beyond_the_day_is_the_day() -> None:
    days = [on(day, "1") for day in range(1, 20)]
    assert forecast(days, TODAY, Decimal(7)).middle == forecast(days, TODAY, Decimal(1)).middle
    assert forecast(days, TODAY, Decimal(-7)).middle == forecast(days, TODAY, Decimal(0)).middle


def test_the_method_is_explained_in_sentences() -> None:
    result = forecast([on(day, "1", day % 2) for day in range(1, 20)], TODAY, HALF)
    for text in (result.method, forecast([], TODAY, HALF).method):
        assert text[0].isupper()
        assert text.endswith(".")


amounts = st.none() | st.decimals(min_value=0, max_value=10**15, places=12)


@given(st.lists(st.tuples(st.integers(0, 60), amounts, st.integers(0, 3)), max_size=30))
def test_a_forecast_is_ordered_and_does_not_depend_on_the_order_of_days(
    listed: list[tuple[int, Decimal | None, int]],
) -> None:
    days = [
        (TODAY - timedelta(back), Total(usd, missing if usd is not None else missing + 1))
        for back, usd, missing in listed
    ]
    result = forecast(days, TODAY, HALF)
    assert forecast(days[::-1], TODAY, HALF) == result
    month = [amount for day, amount in days if day.month == TODAY.month]
    assert (result.spent.value is None) == (bool(month) and all(amount.value is None for amount in month))
    assert result.spent.missing_turns == sum(amount.missing_turns for amount in month)
    if result.middle is not None:
        assert result.spent.value is not None
        assert result.low is not None
        assert result.high is not None
        assert result.spent.value <= result.low <= result.middle <= result.high
        assert result.days_seen >= ENOUGH_DAYS
    assert "None" not in forecast_text(result)


def gauge(spent: str | None, scope: Scope = Scope.SESSION, of: str = "10") -> Gauge:
    return Gauge(Limit(scope, Unit.USD, Decimal(of)), Total(None if spent is None else Decimal(spent)))


@pytest.mark.parametrize(
    ("limit_gauge", "per_day", "days"),
    [
        (gauge("4"), "2", 3),
        (gauge("4"), "4", 2),
        (gauge("4", Scope.WORKER), "100", 1),
        (gauge("10"), "2", 0),
        (gauge("12"), None, 0),
        (gauge("4"), "0", None),
        (gauge("4"), None, None),
        (gauge(None), "2", None),
        (gauge("4", Scope.DAY), "2", None),
        (gauge("4", Scope.TURN), "2", None),
    ],
)
def test_days_to_a_limit(limit_gauge: Gauge, per_day: str | None, days: int | None) -> None:
    assert days_to_limit(limit_gauge, None if per_day is None else Decimal(per_day)) == days


def test_on_how_many_days_an_amount_was_reached() -> None:
    days = [on(16, "4"), on(17, "1"), on(18, None, 1), on(19, "2"), on(20, "99")]
    assert days_over(days, TODAY, Decimal(2)) == (2, 3)
    assert days_over([], TODAY, Decimal(2)) == (0, 0)


def test_the_days_to_a_limit_in_words() -> None:
    days = [on(16, "4"), on(17, "2"), on(18, "1"), on(19, "1")]
    assert (
        limit_outlook(gauge("1", Scope.DAY, "2"), days, TODAY)
        == "The daily limit of $2.00 was reached on 2 of 4 days."
    )
    assert limit_outlook(gauge("1", Scope.DAY, "2"), [], TODAY) == ""
    assert (
        limit_outlook(gauge("4", Scope.WORKER), days, TODAY)
        == "At about $2.00 a day, the worker limit of $10.00 will be reached in about 3 days."
    )
    assert limit_outlook(gauge("10"), days, TODAY) == "The session limit of $10.00 is reached."
    assert limit_outlook(gauge("4"), days[-1:], TODAY) == ""
    assert limit_outlook(gauge("4", Scope.TURN), days, TODAY) == ""


def test_buckets_by_day() -> None:
    buckets = [
        Bucket("2026-11-19", 2, usd=Total(Decimal("1.5"), 1), credits=Total(None, 2)),
        Bucket("", 1, usd=Total(Decimal(9))),
        Bucket("2026-11-20"),
    ]
    assert daily(buckets) == [on(19, "1.5", 1), on(20, "0")]
    assert daily(buckets, Unit.CREDITS) == [on(19, None, 2), on(20, "0")]


def test_credits_are_forecast_as_credits() -> None:
    result = forecast([on(day, "1") for day in range(1, 20)], TODAY, HALF, Unit.CREDITS)
    assert forecast_text(result) == "about 29.5 credits by month end (27.6–31.82 credits)"
    assert isinstance(result, Forecast)
