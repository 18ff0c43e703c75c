"""The table of the ledger: any number of rows, of which only the visible ones are read and drawn."""

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

from handinger_tui.core.formatting import NOT_REPORTED, middle_cut
from handinger_tui.ui.panels.list_panel import POINTER
from handinger_tui.ui.panels.usage import charts

COMFORT: Final = 24
"""Cells that a name should have before columns of rank `IDLE` and above take any."""
IDLE: Final = 3


class Align(Enum):
    """How the texts of a column lie in it."""

    LEFT = auto()
    RIGHT = auto()
    POINT = auto()
    """Decimal points under each other; words at the right edge."""
    BAR = auto()
    """A bar as long as the amount, beside the longest one."""


@dataclass(frozen=True, slots=True)
class Column:
    """`rank` 0 always stays; of the others the lowest has room first. `least` > 0: it takes what is left."""

    head: str
    lie: Align = Align.RIGHT
    rank: int = 0
    style: str = ""
    least: int = 0
    close: bool = False
    """One cell behind the column before it, not two."""
    ids: bool = False
    """Its texts are told apart by their ends: they are cut in the middle."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its key, one text for each column, the session it can be opened as, and its name."""

    key: str
    cells: tuple[str, ...]
    session_id: str | None
    words: str
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """The widest texts of each column so far: before the point, from the point on, and as a whole."""

    before: tuple[int, ...]
    behind: tuple[int, ...]
    whole: tuple[int, ...]
    highest: Decimal = Decimal(0)

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Measure:
        """Nothing but the heads."""
        zeros = (0,) * len(columns)
        return cls(zeros, zeros, tuple(len(column.head) for column in columns))

    def with_lines(self, columns: Sequence[Column], lines: Iterable[Line]) -> Measure:
        """The same, with more lines."""
        before, behind, whole = list(self.before), list(self.behind), list(self.whole)
        highest = self.highest
        for line in lines:
            highest = max(highest, line.amount or Decimal(0))
            for at, (column, text) in enumerate(zip(columns, line.cells, strict=True)):
                if column.lie is Align.POINT and _is_figure(text):
                    left, right = _at_point(text)
                    before[at], behind[at] = max(before[at], len(left)), max(behind[at], len(right))
                    whole[at] = max(whole[at], before[at] + behind[at])
                else:
                    whole[at] = max(whole[at], cell_len(text))
        return Measure(tuple(before), tuple(behind), tuple(whole), highest)


def _is_figure(text: str) -> bool:
    return bool(text) and (text[0].isdigit() or text[0] in "$<-")


