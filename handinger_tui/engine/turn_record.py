"""One turn as it is written: every frame is numbered, stored, folded and published.

Nothing in it waits.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.errors import ApiError, LedgerError
from handinger_tui.core.jsontext import Json, NotJson, as_object, dump, parse, text_at
from handinger_tui.core.reading_order import Urgency
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import (
    STREAMED,
    Frame,
    Framing,
    Marker,
    RawFrame,
    ReadReason,
    WorkerBody,
    body_of,
    figures_differ,
)
from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.session import (
    Session,
    was_never_begun,
)
from handinger_tui.core.turns.turn import (
    UNDECIDED,
    ErrorKind,
    Fault,
    Turn,
    TurnRequest,
    TurnStatus,
    can_confirm,
    judge,
    outcome_object,
)
from handinger_tui.core.turns.worker_reconciliation import (
    WorkerObservation,
    answer_to,
    observe,
    slim_worker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from handinger_tui.core.dialects.events import StreamEvent
    from handinger_tui.engine.ports import Clock, RetryPolicy, TurnHistory, TurnStarts, WorkerReads
    from handinger_tui.engine.read_gate import ReadGate
    from handinger_tui.engine.tasks import Ticks

ANSWERED = frozenset({Marker.OPENED, ReadReason.ANSWER, ReadReason.DURING, ReadReason.AFTER})
"""Events of frames that exist only when the service has accepted the turn."""
LEFT = Fault(ErrorKind.NETWORK, "Watching stopped before the service answered. The message may have arrived.")


class RunDeps(Struct, frozen=True):
    """What every turn needs. `tap` is called with each stream event as it is decoded."""

    starts: TurnStarts
    reads: WorkerReads
    log: TurnHistory
    clock: Clock
    policy: RetryPolicy
    ticks: Ticks
    """When streams are looked at: whether one is silent, and whether the machine has slept."""
    tap: Callable[[StreamEvent], None] | None = None
    gate: ReadGate | None = None
    """None: nothing is read beside the one turn."""

    async def turn_to_read(self, worker_id: str, urgency: Urgency = Urgency.STATE) -> float:
        """Wait until a worker may be read; returns the seconds that took."""
        return 0.0 if self.gate is None else await self.gate.turn(worker_id, urgency)


def may_have_departed(request: TurnRequest, frames: Iterable[Frame]) -> bool:
    """Whether, by its stored frames, a byte of the request of the turn may have left.

    A turn adopted from the worker was never sent by us, but its request did leave. Its
    `seen_before` is set; that of a turn of ours is None until it is being sent.
    """
    was_sent = any(frame.event == Marker.SENDING or frame.event in ANSWERED for frame in frames)
    return was_sent or request.seen_before is not None


MAX_UNCOMMITTED: Final = 4 << 20
"""Characters after which a stream waits for the disk. It bounds the memory, and what a crash loses."""


class TurnRecord:
    """One turn as it is written. Only one owner writes a turn at a time."""

    def __init__(
        self,
        request: TurnRequest,
        session: Session,
        deps: RunDeps,
        publish: Callable[[Turn], None],
        frames: Iterable[Frame] = (),
    ) -> None:
        """`frames`: those stored already; they are only folded."""
        # A queued turn is stored before its worker is known.
        worker_id = request.target_id or session.worker_id
        begins = was_never_begun(session.turns, worker_id)
        self.request = replace(
            request, target_id=worker_id, stored_worker_id=session.stored_worker_id, begins=begins
        )
        self.earlier = session.turns
        """The turns of the session when this one was begun."""
        self._log = deps.log
        self._clock = deps.clock
        self._publish = publish
        self._fold = Fold(request, tap=deps.tap)
        self._scheduled: asyncio.Handle | None = None
        self._seq = 0
        self.accepted = False
        """The service has accepted the turn."""
        self.departed = False
        """The first byte of the request may have left. The caller sets it for a turn resumed after that."""
        self.is_ours = True
        """This program writes the turn. Otherwise it only shows what another one stores of it."""
        self.worker_may_be_busy = session.has_other_at_work(request.turn_id)
        """Another turn may run at the worker, of which this program may not know the end."""
        self.look: WorkerBody | None = None
        """The reading of the worker just before the request, or right after its refusal."""
        self.last_body: WorkerBody | None = None
        """The newest reading of the worker by which the turn was to be settled."""
        self._worker_committed = self.request.target_id is not None
        self._uncommitted = 0
        """Characters of the frames since the stream last waited for the disk."""
        for frame in frames:
            self._resume(frame)

    @property
    def turn_id(self) -> str:
        return self.request.turn_id

    @property
    def turn(self) -> Turn:
        """The newest value of the turn."""
        return self._fold.turn

    @property
    def worker_id(self) -> str | None:
        """The id of the worker, None while it is unknown."""
        return self.turn.worker_id or self.request.target_id

    @property
    def misdirected(self) -> bool:
        """The answer names another worker than the one the turn was sent to."""
        return self._fold.misdirected

    def take_stored(self, frames: Iterable[Frame]) -> None:
        """Take frames that another program has stored of the turn, and publish it."""
        for frame in frames:
            self._resume(frame)
        self._publish_now()

    def _resume(self, frame: Frame) -> None:
        self._fold.take(frame)
        self._seq = frame.seq + 1
        self.accepted = self.accepted or frame.event in ANSWERED
        if frame.event == Marker.SENDING:
            # The worker it was sent to is the one to read. None means a new worker, not the session's.
            sent_to = text_at(as_object(parse(frame.data)), "worker_id")
            self.request = replace(self.request, target_id=sent_to)
        self.departed = self.departed or frame.event == Marker.SENDING or frame.event in ANSWERED

    # -- frames ------------------------------------------------------------------------
    def feed(self, framing: Framing, data: str, event: str = "", frame_id: str | None = None) -> None:
        """Number, store and fold one frame, and publish the turn; for stream frames once per network read."""
        frame = Frame(self._seq, self._clock.now_ms(), framing, data, event, frame_id)
        self._seq += 1
        self.accepted = self.accepted or event in ANSWERED
        self._log.append(self.turn_id, frame)
        self._uncommitted += len(data)
        self._fold.take(frame)
        if framing not in STREAMED:
            self._publish_now()
        elif self._scheduled is None:
            # A stream may bring a thousand deltas a second; a view cannot show a value for each.
            self._scheduled = asyncio.get_running_loop().call_soon(self._publish_now)

    @property
    def next_seq(self) -> int:
        """The number of the next frame."""
        return self._seq

    def _publish_now(self) -> None:
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        self._publish(self.turn)

    def feed_raw(self, piece: RawFrame) -> None:
        """Feed one frame of a reply; a Worker object is reduced to the part about this turn."""
        if piece.framing is not Framing.JSON:
            self.feed(piece.framing, piece.data, piece.event, piece.id)
            return
        data = piece.data
        with suppress(NotJson):
            body = body_of(data)
            data = self._slim(body) if body.wire else data
        self.feed(Framing.JSON, data, ReadReason.ANSWER)

    def feed_worker(self, body: WorkerBody, reason: ReadReason, *, messages: bool = True) -> None:
        """Feed one read of the worker, reduced to this turn; without `messages` only its figures."""
        self.feed(Framing.JSON, self._slim(body, messages=messages), reason)

    def feed_new_figures(self, body: WorkerBody) -> None:
        """Feed the figures of a read that does not show the turn, if they are new or confirm others."""
        is_new = figures_differ(self.turn.snapshot or self.turn.before, body.snapshot)
        if is_new or can_confirm(self.turn, self._clock.now_ms()):
            self.feed_worker(body, ReadReason.MONEY, messages=False)

    def _slim(self, body: WorkerBody, *, messages: bool = True) -> str:
        # Only the request of the turn knows which of several equal messages is ours.
        return slim_worker(body, self.turn.request, self.turn.message_id, messages=messages)

    def note(self, marker: Marker, **fields: Json) -> None:
        """Store and fold a marker of our own, with `fields` as its JSON content."""
        self.feed(Framing.NOTE, dump(fields), marker)

    def note_cut(self, trouble: ApiError, dropped: int = 0) -> None:
        """Store that the reply broke off because of `trouble`, and how many of its events were dropped.

        `trouble` may name the worker, whose id is then stored unless the turn has one.
        """
        named = trouble.worker_id if self.worker_id is None else None
        worker = {} if named is None else {"worker_id": named}
        self.note(
            Marker.CLOSED, clean=False, kind=trouble.kind, detail=trouble.summary, dropped=dropped, **worker
        )

    async def commit_when_due(self) -> None:
        """Commit the id of a new worker, without which the answer cannot be read after a crash.

        A stream that is far ahead of a slow disk waits for it.
        """
        is_new_worker = not self._worker_committed and self.worker_id is not None
        if is_new_worker or self._uncommitted >= MAX_UNCOMMITTED:
            self._worker_committed = self._worker_committed or is_new_worker
            self._uncommitted = 0
            with suppress(LedgerError):
                await self._log.flush()

    # -- ending ------------------------------------------------------------------------
    def settle(self, status: TurnStatus, fault: Fault | None, *, recovered: bool = False) -> None:
        """Store how the turn ended. `recovered`: a reading of the worker settled a doubt."""
        if fault is not None:
            # The message may be text of the service, of any length: keep one line without control characters.
            fault = replace(fault, message=clean_line(fault.message))
        self.note(Marker.SETTLED, **outcome_object(status, fault, recovered=recovered))

    def settle_by_answer(self, *, recovered: bool) -> None:
        """Settle a turn whose answer has ended, by what the service reports."""
        status, fault = judge(self.turn)
        self.settle(status, fault, recovered=recovered)

    def settle_by_reading(self, worker: str) -> None:
        """Settle an open turn by `worker`: a Worker as JSON text, reduced to this turn."""
        self.note(Marker.WATCHING)
        self.feed(Framing.JSON, worker, ReadReason.AFTER)
        self.settle_by_answer(recovered=True)

    def apply_reading(self, body: WorkerBody) -> bool:
        """Apply one read of the worker to a turn that no run watches; True when it shows that the turn ended.

        A turn that had ended before gets the newest usage and costs. A turn that may not have arrived,
        and that the worker does not list, gets its figures only: a single read proves nothing, and the worker
        may be running a message of another client. Earlier turns and others may have spent.
        """
        if not body.wire:
            return False
        status = self.turn.status
        if not self.turn.live and status not in UNDECIDED:
            self.feed_worker(body, ReadReason.AFTER)
            return False
        observation = observe(self.turn, body.snapshot, accepted=self.accepted)
        is_listed = answer_to(self.turn.request, body.snapshot).present or self.request.target_id is None
        may_run = observation is WorkerObservation.BUSY and (is_listed or self.accepted)
        if not (self.accepted or may_run or observation is WorkerObservation.DONE):
            if not (self.turn.live or body.snapshot.by_turn):
                self.feed_new_figures(body)
            return False
        if not may_run and observation is not WorkerObservation.DONE and not self.turn.live:
            # The worker is idle: status and end of the turn stay as they are.
            self.feed_worker(body, ReadReason.MONEY, messages=False)
            return False
        self.departed = True
        self.note(Marker.WATCHING)
        done = observation is WorkerObservation.DONE
        self.feed_worker(body, ReadReason.AFTER if done else ReadReason.DURING)
        if done:
            self.settle_by_answer(recovered=status is not TurnStatus.RUNNING)
        else:
            self.settle(TurnStatus.RUNNING, None)
        return done

    def leave(self, problem: BaseException | None = None) -> None:
        """Stop watching and settle the turn.

        RUNNING when the service has accepted it, UNKNOWN when the request may have left, else NOT_SENT.
        `problem` is the error that ended the run, None when somebody stopped it. A turn of another program
        stays as it is.
        """
        if not self.turn.live or not self.is_ours:
            return
        if isinstance(problem, LedgerError):
            message, kind = problem.summary, ErrorKind.DISK
        elif problem is not None:
            message, kind = f"handinger-tui failed while watching this turn: {problem!r}.", ErrorKind.NETWORK
        else:
            message, kind = "Stopped before it was sent.", ErrorKind.INTERRUPTED
        if not self.departed:
            message += " Nothing was sent." if problem is not None else ""
            self.settle(TurnStatus.NOT_SENT, Fault(kind, message, may_have_been_charged=False))
        elif self.accepted or self.turn.message_id is not None:
            self.settle(TurnStatus.RUNNING, None)
        else:
            self.settle(TurnStatus.UNKNOWN, LEFT if problem is None else Fault(kind, message))

    def leave_anyway(self, problem: BaseException | None) -> None:
        """`leave`; where that fails, the turn is published as UNKNOWN although nothing can be stored."""
        try:
            self.leave(problem)
        except Exception as second:  # noqa: BLE001 - the turn ends with a status even when no frame can be stored
            fault = Fault(ErrorKind.NETWORK, f"handinger-tui failed while watching this turn: {second!r}.")
            self._publish(replace(self.turn, status=TurnStatus.UNKNOWN, fault=fault))
