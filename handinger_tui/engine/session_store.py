"""The newest value of one open session: what changes it is stored, then published; and its spending limits.

Only the ledger knows what all programs on this history have spent. Nothing here stops a running
turn: the API has no request for that.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.money.limits import (
    Gauge,
    LimitReached,
    LimitUnmeasured,
    Start,
    blocking,
    unmeasured_text,
)
from handinger_tui.core.money.turn_events import has_ended
from handinger_tui.core.turns.session import (
    Others,
    Session,
    place_last,
    put_turn,
    title_from,
    with_kept_turns,
)
from handinger_tui.core.turns.turn import Turn, TurnRequest
from handinger_tui.engine.queues import Hold, HoldReason
from handinger_tui.engine.turn_record import RunDeps, TurnRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handinger_tui.core.stream import Frame
    from handinger_tui.engine.ports import LimitReader, TurnLog


class SessionStore:
    """Holds the immutable value of a session, and is the only one that replaces it."""

    def __init__(
        self,
        session: Session,
        deps: RunDeps,
        changing: Callable[[Turn | None, Turn], None],
        on_change: Callable[[str], None],
    ) -> None:
        """`changing(before, now)` is called for each change of a turn before `on_change(session_id)`."""
        self.value = session
        self.own_ids: set[str] = set()
        """Ids of turns that this program stored, or restored after a crash."""
        self._deps = deps
        self._log = deps.log
        self._changing = changing
        self._on_change = on_change

    def find(self, turn_id: str) -> Turn | None:
        """A turn of the session."""
        return next((turn for turn in reversed(self.value.turns) if turn.turn_id == turn_id), None)

    def turn(self, turn_id: str) -> Turn:
        """A turn of the session.

        Raises:
            KeyError: there is no such turn.
        """
        turn = self.find(turn_id)
        if turn is None:
            raise KeyError(turn_id)
        return turn

    def publish(self) -> None:
        """Call the listeners."""
        self._on_change(self.value.session_id)

    def put(self, turn: Turn) -> None:
        """Add a turn, or replace it by a newer value, and publish."""
        before = self.find(turn.turn_id)
        self.value = replace(put_turn(self.value, turn), updated_ms=self._deps.clock.now_ms())
        self._changing(before, turn)
        self.publish()

    def set_elsewhere(self, elsewhere: Others | None) -> None:
        """Take and publish what other sessions have on the workers of this one; None changes nothing."""
        if elsewhere is not None and elsewhere != self.value.elsewhere:
            self.value = replace(self.value, elsewhere=elsewhere)
            self.publish()

    async def take_added(self) -> None:
        """Take what other programs have added to this session, once their turns have ended.

        Raises:
            LedgerError
        """
        session = self.value
        added = [other for other in session.elsewhere.turns if other.session_id == session.session_id]
        if not added or not all(map(has_ended, added)):
            return
        loaded = await self._log.load(session.session_id)
        if loaded is not None:
            turns = with_kept_turns(self.value, loaded)
            self.value = replace(self.value, turns=turns, elsewhere=loaded.elsewhere)
            self.publish()

    async def store(
        self,
        order: TurnRequest,
        replaces: tuple[str, Frame] | None = None,
        start: Start | None = None,
    ) -> None:
        """Commit a new turn, then publish it. `replaces`, `start`: see `TurnLog.open_turn`.

        Raises:
            LimitReached, LedgerError
        """
        if not self.value.title:
            self.value = replace(self.value, title=title_from(order.prompt))
        order = replace(order, worker_id=order.worker_id or self.value.worker_id)
        self.own_ids.add(order.turn_id)
        await self._log.open_turn(self.value, order, replaces, start)
        self.put(Turn(order))

    async def place_last(self, *turn_ids: str) -> None:
        """Move turns to the end: the turns of a session are in the order in which they start.

        Raises:
            LedgerError
        """
        await self._log.move_last(turn_ids)
        for turn_id in turn_ids:
            self.value = place_last(self.value, turn_id)
        self.publish()

    async def record_of(self, turn_id: str) -> TurnRecord:
        """The record of a stored turn, to be continued. Raises LedgerError."""
        frames = await self._log.frames(turn_id)
        return TurnRecord(self.turn(turn_id).order, self.value, self._deps, self.put, frames)

    def new_record(self, turn_id: str) -> TurnRecord:
        """The record of a turn that was stored just now."""
        return TurnRecord(self.turn(turn_id).order, self.value, self._deps, self.put)


def limit_hold(problem: LimitReached) -> Hold:
    """The hold of a queue whose next turn a limit forbids."""
    if isinstance(problem, LimitUnmeasured):
        return Hold(HoldReason.UNMEASURED, problem.gauge, unmeasured_text(problem.gauge))
    return Hold(HoldReason.LIMIT, problem.gauge)


class SessionLimits:
    """The newest gauges of a session. A gauge is a limit with the amount spent of it."""

    def __init__(
        self, store: SessionStore, log: TurnLog, reader: LimitReader | None, ends: Callable[[], int]
    ) -> None:
        """`ends()`: how many runs of the session have ended."""
        self._store = store
        self._log = log
        self._reader = reader
        self._ends = ends
        self.gauges: tuple[Gauge, ...] = ()
        """Those of the last read; empty when there are no limits, or before the first read."""

    async def read(self) -> tuple[Gauge, ...]:
        """Read the gauges from the ledger, and publish when they differ from the last ones.

        Raises:
            LedgerError
        """
        if self._reader is None:
            return ()
        gauges = tuple(await self._reader.gauges(self._store.value))
        if gauges != self.gauges:
            self.gauges = gauges
            self._store.publish()
        return gauges

    async def count(self) -> tuple[Gauge, ...]:
        """Write what the turns cost so far, then read the gauges. Raises LedgerError."""
        self._store.set_elsewhere(await self._log.charge(self._store.value))
        return await self.read()

    async def check(self) -> None:
        """Read the limits; return only when a message may be sent.

        Raises:
            LimitReached: a limit is used up.
            LedgerError: the limits could not be read.
        """
        gauge = blocking(await self.read())
        if gauge is not None:
            raise LimitReached(gauge)

    async def hold(self) -> Hold | None:
        """The hold of a reached limit. One that cannot be read counts as reached; so does a missing history.

        The limits are read again where a turn has ended during the read: its cost may have used one up.
        """
        while True:
            ends = self._ends()
            if (missing := self._log.no_history) is not None:
                return Hold(HoldReason.UNREADABLE, detail=missing.summary)
            try:
                reached = blocking(await self.read())
            except LedgerError as problem:
                return Hold(HoldReason.UNREADABLE, detail=problem.summary)
            if ends == self._ends():
                return None if reached is None else limit_hold(LimitReached(reached))


class RunningCharges:
    """Writes what a running turn cost so far: once after each new read of its worker, one write at a time."""

    def __init__(self, limits: SessionLimits, post: Callable[[Callable[[], Awaitable[None]]], None]) -> None:
        """`post(step)` puts a step into the inbox of the session."""
        self._limits = limits
        self._post = post
        self._is_due = False
        self._is_posted = False

    def observe(self, before: Turn | None, now: Turn, *, running: bool) -> None:
        """Note a change of a turn; while a turn is `running`, its cost is written soon."""
        self._is_due = self._is_due or figures_moved(before, now)
        if self._is_due and running and not self._is_posted:
            self._is_posted = True
            self._post(self._write)

    def closed(self) -> None:
        """Closing the turn writes its cost: nothing is due."""
        self._is_due = False

    async def count(self) -> None:
        """Write what the turns cost so far, and read the limits again. Raises LedgerError."""
        self._is_due = False
        await self._limits.count()

    async def _write(self) -> None:
        # What arrives during the write is left to the next one.
        self._is_posted = False
        if self._is_due:
            with suppress(LedgerError):
                await self.count()


def figures_moved(before: Turn | None, now: Turn) -> bool:
    """Whether a turn has a new read of its worker. Only such reads carry usage and costs."""
    if before is None:
        return now.snapshot is not None
    return now.snapshot is not before.snapshot or now.before is not before.before
