"""The run of one turn: send it once, store every frame, and settle how it ended.

One user action is one POST. Whatever goes wrong after that is settled by reading the worker
(GET), never by sending again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from handinger_tui.core.errors import (
    ApiError,
    BrokenContract,
    Doubtful,
    HandingerError,
    LedgerError,
    Refused,
    ServerFault,
    StreamLost,
    Unreachable,
)
from handinger_tui.core.jsontext import Json, NotJson, as_object, as_text, dump, parse
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.stream.events import StreamEvent
from handinger_tui.core.stream.frames import Frame, Framing, Marker, RawFrame, ReadReason
from handinger_tui.core.stream.worker_snapshot import ANOTHER_WORKER, Snapshot, WorkerBody, body_of
from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.outcome import judge, outcome_object
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Fault, Kind, Turn, TurnRequest, TurnStatus
from handinger_tui.core.turns.worker_reconciliation import (
    WorkerObservation,
    observe,
    slim_worker,
    times_asked,
)
from handinger_tui.engine.ports import Clock, Reply, TurnLog, WorkerApi
from handinger_tui.engine.recovery import Recovery
from handinger_tui.engine.retry_policy import RetryPolicy
from handinger_tui.engine.stream_guards import sleep_guard, take_watched


class Publisher:
    """Publishes the newest turn value of a fold, at once or coalesced."""

    def __init__(self, fold: Fold, publish: Callable[[Turn], None]) -> None:
        self._fold = fold
        self._publish = publish
        self._scheduled: asyncio.Handle | None = None

    def now(self) -> None:
        """Publish at once; a scheduled publication is dropped."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        self._publish(self._fold.turn)

    def soon(self) -> None:
        """Publish when the event loop is next free, once for all frames that were readable by then.

        A stream may bring a thousand deltas a second; a view cannot show a value for each.
        """
        if self._scheduled is None:
            self._scheduled = asyncio.get_running_loop().call_soon(self.now)


ANSWERED = frozenset({Marker.OPENED, ReadReason.ANSWER, ReadReason.DURING, ReadReason.AFTER})
"""Events of frames that exist only when the service has accepted the turn."""
STREAMED = frozenset({Framing.SSE, Framing.LINES, Framing.TEXT})
UNANSWERED = "The program ended before the service had answered."
LEFT = Fault(
    Kind.NETWORK,
    "We stopped watching before the service had answered; it is not known whether the message arrived.",
)


@dataclass(frozen=True, slots=True)
class RunDeps:
    """The dependencies of every run. `tap` is called with each stream event as it is decoded."""

    api: WorkerApi
    log: TurnLog
    clock: Clock
    policy: RetryPolicy
    tap: Callable[[StreamEvent], None] | None = None


def may_have_left(order: TurnRequest, frames: Iterable[Frame]) -> bool:
    """Whether, by its stored frames, a byte of the request of the turn may have left.

    A turn adopted from the worker was never sent by us, but its request did leave. Its
    `seen_before` is set; that of a turn of ours is None until it is being sent.
    """
    was_sent = any(frame.event == Marker.SENDING or frame.event in ANSWERED for frame in frames)
    return was_sent or order.seen_before is not None


