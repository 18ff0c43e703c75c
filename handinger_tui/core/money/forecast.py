"""Forecast: the estimated spending until the end of the month, with a range.

Unknown amounts are omitted, and make the forecast a lower bound.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import reduce
from operator import add
from typing import Final

from msgspec import Struct

from handinger_tui.core.amounts import Total, Unit, amount_text, range_text
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.money.prediction import LOOK_BACK, WEEKS, error_factor
from handinger_tui.core.money.spending import Bucket

ENOUGH_DAYS: Final = 3
"""How many days before today a forecast needs."""
FEW_DAYS: Final = 7
"""With fewer days than this, the text names their number."""
_FINEST: Final = Decimal(1).scaleb(-12)

DailyTotals = Sequence[tuple[date, Total]]


class Forecast(Struct, frozen=True):
    """`low`, `middle` and `high`: the amounts for the complete month, None without a forecast.

    `method`: a text on how it was computed, or why there is none. `spent`: this month so far. `per_day`: the
    average of `days_seen` days before today. `gaps`: turns in this time whose unknown amount is missing.
    """

    spent: Total
    low: Decimal | None
    middle: Decimal | None
    high: Decimal | None
    days_seen: int
    method: str
    per_day: Decimal | None = None
    gaps: int = 0
    unit: Unit = Unit.USD


def daily(buckets: Iterable[Bucket], unit: Unit = Unit.USD) -> list[tuple[date, Total]]:
    """Totals by day for `forecast`; omits a bucket whose key is not a date, and one of free turns only."""
    days = []
    for bucket in buckets:
        try:
            day = date.fromisoformat(bucket.key)
        except ValueError:
            continue
        if not bucket.turns or bucket.turns > bucket.free:
            days.append((day, bucket.total(str(unit))))
    return days


def forecast(days: DailyTotals, today: date, share_of_today: Decimal, unit: Unit = Unit.USD) -> Forecast:
    """The forecast for the month of `today`.

    `days`: days with turns, in any order, from `LOOK_BACK` days ago on. After the first day with turns, days
    without turns count as 0. `share_of_today`: how much of today is over, from 0 (midnight) to 1.
    """
    by_day = _by_day(days)
    spent = _sum(amount for day, amount in by_day.items() if day.replace(day=1) == today.replace(day=1))
    past = _before(by_day, today)
    daily_costs = [amount.value for amount in past if amount.value is not None]
    costs = daily_costs[:WEEKS]
    first = min(today.replace(day=1), today - timedelta(WEEKS))
    gaps = sum(amount.unknown_turns for day, amount in by_day.items() if day >= first)
    mean = EXACT.divide(reduce(EXACT.add, costs), len(costs)) if len(costs) >= ENOUGH_DAYS else None
    if mean is None or spent.value is None:
        reason = _reason_for_none(spent, len(costs))
        return Forecast(spent, None, None, None, len(costs), reason, mean, gaps, unit)
    days_after = monthrange(today.year, today.month)[1] - today.day
    days_remaining = EXACT.subtract(days_after + 1, min(Decimal(1), max(Decimal(0), share_of_today)))
    remaining = EXACT.multiply(mean, days_remaining)
    factor = error_factor(daily_costs[::-1], days_remaining)
    return Forecast(
        spent,
        low=_to_pico(EXACT.add(spent.value, EXACT.divide(remaining, factor))),
        middle=_to_pico(EXACT.add(spent.value, remaining)),
        high=_to_pico(EXACT.add(spent.value, EXACT.multiply(remaining, factor))),
        days_seen=len(costs),
        method=_method(len(costs), gaps),
        per_day=_to_pico(mean),
        gaps=gaps,
        unit=unit,
    )


def _by_day(days: DailyTotals) -> dict[date, Total]:
    by_day: dict[date, Total] = {}
    for day, amount in days:
        by_day[day] = by_day[day] + amount if day in by_day else amount
    return by_day


def _sum(amounts: Iterable[Total]) -> Total:
    """The sum of totals; its value is None only if no value was reported."""
    totals = list(amounts)
    return reduce(add, totals) if totals else Total(Decimal(0))


def _before(by_day: Mapping[date, Total], today: date) -> list[Total]:
    """The totals of the days before today that count; a day without turns is 0."""
    first = min((day for day in by_day if day < today), default=None)
    if first is None:
        return []
    length = min(LOOK_BACK, (today - first).days)
    return [by_day.get(today - timedelta(back), Total(Decimal(0))) for back in range(1, length + 1)]


def _to_pico(value: Decimal) -> Decimal:
    """The value rounded to 12 decimals; more digits of an estimate mean nothing."""
    return value.quantize(_FINEST, context=EXACT)


# -- limits ----------------------------------------------------------------------------
def days_to_limit(gauge: Gauge, per_day: Decimal | None) -> int | None:
    """In how many days a limit of a session or worker is reached if `per_day` is spent.

    0: it is reached already. None for other limits, and if nothing was reported or spent.
    """
    if gauge.limit.scope not in (Scope.SESSION, Scope.WORKER) or gauge.spent.value is None:
        return None
    remaining = EXACT.subtract(gauge.limit.amount, gauge.spent.value)
    if remaining <= 0:
        return 0
    if per_day is None or per_day <= 0:
        return None
    return int(EXACT.divide(remaining, per_day).to_integral_value(ROUND_CEILING, EXACT))


def days_over(days: DailyTotals, today: date, amount: Decimal) -> tuple[int, int]:
    """On how many days before today at least `amount` was spent, and of how many days the amount is known."""
    costs = [one.value for one in _before(_by_day(days), today)[:WEEKS] if one.value is not None]
    return sum(value >= amount for value in costs), len(costs)


def limit_outlook(gauge: Gauge, days: DailyTotals, today: date) -> str:
    """One sentence about a limit, given these days; "" if there is nothing to say.

    `days`: for a limit of a session or worker, only those of that session or worker.
    """
    limit = gauge.limit
    amount = limit.text
    if limit.scope is Scope.DAY:
        over, counted = days_over(days, today, limit.amount)
        text = f"The daily limit of {amount} was reached on {over} of {plural(counted, 'day')}."
        return text if counted else ""
    estimate = forecast(days, today, Decimal(1), limit.unit)
    in_days = days_to_limit(gauge, estimate.per_day)
    if in_days is None or estimate.per_day is None:
        return ""
    if in_days == 0:
        return f"The {limit.scope.limit} of {amount} is reached."
    pace = f"At about {amount_text(estimate.per_day, limit.unit)} a day"
    return f"{pace}, the {limit.scope.limit} of {amount} will be reached in about {plural(in_days, 'day')}."


# -- texts ----------------------------------------------------------------------------
def forecast_text(estimate: Forecast) -> str:
    """One line: "about $12.40 by month end ($10.10–14.70)", or why there is no forecast.

    It names the number of turns of unknown cost, and of days if they are few.
    """
    if estimate.middle is None or estimate.low is None or estimate.high is None:
        return estimate.method
    middle = amount_text(estimate.middle, estimate.unit)
    end = " ".join(
        filter(None, [f"about {middle}", Total(Decimal(0), estimate.gaps).gap_words, "by month end"])
    )
    between = range_text(estimate.low, estimate.high, estimate.unit)
    days = f", from {plural(estimate.days_seen, 'day')}" if estimate.days_seen < FEW_DAYS else ""
    return f"{end} ({between}{days})" if between != middle else end


def _method(days: int, gaps: int) -> str:
    text = (
        f"Spent so far plus the daily average of the last {plural(days, 'day')} for each remaining day. "
        "Nine of ten months end within the range. It is wider with fewer days."
    )
    return f"{text} Turns of unknown cost are not included." if gaps else text


def _reason_for_none(spent: Total, days: int) -> str:
    if days >= ENOUGH_DAYS:
        return "No forecast: no cost was reported this month."
    have = f", {days} so far" if days else ""
    gaps = f" ({plural(spent.unknown_turns, 'turn')} of this month unknown)" if spent.unknown_turns else ""
    return f"No forecast yet: needs {ENOUGH_DAYS} days of history{have}{gaps}."
