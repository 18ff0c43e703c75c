"""Reports: `costs --report FILE` as a page (.html), a drawing (.svg) or a picture (.png)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.commands.costs.text import heading, remarks
from handinger_tui.cli.paths import expanded
from handinger_tui.core.charts import png, report_page, svg
from handinger_tui.core.errors import HandingerError, SettingsError
from handinger_tui.core.money.spending import Bucket, GroupBy
from handinger_tui.ledger.cost_rows import CostRows

if TYPE_CHECKING:
    from handinger_tui.cli.commands.costs.query import CostsQuery, CostsResult

SUFFIXES: Final = (".html", ".svg", ".png")
MOST_ROWS: Final = 500
"""Rows of a page; the charts and the total hold everything."""


class NotWritten(HandingerError):
    """The report could not be saved."""


def check(name: str, *, force: bool) -> None:
    """Refuse a name before anything is read.

    Raises:
        SettingsError: another kind of file, or one that is there already.
    """
    target = expanded(name)
    if target.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"{name!r} is no kind of report that is known.", f"End it in {', '.join(SUFFIXES)}."
        )
    if target.is_dir():
        raise SettingsError(f"{target} is a folder.", "Name a file.")
    if not force and os.path.lexists(target):
        raise SettingsError(f"{target} exists already; nothing was written.", "Replace it with --force.")


def write(name: str, book: CostRows, asked: CostsQuery, found: CostsResult, *, force: bool = False) -> str:
    """Write the report; returns a line that says so.

    Raises:
        NotWritten
    """
    target = expanded(name)
    try:
        save(target, drawn(target.suffix.lower(), book, asked, found), force=force)
    except FileExistsError:
        raise SettingsError(
            f"{target} exists already; nothing was written.", "Replace it with --force."
        ) from None
    except OSError as problem:
        raise NotWritten(f"{target} could not be written: {os.strerror(problem.errno or 0)}.") from None
    return f"Report: {target}"


def drawn(suffix: str, book: CostRows, asked: CostsQuery, found: CostsResult) -> bytes:
    """The bytes of a report."""
    title = " · ".join([heading(asked), _time(found)])
    if suffix == ".html":
        groups = book.buckets(GroupBy.TURN, asked.which) if asked.by is GroupBy.TURN else found.groups
        report = report_page.Report(
            heading=title,
            by=str(asked.by),
            days=found.days,
            groups=groups[:MOST_ROWS],
            whole=found.whole,
            simulated=asked.simulated,
            made=asked.now.strftime("%Y-%m-%d %H:%M %Z"),
            left_out=max(0, len(groups) - MOST_ROWS),
            remarks=remarks(book, asked),
        )
        return report_page.page(report).encode("utf-8", "replace")
    scene = report_page.poster(found.days, found.whole, title, simulated=asked.simulated)
    return png.picture(scene) if suffix == ".png" else svg.document(scene).encode("utf-8", "replace")


def _time(found: CostsResult) -> str:
    days: list[Bucket] = found.days
    if not days:
        return "no turns"
    return days[0].key if len(days) == 1 else f"{days[0].key} to {days[-1].key}"


def save(target: Path, data: bytes, *, force: bool) -> None:
    """Write a file whole or not at all; one that is there stays unless `force`.

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
            # A link never replaces what came there meanwhile. Where there are no links, the check must do.
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
