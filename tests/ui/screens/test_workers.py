"""The gallery and its form by keys: requests are sent by a key, once each, and typed text is never lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import asdict, replace
from textual.events import Key, Paste
from textual.widgets import Input, TextArea

from handinger_tui.core.errors import ApiError, Doubtful, Refused
from handinger_tui.core.stored_workers import (
    StoredWorker,
    WorkerForm,
    WorkerMembers,
    form_to_text,
    worker_lines,
)
from handinger_tui.core.turns.turn import ErrorKind, Trigger, TurnStatus
from handinger_tui.engine.stored_workers import StoredWorkerCatalog
from handinger_tui.ui.pages.workers import WorkersScreen
from tests.engine.fakes import PLACE, FakeIds
from tests.ui.fakes import NOW_MS, Desktop, summary

WATCH = StoredWorker(
    "wrk_watch", "Price watch", "Three shops", "Watch.\x1b[2J", {"a": 1}, False, read_ms=NOW_MS
)
USED = StoredWorker("wrk_used", tasks=1, used_ms=NOW_MS)


@dataclass
class FakeTemplates:
    """A service and a history of workers. `fails`: the errors of the next requests."""

    there: dict[str, StoredWorker] = field(default_factory=dict)
    kept: dict[str, StoredWorker] = field(default_factory=dict)
    fails: list[ApiError] = field(default_factory=list)
    sent: list[tuple[str, Any]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a request has come."""

    async def _request(self, what: str, value: Any, worker_id: str = "") -> None:
        self.sent.append((what, value))
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise self.fails.pop(0)
        if worker_id and worker_id not in self.there:
            raise Refused(ErrorKind.NOT_FOUND, "No worker has this id.", http_status=404)

    async def store(self, members: WorkerMembers, request_id: str) -> StoredWorker:
        await self._request("store", members)
        return self._set(StoredWorker("wrk_new", read_ms=NOW_MS, text="Made from the prompt"), members)

    async def read(self, worker_id: str) -> StoredWorker:
        await self._request("read", worker_id, worker_id)
        return StoredWorker(worker_id)

    async def change(self, worker_id: str, members: WorkerMembers) -> StoredWorker:
        await self._request("change", members, worker_id)
        return self._set(self.there[worker_id], members)

    def _set(self, worker: StoredWorker, members: WorkerMembers) -> StoredWorker:
        given = {name: value for name, value in asdict(members).items() if value is not UNSET}
        given.pop("prompt", None)
        self.there[worker.worker_id] = replace(worker, **given)
        return self.there[worker.worker_id]

    async def delete(self, worker_id: str) -> bool | None:
        await self._request("delete", worker_id, worker_id)
        del self.there[worker_id]
        return True

    async def archive(self, task_id: str) -> bool | None:
        await self._request("archive", task_id)
        return None

    async def listed(self, base_url: str) -> list[StoredWorker]:
        return list(self.kept.values())

    async def keep(self, base_url: str, worker: StoredWorker) -> None:
        self.kept[worker.worker_id] = worker


def desktop_with(*workers: StoredWorker) -> tuple[Desktop, FakeTemplates]:
    desktop, templates = Desktop(), FakeTemplates()
    templates.there = {one.worker_id: one for one in workers}
    templates.kept = {one.worker_id: one for one in workers}
    desktop.stored_workers = StoredWorkerCatalog(templates, templates, desktop.history, FakeIds(), PLACE)
    return desktop, templates


def test_a_worker_without_a_title_is_named_once_by_its_id() -> None:
    for worker, times in ((StoredWorker("wrk_7"), 1), (StoredWorker("wrk_7", "Prices", read_ms=NOW_MS), 1)):
        text = "\n".join(text for text, _ in worker_lines(worker, str, ""))
        assert text.count("wrk_7") == times, text


async def test_the_gallery_shows_workers_and_their_tasks_and_starts_one() -> None:
    desktop, templates = desktop_with(WATCH, USED)
    task = summary(
        "x", stored_worker_id="wrk_used", base_url=PLACE, trigger=Trigger.SCHEDULE, generation="tasks"
    )
    async with desktop.running(120, 40) as pilot:
        desktop.history.rows = [replace(task, last_status=TurnStatus.COMPLETED)]
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "Price watch", "private · Three shops", '"a": 1', "No tasks here yet")
        assert "\x1b" not in desktop.text()
        await pilot.press("down")
        await desktop.shows(pilot, "not read yet", "About x")
        await pilot.press("tab", "tab")
        await desktop.shows(pilot, "task wrk_x", "started by a schedule")
        assert templates.sent == []
        await pilot.press("shift+tab", "shift+tab", "enter")
        await desktop.until(pilot, lambda: desktop.session.stored_worker_id == "wrk_used")
        assert "Nothing was sent" in desktop.notices()
        await desktop.shows(pilot, "New task of worker wrk_used")
        assert desktop.api.posts == []


