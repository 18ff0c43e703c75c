"""`ListPanel`: a panel of items with a cursor. Only visible items are cleaned and drawn."""

from __future__ import annotations

import textwrap
from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.style import Style

from handinger_tui.core.safety.cleaning import clean, clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ui.panels.panel import Panel

Item = TypeVar("Item")
POINTER: Final = "›"
"""Marks the item under the cursor, so that it is recognizable without color."""
MOST: Final = 40_000
"""Characters of a name that are read. Larger than any name shown, to allow for control characters in it."""
FAINT: Final = ".panel--faint"
STRONG: Final = ".panel--strong"
MARK: Final = ".panel--mark"


@dataclass(frozen=True, slots=True)
class Items(Generic[Item]):
    """The selection that a list panel shows. `turn_id` is the turn whose items are new."""

    items: tuple[Item, ...] = ()
    turn_id: str | None = None


class ListPanel(Panel[Items[Item]], Generic[Item]):
    """A list of items, `LINES` lines each. The cursor stays on its item while the list changes."""

    LINES: ClassVar[int] = 2
    GROUND: ClassVar[int] = 2
    """Lines of an item that get the cursor's background."""
    EMPTY: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", "Up", show=False, tooltip="To the item above", id="panel.up"),
        Binding("down", "step(1)", "Down", show=False, tooltip="To the item below", id="panel.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, tooltip="A page up", id="panel.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, tooltip="A page down", id="panel.page_down"),
        Binding("home", "edge(0)", "First", show=False, tooltip="To the first item", id="panel.first"),
        Binding("end", "edge(-1)", "Last", show=False, tooltip="To the last item", id="panel.last"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._cursor = 0
        self._hovered: int | None = None

    # -- for subclasses -------------------------------------------------------------
    @abstractmethod
    def item_line(self, at: int, row: int, width: int) -> Content:
        """Line `row` of item `at`, at most `width` cells wide, without the cell of the pointer."""

    @abstractmethod
    def key_of(self, item: Item) -> Hashable:
        """The identity of an item across selections."""

    @abstractmethod
    def turn_of(self, item: Item) -> str:
        """The id of the turn that produced the item."""

    @abstractmethod
    def details(self, item: Item) -> Content:
        """All facts about the item, for its tooltip."""

    # -- public -----------------------------------------------------------------------
    @property
    def items(self) -> tuple[Item, ...]:
        """The listed items, in the order shown."""
        return self._selection.items if self._selection is not None else ()

    @property
    def cursor(self) -> int:
        """The position of the cursor among the items; 0 in an empty list."""
        return self._cursor

    @property
    def current(self) -> Item | None:
        """The item under the cursor; None in an empty list."""
        return self.items[self._cursor] if self._cursor < len(self.items) else None

    def is_new(self, item: Item) -> bool:
        """Whether the turn in view produced the item."""
        return self._selection is not None and self.turn_of(item) == self._selection.turn_id

    def changed(self, before: Items[Item] | None, now: Items[Item]) -> None:
        """Keep the cursor on its item and update the count in the border."""
        old = before.items if before is not None else ()
        key = self.key_of(old[self._cursor]) if self._cursor < len(old) else None
        same = self._cursor < len(now.items) and self.key_of(now.items[self._cursor]) == key
        if not same:
            matches = (at for at, item in enumerate(now.items) if self.key_of(item) == key)
            self._cursor = next(matches, 0)
        new = sum(self.turn_of(item) == now.turn_id for item in now.items)
        count = f"{len(now.items):,}" + (f" · {new:,} new" if new else "")
        self.border_subtitle = Content(count) if now.items else None
        self._hovered = None
        self.tooltip = None
        self.refresh_bindings()

    # -- lines --------------------------------------------------------------------------
    def lines_of(self, at: int) -> range:
        """The lines of item `at`. A subclass with headings or items of other heights overrides this."""
        return range(at * self.LINES, (at + 1) * self.LINES)

    def span_of(self, at: int) -> range:
        """The lines to scroll into view when the cursor moves to item `at`."""
        return self.lines_of(at)

    def place_of(self, y: int) -> tuple[int, int] | None:
        """(item, row within it) at line `y`; None where there is no item."""
        at, row = divmod(y, self.LINES)
        return (at, row) if 0 <= at < len(self.items) else None

    def line_count(self, width: int) -> int:
        """The number of lines of all items, or of the text of an empty list."""
        return self.lines_of(len(self.items) - 1).stop if self.items else len(_wrap(self.EMPTY, width))

    def line(self, y: int, width: int) -> Content:
        """One line of an item; the first line of the item under the cursor starts with the pointer."""
        if not self.items:
            return Content.styled(_wrap(self.EMPTY, width)[y], FAINT)
        place = self.place_of(y)
        if place is None:
            return Content("")
        at, row = place
        pointer = POINTER if self._is_at_cursor(y) and row == 0 else " "
        line = Content.assemble(pointer, self.item_line(at, row, width - 1))
        # One color on the cursor's background: faint text would not contrast with it.
        return Content.styled(line.plain, "bold" if row == 0 else "") if self._is_at_cursor(y) else line

    def style_of(self, y: int) -> Style:
        """The cursor's background under the lines of its item."""
        return self.get_visual_style("panel--cursor") if self._is_at_cursor(y) else self.visual_style

    def _is_at_cursor(self, y: int) -> bool:
        place = self.place_of(y) if self.has_focus else None
        return place is not None and place[0] == self._cursor and place[1] < self.GROUND

    # -- moving ---------------------------------------------------------------------------
    def move_to(self, at: int) -> None:
        """Move the cursor to the item nearest to position `at` and scroll it into view."""
        before, self._cursor = self._cursor, max(0, min(at, len(self.items) - 1))
        for moved in {before, self._cursor}:
            lines = self.lines_of(moved) if moved < len(self.items) else range(0)
            self.refresh_lines(lines.start, len(lines))
        span = self.span_of(self._cursor) if self.items else range(0)
        region = Region(0, span.start, self.scrollable_content_region.width, len(span))
        self.scroll_to_region(region, animate=False, force=True, immediate=True)
        self.refresh_bindings()

    def action_step(self, by: int) -> None:
        """Move the cursor by `by` items."""
        self.move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by `by` pages."""
        self.move_to(self._cursor + by * max(1, self.scrollable_content_region.height // self.LINES - 1))

    def action_edge(self, at: int) -> None:
        """Move the cursor to the first item (0) or the last one (-1)."""
        self.move_to(at % max(1, len(self.items)))

    def on_focus(self) -> None:
        """Show the cursor, which is drawn only with the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor, which is drawn only with the focus."""
        self.refresh()

    # -- mouse ----------------------------------------------------------------------------
    def item_at(self, event: events.MouseEvent) -> int | None:
        """The item under the mouse; None where there is none."""
        offset = event.get_content_offset(self)
        if offset is None:
            return None
        place = self.place_of(offset.y + self.scroll_offset.y)
        return place[0] if place is not None else None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show the details of the item under the mouse as a tooltip."""
        at = self.item_at(event)
        if at != self._hovered:
            self._hovered = at
            self.tooltip = None if at is None else self.details(self.items[at])


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 10))


def one_line(text: str) -> str:
    """An untrusted name: cleaned, on one line, cut to what a panel can show."""
    return clean_line(clean(text[:MOST]), 300)


def with_right(left: Content, right: Content, width: int) -> Content:
    """A line of `width` cells: `left`, cut to fit, and `right` at the right edge."""
    if not right.plain:
        return left.truncate(width, ellipsis=True)
    room = max(0, width - right.cell_length - 1)
    return Content.assemble(left.truncate(room, ellipsis=True, pad=True), " ", right)


def turn_in_view(session: Session) -> Turn | None:
    """The turn that panels call "this turn".

    The running turn, else the newest that may have cost something, else the newest that was not withdrawn.
    """
    recent = [turn for turn in session.turns[-20:] if turn.status is not TurnStatus.QUEUED]
    running = next((turn for turn in recent if turn.live), None)
    not_withdrawn = (turn for turn in reversed(recent) if not turn.withdrawn)
    return running or session.sent or next(not_withdrawn, session.current)
