"""The spending report as CSV and JSON.

Both have exact decimal text; unknown amounts are "" and null.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import asdict

from handinger_tui import __version__
from handinger_tui.core.decimals import decimal_text, json_amount
from handinger_tui.core.documents import UNSET, Amount, Document, Millis, Part, UnsetType
from handinger_tui.core.figures import (
    CATEGORIES,
    COST_MEMBERS,
    SHOWN,
    TOKENS,
    CostsObject,
    numbered,
    with_figures,
)
from handinger_tui.core.formatting import time_in_zone
from handinger_tui.core.jsontext import Json
from handinger_tui.core.money.chart_values import day_points
from handinger_tui.core.money.closed_months import LateCorrection
from handinger_tui.core.money.reconciliation import RestatementPart, owners_text
from handinger_tui.core.money.spending import Bucket, Rise
from handinger_tui.core.safety import clean_line, csv_field

if TYPE_CHECKING:
    from handinger_tui.core.money.report import Selection


def line(cells: Iterable[Json]) -> str:
    """One CSV record without its line end."""
    return ",".join(map(cell, cells))


def cell(value: Json) -> str:
    """One CSV field. A text becomes one line that spreadsheets do not treat as a formula."""
    # Frequent types first, since a history has millions of cells.
    if type(value) is int:
        return str(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return value if _PLAIN_CELL.fullmatch(value) else _text_cell(value)
    if isinstance(value, list):
        return cell(" ".join(map(str, value)))
    return decimal_text(value) if isinstance(value, Decimal) else str(value).lower()


_PLAIN_CELL: Final = re.compile(r"[A-Za-z0-9_.]{0,99}")
"""A fast path for nearly all texts: one that needs no changes."""


@lru_cache(1024)
def _text_cell(text: str) -> str:
    return csv_field(clean_line(text))


class _GroupHead(Part, frozen=True):
    key: str | None
    title: str | None
    turns: int
    incomplete: int
    cost_usd: Amount | None
    credits: Amount | None
    tokens: int | None


class _RiseHead(Part, frozen=True):
    number: int
    seen_ms: Millis
    cost_usd: Amount | None
    credits: Amount | None


if TYPE_CHECKING:
    _GroupWithCategories = _GroupHead
    _RiseWithCategories = _RiseHead
else:
    _GroupWithCategories = with_figures(_GroupHead, CATEGORIES, Amount | None)
    _RiseWithCategories = with_figures(_RiseHead, CATEGORIES, Amount | None)


class Group(_GroupWithCategories, frozen=True):
    """A group of turns. Amounts without turns are 0; an amount that no turn reported is null."""

    split_excess_usd: Amount | None
    """By how much the categories exceed the cost."""
    unpriced_turns: int
    """Turns that are missing in the cost; then those missing in credits, in tokens, and in any category."""
    uncredited_turns: int
    uncounted_turns: int
    unsplit_turns: int
    first_ms: Millis | None
    last_ms: Millis | None
    suspense_usd: Amount | None
    """The part that no turn explains."""
    suspense_credits: Amount | None
    doubtful: bool
    """Whether the cost or the credits depend on what a worker's figures mean."""


class _RowHead(Group, frozen=True):
    turn_id: str | UnsetType | None = UNSET
    """This and what follows, but tags and project: only by turn, where a turn is a group of one."""
    session_id: str | UnsetType | None = UNSET
    worker_id: str | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    budget: str | UnsetType | None = UNSET
    trigger: str | UnsetType | None = UNSET
    reading: str | UnsetType | None = UNSET
    """What the figures of the worker mean: lifetime, per_turn, or null."""
    final: bool | UnsetType = UNSET
    state: str | UnsetType = UNSET
    """open, provisional, settled, or closed by a statement"""
    corrections: int | UnsetType = UNSET
    at_ms: Millis | UnsetType | None = UNSET


if TYPE_CHECKING:
    _RowWithTokens = _RowHead
else:
    _RowWithTokens = with_figures(_RowHead, TOKENS, int | UnsetType | None, UNSET)


class GroupRow(_RowWithTokens, frozen=True):
    """A group; of a turn and of a session with more members."""

    steps: int | UnsetType | None = UNSET
    duration_ms: int | UnsetType | None = UNSET
    sources: int | UnsetType | None = UNSET
    elapsed_ms: int | UnsetType | None = UNSET
    shared_with: int | UnsetType | None = UNSET
    cost_usd_at_most: Amount | UnsetType | None = UNSET
    credits_at_most: Amount | UnsetType | None = UNSET
    profile: str | UnsetType | None = UNSET
    tags: list[str] | UnsetType = UNSET
    """Only by turn and by session."""
    project: str | UnsetType | None = UNSET
    host: str | UnsetType | None = UNSET
    """Of the service; with the profile, the account that pays. Only by turn, as the message."""
    prompt: str | UnsetType | None = UNSET
    """The beginning of the message; null where its session was deleted."""


class RisePart(_RiseWithCategories, frozen=True):
    """A rise of a worker's figures that no turn explains."""

    tokens: int | None
    after_turn_id: str | None
    refused_turn_ids: list[str]
    messages_of_others: int | None
    doubtful: bool
    likely_owners: str


