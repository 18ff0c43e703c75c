"""The table of the ledger and its columns. Of its rows only the visible pages are read and drawn."""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message

from handinger_tui.core.amounts import Unit
from handinger_tui.core.columns import Align, Column, Layout, Measure, Row
from handinger_tui.core.formatting import day_text, duration, number
from handinger_tui.core.money.reconciliation import UNASSIGNED
from handinger_tui.core.money.spending import NO_KNOWN_DAY, TIME_GROUPS, Bucket, GroupBy, Rise, TurnCharge
from handinger_tui.core.money.words import count_text, count_within, total_cell, unknown_words
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import NO_DAY, TurnStatus
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.ledger.charts import BAR, FAINT, MARK, STRONG
from handinger_tui.ui.ledger.query import GROUPS, local_time, row_name
from handinger_tui.ui.widgets.column_list import content_of
from handinger_tui.ui.widgets.status_text import STATUS_WORDS
from handinger_tui.ui.widgets.virtual_list import ListRows, VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime


class LedgerLine(Row, frozen=True, kw_only=True):
    """One row: its key, the session that Open shows, and its name."""

    key: str
    session_id: str | None
    name: str
    rises: tuple[Rise, ...] = ()
    """The rises of a row of suspense; none in any other row."""


PAGE: Final = 200
"""Rows that are read at once."""
MAX_PAGES: Final = 20
"""Most pages in memory; the one read longest ago is dropped first."""


class LedgerRows(ListRows):
    """Rows of which only some pages are in memory. `request` requests a page; `add_page` takes its rows."""

    head_height = 1

    def __init__(self, request: Callable[[int], object]) -> None:
        self._request = request
        self._requested: set[int] = set()
        self.columns: tuple[Column, ...] = ()
        self._count = 0
        self._pages: OrderedDict[int, Sequence[LedgerLine]] = OrderedDict()
        self._stale_pages: dict[int, Sequence[LedgerLine]] = {}
        """Pages read before a reload, shown until the new ones are read."""
        self._measure = Measure.of((), cells=cell_len)
        self._layout: tuple[int, Layout] | None = None
        """The columns as laid out for a width."""

    @property
    def count(self) -> int:
        """The number of rows."""
        return self._count

    def reset(self, columns: Sequence[Column], count: int, *, reload: bool) -> None:
        """Start with `count` rows, none of them read yet. `reload`: the old ones are shown until then."""
        self._stale_pages = dict(self._pages) if reload else {}
        self._measure = self._measure if reload else Measure.of(columns, cells=cell_len)
        self.columns, self._count, self._layout, self.message = tuple(columns), count, None, ""
        self._pages.clear()
        self._requested.clear()

    def add_page(self, page: int, lines: Sequence[LedgerLine]) -> None:
        """Add the rows of a page. Fewer rows than expected mean that the later ones no longer exist."""
        self._requested.discard(page)
        self._stale_pages.pop(page, None)
        self._pages[page] = lines
        self._pages.move_to_end(page)
        if len(self._pages) > MAX_PAGES:
            self._pages.popitem(last=False)
        if page * PAGE + len(lines) < min(self._count, (page + 1) * PAGE):
            self._count = page * PAGE + len(lines)
        measure = self._measure.with_rows(lines)
        if measure != self._measure:
            self._measure, self._layout = measure, None

    def line_at(self, at: int) -> LedgerLine | None:
        """The texts of row `at`; None until they are read."""
        page, index = divmod(at, PAGE)
        lines = self._pages.get(page) or self._stale_pages.get(page, ())
        return lines[index] if index < len(lines) else None

    def head_line(self, width: int) -> Content:
        """The captions."""
        captions = Content.assemble(" ", content_of(self._layout_for(width - 1).head()))
        return captions.pad_right(max(0, width - captions.cell_length)).stylize(".ledger--head")

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """One row; its page is requested where it is not in memory."""
        page, line = at // PAGE, self.line_at(at)
        if page not in self._pages and page not in self._requested:
            self._requested.add(page)
            self._request(page)
        content = (
            Content.styled("…", FAINT) if line is None else content_of(self._layout_for(width).line(line))
        )
        return Content(content.plain) if here else content

    def _layout_for(self, width: int) -> Layout:
        if self._layout is None or self._layout[0] != width:
            # One cell stays free beside the scrollbar.
            self._layout = width, Layout.fit(self._measure, width - 1)
        return self._layout[1]


