"""One turn on its way: send once, store every frame, settle by GET, say how it ended.

The rules are failures.md R1 to R4: one action is one POST; whatever goes wrong
after that is settled by reading the worker, never by sending again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

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
from handinger_tui.core.events import StreamEvent
from handinger_tui.core.fold import Fold
from handinger_tui.core.frames import Frame, Framing, Look, Note, Piece
from handinger_tui.core.jsontext import Json, NotJson, dump
from handinger_tui.core.outcome import fault_object, judge
from handinger_tui.core.reconcile import Sight, sight, slim_worker, times_asked
from handinger_tui.core.record import dataclass
from handinger_tui.core.replacing import replace
from handinger_tui.core.safety import clean_line
from handinger_tui.core.session import Session
from handinger_tui.core.snapshot import Snapshot, body_of
from handinger_tui.core.turn import Fault, Kind, Order, Turn, TurnStatus
from handinger_tui.engine.patience import Patience
from handinger_tui.engine.ports import Clock, Reply, TurnLog, WorkerApi
from handinger_tui.engine.settle import Settling
from handinger_tui.engine.telling import Telling
from handinger_tui.engine.waking import awake

ANSWERED = frozenset({Note.OPENED, Look.ANSWER, Look.DURING, Look.AFTER})
"""Frames that exist only when the service has taken the turn."""
STREAMED = frozenset({Framing.SSE, Framing.LINES, Framing.TEXT})
UNANSWERED = "The program ended before the service had answered."
LEFT = Fault(
    Kind.NETWORK,
    "We stopped watching before the service had answered; it is not known whether the message arrived.",
)


@dataclass(frozen=True, slots=True)
class Outside:
    """What every run needs from the outside. `tap` hears each event of a stream as it is decoded."""

    api: WorkerApi
    log: TurnLog
    clock: Clock
    patience: Patience
    tap: Callable[[StreamEvent], None] | None = None


class Run:
    """The machine of one turn. Only the engine makes one, and runs one body of it at a time."""

    def __init__(
        self,
        order: Order,
        outside: Outside,
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
        self._telling = Telling(self._fold, publish)
        self._seq = 0
        self._answered = False
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
            self._fold.feed(frame)
            self._seq = frame.seq + 1
            self._heard(frame)

    def _heard(self, frame: Frame) -> None:
        if not self._answered:
            self._answered = frame.event in ANSWERED

    # -- bodies of the task ----------------------------------------------------------
    async def start(self) -> None:
        """Send the turn and see it through."""
        await self._guarded(self._send)

    async def watch(self) -> None:
        """Watch a turn that may be running: GETs only."""
        self.note(Note.WATCHING)
        doubt = None if self._answered else Doubtful(Kind.NETWORK, UNANSWERED)
        await self._guarded(Settling(self, doubt=doubt, accepted=self._answered).go)

    async def _guarded(self, body: Callable[[], Awaitable[None]]) -> None:
        """Whatever happens, the turn ends with a status, on disk."""
        money = asyncio.create_task(self._watch_money(), name=f"money:{self.turn_id}")
        try:
            async with asyncio.timeout(self.patience.max_wait):
                await body()
        except TimeoutError:
            self._leave()
        except asyncio.CancelledError:
            self._leave()
        except LedgerError as problem:
            # The order is on disk and nothing was sent yet, or the stream goes on in memory.
            if self.turn.live:
                self.settle(
                    TurnStatus.NOT_SENT, Fault(Kind.DISK, problem.summary, may_have_been_charged=False)
                )
        finally:
            money.cancel()
            if self.turn.live:
                self.settle(
                    TurnStatus.UNKNOWN, Fault(Kind.NETWORK, "The program failed while watching this turn.")
                )
            with suppress(LedgerError):
                await asyncio.shield(self._log.close_turn(self._session(), self.turn_id))

    def _leave(self) -> None:
        """We stop watching. What was accepted runs on; what was not is in doubt."""
        if self.turn.status is TurnStatus.QUEUED:
            fault = Fault(Kind.CONNECT, "Not sent.", may_have_been_charged=False)
            self.settle(TurnStatus.NOT_SENT, fault)
        elif self._answered or self.turn.message_id is not None:
            self.settle(TurnStatus.RUNNING, None)
        else:
            self.settle(TurnStatus.UNKNOWN, LEFT)

    # -- sending ---------------------------------------------------------------------
    async def _send(self) -> None:
        await self._look_before()
        self.note(Note.SENDING, worker_id=self.order.worker_id)
        await self._log.flush()
        await self._post()

    async def _post(self) -> None:
        try:
            async with self.api.start_turn(self.order) as reply:
                await self.take(reply)
        except Unreachable as trouble:
            self.settle(TurnStatus.NOT_SENT, trouble.fault())
        except Refused as refusal:
            self.settle(TurnStatus.REJECTED, refusal.fault())
        except (Doubtful, ServerFault) as doubt:
            await Settling(self, doubt=doubt, accepted=False).go()
        except BrokenContract as doubt:
            self.closed(doubt)
            await Settling(self, doubt=doubt, accepted=self.turn.message_id is not None).go()
        except StreamLost as doubt:
            self.closed(doubt)
            await Settling(self, doubt=doubt, accepted=True).go()
        except HandingerError as problem:
            # Something of ours was wrong before anything was sent (an attachment, a setting).
            self.settle(
                TurnStatus.NOT_SENT, Fault(Kind.SETTINGS, problem.summary, may_have_been_charged=False)
            )
        else:
            await Settling(self, doubt=None, accepted=True).go()

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
            self.feed(Framing.JSON, slim_worker(body, self.order, messages=False), Look.BEFORE)
            self.note(Note.ASKED, times=times_asked(body.snapshot, self.order.prompt))

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
                self.feed(Framing.JSON, slim_worker(body, self.order, messages=False), Look.MONEY)
                if _moved(before, self.turn.snapshot):
                    interval = usual

    # -- taking what arrives -----------------------------------------------------------
    async def take(self, reply: Reply) -> None:
        """Store and fold a whole reply.

        Raises:
            StreamLost, BrokenContract: it broke off; what came is kept.
        """
        self.note(
            Note.OPENED,
            via=reply.via,
            status=reply.http_status,
            content_type=reply.content_type,
            encoding=reply.encoding,
            worker_id=reply.worker_id,
        )
        await self._keep_worker()
        async with awake(self.clock):
            async for piece in reply.pieces():
                self._piece(piece)
                if not self._worker_kept:
                    await self._keep_worker()
        self.note(Note.CLOSED, clean=True)

    async def _keep_worker(self) -> None:
        """The id of a new worker goes to the disk at once: without it nobody could ask for the answer."""
        if self._worker_kept or self.worker_id is None:
            return
        self._worker_kept = True
        with suppress(LedgerError):
            await self._log.flush()

    def _piece(self, piece: Piece) -> None:
        if piece.framing is not Framing.JSON:
            self.feed(piece.framing, piece.data, piece.event, piece.id)
            return
        data = piece.data
        with suppress(NotJson):
            body = body_of(data)
            data = slim_worker(body, self.order) if body.wire else data
        self.feed(Framing.JSON, data, Look.ANSWER)

    def feed(self, framing: Framing, data: str, event: str = "", frame_id: str | None = None) -> None:
        """Number, store and fold one frame, and tell the listeners; of a stream, once for each read."""
        frame = Frame(self._seq, self.clock.now_ms(), framing, data, event, frame_id)
        self._seq += 1
        self._heard(frame)
        self._log.append(self.turn_id, frame)
        self._fold.take(frame)
        (self._telling.soon if framing in STREAMED else self._telling.now)()

    def note(self, note: Note, **said: Json) -> None:
        """Store and fold a remark of our own."""
        self.feed(Framing.NOTE, dump(said), note)

    def closed(self, trouble: ApiError) -> None:
        """The reply broke off."""
        self.note(Note.CLOSED, clean=False, kind=trouble.kind, detail=trouble.summary)

    async def look_once(self, still: Callable[[], bool]) -> bool:
        """One reading of a turn left running: settle it when it has ended, else note how far it is.

        `still` is asked once the reading is there: False drops it.

        Raises:
            ApiError
        """
        body = await self.api.read_worker(self.worker_id or "")
        if not body.wire or not still():
            return False
        self.note(Note.WATCHING)
        done = sight(self.turn, body.snapshot, accepted=True) is Sight.DONE
        self.feed(Framing.JSON, slim_worker(body, self.order), Look.AFTER if done else Look.DURING)
        if done:
            self.settle_by_answer(recovered=False)
        else:
            self.settle(TurnStatus.RUNNING, None)
        return done

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
        self.feed(Framing.JSON, slim_worker(body, self.order), Look.AFTER)
        return not body.snapshot.busy

    def settle(self, status: TurnStatus, fault: Fault | None, *, recovered: bool = False) -> None:
        """Say how the turn ended for us."""
        if fault is not None:
            # It may be the service's own words, of any length: one clean line of them (failures.md, R5).
            fault = replace(fault, message=clean_line(fault.message))
        self.note(Note.SETTLED, status=status, recovered=recovered, fault=fault_object(fault))

    def settle_by_answer(self, *, recovered: bool) -> None:
        """The answer has ended: judge it by the service's own words."""
        status, fault = judge(self.turn)
        self.settle(status, fault, recovered=recovered)


def _moved(before: Snapshot | None, now: Snapshot | None) -> bool:
    if before is None or now is None:
        return before is not now
    return (before.usage, before.costs) != (now.usage, now.costs)
