"""What was spent as names with their facts, for a front that has no columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from handinger_tui.core.columns import Column
from handinger_tui.core.formatting import local_time, plural
from handinger_tui.core.money.forecast import forecast_text
from handinger_tui.core.money.report import Report
from handinger_tui.core.money.report_rows import (
    MOST_LISTED,
    OVERVIEW_COLUMNS,
    group_columns,
    group_line,
    overview_lines,
)
from handinger_tui.core.money.spending import GroupBy
from handinger_tui.core.safety import clean_line

Fact = tuple[str, list[str]]
"""A name, and what is known of it."""


def spent_facts(overview: Report, by_session: Report) -> Iterator[Fact]:
    """What was spent in the present day, week and month, on each project and in each session.

    Workers have only ids, which say nothing to a listener.
    """
    for one in overview_lines(overview):
        if GroupBy.WORKER not in (one.by, one.opens):
            name, *cells = one.row.cells
            yield name, _with_heads(OVERVIEW_COLUMNS, cells)
    groups, in_credits = by_session.groups or (), by_session.total.in_credits
    columns, year = group_columns(GroupBy.SESSION, in_credits=in_credits), local_time(by_session.at_ms).year
    for bucket in groups[:MOST_LISTED]:
        title = clean_line(bucket.title, 60)
        _, *cells = group_line(bucket, GroupBy.SESSION, year, in_credits=in_credits).row.cells
        name = f"session “{title}”" if title else "a deleted session"
        yield name, _with_heads(columns, cells)
    if len(groups) > MOST_LISTED:
        yield plural(len(groups) - MOST_LISTED, "more session"), []
    if overview.month is not None:
        yield "this month", [forecast_text(overview.month)]


def _with_heads(columns: Sequence[Column], cells: Sequence[str]) -> list[str]:
    """The cells of a row behind its name, each with the head of its column."""
    values = zip(columns[1:], cells, strict=True)
    return [f"{column.head.lower()} {cell}" for column, cell in values if cell]
