"""Spending: the cost of single turns and of groups of turns, with the gaps of each sum."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import fields, replace

from handinger_tui.core.amounts import Total, Unit, at_price, price_words, split_excess, total
from handinger_tui.core.columns import with_signs
from handinger_tui.core.figures import (
    CATEGORIES,
    COST_MEMBERS,
    NO_COSTS,
    NO_USAGE,
    Costs,
    Usage,
    cost_of,
    with_figures,
)
from handinger_tui.core.formatting import UNKNOWN, plural
from handinger_tui.core.money.amount_state import AmountState, state_of, total_in
from handinger_tui.core.money.limits import Gauge, Limit
from handinger_tui.core.turns.turn import LIVE, TurnStatus

if TYPE_CHECKING:
    from handinger_tui.core.prices import Prices
    from handinger_tui.core.tags import Labels
    from handinger_tui.core.turns.turn import Trigger


class GroupBy(StrEnum):
    """The keys by which charges can be grouped."""

    TURN = "turn"
    SESSION = "session"
    WORKER = "worker"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    BUDGET = "budget"
    PROFILE = "profile"
    ACCOUNT = "account"
    TRIGGER = "trigger"
    TAG = "tag"
    PROJECT = "project"


TIME_GROUPS: Final = frozenset({GroupBy.DAY, GroupBy.WEEK, GroupBy.MONTH})
"""Keys whose groups are sorted by time; others are sorted by cost."""
_NAMELESS: Final = {GroupBy.TAG: "(no tag)", GroupBy.PROJECT: "(no project)", GroupBy.PROFILE: "(unknown)"}
NO_KNOWN_DAY: Final = "(no known day)"
OVERLAP: Final = "A session with several tags counts in each of their rows; the total counts it once."


def empty_key_name(by: GroupBy) -> str:
    """The name of the group without a key."""
    return NO_KNOWN_DAY if by in TIME_GROUPS else _NAMELESS.get(by, "unknown")


def host_of(base_url: str) -> str:
    """The host of a service, with its port; "local" for the local worker."""
    return base_url.partition("://")[2].partition("/")[0].rpartition("@")[2] or base_url


def account_name(profile: str, base_url: str) -> str:
    """The account that pays: profile and host."""
    return f"{profile or _NAMELESS[GroupBy.PROFILE]} at {host_of(base_url) or UNKNOWN}"


class ChargeFilter(Struct, frozen=True):
    """A filter of charges; None: no condition. `since_ms` is inclusive, `until_ms` exclusive.

    A turn counts at the time of its first charge, with all its corrections. `simulated`: True: only the
    simulated money of the local worker; False: only real money.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    turn_id: str | None = None
    session_id: str | None = None
    worker_id: str | None = None
    budget: str | None = None
    simulated: bool | None = None
    profile: str | None = None
    tag: str | None = None
    project: str | None = None

    @property
    def by_labels(self) -> bool:
        """Whether it depends on tags or projects."""
        return self.tag is not None or self.project is not None

    def admits(self, labels: Labels) -> bool:
        """Whether a session with these labels matches."""
        return self.tag in (None, *labels.tags) and self.project in (None, labels.project)


class SpendingSums(Struct, frozen=True):
    """Sums over a number of turns, with their gaps."""

    turns: int
    usd: Total
    credits: Total


class TurnCharge(Struct, frozen=True):
    """The current cost of one turn: its charge with all corrections.

    `final`: the worker had finished; otherwise the turn is missing in sums. `confirmed`: its figures stood
    still after that. `elapsed_ms`: from sending to the end, by our own clock. `at_ms`: `NO_DAY` if its day is
    not known.
    """

    turn_id: str
    session_id: str
    worker_id: str | None
    base_url: str
    at_ms: int
    status: TurnStatus
    budget: str | None
    trigger: Trigger
    final: bool
    corrections: int
    usd: Decimal | None
    credits: Decimal | None
    usage: Usage
    costs: Costs
    sources: int | None = None
    elapsed_ms: int | None = None
    title: str = ""
    """The title of its session; "" when that was deleted."""
    prompt: str = ""
    """The beginning of its message; "" when its session was deleted."""
    most_usd: Decimal | None = None
    """The maximum, if it shares its amounts."""
    most_credits: Decimal | None = None
    doubtful: bool = False
    credits_doubtful: bool = False
    """The amount depends on the basis of the worker's figures, which is undecided."""
    confirmed: bool = False

    @property
    def state(self) -> AmountState:
        """How far the amounts can be relied on; "so far" until they are settled."""
        return stored_state(self.status, final=self.final, confirmed=self.confirmed)

    def total(self, unit: Unit) -> Total:
        """The amount in a unit, at most, with all that is not certain about it."""
        own, most, doubtful = (
            (self.usd, self.most_usd, self.doubtful)
            if unit is Unit.USD
            else (self.credits, self.most_credits, self.credits_doubtful)
        )
        value, shared = (own, False) if most is None else (most, True)
        return total_in(self.state, value, final=self.final, doubtful=doubtful, shared=shared)


