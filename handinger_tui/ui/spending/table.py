"""The table of the Spending page. Of its rows only the visible pages are read and drawn."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from textual import events
from textual.content import Content
from textual.message import Message

from handinger_tui.core.columns import Column, Tone
from handinger_tui.core.money.report_rows import signs
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.widgets.column_list import BESIDE, ScreenColumns, list_head
from handinger_tui.ui.widgets.virtual_list import ListRows, VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handinger_tui.core.money.report_rows import Line

PAGE: Final = 200
"""Rows that are read at once."""
MAX_PAGES: Final = 20
"""Most pages in memory; the one read longest ago is dropped first."""


class PagedRows(ListRows):
    """Rows of which only some pages are in memory. `request` requests a page; `add_page` takes its rows."""

    head_height = 1

    def __init__(self, request: Callable[[int], object]) -> None:
        self._request = request
        self._requested: set[int] = set()
        self._count = 0
        self._pages: OrderedDict[int, Sequence[Line]] = OrderedDict()
        self._stale_pages: dict[int, Sequence[Line]] = {}
        """Pages read before a reload, shown until the new ones are read."""
        self._fitted = ScreenColumns(())

    @property
    def count(self) -> int:
        """The number of rows."""
        return self._count

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, whether they are visible or not."""
        return self._fitted.columns

    def reset(self, columns: Sequence[Column], count: int, *, reload: bool) -> None:
        """Start with `count` rows, none of them read yet. `reload`: the old ones are shown until then."""
        self._stale_pages = dict(self._pages) if reload else {}
        self._fitted = self._fitted if reload else ScreenColumns(columns)
        self._count, self.message = count, ""
        self._pages.clear()
        self._requested.clear()

    def add_page(self, page: int, lines: Sequence[Line]) -> None:
        """Add the rows of a page. Fewer rows than expected mean that the later ones no longer exist."""
        self._requested.discard(page)
        self._stale_pages.pop(page, None)
        self._pages[page] = lines
        self._pages.move_to_end(page)
        if len(self._pages) > MAX_PAGES:
            self._pages.popitem(last=False)
        if page * PAGE + len(lines) < min(self._count, (page + 1) * PAGE):
            self._count = page * PAGE + len(lines)
        self._fitted.add([line.row for line in lines])

    def signs(self, width: int) -> str:
        """What the signs mean that occur in a list of `width` cells, in the rows that are in memory."""
        if width <= BESIDE:
            return ""
        rows = (line.row for lines in self._pages.values() for line in lines)
        return signs(self._fitted.layout(width - BESIDE), rows)

    def line_at(self, at: int) -> Line | None:
        """Row `at`; None until it is read."""
        page, index = divmod(at, PAGE)
        lines = self._pages.get(page) or self._stale_pages.get(page, ())
        return lines[index] if index < len(lines) else None

    def head_line(self, width: int) -> Content:
        """The heads of the columns."""
        return list_head(self._fitted, width)

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """One row; its page is requested where it is not in memory."""
        page, line = at // PAGE, self.line_at(at)
        if page not in self._pages and page not in self._requested:
            self._requested.add(page)
            self._request(page)
        if line is None:
            return Content.styled("…", Tone.FAINT)
        return self._fitted.line(line.row, width + 1 - BESIDE, here=here)


class SpendingTable(VirtualList[PagedRows]):
    """The rows with a cursor. The screen answers `PageRequested` with `add_page`."""

    BINDINGS = bindings(Where.SPENDING_ROWS)

    class PageRequested(Message):
        """Page `page` of `PAGE` rows is visible and not in memory."""

        def __init__(self, page: int) -> None:
            super().__init__()
            self.page = page

    class Selected(Message):
        """The row under the cursor was clicked again."""

    def __init__(self) -> None:
        super().__init__(PagedRows(self._request_page), id="spending-table", classes="page-list")
        self._cursor_key: str | None = None
        """Key of the row that the cursor moves to once the page of that row is read."""

    def _request_page(self, page: int) -> None:
        self.post_message(self.PageRequested(page))

    def show(self, columns: Sequence[Column], count: int, *, cursor_key: str | None = None) -> None:
        """Show `count` rows, none of them read yet; the cursor moves to the row `cursor_key`.

        With the same columns and `cursor_key` None this is a reload: the cursor stays on its row.
        """
        same = self.rows.columns == tuple(columns) and cursor_key is None
        self._cursor_key = self.current.key if same and self.current is not None else cursor_key
        self.rows.reset(columns, count, reload=same)
        self.cursor = min(self.cursor, max(0, count - 1)) if same else 0
        if not same:
            self._explain_signs()
            self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self.update()

    def show_message(self, text: str) -> None:
        """Show a text in place of rows."""
        self.show((), 0)
        self.rows.message = text
        self.update()

    def add_page(self, page: int, lines: Sequence[Line]) -> None:
        """Add the rows of a page that was requested."""
        self.rows.add_page(page, lines)
        self._explain_signs()
        self.cursor = min(self.cursor, max(0, self.rows.count - 1))
        at = next((at for at, line in enumerate(lines) if line.key == self._cursor_key), None)
        # "" stands for no row here, although the row without a name has that key.
        if self._cursor_key and at is not None:
            self.call_after_refresh(self._move_to_key, self._cursor_key, page * PAGE + at)
        self.update()
        self.refresh_bindings()

    def _explain_signs(self) -> None:
        self.border_subtitle = self.rows.signs(self.scrollable_content_region.width) or None

    def on_resize(self, _event: events.Resize) -> None:
        """With another width other columns have room."""
        self._explain_signs()

    def _move_to_key(self, key: str, at: int) -> None:
        """Move the cursor to a row that was read, unless another view or a key came before."""
        if key == self._cursor_key:
            self.move_to(at)

    def move_to(self, at: int) -> None:
        """Move the cursor; a pending move to another row is dropped."""
        self._cursor_key = None
        super().move_to(at)

    @property
    def current(self) -> Line | None:
        """The row under the cursor; None until it is read."""
        return self.rows.line_at(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; a click on the row of the cursor selects it."""
        row = self.item_at(event)
        if row == self.cursor:
            self.post_message(self.Selected())
        elif row is not None:
            self.move_to(row)
