"""A pulse beats at its pace, and sooner when asked; never in a flood."""

from __future__ import annotations

import asyncio
from time import monotonic

from textual.app import App

from handinger_tui.ui.work.paint_scheduler import MAX_IMMEDIATE_PER_S, ThrottledTimer


async def test_a_beat_comes_at_once_but_not_in_a_flood() -> None:
    app = App[None]()
    async with app.run_test():
        beats = asyncio.Queue[float]()
        pulse = ThrottledTimer(app, 1 / 3600, lambda: beats.put_nowait(monotonic()))
        first = None
        for _ in range(MAX_IMMEDIATE_PER_S):
            # However many ask for it, it is one beat.
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
    async with app.run_test():
        beats = asyncio.Queue[None]()
        pulse = ThrottledTimer(app, 1000, lambda: beats.put_nowait(None))
        assert not pulse.running
        pulse.start()
        pulse.start()
        await beats.get()
        assert pulse.running
        pulse.stop()
        assert not pulse.running
