"""Starting: the queue of every session, what may start next, and the counting of what it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.limits import Gauge, blocking
from handinger_tui.core.replacing import replace
from handinger_tui.core.turn import Order, Turn
from handinger_tui.engine.counting import Counter
from handinger_tui.engine.desks import Desk, Desks, unsent
from handinger_tui.engine.home import CONTINUABLE
from handinger_tui.engine.ports import Purse
from handinger_tui.engine.run import Outside, Run


class Starting(Desks):
    """The only creator of turn tasks."""

    def __init__(self, outside: Outside, purse: Purse | None) -> None:
        super().__init__(outside.log, outside.clock)
        self._outside = outside
        self._counter = Counter(outside.log, purse, self._tell)
        self._closing = False

    # -- money ---------------------------------------------------------------------
    def gauges(self, session_id: str) -> tuple[Gauge, ...]:
        """The limits that count for a session and what is spent of them, as read last."""
        return self._counter.of(session_id)

    async def recount(self, session_id: str) -> tuple[Gauge, ...]:
        """Write what its turns took so far, and read its limits anew: others may have spent, or raised one.

        Raises:
            LedgerError
        """
        desk = self._desks[session_id]
        desk.uncounted = False
        return await self._counter.count(desk.session)

    async def release(self, session_id: str) -> Gauge | None:
        """A limit was raised: go on with the queue; returns the limit that still forbids it.

        Raises:
            LedgerError
        """
        desk = self._desks[session_id]
        reached = blocking(await self._counter.read(desk.session))
        if desk.held is not None or reached is not None:
            desk.held = reached if desk.queue else None
            self._tell(session_id)
        self._start_next(desk)
        return reached

    # -- inside --------------------------------------------------------------------
    def _run(self, desk: Desk, order: Order) -> Run:
        outside = self._outside
        if outside.patience.money_interval is None and self.gauges(desk.session.session_id):
            # Somebody set a limit: then the figures are wanted while there is time to act.
            pace = replace(outside.patience, money_interval=outside.patience.poll_interval)
            outside = replace(outside, patience=pace)
        return Run(order, outside, lambda: desk.session, lambda turn: self._put(desk, turn))

    def _put(self, desk: Desk, turn: Turn) -> None:
        super()._put(desk, turn)
        if desk.uncounted and desk.counting is None and desk.task is not None and not self._closing:
            task = asyncio.get_running_loop().create_task(self._count(desk), name="count")
            desk.counting = task

    async def _count(self, desk: Desk) -> None:
        """One at a time; what comes meanwhile is counted in the next round."""
        try:
            while desk.uncounted and not self._closing:
                desk.uncounted = False
                with suppress(LedgerError):
                    await self._counter.count(desk.session)
        finally:
            desk.counting = None

    def _start_next(self, desk: Desk) -> None:
        """Start the oldest queued turn unless one is under way or a limit holds the queue."""
        if desk.task is not None or not desk.queue or desk.held is not None:
            return
        queued = self._turn(desk, desk.queue.pop(0))
        run = self._run(desk, queued.order)
        self._launch(desk, run, run.start())

    def _launch(self, desk: Desk, run: Run, body: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(body, name=f"turn:{run.turn_id}")
        desk.run, desk.task = run, task
        task.add_done_callback(lambda _done: self._ended(desk, run))

    def _ended(self, desk: Desk, run: Run) -> None:
        """A run is over: count it, tell the listeners, and go on with the queue where that is safe."""
        desk.run, desk.task = None, None
        self._tell(desk.session.session_id)
        if self._closing:
            return
        desk.task = asyncio.get_running_loop().create_task(self._after(desk, run), name="after")

    async def _after(self, desk: Desk, run: Run) -> None:
        """What the turn took is known now: read the limits before anything else may start."""
        desk.uncounted = False
        try:
            while desk.queue and run.turn.status not in CONTINUABLE:
                # The turn before did not simply end: nothing more is sent without a person.
                turn = self._turn(desk, desk.queue.pop(0))
                why = unsent("Not sent: the message before it did not complete.")
                await self._close_unsent(desk, turn, why)
            with suppress(LedgerError):
                reached = blocking(await self._counter.read(desk.session))
                desk.held = reached if desk.queue else None
        finally:
            desk.task = None
            self._tell(desk.session.session_id)
        self._start_next(desk)
