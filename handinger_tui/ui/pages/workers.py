"""The gallery: stored workers that the history knows, their tasks, and the form in which one is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static, TextArea

from handinger_tui.core.errors import Doubtful, HandingerError, Refused
from handinger_tui.core.formatting import ago, plural
from handinger_tui.core.jsontext import json_text
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.core.stored_workers import (
    NO_MEMBERS,
    StoredWorker,
    WorkerForm,
    changed_members,
    form_from_text,
    form_of,
    form_to_text,
    members_of_new,
)
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.ui.dialogs import MAX_NOTICE_CHARS, Modal, Question, TextQuestion, button, yes_or_no
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages import Page
from handinger_tui.ui.widgets.frame import FooterLine, StaticReflow
from handinger_tui.ui.widgets.session_rows import session_details, session_rows
from handinger_tui.ui.widgets.virtual_list import ItemRows, PickList, VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.timer import Timer
    from textual.widget import Widget

    from handinger_tui.core.turns.session import SessionSummary
    from handinger_tui.engine.gallery import Gallery
    from handinger_tui.ui.front import Front
    from handinger_tui.ui.ports import StoredSessions

WIDE: Final = 100
"""Width in cells from which the details stand beside the list."""
MUTED: Final = "$text-muted"
HEADING: Final = "bold $markdown-h1-color"
EMPTY: Final = (
    "No workers yet. Press n to create one from a prompt, or a to add one by its id. "
    "Workers that your tasks belong to appear here automatically."
)
NO_TASKS: Final = "No tasks here yet. Enter in the list of workers starts one; a adds one by id."
GONE: Final = "The service no longer knows this worker. Press r to read it again."
NOT_READ: Final = (
    "Title and instructions were not read yet: the service returns them only with the answer to a change. "
    "Press r to read them by an empty change (free)."
)


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


class WorkerRows(ItemRows["StoredWorker"]):
    """Two lines for each worker: title and number of tasks; then visibility and summary."""

    item_height = 2
    message = EMPTY
    loaded = False

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """Row 0: title and number of tasks. Row 1: visibility and summary."""
        worker = self.items[at]
        if row == 0:
            title = Content.styled(clean_line(worker.title or worker.worker_id, 200), "bold")
            tasks = f"  {plural(worker.tasks, 'task')} "
            return Content.assemble(
                title.truncate(max(4, width - len(tasks)), ellipsis=True, pad=True),
                (tasks, "" if here else MUTED),
            )
        facts = [visibility(worker), worker.summary or ("" if worker.is_read else "not read yet")]
        return Content.styled("  " + clean_line(" · ".join(filter(None, facts)), 200), MUTED)

    def full_text(self, at: int) -> str:
        """The id of the worker."""
        return self.items[at].worker_id


class TaskRows(ItemRows["SessionSummary"]):
    """A line for each task of a worker, as in the list of sessions."""

    message = NO_TASKS

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._drawn: tuple[int, list[Content]] = (0, [])

    def show(self, listed: Sequence[SessionSummary]) -> None:
        """Show other tasks."""
        self.items, self._drawn = listed, (0, [])

    def line(self, at: int, _row: int, width: int, *, here: bool) -> Content:
        """Title, status, cost and age."""
        if self._drawn[0] != width:
            self._drawn = width, session_rows(self.items, {}, self._now_ms(), width)
        line = self._drawn[1][at]
        return Content(line.plain) if here else line

    def full_text(self, at: int) -> str:
        """The id of the task."""
        return self.items[at].worker_id or ""


class WorkersList(PickList[WorkerRows, "StoredWorker"]):
    """The workers. Enter begins a task."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LINES, Where.WORKER_ROWS)
    COPIED = "the id of the worker"

    def __init__(self) -> None:
        super().__init__(WorkerRows(), id="workers-list", classes="cursor-lines page-list")
        self.border_title = "Stored workers"


