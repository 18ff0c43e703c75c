"""Around the table of the Spending page: title, totals, groupings and filters above, the forecast below."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from textual import events
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from handinger_tui.core.amounts import Unit
from handinger_tui.core.formatting import fitting, plural, wrapped_text
from handinger_tui.core.money.forecast import forecast_text
from handinger_tui.core.money.reconciliation import AssignedRise, owners_text, rise_text
from handinger_tui.core.money.report import Report
from handinger_tui.core.money.report_rows import INCOMPLETE
from handinger_tui.core.money.spending import Bucket, Rise
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.spending.charts import FAINT, MARK
from handinger_tui.ui.spending.selection import GROUPS, SpendingView
from handinger_tui.ui.widgets.frame import StaticReflow

# -- the lines above the table -------------------------------------------------------------------
CLICK: Final = "spending"
"""Key of the style metadata that marks clickable text. Not `@click`: Textual draws that as a link."""
PERIOD: Final = "period"
WIDEN: Final = "widen"
OVERVIEW: Final = "overview"
SIMULATED: Final = "simulated: not real money"


class HeadData(Struct, frozen=True):
    """The values above the table."""

    view: SpendingView
    total: Bucket | None = None
    """All charges of the view; None: not read yet, or unreadable."""
    failed: bool = False


def head_lines(data: HeadData, width: int, *, short: bool) -> list[Content]:
    """Title, totals, groupings, filters, each cut to `width`. `short`: as few lines as possible."""
    lines = [_title(data, width), *_totals(data, width, short=short)]
    lines += [*([] if short else [Content("")]), *_groups(data.view, width)]
    if data.view.narrowed:
        lines.append(_filters(data.view))
    return [line.truncate(width, ellipsis=True) for line in lines]


def _title(data: HeadData, width: int) -> Content:
    title = Content.assemble(("Spending", "bold"), (f" · {data.view.period}", FAINT))
    if not data.view.simulated:
        return title
    badge = SIMULATED if width >= title.cell_length + len(SIMULATED) + 4 else "simulated"
    room = width - title.cell_length - len(badge) - 2
    return Content.assemble(title, " " * max(1, room), (f" {badge} ", "$background on $accent"))


def _totals(data: HeadData, width: int, *, short: bool) -> list[Content]:
    """Cost, then credits, turns and incomplete turns: on the same line where they fit.

    `short`: in two lines at most, without what does not fit, the credits first. None is cut.
    """
    spent = data.total
    if spent is None:
        return [Content.styled("cost unknown" if data.failed else "reading…", FAINT)]
    usd, credits_total = spent.total("usd"), spent.total("credits")
    details = [plural(spent.turns, "turn")]
    if usd.value is not None and credits_total.value is not None and spent.turns:
        # Words that qualify the cost are not repeated for its credits.
        details.insert(0, credits_total.about(Unit.CREDITS))
    if spent.incomplete:
        details.append(f"{spent.incomplete:,} {INCOMPLETE.lower()}")
    is_unknown = usd.value is None and credits_total.value is None
    cost = "cost unknown" if is_unknown else usd.cost_words(credits_total)
    line = f"{cost}   {' · '.join(details)}"
    if len(line) <= width:
        return [Content.assemble((cost, "bold $accent"), (line[len(cost) :], FAINT))]
    while short and len(details) > 1 and len(" · ".join(details)) > width:
        details.pop(0)
    others = wrapped_text(" · ".join(details), max(20, width))
    return [Content.styled(cost, "bold $accent"), *(Content.styled(line, FAINT) for line in others)]


# -- groupings and filters ------------------------------------------------------------------
def _groups(view: SpendingView, width: int) -> list[Content]:
    """Every grouping with its key, the current one in brackets; the period at the right edge.

    In as many lines as needed. Of the groupings with the same key, the current or first one is shown.
    """
    shown = {key: by for by, (key, _) in reversed([*GROUPS.items()])} | {GROUPS[view.by][0]: view.by}
    pieces: list[Content] = []
    for by, (key, _) in GROUPS.items():
        caption = view.caption(by)
        if by is view.by:
            piece = Content.styled(f"[{key} {caption}]", "bold reverse")
        elif by is shown[key]:
            piece = Content.assemble((key, "bold $primary"), (f" {caption}", FAINT))
        else:
            continue
        pieces.append(_make_clickable(piece, by or OVERVIEW))
    lines_needed = -(-sum(piece.cell_length + 2 for piece in pieces) // max(1, width))
    each = -(-len(pieces) // lines_needed)
    lines = [Content("  ").join(pieces[at : at + each]) for at in range(0, len(pieces), each)]
    if view.by is None:
        # The overview has every period.
        return lines
    groups = lines.pop()
    period = Content.assemble(("p", "bold $primary"), (f" {view.period}", FAINT))
    period = _make_clickable(period, PERIOD)
    room = width - groups.cell_length - period.cell_length
    return [*lines, groups if room < 1 else Content.assemble(groups, " " * room, period)]


def _filters(view: SpendingView) -> Content:
    """The filters; Backspace removes the last one."""
    pieces = [Content.styled("only ", FAINT)]
    for at, one in enumerate(view.narrowed):
        separator = " · " if at else ""
        name = one.name if len(one.name) <= 40 else f"{one.name[:39]}…"
        label = (f"{separator}{view.caption(one.by).lower()} ", FAINT)
        pieces.append(Content.assemble(label, (name, "bold"), (" ×", MARK)))
    undo = Content.styled("   Backspace to go up", FAINT)
    return _make_clickable(Content("").join([*pieces, undo]), WIDEN)


def _make_clickable(content: Content, action: str) -> Content:
    """Mark text with the action of a click on it, see `Head.ActionClicked`."""
    return content.stylize(Style.from_meta({CLICK: action}))


# -- below the table ----------------------------------------------------------------------
INDENT: Final = 12
"""Cells of the labels."""


def foot_lines(report: Report, width: int, *, short: bool) -> list[Content]:
    """The forecast for the month with its method, the newest correction, and what is unassigned.

    `short`: one line for each where that is enough for the amount; range, method and reasons give way.
    """
    lines: list[Content] = []
    month, restated, room = report.month, report.restated, width - INDENT
    if month is not None:
        text, method = forecast_text(month), "" if month.middle is None else month.method
        if short:
            text, method = fitting((text, text.partition(" (")[0]), room), ""
        lines += _wrap_labeled("Forecast", text, method, width)
    unassigned = unassigned_texts(report)
    if short and unassigned:
        text = unassigned[0]
        unassigned = [fitting((text, text.rpartition(": ")[0] or text), room)]
    for text in unassigned:
        lines += _wrap_labeled("Unassigned", text, "", width)
    if restated:
        text = clean_line(restated[-1].line())
        more = "" if len(restated) == 1 else f"{len(restated) - 1} more. See: handinger-tui costs"
        if short:
            text, more = fitting((text, text.partition(", ")[0]), room), ""
        lines += _wrap_labeled("Corrected", text, more, width)
    return lines


def unassigned_texts(report: Report) -> list[str]:
    """The lines on unassigned cost."""
    rises = [rise for bucket in report.suspense for rise in bucket.rises]
    texts = [rise_line(rise) for rise in rises[-1:]]
    if len(rises) > 1:
        texts.append(f"{len(rises) - 1} more. Press a to list all.")
    return [*texts, *map(assigned_line, report.assigned[-1:])]


def rise_line(rise: Rise) -> str:
    """One rise of a worker's figures, with its likely owners."""
    return clean_line(f"{rise.number}: {rise_text(rise)}, {rise.worker_id}: {owners_text(rise)}.")


