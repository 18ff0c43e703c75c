"""The form in which a stored worker is written: what is typed is kept until the service has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static, TextArea

from handinger_tui.core.errors import Doubtful, HandingerError
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.core.stored_workers import (
    StoredWorker,
    WorkerForm,
    form_from_text,
    form_of,
    form_to_text,
    members_of_new,
)
from handinger_tui.ui.dialogs import Modal, button, yes_or_no
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.widgets.frame import FooterLine

if TYPE_CHECKING:
    from textual.widget import Widget

    from handinger_tui.engine.stored_workers import StoredWorkerCatalog
    from handinger_tui.ui.ports import HistoryOfSessions

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

    BINDINGS = bindings(Where.WORKER_FORM)

    def __init__(
        self, stored_workers: StoredWorkerCatalog, history: HistoryOfSessions, worker: StoredWorker | None
    ) -> None:
        super().__init__()
        self._stored_workers = stored_workers
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
            Input(id=f"field-{name}", select_on_focus=False)
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
        if self._in_doubt:
            members_of_new(form)
            question = yes_or_no("Store it again?", MAYBE_TWO, yes="Store again", no="Cancel")
            if not await self.app.push_screen_wait(question):
                return None
        return await self._stored_workers.save(form, self._worker)

    def action_close(self) -> None:
        """Close; the text is kept as a draft."""
        if not self._saving:
            self._saving = True
            self._leave()

    async def keep_typed(self) -> str:
        """Store the text as a draft; while a request is under way, it is stored already."""
        if not self._saving:
            await self._save_draft()
        return ""

    async def _save_draft(self) -> None:
        form = self._typed()
        await self._history.save_draft(self._draft_name, "" if form == self._initial else form_to_text(form))

    @work(group="save")
    async def _leave(self) -> None:
        try:
            await self._save_draft()
        except HandingerError as problem:
            self._saving = False
            self._say(f"Not kept: {problem.summary}", failed=True)
        else:
            self.dismiss(None)