class TasksList(PickList[TaskRows, "SessionSummary"]):
    """The tasks of the worker at the cursor. Enter opens one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LINES, Where.TASK_ROWS)
    COPIED = "the id of the task"
    CURSOR_WITHOUT_FOCUS = False

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(TaskRows(now_ms), id="workers-tasks", classes="cursor-lines page-list")
        self.border_title = "Tasks"


class WorkerDetails(Vertical):
    """One worker as the service has it, and its tasks."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(id="workers-details")
        self._now_ms = now_ms
        self.tasks = TasksList(now_ms)

    def compose(self) -> ComposeResult:
        """Lay out the facts, which scroll, and the list of tasks."""
        with VerticalScroll(id="workers-text", classes="page-list", can_focus=True):
            yield StaticReflow(id="workers-facts")
        yield self.tasks

    def show(self, worker: StoredWorker | None, tasks: Sequence[SessionSummary]) -> None:
        """Show a worker with its tasks; None shows nothing."""
        lines = [] if worker is None else worker_lines(worker, self._now_ms())
        self.query_one("#workers-facts", StaticReflow).put_wrapped(lines)
        self.query_one("#workers-text").scroll_home(animate=False)
        self.tasks.rows.show(tasks)
        self.tasks.move_to(0)


class WorkersScreen(Page):
    """The gallery. It shows what the history has; only keys cause requests."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.WORKERS, Where.SCREEN)
    NAME = "workers"
    AUTO_FOCUS = "#workers-list"

    def __init__(
        self,
        gallery: Gallery,
        history: StoredSessions,
        actions: WorkerActions,
        interaction: Front,
        now_ms: Callable[[], int],
        chosen: str = "",
    ) -> None:
        """`chosen`: the id of the worker that the cursor starts on."""
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self._gallery = gallery
        self._history = history
        self._actions = actions
        self._interaction = interaction
        self._now_ms = now_ms
        self._chosen = chosen
        self._clearing: Timer | None = None
        """Clears the text beside the title."""
        self._list, self._details = WorkersList(), WorkerDetails(now_ms)
        self._tasks = self._details.tasks
        self._tasks_of: dict[str, list[SessionSummary]] = {}

    def compose(self) -> ComposeResult:
        """Lay out the list, the details with the tasks, a line about the item at the cursor, the keys."""
        with Vertical(id="workers"):
            yield Static(id="workers-title", classes="page-head")
            with Horizontal(id="workers-body"):
                yield self._list
                yield self._details
            yield Static(id="workers-foot", classes="page-bottom")
            yield FooterLine()

    def on_mount(self) -> None:
        """Read the workers from the history."""
        self._show_title()
        self.do(self._reload(self._chosen))

    # -- showing ---------------------------------------------------------------------------
    async def _reload(self, chosen: str = "") -> None:
        """Read all workers of the history; the cursor goes to `chosen`, else stays on its worker."""
        chosen = chosen or (self._list.current.worker_id if self._list.current is not None else "")
        listed, self._tasks_of = await self._gallery.listed(), await self._gallery.tasks()
        rows = self._list.rows
        rows.items, rows.loaded = listed, True
        at = next((at for at, worker in enumerate(listed) if worker.worker_id == chosen), 0)
        self._list.move_to(at)

    @on(VirtualList.Moved)
    def _handle_move(self, event: VirtualList.Moved) -> None:
        if event.view is self._list:
            worker = self._list.current
            tasks = self._tasks_of.get(worker.worker_id, []) if worker is not None else []
            self._details.show(worker, tasks)
        self._show_foot()

    @on(events.DescendantFocus)
    def _show_foot(self) -> None:
        task = self._tasks.current
        foot = Content.styled("Tab: next part · y: copy the id", MUTED)
        if self._tasks.has_focus and task is not None:
            foot = session_details(task, None, self._now_ms(), self.size.width - 4)
        self.query_one("#workers-foot", Static).update(foot)

    def say(self, text: str, *, failed: bool = False) -> None:
        """Show a text beside the title for a while. It is never parsed as markup."""
        words = clean_line(text, MAX_NOTICE_CHARS)
        self._show_title(words, "$text-error" if failed else "$text-success")
        if self._clearing is not None:
            self._clearing.stop()
        self._clearing = self.set_timer(self.app.NOTIFICATION_TIMEOUT, self._show_title)

    def _show_title(self, words: str = "", style: str = "") -> None:
        self.put_title(Content.assemble(("Workers", "bold"), (f"   {words}" if words else "", style)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable what needs a worker, or a task, where there is none."""
        if action in ("begin", "edit", "delete", "read"):
            return self.is_mounted and self._list.current is not None
        if action in ("open", "archive"):
            return self.is_mounted and self._tasks.current is not None
        return True

    # -- workers ---------------------------------------------------------------------------
    def action_begin(self) -> None:
        """Close, and show a new session whose first message begins a task of this worker."""
        worker = self._list.current
        if worker is not None and worker.is_missing:
            self.say(GONE, failed=True)
        elif worker is not None:
            self.dismiss()
            self._actions.begin_task(worker)

    def action_new(self) -> None:
        """Create a worker."""
        self.do(self._edit(None))

    def action_edit(self) -> None:
        """Edit the worker, after its members are read."""
        worker = self._list.current
        if worker is not None and worker.is_missing:
            self.say(GONE, failed=True)
        elif worker is not None:
            self.do(self._edit(worker))

    async def _edit(self, worker: StoredWorker | None) -> None:
        if worker is not None:
            worker = await _newest(self._gallery, worker)
        form = WorkerFormScreen(self._gallery, self._history, worker)
        saved = await self.app.push_screen_wait(form)
        if saved is not None:
            await self._reload(saved.worker_id)
            self.say(f"{'Stored' if worker is None else 'Saved'}: {clean_line(saved.name, 100)}.")

    def action_add(self, what: str) -> None:
        """Add a worker by id or address, or open a task by one, as `what` says."""
        self.do(self._add(what))

    async def _add(self, what: str) -> None:
        title = "Add a worker" if what == "worker" else "Open a task"
        text = await self.app.push_screen_wait(TextQuestion(title, "", "id or dashboard address"))
        if text and what == "worker":
            worker = await self._gallery.read(self._actions.worker_in(text))
            await self._reload(worker.worker_id)
        elif text:
            self.dismiss()
            self._actions.open_task(text)

    def action_read(self) -> None:
        """Read the worker from the service."""
        if self._list.current is not None:
            self.do(self._read(self._list.current))

    async def _read(self, worker: StoredWorker) -> None:
        try:
            await self._gallery.read(worker.worker_id)
            await _newest(self._gallery, worker)
        finally:
            # The worker may no longer exist.
            await self._reload()
        self.say("Read again.")

    def action_delete(self) -> None:
        """Delete the worker, after a question."""
        if self._list.current is not None:
            self._interaction.run(self._delete(self._list.current))

    async def _delete(self, worker: StoredWorker) -> None:
        body = (
            f"This deletes “{clean_line(worker.name, 60)}” at the service, for everyone who uses it. "
            "Its tasks and their costs stay, at the service and here "
            f"({plural(worker.tasks, 'task')} in this history)."
        )
        question = yes_or_no("Delete this worker?", body, yes="Delete", no="Cancel")
        if await self.app.push_screen_wait(question):
            await self._finish(await self._gallery.delete(worker.worker_id), "Deleted.")

    async def _finish(self, done: bool | None, words: str) -> None:
        """Report the result of a request, which continues when the page is closed: it may be on its way."""
        text = _outcome(done, words)
        if self.is_attached:
            await self._reload()
            self.say(text, failed=done is False)
        else:
            self._interaction.say(text)

    # -- tasks -----------------------------------------------------------------------------
    def action_open(self) -> None:
        """Close, and show the task at the cursor."""
        task = self._tasks.current
        if task is not None:
            self.dismiss()
            self._actions.open_session(task.session_id)

    def action_archive(self) -> None:
        """Archive the task at the cursor, after a question."""
        if self._tasks.current is not None:
            self._interaction.run(self._archive(self._tasks.current))

    async def _archive(self, task: SessionSummary) -> None:
        if task.worker_id is None:
            self.say("This task was not sent yet.")
            return
        if await self.app.push_screen_wait(archive_question(task.title)):
            await self._finish(await self._gallery.archive(task.worker_id), "Archived.")


