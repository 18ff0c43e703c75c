"""Spending limits: how much may be spent before the program refuses to send more.

A limit never stops a running turn: the published API has no request for that. The program warns once at
80%; at 100% it sends nothing more until the user raises the limit. Turns that run reserve what they will
probably take, so that several programs that start at once do not each use the same room.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from enum import IntEnum, StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import (
    EXACT,
    Total,
    credits_words,
    decimal_text,
    doubt_mark,
    total_text,
    usd_text,
)
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import plural

WARN_AT: Final = Decimal("0.8")
"""The share of a limit at which the program warns."""
FINEST: Final = 12
"""Decimal places that an amount of a limit may have: whole pico-dollars."""
MOST_PERCENT: Final = 999
"""A larger percentage is shown as ">999%"."""
LARGEST: Final = Decimal(1_000_000)
"""The largest amount of a limit."""
UNTIL_RAISED: Final = "New messages are blocked until you raise it."
STILL: Final = "A running turn cannot be stopped from here and may keep charging."


class Scope(StrEnum):
    """What a limit counts."""

    TURN = "turn"
    """The newest turn of the session that was sent."""
    SESSION = "session"
    WORKER = "worker"
    """Every session of the worker, or the total that the worker reports of itself where that is larger."""
    DAY = "day"
    """Every session since local midnight."""
    WEEK = "week"
    """Every session since Monday, local time."""
    MONTH = "month"
    """Every session since the first of the month, local time."""

    @property
    def limit(self) -> str:
        """The name of a limit of this scope: "turn limit", "daily limit"."""
        return f"{_ADJECTIVES.get(self, self.value)} limit"


_ADJECTIVES: Final = {Scope.DAY: "daily", Scope.WEEK: "weekly", Scope.MONTH: "monthly"}
BY_TIME: Final = (Scope.DAY, Scope.WEEK, Scope.MONTH)
"""Scopes that count every session since some midnight."""


class Unit(StrEnum):
    """The unit of a limit."""

    USD = "usd"
    CREDITS = "credits"


class LimitOrigin(StrEnum):
    """Where a limit comes from; of several, the first in this order wins."""

    FLAG = "flag"
    TYPED = "typed"
    """Typed with `/limit`; stored in the history and read by every program on it."""
    CONFIG = "config"


class Limit(Struct, frozen=True):
    """A limit of `amount` (above 0, in USD or credits) for one scope."""

    scope: Scope
    unit: Unit
    amount: Decimal
    origin: LimitOrigin = LimitOrigin.CONFIG


class GaugeState(IntEnum):
    """How close the spending is to a limit."""

    BELOW = 0
    NEAR = 1
    """80% or more is spent."""
    REACHED = 2


class Gauge(Struct, frozen=True):
    """A limit and what is spent of it; `spent` is a lower bound where it has gaps."""

    limit: Limit
    spent: Total
    reserved: Decimal = Decimal(0)
    """What running turns will probably cost beyond what they have cost so far."""
    running: int = 0
    """How many turns that count for the limit run, in any program."""
    unmeasured: int = 0
    """How many of those have no cost history: each of them reserves all that is left."""
    reported: bool = True
    """Whether this service reported amounts in this unit in its last turns, so that the limit can hold."""
    approximate: bool = False
    """Part of `reserved` is credits at the price that the user set."""

    @property
    def free(self) -> Decimal:
        """What a turn may still take: the limit without what is spent and reserved."""
        if self.unmeasured:
            return Decimal(0)
        remaining = EXACT.subtract(self.limit.amount, self.spent.value or Decimal(0))
        return max(Decimal(0), EXACT.subtract(remaining, self.reserved))

    @property
    def state(self) -> GaugeState:
        """The state by the known spending; unknown amounts and reservations are omitted."""
        if self.spent.value is None:
            return GaugeState.BELOW
        if self.spent.value >= self.limit.amount:
            return GaugeState.REACHED
        is_near = self.spent.value >= EXACT.multiply(self.limit.amount, WARN_AT)
        return GaugeState.NEAR if is_near else GaugeState.BELOW

    @property
    def percent(self) -> int | None:
        """The spent percentage, rounded down: 99.9% is not yet 100%; None while nothing is known."""
        if self.spent.value is None:
            return None
        share = EXACT.divide(EXACT.multiply(self.spent.value, Decimal(100)), self.limit.amount)
        return int(share.to_integral_value(ROUND_DOWN))

    @property
    def percent_text(self) -> str:
        """The percentage to show: "85%", ">999%"; "?" while nothing is known."""
        if self.percent is None:
            return "?"
        return f"{self.percent}%" if self.percent <= MOST_PERCENT else f">{MOST_PERCENT}%"


class StartPolicy(StrEnum):
    """Under which limits a turn may start."""

    MEASURED = "measured"
    """Only if all limits will probably hold."""
    UNMEASURED = "unmeasured"
    """Also if that cannot be known: a unit is not reported, or a turn without cost history runs."""


class LimitReached(HandingerError):
    """Nothing was sent: a limit is used up."""

    def __init__(self, gauge: Gauge, reason: str = "", hint: str = "") -> None:
        self.gauge = gauge
        self.reason = reason or reached_text(gauge)
        super().__init__(f"{self.reason} Nothing was sent.", hint or raise_hint(gauge.limit))


class LimitReserved(LimitReached):
    """Nothing was sent: running turns have reserved what is left of a limit, or too much of it."""

    def __init__(self, gauge: Gauge, needed: Decimal | None) -> None:
        """`needed`: what the turn would reserve; None where it has no cost history."""
        usual = (
            "" if needed is None else f"; a turn like this may cost {amount_text(needed, gauge.limit.unit)}"
        )
        reason = f"{gauge.limit.scope.limit.capitalize()}: {free_text(gauge)}{usual}."
        hint = f"Wait until a running turn has finished. {raise_hint(gauge.limit)}"
        super().__init__(gauge, reason, hint)


class LimitUnmeasured(LimitReached):
    """Nothing was sent: whether a limit will hold cannot be known. The user may decide to send anyway."""

    def __init__(self, gauge: Gauge) -> None:
        super().__init__(gauge, unmeasured_text(gauge), "Use --allow-unmeasured to send anyway.")


def check_start(
    gauges: Sequence[Gauge], needed: Mapping[Unit, Decimal | None], start: StartPolicy = StartPolicy.MEASURED
) -> None:
    """Return only when a turn may start under all limits; the widest scope is checked first.

    `needed`: what the turn would reserve, None where it has no cost history. Such a turn needs only that
    something is free. A turn that is the only one is never refused for what it may take: at less than
    100% it is sent.

    Raises:
        LimitReached: a limit is used up.
        LimitReserved: the turns that run leave too little.
        LimitUnmeasured: a unit is not reported, or a turn without cost history runs.
    """
    reached = blocking(gauges)
    if reached is not None:
        raise LimitReached(reached)
    for gauge in sorted(gauges, key=_width, reverse=True):
        if start is StartPolicy.MEASURED and not (gauge.reported and not gauge.unmeasured):
            raise LimitUnmeasured(gauge)
        if gauge.running:
            need, free = needed.get(gauge.limit.unit), replace(gauge, unmeasured=0).free
            if not free or (need is not None and need > free):
                raise LimitReserved(gauge, need)


def amount_of(text: str) -> Decimal:
    """Parse an amount as the user types it: "5", "0.25", "$3".

    A comma is rejected: half the world writes 0,5 and means a half.

    Raises:
        ValueError: not a number, not above 0, above a million, or finer than a pico-dollar; its text says
            which.
    """
    plain = text.strip().removeprefix("$")
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]*)?|\.[0-9]+", plain, re.ASCII):
        raise ValueError(f"{text.strip()[:40]!r} is not an amount (use a number like 5 or 0.25)")
    amount = Decimal(plain)
    if not 0 < amount <= LARGEST:
        raise ValueError("the amount must be above 0 and at most 1,000,000")
    if amount != amount.quantize(Decimal(1).scaleb(-FINEST)):
        raise ValueError(f"an amount has at most {FINEST} decimals")
    return amount.normalize()


def effective(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """The limits in force, one per scope and unit, in that order; the origin decides which one wins."""
    ranks = list(LimitOrigin)
    chosen: dict[tuple[Scope, Unit], Limit] = {}
    for limit in sorted(limits, key=lambda limit: ranks.index(limit.origin)):
        chosen.setdefault((limit.scope, limit.unit), limit)
    return tuple(chosen[scope, unit] for scope in Scope for unit in Unit if (scope, unit) in chosen)


def blocking(gauges: Sequence[Gauge]) -> Gauge | None:
    """The reached limit that forbids to send, the one with the widest scope; None when none is reached."""
    reached = [gauge for gauge in gauges if gauge.state is GaugeState.REACHED]
    return max(reached, key=_width, default=None)


def _width(gauge: Gauge) -> int:
    return list(Scope).index(gauge.limit.scope)


def gauges(limits: Iterable[Limit], spent: Mapping[tuple[Scope, Unit], Total]) -> tuple[Gauge, ...]:
    """A gauge for each limit; an amount that is missing in `spent` is unknown."""
    return tuple(Gauge(limit, spent.get((limit.scope, limit.unit), Total(None, 1))) for limit in limits)


def tightest(gauges: Iterable[Gauge]) -> Gauge | None:
    """The limit with the smallest free share. That of a turn is omitted: the next turn has all of it."""
    lasting = [gauge for gauge in gauges if gauge.limit.scope is not Scope.TURN]
    return min(lasting, key=lambda gauge: EXACT.divide(gauge.free, gauge.limit.amount), default=None)


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
    """The text "$0.85 of $1.00 (85%)" or "16 + 1 turn unknown of 20 credits (80%)"."""
    unit, limit = gauge.limit.unit, exact_text(gauge.limit.amount, gauge.limit.unit)
    if gauge.spent.value is None:
        return f"not reported of {limit}"
    rounded = amount_text(gauge.spent.value, unit)
    if gauge.state is not GaugeState.REACHED and rounded == limit:
        # $0.99999 of $1.00 must not be shown as "$1.00 of $1.00".
        rounded = exact_text(gauge.spent.value, unit)
    spent = total_text(gauge.spent, lambda _: rounded.partition(" ")[0])
    return f"{spent} of {limit} ({gauge.percent_text})"


def free_text(gauge: Gauge) -> str:
    """The text "$0.60 of $2.00 left, 2 running"; "none of $2.00 left, 1 running without cost history".

    Where the unit is not reported, nothing is known of what is free.
    """
    unit, limit = gauge.limit.unit, exact_text(gauge.limit.amount, gauge.limit.unit)
    if not gauge.reported:
        return f"a limit of {limit} cannot be enforced"
    about = doubt_mark(gauge.approximate or gauge.spent.doubtful)
    free = f"{about}{amount_text(gauge.free, unit).partition(' ')[0]}" if gauge.free else "none"
    history = "" if not gauge.unmeasured else f", {gauge.unmeasured:,} of them without cost history"
    if gauge.unmeasured == gauge.running:
        history = " without cost history" if gauge.unmeasured else ""
    running = f", {gauge.running:,} running{history}" if gauge.running else ""
    return f"{free} of {limit} left{running}"


def unmeasured_text(gauge: Gauge) -> str:
    """Why it is unknown whether a limit will hold, as a sentence."""
    limit = gauge.limit
    name = f"the {limit.scope.limit} of {exact_text(limit.amount, limit.unit)}"
    if not gauge.reported:
        unit = "USD" if limit.unit is Unit.USD else "credits"
        return f"The service did not report {unit} in the last turns, so {name} cannot be enforced."
    have = "has" if gauge.unmeasured == 1 else "have"
    turns = f"{plural(gauge.unmeasured, 'running turn')} {have} no cost history"
    return f"{turns}, so everything left of {name} is reserved."


def near_text(gauge: Gauge) -> str:
    """The warning at 80%, which is shown once."""
    return f"{gauge.limit.scope.limit.capitalize()} near: {spent_text(gauge)}."


def reached_text(gauge: Gauge) -> str:
    """The sentence about a reached limit."""
    return f"{gauge.limit.scope.limit.capitalize()} reached: {spent_text(gauge)}."


def limit_text(gauge: Gauge) -> str:
    """The sentence about a limit that forbids to send: it is reached, or reserved by running turns."""
    if gauge.state is GaugeState.REACHED:
        return reached_text(gauge)
    return f"{gauge.limit.scope.limit.capitalize()}: {free_text(gauge)}."


def raise_hint(limit: Limit) -> str:
    """How the user can raise the limit."""
    if limit.origin is LimitOrigin.FLAG:
        flag = "--max-cost" if limit.unit is Unit.USD else "--max-credits"
        return f"Use a larger {flag} to continue."
    amount = "AMOUNT" if limit.unit is Unit.USD else "AMOUNT credits"
    return f"To raise it, use /limit {limit.scope} {amount} in the app."