class TurnRun:
    """The state machine of one turn. Only the engine creates one, and runs one of its bodies at a time."""

    def __init__(
        self,
        order: TurnRequest,
        deps: RunDeps,
        session: Callable[[], Session],
        publish: Callable[[Turn], None],
    ) -> None:
        # A queued turn is stored before its worker is known.
        self.order = replace(order, worker_id=order.worker_id or session().worker_id)
        self.api = deps.api
        self.clock = deps.clock
        self.policy = deps.policy
        self._log = deps.log
        self._session = session
        self._fold = Fold(order, tap=deps.tap)
        self._publisher = Publisher(self._fold, publish)
        self._seq = 0
        self._answered = False
        self.departed = False
        """The first byte of the request may have left. The caller sets it for a turn resumed after that."""
        self.last_body: WorkerBody | None = None
        """The newest read of the worker that was made to settle the turn."""
        self._worker_stored = self.order.worker_id is not None

    @property
    def turn_id(self) -> str:
        """The id of the turn of this run."""
        return self.order.turn_id

    @property
    def turn(self) -> Turn:
        """The newest value of the turn."""
        return self._fold.turn

    @property
    def worker_id(self) -> str | None:
        """The id of the worker, None while it is not known."""
        return self.turn.worker_id or self.order.worker_id

    def resume(self, frames: Iterable[Frame]) -> None:
        """Restore a stored turn by folding its frames again."""
        for frame in frames:
            self._fold.take(frame)
            self._seq = frame.seq + 1
            self._note_answer(frame)
            if frame.event == Marker.SENDING:
                # The worker it was sent to is the one to read. None means a new worker, not the session's.
                sent_to = as_text(as_object(parse(frame.data)).get("worker_id"))
                self.order = replace(self.order, worker_id=sent_to)
            self.departed = self.departed or frame.event == Marker.SENDING or frame.event in ANSWERED

    def _note_answer(self, frame: Frame) -> None:
        """Remember that the service has accepted the turn, once a frame shows it."""
        if not self._answered:
            self._answered = frame.event in ANSWERED

    # -- bodies of the task ----------------------------------------------------------
    async def start(self) -> None:
        """Send the turn, read the answer and settle it."""
        await self._guarded(self._send)

    async def watch(self) -> None:
        """Watch a turn that may be running, with GETs only."""
        self.departed = True
        self.note(Marker.WATCHING)
        doubt = None if self._answered else Doubtful(Kind.NETWORK, UNANSWERED)
        await self._guarded(Recovery(self, doubt=doubt, accepted=self._answered).run)

    async def _guarded(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run `body`; whatever it raises, the turn ends with a status."""
        money = asyncio.create_task(self._watch_money(), name=f"money:{self.turn_id}")
        try:
            async with asyncio.timeout(self.policy.max_wait):
                await body()
        except TimeoutError:
            self.leave()
        except asyncio.CancelledError:
            self.leave()
        except Exception as problem:  # noqa: BLE001 - a defect of ours must not leave the turn without a status
            self.leave(problem)
        finally:
            money.cancel()
            await asyncio.wait({money})

    def leave(self, problem: BaseException | None = None) -> None:
        """Stop watching and settle the turn.

        RUNNING when the service has accepted it, UNKNOWN when the request may have left, else NOT_SENT.
        `problem` is the error that ended the run, None when somebody stopped it.
        """
        if not self.turn.live:
            return
        if isinstance(problem, LedgerError):
            message, kind = problem.summary, Kind.DISK
        elif problem is not None:
            message, kind = f"handinger-tui failed while it watched this turn: {problem!r}.", Kind.NETWORK
        else:
            message, kind = "Stopped before it was sent.", Kind.CONNECT
        if not self.departed:
            self.settle(TurnStatus.NOT_SENT, Fault(kind, message, may_have_been_charged=False))
        elif self._answered or self.turn.message_id is not None:
            self.settle(TurnStatus.RUNNING, None)
        else:
            self.settle(TurnStatus.UNKNOWN, LEFT if problem is None else Fault(kind, message))

    # -- sending ---------------------------------------------------------------------
    async def _send(self) -> None:
        await self._read_before()
        self.note(Marker.SENDING, worker_id=self.order.worker_id)
        await self._log.flush()
        await self._post()

    async def _post(self) -> None:
        try:
            async with self.api.start_turn(self.order, self._depart) as reply:
                await take_watched(self, reply)
        except Unreachable as trouble:
            self.settle(TurnStatus.NOT_SENT, trouble.fault())
        except Refused as refusal:
            self.settle(TurnStatus.REJECTED, refusal.fault())
        except (Doubtful, ServerFault) as doubt:
            await Recovery(self, doubt=doubt, accepted=False).run()
        except BrokenContract as doubt:
            self.note_cut(doubt)
            accepted = self.turn.message_id is not None or self._fold.misdirected
            await Recovery(self, doubt=doubt, accepted=accepted).run()
        except StreamLost as doubt:
            self.note_cut(doubt)
            await Recovery(self, doubt=doubt, accepted=True).run()
        except HandingerError as problem:
            # An error on our side before anything was sent: an unreadable attachment, a bad setting.
            self.settle(
                TurnStatus.NOT_SENT, Fault(Kind.SETTINGS, problem.summary, may_have_been_charged=False)
            )
        else:
            await Recovery(self, doubt=None, accepted=True).run()

    def _depart(self) -> None:
        self.departed = True

    async def _read_before(self) -> None:
        """Read the worker before the POST. Free and optional: an error or a timeout is ignored."""
        if self.order.worker_id is None:
            return
        try:
            async with asyncio.timeout(self.policy.before_timeout):
                body = await self.api.read_worker(self.order.worker_id)
        except (ApiError, TimeoutError):
            return
        if body.wire:
            self.feed(Framing.JSON, slim_worker(body, self.order, messages=False), ReadReason.BEFORE)
            self.note(Marker.ASKED, times=times_asked(body.snapshot, self.order.prompt))

    async def _watch_money(self) -> None:
        """Poll usage and costs while the stream runs; slow down while they do not change."""
        shortest = self.policy.money_interval
        interval = shortest
        while shortest is not None and interval is not None:
            await self.clock.sleep(interval)
            interval = min(interval * 1.5, max(shortest, self.policy.poll_interval_max))
            if self.worker_id is None or self.turn.status is not TurnStatus.ACCEPTED:
                continue
            with suppress(ApiError):
                body = await self.api.read_worker(self.worker_id)
                # The stream may have ended during the read: then the worker is read again to settle the turn.
                if self.turn.status is not TurnStatus.ACCEPTED:
                    continue
                before = self.turn.snapshot
                self.feed(Framing.JSON, slim_worker(body, self.order, messages=False), ReadReason.MONEY)
                if _figures_differ(before, self.turn.snapshot):
                    interval = shortest

    # -- reading a reply -----------------------------------------------------------
    async def take(self, reply: Reply) -> None:
        """Read a reply to its end; store and fold each frame.

        Raises:
            StreamLost, BrokenContract: it broke off; the frames until then are stored.
        """
        self.note(
            Marker.OPENED,
            via=reply.via,
            status=reply.http_status,
            content_type=reply.content_type,
            encoding=reply.encoding,
            worker_id=reply.worker_id,
        )
        await self._store_worker()
        # `aclosing` closes the generator in this task, also on cancellation.
        async with sleep_guard(self.clock), aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                self._feed_raw(piece)
                if self._fold.misdirected:
                    raise BrokenContract(Kind.UNEXPECTED_CONTENT, ANOTHER_WORKER)
                if not self._worker_stored:
                    await self._store_worker()
        self.note(Marker.CLOSED, clean=True)

    async def _store_worker(self) -> None:
        """Commit the id of a new worker at once: without it the answer cannot be read after a crash."""
        if self._worker_stored or self.worker_id is None:
            return
        self._worker_stored = True
        with suppress(LedgerError):
            await self._log.flush()

    def _feed_raw(self, piece: RawFrame) -> None:
        """Feed one frame of a reply; a Worker object is reduced to the part about this turn."""
        if piece.framing is not Framing.JSON:
            self.feed(piece.framing, piece.data, piece.event, piece.id)
            return
        data = piece.data
        with suppress(NotJson):
            body = body_of(data)
            data = slim_worker(body, self.order) if body.wire else data
        self.feed(Framing.JSON, data, ReadReason.ANSWER)

    def feed(self, framing: Framing, data: str, event: str = "", frame_id: str | None = None) -> None:
        """Number, store and fold one frame, and publish the turn; for stream frames once per network read."""
        frame = Frame(self._seq, self.clock.now_ms(), framing, data, event, frame_id)
        self._seq += 1
        self._note_answer(frame)
        self._log.append(self.turn_id, frame)
        self._fold.take(frame)
        if framing in STREAMED:
            self._publisher.soon()
        else:
            self._publisher.now()

    def note(self, marker: Marker, **fields: Json) -> None:
        """Store and fold a marker of our own, with `fields` as its JSON content."""
        self.feed(Framing.NOTE, dump(fields), marker)

    def note_cut(self, trouble: ApiError) -> None:
        """Store that the reply broke off because of `trouble`."""
        self.note(Marker.CLOSED, clean=False, kind=trouble.kind, detail=trouble.summary)

    def apply_reading(self, body: WorkerBody) -> bool:
        """Apply one read of the worker to a turn that no run watches; True when it shows that the turn ended.

        A turn that had ended before gets the newest usage and costs. A turn that may not have arrived,
        and that the worker does not list, stays as it is: a single read proves nothing.
        """
        if not body.wire:
            return False
        status = self.turn.status
        if not self.turn.live and status not in (TurnStatus.RUNNING, TurnStatus.UNKNOWN):
            self.feed(Framing.JSON, slim_worker(body, self.order), ReadReason.AFTER)
            return False
        observation = observe(self.turn, body.snapshot, accepted=self._answered)
        if observation not in (WorkerObservation.DONE, WorkerObservation.BUSY) and not self._answered:
            return False
        self.departed = True
        self.note(Marker.WATCHING)
        done = observation is WorkerObservation.DONE
        self.feed(
            Framing.JSON, slim_worker(body, self.order), ReadReason.AFTER if done else ReadReason.DURING
        )
        if done:
            self.settle_by_answer(recovered=status is not TurnStatus.RUNNING)
        else:
            self.settle(TurnStatus.RUNNING, None)
        return done

    def settle_by_reading(self, worker: str) -> None:
        """Settle an open turn by `worker`: a Worker as JSON text, reduced to this turn."""
        self.note(Marker.WATCHING)
        self.feed(Framing.JSON, worker, ReadReason.AFTER)
        self.settle_by_answer(recovered=True)

    # -- ending --------------------------------------------------------------------------
    async def read_after(self) -> bool:
        """Read the worker, whose state overrides that of the stream; False when it is still busy.

        Raises:
            ApiError
        """
        if self.worker_id is None:
            return True
        body = await self.api.read_worker(self.worker_id)
        if not body.wire:
            return True
        self.last_body = body
        self.feed(Framing.JSON, slim_worker(body, self.order), ReadReason.AFTER)
        return not body.snapshot.busy

    def settle(self, status: TurnStatus, fault: Fault | None, *, recovered: bool = False) -> None:
        """Store how the turn ended. `recovered`: found out by reading the worker after a doubt."""
        if fault is not None:
            # The message may be text of the service, of any length: keep one line without control characters.
            fault = replace(fault, message=clean_line(fault.message))
        self.note(Marker.SETTLED, **outcome_object(status, fault, recovered=recovered))

    def settle_by_answer(self, *, recovered: bool) -> None:
        """Settle a turn whose answer has ended, by what the service reports."""
        status, fault = judge(self.turn)
        self.settle(status, fault, recovered=recovered)


def _figures_differ(before: Snapshot | None, now: Snapshot | None) -> bool:
    """Whether usage or costs differ between two reads."""
    if before is None or now is None:
        return before is not now
    return (before.usage, before.costs) != (now.usage, now.costs)
