"""The lines and widgets around the ledger's table: totals, limits, charts, forecast."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from handinger_tui.core.formatting import plural
from handinger_tui.core.money.amounts import credits_total_text, total_text
from handinger_tui.core.money.forecast import Forecast, forecast_text
from handinger_tui.core.money.limits import Gauge, State, exact_text, percent_text
from handinger_tui.core.money.reconciliation import Reconciliation, reconciliation_text
from handinger_tui.core.money.spending import Bucket, GroupBy
from handinger_tui.ui.ledger.query import GROUPS, View
from handinger_tui.ui.panels.usage import charts as charting
from handinger_tui.ui.panels.usage import charts as drawing
from handinger_tui.ui.panels.usage.charts import Days, charts

_FAINT: Final = charting.FAINT
_MARK: Final = charting.MARK
_GAUGE_CELLS: Final = 8
CLICK: Final = "ledger"
"""The mark in the style of what can be clicked. Not `@click`: that would be drawn as a link."""
PERIOD: Final = "period"
WIDEN: Final = "widen"
PRETEND: Final = "simulated: the local worker's pretend money"
NO_LIMITS: Final = "No limit is set. /limit day 5 sets one of five dollars a day."


@dataclass(frozen=True, slots=True)
class Top:
    """What stands above the table."""

    view: View
    whole: Bucket | None = None
    """None: not read yet, or not to be read."""
    gauges: tuple[Gauge, ...] | None = None
    """None: not known."""
    failed: bool = False


def top_lines(top: Top, width: int, *, short: bool) -> list[Content]:
    """Title, totals, limits, groupings, filters; each fits `width`. `short`: as few lines as can be."""
    lines = [_title(top, width), *_totals(top, width)]
    if top.gauges is not None:
        lines += gauge_lines(top.gauges, width, 2 if short else 3)
    lines += [*([] if short else [Content("")]), _groups(top.view, width)]
    if top.view.narrowed:
        lines.append(_filters(top.view))
    return [line.truncate(width, ellipsis=True) for line in lines]


def _title(top: Top, width: int) -> Content:
    left = Content.assemble(("Ledger", "bold"), (f" · {top.view.period}", _FAINT))
    if not top.view.simulated:
        return left
    badge = PRETEND if width >= left.cell_length + len(PRETEND) + 4 else "simulated"
    room = width - left.cell_length - len(badge) - 2
    return Content.assemble(left, " " * max(1, room), (f" {badge} ", "$background on $accent"))


def _totals(top: Top, width: int) -> list[Content]:
    """Cost first; then what it is made of, on the same line where there is room."""
    whole = top.whole
    if whole is None:
        return [Content.styled("cost not known" if top.failed else "reading…", _FAINT)]
    credited = whole.total("credits")
    rest = [plural(whole.turns, "turn")]
    if credited.value is not None and whole.turns:
        rest.insert(0, credits_total_text(credited))
    if whole.incomplete:
        rest.append(f"{whole.incomplete:,} incomplete")
    cost = "cost not reported" if whole.total("usd").value is None else total_text(whole.total("usd"))
    told = f"{cost}   {' · '.join(rest)}"
    if len(told) <= width:
        return [Content.assemble((cost, "bold $primary"), (told[len(cost) :], _FAINT))]
    others = textwrap.wrap(" · ".join(rest), max(20, width), break_on_hyphens=False)
    return [Content.styled(cost, "bold $primary"), *(Content.styled(line, _FAINT) for line in others)]


# -- limits ---------------------------------------------------------------------------
_STATES: Final = {
    State.BELOW: ("", "$primary"),
    State.NEAR: (" near", "$warning"),
    State.REACHED: (" reached", "$error"),
}


def gauge_lines(gauges: Sequence[Gauge], width: int, most: int) -> list[Content]:
    """Limits with how far they are used, as many beside each other as fit; the fullest if not all fit."""
    if not gauges:
        return [Content.styled(NO_LIMITS, _FAINT)]
    pieces = [_gauge(gauge) for gauge in sorted(gauges, key=lambda gauge: -(gauge.percent or 0))]
    lines: list[list[Content]] = [[]]
    for at, piece in enumerate(pieces):
        last, more = len(lines) == most, Content.styled(f"and {len(pieces) - at} more", _FAINT)
        # The last line keeps room for the word about the others.
        room = width - (more.cell_length + 3 if last and at < len(pieces) - 1 else 0)
        if lines[-1] and sum(one.cell_length + 3 for one in lines[-1]) + piece.cell_length > room:
            if last:
                lines[-1].append(more)
                break
            lines.append([])
        lines[-1].append(piece)
    return [Content("   ").join(line) for line in lines]


def _gauge(gauge: Gauge) -> Content:
    word, colour = _STATES[gauge.state]
    gaps = "" if gauge.spent.whole else charting.MORE
    used = "not reported" if gauge.percent is None else f"{percent_text(gauge)}{gaps}"
    return Content.assemble(
        (f"{gauge.limit.scope} ", _FAINT),
        (drawing.level(gauge.percent, _GAUGE_CELLS), colour),
        f" {used}",
        (f" of {exact_text(gauge.limit.amount, gauge.limit.unit)}", _FAINT),
        (word, f"bold {colour}"),
    )


# -- groupings and filters ------------------------------------------------------------------
def _groups(view: View, width: int) -> Content:
    """Every grouping with its key; the shown one stands in brackets."""
    pieces: list[Content] = []
    for by, (key, caption) in GROUPS.items():
        if by is view.by:
            piece = Content.styled(f"[{key} {caption}]", "bold reverse")
        else:
            piece = Content.assemble(" ", (key, "bold $primary"), (f" {caption} ", _FAINT))
        pieces.append(_clicked(piece, by.value))
    groups = Content("").join(pieces)
    period = Content.assemble(("p", "bold $primary"), (f" {view.period}", _FAINT))
    period = _clicked(period, PERIOD)
    room = width - groups.cell_length - period.cell_length
    return groups if room < 1 else Content.assemble(groups, " " * room, period)


_NAMES: Final = {
    GroupBy.DAY: "day",
    GroupBy.WORKER: "worker",
    GroupBy.SESSION: "session",
    GroupBy.BUDGET: "budget",
}


def _filters(view: View) -> Content:
    """What was narrowed to; Backspace takes the last away."""
    pieces = [Content.styled("only ", _FAINT)]
    for at, one in enumerate(view.narrowed):
        joint = " · " if at else ""
        words = one.words if len(one.words) <= 40 else f"{one.words[:39]}…"
        pieces.append(Content.assemble((f"{joint}{_NAMES[one.by]} ", _FAINT), (words, "bold"), (" ×", _MARK)))
    undo = Content.styled("   Backspace takes the last away", _FAINT)
    return _clicked(Content("").join([*pieces, undo]), WIDEN)


def _clicked(content: Content, does: str) -> Content:
    """A click on it does that: a grouping by its name, `PERIOD` or `WIDEN`."""
    return content.stylize(Style.from_meta({CLICK: does}))


# -- below the table ----------------------------------------------------------------------
def foot_lines(
    month: Forecast | None, worker: Reconciliation | None, width: int, *, short: bool
) -> list[Content]:
    """The end of the month and how that was reckoned; the open session against its worker's own total.

    `short`: one line for each, without the reasons.
    """
    lines: list[Content] = []
    if month is not None:
        method = "" if month.middle is None or short else month.method
        lines += _told("Forecast", forecast_text(month), method, width)
    if worker is not None:
        first, _, reason = reconciliation_text(worker).partition("\n")
        lines += _told("Compared", first, "" if short else reason, width)
    return lines


def _told(name: str, text: str, more: str, width: int) -> list[Content]:
    indent = " " * 10
    room = max(20, width - len(indent))
    # Wrapped, never cut: an amount stands at its end.
    first, *others = textwrap.wrap(text, room) or [""]
    lines = [Content.assemble((f"{name:<10}", _FAINT), first), *(Content(indent + line) for line in others)]
    return [*lines, *(Content.styled(indent + line, _FAINT) for line in textwrap.wrap(more, room))]


TALL: Final = 30
"""Lines of a screen that has room for reasons."""


class Lines(Static):
    """Lines made for the width they are given."""

    def lines(self, width: int) -> list[Content]:
        """All lines."""
        raise NotImplementedError

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's shape
        """As many as there are."""
        return len(self.lines(width))

    def render(self) -> Content:
        """For the present width."""
        return Content("\n").join(self.lines(self.size.width))

    @property
    def short(self) -> bool:
        """The screen has no line to spare."""
        return self.screen.size.height < TALL


class Head(Lines):
    """Totals, limits, groupings and filters."""

    class Clicked(Message):
        """`does`: a grouping by its name, `PERIOD` or `WIDEN`."""

        def __init__(self, does: str) -> None:
            super().__init__()
            self.does = does

    def __init__(self, view: View) -> None:
        super().__init__(id="ledger-head")
        self._top = Top(view)

    def show(self, top: Top) -> None:
        """Everything anew."""
        self._top = top
        self.refresh(layout=True)

    def turn_to(self, view: View) -> None:
        """Another view whose figures are still being read."""
        self.show(replace(self._top, view=view))

    def lines(self, width: int) -> list[Content]:
        """As `top_lines` makes them."""
        return top_lines(self._top, width, short=self.short)

    def on_click(self, event: events.Click) -> None:
        """What stands there may do something."""
        does = event.style.meta.get(CLICK)
        if isinstance(does, str):
            self.post_message(self.Clicked(does))


class Foot(Lines):
    """The end of the month, and the comparison with the worker's own total."""

    def __init__(self) -> None:
        super().__init__(id="ledger-foot")
        self._month: Forecast | None = None
        self._worker: Reconciliation | None = None

    def show(self, month: Forecast | None, worker: Reconciliation | None) -> None:
        """Both, where they are known."""
        self._month, self._worker = month, worker
        self.refresh(layout=True)

    def lines(self, width: int) -> list[Content]:
        """As `foot_lines` makes them."""
        return foot_lines(self._month, self._worker, width, short=self.short)


class Charts(VerticalScroll):
    """The charts; they scroll where they do not fit."""

    def __init__(self) -> None:
        super().__init__(id="ledger-charts")
        self.border_title = "charts"
        self._drawing = Drawing()

    def compose(self) -> ComposeResult:
        """One drawing."""
        yield self._drawing

    def show(self, days: Days | None) -> None:
        """The days to draw; None draws nothing."""
        self._drawing.days = days
        self._drawing.refresh(layout=True)


class Drawing(Lines):
    """All charts as lines."""

    days: Days | None = None
    _drawn: tuple[tuple[Days, int, int], list[Content]] | None = None

    def lines(self, width: int) -> list[Content]:
        """As tall as the pane, or taller where that is too low."""
        pane = self.parent
        if self.days is None or width < 1 or not isinstance(pane, VerticalScroll):
            return []
        height = pane.scrollable_content_region.height
        # Asked for its height and for its lines, mostly for the same ones.
        last = self._drawn
        if last is None or last[0][0] is not self.days or last[0][1:] != (width, height):
            last = (self.days, width, height), charts(self.days, width, height)
            self._drawn = last
        return last[1]
