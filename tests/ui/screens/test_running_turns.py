"""Running turns of an earlier program: read at the next start, reported, watched by Enter,
marked when ended.
"""

from __future__ import annotations

import asyncio
from copy import deepcopy
from dataclasses import dataclass, field

import pytest

from handinger_tui.core.errors import Refused, Unreachable
from handinger_tui.core.jsontext import Json
from handinger_tui.core.runs import Board, SessionRun
from handinger_tui.core.stream import WorkerBody
from handinger_tui.core.turns.session import SessionSummary
from handinger_tui.core.turns.turn import ErrorKind, TurnStatus
from handinger_tui.ui.ports import Account, Opening
from handinger_tui.ui.widgets.column_list import ColumnList
from tests.engine.fakes import PLACE, FakeApi, FakeLog, says, worker
from tests.ui.fakes import LOCAL, NOW_MS, PRICED, REMOTE, Desktop, answers, launch, summary
from tests.ui.screens.test_sending import held

BUSY = worker("Half", prompt="Do it", busy=True, usage={"credits": 12}, costs={})
DONE = worker("Half and whole", prompt="Do it", **PRICED)
FOUR_MINUTES = 250_000


@dataclass
class Past:
    """An earlier program with detached runs: its log, and its session list."""

    log: FakeLog = field(default_factory=FakeLog)
    rows: list[SessionSummary] = field(default_factory=list)

    async def leave(self, prompt: str = "Do it") -> str:
        """Detach from a run; returns its session."""
        script, _gate = held("Half")
        earlier = Desktop(
            api=FakeApi(starts=[script], workers=[worker("", busy=True)]),
            log=self.log,
            launch=launch(Opening.FRESH),
        )
        async with earlier.running() as pilot:
            await earlier.send(pilot, prompt)
            await earlier.shows(pilot, "Half")
            earlier.engine.actor(earlier.session.session_id).detach()
            await earlier.until(pilot, lambda: not earlier.session.busy)
            session_id = earlier.session.session_id
        row = summary(
            "x", session_id=session_id, title=prompt, last_status=TurnStatus.RUNNING, base_url=PLACE, turns=1
        )
        self.rows.insert(0, row)
        return session_id

    def next(
        self, api: FakeApi, opening: Opening = Opening.FRESH, badge: Account = REMOTE, **members: object
    ) -> Desktop:
        """The next program, four minutes later."""
        log = deepcopy(self.log)
        desktop = Desktop(api=api, log=log, launch=launch(opening, **members), badge=badge)
        desktop.history.rows = list(self.rows)
        desktop.now_ms = NOW_MS + FOUR_MINUTES
        return desktop


async def test_a_running_turn_is_reported_with_time_and_cost_and_enter_watches_it() -> None:
    past = Past()
    await past.leave()
    desktop = past.next(FakeApi(workers=[BUSY, DONE]))
    async with desktop.running(100, 30) as pilot:
        notice = "Still running: “Do it” (4 m, 12 credits so far). Press F7 to see it."
        await desktop.until(pilot, lambda: notice in desktop.notices())
        await desktop.shows(pilot, "Enter to watch “Do it” (still running)")
        assert desktop.api.reads == 1
        await pilot.press("enter")
        await desktop.shows(pilot, "❯ Do it", "Half and whole", "✓ completed")
        assert "still running" not in desktop.text_of("#hint")
    assert desktop.api.posts == []


async def test_the_list_shows_duration_and_cost_of_a_running_turn() -> None:
    past = Past()
    await past.leave()
    desktop = past.next(FakeApi(workers=[BUSY]))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "Still running: “" in desktop.notices())
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "still running · 4 m · 1 turn · 12 credits so far")


async def test_the_list_compares_costs_in_one_unit() -> None:
    past = Past()
    await past.leave()
    both: Json = {"credits": 12, "costUsd": 0.0123}
    desktop = past.next(FakeApi(workers=[worker("Half", prompt="Do it", busy=True, usage=both)]))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "$0.0123 so far" in desktop.notices())


async def test_a_list_that_is_open_already_is_read_again_and_keeps_its_mark() -> None:
    past = Past()
    await past.leave()
    await past.leave("Do that")
    api = SlowApi(workers=[BUSY])
    api.may = asyncio.Event()
    desktop = past.next(api, Opening.PICKER)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Do that", "was running")
        await pilot.press("down")
        api.may.set()
        await desktop.shows(pilot, "still running · 4 m · 1 turn · 12 credits so far")
        assert desktop.app.screen.query_one(ColumnList).cursor == 1


