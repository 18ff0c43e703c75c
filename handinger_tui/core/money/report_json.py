"""The spending report as CSV and JSON (schema `handinger-tui/costs/1`).

Both have exact decimal text; unknown amounts are "" and null.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

from handinger_tui.core.decimals import decimal_text, json_amount
from handinger_tui.core.figures import COST_MEMBERS, FIGURES
from handinger_tui.core.jsontext import Json, JsonObject
from handinger_tui.core.money.chart_values import day_points
from handinger_tui.core.money.reconciliation import AssignedRise, owners_text
from handinger_tui.core.money.spending import Bucket, Rise
from handinger_tui.core.safety import clean_line, csv_field

END: Final = "\r\n"


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


SCHEMA: Final = "handinger-tui/costs/1"


def group_object(bucket: Bucket) -> JsonObject:
    """One group in JSON. Amounts of a group without turns are 0; an amount that no turn reported is null.

    `split_excess_usd`: by how much the four categories exceed the cost. `unpriced_turns` to `unsplit_turns`:
    how many turns are missing in the cost, in the credits, in the tokens, and in any of the categories.
    `suspense_usd`, `suspense_credits`: the part that no turn explains. `doubtful`: the cost or the credits
    depend on the meaning of a worker's figures.
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
        **{member: _money(bucket, member) for member in COST_MEMBERS},
        "split_excess_usd": json_amount(bucket.split_excess),
        "unpriced_turns": bucket.usd.missing_turns,
        "uncredited_turns": bucket.credits.missing_turns,
        "uncounted_turns": bucket.tokens.missing_turns,
        "unsplit_turns": bucket.unsplit,
        "first_ms": bucket.first_ms,
        "last_ms": bucket.last_ms,
        "suspense_usd": decimal_text(bucket.suspense_usd),
        "suspense_credits": decimal_text(bucket.suspense_credits),
        "doubtful": bucket.usd.doubtful or bucket.credits.doubtful,
    }


def _money(bucket: Bucket, member: str) -> str | None:
    return json_amount(bucket.total(member).value)


COLUMNS: Final = tuple(group_object(Bucket("")))
"""The columns of a group in CSV."""
COUNTS: Final = (*(figure.column for figure in FIGURES if not figure.is_amount), "sources", "elapsed_ms")
TURN_COLUMNS: Final = (
    *COLUMNS,
    *("turn_id", "session_id", "worker_id"),
    *("status", "budget", "trigger", "reading", "final", "state"),
    *("corrections", "at_ms"),
    *COUNTS,
    *("shared_with", "cost_usd_at_most", "credits_at_most"),
    *("profile", "tags", "project"),
)
"""Those of a turn."""


def suspense_object(bucket: Bucket) -> JsonObject:
    """The suspense of a worker: a group without turns, with each rise of the worker's figures."""
    return {**group_object(bucket), "rises": [*map(_rise_object, bucket.rises)]}


def _rise_object(rise: Rise) -> JsonObject:
    return {
        "number": rise.number,
        "seen_ms": rise.seen_ms,
        "cost_usd": json_amount(rise.usd),
        "credits": json_amount(rise.credits),
        **{member: json_amount(getattr(rise.costs, member)) for member in COST_MEMBERS},
        "tokens": rise.tokens,
        "after_turn_id": rise.after,
        "refused_turn_ids": [*rise.refused],
        "messages_of_others": rise.strangers,
        "doubtful": rise.doubtful,
        "likely_owners": owners_text(rise),
    }


def assigned_object(one: AssignedRise) -> JsonObject:
    """A rise that the person assigned to a turn."""
    return {"number": one.number, "worker_id": one.worker_id, "turn_id": one.turn_id}


def charts_object(days: Sequence[Bucket], total: Bucket) -> JsonObject:
    """The points of the charts, sorted by time; only days with turns."""
    per_day: list[Json] = [
        {
            "day": point.day,
            "cost_usd": json_amount(point.usd),
            "cumulative_usd": json_amount(point.cumulative),
            "unpriced_turns": point.gaps,
        }
        for point in day_points(days)
    ]
    return {"per_day": per_day, "categories": {member: _money(total, member) for member in COST_MEMBERS}}
