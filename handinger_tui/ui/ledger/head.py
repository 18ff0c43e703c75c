"""Around the ledger's table: title, totals, limits, groupings and filters above it, the forecast below it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from textual import events
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from handinger_tui.core.amounts import Unit
from handinger_tui.core.bars import percent_level
from handinger_tui.core.formatting import UNKNOWN, plural
from handinger_tui.core.money.forecast import Forecast, forecast_text
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.money.reconciliation import Reconciliation, Restatement, reconciliation_text
from handinger_tui.core.money.spending import Bucket
from handinger_tui.core.money.words import about_text, exact_text, total_words, unknown_words
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.ledger.charts import FAINT, MARK
from handinger_tui.ui.ledger.query import GROUPS, View
from handinger_tui.ui.widgets.frame import StaticReflow
from handinger_tui.ui.widgets.status_text import STYLE, WORD

# -- the lines above the table -------------------------------------------------------------------
_GAUGE_CELLS: Final = 8
CLICK: Final = "ledger"
"""Key of the style metadata that marks clickable text. Not `@click`: Textual draws that as a link."""
PERIOD: Final = "period"
WIDEN: Final = "widen"
SIMULATED: Final = "simulated: not real money"
NO_LIMITS: Final = "No limits set. Use /limit day 5 to cap spending at $5 a day."


class HeadData(Struct, frozen=True):
    """The values above the table."""

    view: View
    total: Bucket | None = None
    """All charges of the view; None: not read yet, or unreadable."""
    gauges: tuple[Gauge, ...] | None = None
    """The spending limits; None: not read yet, or unreadable."""
    failed: bool = False


def head_lines(data: HeadData, width: int, *, short: bool) -> list[Content]:
    """Title, totals, limits, groupings, filters, each cut to `width`. `short`: as few lines as possible."""
    lines = [_title(data, width), *_totals(data, width)]
    if data.gauges is not None:
        lines += _limits(data.gauges, width, 2 if short else 3)
    lines += [*([] if short else [Content("")]), *_groups(data.view, width)]
    if data.view.narrowed:
        lines.append(_filters(data.view))
    return [line.truncate(width, ellipsis=True) for line in lines]


def _title(data: HeadData, width: int) -> Content:
    title = Content.assemble(("Ledger", "bold"), (f" · {data.view.period}", FAINT))
    if not data.view.simulated:
        return title
    badge = SIMULATED if width >= title.cell_length + len(SIMULATED) + 4 else "simulated"
    room = width - title.cell_length - len(badge) - 2
    return Content.assemble(title, " " * max(1, room), (f" {badge} ", "$background on $accent"))


def _totals(data: HeadData, width: int) -> list[Content]:
    """Cost, then credits, turns and incomplete turns: on the same line where they fit."""
    spent = data.total
    if spent is None:
        return [Content.styled("cost unknown" if data.failed else "reading…", FAINT)]
    credits_total = spent.total("credits")
    details = [plural(spent.turns, "turn")]
    if credits_total.value is not None and spent.turns:
        details.insert(0, about_text(credits_total, Unit.CREDITS))
    if spent.incomplete:
        details.append(f"{spent.incomplete:,} failed or incomplete")
    usd = spent.total("usd")
    cost = "cost unknown" if usd.value is None else total_words(usd)
    line = f"{cost}   {' · '.join(details)}"
    if len(line) <= width:
        return [Content.assemble((cost, "bold $accent"), (line[len(cost) :], FAINT))]
    others = textwrap.wrap(" · ".join(details), max(20, width), break_on_hyphens=False)
    return [Content.styled(cost, "bold $accent"), *(Content.styled(line, FAINT) for line in others)]


# -- limits ---------------------------------------------------------------------------
def _limits(gauges: Sequence[Gauge], width: int, most: int) -> list[Content]:
    """Limits and their use in at most `most` lines, the fullest first; "and n more" where not all fit."""
    if not gauges:
        return [Content.styled(NO_LIMITS, FAINT)]
    pieces = [_limit(gauge) for gauge in sorted(gauges, key=lambda gauge: -(gauge.percent or 0))]
    lines: list[list[Content]] = [[]]
    for at, piece in enumerate(pieces):
        is_last_line = len(lines) == most
        more = Content.styled(f"and {len(pieces) - at} more", FAINT)
        # The last line reserves room for "and n more".
        room = width - (more.cell_length + 3 if is_last_line and at < len(pieces) - 1 else 0)
        if lines[-1] and sum(one.cell_length + 3 for one in lines[-1]) + piece.cell_length > room:
            if is_last_line:
                lines[-1].append(more)
                break
            lines.append([])
        lines[-1].append(piece)
    return [Content("   ").join(line) for line in lines]


def _limit(gauge: Gauge) -> Content:
    color = STYLE[gauge.state]
    used = UNKNOWN if gauge.percent is None else gauge.percent_text
    gaps = unknown_words(gauge.spent)
    return Content.assemble(
        (f"{gauge.limit.scope} ", FAINT),
        (percent_level(gauge.percent, _GAUGE_CELLS), color),
        f" {used}",
        (f" {gaps}" if gaps else "", MARK),
        (f" of {exact_text(gauge.limit.amount, gauge.limit.unit)}", FAINT),
        (f" {WORD[gauge.state]}".rstrip(), f"bold {color}"),
    )


# -- groupings and filters ------------------------------------------------------------------
def _groups(view: View, width: int) -> list[Content]:
    """Every grouping with its key, the current one in brackets; the period at the right edge.

    In as many lines as needed. Of the groupings with the same key, the current or first one is shown.
    """
    shown = {key: by for by, (key, _) in reversed([*GROUPS.items()])} | {GROUPS[view.by][0]: view.by}
    pieces: list[Content] = []
    for by, (key, caption) in GROUPS.items():
        if by is view.by:
            pieces.append(_make_clickable(Content.styled(f"[{key} {caption}]", "bold reverse"), by.value))
        elif by is shown[key]:
            piece = Content.assemble((key, "bold $primary"), (f" {caption}", FAINT))
            pieces.append(_make_clickable(piece, by.value))
    lines_needed = -(-sum(piece.cell_length + 2 for piece in pieces) // max(1, width))
    each = -(-len(pieces) // lines_needed)
    lines = [Content("  ").join(pieces[at : at + each]) for at in range(0, len(pieces), each)]
    groups = lines.pop()
    period = Content.assemble(("p", "bold $primary"), (f" {view.period}", FAINT))
    period = _make_clickable(period, PERIOD)
    room = width - groups.cell_length - period.cell_length
    return [*lines, groups if room < 1 else Content.assemble(groups, " " * room, period)]


def _filters(view: View) -> Content:
    """The filters; Backspace removes the last one."""
    pieces = [Content.styled("only ", FAINT)]
    for at, one in enumerate(view.narrowed):
        separator = " · " if at else ""
        name = one.name if len(one.name) <= 40 else f"{one.name[:39]}…"
        label = (f"{separator}{one.by} ", FAINT)
        pieces.append(Content.assemble(label, (name, "bold"), (" ×", MARK)))
    undo = Content.styled("   Backspace to go up", FAINT)
    return _make_clickable(Content("").join([*pieces, undo]), WIDEN)


def _make_clickable(content: Content, action: str) -> Content:
    """Mark text with the action of a click on it: the value of a `GroupBy`, `PERIOD` or `WIDEN`."""
    return content.stylize(Style.from_meta({CLICK: action}))


# -- below the table ----------------------------------------------------------------------
def foot_lines(
    month: Forecast | None,
    worker: Reconciliation | None,
    width: int,
    *,
    short: bool,
    suspense: Sequence[str] = (),
    restated: Sequence[Restatement] = (),
) -> list[Content]:
    """The forecast for the month with its method, and the open session compared with its worker's total.

    `suspense`: lines on it. `restated`: final amounts that changed, of which the newest is shown. `short`:
    without the method and the reason, and only the first line on suspense.
    """
    lines: list[Content] = []
    if month is not None:
        method = "" if month.middle is None or short else month.method
        lines += _wrap_labeled("Forecast", forecast_text(month), method, width)
    if worker is not None:
        first, _, reason = reconciliation_text(worker).partition("\n")
        lines += _wrap_labeled("Compared", first, "" if short else reason, width)
    for text in suspense[:1] if short else suspense:
        lines += _wrap_labeled("Unassigned cost", text, "", width)
    if restated:
        more = "" if len(restated) == 1 else f"{len(restated) - 1} more. See: handinger-tui costs"
        lines += _wrap_labeled("Restated", clean_line(restated[-1].line()), "" if short else more, width)
    return lines


def _wrap_labeled(label: str, text: str, details: str, width: int) -> list[Content]:
    """A label, its text and faint details, wrapped to `width` and indented under the text."""
    indent = " " * 10
    room = max(20, width - len(indent))
    # Wrapped, never cut: the text ends with an amount.
    first, *others = textwrap.wrap(text, room) or [""]
    lines = [Content.assemble((f"{label:<10}", FAINT), first), *(Content(indent + line) for line in others)]
    return [*lines, *(Content.styled(indent + line, FAINT) for line in textwrap.wrap(details, room))]


TALL: Final = 30
"""Least height of the screen, in lines, for methods and reasons."""


def is_low(widget: Widget) -> bool:
    """Whether the screen is too low for optional lines."""
    return widget.screen.size.height < TALL


class Head(StaticReflow):
    """Totals, limits, groupings and filters."""

    class ActionClicked(Message):
        """`action`: the value of a `GroupBy`, `PERIOD` or `WIDEN`."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, view: View) -> None:
        super().__init__(id="ledger-head", classes="page-head")
        self._data = HeadData(view)

    def on_mount(self) -> None:
        """Show the view before its figures are read."""
        self.show(self._data)

    def show(self, data: HeadData) -> None:
        """Show other figures, laid out for the width of the widget."""
        self._data = data
        self.put(lambda width: head_lines(data, width, short=is_low(self)))

    def show_view(self, view: View) -> None:
        """Show another view at once, with the old figures until its own are read."""
        self.show(replace(self._data, view=view))

    def on_click(self, event: events.Click) -> None:
        """Post the action of the clicked text, if it has one."""
        action = event.style.meta.get(CLICK)
        if isinstance(action, str):
            self.post_message(self.ActionClicked(action))


class Foot(StaticReflow):
    """The forecast for the month, and the comparison with the worker's own total."""

    def show(
        self,
        month: Forecast | None,
        worker: Reconciliation | None,
        suspense: Sequence[str] = (),
        restated: Sequence[Restatement] = (),
    ) -> None:
        """Show these; None where one is unknown."""
        draw = partial(foot_lines, month, worker, suspense=suspense, restated=restated)
        self.put(lambda width: draw(width, short=is_low(self)))
