"""The table of the ledger: any number of rows, of which only the visible pages are read and drawn."""

from __future__ import annotations

import textwrap
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from handinger_tui.core.charts.bars import horizontal_bar
from handinger_tui.core.formatting import NOT_REPORTED, middle_cut
from handinger_tui.ui.ledger.charts import FAINT, MORE
from handinger_tui.ui.panels.list_panel import POINTER

COMFORT: Final = 24
"""Cells that a name gets before columns of rank `IDLE` and above get any."""
IDLE: Final = 3


class Align(Enum):
    """How the texts of a column are aligned."""

    LEFT = auto()
    RIGHT = auto()
    POINT = auto()
    """Decimal points below one another; words at the right edge."""
    BAR = auto()
    """A bar in proportion to the amount; the highest amount has the longest one."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `rank` 0 is always shown; of the others the lowest gets room first. `least`: the least width; above 0
    the column also grows into unused room.
    """

    head: str
    align: Align = Align.RIGHT
    rank: int = 0
    style: str = ""
    least: int = 0
    close: bool = False
    """Separated from the column before it by one cell, not two."""
    ids: bool = False
    """Texts are ids, which differ at their ends: they are cut in the middle."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its key, one text for each column, the session it can be opened as, and its name."""

    key: str
    cells: tuple[str, ...]
    session_id: str | None
    name: str
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """Widths in cells of the widest texts of each column so far.

    `before`: before the decimal point; `behind`: from the point on; `whole`: the full text. `highest`:
    the highest amount.
    """

    before: tuple[int, ...]
    behind: tuple[int, ...]
    whole: tuple[int, ...]
    highest: Decimal = Decimal(0)

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Measure:
        """The widths of the captions alone."""
        zeros = (0,) * len(columns)
        return cls(zeros, zeros, tuple(len(column.head) for column in columns))

    def with_lines(self, columns: Sequence[Column], lines: Iterable[Line]) -> Measure:
        """The widths with more lines."""
        before, behind, whole = list(self.before), list(self.behind), list(self.whole)
        highest = self.highest
        for line in lines:
            highest = max(highest, line.amount or Decimal(0))
            for at, (column, text) in enumerate(zip(columns, line.cells, strict=True)):
                if column.align is Align.POINT and _is_figure(text):
                    left, right = _split_at_point(text)
                    before[at], behind[at] = max(before[at], len(left)), max(behind[at], len(right))
                    whole[at] = max(whole[at], before[at] + behind[at])
                else:
                    whole[at] = max(whole[at], cell_len(text))
        return Measure(tuple(before), tuple(behind), tuple(whole), highest)


def _is_figure(text: str) -> bool:
    return bool(text) and (text[0].isdigit() or text[0] in "$<-")


