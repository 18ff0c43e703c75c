"""Spending as CSV and JSON (schema `handinger-tui/costs/1`): exact decimal text, null or "" if unknown."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from handinger_tui.core.amounts import decimal_text, json_amount
from handinger_tui.core.charts.scenes import MEMBERS, day_points
from handinger_tui.core.money.suspense import Assigned, owners_text
from handinger_tui.core.safety import clean_line, csv_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from handinger_tui.core.jsontext import Json, JsonObject
    from handinger_tui.core.money.spending import Bucket, Rise

END: Final = "\r\n"


def line(cells: Iterable[Json]) -> str:
    """One CSV record without its line end."""
    return ",".join(map(cell, cells))


def cell(value: Json) -> str:
    """One CSV field. A text is put in one line and cannot act as a spreadsheet formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, list):
        return cell(" ".join(map(str, value)))
    if not isinstance(value, str):
        return str(value)
    return csv_field(clean_line(value))


SCHEMA: Final = "handinger-tui/costs/1"

COLUMNS: Final = (
    "key",
    "title",
    "turns",
    "incomplete",
    "cost_usd",
    "credits",
    "tokens",
    *MEMBERS,
    "split_excess_usd",
    "unpriced_turns",
    "uncredited_turns",
    "uncounted_turns",
    "unsplit_turns",
    "first_ms",
    "last_ms",
    "suspense_usd",
    "doubtful",
)
"""The members of a group in JSON, and the columns in CSV."""


def group_object(bucket: Bucket) -> JsonObject:
    """One group. A group without turns has the amount 0; an amount without any known figure is null.

    `split_excess_usd`: by how much the four categories exceed the cost.

    The members `unpriced_turns` to `unsplit_turns` count the turns that are missing in the cost, in the
    credits, in the tokens, and in the category with the most gaps. `suspense_usd`: how much of the cost no
    turn explains. `doubtful`: its cost or credits depend on what the figures of a worker mean.
    """
    tokens = bucket.total("tokens").value
    return {
        "key": clean_line(bucket.key),
        "title": clean_line(bucket.title),
        "turns": bucket.turns,
        "incomplete": bucket.incomplete,
        "cost_usd": _money(bucket, "usd"),
        "credits": _money(bucket, "credits"),
        "tokens": None if tokens is None else int(tokens),
        **{member: _money(bucket, member) for member in MEMBERS},
        "split_excess_usd": json_amount(bucket.split_excess),
        "unpriced_turns": bucket.usd.missing_turns,
        "uncredited_turns": bucket.credits.missing_turns,
        "uncounted_turns": bucket.tokens.missing_turns,
        "unsplit_turns": _unsplit(bucket),
        "first_ms": bucket.first_ms,
        "last_ms": bucket.last_ms,
        "suspense_usd": decimal_text(bucket.suspense_usd),
        "doubtful": bucket.usd.doubtful or bucket.credits.doubtful,
    }


def suspense_object(bucket: Bucket) -> JsonObject:
    """What no turn of a worker explains: a group without turns, with each rise of its figures."""
    return {**group_object(bucket), "rises": [_rise_object(rise) for rise in bucket.rises]}


def _rise_object(rise: Rise) -> JsonObject:
    amounts = ("usd", "credits", "model_usd", "tool_usd", "sandbox_usd", "internal_usd")
    costs: JsonObject = {
        "cost_usd" if member == "usd" else member: json_amount(getattr(rise, member)) for member in amounts
    }
    return {
        "number": rise.number,
        "seen_ms": rise.seen_ms,
        **costs,
        "tokens": rise.tokens,
        "after_turn_id": rise.after,
        "refused_turn_ids": [*rise.refused],
        "messages_of_others": rise.strangers,
        "doubtful": rise.doubtful,
        "likely_owners": owners_text(rise),
    }


def assigned_object(one: Assigned) -> JsonObject:
    """Suspense that the person assigned to a turn."""
    return {"number": one.number, "worker_id": one.worker_id, "turn_id": one.turn_id}


def charts_object(days: Sequence[Bucket], total: Bucket) -> JsonObject:
    """The points of the charts, in order of time: only days with turns."""
    per_day: list[Json] = [
        {
            "day": point.day,
            "cost_usd": json_amount(point.usd),
            "cumulative_usd": json_amount(point.cumulative),
            "unpriced_turns": point.gaps,
        }
        for point in day_points(days)
    ]
    return {"per_day": per_day, "categories": {member: _money(total, member) for member in MEMBERS}}


def _unsplit(bucket: Bucket) -> int:
    """The number of turns that are missing in the category with the most gaps."""
    gaps: list[int] = [getattr(bucket, member).missing_turns for member in MEMBERS]
    return max(gaps)


def _money(bucket: Bucket, member: str) -> str | None:
    return json_amount(bucket.total(member).value)
