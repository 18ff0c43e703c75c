"""What waits, for an answer or a page, in a session that is deleted meanwhile: nothing ends the app."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from textual.pilot import Pilot

from handinger_tui.core.errors import HandingerError, Locked
from handinger_tui.core.prompts import Draft
from handinger_tui.plain.conversation import Conversation
from handinger_tui.plain.terminal import Output
from handinger_tui.ui.commands.session import project, stop_watching
from handinger_tui.ui.ports import AppOptions
from handinger_tui.ui.sessions.controller import StillConnecting
from handinger_tui.ui.sessions.deletion import Deletions
from handinger_tui.ui.sessions.left_running import check_left_running
from tests.engine.fakes import PLACE, FakeApi
from tests.ui.disk import Disk, desktop_with
from tests.ui.fakes import Desktop, NoFiles, answers, summary
from tests.ui.screens.test_data import answered_data, given
from tests.ui.screens.test_queue import queue_up, running
from tests.ui.screens.test_running_turns import DONE, Past


async def answered(desktop: Desktop, pilot: Pilot[None]) -> str:
    """A first turn has ended; returns the id of its session, which is on the screen."""
    await desktop.send(pilot, "Hi")
    await desktop.shows(pilot, "Hello")
    session_id = desktop.session.session_id
    desktop.history.rows = [summary("x", session_id=session_id, title="Hi", turns=1)]
    return session_id


async def leave(desktop: Desktop, pilot: Pilot[None]) -> None:
    """Show a new session."""
    before = desktop.session.session_id
    await desktop.work.switcher.begin()
    await desktop.until(pilot, lambda: desktop.session.session_id != before)
    await desktop.settle(pilot)


async def delete(desktop: Desktop, session_id: str) -> str:
    return await Deletions(desktop.work.controller).delete(session_id)


def started(coroutine: Coroutine[None, None, object]) -> asyncio.Task[object]:
    return asyncio.create_task(coroutine)


@pytest.mark.parametrize("page", ["receipt", "data"])
async def test_an_open_page_keeps_what_it_shows(page: str) -> None:
    desktop = given(output={"answer": 42})
    async with desktop.running(100, 40) as pilot:
        await answered_data(desktop, pilot)
        session_id = desktop.session.session_id
        await desktop.send(pilot, f"/{page}")
        await desktop.until(pilot, lambda: desktop.app.screen is not desktop.work)
        await desktop.work.switcher.begin()
        assert await delete(desktop, session_id) == ""
        # The page looks once a second whether something has changed.
        reads = desktop.ledger.looks
        await desktop.until(pilot, lambda: desktop.ledger.looks > reads + 2)
        await pilot.press("r" if page == "data" else "y")
        assert ("answer" if page == "data" else "Receipt") in desktop.text_of(f"#{page}")


async def test_a_question_about_a_run_whose_session_is_deleted_is_moot() -> None:
    desktop, gate = running(DONE)
    async with desktop.running(100, 40) as pilot:
        await queue_up(desktop, pilot, "second")
        session_id = desktop.session.session_id
        actor = desktop.engine.actor(session_id)
        await leave(desktop, pilot)
        desktop.work.interaction.run(stop_watching(desktop.work.context, actor))
        await desktop.shows(pilot, "Stop watching")
        await delete(desktop, session_id)
        gate.set()
        await desktop.until(pilot, lambda: desktop.history.deleted == [session_id])
        await desktop.shows(pilot, "The turn has already ended.")
        await pilot.press("enter")
        # Whoever agreed at that moment changes nothing, and nobody is told.
        actor.detach()
        await desktop.settle(pilot)


async def test_a_session_that_is_being_deleted_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = Desktop(api=answers("Hello"))
    removes, goes_on, remove = asyncio.Event(), asyncio.Event(), desktop.history.delete

    async def remove_later(session_id: str) -> None:
        removes.set()
        await goes_on.wait()
        await remove(session_id)

    monkeypatch.setattr(desktop.history, "delete", remove_later)
    async with desktop.running() as pilot:
        session_id = await answered(desktop, pilot)
        await leave(desktop, pilot)
        deleting = started(delete(desktop, session_id))
        await removes.wait()
        await desktop.send(pilot, f"/sessions {session_id}")
        await desktop.until(pilot, lambda: "Session not found" in desktop.notices())
        goes_on.set()
        assert await deleting == ""
        await desktop.settle(pilot)
        assert desktop.session.session_id != session_id


async def test_a_session_that_is_opened_before_it_is_deleted_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        session_id = await answered(desktop, pilot)
        actor = desktop.engine.actor(session_id)
        await leave(desktop, pilot)
        reads, goes_on = asyncio.Event(), asyncio.Event()

        async def read_later() -> None:
            reads.set()
            await goes_on.wait()

        monkeypatch.setattr(actor.late, "read_now", read_later)
        deleting = started(delete(desktop, session_id))
        await reads.wait()
        await desktop.work.switcher.open(session_id)
        goes_on.set()
        assert await deleting == "Not deleted, because it is in use again."
        await desktop.shows(pilot, "Hello")
        assert desktop.history.deleted == []


async def test_a_session_that_is_deleted_while_it_is_opened_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        session_id = await answered(desktop, pilot)
        await leave(desktop, pilot)
        shown = desktop.session.session_id
        reads, goes_on = asyncio.Event(), asyncio.Event()

        async def read_later(_of: object) -> Draft:
            reads.set()
            await goes_on.wait()
            return Draft("typed there")

        monkeypatch.setattr(desktop.work.controller.drafts, "read", read_later)
        desktop.work.prompt.put("typed here")
        opening = started(desktop.work.switcher.open(session_id))
        await reads.wait()
        await delete(desktop, session_id)
        goes_on.set()
        with pytest.raises(HandingerError, match="The session was deleted"):
            await opening
        assert (desktop.session.session_id, desktop.work.prompt.text) == (shown, "typed here")


async def test_a_session_that_waits_for_its_deletion_may_be_deleted_in_another_way() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        session_id = await answered(desktop, pilot)
        await leave(desktop, pilot)
        desktop.work.controller.to_delete[session_id] = 1
        deletions = Deletions(desktop.work.controller)
        results = await asyncio.gather(
            *(deletions.delete(session_id), deletions.delete_ended(), deletions.delete(session_id)),
            return_exceptions=True,
        )
        assert not [
            one for one in results if isinstance(one, Exception) and not isinstance(one, HandingerError)
        ]
        assert await deletions.delete_ended() is False
        assert ({*desktop.history.deleted}, desktop.work.controller.to_delete) == ({session_id}, {})
        await desktop.settle(pilot)


async def test_a_session_that_cannot_be_deleted_can_be_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = Desktop(api=answers("Hello"))
    remove = desktop.history.delete

    async def fail(_session_id: str) -> None:
        raise Locked("Another program works on this session.")

    async with desktop.running() as pilot:
        session_id = await answered(desktop, pilot)
        await leave(desktop, pilot)
        desktop.work.controller.to_delete[session_id] = 1
        deletions = Deletions(desktop.work.controller)
        monkeypatch.setattr(desktop.history, "delete", fail)
        with pytest.raises(Locked):
            await deletions.delete_ended()
        await desktop.work.switcher.open(session_id)
        await desktop.shows(pilot, "Hello")
        await leave(desktop, pilot)
        monkeypatch.setattr(desktop.history, "delete", remove)
        assert await deletions.delete_ended()


async def test_a_message_that_is_refused_after_its_session_was_deleted_is_kept(folder: Path) -> None:
    gate = threading.Event()
    desktop = desktop_with("Hello", disk=Disk(gate))
    gate.set()
    async with desktop.running() as pilot:
        session_id = await answered(desktop, pilot)
        await desktop.work.composer.attachments.add([str(folder / "sales.csv")])
        gate.clear()
        await desktop.send(pilot, "a long message")
        await desktop.until(pilot, lambda: desktop.work.send_flow.leaving(session_id))
        await leave(desktop, pilot)
        await delete(desktop, session_id)
        (folder / "sales.csv").write_text("changed")
        gate.set()
        await desktop.until(pilot, lambda: "sales.csv changed since it was attached" in desktop.notices())
        assert "Your message to “Hi” was not sent." in desktop.notices()
        assert any("a long message" in text for text in desktop.work.prompt.message_history.texts)


async def test_a_message_to_a_session_that_was_deleted_is_refused_in_words() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        session_id = await answered(desktop, pilot)
        actor = desktop.engine.actor(session_id)
        await leave(desktop, pilot)
        await delete(desktop, session_id)
        with pytest.raises(HandingerError, match=r"The session was deleted\. Nothing was sent\."):
            await actor.send("once more")
    assert len(desktop.api.posts) == 1


async def test_the_report_of_the_start_leaves_out_deleted_sessions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    past = Past()
    session_id = await past.leave()
    desktop = past.next(FakeApi(workers=[DONE]))
    async with desktop.running() as pilot:
        controller = desktop.work.controller
        check = controller.check_running

        async def check_and_delete(session_id: str) -> bool:
            has_ended = await check(session_id)
            with suppress(HandingerError):
                await delete(desktop, session_id)
            return has_ended

        await desktop.until(pilot, lambda: controller.follows)
        monkeypatch.setattr(controller, "check_running", check_and_delete)
        desktop.history.rows = list(past.rows)
        assert await check_left_running(controller) == ([], [])
        assert desktop.history.deleted == [session_id]


async def test_nothing_of_no_session_is_changed() -> None:
    """A command may be chosen from the palette before the first session is on the screen."""
    desktop, other = Desktop(gate=asyncio.Event()), Desktop()
    async with desktop.running():
        desktop.work.controller.connect(await other.connect())
        with pytest.raises(StillConnecting):
            await project(desktop.work.context, "kitchen")
        assert other.history.project_of == {}
    await other.engine.aclose()


async def test_a_script_waits_for_the_end_of_every_run() -> None:
    """Plain mode: what is only followed is closed when its run has ended."""
    desktop, (reads, writes) = Desktop(api=answers("Hello")), os.pipe()
    text, closed = StringIO(), list[str]()
    out = Output(text)
    talk = Conversation(AppOptions(desktop.connect, NoFiles()), out, reads, reads_at_end=False, rings=False)

    def close_followed(session_id: str) -> None:
        if desktop.engine.session(session_id).answered and not closed:
            followed = next(one.session_id for one in desktop.engine.sessions if one.session_id != session_id)
            closed.append(followed)
            started(desktop.engine.delete(followed, remove))

    async def remove() -> None: ...

    desktop.engine.new_session(PLACE)
    desktop.engine.subscribe(close_followed)
    os.write(writes, b"Hi\n")
    os.close(writes)
    assert await talk.run() == 0
    out.close()
    assert "Hello" in text.getvalue()
    await desktop.engine.aclose()
