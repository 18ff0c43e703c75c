"""Where a message goes is fixed when Enter is pressed, whatever appears on the screen later."""

from __future__ import annotations

import asyncio
import threading
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from handinger_tui.core.attention import READ_S
from handinger_tui.core.errors import Doubtful, ServerFault, Unreachable
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.prompts import unpack_draft
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.ui import interaction
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.sessions.drafts import FRESH_DRAFT
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.disk import Disk, chips, desktop_with, files_of, posts
from tests.ui.fakes import PRICED, Desktop, answers, launch, summary
from tests.ui.screens.test_key_bytes import press

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.core.stream import WorkerBody

SEEN = worker("", **PRICED)


async def in_a_session(desktop: Desktop, pilot: Pilot[None]) -> str:
    """Send a first message and wait for its end; returns the id of the session."""
    await desktop.send(pilot, "first of A")
    await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
    return desktop.session.session_id


def typed(desktop: Desktop) -> str:
    return desktop.work.prompt.text


class SlowDisk(Disk):
    """Reads immediately until `slow` is set; then every read waits for `gate`."""

    def __init__(self) -> None:
        super().__init__(threading.Event())
        self.slow = False

    def _look(self, what: str) -> None:
        if self.slow:
            super()._look(what)

    def go(self) -> None:
        assert self.gate is not None
        self.gate.set()


def slow_desktop(*texts: str) -> tuple[Desktop, SlowDisk]:
    disk = SlowDisk()
    return desktop_with(*texts, disk=disk), disk


async def attach_and_enter(desktop: Desktop, pilot: Pilot[None], disk: SlowDisk, folder: Path) -> None:
    await desktop.work.composer.attachments.add([str(folder / "sales.csv")])
    disk.slow = True
    await desktop.send(pilot, "secret for A")
    await desktop.until(pilot, lambda: desktop.work.send_flow.leaving(desktop.session.session_id))


async def test_a_new_session_while_a_file_is_hashed_gets_neither_message_nor_file(folder: Path) -> None:
    desktop, disk = slow_desktop("one", "two")
    async with desktop.running() as pilot:
        a = await in_a_session(desktop, pilot)
        await attach_and_enter(desktop, pilot, disk, folder)
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
        assert not desktop.work.prompt.text
        assert not chips(desktop)
        await pilot.press(*"own")
        disk.go()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.until(pilot, lambda: not desktop.work.send_flow.leaving(a))
        assert typed(desktop) == "own"
        assert not desktop.session.turns
        assert unpack_draft(desktop.history.drafts[a]).text == ""
        assert not unpack_draft(desktop.history.drafts[a]).files
    assert [turn.request.prompt for turn in desktop.engine.session(a).turns] == ["first of A", "secret for A"]
    assert desktop.api.posts[1].target_id == "w1"
    assert files_of(desktop, 1) == ["sales.csv"]


async def test_the_first_message_of_a_session_is_not_a_draft_of_the_next_one(folder: Path) -> None:
    desktop, disk = slow_desktop("one")
    async with desktop.running() as pilot:
        a = desktop.session.session_id
        await attach_and_enter(desktop, pilot, disk, folder)
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
        assert not desktop.work.prompt.text
        assert not chips(desktop)
        disk.go()
        await desktop.until(pilot, lambda: desktop.api.posts)
        await desktop.until(pilot, lambda: not desktop.work.send_flow.leaving(a))
        assert desktop.history.drafts[FRESH_DRAFT] == ""
    assert [turn.request.prompt for turn in desktop.engine.session(a).turns] == ["secret for A"]


async def test_enter_and_ctrl_n_in_one_burst(folder: Path) -> None:
    desktop, disk = slow_desktop("one", "two")
    async with desktop.running() as pilot:
        a = await in_a_session(desktop, pilot)
        await desktop.work.composer.attachments.add([str(folder / "sales.csv")])
        disk.slow = True
        desktop.work.prompt.put("secret for A")
        await pilot.press("enter", "ctrl+n")
        disk.go()
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
    assert [turn.request.prompt for turn in desktop.engine.session(a).turns][1:] == ["secret for A"]


async def test_a_sent_message_is_removed_from_the_prompt_of_its_session(folder: Path) -> None:
    desktop, disk = slow_desktop("one", "two")
    async with desktop.running() as pilot:
        a = await in_a_session(desktop, pilot)
        desktop.history.rows = [summary("a", session_id=a)]
        await attach_and_enter(desktop, pilot, disk, folder)
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
        await desktop.send(pilot, f"/sessions {a}")
        await desktop.until(pilot, lambda: desktop.session.session_id == a)
        assert desktop.work.prompt.text == "secret for A"
        await pilot.press("enter")
        disk.go()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.until(pilot, lambda: not desktop.work.prompt.text and not chips(desktop))
        await desktop.until(pilot, lambda: not desktop.session.busy)
    assert posts(desktop) == ["first of A", "secret for A"]


