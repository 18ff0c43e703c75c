"""The forms in which spending charts are written to a file, by the suffix of its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from handinger_tui.core.charts.report_page import Report, page, poster
from handinger_tui.core.charts.scenes import Scene
from handinger_tui.core.charts.svg import document


def _html(report: Report) -> bytes:
    return page(report).encode("utf-8", "replace")


def _svg(report: Report) -> bytes:
    return document(_scene(report)).encode("utf-8", "replace")


def _png(report: Report) -> bytes:
    from handinger_tui.core.charts.png import picture  # noqa: PLC0415 - Pillow, 30 ms

    return picture(_scene(report))


def _scene(report: Report) -> Scene:
    return poster(report.days, report.total, report.heading, simulated=report.simulated)


REPORTS: Final[dict[str, Callable[[Report], bytes]]] = {".html": _html, ".svg": _svg, ".png": _png}
"""The renderer of each form by its suffix. The option `--report` and its help follow from this table."""
