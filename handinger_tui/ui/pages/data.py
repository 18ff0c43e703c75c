"""The data page: structured output and data parts as a tree or table, with export to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.evidence import Dataset, csv_of, datasets_of, is_tabular, table_in
from handinger_tui.core.jsontext import json_text
from handinger_tui.core.previews.tables import table_of_value
from handinger_tui.core.previews.trees import tree_of_value
from handinger_tui.core.safety import clean_line, safe_file_name
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages import Page
from handinger_tui.ui.widgets.frame import FooterLine
from handinger_tui.ui.widgets.tables_and_trees import TableView, TreeView
from handinger_tui.ui.widgets.virtual_list import VirtualList, copy_from

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handinger_tui.core.jsontext import Json
    from handinger_tui.core.turns.turn import Turn
    from handinger_tui.ui.sessions.controller import SessionController

CHECKS_PER_S: Final = 1.0
"""How often per second the page checks whether the data have changed."""
NO_TABLE: Final = "No table here. Tables are arrays of objects or arrays."


class DataScreen(Page):
    """Shows one dataset at a time. When it changes, a line says so; the change is shown on reload."""

    BINDINGS = bindings(Where.DATA, Where.SCREEN)
    NAME = "data"
    AUTO_FOCUS = "#data-tree"

    def __init__(self, controller: SessionController, datasets: Sequence[Dataset], index: int) -> None:
        super().__init__()
        self._controller = controller
        self._actor = controller.shown
        """While this page is open, another session may come to the work screen, and this one be deleted."""
        self._datasets = datasets
        self._index = index
        self._turns: tuple[Turn, ...] = self._actor.session.turns
        self._is_stale = False
        """Whether the dataset has changed since it was shown."""
        self._table: tuple[str, Json] | None = None
        """The path and the value that the table shows; None while the tree is shown."""
        self._tree, self._rows = TreeView(id="data-tree"), TableView(id="data-table")

    def compose(self) -> ComposeResult:
        """Lay out the title, the two views, the value at the cursor, and the footer."""
        with Vertical(id="data", classes="page -broad"):
            yield Static(id="data-title", classes="page-title")
            yield self._tree
            yield self._rows
            yield Static(id="data-value", classes="page-foot")
            yield FooterLine()

    def on_mount(self) -> None:
        """Show the dataset and start checking for changes."""
        self._open()
        self.set_interval(1 / CHECKS_PER_S, self._check_changes)

    @property
    def dataset(self) -> Dataset:
        """The dataset that is shown."""
        return self._datasets[self._index]

    # -- showing ---------------------------------------------------------------------------
    def _open(self) -> None:
        root = tree_of_value(self.dataset.value).root
        if root is not None:
            self._tree.show(root)
        self._is_stale = False
        self._show_view(None)

    def _show_view(self, table: tuple[str, Json] | None) -> None:
        self._table = table
        view, other = (self._tree, self._rows) if table is None else (self._rows, self._tree)
        view.display, other.display = True, False
        view.focus()
        self._show_value(view)
        self._draw_title()

    def _draw_title(self) -> None:
        dataset, count = self.dataset, len(self._datasets)
        name = Content.styled(clean_line(dataset.name, 80) or "data", "bold")
        data_id = f" {clean_line(dataset.data_id, 40)}" if dataset.data_id else ""
        position = f"{data_id}   {self._index + 1:,} of {count:,} · turn {dataset.turn}"
        pieces = [Content.assemble(name, (position, "$text-muted"))]
        if self._table is not None:
            place = f" of {clean_line(self._table[0], 60)}" if self._table[0] else ""
            notes = " · ".join(
                (f"table{place}: {self._rows.rows.table.counted}", *self._rows.rows.table.notes)
            )
            pieces.append(Content.styled(notes, "$text-muted"))
        else:
            table = table_in(dataset.value)
            place = f" of {clean_line(table[0], 60)}" if table and table[0] else ""
            pieces.append(Content.styled(f"tree · Tab: table{place}" if table else "tree", "$text-muted"))
        if self._is_stale:
            pieces.append(Content.styled("The data has changed. Press r to refresh.", "$warning"))
        self.put_title(*pieces)

    @on(VirtualList.Moved)
    def _handle_cursor_move(self, event: VirtualList.Moved) -> None:
        if event.view.display:
            self._show_value(event.view)

    def _show_value(self, view: VirtualList[Any]) -> None:
        self.query_one("#data-value", Static).update(
            Content(view.rows.full_text(view.cursor).replace("\n", "⏎"))
        )

    def _check_changes(self) -> None:
        """Update the count and the stale mark; the dataset that is shown stays as it is."""
        session, dataset = self._actor.session, self.dataset
        if session.turns == self._turns:
            return
        self._turns = session.turns
        datasets = datasets_of(session)
        index = _index_of(datasets, dataset)
        if index is not None:
            self._is_stale = self._is_stale or datasets[index].value is not dataset.value
            self._datasets, self._index = [*datasets[:index], dataset, *datasets[index + 1 :]], index
            self._draw_title()

    # -- keys ------------------------------------------------------------------------------
    def action_another(self, by: int) -> None:
        """Show the dataset `by` steps on."""
        if 0 <= self._index + by < len(self._datasets):
            self._index += by
            self._open()
        else:
            self.say("This is the newest item." if by > 0 else "This is the first item.")

    def action_reload(self) -> None:
        """Show the present state of the dataset."""
        datasets = datasets_of(self._actor.session)
        index = _index_of(datasets, self.dataset)
        if index is not None:
            self._datasets, self._index = datasets, index
            self._open()

    def action_view(self) -> None:
        """Switch to the table at the cursor, else to the first one in the dataset; or back to the tree."""
        if self._table is not None:
            self._show_view(None)
            return
        table = self._find_table()
        if table is None:
            self.say(NO_TABLE)
        else:
            self._show_table(table)

    def _find_table(self) -> tuple[str, Json] | None:
        if self._table is not None:
            return self._table
        node = self._tree.current
        if node is not None and self._tree.cursor and is_tabular(node.value):
            return self._tree.path, node.value
        return table_in(self.dataset.value)

    @work(group="table", exclusive=True)
    async def _show_table(self, table: tuple[str, Json]) -> None:
        # Laying out a long array takes a second.
        dataset, layout = self.dataset, await run_in_thread(lambda: table_of_value(table[1]))
        if layout is None:
            self.say(NO_TABLE)
        elif dataset is self.dataset:
            self._rows.show(layout)
            self._show_view(table)

    def action_save(self, kind: str) -> None:
        """Save to the download folder: the dataset as JSON ("json"), or its table as CSV ("csv")."""
        if kind == "json":
            value = self.dataset.value
            self.do(self._save(".json", lambda: json_text(value)))
            return
        table = self._find_table()
        if table is None:
            self.say(NO_TABLE)
        else:
            value = table[1]
            self.do(self._save(".csv", lambda: csv_of(value)))

    async def _save(self, suffix: str, render: Callable[[], str]) -> None:
        name = safe_file_name(self.dataset.name.replace(" ", "-"), "data")
        path = await self._controller.connection.save_text(
            f"{name}-{self.dataset.turn_id}{suffix}", await run_in_thread(render)
        )
        self.say(f"Saved to {path}")

    def action_copy_all(self) -> None:
        """Copy the dataset as JSON."""
        self.do(self._copy(self.dataset.value))

    async def _copy(self, value: Json) -> None:
        copy_from(self, await run_in_thread(lambda: json_text(value)), "everything as JSON")


def _index_of(datasets: Sequence[Dataset], dataset: Dataset) -> int | None:
    """The index of the same part of the same turn; None without it. Values are not compared."""
    return next((index for index, other in enumerate(datasets) if other == dataset), None)