class SuspenseRow(Group, frozen=True):
    """The suspense of a worker: a group without turns."""

    rises: list[RisePart]


class AssignedPart(Part, frozen=True):
    """A rise that was assigned to a turn by hand."""

    number: int
    worker_id: str
    turn_id: str | None


class DayPoint(Part, frozen=True):
    day: str
    cost_usd: Amount | None
    cumulative_usd: Amount | None
    unpriced_turns: int


class Charts(Part, frozen=True):
    """The points of the charts, sorted by time; only days with turns."""

    per_day: list[DayPoint]
    categories: CostsObject


class PriceStep(Part, frozen=True):
    """A price of a credit, and the day from which it holds; null: always before."""

    since: str | None
    usd: Amount


class CurrencyPart(Part, frozen=True):
    """An amount in another currency."""

    currency: str
    amount: Amount


class CostReport(Document, frozen=True, tag=numbered("costs", 4)):
    """What `costs` prints."""

    by: str
    since: str | None
    until: str | None
    since_ms: Millis | None
    until_ms: Millis | None
    as_of: str | None
    worker_id: str | None
    session_id: str | None
    budget: str | None
    profile: str | None
    tag: str | None
    project: str | None
    overlapping: bool
    """Whether a turn may be in several groups."""
    simulated: bool
    groups: list[GroupRow]
    total: Group
    credit_usd: Amount | None
    """Your price of a credit today."""
    credit_prices: list[PriceStep]
    total_usd_at_your_price: Amount | None
    """Each turn at the price of its day."""
    total_in_currency: CurrencyPart | None
    """About: at the rates that you gave."""
    undated_turns: int
    charts: Charts
    suspense: list[SuspenseRow]
    assigned: list[AssignedPart]
    restatements: list[RestatementPart]
    late_corrections: list[LateCorrection]
    """What became known of months after a statement had closed them."""


def group_of(bucket: Bucket) -> Group:
    """One group."""
    tokens = bucket.total("tokens").value
    return Group(
        key=clean_line(bucket.key),
        title=clean_line(bucket.title),
        turns=bucket.turns,
        incomplete=bucket.incomplete,
        cost_usd=_money(bucket, "usd"),
        credits=_money(bucket, "credits"),
        tokens=None if tokens is None else int(tokens),
        **{member: _money(bucket, member) for member in COST_MEMBERS},
        split_excess_usd=json_amount(bucket.split_excess),
        unpriced_turns=bucket.usd.missing_turns,
        uncredited_turns=bucket.credits.missing_turns,
        uncounted_turns=bucket.tokens.missing_turns,
        unsplit_turns=bucket.unsplit,
        first_ms=bucket.first_ms,
        last_ms=bucket.last_ms,
        suspense_usd=decimal_text(bucket.suspense_usd),
        suspense_credits=decimal_text(bucket.suspense_credits),
        doubtful=bucket.usd.doubtful or bucket.credits.doubtful,
    )


def _money(bucket: Bucket, member: str) -> Any:
    return json_amount(bucket.total(member).value)


COLUMNS: Final = Group.__struct_fields__
"""The columns of a group in CSV."""
DATES: Final = ("first", "last")
"""The times of a group again, as text with the zone of this machine; only in CSV."""


def dates_of(row: Mapping[str, Any]) -> list[str | None]:
    """The cells of `DATES`, for the record of a group."""
    return [time_in_zone(row["first_ms"]), time_in_zone(row["last_ms"])]


def origin_of(selection: Selection) -> dict[str, str | None]:
    """What is the same in all rows of a CSV file: the period, the time of knowledge, and the program."""
    which = selection.which
    return {
        "since": time_in_zone(which.since_ms),
        "until": time_in_zone(which.until_ms),
        "as_of": selection.as_of,
        "version": __version__,
    }


COUNTS: Final = (*(figure.column for figure in SHOWN if not figure.is_amount), "sources", "elapsed_ms")
TURN_COLUMNS: Final = GroupRow.__struct_fields__
"""Those of a turn."""


def suspense_of(bucket: Bucket) -> SuspenseRow:
    """The suspense of a worker, with each rise of the worker's figures."""
    return SuspenseRow(**asdict(group_of(bucket)), rises=[*map(_rise, bucket.rises)])


def _rise(rise: Rise) -> RisePart:
    amounts: dict[str, Any] = {member: json_amount(getattr(rise.costs, member)) for member in COST_MEMBERS}
    return RisePart(
        number=rise.number,
        seen_ms=rise.seen_ms,
        cost_usd=json_amount(rise.usd),
        credits=json_amount(rise.credits),
        **amounts,
        tokens=rise.tokens,
        after_turn_id=rise.after,
        refused_turn_ids=[*rise.refused],
        messages_of_others=rise.strangers,
        doubtful=rise.doubtful,
        likely_owners=owners_text(rise),
    )


def charts_of(days: Sequence[Bucket], total: Bucket) -> Charts:
    """The points of the charts."""
    per_day = [
        DayPoint(
            day=point.day,
            cost_usd=json_amount(point.usd),
            cumulative_usd=json_amount(point.cumulative),
            unpriced_turns=point.gaps,
        )
        for point in day_points(days)
    ]
    return Charts(per_day=per_day, categories={member: _money(total, member) for member in COST_MEMBERS})
