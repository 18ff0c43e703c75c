"""Detaching, watching again, and their messages."""

from __future__ import annotations

import asyncio
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.errors import StreamLost, Unreachable
from handinger_tui.core.runs import Board, SessionRun
from handinger_tui.core.turns.turn import ErrorKind, TurnStatus
from handinger_tui.ui.ports import NoticeOptions, Opening
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import CALM, PRICED, Desktop, answers, launch
from tests.ui.screens.test_sending import held

if TYPE_CHECKING:
    from pathlib import Path

HONEST = "Stop watching? The worker keeps running and may keep charging. To come back, press Enter on"


def plain(desktop: Desktop) -> str:
    """The words on the screen, without borders and line breaks."""
    return " ".join(desktop.text().replace("│", " ").split())


async def test_esc_offers_to_stop_watching_in_honest_words_and_no_is_the_default() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half", "Esc Stop watching")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: HONEST in plain(desktop))
        assert plain(desktop).count("Stop watching?") == 1
        await pilot.press("enter")
        await desktop.until(pilot, lambda: HONEST not in plain(desktop))
        assert desktop.session.busy
        gate.set()
        await desktop.shows(pilot, "✓ completed")


async def test_a_detached_turn_is_shown_as_running_and_enter_watches_it_again() -> None:
    script, _gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("Half", busy=True, prompt="Do it")]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: HONEST in plain(desktop))
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "still running", "may keep charging")
        assert "stopped" not in desktop.text().lower().replace("we stopped watching", "")
        assert desktop.session.turns[-1].status is TurnStatus.RUNNING
        desktop.api.workers[:] = [worker("Half and whole", prompt="Do it", **PRICED)]
        await pilot.press("enter")
        await desktop.shows(pilot, "Half and whole", "✓ completed")
    assert len(desktop.api.posts) == 1


async def test_the_end_of_a_run_that_a_reading_brings_is_reported_everywhere_once(tmp_path: Path) -> None:
    """It was left running and nobody watches it: nothing else says that it is over."""
    facts = tmp_path / "facts"
    notices = NoticeOptions(on_done=("sh", "-c", f"cat >> {facts}; echo >> {facts}"))
    script, _gate = held("Half")
    desktop = Desktop(
        api=FakeApi(starts=[script], workers=[worker("Half", busy=True, prompt="Do it")]),
        launch=launch(Opening.FRESH, notices=notices),
    )
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        first = desktop.session.session_id
        await pilot.press("escape")
        await desktop.until(pilot, lambda: HONEST in plain(desktop))
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "still running")
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != first)
        desktop.api.workers[:] = [worker("Half and whole", prompt="Do it", **PRICED)]
        actor = desktop.work.controller.actor(first)
        assert await actor.refresh()
        await desktop.until(pilot, lambda: "“Do it” finished in" in desktop.notices())
        await desktop.until(pilot, lambda: facts.exists() and facts.read_text().endswith("}\n"))
        await actor.refresh()
        await desktop.settle(pilot)
        assert desktop.notices().count("“Do it” finished in") == 1
        (fact,) = facts.read_text().splitlines()
        assert json.loads(fact)["result"]["status"] == "completed"


async def test_quitting_during_a_turn_prints_the_resume_command_and_a_cost_warning() -> None:
    script, _gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", busy=True)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        await pilot.press("ctrl+c", "ctrl+c")
        await desktop.until(pilot, lambda: desktop.app._exit)
    farewell = "\n".join(desktop.app.farewell)
    assert f"handinger-tui --resume {desktop.session.session_id}" in farewell
    assert "handinger-tui --worker w1" in farewell
    assert "1 still running: it may keep charging. Watch it: handinger-tui attach w1" in farewell
    assert "cost unknown · 1 turn" in farewell


async def test_a_worker_named_at_the_start_is_read_and_its_turns_are_shown() -> None:
    body = worker("An answer from elsewhere", prompt="Asked elsewhere", **PRICED)
    desktop = Desktop(api=FakeApi(workers=[body]), launch=launch(Opening.WORKER, worker="w1"))
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Asked elsewhere", "An answer from elsewhere")
    assert desktop.api.posts == []


