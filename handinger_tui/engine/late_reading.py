"""Late reading: a worker is read again some time after its turn, because a service may report costs late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.stream.worker_snapshot import Snapshot, WorkerBody
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.engine.inbox import Inbox
from handinger_tui.engine.session_store import SessionStore
from handinger_tui.engine.settling import TurnSettler
from handinger_tui.engine.turn_record import RunDeps


def brings_new_figures(turn: Turn, read: Snapshot) -> bool:
    """Whether a reading has other figures than the newest one of the turn."""
    newest = turn.snapshot or turn.before
    return newest is None or (newest.usage, newest.costs) != (read.usage, read.costs)


class LateReader:
    """Reads the worker of the newest turn of a session again, at times after the end of that turn.

    A reading is applied as a request to `inbox`, the inbox of the owner of the session.
    """

    def __init__(
        self,
        deps: RunDeps,
        store: SessionStore,
        settler: TurnSettler,
        inbox: Inbox,
        is_running: Callable[[], bool],
    ) -> None:
        self._deps = deps
        self._store = store
        self._settler = settler
        self._inbox = inbox
        self._is_running = is_running
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
        turn = self._turn()
        worker_id = None if turn is None else turn.worker_id or turn.order.worker_id
        if worker_id is None:
            return
        # It is optional: the next turn reads the worker as well.
        with suppress(HandingerError):
            body = await self._deps.api.read_worker(worker_id)
            await self._inbox.request(partial(self._apply, body))

    async def _apply(self, body: WorkerBody) -> None:
        turn = self._turn()
        if turn is not None and brings_new_figures(turn, body.snapshot):
            await self._settler.apply_reading(turn.turn_id, body)
            self._store.publish()

    def _turn(self) -> Turn | None:
        """The turn, while it is the newest one and none runs."""
        turns = reversed(self._store.value.turns)
        turn = next((one for one in turns if one.status is not TurnStatus.QUEUED), None)
        if turn is None or turn.turn_id != self._turn_id or self._is_running():
            return None
        return None if turn.live or turn.status is TurnStatus.RUNNING else turn