async def test_a_reading_does_not_undo_a_concurrent_change() -> None:
    templates = FakeTemplates(there={"wrk_watch": WATCH}, kept={"wrk_watch": WATCH}, gate=asyncio.Event())
    stored_workers = StoredWorkerCatalog(templates, templates, Desktop().history, FakeIds(), PLACE)
    reading = asyncio.create_task(stored_workers.read("wrk_watch"))
    async with asyncio.timeout(60):
        await templates.reached.wait()
    gate, templates.gate = templates.gate, None
    assert gate is not None
    await stored_workers.change("wrk_watch", WorkerMembers(text="Watch four shops."))
    gate.set()
    assert (await reading).text == templates.kept["wrk_watch"].text == "Watch four shops."


async def test_a_tab_right_behind_a_paste_leads_to_the_next_field() -> None:
    desktop, _ = desktop_with()
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "No workers yet")
        page = desktop.app.screen
        await pilot.press("n")
        await desktop.until(pilot, lambda: desktop.app.screen is not page)
        await desktop.shows(pilot, "What is it for?")
        desktop.app.post_message(Paste("Watch"))
        for key, character in (("tab", "\t"), ("P", "P")):
            desktop.app.post_message(Key(key, character))
        await desktop.until(pilot, lambda: desktop.app.screen.query_one("#field-title", Input).value == "P")
        assert desktop.app.screen.query_one("#field-prompt", TextArea).text == "Watch"


async def test_an_earlier_draft_that_comes_late_does_not_replace_what_was_typed() -> None:
    desktop, _ = desktop_with()
    gate, read = asyncio.Event(), desktop.history.draft

    async def slow_draft(session_id: str) -> str:
        if session_id == "worker:new":
            await gate.wait()
        return await read(session_id)

    desktop.history.draft = slow_draft  # type: ignore[method-assign]  # a slow disk
    desktop.history.drafts["worker:new"] = form_to_text(WorkerForm(prompt="Earlier"))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "No workers yet")
        await pilot.press("n")
        await desktop.shows(pilot, "What is it for?")
        await pilot.press(*"Later")
        await desktop.shows(pilot, "Later")
        gate.set()
        await desktop.settle(pilot)
        assert "Later" in desktop.text()
        assert "Earlier" not in desktop.text()


async def test_a_worker_is_created_with_one_post_and_a_draft_survives_a_refusal() -> None:
    desktop, templates = desktop_with()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "No workers yet")
        await pilot.press("n")
        await desktop.shows(pilot, "New worker", "What is it for?")
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "needs a prompt or instructions")
        await pilot.press(*"Watch")
        templates.fails = [Refused(ErrorKind.INVALID, "Too vague.", "Edit it.")]
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "Too vague")
        await pilot.press("escape")
        await desktop.shows(pilot, "No workers yet")
        await pilot.press("n")
        await desktop.shows(pilot, "typed earlier", "Watch")
        # A second Enter sends nothing.
        templates.gate = asyncio.Event()
        await pilot.press("ctrl+s", "ctrl+s")
        await desktop.shows(pilot, "Saving…")
        templates.gate.set()
        await desktop.shows(pilot, "Stored: wrk_new", "Made from the prompt")
        assert [what for what, _ in templates.sent] == ["store", "store"]
        assert templates.sent[-1][1] == WorkerMembers(prompt="Watch", is_public=False)
        assert desktop.history.drafts["worker:new"] == ""


async def test_a_store_in_doubt_needs_a_confirmation_before_a_resend() -> None:
    desktop, templates = desktop_with()
    templates.fails = [Doubtful(ErrorKind.TIMEOUT, "No answer came.", "It may be stored.")]
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "No workers yet")
        await pilot.press("n")
        await desktop.shows(pilot, "What is it for?")
        await pilot.press("x", "ctrl+s")
        await desktop.shows(pilot, "It may be stored")
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "Store it again?", "there will be two")
        await pilot.press("enter")
        await desktop.shows(pilot, "Nothing was sent")
        assert len(templates.sent) == 1


