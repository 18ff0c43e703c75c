"""Data: structured output and data parts as a tree, as a table where they are one, and as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.evidence.datasets import Dataset, csv_of, datasets_of, is_tabular, table_in
from handinger_tui.core.jsontext import Json
from handinger_tui.core.preview.tables import table_of_value
from handinger_tui.core.preview.tree import json_text, tree_of_value
from handinger_tui.core.safety.cleaning import clean_line, safe_file_name
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.keys import Where, bindings, for_footer
from handinger_tui.ui.lists.table_view import TableView
from handinger_tui.ui.lists.tree_view import TreeView
from handinger_tui.ui.lists.virtual_list import VirtualList, copy_from
from handinger_tui.ui.pages.page_actions import SavingScreen
from handinger_tui.ui.widgets.footer import FooterLine
from handinger_tui.ui.work.session_controller import SessionController

LOOKS_PER_S: Final = 1.0
NO_TABLE: Final = "Nothing here is a table: an array of objects or of arrays would be one."


class DataScreen(SavingScreen):
    """One dataset at a time; what comes meanwhile is told, and shown when asked for."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DATA)
    AUTO_FOCUS = "#data-tree"

    def __init__(self, desk: SessionController, found: Sequence[Dataset], at: int) -> None:
        super().__init__()
        self._desk = desk
        self._found = found
        self._at = at
        self._turns: tuple[Turn, ...] = desk.session.turns
        self._old = False
        """The value that is shown has changed meanwhile."""
        self._table: tuple[str, Json] | None = None
        """What the table shows, and where that stands; None while the tree is shown."""
        self._tree, self._rows = TreeView(id="data-tree"), TableView(id="data-table")

    def compose(self) -> ComposeResult:
        """What it is, the view, all of what the cursor stands on, the keys."""
        with Vertical(id="data"):
            yield Static(id="data-title")
            yield self._tree
            yield self._rows
            yield Static(id="data-whole")
            yield FooterLine()

    def on_mount(self) -> None:
        """Show it, and look whether there is more."""
        self._open()
        self.set_interval(1 / LOOKS_PER_S, self._look)

    @property
    def shown(self) -> Dataset:
        """What is shown."""
        return self._found[self._at]

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """For the footer: nothing is cut in the middle."""
        width = self.query_one(FooterLine).size.width if self.is_mounted else self.size.width
        return for_footer(super().active_bindings, width, self.app.get_key_display)

    def on_resize(self) -> None:
        """The footer is laid out for the width."""
        self.refresh_bindings()

    # -- showing ---------------------------------------------------------------------------
    def _open(self) -> None:
        root = tree_of_value(self.shown.value).root
        if root is not None:
            self._tree.show(root)
        self._old = False
        self._switch(None)

    def _switch(self, table: tuple[str, Json] | None) -> None:
        self._table = table
        view, other = (self._tree, self._rows) if table is None else (self._rows, self._tree)
        view.display, other.display = True, False
        view.focus()
        self._tell(view)
        self._title()

    def _title(self) -> None:
        one, count = self.shown, len(self._found)
        name = Content.styled(clean_line(one.name, 80) or "data", "bold")
        named = f" {clean_line(one.data_id, 40)}" if one.data_id else ""
        where = f"{named}   {self._at + 1:,} of {count:,} · turn {one.turn}"
        pieces = [Content.assemble(name, (where, "$text-muted"))]
        if self._table is not None:
            place = f" of {clean_line(self._table[0], 60)}" if self._table[0] else ""
            notes = " · ".join((f"table{place}: {self._rows.table.counted}", *self._rows.table.notes))
            pieces.append(Content.styled(notes, "$text-muted"))
        else:
            found = table_in(one.value)
            place = f" of {clean_line(found[0], 60)}" if found and found[0] else ""
            pieces.append(Content.styled(f"tree · Tab: table{place}" if found else "tree", "$text-muted"))
        if self._old:
            pieces.append(Content.styled("It has changed meanwhile: r reads it again.", "$warning"))
        self.query_one("#data-title", Static).update(Content("\n").join(pieces))

    @on(VirtualList.Moved)
    def _moved(self, event: VirtualList.Moved) -> None:
        if event.view.display:
            self._tell(event.view)

    def _tell(self, view: VirtualList) -> None:
        self.query_one("#data-whole", Static).update(Content(view.full_text.replace("\n", "⏎")))

    def _look(self) -> None:
        """What came meanwhile is counted; what is shown stays."""
        turns = self._desk.session.turns
        if turns == self._turns:
            return
        self._turns, one = turns, self.shown
        found = datasets_of(self._desk.session)
        at = _position(found, one)
        if at is not None:
            self._old = self._old or found[at].value is not one.value
            self._found, self._at = [*found[:at], one, *found[at + 1 :]], at
            self._title()

    # -- keys ------------------------------------------------------------------------------
    def action_another(self, by: int) -> None:
        """To other data."""
        if 0 <= self._at + by < len(self._found):
            self._at += by
            self._open()
        else:
            self.say("This is the newest." if by > 0 else "This is the first.")

    def action_reload(self) -> None:
        """Show what is there now."""
        found = datasets_of(self._desk.session)
        at = _position(found, self.shown)
        if at is not None:
            self._found, self._at = found, at
            self._open()

    def action_view(self) -> None:
        """As a table: what the cursor stands on if it is one, else what is one in it; or the tree again."""
        if self._table is not None:
            self._switch(None)
            return
        found = self._tabular()
        if found is None:
            self.say(NO_TABLE)
        else:
            self._lay_out(found)

    def _tabular(self) -> tuple[str, Json] | None:
        if self._table is not None:
            return self._table
        node = self._tree.current
        if node is not None and self._tree.cursor and is_tabular(node.value):
            return self._tree.path, node.value
        return table_in(self.shown.value)

    @work(group="table", exclusive=True)
    async def _lay_out(self, found: tuple[str, Json]) -> None:
        # A long array takes a second.
        shown, table = self.shown, await run_in_thread(lambda: table_of_value(found[1]))
        if table is None:
            self.say(NO_TABLE)
        elif shown is self.shown:
            self._rows.show(table)
            self._switch(found)

    def action_save(self, kind: str) -> None:
        """Into the download folder: all of it as JSON, or the table as CSV."""
        if kind == "json":
            value = self.shown.value
            self.do(self._save(".json", lambda: json_text(value)))
            return
        found = self._tabular()
        if found is None:
            self.say(NO_TABLE)
        else:
            table = found[1]
            self.do(self._save(".csv", lambda: csv_of(table)))

    async def _save(self, suffix: str, text: Callable[[], str]) -> None:
        name = safe_file_name(self.shown.name.replace(" ", "-"), "data")
        path = await self._desk.connection.save_text(
            f"{name}-{self.shown.turn_id}{suffix}", await run_in_thread(text)
        )
        self.say(f"Saved as {path}")

    def action_copy_all(self) -> None:
        """All of it as JSON, by the terminal."""
        self.do(self._copy(self.shown.value))

    async def _copy(self, value: Json) -> None:
        copy_from(self, await run_in_thread(lambda: json_text(value)), "all of it as JSON")


def _position(found: Sequence[Dataset], one: Dataset) -> int | None:
    """Where the same part of the same turn stands now; values are not compared."""
    return next((at for at, other in enumerate(found) if other == one), None)