async def _newest(gallery: Gallery, worker: StoredWorker) -> StoredWorker:
    """The worker as the service has it now: it may have been changed elsewhere. Raises ApiError."""
    try:
        return await gallery.read_members(worker.worker_id)
    except Refused as refusal:
        # Some services refuse the empty change with which the members are read.
        if worker.is_read and refusal.kind is ErrorKind.INVALID:
            return worker
        raise


def archive_question(title: str) -> Question[bool]:
    """The question before a task is archived."""
    body = (
        f"This archives “{clean_line(title or 'Untitled', 60)}” at the service. "
        "Its turns and files stay there; this computer keeps its copy and its costs."
    )
    return yes_or_no("Archive this task?", body, yes="Archive", no="Cancel")


def _outcome(done: bool | None, words: str) -> str:
    if done is None:
        return f"{words} The service gave no details."
    return words if done else "The service did not do it."


def visibility(worker: StoredWorker) -> str:
    """Return "public" or "private"; "gone" where the worker no longer exists; "" where that is unknown."""
    if worker.is_missing:
        return "gone"
    return "" if worker.is_public is None else "public" if worker.is_public else "private"


def worker_lines(worker: StoredWorker, now_ms: int) -> list[Content]:
    """The stored facts about a worker, unwrapped."""
    # Without a title the id is the name.
    facts = [clean_line(worker.worker_id, 120) if worker.title else "", visibility(worker)]
    times = (("created", worker.created_ms), ("updated", worker.updated_ms), ("read", worker.read_ms))
    facts += [f"{word} {ago(moment, now_ms)}" for word, moment in times if moment is not None]
    lines = [Content.styled(clean_line(worker.name, 200), "bold")]
    lines += [Content.styled(" · ".join(filter(None, facts)), MUTED)] if any(facts) else []
    link = [Content(""), Content.styled(clean_line(worker.url, 300), MUTED)] if worker.url else []
    lines += [Content(clean_line(worker.summary, 200))] if worker.summary else []
    if worker.is_missing:
        lines += [Content.styled("The service did not know it at the last reading.", "$text-warning")]
    if not worker.is_read:
        return [*lines, Content(""), Content.styled(NOT_READ, MUTED), *link]
    lines += [Content(""), Content.styled("Instructions", HEADING)]
    lines += [Content(line) for line in clean(worker.text or "").split("\n")]
    lines += [Content(""), Content.styled("Output schema", HEADING)]
    if worker.schema is None:
        return [*lines, Content.styled("none: answers are text", MUTED), *link]
    schema = clean(json_text(worker.schema)).rstrip().split("\n")
    return [*lines, *map(Content, schema), *link]