def _split_at_point(text: str) -> tuple[str, str]:
    """Split a figure at its decimal point: $1.25 → "$1", ".25"; 8 +2 → "8", " +2"; 8+ → "8", "+"."""
    places = (text.find("."), text.find(" "), len(text.rstrip(MORE)))
    at = next(at for at in places if at >= 0)
    return text[:at], text[at:]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that fit, and the width of each."""

    columns: tuple[Column, ...]
    measure: Measure
    visible: tuple[tuple[int, int], ...]
    """(index of the column, its width in cells) of each column shown."""

    @classmethod
    def fit(cls, columns: Sequence[Column], measure: Measure, width: int) -> Layout:
        """Choose the columns for `width` cells, by rank, and distribute unused room."""
        widths = {at: column.least or measure.whole[at] for at, column in enumerate(columns)}
        possible = [at for at in widths if widths[at] > 0]
        chosen = {at for at in possible if not columns[at].rank}
        names = [at for at in possible if columns[at].least and columns[at].align is Align.LEFT]
        comfort = sum(max(0, min(measure.whole[at], COMFORT) - widths[at]) for at in names)
        for at in sorted(possible, key=lambda at: columns[at].rank):
            more = [one for one in possible if one in chosen or one == at]
            if _total_width(more, widths, columns) + (comfort if columns[at].rank >= IDLE else 0) <= width:
                chosen.add(at)
        visible = [at for at in possible if at in chosen]
        free = max(0, width - _total_width(visible, widths, columns))
        for at in visible:
            if at in names:
                growth = min(free, max(0, measure.whole[at] - widths[at]))
                widths[at], free = widths[at] + growth, free - growth
        for at in visible:
            if columns[at].align is Align.BAR:
                widths[at], free = widths[at] + min(free, 28), free - min(free, 28)
        return cls(tuple(columns), measure, tuple((at, widths[at]) for at in visible))

    def head(self) -> Content:
        """The captions of the columns."""
        return self._join(
            [_aligned(self.columns[at].head, self.columns[at].align, cells) for at, cells in self.visible]
        )

    def line(self, line: Line) -> Content:
        """One row, aligned with the captions."""
        return self._join([self._cell(line, at, cells) for at, cells in self.visible])

    def _cell(self, line: Line, at: int, cells: int) -> Content:
        column, text = self.columns[at], line.cells[at]
        if column.align is Align.BAR:
            text = horizontal_bar(line.amount, self.measure.highest, cells)
        elif column.align is Align.POINT and _is_figure(text):
            left, right = _split_at_point(text)
            text = f"{left}{right:<{self.measure.behind[at]}}"
        elif column.ids:
            text = middle_cut(text, cells)
        style = FAINT if text in (NOT_REPORTED, "—") else column.style
        content = _aligned(text, column.align, cells)
        return content.stylize(style) if style else content

    def _join(self, cells: Sequence[Content]) -> Content:
        """Join the cells of a row with the gaps between their columns."""
        pieces: list[Content | str] = []
        for (at, _), cell in zip(self.visible, cells, strict=True):
            pieces += [_gap(self.columns[at], first=not pieces), cell]
        return Content.assemble(*pieces)


def _gap(column: Column, *, first: bool) -> str:
    return "" if first else " " if column.close else "  "


def _total_width(visible: Sequence[int], widths: dict[int, int], columns: Sequence[Column]) -> int:
    return sum(widths[at] + len(_gap(columns[at], first=at == visible[0])) for at in visible)


def _aligned(text: str, align: Align, cells: int) -> Content:
    cut = Content(text).truncate(cells, ellipsis=True)
    if align in (Align.LEFT, Align.BAR):
        return cut.pad_right(cells - cut.cell_length)
    return cut.pad_left(cells - cut.cell_length)


PAGE: Final = 200
"""Rows that are read at once."""
KEPT: Final = 20
"""Pages that stay in memory; the one read longest ago is dropped first."""
HEAD: Final = 1
"""Lines of captions above the rows; they do not scroll."""


class LedgerTable(ScrollView, can_focus=True):
    """Rows with a cursor under a line of captions.

    The table requests visible pages with `PageRequested`; the screen delivers them with `add_page`.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"ledger--cursor", "ledger--head"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False, tooltip="To the row above", id="ledger.up"),
        Binding("down,j", "step(1)", "Down", show=False, tooltip="To the row below", id="ledger.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, tooltip="A page up", id="ledger.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, tooltip="A page down", id="ledger.page_down"),
        Binding("home", "jump(0)", "First", show=False, tooltip="To the first row", id="ledger.first"),
        Binding("end", "jump(-1)", "Last", show=False, tooltip="To the last row", id="ledger.last"),
    ]

    class PageRequested(Message):
        """Page `page` of `PAGE` rows is visible and not in memory."""

        def __init__(self, page: int) -> None:
            super().__init__()
            self.page = page

    class Moved(Message):
        """The cursor moved to another row, or the row under it was read."""

    class Selected(Message):
        """The row under the cursor was clicked again."""

    def __init__(self) -> None:
        super().__init__(id="ledger-table")
        self._columns: tuple[Column, ...] = ()
        self._count = 0
        self._pages: OrderedDict[int, Sequence[Line]] = OrderedDict()
        self._stale_pages: dict[int, Sequence[Line]] = {}
        """Pages read before a reload, shown until the new ones are read."""
        self._requested: set[int] = set()
        self._cursor = 0
        self._cursor_key: str | None = None
        """Key of the row for the cursor, until the page of that row is read."""
        self._measure = Measure.of(())
        self._layout: Layout | None = None
        self._message = ""

    # -- what is shown -----------------------------------------------------------------
    def show(self, columns: Sequence[Column], count: int, *, cursor_key: str | None = None) -> None:
        """Show `count` rows, none of them read yet; the cursor moves to the row `cursor_key`.

        With the same columns and `cursor_key` None this is a reload: the cursor stays on its row.
        """
        same = self._columns == tuple(columns) and cursor_key is None
        key = self.current.key if same and self.current is not None else cursor_key
        self._columns, self._count = tuple(columns), count
        self._stale_pages = dict(self._pages) if same else {}
        self._pages.clear()
        self._requested.clear()
        self._measure = self._measure if same else Measure.of(columns)
        self._cursor = min(self._cursor, max(0, count - 1)) if same else 0
        self._cursor_key, self._layout, self._message = key, None, ""
        if not same:
            self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self._update_size()

    def say(self, text: str) -> None:
        """Show a text in place of rows."""
        self.show((), 0)
        self._message = text

    def add_page(self, page: int, lines: Sequence[Line]) -> None:
        """Add the rows of a page. Fewer rows than expected mean that the later ones no longer exist."""
        self._requested.discard(page)
        self._stale_pages.pop(page, None)
        self._pages[page] = lines
        self._pages.move_to_end(page)
        if len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        if page * PAGE + len(lines) < min(self._count, (page + 1) * PAGE):
            self._count = page * PAGE + len(lines)
            self._cursor = min(self._cursor, max(0, self._count - 1))
        measure = self._measure.with_lines(self._columns, lines)
        if measure != self._measure:
            self._measure, self._layout = measure, None
        self._move_to_key(page, lines)
        self._update_size()
        self.post_message(self.Moved())

    def _move_to_key(self, page: int, lines: Sequence[Line]) -> None:
        """Move the cursor to the row `_cursor_key` if it is on this page."""
        at = next((at for at, line in enumerate(lines) if line.key == self._cursor_key), None)
        if self._cursor_key is not None and at is not None:
            self._cursor_key = None
            self.call_after_refresh(self.move_to, page * PAGE + at)

    @property
    def count(self) -> int:
        """The number of rows."""
        return self._count

    @property
    def cursor(self) -> int:
        """The row of the cursor, from 0."""
        return self._cursor

    @property
    def current(self) -> Line | None:
        """The row under the cursor; None until it is read."""
        return self._line_at(self._cursor)

    def _line_at(self, row: int) -> Line | None:
        page, at = divmod(row, PAGE)
        lines = self._pages.get(page) or self._stale_pages.get(page, ())
        return lines[at] if at < len(lines) else None

    # -- drawing -----------------------------------------------------------------------
    def _update_size(self) -> None:
        width = self.scrollable_content_region.width
        size = Size(width, self._count + HEAD if self._count else 0)
        if width > 0 and size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def on_mount(self) -> None:
        """Measure as soon as the width is known."""
        self._update_size()

    def on_resize(self, _event: events.Resize) -> None:
        """Lay out for the new width; the cursor stays visible."""
        self._layout = None
        self._update_size()
        self._scroll_to_cursor()

    def _layout_for(self, width: int) -> Layout:
        # One cell for the pointer, one against the scrollbar.
        room = width - 2
        if self._layout is None:
            self._layout = Layout.fit(self._columns, self._measure, room)
        return self._layout

    def render_line(self, y: int) -> Strip:
        """Captions first, then the rows in sight."""
        width = self.scrollable_content_region.width
        if width <= 2:
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        row = self.scroll_offset.y + y - HEAD
        style = self.visual_style
        if not self._count:
            lines = textwrap.wrap(self._message, max(10, width - 2))
            content = Content.styled(f" {lines[y]}" if y < len(lines) else "", "$text-muted")
        elif y < HEAD:
            content, style = self._layout_for(width).head(), self.get_visual_style("ledger--head")
            content = Content.assemble(" ", content)
        else:
            content = self._row(row, width)
            if row == self._cursor and row < self._count:
                style = self.get_visual_style("ledger--cursor")
                # One color on the cursor's background: faint text would not contrast with it.
                content = Content(content.plain)
        strips = Visual.to_strips(self, content.truncate(width), width, 1, style, pad=True)
        return strips[0] if strips else Strip.blank(width, style.rich_style)

    def _row(self, row: int, width: int) -> Content:
        if row >= self._count:
            return Content("")
        line = self._line_at(row)
        pointer = POINTER if row == self._cursor else " "
        if row // PAGE not in self._pages:
            self._request(row // PAGE)
        if line is None:
            return Content.styled(f"{pointer}…", "$text-muted")
        return Content.assemble(pointer, self._layout_for(width).line(line))

    def _request(self, page: int) -> None:
        if page not in self._requested:
            self._requested.add(page)
            self.post_message(self.PageRequested(page))

    # -- moving --------------------------------------------------------------------------
    def move_to(self, row: int) -> None:
        """Move the cursor to the row nearest to `row` and scroll it into view."""
        self._cursor = max(0, min(row, self._count - 1))
        self._cursor_key = None
        self.refresh()
        self._scroll_to_cursor()
        self.post_message(self.Moved())

    def _scroll_to_cursor(self) -> None:
        region = Region(0, self._cursor, max(1, self.scrollable_content_region.width), 1 + HEAD)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def action_step(self, by: int) -> None:
        """Move the cursor by `by` rows."""
        self.move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by `by` pages."""
        self.move_to(self._cursor + by * max(1, self.scrollable_content_region.height - HEAD - 1))

    def action_jump(self, row: int) -> None:
        """Move the cursor to row `row`; a negative one counts from the end."""
        self.move_to(row if row >= 0 else self._count + row)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; a click on the row of the cursor selects it."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < HEAD or not self._count:
            return
        row = offset.y - HEAD + self.scroll_offset.y
        if row == self._cursor:
            self.post_message(self.Selected())
        elif row < self._count:
            self.move_to(row)