def stored_state(status: TurnStatus, *, final: bool, confirmed: bool) -> AmountState:
    """The state of the amounts of a stored turn."""
    # A turn that was left running has ended if its worker was idle.
    is_over = status not in LIVE and (final or status is not TurnStatus.RUNNING)
    return state_of(ended=is_over, complete=final, confirmed=confirmed)


class Rise(Struct, frozen=True):
    """A rise of a worker's figures that no turn explains, first read at `seen_ms`.

    `after`: the newest turn before it. `refused`: turns that were refused at that time. `strangers`: how many
    messages of others arrived then, None: unknown. `doubtful`: it is undecided whether the figures are those
    of each turn alone, so that there is no rise. `number`: of its first entry in the ledger.
    """

    worker_id: str
    seen_ms: int
    usage: Usage = NO_USAGE
    costs: Costs = NO_COSTS
    after: str | None = None
    refused: tuple[str, ...] = ()
    strangers: int | None = None
    doubtful: bool = False
    number: int = 0
    base_url: str = ""

    @property
    def usd(self) -> Decimal | None:
        """Its cost in USD."""
        return cost_of(self.usage, self.costs)

    @property
    def credits(self) -> Decimal | None:
        return self.usage.credits

    @property
    def tokens(self) -> int | None:
        return self.usage.total_tokens


EMPTY_TOTAL: Final = Total(None)
"""The sum of no turns."""


class _BucketHead(Struct, frozen=True):
    key: str
    turns: int = 0
    incomplete: int = 0
    usd: Total = EMPTY_TOTAL
    credits: Total = EMPTY_TOTAL


if TYPE_CHECKING:
    _WithCategories = _BucketHead
else:
    _WithCategories = with_figures(_BucketHead, CATEGORIES, Total, EMPTY_TOTAL)


