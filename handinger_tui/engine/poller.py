"""Follows what runs and nobody follows: over a stream where the service has one, else by readings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec.structs import replace

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.reading_order import Place, Places, Unwatched, Urgency, by_importance, due_ms
from handinger_tui.engine.tasks import start

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractAsyncContextManager

    from handinger_tui.engine.ports import Clock, RetryPolicy
    from handinger_tui.engine.read_gate import ReadGate
    from handinger_tui.engine.session_actor import SessionActor

AT_A_LOOK: Final = 5
"""Runs that are taken up at once: opening a session takes a moment."""
LATE_EVERY_MS: Final = 60_000
"""Between two looks for amounts that are not settled, and for turns of programs that ended."""
LATE_AFTER_MS: Final = 5_000
"""The first one comes so long after the start."""
_LATE: Final = ""
"""Stands among the sessions for that look."""


class OpensSessions(Protocol):
    """What it needs of the engine, see there."""

    def opened(self, session_id: str) -> AbstractAsyncContextManager[SessionActor]: ...
    def is_let_go(self, session_id: str) -> bool: ...
    async def settle_late(self, without: Collection[str]) -> None: ...


class Poller:
    """Takes up what is most important first. `look` is called about once a second."""

    def __init__(self, engine: OpensSessions, gate: ReadGate, clock: Clock, policy: RetryPolicy) -> None:
        self._engine = engine
        self._gate = gate
        self._clock = clock
        self._most = policy.most_watched
        """How many runs are watched at once; the others are read when they are due."""
        self._front_ms = int(policy.poll_interval * 1000)
        self._runs: Sequence[Unwatched] = ()
        self._watched: dict[str, asyncio.Task[None]] = {}
        self._read: dict[str, asyncio.Task[None]] = {}
        self._more: dict[str, asyncio.Task[None]] = {}
        """By worker: what is read of it besides its state."""
        self._has_more: set[str] = set()
        """The workers of which that was read since the last look for late amounts."""
        self._read_ms: dict[str, int] = {}
        self._unfollowed: set[str] = set()
        """Sessions that could not be followed to the end; they are read until the service answers."""
        self._late_ms = clock.now_ms() + LATE_AFTER_MS
        self._is_closed = False

    def look(self, runs: Sequence[Unwatched], places: Places) -> None:
        """Take up runs that nobody watches. `places`: those of all workers on the screen."""
        if self._is_closed:
            return
        self._gate.places, self._runs = places, runs
        now_ms = self._clock.now_ms()
        if now_ms >= self._late_ms and _LATE not in self._read:
            self._late_ms = now_ms + LATE_EVERY_MS
            self._begin(self._read, _LATE, self._settle_late)
        room = AT_A_LOOK
        for run in by_importance(runs, places):
            if room > 0 and run.session_id not in self._watched.keys() | self._read.keys():
                room -= self._take_up(run, places.get(run.worker_id, Place.HIDDEN), now_ms)

    def _take_up(self, run: Unwatched, place: Place, now_ms: int) -> bool:
        session_id = run.session_id
        is_read = session_id in self._unfollowed or self._engine.is_let_go(session_id)
        if not is_read and len(self._watched) < self._most:
            self._begin(self._watched, session_id, partial(self._watch, session_id))
        elif due_ms(self._as_read(run), place, now_ms, self._front_ms) <= now_ms:
            self._begin(self._read, session_id, partial(self._read_once, run))
        else:
            return False
        return True

    def _as_read(self, run: Unwatched) -> Unwatched:
        return replace(run, read_ms=max(run.read_ms, self._read_ms.get(run.session_id, 0)))

    def _begin(
        self,
        tasks: dict[str, asyncio.Task[None]],
        key: str,
        work: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        async def run() -> None:
            # What cannot be read or stored now is tried again.
            with suppress(HandingerError):
                await work()

        task = tasks[key] = start(run, f"poll:{key}")
        task.add_done_callback(lambda _task: tasks.pop(key, None))

    async def _watch(self, session_id: str) -> None:
        self._unfollowed.add(session_id)
        async with self._engine.opened(session_id) as actor:
            await actor.watch_left()
            is_followed = actor.running
            if (await actor.settled()).unwatched is None and is_followed:
                self._unfollowed.discard(session_id)

    async def _read_once(self, run: Unwatched) -> None:
        await self._gate.turn(run.worker_id, Urgency.STATE)
        self._read_ms[run.session_id] = self._clock.now_ms()
        async with self._engine.opened(run.session_id) as actor:
            await actor.refresh()
            self._unfollowed.discard(run.session_id)

    async def _settle_late(self) -> None:
        await self._engine.settle_late({run.session_id for run in self._runs} | self._watched.keys())
        in_sight = {run.session_id for run in self._runs}
        self._read_ms = {key: at for key, at in self._read_ms.items() if key in in_sight}
        self._unfollowed &= in_sight | self._watched.keys()
        self._has_more.clear()

    def read_more(self, worker_id: str, read: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Read more of a worker than its state, in its turn; again after the next look for late amounts."""
        if not (self._is_closed or worker_id in self._more or worker_id in self._has_more):
            self._has_more.add(worker_id)
            self._begin(self._more, worker_id, partial(self._read_more, worker_id, read))

    async def _read_more(self, worker_id: str, read: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self._gate.turn(worker_id, Urgency.LATE)
        with self._gate.reading(worker_id):
            await read()

    # -- closing ---------------------------------------------------------------------------------
    def close(self) -> None:
        """Begin nothing any more. What is watched ends with its actor."""
        self._is_closed = True
        for task in (*self._read.values(), *self._more.values()):
            task.cancel()
        self._gate.close()

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        tasks = (*self._watched.values(), *self._read.values(), *self._more.values())
        await asyncio.gather(*tasks, return_exceptions=True)
