"""The page that every list of the program is: its title, its columns and rows, and what is selected."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.columns import Column, Row, Tone
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.dialogs import TextQuestion
from handinger_tui.ui.pages import Page
from handinger_tui.ui.widgets.column_list import ColumnList
from handinger_tui.ui.widgets.frame import FooterLine
from handinger_tui.ui.widgets.virtual_list import ItemT, VirtualList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from handinger_tui.ui.front import Front

LOOK_S: Final = 1.0
"""Seconds between two looks at what a page shows."""
TINY: Final = 10
"""On a screen of fewer rows, a single line stands below the title: the rows of the list need the others."""
MANY: Final = 100
LOOK_AT_MANY_S: Final = 1.75
"""With more rows than `MANY`. Every two seconds would save nothing more."""


class ListPage(Page, Generic[ItemT]):
    """A page with one list. A subclass reads the items and makes a row of each.

    Sorting, filter, mouse, narrow screens and the cursor are the same in all of them. Its keys are those of
    the places `LIST` and `SCREEN` of the key table, and its own.
    """

    AUTO_FOCUS = "ColumnList"
    BOX_CLASSES = "page -broad"
    COLUMNS: ClassVar[Sequence[Column]]
    LIST: ClassVar[type[ColumnList[Any]]] = ColumnList
    """A subclass with further keys."""
    SORTS: ClassVar[bool] = True
    """Whether its rows have more than one order."""
    LOOKS: ClassVar[bool] = False
    """Whether it shows changes by itself."""
    NEEDS_ITEM: ClassVar[frozenset[str]] = frozenset()
    """The actions that need a selected item."""

    def __init__(self, interaction: Front, about: str = "") -> None:
        """`about`: what the list belongs to, such as "worker w1"; it stands beside the title."""
        super().__init__()
        self.table: ColumnList[ItemT] = self.LIST(self.COLUMNS, self.copied, id=f"{self.NAME}-list")
        self.table.sorts = self.SORTS
        self._interaction = interaction
        self._about = about
        self.chosen = ""
        """The key of the item that the cursor goes to when the items are read; "": it stays on its item."""
        self._note = ""
        """The result of the last change; it is shown until the next one."""
        self._is_read = self._is_renewing = False

    # -- what a subclass says ------------------------------------------------------------------
    @abstractmethod
    async def read(self) -> Sequence[ItemT]:
        """Read the items. Raises HandingerError."""

    @abstractmethod
    def row(self, item: ItemT) -> Row:
        """The row of an item."""

    @property
    def empty(self) -> str:
        """What stands in place of rows: what fills the list."""
        return ""

    def head(self) -> Iterable[Content | str]:
        """Lines below the title, once the items are read."""
        return ()

    def foot(self, item: ItemT) -> Iterable[Content | str]:
        """All about the selected item, below the list."""
        return ()

    def key(self, item: ItemT) -> str:
        """What tells an item from others when the list is read again; "": its place."""
        return ""

    def show_item(self, item: ItemT | None) -> None:
        """Show the selected item, where a page shows more of it than the foot."""

    def compose_list(self) -> ComposeResult:
        """Lay out the list, and what stands beside it."""
        yield self.table

    def copied(self, item: ItemT) -> tuple[str, str]:
        """What `y` copies of an item, and the name of that: ("sch_1", "the id of the schedule")."""
        return "", ""

    # -- drawing -----------------------------------------------------------------------------------
    def compose(self) -> ComposeResult:
        """Lay out the lines above, the list, the lines below, and the footer."""
        with Vertical(id=self.NAME, classes=self.BOX_CLASSES):
            yield Static(id=f"{self.NAME}-title", classes="page-title")
            yield from self.compose_list()
            yield Static(id=f"{self.NAME}-foot", classes="page-foot")
            yield FooterLine()

    def on_mount(self) -> None:
        self.action_reload()
        if self.LOOKS:
            self._look_later()

    def _look_later(self) -> None:
        self.set_timer(LOOK_S if self.table.rows.total <= MANY else LOOK_AT_MANY_S, self._look)

    def _look(self) -> None:
        self.look_again()
        self._look_later()

    @work(group="read", exclusive=True)
    async def action_reload(self) -> None:
        """Read the list again; the cursor stays on its item, or in its place."""
        before, self._is_read = self.table.current, False
        self.draw_title("Reading…")
        try:
            items = await self.read()
        except HandingerError as problem:
            self.table.show((), (), clean_line(problem.text, 600))
            self.draw_title()
            return
        self._is_read = True
        key, self.chosen = self.chosen or ("" if before is None else self.key(before)), ""
        self.table.show(items, [self.row(item) for item in items], self.empty)
        self._move_to(key)
        self.draw_title()

    def _move_to(self, key: str) -> None:
        at = next((at for at, one in enumerate(self.table.rows.items) if key and self.key(one) == key), None)
        if at is not None:
            self.table.move_to(at)

    @work(group="renew")
    async def look_again(self) -> None:
        """Show the items as they are by now, without a word, unless they are being read. Nothing scrolls."""
        if self._is_renewing or not self._is_read:
            return
        self._is_renewing = True
        try:
            # What cannot be read is reported where it is needed, not at each look.
            with suppress(HandingerError):
                self._renew(await self.read())
        finally:
            self._is_renewing = False

    def _renew(self, items: Sequence[ItemT]) -> None:
        before = self.table.current
        key = "" if before is None else self.key(before)
        self.table.renew(items, [self.row(item) for item in items], self.empty)
        if before is not None and (self.table.current is None or self.key(self.table.current) != key):
            self._move_to(key)
        if type(before) is not type(self.table.current):
            # Its keys are others.
            self.refresh_bindings()
        self.draw_title()
        self.draw_foot()

    def draw_title(self, doing: str = "") -> None:
        """Show title and head, or what is being done, and the result of the last change."""
        about = (f"   {clean_line(self._about, 60)}" if self._about else "", Tone.FAINT)
        lines = [Content(doing)] if doing else [*map(_content, self.head() if self._is_read else ())]
        newest = []
        if self._note:
            newest.append(Content.styled(clean_line(self._note, 300), Tone.GOOD))
        if text := self.table.rows.filter:
            counted = (
                f"Filter “{clean_line(text, 60)}” · {self.table.rows.count:,} of {self.table.rows.total:,}"
            )
            newest.append(Content.styled(f"{counted} · Esc to clear", Tone.FAINT))
        below = [*lines, *newest]
        if self.size.height < TINY:
            below = newest[-1:] or lines[:1]
        self.put_title(Content.assemble((self.NAME.capitalize(), "bold"), about), *below)

    def note(self, text: str) -> None:
        """Show a sentence below the title."""
        self._note = text
        self.draw_title()

    @on(VirtualList.Moved)
    def _show_selected(self, event: VirtualList.Moved) -> None:
        if event.view is self.table:
            self.show_item(self.table.current)
            self.draw_foot()

    def draw_foot(self) -> None:
        """Show all about the selected item."""
        item = self.table.current
        lines = [] if item is None else [line for line in map(_content, self.foot(item)) if line.plain]
        self.put_text("foot", *lines)

    # -- keys --------------------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only keys that have an effect now."""
        if action in ("filter", "sort", "reverse"):
            return self.table.rows.total > 1 and (self.SORTS or action == "filter")
        return action not in self.NEEDS_ITEM or self.table.current is not None

    @work(group="filter", exclusive=True)
    async def action_filter(self) -> None:
        """Ask for the words of the filter."""
        question = TextQuestion("Show only rows with", self.table.rows.filter, "words, in any order")
        text = await self.app.push_screen_wait(question)
        if text is not None:
            self._filter(text)

    def _filter(self, text: str) -> None:
        self.table.filter(text)
        self.draw_title()

    def action_sort(self, by: int) -> None:
        """Sort by the next column."""
        self.table.sort_next(by)

    def action_reverse(self) -> None:
        self.table.reverse()

    def action_close(self) -> None:
        """Clear the filter, or close the page."""
        if self.table.rows.filter:
            self._filter("")
        else:
            super().action_close()

    # -- changing ----------------------------------------------------------------------------------
    def change(self, change: Awaitable[str | None]) -> None:
        """Run a change, which returns its result as a sentence; None: nothing was sent.

        It continues when the page is closed: the request may be on its way.
        """

        async def run() -> None:
            text = await change
            if text is None:
                return
            if self.is_attached:
                self._note = text
                self.action_reload()
            else:
                self._interaction.say(text)

        self._interaction.run(run())


def _content(line: Content | str) -> Content:
    return Content(line) if isinstance(line, str) else line