def assigned_line(one: AssignedRise) -> str:
    """A rise that the person assigned to a turn."""
    return clean_line(f"{one.number} was assigned to {one.turn_id}. Press a to undo.")


def _wrap_labeled(label: str, text: str, details: str, width: int) -> list[Content]:
    """A label, its text and faint details, wrapped to `width` and indented under the text."""
    indent = " " * INDENT
    room = max(20, width - INDENT)
    # Wrapped, never cut: the text ends with an amount.
    first, *others = wrapped_text(text, room) or [""]
    lines = [
        Content.assemble((f"{label:<{INDENT}}", FAINT), first),
        *(Content(indent + line) for line in others),
    ]
    return [*lines, *(Content.styled(indent + line, FAINT) for line in wrapped_text(details, room))]


TALL: Final = 30
"""Least height of the screen, in lines, for methods and reasons."""


def is_low(widget: Widget) -> bool:
    """Whether the screen is too low for optional lines."""
    return widget.screen.size.height < TALL


class Head(StaticReflow):
    """Totals, limits, groupings and filters."""

    class ActionClicked(Message):
        """`action`: the value of a `GroupBy`, `OVERVIEW`, `PERIOD` or `WIDEN`."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, view: SpendingView) -> None:
        super().__init__(id="spending-head", classes="page-head")
        self._data = HeadData(view)

    def on_mount(self) -> None:
        """Show the view before its figures are read."""
        self.show(self._data)

    def show(self, data: HeadData) -> None:
        """Show other figures, laid out for the width of the widget."""
        self._data = data
        self.put(lambda width: head_lines(data, width, short=is_low(self)))

    def show_view(self, view: SpendingView) -> None:
        """Show another view at once, with the old figures until its own are read."""
        self.show(replace(self._data, view=view))

    def on_click(self, event: events.Click) -> None:
        """Post the action of the clicked text, if it has one."""
        action = event.style.meta.get(CLICK)
        if isinstance(action, str):
            self.post_message(self.ActionClicked(action))


class Foot(StaticReflow):
    """The forecast for the month, and what was corrected or is unassigned."""

    def show(self, report: Report | None) -> None:
        """Show those of a report; None: it could not be read."""
        self.put(lambda width: [] if report is None else foot_lines(report, width, short=is_low(self)))