class LedgerTable(VirtualList[LedgerRows]):
    """The rows with a cursor. The screen answers `PageRequested` with `add_page`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"ledger--head"}
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LEDGER_ROWS)

    class PageRequested(Message):
        """Page `page` of `PAGE` rows is visible and not in memory."""

        def __init__(self, page: int) -> None:
            super().__init__()
            self.page = page

    class Selected(Message):
        """The row under the cursor was clicked again."""

    def __init__(self) -> None:
        super().__init__(LedgerRows(self._request_page), id="ledger-table", classes="page-list")
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
            self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self.update()

    def show_message(self, text: str) -> None:
        """Show a text in place of rows."""
        self.show((), 0)
        self.rows.message = text
        self.update()

    def add_page(self, page: int, lines: Sequence[LedgerLine]) -> None:
        """Add the rows of a page that was requested."""
        self.rows.add_page(page, lines)
        self.cursor = min(self.cursor, max(0, self.rows.count - 1))
        at = next((at for at, line in enumerate(lines) if line.key == self._cursor_key), None)
        # "" stands for no row here, although the row without a name has that key.
        if self._cursor_key and at is not None:
            self.call_after_refresh(self._move_to_key, self._cursor_key, page * PAGE + at)
        self.update()
        self.refresh_bindings()

    def _move_to_key(self, key: str, at: int) -> None:
        """Move the cursor to a row that was read, unless another view or a key came before."""
        if key == self._cursor_key:
            self.move_to(at)

    def move_to(self, at: int) -> None:
        """Move the cursor; a pending move to another row is dropped."""
        self._cursor_key = None
        super().move_to(at)

    @property
    def current(self) -> LedgerLine | None:
        """The row under the cursor; None until it is read."""
        return self.rows.line_at(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; a click on the row of the cursor selects it."""
        row = self.item_at(event)
        if row == self.cursor:
            self.post_message(self.Selected())
        elif row is not None:
            self.move_to(row)


_GAPS: Final = Column("", Align.LEFT, style=MARK, close=True)
_SUMS: Final = (
    Column("Cost", Align.POINT, style=STRONG),
    _GAPS,
    Column("Credits", Align.POINT, rank=2),
    Column("Tokens", Align.POINT, rank=4, style=FAINT),
    Column("Failed or incomplete", Align.RIGHT, rank=3, style=FAINT),
)
_BAR: Final = Column("", Align.BAR, rank=7, style=BAR, least=12)
TURN_COLUMNS: Final = (
    Column("When", Align.LEFT),
    Column("Session", Align.LEFT, least=12),
    Column("Status", Align.LEFT, rank=2),
    Column("Budget", Align.LEFT, rank=3, style=FAINT),
    Column("Trigger", Align.LEFT, rank=5, style=FAINT),
    Column("Steps", Align.RIGHT, rank=7, style=FAINT),
    Column("Tokens", Align.RIGHT, rank=6, style=FAINT),
    Column("Time", Align.RIGHT, rank=4, style=FAINT),
    Column("Credits", Align.POINT, rank=1),
    Column("Cost", Align.POINT, style=STRONG),
)
_STATUS: Final = MappingProxyType(
    {
        TurnStatus.RUNNING: "was running",
        TurnStatus.CHECKING: "checking",
        TurnStatus.UNKNOWN: "unknown",
        TurnStatus.QUEUED: "waiting",
    }
)


