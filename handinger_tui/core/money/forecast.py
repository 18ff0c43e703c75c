"""Forecast: what the month will have taken at its end, as an estimate with a range. Pure.

Every amount is a Decimal; what is not known stays out and makes the forecast a lower bound.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Final

from handinger_tui.core.formatting import plural
from handinger_tui.core.money.amounts import EXACT, Total
from handinger_tui.core.money.limits import Gauge, Scope, Unit, exact_text
from handinger_tui.core.money.spending import Bucket
from handinger_tui.core.money.typical_cost import rough

ENOUGH_DAYS: Final = 3
"""Fewer days before today make no forecast."""
WINDOW: Final = 28
"""The newest days before today that count: whole weeks, so that weekends weigh what they are."""
_ROOTS: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_FINEST: Final = Decimal(1).scaleb(-12)

Days = Sequence[tuple[date, Total]]


@dataclass(frozen=True, slots=True)
class Forecast:
    """`low`, `middle` and `high`: the whole month, None where there is no forecast; `method` says how or why.

    `spent`: this month so far. `per_day`: the average of `days_seen` days before
    today. `lower_bound`: some turn's amount is not known, so it will be more.
    """

    spent: Total
    low: Decimal | None
    middle: Decimal | None
    high: Decimal | None
    days_seen: int
    method: str
    per_day: Decimal | None = None
    lower_bound: bool = False
    unit: Unit = Unit.USD


def daily(buckets: Iterable[Bucket], unit: Unit = Unit.USD) -> list[tuple[date, Total]]:
    """Buckets by day as `forecast` takes them; a key that is no day is left out."""
    found = []
    for bucket in buckets:
        try:
            day = date.fromisoformat(bucket.key)
        except ValueError:
            continue
        found.append((day, bucket.total(str(unit))))
    return found


def forecast(days: Days, today: date, share_of_today: Decimal, unit: Unit = Unit.USD) -> Forecast:
    """The end of the month of `today`.

    `days`: those with turns, in any order, from the first of the month or from
    `WINDOW` days ago, whichever is earlier. Days without turns count as 0 from
    the first one with turns on. `share_of_today`: from 0 (midnight) to 1.
    """
    by_day = _by_day(days)
    spent = _sum(
        amount for day, amount in by_day.items() if (day.year, day.month) == (today.year, today.month)
    )
    seen = _before(by_day, today)
    known = [amount.value for amount in seen if amount.value is not None]
    bound = not spent.whole or any(not amount.whole for amount in seen)
    mean = _mean(known) if len(known) >= ENOUGH_DAYS else None
    if mean is None or spent.value is None:
        why = _why_not(spent, len(known))
        return Forecast(spent, None, None, None, len(known), why, mean, bound, unit)
    left = _days_left(today, share_of_today)
    rest = EXACT.multiply(mean, left)
    spread = _deviation(known, mean, left)
    return Forecast(
        spent,
        low=_fine(EXACT.add(spent.value, max(Decimal(0), EXACT.subtract(rest, spread)))),
        middle=_fine(EXACT.add(spent.value, rest)),
        high=_fine(EXACT.add(spent.value, EXACT.add(rest, spread))),
        days_seen=len(known),
        method=_method(len(known), bound=bound),
        per_day=_fine(mean),
        lower_bound=bound,
        unit=unit,
    )


def _by_day(days: Days) -> dict[date, Total]:
    listed: dict[date, list[Total]] = {}
    for day, amount in days:
        listed.setdefault(day, []).append(amount)
    return {day: _sum(amounts) for day, amounts in listed.items()}


def _sum(amounts: Iterable[Total]) -> Total:
    """All together; unknown only where nothing at all is known."""
    listed = list(amounts)
    known = [amount.value for amount in listed if amount.value is not None]
    value = Decimal(0)
    for amount in known:
        value = EXACT.add(value, amount)
    missing = sum(amount.missing_turns for amount in listed)
    return Total(value if known or not listed else None, missing)


def _before(by_day: Mapping[date, Total], today: date) -> list[Total]:
    """Every day before today that counts, those without turns as 0."""
    first = min((day for day in by_day if day < today), default=None)
    if first is None:
        return []
    length = min(WINDOW, (today - first).days)
    return [by_day.get(today - timedelta(back), Total(Decimal(0))) for back in range(1, length + 1)]


def _days_left(today: date, share_of_today: Decimal) -> Decimal:
    after = monthrange(today.year, today.month)[1] - today.day
    return EXACT.subtract(Decimal(after + 1), min(Decimal(1), max(Decimal(0), share_of_today)))


def _mean(values: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return EXACT.divide(total, Decimal(len(values)))


def _deviation(values: Sequence[Decimal], mean: Decimal, left: Decimal) -> Decimal:
    """One standard deviation of what `left` days take, that of the average itself included."""
    with localcontext(_ROOTS):
        squares = sum(((value - mean) ** 2 for value in values), Decimal(0))
        variance = squares / (len(values) - 1)
        return (variance * (left + left * left / len(values))).sqrt()


def _fine(value: Decimal) -> Decimal:
    """To the pico-dollar: finer digits of an estimate say nothing."""
    return value.quantize(_FINEST, context=EXACT)


# -- limits ----------------------------------------------------------------------------
def days_to_limit(gauge: Gauge, per_day: Decimal | None) -> int | None:
    """In how many days a session or worker limit is reached at `per_day` of its own spending.

    0 when it is reached; None for limits of a turn or a day, and where nothing is known or spent.
    """
    if gauge.limit.scope not in (Scope.SESSION, Scope.WORKER) or gauge.spent.value is None:
        return None
    left = EXACT.subtract(gauge.limit.amount, gauge.spent.value)
    if left <= 0:
        return 0
    if per_day is None or per_day <= 0:
        return None
    return int(EXACT.divide(left, per_day).to_integral_value(ROUND_CEILING, EXACT))


def days_over(days: Days, today: date, amount: Decimal) -> tuple[int, int]:
    """On how many of the counted days before today at least `amount` was spent, and how many those are.

    Days of which nothing is known are not counted.
    """
    known = [one.value for one in _before(_by_day(days), today) if one.value is not None]
    return sum(value >= amount for value in known), len(known)


def limit_text(gauge: Gauge, days: Days, today: date) -> str:
    """What these days mean for a limit; "" where they mean nothing.

    `days`: for a limit of a session or worker, those of that session or worker alone.
    """
    limit, known = gauge.limit, days_over(days, today, gauge.limit.amount)
    amount = exact_text(limit.amount, limit.unit)
    if limit.scope is Scope.DAY:
        over, counted = known
        return (
            f"The day limit of {amount} was reached on {over} of {plural(counted, 'day')}." if counted else ""
        )
    seen = forecast(days, today, Decimal(1), limit.unit)
    in_days = days_to_limit(gauge, seen.per_day)
    if in_days is None or seen.per_day is None:
        return ""
    if in_days == 0:
        return f"The {limit.scope} limit of {amount} is reached."
    pace = f"At ~{rough(seen.per_day, limit.unit)} a day"
    return f"{pace}, the {limit.scope} limit of {amount} is reached in ~{plural(in_days, 'day')}."


# -- words -----------------------------------------------------------------------------
def forecast_text(found: Forecast) -> str:
    """One line: "~$12.40 by the end of the month (~$10.10 to ~$14.70)"; the reason where there is none."""
    if found.middle is None or found.low is None or found.high is None:
        return found.method
    low, middle, high = (f"~{rough(value, found.unit)}" for value in (found.low, found.middle, found.high))
    least = "at least " if found.lower_bound else ""
    return f"{least}{middle} by the end of the month" + (f" ({low} to {high})" if low != high else "")


def _method(days: int, *, bound: bool) -> str:
    told = (
        f"What is spent, plus the average of the last {plural(days, 'day')} for each day that is left; "
        "the range is one standard deviation to either side"
    )
    return f"{told}, and turns without a reported amount come on top." if bound else f"{told}."


def _why_not(spent: Total, days: int) -> str:
    if days >= ENOUGH_DAYS:
        return "No forecast: no turn of this month has a reported amount."
    seen = (
        f"{plural(days, 'day')} before today {'is' if days == 1 else 'are'} known"
        if days
        else "no day before today is known"
    )
    least = "" if spent.whole else ", and some amounts of this month were not reported"
    return f"No forecast yet: {seen}, and it takes {ENOUGH_DAYS}{least}."