async def test_a_background_message_that_cannot_be_sent_is_reported_by_name_and_kept(folder: Path) -> None:
    desktop, disk = slow_desktop("one", "two")
    async with desktop.running() as pilot:
        a = await in_a_session(desktop, pilot)
        await attach_and_enter(desktop, pilot, disk, folder)
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
        (folder / "sales.csv").unlink()
        disk.go()
        await desktop.until(pilot, lambda: "Your message to “first of A” was not sent" in desktop.notices())
        assert not desktop.work.pane.card.display
        assert not desktop.work.prompt.text
        kept = unpack_draft(desktop.history.drafts[a])
        assert (kept.text, [file.name for file in kept.files]) == ("secret for A", ["sales.csv"])
    assert len(desktop.api.posts) == 1


async def test_the_text_of_a_session_that_nothing_leads_back_to_comes_to_the_prompt(folder: Path) -> None:
    desktop, disk = slow_desktop("one")
    async with desktop.running() as pilot:
        a = desktop.session.session_id
        await attach_and_enter(desktop, pilot, disk, folder)
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
        (folder / "sales.csv").unlink()
        disk.go()
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "secret for A")
    assert not desktop.api.posts


async def test_a_dropped_file_goes_with_the_message_it_was_dropped_on(folder: Path) -> None:
    desktop, disk = slow_desktop("one", "two")
    async with desktop.running() as pilot:
        a = await in_a_session(desktop, pilot)
        disk.slow = True
        desktop.work.prompt.put("sum up ")
        desktop.app.post_message(Paste(str(folder / "sales.csv")))
        await desktop.until(pilot, lambda: desktop.work.composer.snapshot().drops)
        await pilot.press("enter", "ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
        disk.go()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        assert not desktop.work.prompt.text
        assert not chips(desktop)
    assert (posts(desktop)[1], files_of(desktop, 1)) == ("sum up ", ["sales.csv"])
    assert desktop.api.posts[1].target_id == "w1"


# -- opening takes time ------------------------------------------------------------------------
class SlowApi(FakeApi):
    """Reads of the worker `w_slow` wait for `gate`."""

    gate: asyncio.Event

    async def read_worker(self, worker_id: str) -> WorkerBody:
        if worker_id == "w_slow":
            await self.gate.wait()
        return await super().read_worker(worker_id)


def slow_service() -> Desktop:
    api = SlowApi(starts=[says("one"), says("two", message_id="b")], workers=[SEEN])
    api.gate = asyncio.Event()
    return Desktop(api=api, launch=launch(Opening.FRESH))


def let_go(desktop: Desktop) -> None:
    assert isinstance(desktop.api, SlowApi)
    desktop.api.gate.set()


async def test_while_a_worker_is_being_read_enter_sends_to_the_session_on_the_screen() -> None:
    desktop = slow_service()
    async with desktop.running(width=110) as pilot:
        a = await in_a_session(desktop, pilot)
        await desktop.send(pilot, "/attach w_slow")
        await desktop.shows(pilot, "Attaching w_slow…", "❯ first of A")
        await desktop.send(pilot, "meant for A")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        assert desktop.api.posts[1].target_id == "w1"
        desktop.work.prompt.put("still A's")
        let_go(desktop)
        await desktop.until(pilot, lambda: desktop.session.worker_id == "w_slow")
        assert desktop.work.prompt.text == ""
        assert "Attaching" not in desktop.text_of("#hint")
        await desktop.until(pilot, lambda: desktop.history.drafts.get(a) == "still A's")


async def test_of_two_requested_sessions_the_last_one_is_shown() -> None:
    desktop = slow_service()
    async with desktop.running() as pilot:
        await in_a_session(desktop, pilot)
        await desktop.send(pilot, "/attach w_slow")
        await desktop.send(pilot, "/attach w_fast")
        await desktop.until(pilot, lambda: desktop.session.worker_id == "w_fast")
        let_go(desktop)
        await desktop.settle(pilot)
        await asyncio.sleep(0)
        await desktop.settle(pilot)
        assert desktop.session.worker_id == "w_fast"


async def test_an_unreadable_worker_does_not_change_the_screen() -> None:
    desktop = Desktop(api=answers("one"))
    async with desktop.running() as pilot:
        a = await in_a_session(desktop, pilot)
        desktop.api.workers[:] = [ServerFault(ErrorKind.SERVER, "Broken.")]
        await desktop.send(pilot, "/attach w9")
        await desktop.until(pilot, lambda: "Broken." in desktop.notices())
        assert desktop.session.session_id == a
        assert "Attaching" not in desktop.text_of("#hint")


async def test_a_worker_named_at_the_start_that_cannot_be_read_still_gets_the_next_message() -> None:
    trouble = Unreachable(ErrorKind.CONNECT, "Cannot reach the service.")
    desktop = Desktop(
        api=FakeApi(starts=[says("one")], workers=[trouble, SEEN]),
        launch=launch(Opening.WORKER, worker="w9"),
    )
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "Cannot reach the service" in desktop.notices())
        # What it says can have been read by then.
        await asyncio.sleep(READ_S)
        await desktop.send(pilot, "for w9")
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert desktop.api.posts[0].target_id == "w9"


