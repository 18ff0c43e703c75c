"""The turns that wait in a session, and why they do not go on.

Only the ledger knows what all programs on this history have spent. Nothing here stops a running turn: the
API has no request for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.core.acts import Hold, HoldReason, SessionState
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.engine.inbox import Busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.engine.open_session import OpenSession


# -- turns that wait ---------------------------------------------------------------------
CONTINUABLE = frozenset({TurnStatus.COMPLETED, TurnStatus.INCOMPLETE})
"""Statuses of an ended turn after which the next queued one may start on its own."""


def hold_after(status: TurnStatus) -> Hold | None:
    """The hold that follows from the end of a turn; None where the queue may continue."""
    if status in CONTINUABLE:
        return None
    return Hold(HoldReason.DETACHED if status is TurnStatus.RUNNING else HoldReason.UNFINISHED)


class TurnQueue:
    """Turns that are stored and not yet started, oldest first.

    A queued turn on the disk may belong to another program, which will send it: only turns in this queue
    are ever started.
    """

    def __init__(self) -> None:
        self.ids: tuple[str, ...] = ()
        """The ids of the queued turns, the next one to send first."""
        self.hold: Hold | None = None
        """Why the queue does not continue; None while nothing holds it."""
        self.edited: str | None = None
        """The id of the turn whose message is being edited: it is not started, nor is any behind it."""
        self.stops = 0
        """How often a turn that did not complete, or the user, has stopped the queue. A message that was
        sent before such a stop and is handled after it is queued."""
        self.stopped_by: Hold | None = None
        """The hold of the newest stop."""

    @property
    def edited_at(self) -> int | None:
        """The index of the turn that is being edited; None when none is."""
        return None if self.edited is None else self.ids.index(self.edited)

    def position(self, turn_id: str) -> int:
        """The index of a turn; 0 is the next to start.

        Raises:
            Busy: it is not queued.
        """
        if turn_id not in self.ids:
            raise Busy("This message is already being sent.")
        return self.ids.index(turn_id)

    def add(self, turn_id: str, hold: Hold | None = None) -> None:
        """Queue a turn behind the others; `hold` applies unless another one does."""
        self.ids = (*self.ids, turn_id)
        self.hold = self.hold or hold

    def remove(self, turn_id: str) -> None:
        """Take a turn out of the queue. An empty queue has nothing to hold."""
        self.ids = tuple(one for one in self.ids if one != turn_id)
        if self.edited == turn_id:
            self.edited = None
        if not self.ids:
            self.hold = None

    def replace(self, turn_id: str, new_id: str) -> None:
        """Put another turn in the place of one, whose edit is over."""
        self.ids = tuple(new_id if one == turn_id else one for one in self.ids)
        if self.edited == turn_id:
            self.edited = None

    def moved(self, turn_id: str, to: int) -> tuple[str, ...]:
        """The ids with one turn moved to index `to`.

        Raises:
            Busy: it is not queued.
        """
        ids = list(self.ids)
        del ids[self.position(turn_id)]
        ids.insert(max(0, min(to, len(ids))), turn_id)
        return tuple(ids)

    def stop(self, hold: Hold) -> None:
        """Hold the queue: messages sent before this need an explicit `resume` of the user."""
        self.stops += 1
        self.stopped_by = hold
        # Why a turn was left says least once it has ended: a later reason takes its place.
        if self.ids and (self.hold is None or self.hold.reason is HoldReason.DETACHED):
            self.hold = hold


class QueueGate:
    """Says whether a message leaves now, waits or is held, and keeps back what is being edited.

    Nothing here awaits, so its methods may be called at any moment.
    """

    def __init__(self, queue: TurnQueue, store: OpenSession, is_running: Callable[[], bool]) -> None:
        self._queue = queue
        self._store = store
        self._is_running = is_running
        self.is_closed = False
        """Nothing starts any more."""

    @property
    def state(self) -> SessionState:
        """What decides whether a message leaves now, waits, or is held."""
        queue, is_running = self._queue, self._is_running()
        is_unwatched = self._store.value.unwatched is not None
        return SessionState(
            is_running, is_unwatched and not is_running, len(queue.ids), queue.hold, queue.edited_at
        )

    def may_start(self, past: Hold | None) -> bool:
        """Whether the next queued turn may start. `past`: the hold that does not apply to it."""
        is_past = self._queue.hold is past and not self.is_closed
        return is_past and replace(self.state, hold=None).starts_next

    def begin_edit(self, turn_id: str) -> None:
        """Keep a queued turn, and all behind it, from being started while its message is edited.

        `edit_queued` and `withdraw` of the actor end the edit; so does `end_edit`.

        Raises:
            Busy: it is no longer queued.
        """
        self._queue.position(turn_id)
        if self._queue.edited != turn_id:
            self.end_edit()
            self._queue.edited = turn_id
            self._store.publish()

    def end_edit(self) -> None:
        """Keep the edited turn as it was; a queue that waited for the edit is held."""
        if self._queue.edited is not None:
            waited = self.state.waits_at_edit
            self._queue.edited = None
            self.hold_after_edit(waited=waited)
            self._store.publish()

    def hold_after_edit(self, *, waited: bool) -> None:
        """Hold a queue that `waited` for an edit and does not any more: only the person sends it.

        What the person asked to send before the edit ended is not sent either: the screen says that it waits.
        """
        if waited and self.state.starts_next:
            self._queue.stop(Hold(HoldReason.EDITED))
