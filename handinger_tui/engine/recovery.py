"""Settling: find out by GETs alone what became of a turn.

Used when an answer ended without saying so, broke off, never came, or is
being produced out of sight. Nothing here can start a turn.

Every wait ends. A turn of which the service shows that it has it (it accepted the POST,
or our message stands in the worker) is watched for as long as the worker says that it
runs; everything else ends within the recovery window, whatever the worker answers.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import ApiError, BrokenContract, Refused, StreamLost
from handinger_tui.core.replacing import replace
from handinger_tui.core.stream.frames import Framing, Marker, ReadReason, StreamRoute
from handinger_tui.core.stream.worker_snapshot import ANOTHER_WORKER, WorkerBody, names_another
from handinger_tui.core.turns.turn import Fault, Kind, TurnStatus
from handinger_tui.core.turns.worker_reconciliation import WorkerObservation, answer_to, observe, slim_worker
from handinger_tui.engine.retry_policy import RetryPolicy
from handinger_tui.engine.stream_guards import take_watched

if TYPE_CHECKING:
    from handinger_tui.engine.turn_run import TurnRun

NO_ID = (
    "The connection was lost before the service told the new worker's id. "
    "It is not known whether a worker was started: check the dashboard before sending again."
)
NO_WORKER = BrokenContract(Kind.DECODE, "The service answered with something that is no worker.")
MISDIRECTED = BrokenContract(Kind.UNEXPECTED_CONTENT, ANOTHER_WORKER)
SETTLED_AFTER_FINISH = 3
"""GETs spent on a finished stream whose worker still says that it runs."""
SHORTEST_READ_S: Final = 5.0
"""Seconds that a reading may take when it begins as the window ends."""


class _Streak:
    """Looks in a row that showed the same."""

    def __init__(self) -> None:
        self.looks = 0
        self._since = 0.0

    def add(self, now: float) -> None:
        """Another one, at `now` (monotonic seconds)."""
        if not self.looks:
            self._since = now
        self.looks += 1

    def end(self) -> None:
        """A look showed something else."""
        self.looks = 0

    def proves(self, now: float, patience: RetryPolicy) -> bool:
        """Enough looks over enough time to go by."""
        return self.looks >= patience.absence_looks and now - self._since >= patience.absence_span


class Recovery:
    """One attempt to settle a run. `accepted`: the service had begun to answer."""

    def __init__(self, run: TurnRun, doubt: ApiError | None, *, accepted: bool) -> None:
        self._run = run
        self._doubt = doubt
        self._accepted = accepted
        self._seen = False
        """Our message stood in the worker."""
        self._idle = _Streak()
        """The worker was idle, and there was no answer of ours."""
        self._busy = _Streak()
        """The worker was running."""
        self._flapping = False
        """The worker was idle, and has neither run for a while nor added to the answer since."""
        self._attempt = 0
        self._follows = [StreamRoute.SUBSCRIBE, StreamRoute.REPLAY]
        self._news = run.clock.monotonic()
        """When settling began, or the worker was last seen to work on our turn."""

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
        return observe(turn, turn.snapshot, accepted=True) is WorkerObservation.DONE

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

    # -- the window ------------------------------------------------------------------
    @property
    def _delivered(self) -> bool:
        """The service has shown that it has our turn."""
        return self._accepted or self._seen

    @property
    def _left(self) -> float:
        """Seconds of the recovery window that are left."""
        run = self._run
        return run.patience.recovery_window - (run.clock.monotonic() - self._news)

    # -- looks -----------------------------------------------------------------------
    async def _look(self) -> None:
        """Read the worker once and act on it; returns after a pause where one is due."""
        run = self._run
        try:
            async with asyncio.timeout(max(self._left, SHORTEST_READ_S)):
                body = await run.api.read_worker(run.worker_id or "")
        except TimeoutError:
            self._give_up(None)
            return
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
        elif names_another(body.snapshot.worker_id, run.worker_id):
            await self._retry(MISDIRECTED)
        else:
            await self._judge(body)

    async def _judge(self, body: WorkerBody) -> None:
        run = self._run
        run.last_body = body
        seen_before = self._seen
        self._seen = seen_before or answer_to(run.turn.order, body.snapshot).present is True
        seen = observe(run.turn, body.snapshot, accepted=self._accepted)
        if seen is WorkerObservation.DONE:
            run.feed(Framing.JSON, slim_worker(body, run.order), ReadReason.AFTER)
            run.settle_by_answer(recovered=self._doubt is not None)
        elif seen is WorkerObservation.BUSY:
            self._idle.end()
            self._busy.add(run.clock.monotonic())
            if self._delivered:
                await self._watch(body)
            else:
                # It may be at work for somebody else: only its figures count, and nothing is followed.
                run.feed(Framing.JSON, slim_worker(body, run.order, messages=False), ReadReason.MONEY)
                await self._wait()
        else:
            self._busy.end()
            self._idle.add(run.clock.monotonic())
            if self._seen and not seen_before:
                # Kept, so that whoever takes this up after a crash knows that the message arrived.
                run.feed(Framing.JSON, slim_worker(body, run.order), ReadReason.DURING)
            await self._absence(body, seen)

    async def _watch(self, body: WorkerBody) -> None:
        """The worker runs our turn: follow it live where a stream is to be had, else poll."""
        run = self._run
        had = run.turn.parts
        run.feed(Framing.JSON, slim_worker(body, run.order), ReadReason.DURING)
        now = run.clock.monotonic()
        if run.turn.parts != had or self._busy.proves(now, run.patience):
            self._flapping = False
        if not self._flapping:
            self._news = now
        while self._follows:
            via = self._follows[0]
            if await self._follow(via):
                self._news = run.clock.monotonic()
                return
            if via in self._follows:
                break
        await self._wait()

    async def _follow(self, via: StreamRoute) -> bool:
        """Follow one stream to its end; True when the turn may have moved on."""
        run = self._run
        had = len(run.turn.text)
        try:
            async with run.api.follow(run.worker_id or "", via) as reply:
                await take_watched(run, reply)
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

    async def _absence(self, body: WorkerBody, seen: WorkerObservation) -> None:
        """Our turn is not to be seen, or has no answer, and the worker is idle."""
        run = self._run
        self._flapping = True
        # A worker that has our turn and names no end may only be waiting to begin.
        waiting = self._delivered and body.snapshot.unfinished
        if waiting or not self._idle.proves(run.clock.monotonic(), run.patience):
            await self._wait()
        elif seen is WorkerObservation.ABSENT and not self._delivered:
            free = replace(self._doubt.fault(), may_have_been_charged=False) if self._doubt else None
            run.settle(TurnStatus.NOT_DELIVERED, free)
        else:
            self._give_up(None)

    # -- pauses ----------------------------------------------------------------------
    async def _retry(self, trouble: ApiError) -> None:
        run = self._run
        if self._left <= 0:
            self._give_up(trouble)
            return
        self._attempt += 1
        wait = max(run.patience.pause(self._attempt), min(trouble.retry_after_s or 0.0, 60.0))
        wait = min(wait, max(self._left, 0.05))
        run.note(Marker.RETRYING, attempt=self._attempt, wait_ms=int(wait * 1000), reason=trouble.summary)
        await run.clock.sleep(wait)

    async def _wait(self) -> None:
        """Pause until the next look; at the end of the window, say how far the turn has come."""
        run = self._run
        if self._left > 0:
            self._attempt += 1
            pause = run.patience.pause(self._attempt)
            if not self._delivered:
                # So often that a short window has room for the looks that prove an absence.
                pause = min(pause, run.patience.absence_span / max(run.patience.absence_looks - 1, 1))
            await run.clock.sleep(min(pause, max(self._left, 0.05)))
        elif self._delivered:
            run.settle(TurnStatus.RUNNING, None)
        else:
            self._give_up(None)

    def _give_up(self, trouble: ApiError | None) -> None:
        """It stays unknown. Text that came stays; the fault says what is in doubt."""
        cause = trouble if _decisive(trouble) else self._doubt or trouble
        ended = self._run.turn.stream_fault or "The answer did not end."
        fault = cause.fault() if cause is not None else Fault(Kind.INCOMPLETE, ended)
        if self._run.worker_id is None and not self._accepted:
            fault = replace(fault, message=f"{fault.message} {NO_ID}")
        self._run.settle(TurnStatus.UNKNOWN, replace(fault, may_have_been_charged=True))


def _decisive(trouble: ApiError | None) -> bool:
    """What a reading met says more than the doubt that led to it: a plain no, or too much to read."""
    return isinstance(trouble, Refused) or (trouble is not None and trouble.kind is Kind.TOO_LARGE)