@pytest.mark.parametrize("last", [BUSY, DONE])
async def test_nothing_covers_the_board_to_say_what_it_shows(last: str) -> None:
    past = Past()
    session_id = await past.leave()
    api = SlowApi(workers=[last])
    api.may = asyncio.Event()
    desktop = past.next(api)
    desktop.runs.value = Board((SessionRun(session_id, "Do it", status=TurnStatus.RUNNING),))
    async with desktop.running(120, 40) as pilot:
        await pilot.press("f7")
        await desktop.shows(pilot, "known on this computer", "Do it")
        await desktop.until(pilot, lambda: desktop.work.controller.is_on_board(session_id))
        api.may.set()
        await desktop.until(pilot, lambda: desktop.work.controller.follows)
        await desktop.settle(pilot)
        assert "Do it" not in desktop.notices()


async def test_runs_that_ended_elsewhere_are_fetched_marked_unread_and_reported_once() -> None:
    past = Past()
    first, second = await past.leave(), await past.leave("Do it")
    desktop = past.next(FakeApi(workers=[DONE]))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "2 runs ended while you were away: $" in desktop.notices())
        assert sorted(desktop.history.unread) == sorted([first, second])
        assert desktop.notices().count("while you were away") == 1
        desktop.history.rows = desktop.history.rows[:1]
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "○ Do it")
        await pilot.press("enter")
        await desktop.shows(pilot, "Half and whole", "✓ completed")
        assert desktop.history.read == [second]
    assert desktop.api.posts == []


async def test_a_run_that_ended_in_the_open_session_is_shown_and_not_marked() -> None:
    past = Past()
    await past.leave()
    desktop = past.next(FakeApi(workers=[DONE]), Opening.LAST)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Half and whole", "✓ completed")
        assert desktop.history.unread == []


async def test_an_unreachable_service_shows_no_notice_and_does_not_block_the_prompt() -> None:
    past = Past()
    await past.leave()
    await past.leave("Do that")
    refused = Refused(ErrorKind.NOT_FOUND, "No such worker.", http_status=404)
    desktop = past.next(FakeApi(workers=[refused, BUSY]))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "Still running: “Do it”" in desktop.notices())
        assert "No such worker" not in desktop.notices()
    desktop = past.next(FakeApi(workers=[Unreachable(ErrorKind.CONNECT, "Cannot reach the service.")]))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: desktop.api.reads)
        await desktop.settle(pilot)
        assert desktop.api.reads == 1
        assert desktop.notices() == ""
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "was running")


class SlowApi(FakeApi):
    """Reads a worker only once it may."""

    may: asyncio.Event

    async def read_worker(self, worker_id: str) -> WorkerBody:
        await self.may.wait()
        return await super().read_worker(worker_id)


async def test_a_watcher_during_a_read_gets_every_frame_once() -> None:
    past = Past()
    session_id = await past.leave()
    api = SlowApi(workers=[DONE])
    api.may = asyncio.Event()
    desktop = past.next(api, Opening.FRESH)
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: desktop.work.controller.checking == {session_id})
        await desktop.send(pilot, f"/sessions {session_id}")
        await desktop.shows(pilot, "Enter to watch the worker")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.session.busy)
        api.may.set()
        await desktop.shows(pilot, "Half and whole", "✓ completed")
        await desktop.until(pilot, lambda: not desktop.work.controller.checking)
    (frames,) = desktop.log.stored.values()
    assert [frame.seq for frame in frames] == list(range(len(frames)))


async def test_runs_of_the_local_worker_are_not_requested() -> None:
    past = Past()
    await past.leave()
    desktop = past.next(answers("Hello"), badge=LOCAL)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
    assert desktop.api.reads == 1


async def test_a_session_that_ends_out_of_sight_is_marked_unread() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        session_id = desktop.session.session_id
        await pilot.press("ctrl+n")
        await desktop.shows(pilot, "New session")
        gate.set()
        await desktop.until(pilot, lambda: desktop.history.unread == [session_id])


async def test_a_new_session_follows_its_end_wherever_the_one_before_stood() -> None:
    long = "".join(f"Paragraph {n}\n\n" for n in range(60))
    desktop = Desktop(api=answers(long, "A short answer"))
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "One")
        await desktop.shows(pilot, "Paragraph 59", "✓ completed")
        await pilot.press("pageup")
        await desktop.until(pilot, lambda: not desktop.work.transcript.following)
        await pilot.press("ctrl+n")
        await desktop.shows(pilot, "Three things to try")
        await desktop.send(pilot, "Two")
        await desktop.shows(pilot, "A short answer", "✓ completed")
        assert desktop.work.transcript.following
        assert "new lines" not in desktop.text()


async def test_a_program_that_was_killed_comes_back_watching_and_enter_queues() -> None:
    """Also after SIGHUP: the turn was detached, and its text is in the prompt of nobody."""
    past = Past()
    await past.leave()
    busy = worker("Half", prompt="Do it", busy=True)
    api = FakeApi(starts=[says("Two", message_id="b")], follows=[[asyncio.Event()]], workers=[busy])
    desktop = past.next(api, Opening.LAST)
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: desktop.work.controller.running)
        await pilot.press(*"next")
        await desktop.shows(pilot, "Enter to queue")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: [turn.request.prompt for turn in desktop.queued] == ["next"])
    assert desktop.api.posts == []
