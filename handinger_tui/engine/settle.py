"""Settling: find out by GETs alone what became of a turn.

Used when an answer ended without saying so, broke off, never came, or is
being produced out of sight. Nothing here can start a turn.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from handinger_tui.core.errors import ApiError, BrokenContract, Refused, StreamLost
from handinger_tui.core.frames import Framing, Look, Note, Via
from handinger_tui.core.reconcile import Sight, sight, slim_worker
from handinger_tui.core.replacing import replace
from handinger_tui.core.snapshot import WorkerBody
from handinger_tui.core.turn import Fault, Kind, TurnStatus

if TYPE_CHECKING:
    from handinger_tui.engine.run import Run

NO_ID = (
    "The connection was lost before the service told the new worker's id. "
    "It is not known whether a worker was started: check the dashboard before sending again."
)
NO_WORKER = BrokenContract(Kind.DECODE, "The service answered with something that is no worker.")
SETTLED_AFTER_FINISH = 3
"""GETs spent on a finished stream whose worker still says that it runs."""


class Settling:
    """One attempt to settle a run. `accepted`: the service had begun to answer."""

    def __init__(self, run: Run, doubt: ApiError | None, *, accepted: bool) -> None:
        self._run = run
        self._doubt = doubt
        self._accepted = accepted
        self._absent = 0
        self._attempt = 0
        self._follows = [Via.SUBSCRIBE, Via.REPLAY]
        self._since = run.clock.monotonic()
        self._news = self._since

    async def go(self) -> None:
        """Settle the run."""
        run = self._run
        if run.turn.finished or self._told_whole():
            await self._confirm()
        elif run.worker_id is None:
            self._give_up(None)
        else:
            while run.turn.live:
                await self._look()

    def _told_whole(self) -> bool:
        """The answer to our POST was a Worker that has finished our turn."""
        turn = self._run.turn
        if self._doubt is not None or not self._accepted or turn.snapshot is None:
            return False
        return sight(turn, turn.snapshot, accepted=True) is Sight.DONE

    async def _confirm(self) -> None:
        """The answer is complete by its own words; one GET brings money, files and the final text."""
        run = self._run
        for attempt in range(1, SETTLED_AFTER_FINISH + 1):
            try:
                if await run.read_after():
                    break
            except Refused:
                break
            except ApiError:
                pass
            if attempt < SETTLED_AFTER_FINISH:
                await run.clock.sleep(run.patience.pause(attempt))
        run.settle_by_answer(recovered=False)

    async def _look(self) -> None:
        """Read the worker once and act on it; returns after a pause where one is due."""
        run = self._run
        try:
            body = await run.api.read_worker(run.worker_id or "")
        except Refused as refusal:
            if refusal.kind is not Kind.RATE_LIMITED:
                self._give_up(refusal)
                return
            await self._retry(refusal)
            return
        except ApiError as trouble:
            await self._retry(trouble)
            return
        if body.snapshot.silent:
            await self._retry(NO_WORKER)
            return
        run.last_body = body
        seen = sight(run.turn, body.snapshot, accepted=self._accepted)
        if seen is Sight.DONE:
            run.feed(Framing.JSON, slim_worker(body, run.order), Look.AFTER)
            run.settle_by_answer(recovered=self._doubt is not None)
        elif seen is Sight.BUSY:
            await self._busy(body)
        else:
            await self._missing(seen)

    async def _busy(self, body: WorkerBody) -> None:
        """The worker runs: follow it live where a stream is to be had, else poll."""
        run = self._run
        self._news = run.clock.monotonic()
        self._absent = 0
        run.feed(Framing.JSON, slim_worker(body, run.order), Look.DURING)
        while self._follows:
            via = self._follows[0]
            if await self._follow(via):
                return
            if via in self._follows:
                break
        await self._pause()

    async def _follow(self, via: Via) -> bool:
        """Follow one stream to its end; True when the turn may have moved on."""
        run = self._run
        had = len(run.turn.text)
        try:
            async with run.api.follow(run.worker_id or "", via) as reply:
                await run.take(reply)
        except StreamLost as lost:
            run.closed(lost)
        except (Refused, BrokenContract):
            self._follows.remove(via)
            return False
        except ApiError:
            return False
        if run.turn.finished:
            await self._confirm_after_follow()
            return True
        if len(run.turn.text) <= had:
            # The route is there and brought nothing: polling will do, another route would tell no more.
            self._follows.clear()
            return False
        return True

    async def _confirm_after_follow(self) -> None:
        run = self._run
        with suppress(ApiError):
            await run.read_after()
        run.settle_by_answer(recovered=self._doubt is not None)

    async def _missing(self, seen: Sight) -> None:
        """Our turn is not to be seen, or has no answer, and the worker is idle."""
        run = self._run
        self._absent += 1
        elapsed = run.clock.monotonic() - self._since
        enough = self._absent >= run.patience.absence_looks and elapsed >= run.patience.absence_span
        if not enough:
            await self._pause()
        elif seen is Sight.ABSENT and not self._accepted:
            free = replace(self._doubt.fault(), may_have_been_charged=False) if self._doubt else None
            run.settle(TurnStatus.NOT_DELIVERED, free)
        else:
            self._give_up(None)

    async def _retry(self, trouble: ApiError) -> None:
        run = self._run
        quiet_for = run.clock.monotonic() - self._news
        if quiet_for >= run.patience.recovery_window:
            self._give_up(trouble)
            return
        self._attempt += 1
        wait = max(run.patience.pause(self._attempt), min(trouble.retry_after_s or 0.0, 60.0))
        wait = min(wait, max(run.patience.recovery_window - quiet_for, 0.05))
        run.note(Note.RETRYING, attempt=self._attempt, wait_ms=int(wait * 1000), reason=trouble.summary)
        await run.clock.sleep(wait)

    async def _pause(self) -> None:
        run = self._run
        self._attempt += 1
        await run.clock.sleep(run.patience.pause(self._attempt))

    def _give_up(self, trouble: ApiError | None) -> None:
        """It stays unknown. Text that came stays; the fault says what is in doubt."""
        told = trouble if isinstance(trouble, Refused) else self._doubt or trouble
        fault = told.fault() if told is not None else Fault(Kind.INCOMPLETE, "The answer did not end.")
        if self._run.worker_id is None and not self._accepted:
            fault = replace(fault, message=f"{fault.message} {NO_ID}")
        self._run.settle(TurnStatus.UNKNOWN, replace(fault, may_have_been_charged=True))
