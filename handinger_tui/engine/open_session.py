"""The value of an open session, which is replaced here alone: what changes is stored, then published."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from handinger_tui.core.stream import (
    Frame,
)
from handinger_tui.core.turns.session import (
    RelatedHistory,
    Session,
    move_to_end,
    put_turn,
    title_from,
    with_kept_turns,
)
from handinger_tui.core.turns.turn import (
    StartPolicy,
    Turn,
    TurnRequest,
)
from handinger_tui.engine.turn_record import RunDeps, TurnRecord


class OpenSession:
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

    def turn(self, turn_id: str) -> Turn:
        """A turn of the session.

        Raises:
            KeyError: there is no such turn.
        """
        turn = self.value.find(turn_id)
        if turn is None:
            raise KeyError(turn_id)
        return turn

    def publish(self) -> None:
        self._on_change(self.value.session_id)

    def put(self, turn: Turn) -> None:
        """Add a turn, or replace it by a newer value, and publish."""
        before = self.value.find(turn.turn_id)
        self.value = replace(put_turn(self.value, turn), updated_ms=self._deps.clock.now_ms())
        self._changing(before, turn)
        self.publish()

    def set_elsewhere(self, elsewhere: RelatedHistory | None) -> None:
        """Take and publish what other sessions have on the workers of this one; None changes nothing."""
        if elsewhere is not None and elsewhere != self.value.elsewhere:
            self.value = replace(self.value, elsewhere=elsewhere)
            self.publish()

    async def charge(self) -> None:
        """Write what the turns cost so far, and take what other sessions have on their workers.

        Raises:
            LedgerError
        """
        self.set_elsewhere(await self._log.charge(self.value))

    async def take_newer(self) -> None:
        """Take what other programs have stored of this session: a reading settles the turns that it has.

        Raises:
            LedgerError
        """
        await self.charge()
        await self.take_added()

    async def take_added(self) -> None:
        """Take the turns that other programs have added to this session and that have ended.

        Raises:
            LedgerError
        """
        session = self.value
        added = [other for other in session.elsewhere.turns if other.session_id == session.session_id]
        running = {other.turn_id for other in added if not other.ended}
        if len(running) == len(added):
            return
        loaded = await self._log.load(session.session_id)
        if loaded is not None:
            ended = tuple(turn for turn in loaded.turns if turn.turn_id not in running)
            turns = with_kept_turns(self.value, replace(loaded, turns=ended))
            # What still runs there is that of another program, as before.
            others = [other for other in self.value.elsewhere.turns if other.turn_id in running]
            elsewhere = loaded.elsewhere._replace(turns=(*loaded.elsewhere.turns, *others))
            self.value = replace(self.value, turns=turns, elsewhere=elsewhere)
            self.publish()

    async def store(
        self,
        request: TurnRequest,
        replaces: tuple[str, Frame] | None = None,
        start: StartPolicy | None = None,
    ) -> None:
        """Commit a new turn, then publish it. `replaces`, `start`: see `TurnHistory.open_turn`.

        Raises:
            LimitReached, LedgerError
        """
        if not self.value.title:
            self.value = replace(self.value, title=title_from(request.prompt))
        request = replace(request, target_id=request.target_id or self.value.worker_id)
        self.own_ids.add(request.turn_id)
        await self._log.open_turn(self.value, request, replaces, start)
        self.put(Turn(request))

    async def move_to_end(self, *turn_ids: str) -> None:
        """Move turns to the end: the turns of a session are in the order in which they start.

        Raises:
            LedgerError
        """
        await self._log.move_last(turn_ids)
        for turn_id in turn_ids:
            self.value = move_to_end(self.value, turn_id)
        self.publish()

    async def record_of(self, turn_id: str) -> TurnRecord:
        """The record of a stored turn, to be continued. Raises LedgerError."""
        frames = await self._log.frames(turn_id)
        return TurnRecord(self.turn(turn_id).request, self.value, self._deps, self.put, frames)

    def new_record(self, turn_id: str) -> TurnRecord:
        """The record of a turn that was stored just now."""
        return TurnRecord(self.turn(turn_id).request, self.value, self._deps, self.put)
