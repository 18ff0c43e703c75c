"""`costs --report FILE`: a report as an HTML page (.html), an SVG drawing or a PNG picture."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.commands.costs.text import heading, remarks
from handinger_tui.cli.paths import expand_path
from handinger_tui.core.charts import report_page, svg
from handinger_tui.core.errors import HandingerError, SettingsError
from handinger_tui.core.money.spending import Bucket, GroupBy
from handinger_tui.ledger.cost_rows import CostRows

if TYPE_CHECKING:
    from handinger_tui.cli.commands.costs.query import CostsQuery, CostsResult

SUFFIXES: Final = (".html", ".svg", ".png")
MOST_ROWS: Final = 500
"""Maximum number of rows on a page. Charts and total include all rows."""


class NotWritten(HandingerError):
    """The report could not be saved."""


def check(name: str, *, force: bool) -> None:
    """Check the file name of a report before the history is read.

    Raises:
        SettingsError: unknown suffix, a folder, or an existing file without `force`.
    """
    target = expand_path(name)
    if target.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"{name!r} is no kind of report that is known.", f"End it in {', '.join(SUFFIXES)}."
        )
    if target.is_dir():
        raise SettingsError(f"{target} is a folder.", "Name a file.")
    if not force and os.path.lexists(target):
        raise SettingsError(f"{target} exists already; nothing was written.", "Replace it with --force.")


def write(
    name: str, cost_rows: CostRows, query: CostsQuery, result: CostsResult, *, force: bool = False
) -> str:
    """Write the report and return the line that names its path.

    Raises:
        NotWritten
    """
    target = expand_path(name)
    try:
        save(target, render_report(target.suffix.lower(), cost_rows, query, result), force=force)
    except FileExistsError:
        raise SettingsError(
            f"{target} exists already; nothing was written.", "Replace it with --force."
        ) from None
    except OSError as problem:
        raise NotWritten(f"{target} could not be written: {os.strerror(problem.errno or 0)}.") from None
    return f"Report: {target}"


def render_report(suffix: str, cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> bytes:
    """Return the bytes of a report."""
    title = " · ".join([heading(query), _time_span(result)])
    if suffix == ".html":
        groups = cost_rows.buckets(GroupBy.TURN, query.filter) if query.by is GroupBy.TURN else result.groups
        report = report_page.Report(
            heading=title,
            by=str(query.by),
            days=result.days,
            groups=groups[:MOST_ROWS],
            whole=result.total,
            simulated=query.simulated,
            made=query.now.strftime("%Y-%m-%d %H:%M %Z"),
            left_out=max(0, len(groups) - MOST_ROWS),
            remarks=remarks(cost_rows, query),
        )
        return report_page.page(report).encode("utf-8", "replace")
    scene = report_page.poster(result.days, result.total, title, simulated=query.simulated)
    if suffix == ".png":
        from handinger_tui.core.charts import png  # noqa: PLC0415 - loads Pillow

        return png.picture(scene)
    return svg.document(scene).encode("utf-8", "replace")


def _time_span(result: CostsResult) -> str:
    days: list[Bucket] = result.days
    if not days:
        return "no turns"
    return days[0].key if len(days) == 1 else f"{days[0].key} to {days[-1].key}"


def save(target: Path, data: bytes, *, force: bool) -> None:
    """Write a file atomically. An existing file is replaced only with `force`.

    Raises:
        OSError
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not force:
            # `os.link` fails if the target was created since the check. File systems without hard links
            # rely on the earlier check.
            try:
                os.link(part, target)
            except FileExistsError:
                raise
            except OSError:
                part.replace(target)
            else:
                part.unlink()
            return
        part.replace(target)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