async def test_attach_by_command_reads_another_worker() -> None:
    body = worker("From elsewhere", prompt="Asked elsewhere", **PRICED)
    desktop = Desktop(api=FakeApi(workers=[body]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/attach w1")
        await desktop.shows(pilot, "From elsewhere")
    assert desktop.api.posts == []


async def test_a_session_that_ends_in_the_background_is_reported() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", messages=None, **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        await pilot.press("ctrl+n")
        await desktop.shows(pilot, "New session")
        gate.set()
        await desktop.until(
            pilot, lambda: "“Do it” finished in 0.0 s, $0.0123 so far. Press ^S" in desktop.notices()
        )
        assert "Half" not in desktop.text()


async def test_runs_that_end_while_one_is_reported_are_reported_together_behind_it() -> None:
    scripts, gates = zip(*(held(name) for name in ("one", "two", "three")), strict=True)
    desktop = Desktop(api=FakeApi(starts=[*scripts], workers=[worker("", messages=None, **PRICED)]))
    async with desktop.running() as pilot:
        for name in ("one", "two", "three"):
            await desktop.send(pilot, name)
            await desktop.until(pilot, lambda: desktop.session.busy)
            await pilot.press("ctrl+n")
            await desktop.shows(pilot, "New session")
        for gate in gates:
            gate.set()
        await desktop.until(pilot, lambda: len(desktop.history.unread) == 3)
        assert desktop.notices().count("finished in") == 1
        desktop.work.changes.report_ended()
        await desktop.until(
            pilot, lambda: "2 runs ended: $0.0246 so far. Press F7 to see them." in desktop.notices()
        )
        desktop.work.changes.report_ended()
        assert desktop.notices().count("finished in") == 1


async def test_the_question_says_that_its_turn_has_ended_and_a_yes_does_not_stop_watching_the_next() -> None:
    first, gate = held("Half")
    second, _ = held("Second half")
    desktop = Desktop(api=FakeApi(starts=[first, second], workers=[worker("", prompt="Do it", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        await desktop.send(pilot, "And this")
        await pilot.press("escape")
        await desktop.shows(pilot, "Stop watching?", "1 queued message waits until you send it.")
        # The answer stands ready, and its Enter comes with the end of the turn.
        await pilot.press("right")
        gate.set()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.shows(pilot, "The turn has already ended.")
        # Its buttons change with the next layout.
        await desktop.until(pilot, lambda: "Stop watching " not in desktop.text_of(".dialog"))
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await desktop.shows(pilot, "Second half")
        assert desktop.work.controller.running
        assert desktop.session.unwatched is None


async def test_a_visible_answer_is_marked_read() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: desktop.session.session_id in desktop.history.read)


async def test_esc_closes_the_card_and_the_next_detached_turn_shows_it_again() -> None:
    one, _first = held("Half")
    two, _second = held(
        "Again half",
    )
    finished = worker("Half and whole", prompt="Do it", **PRICED)
    desktop = Desktop(api=FakeApi(starts=[one, two], workers=[finished]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        desktop.engine.actor(desktop.session.session_id).detach()
        await desktop.shows(pilot, "to watch it.")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "to watch it." not in desktop.text())
        # Its end is read; then another one can be sent.
        assert await desktop.engine.actor(desktop.session.session_id).refresh_detached()
        await desktop.send(pilot, "Something else")
        await desktop.shows(pilot, "Again half")
        desktop.engine.actor(desktop.session.session_id).detach()
        await desktop.shows(pilot, "to watch it.")


async def test_a_retry_is_shown_with_number_wait_reason_and_the_key_that_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = asyncio.Event()
    lost = StreamLost(ErrorKind.NETWORK, "The connection was lost.")
    silent = Unreachable(ErrorKind.CONNECT, "Cannot reach the service.")
    done = worker("Whole", prompt="Do it", **PRICED)
    api = FakeApi(starts=[[*says("Half", end=False), lost]], workers=[silent, done])
    desktop = Desktop(api=api, retry_policy=replace(CALM, recovery_window=60.0, poll_interval=4.0))

    async def wait(_seconds: float) -> None:
        await gate.wait()

    monkeypatch.setattr(desktop.clock, "sleep", wait)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        pattern = r"retry 1 after [34] s: Cannot reach the service\. Nothing is resent\. Esc to stop"
        await desktop.until(pilot, lambda: re.search(pattern, plain(desktop)))
        await desktop.shows(pilot, "retry 1 in ", "Esc Stop watching")
        desktop.now_ms += 3_000
        await desktop.shows(pilot, "retry 1 in 1 s")
        gate.set()
        await desktop.shows(pilot, "Whole", "✓ completed")
    assert len(desktop.api.posts) == 1


async def test_the_header_shows_the_number_and_cost_of_other_running_sessions() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        assert "running" not in desktop.text_of("#header")
        amounts = ("0.20", "0.11")
        runs = [
            SessionRun(f"ses_{usd}", status=TurnStatus.ACCEPTED, watched=True, usd=Total(Decimal(usd)))
            for usd in amounts
        ]
        here = SessionRun(desktop.session.session_id, status=TurnStatus.ACCEPTED, watched=True)
        desktop.runs.value = board = Board((here, *runs))
        await desktop.until(pilot, lambda: "2 others running · $0.31" in desktop.text_of("#header"))
        await pilot.press("ctrl+n")
        words = "3 others running · $0.31 + 1 unknown"
        desktop.runs.value = replace(board, runs=(replace(here, usd=Total(None, 1)), *runs))
        await desktop.until(pilot, lambda: words in desktop.text_of("#header"))
        assert words.removeprefix("3 others running · ") in desktop.runs.value.head(0)
        await pilot.resize_terminal(60, 20)
        await desktop.until(pilot, lambda: "3 others" in desktop.text_of("#header"))
        gate.set()
        desktop.runs.value = Board()
        await desktop.until(pilot, lambda: "other" not in desktop.text_of("#header"))
