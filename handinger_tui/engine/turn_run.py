"""One turn on its way: send once, store every frame, settle by GET, say how it ended.

One action is one POST; whatever goes wrong after that is settled by reading the
worker, never by sending again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing, suppress

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
from handinger_tui.core.record import dataclass
from handinger_tui.core.replacing import replace
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.stream.events import StreamEvent
from handinger_tui.core.stream.frames import Frame, Framing, Marker, RawFrame, ReadReason
from handinger_tui.core.stream.worker_snapshot import ANOTHER_WORKER, Snapshot, WorkerBody, body_of
from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.outcome import fault_object, judge
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
    """Publishes the newest value of a fold."""

    def __init__(self, fold: Fold, publish: Callable[[Turn], None]) -> None:
        self._fold = fold
        self._publish = publish
        self._due: asyncio.Handle | None = None

    def now(self) -> None:
        """Publish."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._publish(self._fold.turn)

    def soon(self) -> None:
        """Publish as soon as the loop is free: what is there to be read is taken without giving way.

        A turn value for each of a thousand deltas a second would be looked at by nobody.
        """
        if self._due is None:
            self._due = asyncio.get_running_loop().call_soon(self.now)


ANSWERED = frozenset({Marker.OPENED, ReadReason.ANSWER, ReadReason.DURING, ReadReason.AFTER})
"""Frames that exist only when the service has taken the turn."""
STREAMED = frozenset({Framing.SSE, Framing.LINES, Framing.TEXT})
UNANSWERED = "The program ended before the service had answered."
LEFT = Fault(
    Kind.NETWORK,
    "We stopped watching before the service had answered; it is not known whether the message arrived.",
)


@dataclass(frozen=True, slots=True)
class RunDeps:
    """What every run needs from the outside. `tap` hears each event of a stream as it is decoded."""

    api: WorkerApi
    log: TurnLog
    clock: Clock
    patience: RetryPolicy
    tap: Callable[[StreamEvent], None] | None = None


def may_have_left(order: TurnRequest, frames: Iterable[Frame]) -> bool:
    """A byte of the turn may have left, by its stored frames.

    A turn adopted from elsewhere was never sent by us: it says how often it was asked before,
    which one of ours cannot know until it is on its way.
    """
    left = any(frame.event == Marker.SENDING or frame.event in ANSWERED for frame in frames)
    return left or order.seen_before is not None