class SlowHistoryDesktop(Desktop):
    """Drafts are read only once `read` is set."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.read = asyncio.Event()
        self.read.set()
        kept = self.history.draft

        async def draft(session_id: str) -> str:
            await self.read.wait()
            return await kept(session_id)

        self.history.draft = draft  # type: ignore[method-assign]  # a slow disk


async def test_a_session_and_its_draft_come_to_the_screen_in_one_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop = SlowHistoryDesktop(api=answers("one", "two"), launch=launch(Opening.FRESH))
    async with desktop.running() as pilot:
        a = await in_a_session(desktop, pilot)
        desktop.read.clear()
        await press(desktop, pilot, "\x0eto\r A")
        await desktop.until(pilot, lambda: desktop.work.interaction.is_opening)
        # After a second, keys do not wait any longer; an Enter among them sends nothing, and joins no lines.
        monkeypatch.setattr(interaction, "monotonic", lambda: monotonic() + interaction.MAX_HOLD_S)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "to\n A")
        assert len(desktop.api.posts) == 1
        await pilot.press("enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        assert desktop.session.session_id == a
        desktop.read.set()
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
    assert desktop.api.posts[1].target_id == "w1"


# -- Enter while the former message is being prepared --------------------------------------------
def slow_to_store(*texts: str) -> tuple[Desktop, asyncio.Event]:
    """An app whose requests are stored only once the event is set."""
    desktop, stored = Desktop(api=answers(*texts)), asyncio.Event()
    desktop.log.before["open_turn"] = stored.wait
    return desktop, stored


@pytest.mark.parametrize("typed_behind", [True, False])
async def test_another_text_entered_during_a_send_is_sent_next(*, typed_behind: bool) -> None:
    desktop, stored = slow_to_store("one", "two")
    async with desktop.running() as pilot:
        await desktop.send(pilot, "first")
        await desktop.until(pilot, lambda: desktop.work.send_flow.leaving(desktop.session.session_id))
        if typed_behind:
            await pilot.press(*"second", "enter", "enter")
        else:
            await desktop.send(pilot, "second")
            await pilot.press("enter")
        stored.set()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.until(pilot, lambda: not desktop.session.busy)
        assert desktop.work.prompt.text == ""
    assert posts(desktop) == ["first", "second"]


async def test_the_same_text_entered_again_during_a_send_is_sent_once() -> None:
    desktop, stored = slow_to_store("one", "two")
    async with desktop.running() as pilot:
        desktop.work.prompt.put("Once")
        await pilot.press("enter", "enter")
        await pilot.press("enter")
        stored.set()
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        await desktop.settle(pilot)
    assert posts(desktop) == ["Once"]


async def test_the_budget_of_a_message_is_that_of_its_enter() -> None:
    desktop, stored = slow_to_store("one")
    async with desktop.running() as pilot:
        desktop.work.prompt.put("cheap")
        await pilot.press("enter", "shift+tab")
        await desktop.until(pilot, lambda: desktop.work.controller.budget == "high")
        stored.set()
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert desktop.api.posts[0].budget == "standard"


# -- dialogs that open for a session out of sight ---------------------------------------------------
async def test_a_limit_in_the_way_of_another_session_names_it(folder: Path) -> None:
    desktop, disk = slow_desktop("one", "two")
    async with desktop.running() as pilot:
        a = await in_a_session(desktop, pilot)
        desktop.limits.limit(Scope.DAY, "5")
        desktop.limits.spend(Scope.DAY, "5.02")
        await attach_and_enter(desktop, pilot, disk, folder)
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
        disk.go()
        await desktop.shows(pilot, "Daily limit reached", "Session: “first of A”")
        await pilot.press(*"7", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
    assert desktop.api.posts[1].target_id == "w1"


async def test_the_question_before_a_second_try_names_a_session_out_of_sight(folder: Path) -> None:
    lost = Doubtful(ErrorKind.NETWORK, "The connection was lost.")
    disk = SlowDisk()
    api = FakeApi(
        starts=[says("one"), lost], workers=[SEEN, SEEN, ServerFault(ErrorKind.SERVER, "Stumbled.")]
    )
    desktop = Desktop(api=api, launch=launch(Opening.FRESH, disk=disk))
    async with desktop.running(height=30) as pilot:
        a = await in_a_session(desktop, pilot)
        await desktop.work.composer.attachments.add([str(folder / "sales.csv")])
        await desktop.send(pilot, "secret for A")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2 and not desktop.session.busy)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "secret for A")
        await desktop.until(pilot, lambda: not desktop.work.composer.is_unseen(monotonic()))
        disk.slow = True
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.send_flow.leaving(a))
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != a)
        disk.go()
        await desktop.shows(pilot, "Send again?", "Session: “first of A”")
        await pilot.press("escape")
    assert len(desktop.api.posts) == 2