# -- the form ------------------------------------------------------------------------------------
NEW: Final = "new"
SAVING: Final = "Saving…"
UNSAVED_DRAFT: Final = "This was typed earlier and not saved. Press ^R to discard it."
MAYBE_TWO: Final = (
    "The last attempt may have stored the worker. If it did, there will be two. "
    "Look for it in the dashboard first."
)
_LABELS: Final = {
    "prompt": "What is it for? (becomes the instructions, unless you write them)",
    "title": "Title",
    "summary": "Summary (at most 80 characters)",
    "text": "Instructions",
    "schema": "Output schema (JSON; empty: answers are text)",
}


class WorkerFormScreen(Modal[StoredWorker | None]):
    """Edits a worker, or creates one (`worker` None). The result is the worker as the service stored it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.WORKER_FORM)

    def __init__(self, gallery: Gallery, history: StoredSessions, worker: StoredWorker | None) -> None:
        super().__init__()
        self._gallery = gallery
        self._history = history
        self._worker = worker
        self._initial = WorkerForm() if worker is None else form_of(worker)
        self._is_public = False
        self._saving = False
        """Whether a request is under way or the draft is being stored: nothing else may start."""
        self._in_doubt = False
        """Whether a request may have stored the new worker although its answer was lost."""

    @property
    def _draft_name(self) -> str:
        return f"worker:{NEW if self._worker is None else self._worker.worker_id}"

    def compose(self) -> ComposeResult:
        """Lay out the fields, the line for problems and the keys."""
        title = "New worker" if self._worker is None else f"Edit {clean_line(self._worker.name, 80)}"
        with Vertical(id="worker-form"):
            yield Static(Content.styled(title, "bold"), id="worker-form-title", classes="page-head")
            with VerticalScroll(can_focus=False):
                yield from map(self._field, self._fields)
                yield button("field-public", "")
            yield Static(id="worker-form-problem", classes="page-bottom")
            yield FooterLine()

    @property
    def _fields(self) -> tuple[str, ...]:
        return tuple(_LABELS) if self._worker is None else tuple(_LABELS)[1:]

    def _field(self, name: str) -> Widget:
        field = (
            Input(id=f"field-{name}")
            if name in ("title", "summary")
            else TextArea(id=f"field-{name}", highlight_cursor_line=False)
        )
        field.border_title = Content(_LABELS[name])
        return field

    def on_mount(self) -> None:
        """Fill in the worker, then the draft if there is one."""
        self._fill(self._initial)
        # `focus()` takes effect later, and keys typed until then would be lost.
        self.set_focus(self.query_one(f"#field-{self._fields[0]}"))
        self._restore()

    @work(group="draft")
    async def _restore(self) -> None:
        try:
            draft = form_from_text(await self._history.draft(self._draft_name))
        except HandingerError as problem:
            self._say(problem.text)
            return
        if draft is not None and draft != self._initial == self._typed():
            self._fill(draft)
            self._say(UNSAVED_DRAFT)

    def _fill(self, form: WorkerForm) -> None:
        for name in self._fields:
            field = self.query_one(f"#field-{name}")
            if isinstance(field, Input):
                field.value = clean_line(getattr(form, name), 400)
            elif isinstance(field, TextArea):
                field.text = clean(getattr(form, name))
        self._show_public(form.is_public)

    def _typed(self) -> WorkerForm:
        """The form as filled in. A member that was not changed keeps its original text, uncleaned."""
        texts: dict[str, str] = {}
        for name in self._fields:
            field, before = self.query_one(f"#field-{name}"), getattr(self._initial, name)
            if isinstance(field, Input):
                texts[name] = before if field.value == clean_line(before, 400) else field.value
            elif isinstance(field, TextArea):
                texts[name] = before if field.text == clean(before) else field.text
        return replace(WorkerForm(is_public=self._is_public), **texts)

    def _show_public(self, is_public: bool) -> None:
        self._is_public = is_public
        words = "public, others may see and use it" if is_public else "private"
        self.query_one("#field-public", Button).label = Content(f"Visibility: {words}")

    @on(Button.Pressed, "#field-public")
    def _toggle_public(self) -> None:
        self._show_public(not self._is_public)

    def _say(self, text: str, *, failed: bool = False) -> None:
        content = Content.styled(clean_line(text, 400), "$text-error" if failed else "$text-muted")
        self.query_one("#worker-form-problem", Static).update(content)

    # -- keys ------------------------------------------------------------------------------
    def action_reset(self) -> None:
        """Discard the changes: back to the worker as it was read, or to an empty form."""
        self._fill(self._initial)
        self._say("")

    def action_save(self) -> None:
        """Store or change the worker, with one request."""
        if not self._saving:
            self._saving = True
            self._say(SAVING)
            self._save()

    @work(group="save")
    async def _save(self) -> None:
        form = self._typed()
        try:
            # Before the request: the text survives a refusal and the end of the program.
            await self._history.save_draft(self._draft_name, form_to_text(form))
            saved = await self._request(form)
            if saved is None:
                self._say("Nothing was sent.")
                return
            await self._history.save_draft(self._draft_name, "")
        except HandingerError as problem:
            self._in_doubt = self._in_doubt or (self._worker is None and isinstance(problem, Doubtful))
            self._say(problem.text, failed=True)
        else:
            self.dismiss(saved)
        finally:
            self._saving = False

    async def _request(self, form: WorkerForm) -> StoredWorker | None:
        """Send the one request; None where the person does not agree to a second one."""
        worker = self._worker
        if worker is not None:
            members = changed_members(form, worker)
            return worker if members == NO_MEMBERS else await self._gallery.change(worker.worker_id, members)
        new = members_of_new(form)
        if self._in_doubt:
            question = yes_or_no("Store it again?", MAYBE_TWO, yes="Store again", no="Cancel")
            if not await self.app.push_screen_wait(question):
                return None
        return await self._gallery.store(new)

    def action_close(self) -> None:
        """Close; the text is kept as a draft."""
        if not self._saving:
            self._saving = True
            self._leave()

    @work(group="save")
    async def _leave(self) -> None:
        form = self._typed()
        try:
            await self._history.save_draft(
                self._draft_name, "" if form == self._initial else form_to_text(form)
            )
        except HandingerError as problem:
            self._saving = False
            self._say(f"Not kept: {problem.summary}", failed=True)
        else:
            self.dismiss(None)