def _at_point(text: str) -> tuple[str, str]:
    """$1.25 → "$1", ".25"; 8 +2 → "8", " +2"; 8+ → "8", "+"."""
    places = (text.find("."), text.find(" "), len(text.rstrip(charts.MORE)))
    at = next(at for at in places if at >= 0)
    return text[:at], text[at:]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns are shown, and how many cells each one has."""

    columns: tuple[Column, ...]
    measure: Measure
    shown: tuple[tuple[int, int], ...]
    """(column, cells)"""

    @classmethod
    def fit(cls, columns: Sequence[Column], measure: Measure, width: int) -> Layout:
        """Columns for `width` cells; those that find no room are not shown."""
        asked = {at: column.least or measure.whole[at] for at, column in enumerate(columns)}
        possible = [at for at in asked if asked[at] > 0]
        chosen = {at for at in possible if not columns[at].rank}
        names = [at for at in possible if columns[at].least and columns[at].lie is Align.LEFT]
        comfort = sum(max(0, min(measure.whole[at], COMFORT) - asked[at]) for at in names)
        for at in sorted(possible, key=lambda at: columns[at].rank):
            more = [one for one in possible if one in chosen or one == at]
            if _taken(more, asked, columns) + (comfort if columns[at].rank >= IDLE else 0) <= width:
                chosen.add(at)
        kept = [at for at in possible if at in chosen]
        left = max(0, width - _taken(kept, asked, columns))
        for at in kept:
            if at in names:
                grown = min(left, max(0, measure.whole[at] - asked[at]))
                asked[at], left = asked[at] + grown, left - grown
        for at in kept:
            if columns[at].lie is Align.BAR:
                asked[at], left = asked[at] + min(left, 28), left - min(left, 28)
        return cls(tuple(columns), measure, tuple((at, asked[at]) for at in kept))

    def head(self) -> Content:
        """The captions of the columns."""
        return self._joined(
            [_laid(self.columns[at].head, self.columns[at].lie, cells) for at, cells in self.shown]
        )

    def line(self, line: Line) -> Content:
        """One row, cell under cell."""
        return self._joined([self._cell(line, at, cells) for at, cells in self.shown])

    def _cell(self, line: Line, at: int, cells: int) -> Content:
        column, text = self.columns[at], line.cells[at]
        if column.lie is Align.BAR:
            text = charts.horizontal_bar(line.amount, self.measure.highest, cells)
        elif column.lie is Align.POINT and _is_figure(text):
            left, right = _at_point(text)
            text = f"{left}{right:<{self.measure.behind[at]}}"
        elif column.ids:
            text = middle_cut(text, cells)
        style = charts.FAINT if text in (NOT_REPORTED, "—") else column.style
        laid = _laid(text, column.lie, cells)
        return laid.stylize(style) if style else laid

    def _joined(self, cells: Sequence[Content]) -> Content:
        """Two cells apart; the plus sign stands close to its figure."""
        pieces: list[Content | str] = []
        for (at, _), cell in zip(self.shown, cells, strict=True):
            pieces += [_apart(self.columns[at], first=not pieces), cell]
        return Content.assemble(*pieces)


def _apart(column: Column, *, first: bool) -> str:
    return "" if first else " " if column.close else "  "


def _taken(kept: Sequence[int], asked: dict[int, int], columns: Sequence[Column]) -> int:
    return sum(asked[at] + len(_apart(columns[at], first=at == kept[0])) for at in kept)


def _laid(text: str, lie: Align, cells: int) -> Content:
    cut = Content(text).truncate(cells, ellipsis=True)
    if lie in (Align.LEFT, Align.BAR):
        return cut.pad_right(cells - cut.cell_length)
    return cut.pad_left(cells - cut.cell_length)


PAGE: Final = 200
"""Rows that are brought at once."""
KEPT: Final = 20
"""Pages that stay in memory; what scrolled away longest ago goes first."""
HEAD: Final = 1
"""Lines above the rows that never scroll."""


class LedgerTable(ScrollView, can_focus=True):
    """Rows with a cursor under a line of captions. It asks for pages with `Wanted` and is given them."""

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

    class Wanted(Message):
        """These rows are in sight and not here: page `page` of `PAGE` rows."""

        def __init__(self, page: int) -> None:
            super().__init__()
            self.page = page

    class Moved(Message):
        """The cursor stands on another row, or the row under it has come."""

    class Taken(Message):
        """The row under the cursor was clicked once more."""

    def __init__(self) -> None:
        super().__init__(id="ledger-table")
        self._columns: tuple[Column, ...] = ()
        self._count = 0
        self._pages: OrderedDict[int, Sequence[Line]] = OrderedDict()
        self._old: dict[int, Sequence[Line]] = {}
        """Pages of before a reload, shown until the new ones are here."""
        self._wanted: set[int] = set()
        self._cursor = 0
        self._sought: str | None = None
        self._measure = Measure.of(())
        self._layout: Layout | None = None
        self._said = ""

    # -- what is shown -----------------------------------------------------------------
    def show(self, columns: Sequence[Column], count: int, *, cursor_at: str | None = None) -> None:
        """Begin anew with `count` rows, none of them here yet; the cursor goes to the row of that key."""
        same = self._columns == tuple(columns) and cursor_at is None
        here = self.current.key if same and self.current is not None else cursor_at
        self._columns, self._count = tuple(columns), count
        self._old = dict(self._pages) if same else {}
        self._pages.clear()
        self._wanted.clear()
        self._measure = self._measure if same else Measure.of(columns)
        self._cursor = min(self._cursor, max(0, count - 1)) if same else 0
        self._sought, self._layout, self._said = here, None, ""
        if not same:
            self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self._measured()

    def say(self, text: str) -> None:
        """Words in the place of rows."""
        self.show((), 0)
        self._said = text

    def bring(self, page: int, lines: Sequence[Line]) -> None:
        """The rows of a page. Fewer than there should be: the others are gone."""
        self._wanted.discard(page)
        self._old.pop(page, None)
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
        self._seek(page, lines)
        self._measured()
        self.post_message(self.Moved())

    def _seek(self, page: int, lines: Sequence[Line]) -> None:
        found = next((at for at, line in enumerate(lines) if line.key == self._sought), None)
        if self._sought is not None and found is not None:
            self._sought = None
            self.call_after_refresh(self.move_to, page * PAGE + found)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count

    @property
    def cursor(self) -> int:
        """The row of the cursor, from 0."""
        return self._cursor

    @property
    def current(self) -> Line | None:
        """The row under the cursor, once it is here."""
        return self._at(self._cursor)

    def _at(self, row: int) -> Line | None:
        page, at = divmod(row, PAGE)
        lines = self._pages.get(page) or self._old.get(page, ())
        return lines[at] if at < len(lines) else None

    # -- drawing -----------------------------------------------------------------------
    def _measured(self) -> None:
        width = self.scrollable_content_region.width
        size = Size(width, self._count + HEAD if self._count else 0)
        if width > 0 and size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def on_mount(self) -> None:
        """Measure once there is a width."""
        self._measured()

    def on_resize(self, _event: events.Resize) -> None:
        """Columns for the new width; the cursor stays in sight."""
        self._layout = None
        self._measured()
        self._into_sight()

    def _fitted(self, width: int) -> Layout:
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
            lines = textwrap.wrap(self._said, max(10, width - 2))
            content = Content.styled(f" {lines[y]}" if y < len(lines) else "", "$text-muted")
        elif y < HEAD:
            content, style = self._fitted(width).head(), self.get_visual_style("ledger--head")
            content = Content.assemble(" ", content)
        else:
            content = self._row(row, width)
            if row == self._cursor and row < self._count:
                style = self.get_visual_style("ledger--cursor")
                # One colour on the cursor's own ground: faint text would not stand out from it.
                content = Content(content.plain)
        strips = Visual.to_strips(self, content.truncate(width), width, 1, style, pad=True)
        return strips[0] if strips else Strip.blank(width, style.rich_style)

    def _row(self, row: int, width: int) -> Content:
        if row >= self._count:
            return Content("")
        line = self._at(row)
        pointer = POINTER if row == self._cursor else " "
        if row // PAGE not in self._pages:
            self._want(row // PAGE)
        if line is None:
            return Content.styled(f"{pointer}…", "$text-muted")
        return Content.assemble(pointer, self._fitted(width).line(line))

    def _want(self, page: int) -> None:
        if page not in self._wanted:
            self._wanted.add(page)
            self.post_message(self.Wanted(page))

    # -- moving --------------------------------------------------------------------------
    def move_to(self, row: int) -> None:
        """Put the cursor on a row, as near as there is one, and show it."""
        self._cursor = max(0, min(row, self._count - 1))
        self._sought = None
        self.refresh()
        self._into_sight()
        self.post_message(self.Moved())

    def _into_sight(self) -> None:
        region = Region(0, self._cursor, max(1, self.scrollable_content_region.width), 1 + HEAD)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def action_step(self, by: int) -> None:
        """Move by rows."""
        self.move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move by screens."""
        self.move_to(self._cursor + by * max(1, self.scrollable_content_region.height - HEAD - 1))

    def action_jump(self, row: int) -> None:
        """To the first or the last row."""
        self.move_to(row if row >= 0 else self._count + row)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; on the row of the cursor it takes it."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < HEAD or not self._count:
            return
        row = offset.y - HEAD + self.scroll_offset.y
        if row == self._cursor:
            self.post_message(self.Taken())
        elif row < self._count:
            self.move_to(row)
