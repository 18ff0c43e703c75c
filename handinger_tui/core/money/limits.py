"""Spending limits: how much may be spent before the program refuses to send more.

A limit never stops a running turn: the published API has no request for that. The program warns once at
80%; at 100% it sends nothing more until the user raises the limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import IntEnum, StrEnum
from typing import Final

from handinger_tui.core.amounts import EXACT, Total, credits_words, decimal_text, usd_text
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import plural

WARN_AT: Final = Decimal("0.8")
"""The share of a limit at which the program warns."""
FINEST: Final = 12
"""Decimal places that an amount of a limit may have: whole pico-dollars."""
MOST_PERCENT: Final = 999
"""A larger percentage is shown as ">999 %"."""
LARGEST: Final = Decimal(1_000_000)
"""The largest amount of a limit."""
UNTIL_RAISED: Final = "Nothing more is sent until it is raised."
STILL: Final = "A running turn cannot be stopped from here, and may go on charging."


class Scope(StrEnum):
    """What a limit counts."""

    TURN = "turn"
    """The newest turn of the session that was sent."""
    SESSION = "session"
    WORKER = "worker"
    """Every session of the worker, or the total that the worker reports of itself where that is larger."""
    DAY = "day"
    """Every session since local midnight."""


class Unit(StrEnum):
    """The unit of a limit."""

    USD = "usd"
    CREDITS = "credits"


class Origin(StrEnum):
    """Where a limit comes from; of several, the first in this order wins."""

    FLAG = "flag"
    TYPED = "typed"
    """Typed with `/limit`; stored in the history and read by every program on it."""
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of `amount` (above 0, in USD or credits) for one scope."""

    scope: Scope
    unit: Unit
    amount: Decimal
    origin: Origin = Origin.CONFIG


class State(IntEnum):
    """How close the spending is to a limit."""

    BELOW = 0
    NEAR = 1
    """80% or more is spent."""
    REACHED = 2


@dataclass(frozen=True, slots=True)
class Gauge:
    """A limit and what is spent of it; `spent` is a lower bound where it has gaps."""

    limit: Limit
    spent: Total

    @property
    def state(self) -> State:
        """The state by the known spending; unknown amounts are left out."""
        if self.spent.value is None:
            return State.BELOW
        if self.spent.value >= self.limit.amount:
            return State.REACHED
        is_near = self.spent.value >= EXACT.multiply(self.limit.amount, WARN_AT)
        return State.NEAR if is_near else State.BELOW

    @property
    def percent(self) -> int | None:
        """The spent percentage, rounded down: 99.9% is not yet 100%; None while nothing is known."""
        if self.spent.value is None:
            return None
        share = EXACT.divide(EXACT.multiply(self.spent.value, Decimal(100)), self.limit.amount)
        return int(share.to_integral_value(ROUND_DOWN))

    @property
    def percent_text(self) -> str:
        """The percentage to show: "85 %", ">999 %"; "?" while nothing is known."""
        if self.percent is None:
            return "?"
        return f"{self.percent} %" if self.percent <= MOST_PERCENT else f">{MOST_PERCENT} %"


class LimitReached(HandingerError):
    """Nothing was sent: a limit is used up."""

    def __init__(self, gauge: Gauge) -> None:
        super().__init__(f"{reached_text(gauge)} Nothing was sent.", raise_hint(gauge.limit))
        self.gauge = gauge


def amount_of(text: str) -> Decimal:
    """Parse an amount as the user types it: "5", "0.25", "$3".

    A comma is rejected: half the world writes 0,5 and means a half.

    Raises:
        ValueError: not a number, not above 0, above a million, or finer than a pico-dollar; its text says
            which.
    """
    plain = text.strip().removeprefix("$")
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]*)?|\.[0-9]+", plain, re.ASCII):
        raise ValueError(f"{text.strip()[:40]!r} is no amount: write it like 5 or 0.25")
    amount = Decimal(plain)
    if not 0 < amount <= LARGEST:
        raise ValueError("the amount must be above 0 and at most 1,000,000")
    if amount != amount.quantize(Decimal(1).scaleb(-FINEST)):
        raise ValueError(f"an amount has at most {FINEST} decimals")
    return amount.normalize()


def effective(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """The limits in force, one per scope and unit, in that order; the origin decides which one wins."""
    ranks = list(Origin)
    chosen: dict[tuple[Scope, Unit], Limit] = {}
    for limit in sorted(limits, key=lambda limit: ranks.index(limit.origin)):
        chosen.setdefault((limit.scope, limit.unit), limit)
    return tuple(chosen[scope, unit] for scope in Scope for unit in Unit if (scope, unit) in chosen)


def gauges(limits: Iterable[Limit], spent: Mapping[tuple[Scope, Unit], Total]) -> tuple[Gauge, ...]:
    """A gauge for each limit; an amount that is missing in `spent` is not known."""
    return tuple(Gauge(limit, spent.get((limit.scope, limit.unit), Total(None, 1))) for limit in limits)


def blocking(gauges: Sequence[Gauge]) -> Gauge | None:
    """The reached limit that forbids to send, the one with the widest scope; None when none is reached."""
    reached = [gauge for gauge in gauges if gauge.state is State.REACHED]
    return max(reached, key=lambda gauge: list(Scope).index(gauge.limit.scope), default=None)


# -- texts ----------------------------------------------------------------------------
def amount_text(amount: Decimal, unit: Unit) -> str:
    """An amount with its unit: "$1.50", "20 credits"."""
    return usd_text(amount) if unit is Unit.USD else credits_words(amount)


def exact_text(amount: Decimal, unit: Unit) -> str:
    """An amount with its unit and all its digits: a limit is shown exactly as it was typed."""
    text = amount_text(amount, unit)
    number, _, _ = text.partition(" ")
    plain = number.strip("<$").replace(",", "")
    if "<" not in number and Decimal(plain) == amount:
        return text
    return text.replace(number, f"{'$' if unit is Unit.USD else ''}{decimal_text(amount)}")


def spent_text(gauge: Gauge) -> str:
    """The text "$0.85 of $1.00 (85 %)" or "16 of 20 credits (80 %)"; with gaps it names their number."""
    unit, limit = gauge.limit.unit, exact_text(gauge.limit.amount, gauge.limit.unit)
    if gauge.spent.value is None:
        return f"not reported of {limit}"
    rounded = amount_text(gauge.spent.value, unit)
    if gauge.state is not State.REACHED and rounded == limit:
        # $0.99999 of $1.00 must not be shown as "$1.00 of $1.00".
        rounded = exact_text(gauge.spent.value, unit)
    spent, _, _ = rounded.partition(" ")
    text = f"{spent} of {limit} ({gauge.percent_text})"
    if gauge.spent.complete:
        return text
    return f"at least {text}, {plural(gauge.spent.missing_turns, 'turn')} not fully known"


def near_text(gauge: Gauge) -> str:
    """The warning at 80%, which is shown once."""
    return f"{gauge.limit.scope.capitalize()} limit near: {spent_text(gauge)}."


def reached_text(gauge: Gauge) -> str:
    """The sentence about a reached limit."""
    return f"{gauge.limit.scope.capitalize()} limit reached: {spent_text(gauge)}."


def raise_hint(limit: Limit) -> str:
    """How the user can raise the limit."""
    if limit.origin is Origin.FLAG:
        flag = "--max-cost" if limit.unit is Unit.USD else "--max-credits"
        return f"Give a larger {flag} to go on."
    amount = "AMOUNT" if limit.unit is Unit.USD else "AMOUNT credits"
    return f"Raise it to go on: /limit {limit.scope} {amount} in the app."
