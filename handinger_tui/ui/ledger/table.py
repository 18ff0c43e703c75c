"""The table of the ledger and its columns. Of its rows only the visible pages are read and drawn."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct
from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message

from handinger_tui.core.amounts import Unit
from handinger_tui.core.bars import horizontal_bar
from handinger_tui.core.formatting import UNKNOWN, day_text, duration, middle_cut, number
from handinger_tui.core.money.reconciliation import UNASSIGNED
from handinger_tui.core.money.spending import NO_KNOWN_DAY, TIME_GROUPS, Bucket, GroupBy, Rise, TurnCharge
from handinger_tui.core.money.words import count_text, count_within, total_cell, unknown_words
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import NO_DAY, TurnStatus
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.ledger.charts import BAR, FAINT, MARK, STRONG
from handinger_tui.ui.ledger.query import GROUPS, local_time, row_name
from handinger_tui.ui.widgets.status_text import STATUS_WORDS
from handinger_tui.ui.widgets.virtual_list import ListRows, VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

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


class LedgerColumn(Struct, frozen=True):
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


class LedgerLine(Struct, frozen=True):
    """One row: its key, one text for each column, the session that Open shows, and its name."""

    key: str
    cells: tuple[str, ...]
    session_id: str | None
    name: str
    amount: Decimal | None = None
    rises: tuple[Rise, ...] = ()
    """The rises of a row of suspense; none in any other row."""


class Measure(Struct, frozen=True):
    """Widths in cells of the widest texts of each column so far.

    `before`: before the decimal point; `behind`: from the point on; `full`: the full text. `highest`:
    the highest amount.
    """

    before: tuple[int, ...]
    behind: tuple[int, ...]
    full: tuple[int, ...]
    highest: Decimal = Decimal(0)

    @classmethod
    def of(cls, columns: Sequence[LedgerColumn]) -> Measure:
        """The widths of the captions alone."""
        zeros = (0,) * len(columns)
        return cls(zeros, zeros, tuple(len(column.head) for column in columns))

    def with_lines(self, columns: Sequence[LedgerColumn], lines: Iterable[LedgerLine]) -> Measure:
        """The widths with more lines."""
        before, behind, full = list(self.before), list(self.behind), list(self.full)
        highest = self.highest
        for line in lines:
            highest = max(highest, line.amount or Decimal(0))
            for at, (column, text) in enumerate(zip(columns, line.cells, strict=True)):
                if column.align is Align.POINT and _is_figure(text):
                    left, right = _split_at_point(text)
                    before[at], behind[at] = max(before[at], len(left)), max(behind[at], len(right))
                    full[at] = max(full[at], before[at] + behind[at])
                else:
                    full[at] = max(full[at], cell_len(text))
        return Measure(tuple(before), tuple(behind), tuple(full), highest)


def _is_figure(text: str) -> bool:
    return bool(text) and (text[0].isdigit() or text[0] in "$<-")


def _split_at_point(text: str) -> tuple[str, str]:
    """Split a figure at its decimal point: $1.25 → "$1", ".25"; 8 +2 → "8", " +2"."""
    places = (text.find("."), text.find(" "), len(text))
    at = next(at for at in places if at >= 0)
    return text[:at], text[at:]


class Layout(Struct, frozen=True):
    """The columns that fit, and the width of each."""

    columns: tuple[LedgerColumn, ...]
    measure: Measure
    visible: tuple[tuple[int, int], ...]
    """(index of the column, its width in cells) of each column shown."""

    @classmethod
    def fit(cls, columns: Sequence[LedgerColumn], measure: Measure, width: int) -> Layout:
        """Choose the columns for `width` cells, by rank, and distribute unused room."""
        widths = {at: column.least or measure.full[at] for at, column in enumerate(columns)}
        possible = [at for at in widths if widths[at] > 0]
        chosen = {at for at in possible if not columns[at].rank}
        names = [at for at in possible if columns[at].least and columns[at].align is Align.LEFT]
        comfort = sum(max(0, min(measure.full[at], COMFORT) - widths[at]) for at in names)
        for at in sorted(possible, key=lambda at: columns[at].rank):
            more = [one for one in possible if one in chosen or one == at]
            if _total_width(more, widths, columns) + (comfort if columns[at].rank >= IDLE else 0) <= width:
                chosen.add(at)
        visible = [at for at in possible if at in chosen]
        free = max(0, width - _total_width(visible, widths, columns))
        for at in visible:
            if at in names:
                growth = min(free, max(0, measure.full[at] - widths[at]))
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

    def line(self, line: LedgerLine) -> Content:
        """One row, aligned with the captions."""
        return self._join([self._cell(line, at, cells) for at, cells in self.visible])

    def _cell(self, line: LedgerLine, at: int, cells: int) -> Content:
        column, text = self.columns[at], line.cells[at]
        if column.align is Align.BAR:
            text = horizontal_bar(line.amount, self.measure.highest, cells)
        elif column.align is Align.POINT and _is_figure(text):
            left, right = _split_at_point(text)
            text = f"{left}{right:<{self.measure.behind[at]}}"
        elif column.ids:
            text = middle_cut(text, cells)
        style = FAINT if text in (UNKNOWN, "—") else column.style
        content = _aligned(text, column.align, cells)
        return content.stylize(style) if style else content

    def _join(self, cells: Sequence[Content]) -> Content:
        """Join the cells of a row with the gaps between their columns."""
        pieces: list[Content | str] = []
        for (at, _), cell in zip(self.visible, cells, strict=True):
            pieces += [_gap(self.columns[at], first=not pieces), cell]
        return Content.assemble(*pieces)


def _gap(column: LedgerColumn, *, first: bool) -> str:
    return "" if first else " " if column.close else "  "


def _total_width(visible: Sequence[int], widths: dict[int, int], columns: Sequence[LedgerColumn]) -> int:
    return sum(widths[at] + len(_gap(columns[at], first=at == visible[0])) for at in visible)


def _aligned(text: str, align: Align, cells: int) -> Content:
    cut = Content(text).truncate(cells, ellipsis=True)
    if align in (Align.LEFT, Align.BAR):
        return cut.pad_right(cells - cut.cell_length)
    return cut.pad_left(cells - cut.cell_length)


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
        self.columns: tuple[LedgerColumn, ...] = ()
        self._count = 0
        self._pages: OrderedDict[int, Sequence[LedgerLine]] = OrderedDict()
        self._stale_pages: dict[int, Sequence[LedgerLine]] = {}
        """Pages read before a reload, shown until the new ones are read."""
        self._measure = Measure.of(())
        self._layout: tuple[int, Layout] | None = None
        """The columns as laid out for a width."""

    @property
    def count(self) -> int:
        """The number of rows."""
        return self._count

    def reset(self, columns: Sequence[LedgerColumn], count: int, *, reload: bool) -> None:
        """Start with `count` rows, none of them read yet. `reload`: the old ones are shown until then."""
        self._stale_pages = dict(self._pages) if reload else {}
        self._measure = self._measure if reload else Measure.of(columns)
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
        measure = self._measure.with_lines(self.columns, lines)
        if measure != self._measure:
            self._measure, self._layout = measure, None

    def line_at(self, at: int) -> LedgerLine | None:
        """The texts of row `at`; None until they are read."""
        page, index = divmod(at, PAGE)
        lines = self._pages.get(page) or self._stale_pages.get(page, ())
        return lines[index] if index < len(lines) else None

    def head_line(self, width: int) -> Content:
        """The captions."""
        captions = Content.assemble(" ", self._layout_for(width - 1).head())
        return captions.pad_right(max(0, width - captions.cell_length)).stylize(".ledger--head")

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """One row; its page is requested where it is not in memory."""
        page, line = at // PAGE, self.line_at(at)
        if page not in self._pages and page not in self._requested:
            self._requested.add(page)
            self._request(page)
        content = Content.styled("…", FAINT) if line is None else self._layout_for(width).line(line)
        return Content(content.plain) if here else content

    def _layout_for(self, width: int) -> Layout:
        if self._layout is None or self._layout[0] != width:
            # One cell stays free beside the scrollbar.
            self._layout = width, Layout.fit(self.columns, self._measure, width - 1)
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

    def show(self, columns: Sequence[LedgerColumn], count: int, *, cursor_key: str | None = None) -> None:
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


_GAPS: Final = LedgerColumn("", Align.LEFT, style=MARK, close=True)
_SUMS: Final = (
    LedgerColumn("Cost", Align.POINT, style=STRONG),
    _GAPS,
    LedgerColumn("Credits", Align.POINT, rank=2),
    LedgerColumn("Tokens", Align.POINT, rank=4, style=FAINT),
    LedgerColumn("Failed or incomplete", rank=3, style=FAINT),
)
_BAR: Final = LedgerColumn("", Align.BAR, rank=7, style=BAR, least=12)
TURN_COLUMNS: Final = (
    LedgerColumn("When", Align.LEFT),
    LedgerColumn("Session", Align.LEFT, least=12),
    LedgerColumn("Status", Align.LEFT, rank=2),
    LedgerColumn("Budget", Align.LEFT, rank=3, style=FAINT),
    LedgerColumn("Trigger", Align.LEFT, rank=5, style=FAINT),
    LedgerColumn("Steps", rank=7, style=FAINT),
    LedgerColumn("Tokens", rank=6, style=FAINT),
    LedgerColumn("Time", rank=4, style=FAINT),
    LedgerColumn("Credits", Align.POINT, rank=1),
    LedgerColumn("Cost", Align.POINT, style=STRONG),
)
_STATUS: Final = MappingProxyType(
    {
        TurnStatus.RUNNING: "was running",
        TurnStatus.CHECKING: "checking",
        TurnStatus.UNKNOWN: "unknown",
        TurnStatus.QUEUED: "waiting",
    }
)


def columns_of(by: GroupBy) -> tuple[LedgerColumn, ...]:
    """The columns of the table for a grouping."""
    if by is GroupBy.TURN:
        return TURN_COLUMNS
    name, turns = (
        LedgerColumn(GROUPS[by][1], Align.LEFT, least=14, ids=by is GroupBy.WORKER),
        LedgerColumn("Turns"),
    )
    last = (LedgerColumn("Last", Align.LEFT, rank=5, style=FAINT),)
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
    return LedgerLine(key, (*cells, ""), session, name, usd.value, bucket.rises)


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
    return LedgerLine(name, shown, None, name, usd.value, bucket.rises)


def turn_line(charge: TurnCharge, year: int) -> LedgerLine:
    """The row of a turn. `year`: the present one."""
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
    return LedgerLine(charge.turn_id, cells, charge.session_id, title, charge.usd)
