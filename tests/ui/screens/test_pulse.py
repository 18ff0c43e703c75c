"""A pulse beats at its pace, and sooner when asked; never in a flood."""

from __future__ import annotations

import asyncio
from time import monotonic

from textual.app import App

from handinger_tui.ui.screens.pulse import MOST_PER_S, Pulse


async def test_a_beat_comes_at_once_and_the_next_one_no_sooner_than_allowed() -> None:
    app = App[None]()
    async with app.run_test():
        beats = asyncio.Queue[float]()
        pulse = Pulse(app, 1 / 3600, lambda: beats.put_nowait(monotonic()))
        pulse.at_once()
        first = await beats.get()
        for _ in range(100):
            pulse.at_once()
        # The many asked for one beat.
        second = await beats.get()
        assert second - first >= 1 / MOST_PER_S
        pulse.at_once()
        assert await beats.get() - second >= 1 / MOST_PER_S
        assert beats.empty()


async def test_it_runs_and_sleeps() -> None:
    app = App[None]()
    async with app.run_test():
        beats = asyncio.Queue[None]()
        pulse = Pulse(app, 1000, lambda: beats.put_nowait(None))
        assert not pulse.running
        pulse.start()
        pulse.start()
        await beats.get()
        assert pulse.running
        pulse.stop()
        assert not pulse.running
