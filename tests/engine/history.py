"""History: the record of turns in memory, and a limit. Both may be slow, locked, or full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import Damaged
from handinger_tui.core.money.limits import Gauge, Limit, Scope, check_start
from handinger_tui.core.stream import Frame
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import UNDECIDED, StartPolicy, TurnRequest, TurnStatus
from tests.engine.doors import Door, Doors


class Witness(Protocol):
    """Observes all reads and writes."""

    def storing(self, session: Session, request: TurnRequest) -> None: ...
    def appending(self, turn_id: str, frame: Frame, expected: int | None) -> None: ...
    def ending(self, turn_id: str) -> None: ...
    def measured(self, session_id: str, requested_at: int, *, allowed: bool) -> None: ...
    def reserving(self, turn_id: str) -> None: ...
    def releasing(self, turn_id: str) -> None: ...
    def now(self) -> int: ...


@dataclass
class History:
    """The TurnLog port."""

    doors: Doors
    witness: Witness
    requests: dict[str, TurnRequest] = field(default_factory=dict)
    stored: dict[str, list[Frame]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    turns: dict[str, list[str]] = field(default_factory=dict)
    """The turns of each session, oldest first."""
    closed: set[str] = field(default_factory=set)
    safe: dict[str, int] = field(default_factory=dict)
    """How many frames of each turn are committed, and survive a crash."""
    no_history: None = None
    """A history without limits that keeps everything."""
    wallet: Wallet | None = None
    """The limits, which are checked again in the transaction that starts a turn."""

    def after_crash(self, doors: Doors) -> History:
        """The state after a crash: uncommitted frames are lost."""
        kept = {turn_id: frames[: self.safe.get(turn_id, 0)] for turn_id, frames in self.stored.items()}
        turns = {session_id: list(turn_ids) for session_id, turn_ids in self.turns.items()}
        return History(
            doors,
            self.witness,
            {**self.requests},
            kept,
            {**self.sessions},
            turns,
            {*self.closed},
            {**self.safe},
            wallet=self.wallet,
        )

    async def open_turn(
        self,
        session: Session,
        request: TurnRequest,
        replaces: tuple[str, Frame] | None = None,
        start: StartPolicy | None = None,
    ) -> None:
        await self.doors.go_through(Door.OPEN_TURN)
        if start is not None:
            self._reserve(request, start)
        if replaces is not None:
            turn_id, frame = replaces
            self.append(turn_id, frame)
            self.safe[turn_id] = len(self.stored[turn_id])
        self.witness.storing(session, request)
        if request.turn_id not in self.requests:
            turn_ids = self.turns.setdefault(session.session_id, [])
            turn_ids.append(request.turn_id)
            if replaces is not None:
                at = turn_ids.index(replaces[0])
                turn_ids[at], turn_ids[-1] = turn_ids[-1], turn_ids[at]
        self.requests[request.turn_id] = request
        self.stored.setdefault(request.turn_id, [])
        self.sessions[session.session_id] = session

    async def start_turn(
        self, session: Session, request: TurnRequest, at_ms: int, start: StartPolicy
    ) -> None:
        await self.doors.go_through(Door.START_TURN)
        self._reserve(request, start)

    def _reserve(self, request: TurnRequest, start: StartPolicy) -> None:
        if self.wallet is not None:
            self.wallet.check_start(start)
        self.witness.reserving(request.turn_id)

    async def release_turn(self, turn_id: str) -> None:
        await self.doors.go_through(Door.RELEASE_TURN)
        self.witness.releasing(turn_id)

    def append(self, turn_id: str, frame: Frame) -> None:
        frames = self.stored.get(turn_id)
        self.witness.appending(turn_id, frame, None if frames is None else len(frames))
        if frames is not None:
            frames.append(frame)

    async def flush(self) -> None:
        written = {turn_id: len(frames) for turn_id, frames in self.stored.items()}
        await self.doors.go_through(Door.FLUSH)
        for turn_id, count in written.items():
            self._keep(turn_id, count)

    async def move_last(self, turn_ids: Sequence[str]) -> None:
        await self.doors.go_through(Door.MOVE_LAST)
        for kept in self.turns.values():
            moved = [turn_id for turn_id in turn_ids if turn_id in kept]
            kept[:] = [turn_id for turn_id in kept if turn_id not in moved] + moved

    async def close_turn(self, session: Session, turn_id: str) -> None:
        self.witness.ending(turn_id)
        written = len(self.stored[turn_id])
        await self.doors.go_through(Door.CLOSE_TURN)
        self._keep(turn_id, written)
        if next(turn for turn in session.turns if turn.turn_id == turn_id).live:
            # It is watched again: the next program has to settle it.
            self.closed.discard(turn_id)
        else:
            self.closed.add(turn_id)
        self.sessions[session.session_id] = session

    def _keep(self, turn_id: str, count: int) -> None:
        """Commit these frames, so that they survive a crash."""
        self.safe[turn_id] = max(self.safe.get(turn_id, 0), count)

    async def charge(self, session: Session) -> None:
        await self.doors.go_through(Door.CHARGE)

    async def adopt(self, session: Session, turns: Sequence[Any]) -> Session:
        """Store turns of other clients, each a request, its frames and its id; all or none.

        All texts of a world differ: a turn with the same text is the same turn.
        """
        await self.doors.go_through(Door.ADOPT)
        entered: list[tuple[TurnRequest, tuple[Frame, ...]]] = []
        for request, frames, _name in turns:
            if any(own.prompt == request.prompt for own in self.requests.values()):
                entered.clear()
            else:
                entered.append((request, frames))
        for request, frames in entered:
            self.witness.storing(session, request)
            self.enter(session, request, frames)
        return self._loaded(session.session_id) or session

    def enter(self, session: Session, request: TurnRequest, frames: Sequence[Frame]) -> None:
        """A complete turn of another client."""
        self.sessions.setdefault(session.session_id, session)
        self.turns.setdefault(session.session_id, []).append(request.turn_id)
        self.requests[request.turn_id] = request
        self.stored[request.turn_id] = list(frames)
        self.safe[request.turn_id] = len(frames)
        if fold(request, frames).status is not TurnStatus.RUNNING:
            self.witness.ending(request.turn_id)
            self.closed.add(request.turn_id)

    async def frames(self, turn_id: str, since: int = 0) -> list[Frame]:
        await self.doors.go_through(Door.FRAMES)
        return [frame for frame in self.stored[turn_id] if frame.seq >= since]

    async def claim(self, turn_id: str) -> bool:
        await self.doors.go_through(Door.CLAIM)
        if fold(self.requests[turn_id], self.stored[turn_id]).status in UNDECIDED:
            self.closed.discard(turn_id)
        return True

    async def unsettled(self) -> list[tuple[Session, TurnRequest]]:
        await self.doors.go_through(Door.UNSETTLED)
        return [
            (replace(self.sessions[session_id], turns=()), self.requests[turn_id])
            for session_id, turn_ids in self.turns.items()
            for turn_id in turn_ids
            if turn_id not in self.closed
        ]

    async def sessions_to_read(self, due_ms: int | None, recent_ms: int | None = None) -> list[Session]:
        await self.doors.go_through(Door.UNSETTLED)
        return [
            replace(self.sessions[session_id], turns=())
            for session_id, turn_ids in self.turns.items()
            if any(
                fold(self.requests[turn_id], self.stored[turn_id]).status is TurnStatus.RUNNING
                for turn_id in turn_ids
            )
        ]

    async def note_late_read(self, session_id: str, at_ms: int, *, answered: bool) -> None:
        """The order in which sessions are read is that of their turns."""

    async def load(self, session_id: str) -> Session | None:
        await self.doors.go_through(Door.LOAD)
        return self._loaded(session_id)

    def _loaded(self, session_id: str) -> Session | None:
        kept = self.sessions.get(session_id)
        if kept is None:
            return None
        session = replace(kept, turns=())
        for turn_id in self.turns[session_id]:
            session = put_turn(session, fold(self.requests[turn_id], self.stored[turn_id]))
        return session


class Limits(StrEnum):
    """The state of the limit."""

    BELOW = "below"
    REACHED = "reached"
    RESERVED = "reserved"
    """By a turn of another program, which has no cost history."""
    UNREADABLE = "unreadable"


LIMIT = Limit(Scope.DAY, Unit.USD, Decimal(10))


@dataclass
class Wallet:
    """The port of limits: one limit, which other programs may use up at any moment."""

    doors: Doors
    witness: Witness
    state: Limits = Limits.BELOW

    async def gauges(self, session: Session) -> Sequence[Gauge]:
        requested_at = self.witness.now()
        try:
            await self.doors.go_through(Door.GAUGES)
            if self.state is Limits.UNREADABLE:
                raise Damaged("The limits cannot be read.")
        except BaseException:
            self.witness.measured(session.session_id, requested_at, allowed=False)
            raise
        self.witness.measured(session.session_id, requested_at, allowed=self.state is not Limits.REACHED)
        return [self._gauge()]

    def _gauge(self) -> Gauge:
        spent = LIMIT.amount if self.state is Limits.REACHED else Decimal(1)
        reserved = int(self.state is Limits.RESERVED)
        return Gauge(LIMIT, Total(spent), running=reserved, unmeasured=reserved)

    def check_start(self, start: StartPolicy) -> None:
        """Raise where a turn may not start, as the history does inside its transaction."""
        if self.state is Limits.UNREADABLE:
            raise Damaged("The limits cannot be read.")
        check_start([self._gauge()], {}, start)
