"""The stored workers that the history knows, and the tasks of the selected one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content

from handinger_tui.core.columns import Row, Tone
from handinger_tui.core.formatting import ago
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stored_workers import COLUMNS, StoredWorker, worker_lines, worker_row
from handinger_tui.core.turns.session import SessionSummary
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages.list_page import ListPage
from handinger_tui.ui.pages.worker_form import WorkerFormScreen
from handinger_tui.ui.widgets import session_rows
from handinger_tui.ui.widgets.column_list import ColumnList
from handinger_tui.ui.widgets.frame import StaticReflow
from handinger_tui.ui.widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from handinger_tui.core.acts import Confirmation
    from handinger_tui.engine.stored_workers import StoredWorkerCatalog
    from handinger_tui.ui.front import Front
    from handinger_tui.ui.ports import HistoryOfSessions

WIDE: Final = 100
"""Width in cells from which the details stand beside the list."""
EMPTY: Final = (
    "No workers yet. Press n to create one from a prompt, or a to add one by its id. "
    "Workers that your tasks belong to appear here automatically."
)
NO_TASKS: Final = "No tasks here yet. Enter in the list of workers starts one; a adds one by id."
GONE: Final = "The service no longer knows this worker. Press r to read it again."
HOW_TO_READ: Final = "Press r to read them by an empty change (free)."


class WorkerActions(Struct, frozen=True):
    """What the work screen does for the page, once the page is closed."""

    open_session: Callable[[str], None]
    """Show a session by its id."""
    begin_task: Callable[[StoredWorker], None]
    """Show a new session, whose first message begins a task of the worker."""
    open_task: Callable[[str], None]
    """Show the session of the task that an id or address names."""
    worker_in: Callable[[str], str]
    """The worker that an id or address names."""


class WorkersList(ColumnList[StoredWorker]):
    """The workers. Enter begins a task."""

    BINDINGS = bindings(Where.LINES, Where.WORKER_ROWS)


class TasksList(ColumnList[SessionSummary]):
    """The tasks of the worker at the cursor. Enter opens one."""

    BINDINGS = bindings(Where.LINES, Where.TASK_ROWS)
    CURSOR_WITHOUT_FOCUS = False


class WorkersScreen(ListPage[StoredWorker]):
    """The stored workers. It shows what the history has; only keys cause requests."""

    BINDINGS = bindings(Where.WORKERS, Where.LIST, Where.SCREEN)
    NAME = "workers"
    BOX_CLASSES = ""
    COLUMNS = COLUMNS
    LIST = WorkersList
    NEEDS_ITEM = frozenset({"begin", "edit", "delete", "read"})
    empty = EMPTY

    def __init__(
        self,
        stored_workers: StoredWorkerCatalog,
        history: HistoryOfSessions,
        actions: WorkerActions,
        interaction: Front,
        now_ms: Callable[[], int],
        chosen: str = "",
    ) -> None:
        """`chosen`: the id of the worker that the cursor starts on."""
        super().__init__(interaction)
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.chosen = chosen
        self._stored_workers = stored_workers
        self._history = history
        self._actions = actions
        self._now_ms = now_ms
        self._tasks = TasksList(
            session_rows.COLUMNS, _task_id, id="workers-tasks", classes="cursor-lines page-list"
        )
        self._tasks_of: dict[str, list[SessionSummary]] = {}

    def compose_list(self) -> ComposeResult:
        """The list, and beside it all about the selected worker, with its tasks."""
        self.table.add_class("page-list")
        self.table.border_title, self._tasks.border_title = "Stored workers", "Tasks"
        with Horizontal(id="workers-body"):
            yield self.table
            with Vertical(id="workers-details"):
                with VerticalScroll(id="workers-text", classes="page-list", can_focus=True):
                    yield StaticReflow(id="workers-facts")
                yield self._tasks

    async def read(self) -> Sequence[StoredWorker]:
        """Read all workers of the history, and their tasks."""
        self._tasks_of = await self._stored_workers.tasks()
        return await self._stored_workers.listed()

    def row(self, item: StoredWorker) -> Row:
        """Title and number of tasks; visibility and summary."""
        return worker_row(item)

    def key(self, item: StoredWorker) -> str:
        """The id of the worker."""
        return item.worker_id

    def copied(self, item: StoredWorker) -> tuple[str, str]:
        """The id of the worker."""
        return item.worker_id, "the id of the worker"

    def show_item(self, item: StoredWorker | None) -> None:
        """Show all about a worker, and its tasks."""
        now_ms = self._now_ms()
        lines = [] if item is None else worker_lines(item, lambda ms: ago(ms, now_ms), HOW_TO_READ)
        facts = self.query_one("#workers-facts", StaticReflow)
        facts.put_wrapped([Content.styled(text, style) for text, style in lines])
        self.query_one("#workers-text").scroll_home(animate=False)
        tasks = [] if item is None else self._tasks_of.get(item.worker_id, [])
        self._tasks.cursor = 0
        self._tasks.show(tasks, session_rows.rows_of(tasks, {}, now_ms), NO_TASKS)

    def foot(self, item: StoredWorker) -> Iterable[Content]:
        """All about the selected task."""
        task = self._tasks.current
        if self._tasks.has_focus and task is not None:
            yield session_rows.session_details(task, None, self._now_ms(), self.size.width - 4)
        else:
            yield Content.styled("Tab: next part · y: copy the id", Tone.FAINT)

    @on(VirtualList.Moved)
    @on(events.DescendantFocus)
    def _show_task(self) -> None:
        self.draw_foot()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable what needs a worker, or a task, where there is none."""
        if action in ("open", "archive"):
            return self._tasks.current is not None
        return super().check_action(action, parameters)

    # -- workers ---------------------------------------------------------------------------
    def action_begin(self) -> None:
        """Close, and show a new session whose first message begins a task of this worker."""
        worker = self.table.current
        if worker is not None and worker.is_missing:
            self.note(GONE)
        elif worker is not None:
            self.dismiss()
            self._actions.begin_task(worker)

    def action_new(self) -> None:
        self.change(self._edit(None))

    def action_edit(self) -> None:
        """Edit the worker, after its members are read."""
        worker = self.table.current
        if worker is not None and worker.is_missing:
            self.note(GONE)
        elif worker is not None:
            self.change(self._edit(worker))

    async def _edit(self, worker: StoredWorker | None) -> str | None:
        if worker is not None:
            worker = await self._stored_workers.newest(worker)
        form = WorkerFormScreen(self._stored_workers, self._history, worker)
        saved = await self._interaction.ask(form)
        if saved is None:
            return None
        self.chosen = saved.worker_id
        return f"{'Stored' if worker is None else 'Saved'}: {clean_line(saved.name, 100)}."

    def action_add(self, what: str) -> None:
        """Add a worker by id or address, or open a task by one, as `what` says."""
        self.change(self._add(what))

    async def _add(self, what: str) -> str | None:
        title = "Add a worker" if what == "worker" else "Open a task"
        text = await self._interaction.ask_text(title, "", "id or dashboard address")
        if text and what == "worker":
            worker = await self._stored_workers.read(self._actions.worker_in(text))
            self.chosen = worker.worker_id
            return f"Added: {clean_line(worker.name, 100)}."
        if text:
            self.dismiss()
            self._actions.open_task(text)
        return None

    def action_read(self) -> None:
        """Read the worker from the service."""
        if self.table.current is not None:
            self.change(self._read(self.table.current))

    async def _read(self, worker: StoredWorker) -> str:
        try:
            await self._stored_workers.read(worker.worker_id)
            await self._stored_workers.newest(worker)
        finally:
            # The worker may no longer exist.
            self.action_reload()
        return "Read again."

    def action_delete(self) -> None:
        """Delete the worker, after a question."""
        worker = self.table.current
        if worker is not None:
            question = self._stored_workers.delete_question(worker.name)
            self.change(
                self._if_agreed(question, lambda: self._stored_workers.delete(worker.worker_id), "Deleted.")
            )

    async def _if_agreed(
        self, question: Confirmation, act: Callable[[], Awaitable[bool | None]], words: str
    ) -> str | None:
        return (
            self._stored_workers.outcome_text(await act(), words)
            if await question.agreed(self._interaction.confirm)
            else None
        )

    # -- tasks -----------------------------------------------------------------------------
    def action_open(self) -> None:
        """Close, and show the task at the cursor."""
        task = self._tasks.current
        if task is not None:
            self.dismiss()
            self._actions.open_session(task.session_id)

    def action_archive(self) -> None:
        """Archive the task at the cursor, after a question."""
        task = self._tasks.current
        if task is None:
            return
        task_id = task.worker_id
        if task_id is None:
            self.note("This task was not sent yet.")
            return
        question = self._stored_workers.archive_question(task.title)
        self.change(self._if_agreed(question, lambda: self._stored_workers.archive(task_id), "Archived."))


def _task_id(task: SessionSummary) -> tuple[str, str]:
    return task.worker_id or "", "the id of the task"
