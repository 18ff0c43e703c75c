"""Deleting a session: the question names its queue and its run; neither leaves a trace in the totals."""

from __future__ import annotations

import asyncio

from textual.pilot import Pilot

from handinger_tui.core.turns.turn import TurnStatus
from tests.engine.fakes import PLACE, worker
from tests.ui.fakes import PRICED, Desktop, summary
from tests.ui.screens.test_queue import queue_up, running, stop_watching
from tests.ui.screens.test_running_turns import FOUR_MINUTES

HALF = worker("", busy=True, prompt="first")
DONE = worker("Half and whole", prompt="first", **PRICED)


async def left(desktop: Desktop, pilot: Pilot[None]) -> str:
    """The session on the screen is left with what it has, for a new one; returns its id."""
    session_id = desktop.session.session_id
    desktop.history.rows = [
        summary("x", session_id=session_id, title="first", base_url=PLACE, turns=1, live=True)
    ]
    await pilot.press("ctrl+n")
    await desktop.until(pilot, lambda: desktop.session.session_id != session_id)
    await desktop.settle(pilot)
    return session_id


async def delete(desktop: Desktop, pilot: Pilot[None], *words: str) -> None:
    """Delete the first run of the list; the question has these words."""
    await pilot.press("ctrl+s")
    await desktop.shows(pilot, "Sessions", "first")
    await pilot.press("ctrl+x")
    await desktop.shows(pilot, "Delete this session?")
    text = " ".join(desktop.text().replace("│", " ").split())
    for one in words:
        assert one in text
    await pilot.press("right", "enter")


async def test_a_running_session_with_a_queue_is_deleted_when_its_run_has_ended() -> None:
    desktop, gate = running(DONE)
    async with desktop.running(100, 40) as pilot:
        await queue_up(desktop, pilot, "second", "third")
        session_id = await left(desktop, pilot)
        await delete(
            desktop,
            pilot,
            "2 queued messages are withdrawn, not sent.",
            "still running and may keep charging",
        )
        actor = desktop.engine.actor(session_id)
        await desktop.until(pilot, lambda: not actor.queue.ids)
        assert [turn.withdrawn for turn in actor.session.turns] == [False, True, True]
        assert desktop.history.deleted == []
        await desktop.shows(pilot, "Sessions", "first")
        gate.set()
        await desktop.until(pilot, lambda: desktop.history.deleted == [session_id])
        # The open list loses it, too.
        await desktop.shows(pilot, "No sessions yet")
        await pilot.press("escape")
        await desktop.settle(pilot)
        # It cannot be opened any more.
        assert "The session is deleted." in desktop.notices()
        assert "to open it" not in desktop.notices()
        assert all(session.session_id != session_id for session in desktop.work.controller.opened_sessions)
    assert len(desktop.api.posts) == 1
    assert session_id not in "\n".join(desktop.app.farewell)


async def test_a_session_that_is_used_again_before_its_run_has_ended_is_not_deleted() -> None:
    desktop, gate = running(DONE)
    async with desktop.running(100, 40) as pilot:
        await queue_up(desktop, pilot, "second")
        session_id = await left(desktop, pilot)
        await delete(desktop, pilot, "1 queued message is withdrawn, not sent.")
        await desktop.until(pilot, lambda: session_id in desktop.work.controller.to_delete)
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.session.session_id == session_id)
        await desktop.send(pilot, "third")
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != session_id)
        await desktop.until(pilot, lambda: not desktop.work.controller.to_delete)
        assert "“first”: Not deleted, because it is in use again." in desktop.notices()
        gate.set()
        actor = desktop.engine.actor(session_id)
        await desktop.until(pilot, lambda: not actor.session.turns[0].live)
        await desktop.settle(pilot)
    assert desktop.history.deleted == []


async def test_a_detached_session_that_still_runs_at_the_end_is_named_as_not_deleted() -> None:
    desktop, _gate = running(HALF)
    desktop.now_ms += FOUR_MINUTES
    async with desktop.running(100, 40) as pilot:
        await queue_up(desktop, pilot, "second")
        await stop_watching(desktop, pilot)
        session_id = await left(desktop, pilot)
        await delete(desktop, pilot, "1 queued message is withdrawn, not sent.", "still running")
        await desktop.until(pilot, lambda: desktop.work.controller.to_delete)
        await pilot.press("escape", "ctrl+d")
        await desktop.until(pilot, lambda: desktop.app._exit)
    farewell = "\n".join(desktop.app.farewell)
    assert f"Not deleted yet:      {session_id}" in farewell
    assert "queued message" not in farewell
    assert desktop.history.deleted == []


async def test_a_session_with_a_queue_only_is_deleted_at_once() -> None:
    desktop, gate = running(DONE)
    async with desktop.running(100, 40) as pilot:
        await queue_up(desktop, pilot, "second")
        await stop_watching(desktop, pilot)
        gate.set()
        actor = desktop.engine.actor(desktop.session.session_id)
        assert await actor.refresh_detached()
        assert actor.session.turns[0].status is TurnStatus.COMPLETED
        session_id = await left(desktop, pilot)
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "Sessions", "first")
        await pilot.press("ctrl+x")
        await desktop.shows(pilot, "1 queued message is withdrawn, not sent.")
        assert "still running" not in desktop.text()
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: desktop.history.deleted == [session_id])
        await pilot.press("escape")
        await asyncio.wait_for(actor.settled(), 60)
    assert len(desktop.api.posts) == 1