class TurnRun:
    """The machine of one turn. Only the engine makes one, and runs one body of it at a time."""

    def __init__(
        self,
        order: TurnRequest,
        outside: RunDeps,
        session: Callable[[], Session],
        publish: Callable[[Turn], None],
    ) -> None:
        # A queued turn is ordered before its worker is known.
        self.order = replace(order, worker_id=order.worker_id or session().worker_id)
        self.api = outside.api
        self.clock = outside.clock
        self.patience = outside.patience
        self._log = outside.log
        self._session = session
        self._fold = Fold(order, tap=outside.tap)
        self._telling = Publisher(self._fold, publish)
        self._seq = 0
        self._answered = False
        self.departed = False
        """The first byte of the request may have left. To be set for a turn taken up after that."""
        self.last_body: WorkerBody | None = None
        """The newest reading of the worker that was taken to the end of the turn."""
        self._worker_kept = self.order.worker_id is not None

    @property
    def turn_id(self) -> str:
        """The turn this run works on."""
        return self.order.turn_id

    @property
    def turn(self) -> Turn:
        """The newest value of the turn."""
        return self._fold.turn

    @property
    def worker_id(self) -> str | None:
        """The worker, as far as anybody told us."""
        return self.turn.worker_id or self.order.worker_id

    def resume(self, frames: Iterable[Frame]) -> None:
        """Take up a stored turn: the same frames, the same fold."""
        for frame in frames:
            self._fold.take(frame)
            self._seq = frame.seq + 1
            self._heard(frame)
            if frame.event == Marker.SENDING:
                # To whom it was sent decides where it is looked for: None was a new worker, not this one.
                sent_to = as_text(as_object(parse(frame.data)).get("worker_id"))
                self.order = replace(self.order, worker_id=sent_to)
            self.departed = self.departed or frame.event == Marker.SENDING or frame.event in ANSWERED

    def _heard(self, frame: Frame) -> None:
        if not self._answered:
            self._answered = frame.event in ANSWERED

    # -- bodies of the task ----------------------------------------------------------
    async def start(self) -> None:
        """Send the turn and see it through."""
        await self._guarded(self._send)

    async def watch(self) -> None:
        """Watch a turn that may be running: GETs only."""
        self.departed = True
        self.note(Marker.WATCHING)
        doubt = None if self._answered else Doubtful(Kind.NETWORK, UNANSWERED)
        await self._guarded(Recovery(self, doubt=doubt, accepted=self._answered).go)

    async def _guarded(self, body: Callable[[], Awaitable[None]]) -> None:
        """Whatever happens, the turn ends with a status."""
        money = asyncio.create_task(self._watch_money(), name=f"money:{self.turn_id}")
        try:
            async with asyncio.timeout(self.patience.max_wait):
                await body()
        except TimeoutError:
            self.leave()
        except asyncio.CancelledError:
            self.leave()
        except Exception as problem:  # noqa: BLE001 - a fault of ours must not leave the turn without an end
            self.leave(problem)
        finally:
            money.cancel()
            await asyncio.wait({money})

    def leave(self, problem: BaseException | None = None) -> None:
        """Stop watching. What was accepted runs on; what may have left is in doubt; else it is not sent."""
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
        await self._look_before()
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
            await Recovery(self, doubt=doubt, accepted=False).go()
        except BrokenContract as doubt:
            self.closed(doubt)
            accepted = self.turn.message_id is not None or self._fold.misdirected
            await Recovery(self, doubt=doubt, accepted=accepted).go()
        except StreamLost as doubt:
            self.closed(doubt)
            await Recovery(self, doubt=doubt, accepted=True).go()
        except HandingerError as problem:
            # Something of ours was wrong before anything was sent (an attachment, a setting).
            self.settle(
                TurnStatus.NOT_SENT, Fault(Kind.SETTINGS, problem.summary, may_have_been_charged=False)
            )
        else:
            await Recovery(self, doubt=None, accepted=True).go()

    def _depart(self) -> None:
        self.departed = True

    async def _look_before(self) -> None:
        """Read the worker as it is now: a courtesy that may fail, and costs nothing."""
        if self.order.worker_id is None:
            return
        try:
            async with asyncio.timeout(self.patience.before_timeout):
                body = await self.api.read_worker(self.order.worker_id)
        except (ApiError, TimeoutError):
            return
        if body.wire:
            self.feed(Framing.JSON, slim_worker(body, self.order, messages=False), ReadReason.BEFORE)
            self.note(Marker.ASKED, times=times_asked(body.snapshot, self.order.prompt))

    async def _watch_money(self) -> None:
        """Poll usage and costs while the stream runs; at a slowing pace where they stand still."""
        usual = self.patience.money_interval
        interval = usual
        while usual is not None and interval is not None:
            await self.clock.sleep(interval)
            interval = min(interval * 1.5, max(usual, self.patience.poll_interval_max))
            if self.worker_id is None or self.turn.status is not TurnStatus.ACCEPTED:
                continue
            with suppress(ApiError):
                body = await self.api.read_worker(self.worker_id)
                # The stream may have ended while we asked: then settling reads the worker itself.
                if self.turn.status is not TurnStatus.ACCEPTED:
                    continue
                before = self.turn.snapshot
                self.feed(Framing.JSON, slim_worker(body, self.order, messages=False), ReadReason.MONEY)
                if _moved(before, self.turn.snapshot):
                    interval = usual

    # -- taking what arrives -----------------------------------------------------------
    async def take(self, reply: Reply) -> None:
        """Store and fold a whole reply.

        Raises:
            StreamLost, BrokenContract: it broke off; what came is kept.
        """
        self.note(
            Marker.OPENED,
            via=reply.via,
            status=reply.http_status,
            content_type=reply.content_type,
            encoding=reply.encoding,
            worker_id=reply.worker_id,
        )
        await self._keep_worker()
        # Closed here and in this task, also when we are cancelled in the middle of it.
        async with sleep_guard(self.clock), aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                self._piece(piece)
                if self._fold.misdirected:
                    raise BrokenContract(Kind.UNEXPECTED_CONTENT, ANOTHER_WORKER)
                if not self._worker_kept:
                    await self._keep_worker()
        self.note(Marker.CLOSED, clean=True)

    async def _keep_worker(self) -> None:
        """The id of a new worker goes to the disk at once: without it nobody could ask for the answer."""
        if self._worker_kept or self.worker_id is None:
            return
        self._worker_kept = True
        with suppress(LedgerError):
            await self._log.flush()

    def _piece(self, piece: RawFrame) -> None:
        if piece.framing is not Framing.JSON:
            self.feed(piece.framing, piece.data, piece.event, piece.id)
            return
        data = piece.data
        with suppress(NotJson):
            body = body_of(data)
            data = slim_worker(body, self.order) if body.wire else data
        self.feed(Framing.JSON, data, ReadReason.ANSWER)

    def feed(self, framing: Framing, data: str, event: str = "", frame_id: str | None = None) -> None:
        """Number, store and fold one frame, and tell the listeners; of a stream, once for each read."""
        frame = Frame(self._seq, self.clock.now_ms(), framing, data, event, frame_id)
        self._seq += 1
        self._heard(frame)
        self._log.append(self.turn_id, frame)
        self._fold.take(frame)
        (self._telling.soon if framing in STREAMED else self._telling.now)()

    def note(self, note: Marker, **said: Json) -> None:
        """Store and fold a remark of our own."""
        self.feed(Framing.NOTE, dump(said), note)

    def closed(self, trouble: ApiError) -> None:
        """The reply broke off."""
        self.note(Marker.CLOSED, clean=False, kind=trouble.kind, detail=trouble.summary)

    def apply_reading(self, body: WorkerBody) -> bool:
        """Apply one reading to a turn that nobody watches; True when the reading shows that it has ended.

        A turn that had ended before takes the newest figures. One that may not have arrived, and is
        not to be seen, stays as it is: one look proves nothing.
        """
        if not body.wire:
            return False
        status = self.turn.status
        if not self.turn.live and status not in (TurnStatus.RUNNING, TurnStatus.UNKNOWN):
            self.feed(Framing.JSON, slim_worker(body, self.order), ReadReason.AFTER)
            return False
        seen = observe(self.turn, body.snapshot, accepted=self._answered)
        if seen not in (WorkerObservation.DONE, WorkerObservation.BUSY) and not self._answered:
            return False
        self.departed = True
        self.note(Marker.WATCHING)
        done = seen is WorkerObservation.DONE
        self.feed(
            Framing.JSON, slim_worker(body, self.order), ReadReason.AFTER if done else ReadReason.DURING
        )
        if done:
            self.settle_by_answer(recovered=status is not TurnStatus.RUNNING)
        else:
            self.settle(TurnStatus.RUNNING, None)
        return done

    def settle_by_reading(self, worker: str) -> None:
        """Settle a turn left open by what a reading, as JSON text, holds of it alone."""
        self.note(Marker.WATCHING)
        self.feed(Framing.JSON, worker, ReadReason.AFTER)
        self.settle_by_answer(recovered=True)

    # -- ending --------------------------------------------------------------------------
    async def read_after(self) -> bool:
        """Read the worker and let its final word win; False when it is still busy.

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
        """Say how the turn ended for us."""
        if fault is not None:
            # It may be the service's own words, of any length: one clean line of them (failures.md, R5).
            fault = replace(fault, message=clean_line(fault.message))
        self.note(Marker.SETTLED, status=status, recovered=recovered, fault=fault_object(fault))

    def settle_by_answer(self, *, recovered: bool) -> None:
        """The answer has ended: judge it by the service's own words."""
        status, fault = judge(self.turn)
        self.settle(status, fault, recovered=recovered)


def _moved(before: Snapshot | None, now: Snapshot | None) -> bool:
    if before is None or now is None:
        return before is not now
    return (before.usage, before.costs) != (now.usage, now.costs)
