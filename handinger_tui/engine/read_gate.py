"""The gate for all readings of one service: what can wait has its turn, and everything is counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import ApiError
from handinger_tui.core.reading_order import Allowance, Ask, Place, Places, Urgency, next_ask
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.engine.tasks import start

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from handinger_tui.core.stream import StreamRoute, WorkerBody
    from handinger_tui.engine.ports import Clock, Reply, WorkerReads

AT_ONCE: Final = 20
"""Readings after a pause that need not wait for each other."""
LOOK_S: Final = 1.0
"""Seconds between two looks at the clock at most: the machine may have slept in between."""
GRANTED_MS: Final = 5_000
"""A reading that does not begin within this time is not made."""
SOON_S: Final = 0.05
"""The same while every worker that is waited for is being read."""
_OF_SERVICE: Final = frozenset(
    {
        ErrorKind.CONNECT,
        ErrorKind.NETWORK,
        ErrorKind.TIMEOUT,
        ErrorKind.RATE_LIMITED,
        ErrorKind.SERVER,
        ErrorKind.GATEWAY,
    }
)
"""Errors after which every worker waits; others are of one worker."""


class ReadGate:
    """Gives everybody who reads the service his turn, see `core/reading_order.py`."""

    def __init__(self, clock: Clock, per_s: float) -> None:
        self.places: Places = {}
        self._clock = clock
        self._allowance = Allowance.full(per_s, AT_ONCE, clock.now_ms())
        self._asks: dict[asyncio.Future[None], Ask] = {}
        self._reading = Counter[str]()
        self._granted: dict[str, int] = {}
        """Workers whose reading is counted already and about to begin, with the time of that."""
        self._was_in_front = False
        """Whether the last one was."""
        self._granting: asyncio.Task[None] | None = None

    async def turn(self, worker_id: str, urgency: Urgency) -> float:
        """Wait until a worker may be read; returns the seconds that took."""
        began_ms = self._clock.now_ms()
        if self.places.get(worker_id) is Place.FRONT and not self._reading[worker_id]:
            # Whoever looks at it waits for no other reading, only where the service wants to be left alone.
            is_state = urgency <= Urgency.STATE
            if not (self._allowance.pause_ms if is_state else self._allowance.wait_ms)(began_ms):
                return 0.0
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asks[granted] = Ask(worker_id, urgency, began_ms)
        if self._granting is None or self._granting.done():
            self._granting = start(self._drive, "reads")
        try:
            await granted
        finally:
            self._asks.pop(granted, None)
        return (self._clock.now_ms() - began_ms) / 1000

    async def _drive(self) -> None:
        while self._asks:
            now_ms = self._clock.now_ms()
            wait_ms = self._allowance.wait_ms(now_ms)
            self._granted = {key: at for key, at in self._granted.items() if now_ms - at < GRANTED_MS}
            busy = self._reading.keys() | self._granted.keys()
            asks, after_front = self._asks.values(), self._was_in_front
            ask = None if wait_ms else next_ask(asks, self.places, busy, now_ms, after_front=after_front)
            if ask is None:
                await self._clock.sleep(min(wait_ms / 1000, LOOK_S) or SOON_S)
                continue
            granted = next(one for one, other in self._asks.items() if other is ask)
            del self._asks[granted]
            if not granted.done():
                self._allowance = self._allowance.after_reading(now_ms)
                self._granted[ask.worker_id] = now_ms
                self._was_in_front = self.places.get(ask.worker_id) is Place.FRONT
                granted.set_result(None)

    @contextmanager
    def reading(self, worker_id: str) -> Iterator[None]:
        """Count a reading that takes place now, and how it ends."""
        if self._granted.pop(worker_id, None) is None:
            self.count()
        self._reading[worker_id] += 1
        try:
            yield
        except ApiError as trouble:
            if trouble.kind in _OF_SERVICE or trouble.retry_after_s:
                now_ms = self._clock.now_ms()
                self._allowance = self._allowance.failed(now_ms, trouble.retry_after_s)
            raise
        else:
            self._allowance = self._allowance.answered()
        finally:
            self._reading[worker_id] -= 1
            self._reading = +self._reading

    def count(self) -> None:
        """Count a request that could not wait."""
        self._allowance = self._allowance.after_reading(self._clock.now_ms())

    def close(self) -> None:
        """Nobody is given a turn any more."""
        if self._granting is not None:
            self._granting.cancel()


class CountedReads:
    """Implements `WorkerReads`: the readings of a service, counted."""

    def __init__(self, api: WorkerReads, gate: ReadGate) -> None:
        self._api = api
        self._gate = gate

    @asynccontextmanager
    async def follow(self, worker_id: str, via: StreamRoute) -> AsyncIterator[Reply]:
        self._gate.count()
        async with self._api.follow(worker_id, via) as reply:
            yield reply

    async def read_worker(self, worker_id: str) -> WorkerBody:
        with self._gate.reading(worker_id):
            return await self._api.read_worker(worker_id)
