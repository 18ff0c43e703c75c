"""Recovery: find out with GET requests alone how a turn ended.

It runs when an answer ended without an end event, broke off, never came, or is being produced
without a stream to us. Nothing here can start a turn.

Every wait is bounded. A turn that the service is known to have (it accepted the POST, or our
message is in the worker) is watched for as long as the worker reports that it runs. Everything
else ends within the recovery window, whatever the worker answers.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import ApiError, BrokenContract, Refused, StreamLost
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
"""Number of GETs made for a finished stream whose worker still reports that it runs."""
SHORTEST_READ_S: Final = 5.0
"""Timeout in seconds of a read that begins just before the recovery window ends."""


class _Streak:
    """Counts consecutive reads of the worker that gave the same result."""

    def __init__(self) -> None:
        self.reads = 0
        self._since = 0.0

    def add(self, now: float) -> None:
        """Count one more read, made at `now` (monotonic seconds)."""
        if not self.reads:
            self._since = now
        self.reads += 1

    def end(self) -> None:
        """Start again: a read gave a different result."""
        self.reads = 0

    def proves(self, now: float, policy: RetryPolicy) -> bool:
        """Whether there were enough reads over enough time to rely on the result."""
        return self.reads >= policy.absence_looks and now - self._since >= policy.absence_span


class Recovery:
    """One attempt to settle a run.

    `doubt` is the error after which the fate of the turn is unknown, None when the answer simply
    ended. `accepted`: the service had begun to answer our POST.
    """

    def __init__(self, run: TurnRun, doubt: ApiError | None, *, accepted: bool) -> None:
        self._run = run
        self._doubt = doubt
        self._accepted = accepted
        self._message_seen = False
        """Some read showed our message in the worker."""
        self._idle = _Streak()
        """Reads that showed an idle worker without an answer to our message."""
        self._busy = _Streak()
        """Reads that showed a running worker."""
        self._flapping = False
        """The worker was idle once, and since then has neither run for a while nor extended the answer."""
        self._attempt = 0
        self._follows = [StreamRoute.SUBSCRIBE, StreamRoute.REPLAY]
        self._last_progress = run.clock.monotonic()
        """When recovery began, or the worker was last seen to work on our turn (monotonic seconds)."""

    async def run(self) -> None:
        """Settle the run."""
        run = self._run
        if run.turn.finished or self._is_answered_in_full():
            await self._confirm()
        elif run.worker_id is None:
            self._give_up(None)
        else:
            while run.turn.live:
                await self._read_once()

    def _is_answered_in_full(self) -> bool:
        """Whether the response to our POST was a Worker object that has finished our turn."""
        turn = self._run.turn
        if self._doubt is not None or not self._accepted or turn.snapshot is None:
            return False
        return observe(turn, turn.snapshot, accepted=True) is WorkerObservation.DONE

    async def _confirm(self) -> None:
        """Settle a complete answer: one GET brings costs, files and the final text."""
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
                await run.clock.sleep(run.policy.pause(attempt))
        run.settle_by_answer(recovered=False)

    # -- the window ------------------------------------------------------------------
    @property
    def _delivered(self) -> bool:
        """Whether the service is known to have our turn."""
        return self._accepted or self._message_seen

    @property
    def _seconds_left(self) -> float:
        """Remaining seconds of the recovery window; negative once it is over."""
        run = self._run
        return run.policy.recovery_window - (run.clock.monotonic() - self._last_progress)

    # -- reads of the worker -----------------------------------------------------------
    async def _read_once(self) -> None:
        """Read the worker once, act on the result, and pause before the next read where one is due."""
        run = self._run
        try:
            async with asyncio.timeout(max(self._seconds_left, SHORTEST_READ_S)):
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
            await self._apply(body)

    async def _apply(self, body: WorkerBody) -> None:
        """Act on what one read shows of our turn."""
        run = self._run
        run.last_body = body
        seen_before = self._message_seen
        self._message_seen = seen_before or answer_to(run.turn.order, body.snapshot).present is True
        observation = observe(run.turn, body.snapshot, accepted=self._accepted)
        if observation is WorkerObservation.DONE:
            run.feed(Framing.JSON, slim_worker(body, run.order), ReadReason.AFTER)
            run.settle_by_answer(recovered=self._doubt is not None)
        elif observation is WorkerObservation.BUSY:
            self._idle.end()
            self._busy.add(run.clock.monotonic())
            if self._delivered:
                await self._watch(body)
            else:
                # It may be running another client's message: store its usage and costs, follow no stream.
                run.feed(Framing.JSON, slim_worker(body, run.order, messages=False), ReadReason.MONEY)
                await self._wait()
        else:
            self._busy.end()
            self._idle.add(run.clock.monotonic())
            if self._message_seen and not seen_before:
                # Stored, so that a recovery after a crash knows that the message arrived.
                run.feed(Framing.JSON, slim_worker(body, run.order), ReadReason.DURING)
            await self._handle_absence(body, observation)

    async def _watch(self, body: WorkerBody) -> None:
        """Follow a worker that runs our turn: over a stream where one is available, else by polling."""
        run = self._run
        parts_before = run.turn.parts
        run.feed(Framing.JSON, slim_worker(body, run.order), ReadReason.DURING)
        now = run.clock.monotonic()
        if run.turn.parts != parts_before or self._busy.proves(now, run.policy):
            self._flapping = False
        if not self._flapping:
            self._last_progress = now
        while self._follows:
            via = self._follows[0]
            if await self._follow(via):
                self._last_progress = run.clock.monotonic()
                return
            if via in self._follows:
                break
        await self._wait()

    async def _follow(self, via: StreamRoute) -> bool:
        """Follow one stream to its end; True when the turn may have progressed."""
        run = self._run
        length_before = len(run.turn.text)
        try:
            async with run.api.follow(run.worker_id or "", via) as reply:
                await take_watched(run, reply)
        except StreamLost as lost:
            run.note_cut(lost)
        except (Refused, BrokenContract):
            self._follows.remove(via)
            return False
        except ApiError:
            return False
        if run.turn.finished:
            await self._confirm_after_follow()
            return True
        if len(run.turn.text) <= length_before:
            # The route exists but sent no new text; another route would send no more, so poll instead.
            self._follows.clear()
            return False
        return True

    async def _confirm_after_follow(self) -> None:
        run = self._run
        with suppress(ApiError):
            await run.read_after()
        run.settle_by_answer(recovered=self._doubt is not None)

    async def _handle_absence(self, body: WorkerBody, observation: WorkerObservation) -> None:
        """Handle an idle worker that does not list our turn, or lists it without an answer."""
        run = self._run
        self._flapping = True
        # A worker that has our turn and reports no end may not have started it yet.
        waiting = self._delivered and body.snapshot.unfinished
        if waiting or not self._idle.proves(run.clock.monotonic(), run.policy):
            await self._wait()
        elif observation is WorkerObservation.ABSENT and not self._delivered:
            fault = replace(self._doubt.fault(), may_have_been_charged=False) if self._doubt else None
            run.settle(TurnStatus.NOT_DELIVERED, fault)
        else:
            self._give_up(None)

    # -- pauses ----------------------------------------------------------------------
    async def _retry(self, trouble: ApiError) -> None:
        """Pause after a failed read; give up at the end of the window."""
        run = self._run
        if self._seconds_left <= 0:
            self._give_up(trouble)
            return
        self._attempt += 1
        wait = max(run.policy.pause(self._attempt), min(trouble.retry_after_s or 0.0, 60.0))
        wait = min(wait, max(self._seconds_left, 0.05))
        run.note(Marker.RETRYING, attempt=self._attempt, wait_ms=int(wait * 1000), reason=trouble.summary)
        await run.clock.sleep(wait)

    async def _wait(self) -> None:
        """Pause until the next read; at the end of the window, settle with what is known so far."""
        run = self._run
        if self._seconds_left > 0:
            self._attempt += 1
            pause = run.policy.pause(self._attempt)
            if not self._delivered:
                # Short enough that a small window has room for the reads that prove an absence.
                pause = min(pause, run.policy.absence_span / max(run.policy.absence_looks - 1, 1))
            await run.clock.sleep(min(pause, max(self._seconds_left, 0.05)))
        elif self._delivered:
            run.settle(TurnStatus.RUNNING, None)
        else:
            self._give_up(None)

    def _give_up(self, trouble: ApiError | None) -> None:
        """Settle as unknown. The text so far is kept; the fault says what is in doubt."""
        cause = trouble if _is_decisive(trouble) else self._doubt or trouble
        reason = self._run.turn.stream_fault or "The answer did not end."
        fault = cause.fault() if cause is not None else Fault(Kind.INCOMPLETE, reason)
        if self._run.worker_id is None and not self._accepted:
            fault = replace(fault, message=f"{fault.message} {NO_ID}")
        self._run.settle(TurnStatus.UNKNOWN, replace(fault, may_have_been_charged=True))


def _is_decisive(trouble: ApiError | None) -> bool:
    """Whether an error of a read explains more than the doubt before it: a refusal, or a body too large."""
    return isinstance(trouble, Refused) or (trouble is not None and trouble.kind is Kind.TOO_LARGE)
