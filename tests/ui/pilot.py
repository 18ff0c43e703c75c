"""A pilot that waits until the app has nothing to do; Textual's own waits 20 ms after each key and pause.

The app itself runs as Textual runs it: nothing of Textual is replaced.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final

from textual.app import App, ReturnType
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.events import Key
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

SOON_S: Final = 0.02
"""An app is not idle before the timers that are due within this time: Textual takes it each time."""
THREADS_S: Final = 0.1
"""Threads that work are waited for as long, since some of them wait for the test."""
TURN_S: Final = 0.01
"""A turn of the loop counts for no longer: a machine that is busy does not shorten what is waited for."""
MOST_S: Final = 1.0
"""An app that never rests is waited for as long."""


def strips_of(screen: Screen[Any]) -> list[Strip]:
    """The lines of a screen. Private, for tests only: the only access to the composed lines."""
    return screen._compositor.render_strips()


def text_of(app: App[Any], selector: str = "") -> str:
    """The screen as a terminal would show it, or one of its widgets, without the widgets behind it."""
    rows = ["".join(segment.text for segment in strip) for strip in strips_of(app.screen)]
    if selector:
        at = app.screen.query_one(selector).region
        rows = [row[at.x : at.right] for row in rows[at.y : at.bottom]]
    return "\n".join(map(str.rstrip, rows))


async def nothing_to_do() -> None:
    """Wait until neither the event loop nor a thread of it has work."""
    loop: Any = asyncio.get_running_loop()
    begin = turned = monotonic()
    rounds = 0
    while rounds < 3 and turned - begin < MOST_S:
        await asyncio.sleep(0)
        now = monotonic()
        begin += max(0.0, now - turned - TURN_S)
        turned = now
        due = begin + SOON_S
        timers = [timer.when() for timer in loop._scheduled if not timer.cancelled() and timer.when() <= due]
        if loop._ready:
            rounds = 0
        elif timers or (now - begin < THREADS_S and at_work(loop._default_executor)):
            rounds = 0
            await asyncio.sleep(0.001)
        else:
            rounds += 1


def at_work(pool: Any) -> bool:
    """Whether a thread of the pool has something to do."""
    return pool is not None and (
        pool._work_queue.qsize() > 0 or len(pool._threads) > pool._idle_semaphore._value
    )


def key_of(name: str) -> Key:
    """The event of a key, or of a character."""
    key = _character_to_key(name) if len(name) == 1 and not name.isalnum() else name
    try:
        character = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(key, key)))
    except KeyError:
        character = key if len(key) == 1 else ""
    return Key(key, character or None)


class IdlePilot(Pilot[ReturnType]):
    """A pilot that goes on as soon as the app is idle. Clicks and the size of the terminal are Textual's."""

    async def press(self, *keys: str) -> None:
        """Press keys, each when the app is idle after the one before."""
        for key in keys:
            event = key_of(key)
            event.set_sender(self.app)
            self.app.post_message(event)
            await nothing_to_do()
            await self.app.animator.wait_until_complete()
            await nothing_to_do()
        if keys:
            await self._wait_for_screen()

    async def pause(self, delay: float | None = None) -> None:
        """Let the app run until it is idle, or for `delay` seconds."""
        if delay is not None:
            await super().pause(delay)
        else:
            await self._wait_for_screen()
            await nothing_to_do()
            # What waits for the next frame is painted now.
            self.app.screen._on_timer_update()


_PARSED: dict[object, list[RuleSet]] = {}


class ParsedRules(dict[object, list[RuleSet]]):
    """The rules of an app's styles, which an app before has parsed: a fifth of the work of a start."""

    def __init__(self, sheet: Stylesheet) -> None:
        super().__init__()
        self._sheet = sheet

    def _key(self, source: object) -> object:
        # The colors of the theme are written into the rules.
        return source, frozenset(self._sheet._variables.items())

    def __getitem__(self, source: object) -> list[RuleSet]:
        return _PARSED[self._key(source)]

    def __setitem__(self, source: object, rules: list[RuleSet]) -> None:
        _PARSED[self._key(source)] = rules


@asynccontextmanager
async def running(app: App[ReturnType], **options: Any) -> AsyncIterator[IdlePilot[ReturnType]]:
    """The app in a terminal of its own, with the options of `App.run_test`.

    With the task factory that `App.run` sets where Python has it, from 3.12 on: a task begins in the line
    that makes it.
    """
    if (factory := getattr(asyncio, "eager_task_factory", None)) is not None:
        asyncio.get_running_loop().set_task_factory(factory)
    sheet: Any = app.stylesheet
    sheet._parse_cache = ParsedRules(sheet)
    async with app.run_test(**options):
        # Textual says so once the app is mounted, when parts of it may not have their size yet.
        await nothing_to_do()
        yield IdlePilot(app)
