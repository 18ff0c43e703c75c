"""What ended turns bring into the prompt; the paint scheduler ticks at its pace, and never in a flood."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from time import monotonic

from textual.app import App

from handinger_tui.core.turns.turn import Trigger, Turn, TurnRequest, TurnStatus
from handinger_tui.ui.widgets.status_text import ended_words
from handinger_tui.ui.widgets.throttled_timer import MAX_IMMEDIATE_PER_S, ThrottledTimer
from handinger_tui.ui.work.changes import undelivered
from handinger_tui.ui.work.paint_scheduler import KEY_FIRST_S, PaintScheduler
from tests.ui.panels.stage import reading, session, turn
from tests.ui.pilot import running


async def test_the_first_beat_is_immediate_and_later_ones_are_throttled() -> None:
    app = App[None]()
    async with running(app):
        beats = asyncio.Queue[float]()
        pulse = ThrottledTimer(app, 1 / 3600, lambda: beats.put_nowait(monotonic()))
        first = None
        for _ in range(MAX_IMMEDIATE_PER_S):
            # Any number of requests is one tick.
            pulse.at_once()
            pulse.at_once()
            came = await beats.get()
            first = came if first is None else first
        assert first is not None
        pulse.at_once()
        assert await beats.get() - first >= 1
        assert beats.empty()


async def test_it_runs_and_sleeps() -> None:
    app = App[None]()
    async with running(app):
        beats = asyncio.Queue[None]()
        pulse = ThrottledTimer(app, 1000, lambda: beats.put_nowait(None))
        assert not pulse.running
        pulse.start()
        pulse.start()
        await beats.get()
        assert pulse.running
        pulse.stop()
        assert not pulse.running


async def test_a_clock_tick_waits_for_a_paint_that_is_due() -> None:
    app = App[None]()
    async with running(app):
        calls = asyncio.Queue[str]()
        scheduler = PaintScheduler(
            app,
            lambda: calls.put_nowait("paint"),
            lambda: calls.put_nowait("clock"),
            lambda _session: None,
            lambda: False,
        )
        scheduler.clock.start()
        assert await calls.get() == "clock"
        paints = []
        for _ in range(20):
            scheduler.request()
            paints.append(await calls.get())
            while not calls.empty():
                paints.append(calls.get_nowait())
        # While there are constant paints, the clock continues without a paint of its own.
        assert "clock" in paints
        assert all(before == "paint" for before, call in pairwise(paints) if call == "clock")
        assert await calls.get() == "clock"


async def test_a_key_gets_on_the_screen_before_content_and_many_keys_do_not_stop_it() -> None:
    app = App[None]()
    async with running(app):
        paints = asyncio.Queue[float]()
        scheduler = PaintScheduler(
            app, lambda: paints.put_nowait(monotonic()), lambda: None, lambda _session: None, lambda: False
        )
        scheduler.hold()
        typed = monotonic()
        scheduler.request(at_once=True)
        assert await paints.get() - typed >= KEY_FIRST_S * 0.9
        scheduler.request(at_once=True)
        while paints.empty():
            scheduler.hold()
            await asyncio.sleep(0)


def test_a_message_of_another_program_or_of_a_script_does_not_come_into_the_prompt() -> None:
    ended = [
        Turn(TurnRequest(turn_id, turn_id, 0, trigger=trigger), TurnStatus.REJECTED)
        for turn_id, trigger in (("ours", Trigger.APP), ("theirs", Trigger.APP), ("script", Trigger.HEADLESS))
    ]
    drafts = undelivered(ended, lambda turn_id: turn_id != "theirs")
    assert [draft.text for draft in drafts] == ["ours"]


def test_the_end_of_a_turn_is_announced_with_the_duration_of_its_receipt() -> None:
    """It was left running overnight: that the program was away is not how long it took."""
    left = turn(0, after=reading("0.25", duration_ms=9_800), seconds=8 * 3_600)
    assert ended_words(session(left), left).startswith("finished in 9.8 s, $0.25")