def columns_of(by: GroupBy) -> tuple[Column, ...]:
    """The columns of the table for a grouping."""
    if by is GroupBy.TURN:
        return TURN_COLUMNS
    name, turns = (
        Column(GROUPS[by][1], Align.LEFT, least=14, ids=by is GroupBy.WORKER),
        Column("Turns", Align.RIGHT),
    )
    last = (Column("Last", Align.LEFT, rank=5, style=FAINT),)
    return (name, turns, *_SUMS, *(() if by in TIME_GROUPS else last), _BAR)


def group_line(bucket: Bucket, by: GroupBy, year: int) -> LedgerLine:
    """The row of a group. Dates omit `year`, the present one."""
    usd, credit, tokens = (bucket.total(member) for member in ("usd", "credits", "tokens"))
    name = suspense_name(bucket) if bucket.rises else row_name(by, bucket.key, bucket.title, year)
    cells = [
        name,
        f"{bucket.turns:,}" if bucket.turns else "",
        total_cell(usd),
        unknown_words(usd),
        total_cell(credit, Unit.CREDITS),
        total_cell(tokens, write=count_text),
        f"{bucket.incomplete:,}" if bucket.incomplete else "",
    ]
    if by not in TIME_GROUPS:
        cells.append("" if bucket.last_ms is None else day_text(local_time(bucket.last_ms), year))
    session = bucket.key if by is GroupBy.SESSION and not bucket.rises else None
    # The key of the worker belongs to the row of its turns.
    key = name if bucket.rises else bucket.key
    values = {} if usd.value is None else {len(cells): usd.value}
    return LedgerLine((*cells, ""), values=values, key=key, session_id=session, name=name, rises=bucket.rises)


def suspense_name(bucket: Bucket) -> str:
    """The name of a row of suspense."""
    return f"{UNASSIGNED} {clean_line(bucket.key, 40)}"


def _when(when: datetime, year: int) -> str:
    """The times of one year stand in line: "Nov 4  09:00", "Nov 14 09:00"."""
    return f"{day_text(when, year):6} {when:%H:%M}"


def suspense_turn_line(bucket: Bucket, year: int) -> LedgerLine:
    """The row of suspense among those of turns."""
    name = suspense_name(bucket)
    when = None if bucket.last_ms is None else local_time(bucket.last_ms)
    usd, credit, tokens = (bucket.total(member) for member in ("usd", "credits", "tokens"))
    cells = {
        "When": "" if when is None else _when(when, year),
        "Session": name,
        "Tokens": total_cell(tokens, write=count_text),
        "Credits": total_cell(credit, Unit.CREDITS),
        "Cost": total_cell(usd),
    }
    shown = tuple(cells.get(column.head, "") for column in TURN_COLUMNS)
    return LedgerLine(shown, key=name, session_id=None, name=name, rises=bucket.rises)


def turn_line(charge: TurnCharge, year: int) -> LedgerLine:
    """The row of a turn; `year`: the present one."""
    when = NO_KNOWN_DAY if charge.at_ms == NO_DAY else _when(local_time(charge.at_ms), year)
    title = row_name(GroupBy.SESSION, charge.session_id, charge.title, year)
    cells = (
        when,
        title,
        _STATUS.get(charge.status, STATUS_WORDS[charge.status]),
        clean_line(charge.budget or "", 20),
        charge.trigger.value,
        "" if charge.usage.steps is None else number(charge.usage.steps),
        "" if charge.usage.total_tokens is None else count_within(charge.usage.total_tokens, 9),
        "" if charge.elapsed_ms is None else duration(charge.elapsed_ms),
        total_cell(charge.total(Unit.CREDITS), Unit.CREDITS),
        total_cell(charge.total(Unit.USD)),
    )
    return LedgerLine(cells, key=charge.turn_id, session_id=charge.session_id, name=title)
