"""`costs --report FILE`: a report as an HTML page (.html), an SVG drawing or a PNG picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from handinger_tui.cli.commands.costs.query import CostsQuery, CostsResult
from handinger_tui.cli.commands.costs.text import heading, remarks
from handinger_tui.cli.local_files.paths import expand_path
from handinger_tui.cli.local_files.written_files import check_new_file, save_new_file
from handinger_tui.core.charts.report_page import REPORTS, Report
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.spending import Bucket, GroupBy
from handinger_tui.ledger.cost_rows import CostRows

MOST_ROWS: Final = 500
"""Maximum number of rows on a page. Charts and total include all rows."""


def check_report_file(name: str, *, force: bool) -> None:
    """Check the file name of a report before the history is read.

    Raises:
        SettingsError: unknown suffix, a folder, or an existing file without `force`.
    """
    target = expand_path(name)
    if target.suffix.lower() not in REPORTS:
        raise SettingsError(
            f"{name!r} is not a supported report format.", f"Use a name ending in {', '.join(REPORTS)}."
        )
    check_new_file(target, force=force)


def write_report(
    name: str, cost_rows: CostRows, query: CostsQuery, result: CostsResult, *, force: bool = False
) -> str:
    """Write the report and return the line that names its path.

    Raises:
        SettingsError, LocalFileError: as `save_new_file`.
    """
    target = expand_path(name)
    data = REPORTS[target.suffix.lower()](_report(cost_rows, query, result))
    save_new_file(target, data, force=force)
    return f"Report: {target}"


def _report(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> Report:
    groups = cost_rows.buckets(GroupBy.TURN, query.filter) if query.by is GroupBy.TURN else result.groups
    return Report(
        heading=" · ".join([heading(query), _time_span(result.days)]),
        by=str(query.by),
        days=result.days,
        groups=[*groups[:MOST_ROWS], *result.suspense],
        total=result.total,
        simulated=query.simulated,
        made=query.now.strftime("%Y-%m-%d %H:%M %Z"),
        left_out=max(0, len(groups) - MOST_ROWS),
        remarks=remarks(cost_rows, query),
    )


def _time_span(days: Sequence[Bucket]) -> str:
    if not days:
        return "no turns"
    return days[0].key if len(days) == 1 else f"{days[0].key} to {days[-1].key}"
