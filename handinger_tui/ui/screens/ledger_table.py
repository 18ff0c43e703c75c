"""Table of the ledger: any number of rows, of which only those in sight are asked for and drawn."""

from __future__ import annotations

import textwrap
from collections import OrderedDict
from collections.abc import Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from handinger_tui.ui.panels.listing import POINTER
from handinger_tui.ui.screens.ledger_columns import Column, Layout, Line, Measure

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