async def test_an_edit_sends_only_what_changed_and_clears_the_schema() -> None:
    desktop, templates = desktop_with(WATCH)
    # The title was changed elsewhere since it was read.
    templates.there["wrk_watch"] = replace(WATCH, title="Prices")
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "Price watch")
        await pilot.press("e")
        await desktop.shows(pilot, "Edit Prices", "Watch.")
        form = desktop.app.screen
        assert form.query_one("#field-title", Input).has_focus
        form.query_one("#field-schema", TextArea).text = ""
        await pilot.press("end", "!", "ctrl+s")
        await desktop.shows(pilot, "Saved: Prices!")
        assert templates.sent == [
            ("change", WorkerMembers()),
            ("change", WorkerMembers(title="Prices!", schema=None)),
        ]
        # A member that the screen cannot show is kept by an edit of another one.
        assert templates.there["wrk_watch"].text == "Watch.\x1b[2J"


async def test_a_letter_is_added_to_a_field_that_gets_the_focus_and_replaces_nothing() -> None:
    """Also where the field gets it after its text: which comes first depends on how busy the machine is."""
    desktop, _ = desktop_with(WATCH)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "Price watch")
        await pilot.press("e")
        await desktop.shows(pilot, "Edit Price watch")
        await pilot.press("tab", "shift+tab", "!")
        assert desktop.app.screen.query_one("#field-title", Input).value == "Price watch!"


async def test_deleting_and_archiving_ask_first() -> None:
    desktop, templates = desktop_with(WATCH)
    async with desktop.running() as pilot:
        desktop.history.rows = [summary("x", stored_worker_id="wrk_watch", base_url=PLACE)]
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "Price watch", "About x")
        await pilot.press("tab", "tab", "A")
        await desktop.shows(pilot, "Archive this task?")
        await pilot.press("left", "enter")
        await desktop.shows(pilot, "did not say whether it took effect")
        await pilot.press("x")
        await desktop.shows(pilot, "Delete this worker?")
        await pilot.press("enter")
        assert [what for what, _ in templates.sent] == ["archive"]
        await pilot.press("x")
        await desktop.shows(pilot, "Delete this worker?")
        await pilot.press("left", "enter")
        await desktop.shows(pilot, "gone", "Deleted.")
        assert templates.sent[-1] == ("delete", "wrk_watch")
        # A worker that no longer exists is not edited and starts no task.
        await pilot.press("e")
        await desktop.shows(pilot, "no longer knows this worker")
        assert isinstance(desktop.app.screen, WorkersScreen)
        assert len(templates.sent) == 2


async def test_a_worker_is_added_by_id_and_read_by_a_change_of_nothing() -> None:
    desktop, templates = desktop_with(WATCH)
    templates.there["wrk_far"] = replace(WATCH, worker_id="wrk_far", title="Far")
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "Price watch")
        await pilot.press("a")
        await desktop.shows(pilot, "Add a worker")
        await pilot.press(*"wrk_far", "enter")
        await desktop.shows(pilot, "wrk_far", "Press r to read them")
        await pilot.press("r")
        await desktop.shows(pilot, "Far", "Watch.")
        await pilot.press("escape")
        await desktop.send(pilot, "/workers wrk_none")
        await desktop.until(pilot, lambda: "No worker has this id" in desktop.notices())


async def test_a_service_without_stored_workers_is_reported() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.until(pilot, lambda: "no stored workers" in desktop.notices())


async def test_esc_pressed_twice_closes_the_form_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop, _ = desktop_with(WATCH)
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "Price watch")
        await pilot.press("n")
        await desktop.shows(pilot, "New worker", "What is it for?")
        gate, save = asyncio.Event(), desktop.history.save_draft

        async def save_slowly(session_id: str, text: str) -> None:
            await gate.wait()
            await save(session_id, text)

        monkeypatch.setattr(desktop.history, "save_draft", save_slowly)
        await pilot.press("escape", "escape")
        gate.set()
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, WorkersScreen))
        await desktop.settle(pilot)
        assert isinstance(desktop.app.screen, WorkersScreen)


async def test_a_deletion_goes_on_when_the_page_is_closed() -> None:
    desktop, templates = desktop_with(WATCH)
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "Price watch")
        templates.gate = asyncio.Event()
        await pilot.press("x")
        await desktop.shows(pilot, "Delete this worker?")
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: templates.sent)
        await pilot.press("q")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        templates.gate.set()
        await desktop.until(pilot, lambda: "Deleted." in desktop.notices())
        assert templates.there == {}
