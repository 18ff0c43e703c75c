"""Desks: the open sessions of the engine, who listens to them, and how a turn is closed without a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import field

from handinger_tui.core.fold import fold
from handinger_tui.core.frames import Frame, Framing, Note
from handinger_tui.core.jsontext import dump
from handinger_tui.core.limits import Gauge
from handinger_tui.core.outcome import fault_object
from handinger_tui.core.record import dataclass
from handinger_tui.core.replacing import replace
from handinger_tui.core.session import Session, put_turn
from handinger_tui.core.turn import Fault, Kind, Order, Turn, TurnStatus
from handinger_tui.engine.counting import figures_moved
from handinger_tui.engine.ports import Clock, TurnLog
from handinger_tui.engine.run import Run

Listener = Callable[[str], None]


@dataclass(slots=True)
class Desk:
    """What the engine holds for one open session."""

    session: Session
    run: Run | None = None
    task: asyncio.Task[None] | None = None
    queue: list[str] = field(default_factory=list)
    """Turns ordered here and not yet started. A queued turn read from the disk may be
    another program's, which will send it: only our own ones are ever started."""
    held: Gauge | None = None
    """The limit that keeps the queue from going on."""
    uncounted: bool = False
    """A reading has come that the ledger does not know yet."""
    counting: asyncio.Task[None] | None = None


class Desks:
    """The newest value of every open session."""

    def __init__(self, log: TurnLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._desks: dict[str, Desk] = {}
        self._listeners: list[Listener] = []

    def session(self, session_id: str) -> Session:
        """The newest value of an open session.

        Raises:
            KeyError: it was never opened here.
        """
        return self._desks[session_id].session

    def held(self, session_id: str) -> Gauge | None:
        """The limit that holds the queue of a session; None when nothing does."""
        return self._desks[session_id].held

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(session_id)` after every change; returns the way out."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- inside --------------------------------------------------------------------
    def _turn(self, desk: Desk, turn_id: str) -> Turn:
        return next(turn for turn in reversed(desk.session.turns) if turn.turn_id == turn_id)

    def _put(self, desk: Desk, turn: Turn) -> None:
        before = next((own for own in reversed(desk.session.turns) if own.turn_id == turn.turn_id), None)
        session = put_turn(desk.session, turn)
        desk.session = replace(session, updated_ms=self._clock.now_ms())
        desk.uncounted = desk.uncounted or figures_moved(before, turn)
        self._tell(session.session_id)

    def _tell(self, session_id: str) -> None:
        for listener in tuple(self._listeners):
            listener(session_id)

    async def _close_unsent(self, desk: Desk, turn: Turn, fault: Fault) -> None:
        frames = await self._log.frames(turn.turn_id)
        await self._close(desk, turn.order, frames, TurnStatus.NOT_SENT, fault)

    async def _close(
        self, desk: Desk, order: Order, frames: list[Frame], status: TurnStatus, fault: Fault
    ) -> None:
        """Settle a turn that nobody runs."""
        said = dump({"status": status, "recovered": False, "fault": fault_object(fault)})
        last = Frame(len(frames), self._clock.now_ms(), Framing.NOTE, said, Note.SETTLED)
        self._log.append(order.turn_id, last)
        self._put(desk, fold(order, [*frames, last]))
        await self._log.close_turn(desk.session, order.turn_id)


def unsent(reason: str, kind: Kind = Kind.CONFLICT) -> Fault:
    """Why a turn of ours never left."""
    return Fault(kind, reason, may_have_been_charged=False)