class Bucket(_WithCategories, frozen=True):
    """A group of turns. `key`: a period ("2026-11-25", "2026-W48", "2026-11"), an id, a name, or "".

    `incomplete`: turns that failed, ended early, or whose end is unknown.
    """

    tokens: Total = EMPTY_TOTAL
    first_ms: int | None = None
    last_ms: int | None = None
    title: str = ""
    """The title of the session, if the key is the id of a session or turn; the days of a week."""
    rises: tuple[Rise, ...] = ()
    """The part of its amounts that belongs to no turn."""
    unsplit: int = 0
    """Turns for which at least one of the categories was not reported."""
    free: int = 0
    """Turns that were refused, and so are in none of the sums."""

    def total(self, member: str) -> Total:
        """The total of one member; for a group without turns, or of free ones only, it is 0, not unknown."""
        amount: Total = getattr(self, member)
        is_empty = self.turns == self.free and not self.rises and amount.value is None
        return Total(Decimal(0)) if is_empty else amount

    def without_unsent(self, turns: int) -> Bucket:
        """It without so many turns that had no amount."""
        usd, credit = (
            replace(total, missing_turns=total.missing_turns - turns) for total in (self.usd, self.credits)
        )
        return replace(self, turns=self.turns - turns, usd=usd, credits=credit)

    @property
    def suspense_usd(self) -> Decimal:
        """How much of its cost no turn explains."""
        return total(rise.usd for rise in self.rises if rise.usd is not None).value or Decimal(0)

    @property
    def suspense_credits(self) -> Decimal:
        """How many of its credits no turn explains."""
        return total(rise.credits for rise in self.rises if rise.credits is not None).value or Decimal(0)

    @property
    def split_excess(self) -> Decimal | None:
        """By how much the categories exceed the cost, see `amounts.split_excess`."""
        return split_excess(self.total("usd").value, [getattr(self, name).value for name in COST_MEMBERS])

    def priced(self, prices: Prices | None) -> Decimal | None:
        """What its credits cost, at a price that holds for all of its days; None where it changed."""
        price = None if prices is None else prices.over(self.first_ms, self.last_ms)
        return at_price(self.credits.value, price)

    def cost(self, priced: Decimal | None = None) -> str:
        """Its cost in words, see `sum_text`."""
        return sum_text(self.total("usd"), self.total("credits"), self.turns, priced)

    @property
    def in_credits(self) -> bool:
        """Whether only credits are reported. A zero in USD with gaps says less than the credits do."""
        if self.usd.value == 0 and self.credits.value == 0:
            return False
        is_without_usd = self.usd.value is None or (self.usd.value == 0 and not self.usd.complete)
        return is_without_usd and self.credits.value is not None

    def brief_cost(self, prices: Prices | None) -> str:
        """Its cost, in credits where no USD are reported; "" where neither is."""
        if not self.in_credits:
            return self.usd.words() if self.usd.value is not None else ""
        return EMPTY_TOTAL.cost_words(self.credits, self.priced(prices))

    def in_header(self, session: Bucket, gauges: Iterable[Gauge], prices: Prices | None) -> tuple[str, ...]:
        """What today cost, the longest form first: "$1.40 of $2.00 · session $0.90", "$1.40"; () for nothing.

        `session`: what is spent in the session; `gauges`: the limits, of which that of the day is named.
        """
        today, of_session = self.brief_cost(prices), session.brief_cost(prices)
        if not today and not self.incomplete:
            return ()
        # One that runs will say soon what it costs.
        today = today or UNKNOWN
        limit = Gauge.day_limit(gauges, in_credits=self.in_credits)
        of_limit = today if limit is None else self._of_limit(limit, today, prices)
        more = f" · session {of_session}" if of_session and of_session != today else ""
        brief = with_signs(today)
        forms = (
            f"{of_limit}{more}",
            f"{today}{more}",
            of_limit,
            today,
            with_signs(of_limit),
            brief,
        )
        return tuple(dict.fromkeys(forms))

    def _of_limit(self, limit: Limit, cost: str, prices: Prices | None) -> str:
        """A cost beside the limit for it, with the unit once: "4 of 20 credits (about $0.04)"."""
        if limit.unit is Unit.USD or self.credits.value is None:
            return f"{cost} of {limit.text}"
        price = price_words(self.priced(prices))
        return f"{self.credits.bare_words(limit.unit)} of {limit.text}{f' ({price})' if price else ''}"

    def merged(self, other: Bucket) -> Bucket:
        """The sum of both groups, with the key of this one."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in SUMS}
        firsts = [ms for ms in (self.first_ms, other.first_ms) if ms is not None]
        lasts = [ms for ms in (self.last_ms, other.last_ms) if ms is not None]
        return replace(
            self,
            turns=self.turns + other.turns,
            incomplete=self.incomplete + other.incomplete,
            **sums,
            first_ms=min(firsts, default=None),
            last_ms=max(lasts, default=None),
            title=self.title or other.title,
            rises=(*self.rises, *other.rises),
            unsplit=self.unsplit + other.unsplit,
            free=self.free + other.free,
        )


SUMS: Final = tuple(f.name for f in fields(Bucket) if f.default is EMPTY_TOTAL)


def sum_buckets(buckets: Iterable[Bucket], key: str = "") -> Bucket:
    """The sum of all groups as one group; an empty group without any."""
    summed = Bucket(key)
    for bucket in buckets:
        summed = summed.merged(bucket)
    # The title of one group does not fit all.
    return replace(summed, title="")


def sum_text(usd: Total, credit_total: Total, turns: int, priced: Decimal | None = None) -> str:
    """The cost of turns: "$1.23 so far + 2 unknown · 8 credits · 3 turns"; no unknown credits.

    `priced`: what the credits cost at the person's prices, for sums without any amount in USD.
    """
    pieces = [f"cost {UNKNOWN}" if usd.value is credit_total.value is None else ""]
    if usd.value is not None:
        # Words that qualify the cost are not repeated for its credits.
        gaps = credit_total.gap_words if credit_total.unknown_turns != usd.unknown_turns else ""
        credited = "" if credit_total.value is None else credit_total.about(Unit.CREDITS)
        pieces = [usd.words(), f"{credited} {gaps}".rstrip()]
    elif credit_total.value is not None:
        pieces = [usd.cost_words(credit_total, priced)]
    return " · ".join(filter(None, [*pieces, plural(turns, "turn")]))


_MANY: Final = ("were", "their workers", "They count")


def undated_text(undated: Bucket, *, is_in_total: bool) -> str:
    """The sentence about turns without a known day; "" for none. `is_in_total`: no period was chosen."""
    if not undated.turns:
        return ""
    cost, _, _ = undated.cost().rpartition(" · ")
    was, whose, counts = ("was", "its worker", "It counts") if undated.turns == 1 else _MANY
    where = "in the total, but in" if is_in_total else "in"
    return (
        f"{plural(undated.turns, 'turn')} {was} over before this history first saw {whose}, and the service"
        f" names no day: {cost}. {counts} {where} no day, week or month, and in none of their limits."
    )


# -- periods -----------------------------------------------------------------------------------
