"""Settling of turns that no run watches: earlier ones of the session, withdrawn ones, those after a crash."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.money.turn_events import worker_of
from handinger_tui.core.stream.frames import Frame, Framing, Marker
from handinger_tui.core.stream.worker_snapshot import PROMPTS, Snapshot, WorkerBody, worker_in
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import Fault, Kind, Turn, TurnRequest, TurnStatus, outcome_object
from handinger_tui.core.turns.worker_reconciliation import Answer, answer_to, messages_of, without_newest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handinger_tui.core.turns.session import Session
    from handinger_tui.engine.ports import Clock, TurnLog
    from handinger_tui.engine.session_store import SessionStore

UNSETTLED: Final = frozenset(
    {
        TurnStatus.SENDING,
        TurnStatus.ACCEPTED,
        TurnStatus.CHECKING,
        TurnStatus.RUNNING,
        TurnStatus.UNKNOWN,
    }
)
"""Statuses of turns that may have been delivered and whose end is not known."""
NO_SUCH_WORKER: Final = Fault(
    Kind.NOT_FOUND, "The service does not know this worker: what the turn took cannot be read.", 404
)
NEVER_ARRIVED: Final = Fault(
    Kind.NOT_FOUND, "The service never received this message.", 404, may_have_been_charged=False
)


def unsettled_turns(session: Session, snapshot: Snapshot, *, without: str = "") -> list[Turn]:
    """Turns, except `without`, that are unsettled in the session but have ended by `snapshot`."""
    open_turns = [turn for turn in session.turns if turn.status in UNSETTLED and turn.turn_id != without]
    return [turn for turn in open_turns if _has_ended(answer_to(turn.order, snapshot), snapshot)]


def _has_ended(answer: Answer, snapshot: Snapshot) -> bool:
    if not answer.present:
        return False
    return not answer.last or (not snapshot.busy and (bool(answer.parts) or snapshot.failed))


def own_part(turn: Turn, body: WorkerBody) -> str:
    """The Worker as JSON text, reduced to the part about `turn`.

    Usage and costs are left out where a later turn exists: they include that turn.
    """
    worker: JsonObject = dict(worker_in(body.wire) or body.wire)
    answer = answer_to(turn.order, body.snapshot)
    worker["messages"] = messages_of(turn.order, answer)
    if body.snapshot.prompts is not None:
        worker[PROMPTS] = body.snapshot.prompts
    return dump(worker if answer.last else without_newest(worker))


class TurnSettler:
    """Settles turns of one session, and writes the end of each turn to the history."""

    def __init__(self, store: SessionStore, log: TurnLog, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._unclosed: set[str] = set()
        """Ids of ended turns whose end is not yet written to the history."""

    def ended(self, turn_ids: Iterable[str]) -> None:
        """Note turns whose end has to be written by the next `close_ended`."""
        self._unclosed.update(turn_ids)

    async def close_ended(self) -> None:
        """Write the end of each turn that has ended; the others are tried again by the next call.

        Raises:
            LedgerError: at least one could not be written.
        """
        failure: LedgerError | None = None
        for turn_id in sorted(self._unclosed):
            try:
                self._store.set_elsewhere(await self._log.close_turn(self._store.value, turn_id))
                self._unclosed.discard(turn_id)
            except LedgerError as problem:
                failure = problem
        if failure is not None:
            raise failure

    async def close(self, order: TurnRequest, frames: list[Frame], status: TurnStatus, fault: Fault) -> None:
        """Settle a turn that was not sent; where the history cannot be written, that is retried later."""
        last = self.settled_frame(len(frames), status, fault)
        self._log.append(order.turn_id, last)
        await self.close_settled(order, [*frames, last])

    async def close_settled(self, order: TurnRequest, frames: list[Frame]) -> None:
        """Publish and close a turn whose frames, with that of its end, are stored."""
        self._store.put(fold(order, frames))
        self._unclosed.add(order.turn_id)
        with suppress(LedgerError):
            await self.close_ended()

    def settled_frame(self, seq: int, status: TurnStatus, fault: Fault) -> Frame:
        """The frame that ends a turn."""
        content = dump(outcome_object(status, fault))
        return Frame(seq, self._clock.now_ms(), Framing.NOTE, content, Marker.SETTLED)

    async def apply_reading(self, turn_id: str, body: WorkerBody) -> bool:
        """Apply a read of the worker to its newest turn and to earlier ones; True when the newest has ended.

        Raises:
            LedgerError
        """
        is_ours = await self._log.claim(turn_id)
        record = await self._store.record_of(turn_id)
        if not is_ours:
            record.take_stored(())
            return False
        has_ended = record.apply_reading(body)
        if not record.turn.live:
            self._unclosed.add(turn_id)
        await self.settle_older(body)
        return has_ended

    async def settle_older(self, body: WorkerBody, *, without: str = "") -> None:
        """Settle open turns, except `without`: one read of the worker holds the answers of all its turns.

        A turn that another program works on is left to that program, which writes its frames.

        Raises:
            LedgerError
        """
        for turn in unsettled_turns(self._store.value, body.snapshot, without=without):
            if not await self._log.claim(turn.turn_id):
                continue
            record = await self._store.record_of(turn.turn_id)
            if record.turn.status in UNSETTLED:
                record.settle_by_reading(own_part(turn, body))
            else:
                # Another program has read its end.
                record.take_stored(())
            self._unclosed.add(turn.turn_id)
        await self.close_ended()

    async def end_without_worker(self, worker_id: str, window_s: float) -> None:
        """The service does not know the worker: after `window_s` its open turns end as unknown.

        A turn that would have begun it, and that the service never accepted, has not arrived.

        Their amounts stay unknown, and they reserve nothing any longer: nobody could ever read their end. If
        the worker is there again, a reading settles them all the same.

        Raises:
            LedgerError
        """
        latest_ms = self._clock.now_ms() - int(window_s * 1000)
        gone = [
            turn
            for turn in self._store.value.turns
            if turn.status in UNSETTLED
            and worker_of(turn) == worker_id
            and (turn.ended_ms or turn.sent_ms or turn.order.created_ms) <= latest_ms
            and await self._log.claim(turn.turn_id)
        ]
        for turn in gone:
            record = await self._store.record_of(turn.turn_id)
            if record.order.worker_id is None and not record.accepted:
                record.settle(TurnStatus.NOT_DELIVERED, NEVER_ARRIVED, recovered=True)
            elif record.turn.status is not TurnStatus.UNKNOWN:
                record.settle(TurnStatus.UNKNOWN, NO_SUCH_WORKER)
            self._unclosed.add(turn.turn_id)
        await self.close_ended()
        for turn in gone:
            await self._log.release_turn(turn.turn_id)

    async def take_over(self, orders: Iterable[TurnRequest]) -> dict[str, list[Frame]]:
        """Make turns of dead programs our own, except those that another program has taken over.

        Those that have ended by their frames are closed. Returns the frames of the others, by turn id.

        Raises:
            LedgerError
        """
        still_open: dict[str, list[Frame]] = {}
        for order in orders:
            if not await self._log.claim(order.turn_id):
                continue
            frames = await self._log.frames(order.turn_id)
            turn = fold(order, frames)
            if turn.live:
                still_open[order.turn_id] = frames
            else:
                self._store.put(turn)
                self._unclosed.add(order.turn_id)
        await self.close_ended()
        return still_open

    async def detach(self, turn_id: str) -> None:
        """Settle a turn whose request may have left before a crash as one that nobody watches.

        Raises:
            LedgerError
        """
        record = await self._store.record_of(turn_id)
        record.departed = True
        record.leave()
        self._unclosed.add(turn_id)
        await self.close_ended()
