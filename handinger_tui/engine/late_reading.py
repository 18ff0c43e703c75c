"""Late reading: a worker is read again some time after its turn, because a service may report costs late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.stream.worker_snapshot import Snapshot, WorkerBody
from handinger_tui.core.turns.turn import Turn
from handinger_tui.engine.turn_record import RunDeps


def brings_new_figures(turn: Turn, read: Snapshot) -> bool:
    """Whether a reading has other figures than the newest one of the turn."""
    newest = turn.snapshot or turn.before
    return newest is None or (newest.usage, newest.costs) != (read.usage, read.costs)


class LateReader:
    """Reads the worker of the newest turn of a session again, at times after the end of that turn.

    `newest()` returns that turn while none runs. `apply(turn_id, body)` takes a reading.
    """

    def __init__(
        self,
        deps: RunDeps,
        newest: Callable[[], Turn | None],
        apply: Callable[[str, WorkerBody], Awaitable[object]],
    ) -> None:
        self._deps = deps
        self._newest = newest
        self._apply = apply
        self._task: asyncio.Task[None] | None = None
        self._turn_id = ""

    def begin(self, turn_id: str) -> None:
        """Begin after the end of a turn."""
        self.cancel()
        if self._deps.policy.late_reads:
            self._turn_id = turn_id
            self._task = asyncio.get_running_loop().create_task(self._read_often(), name=f"late:{turn_id}")

    def cancel(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def read_now(self) -> None:
        """Make the last reading at once, if there is still one to make."""
        if self._task is not None and not self._task.done():
            self.cancel()
            await self._read()

    async def _read_often(self) -> None:
        for seconds in self._deps.policy.late_reads:
            await self._deps.clock.sleep(seconds)
            await self._read()

    async def _read(self) -> None:
        turn = self._newest()
        worker_id = None if turn is None else turn.worker_id or turn.order.worker_id
        if turn is None or worker_id is None or turn.turn_id != self._turn_id:
            return
        # It is optional: the next turn reads the worker as well.
        with suppress(HandingerError):
            body = await self._deps.api.read_worker(worker_id)
            await self._apply(turn.turn_id, body)
