"""Spending limits: how much may be spent before the program refuses to send more.

A limit never stops a running turn, since the API has no request for that. The program warns once at 80%; at
100% it sends nothing until the user raises the limit. Running turns reserve their probable cost, so that
several programs that start at the same time do not use the same free amount. Ended turns of unknown cost keep
their reservation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import ROUND_DOWN, Decimal
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit, Write, amount_text, bare_text, exact_text
from handinger_tui.core.decimals import EXACT, decimal_text, json_amount
from handinger_tui.core.errors import LimitStop
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import StartPolicy

if TYPE_CHECKING:
    from handinger_tui.core.documents import LimitPart

WARN_AT: Final = Decimal("0.8")
"""The share of a limit at which the program warns."""
FINEST: Final = 12
"""Decimal places that the amount of a limit may have (pico-dollars)."""
MOST_PERCENT: Final = 999
"""A larger percentage is shown as ">999%"."""
LARGEST: Final = Decimal(1_000_000)
"""The largest amount of a limit."""
UNTIL_RAISED: Final = "New messages are blocked until you raise it."
STILL: Final = "A running turn cannot be stopped from here and may keep charging."


class Scope(StrEnum):
    """What a limit counts."""

    TURN = "turn"
    """The newest sent turn of the session."""
    SESSION = "session"
    WORKER = "worker"
    """Every session of the worker, or the total that the worker reports if that is larger."""
    PROJECT = "project"
    """Every session of the project."""
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

    @property
    def heading(self) -> str:
        """The same at the beginning of a line: "Daily limit"."""
        return self.limit.capitalize()


_ADJECTIVES: Final = {Scope.DAY: "daily", Scope.WEEK: "weekly", Scope.MONTH: "monthly"}
CALENDAR_SCOPES: Final = (Scope.DAY, Scope.WEEK, Scope.MONTH)
"""Scopes that count every session since a midnight."""


class LimitOrigin(StrEnum):
    """Where a limit comes from; the first in this order wins."""

    FLAG = "flag"
    TYPED = "typed"
    """Typed with `/limit`: stored in the history, so it holds for every program that uses it."""
    CONFIG = "config"
    SHARED = "shared"
    """Of a team, in its database: it holds beside those of this computer, see `ledger.charges.shared`."""

    @property
    def words(self) -> str:
        """Where it comes from, for people; "" for one that was typed in the app."""
        return _ORIGINS.get(self, "")


_ORIGINS: Final = {LimitOrigin.FLAG: "from the command line", LimitOrigin.CONFIG: "from the config file"}


class Limit(Struct, frozen=True):
    """A limit of `amount` (above 0) for one scope."""

    scope: Scope
    unit: Unit
    amount: Decimal
    origin: LimitOrigin = LimitOrigin.CONFIG

    @staticmethod
    def of_flag(scope: Scope, unit: Unit, amount: Decimal) -> Limit:
        """One that was given on the command line."""
        return Limit(scope, unit, amount, LimitOrigin.FLAG)

    @property
    def by_flag(self) -> bool:
        """Whether it was given on the command line."""
        return self.origin is LimitOrigin.FLAG

    @property
    def is_raised_here(self) -> bool:
        """Whether the app can raise it."""
        return self.origin in (LimitOrigin.TYPED, LimitOrigin.CONFIG)

    # -- in words
    @property
    def name(self) -> str:
        """What it is called: "daily limit", "shared daily limit"."""
        return f"{'shared ' if self.origin is LimitOrigin.SHARED else ''}{self.scope.limit}"

    @property
    def heading(self) -> str:
        """The same at the beginning of a line."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def text(self) -> str:
        """Its amount as typed: "$2.00", "20 credits"."""
        return exact_text(self.amount, self.unit)

    @property
    def option(self) -> str:
        """The option of the command line that sets one in its unit."""
        return "--max-cost" if self.unit is Unit.USD else "--max-credits"

    @property
    def raise_hint(self) -> str:
        """How the user can raise the limit."""
        if self.by_flag:
            return f"Use a larger {self.option} to continue."
        if self.origin is LimitOrigin.SHARED:
            return "See who spent it: handinger-tui costs --shared. It is raised with --shared-limit there."
        return f"To raise it, use {self.command} in the app."

    @property
    def command(self) -> str:
        """The command that sets it to another amount, in its unit."""
        return f"/limit {self.scope} AMOUNT{'' if self.unit is Unit.USD else ' credits'}"

    @staticmethod
    def amount_of(text: str) -> Decimal:
        """Parse a typed amount: "5", "0.25", "$3".

        A comma is rejected, since half the world writes 0,5 for a half.

        Raises:
            ValueError: not a number, not above 0, above a million, or finer than a pico-dollar. Its text is
                for people.
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


class GaugeState(IntEnum):
    """How close the spending is to a limit."""

    BELOW = 0
    NEAR = 1
    """80% or more is spent."""
    REACHED = 2

    @property
    def word(self) -> str:
        """The word for it; "" below."""
        return "" if self is GaugeState.BELOW else self.name.lower()


class Gauge(Struct, frozen=True):
    """A limit and what is spent of it; `spent` is a lower bound if it has gaps."""

    limit: Limit
    spent: Total
    reserved: Decimal = Decimal(0)
    """The probable cost of running turns beyond what they have cost so far."""
    running: int = 0
    """How many turns that count for the limit are running, in any program."""
    unknown: int = 0
    """How many ended turns of unknown cost count for it."""
    assumed: Decimal = Decimal(0)
    """The probable cost of those turns."""
    unmeasured: int = 0
    """How many of both have no cost history: each of them reserves the complete remainder."""
    reported: bool = True
    """Whether the service reported this unit in its last turns; otherwise the limit cannot be enforced."""
    never_reported: bool = False
    """The service never reports this unit, also not for a first turn."""
    approximate: bool = False
    """A part of `reserved` or `assumed` is credits at the price that the user set."""

    @property
    def free(self) -> Decimal:
        """What a turn may still cost: the limit without what is spent, reserved and assumed."""
        if self.unmeasured:
            return Decimal(0)
        remaining = EXACT.subtract(self.limit.amount, self.spent.value or Decimal(0))
        return max(Decimal(0), EXACT.subtract(remaining, EXACT.add(self.reserved, self.assumed)))

    @property
    def part(self) -> LimitPart:
        """As documents have it."""
        from handinger_tui.core.documents import LimitPart  # not for the first frame

        return LimitPart(
            scope=str(self.limit.scope),
            unit=str(self.limit.unit),
            amount=decimal_text(self.limit.amount),
            spent=json_amount(self.spent.value),
            missing_turns=self.spent.missing_turns,
            reserved=decimal_text(self.reserved),
            free=decimal_text(self.free),
            running=self.running,
            assumed=decimal_text(self.assumed),
            unknown=self.unknown,
            unmeasured=self.unmeasured,
            reported=self.reported,
            approximate=self.approximate or self.spent.doubtful,
            state=self.state.name.lower(),
            origin=str(self.limit.origin),
        )

    def too_dear(self, most: str | float | None, reserves: Decimal | None) -> str:
        """Why a turn may not start that is to cost `most`; "" where it may.

        `reserves`: what it would reserve; None: all that is left.
        """
        name = self.limit.option.removeprefix("--").replace("-", "_")
        left, unit = exact_text(self.free, self.limit.unit), self.limit.unit
        if most is None:
            return f"Each turn names its {name}; {left} is left of the limit."
        try:
            amount = Limit.amount_of(str(most))
        except ValueError as problem:
            return f"{name}: {clean_line(str(problem), 120)}."
        if reserves is None:
            unknown = f"What this turn costs is not known yet, so it may take all that is left: {left}."
            return f"{unknown} Name that as its {name} to start it." if amount < self.free else ""
        usual = f"Such a turn may cost {exact_text(reserves, unit)}, by earlier ones, more than its {name}."
        return usual if amount < reserves else ""

    @property
    def has_reservations(self) -> bool:
        """Whether less may be left than what is spent shows."""
        return bool(self.running or self.unknown)

    @property
    def state(self) -> GaugeState:
        """The state without unknown amounts and reservations."""
        if self.spent.value is None:
            return GaugeState.BELOW
        if self.spent.value >= self.limit.amount:
            return GaugeState.REACHED
        is_near = self.spent.value >= EXACT.multiply(self.limit.amount, WARN_AT)
        return GaugeState.NEAR if is_near else GaugeState.BELOW

    @property
    def reached(self) -> bool:
        """Whether it is used up."""
        return self.state is GaugeState.REACHED

    @property
    def percent(self) -> int | None:
        """The spent percentage, rounded down: 99.9% is not yet 100%. None if nothing was reported."""
        if self.spent.value is None:
            return None
        share = EXACT.divide(EXACT.multiply(self.spent.value, Decimal(100)), self.limit.amount)
        return int(share.to_integral_value(ROUND_DOWN))

    @property
    def percent_text(self) -> str:
        """The percentage to show: "85%", ">999%"; "?" if nothing was reported."""
        if self.percent is None:
            return "?"
        return f"{self.percent}%" if self.percent <= MOST_PERCENT else f">{MOST_PERCENT}%"

    # -- in words
    @property
    def used_text(self) -> str:
        """Like "$0.85 so far of $1.00", "16 + 1 unknown of 20 credits", "unknown of $1.00"."""
        unit, limit = self.limit.unit, self.limit.text
        write: Write = bare_text
        if self.spent.value is not None and self.state is not GaugeState.REACHED:
            # $0.99999 of $1.00 must not be shown as "$1.00 of $1.00".
            is_same = amount_text(self.spent.value, unit) == limit
            write = _exact if is_same else bare_text
        return f"{self.spent.words(unit, write)} of {limit}"

    @property
    def spent_text(self) -> str:
        """`used_text` with the percentage: "$0.85 so far of $1.00 (85%)"."""
        return self.used_text + (f" ({self.percent_text})" if self.spent.value is not None else "")

    @property
    def free_text(self) -> str:
        """Like "$0.60 of $2.00 left, 2 running, 1 of unknown cost", "none of $2.00 left, 1 running"."""
        unit, limit = self.limit.unit, self.limit.text
        if not self.reported:
            return f"a limit of {limit} cannot be enforced"
        text = self._free.about(unit, bare_text) if self.free else "none"
        turns = [(self.running, "running"), (self.unknown, "of unknown cost")]
        counts = [f", {count:,} {word}" for count, word in turns if count]
        history = "" if not self.unmeasured else f", {self.unmeasured:,} of them without cost history"
        if self.unmeasured == self.running + self.unknown:
            history = " without cost history" if self.unmeasured else ""
        return f"{text} of {limit} left{''.join(counts)}{history}"

    @property
    def left_text(self) -> str:
        """The same in short: "$0.60 left", "about 180 credits left", "none left"."""
        if not self.reported:
            return "cannot be enforced"
        return f"{self._free.about(self.limit.unit) if self.free else 'none'} left"

    @property
    def bare_left_text(self) -> str:
        """Shorter still, without the unit: "about 180 left"."""
        is_left = self.reported and self.free
        return f"{self._free.about(self.limit.unit, bare_text)} left" if is_left else self.left_text

    @property
    def _free(self) -> Total:
        return Total(self.free, doubtful=self.approximate or self.spent.doubtful)

    @property
    def amounts(self) -> tuple[str, ...]:
        """What is spent and, where turns have reserved some of the rest, what is free."""
        return (self.spent_text, self.free_text) if self.has_reservations else (self.spent_text,)

    @property
    def unmeasured_text(self) -> str:
        """A sentence: why it is unknown whether a limit will hold."""
        limit = self.limit
        name = f"the {limit.name} of {limit.text}"
        if not self.reported:
            unit = "USD" if limit.unit is Unit.USD else "credits"
            if self.never_reported:
                return f"This service never reports {unit}, so {name} cannot be enforced."
            return f"The service did not report {unit} in the last turns, so {name} cannot be enforced."
        if self.unknown:
            turns = plural(self.unknown, "earlier turn")
            return f"The cost of {turns} is unknown, so {name} may be used up."
        have = "has" if self.unmeasured == 1 else "have"
        turns = f"{plural(self.unmeasured, 'running turn')} {have} no cost history"
        return f"{turns}, so everything left of {name} is reserved."

    @property
    def other_unit_hint(self) -> str:
        """How the person can have a limit that can be enforced, where the service never reports USD."""
        if not (self.never_reported and self.limit.unit is Unit.USD):
            return ""
        in_credits = replace(self.limit, unit=Unit.CREDITS).command
        return f"Use {in_credits}, or set credit_usd, the price of a credit."

    @property
    def near_text(self) -> str:
        """The warning at 80%, which is shown once."""
        return f"{self.limit.heading} near: {self.spent_text}."

    @property
    def reached_text(self) -> str:
        """The sentence about a reached limit."""
        return f"{self.limit.heading} reached: {self.spent_text}."

    @property
    def warning(self) -> str:
        """The warning that is shown once at 80%, and once at 100%."""
        return f"{self.reached_text} {UNTIL_RAISED}" if self.reached else self.near_text

    def reached_in(self, *, running: bool) -> str:
        """The same after a turn, which may be `running` still."""
        return f"{self.reached_text} {STILL}" if running else self.reached_text

    @property
    def blocked_text(self) -> str:
        """The sentence about a limit that blocks sending: it is reached, or reserved by running turns."""
        if self.state is GaugeState.REACHED:
            return self.reached_text
        return f"{self.limit.heading}: {self.free_text}."

    @property
    def text(self) -> str:
        """A line about the limit, what is spent and what is left."""
        return f"{self.limit.heading}: {self.spent_text}; {self.free_text}."

    # -- of several
    @staticmethod
    def blocking(gauges: Sequence[Gauge]) -> Gauge | None:
        """The reached limit with the widest scope, which blocks sending; None if none is reached."""
        reached = [gauge for gauge in gauges if gauge.state is GaugeState.REACHED]
        return max(reached, key=_width, default=None)

    @staticmethod
    def day_limit(gauges: Iterable[Gauge], *, in_credits: bool) -> Limit | None:
        """The daily limit in credits or in USD; None without one."""
        unit = Unit.CREDITS if in_credits else Unit.USD
        limits = (gauge.limit for gauge in gauges)
        return next((limit for limit in limits if (limit.scope, limit.unit) == (Scope.DAY, unit)), None)

    @staticmethod
    def tightest(gauges: Iterable[Gauge]) -> Gauge | None:
        """The limit with the smallest free share, except a turn limit, which is unused for the next turn."""
        others = [gauge for gauge in gauges if gauge.limit.scope is not Scope.TURN]
        return min(others, key=lambda gauge: EXACT.divide(gauge.free, gauge.limit.amount), default=None)


class LimitReached(LimitStop):
    """Nothing was sent: a limit is used up."""

    def __init__(self, gauge: Gauge, reason: str = "", hint: str = "") -> None:
        self.gauge = gauge
        self.reason = reason or gauge.reached_text
        super().__init__(f"{self.reason} Nothing was sent.", hint or gauge.limit.raise_hint)


class LimitReserved(LimitReached):
    """Nothing was sent: too little of a limit is free, because running turns have reserved it."""

    may_lift = True

    def __init__(self, gauge: Gauge, needed: Decimal | None) -> None:
        """`needed`: what the turn would reserve; None: it has no cost history."""
        cost = (
            "" if needed is None else f"; a turn like this may cost {amount_text(needed, gauge.limit.unit)}"
        )
        reason = f"{gauge.limit.heading}: {gauge.free_text}{cost}."
        hint = f"Wait until a running turn has finished. {gauge.limit.raise_hint}"
        super().__init__(gauge, reason, hint)


class LimitUnmeasured(LimitReached):
    """Nothing was sent: it is unknown whether a limit will hold. The user may decide to send anyway."""

    may_lift = may_be_agreed = True

    def __init__(self, gauge: Gauge) -> None:
        has_price = gauge.never_reported and gauge.limit.unit is Unit.USD
        price = "Set credit_usd, the price of a credit, or use" if has_price else "Use"
        super().__init__(gauge, gauge.unmeasured_text, f"{price} --allow-unmeasured to send anyway.")


def check_start(
    gauges: Sequence[Gauge], needed: Mapping[Unit, Decimal | None], start: StartPolicy = StartPolicy.MEASURED
) -> None:
    """Return only if a turn may start under all limits; the widest scope is checked first.

    `needed`: what the turn would reserve, None without a cost history; then any free amount is enough. While
    no other turn runs, a turn may start below 100%, whatever it may cost.

    Raises:
        LimitReached: a limit is used up.
        LimitReserved: running turns leave too little.
        LimitUnmeasured: a unit is not reported, a turn without cost history runs, or ended turns of unknown
            cost may have used a limit up.
    """
    reached = Gauge.blocking(gauges)
    if reached is not None:
        raise LimitReached(reached)
    for gauge in sorted(gauges, key=_width, reverse=True):
        certain = gauge
        if start is StartPolicy.UNMEASURED:
            certain = replace(gauge, unmeasured=0, assumed=Decimal(0))
        elif not gauge.reported or gauge.unmeasured or (gauge.unknown and not gauge.free):
            raise LimitUnmeasured(gauge)
        if gauge.running:
            need, free = needed.get(gauge.limit.unit), certain.free
            if not free or (need is not None and need > free):
                raise LimitReserved(gauge, need)


def effective(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """The limits in force, one per scope and unit, in that order; the origin decides which one wins."""
    ranks = list(LimitOrigin)
    chosen: dict[tuple[Scope, Unit], Limit] = {}
    for limit in sorted(limits, key=lambda limit: ranks.index(limit.origin)):
        chosen.setdefault((limit.scope, limit.unit), limit)
    return tuple(chosen[scope, unit] for scope in Scope for unit in Unit if (scope, unit) in chosen)


def _width(gauge: Gauge) -> int:
    return list(Scope).index(gauge.limit.scope)


def gauges(limits: Iterable[Limit], spent: Mapping[tuple[Scope, Unit], Total]) -> tuple[Gauge, ...]:
    """A gauge for each limit. An amount that is missing in `spent` is unknown."""
    return tuple(Gauge(limit, spent.get((limit.scope, limit.unit), Total(None, 1))) for limit in limits)


# -- texts ----------------------------------------------------------------------------
def _exact(amount: Decimal | None, unit: Unit) -> str:
    return bare_text(None, unit) if amount is None else exact_text(amount, unit).partition(" ")[0]


class LimitNotices:
    """Remembers which limit warnings were shown: per session and limit, one at 80% and one at 100%.

    A changed amount of the limit starts over.
    """

    def __init__(self) -> None:
        self._shown: dict[tuple[str, Scope, Unit], tuple[Decimal, GaugeState]] = {}
        self._holds = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Show no notice during the block: a command that changes a limit reports its state itself."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def mark_shown(self, session_id: str, gauge: Gauge) -> bool:
        """Record that the state of a gauge is shown to the person; False when it was shown before."""
        limit = gauge.limit
        key = session_id, limit.scope, limit.unit
        amount, state = self._shown.get(key, (limit.amount, GaugeState.BELOW))
        before = state if amount == limit.amount else GaugeState.BELOW
        self._shown[key] = limit.amount, max(before, gauge.state)
        return gauge.state > before

    def take_new(self, session_id: str, gauges: Sequence[Gauge]) -> list[Gauge]:
        """The gauges whose warning has not been shown yet; records them as shown."""
        if self._holds:
            return []
        return [gauge for gauge in gauges if self.mark_shown(session_id, gauge)]
