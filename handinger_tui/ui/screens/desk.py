"""Desk: the open session of the screen and everything that is asked of engine and history for it.

No widget and no clock: the screen shows what the desk holds, commands act on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from handinger_tui.core.drafts import Draft, draft_of, packed, unpacked
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.limits import Gauge
from handinger_tui.core.session import Session, SessionSummary
from handinger_tui.core.spending import Bucket
from handinger_tui.core.turn import Attachment, Turn, TurnStatus
from handinger_tui.core.walks import any_with_status
from handinger_tui.ui.launch import Connection, Shelf
from handinger_tui.ui.screens.warned import Warned
from handinger_tui.ui.widgets.words import queued_turns, unwatched

if TYPE_CHECKING:
    # 40 ms, see ui/launch.py.
    from handinger_tui.engine.engine import Engine

BUDGETS: Final = ("low", "standard", "high")
"""The cycle of Shift+Tab; `unlimited` is reached by command only."""
UNLIMITED: Final = "unlimited"
FRESH_DRAFT: Final = "fresh"
_WAITS: Final = frozenset({TurnStatus.QUEUED})
"""Under this name the draft of a session without turns is kept."""


class NotFound(HandingerError):
    """No session answers to that name, or more than one does."""


class Desk:
    """One open session at a time; switching cancels nothing."""

    def __init__(self, connection: Connection, budget: str) -> None:
        self.connection = connection
        self.budget = budget
        self.session_id = self.engine.new_session(connection.base_url).session_id
        self.titles: dict[str, str] = {}
        """Titles given here; the engine keeps the one it began with."""
        self.looking: set[str] = set()
        """Sessions that are being looked at once: what the engine tells of them is no news yet."""
        self.warned = Warned()
        self.day: Bucket | None = None
        """What today took, as read on the way out."""
        self._recovered: set[str] = set()
        self._met = {self.session_id}

    @property
    def engine(self) -> Engine:
        """The owner of all turns."""
        return self.connection.engine

    @property
    def shelf(self) -> Shelf:
        """The history."""
        return self.connection.shelf

    @property
    def session(self) -> Session:
        """The newest value of the open session."""
        session = self.engine.session(self.session_id)
        title = self.titles.get(self.session_id)
        return session if title is None else replace(session, title=title)

    @property
    def draft_name(self) -> str:
        """Under which name the text in the prompt is kept on disk."""
        return self.session_id if self.session.turns else FRESH_DRAFT

    async def keep_draft(self, draft: Draft) -> None:
        """Put what is being written on disk.

        Raises:
            LedgerError
        """
        await self.shelf.save_draft(self.draft_name, packed(draft))

    async def kept_draft(self) -> Draft:
        """What was being written when one was here last.

        Raises:
            LedgerError
        """
        return unpacked(await self.shelf.draft(self.draft_name))

    # -- opening -----------------------------------------------------------------------
    def fresh(self) -> None:
        """Begin a session with a new worker."""
        self.session_id = self.engine.new_session(self.connection.base_url).session_id
        self._met.add(self.session_id)

    async def recover(self) -> int:
        """Have the engine settle what a program before this one left open; returns how many sessions.

        Raises:
            LedgerError
        """
        found = await self.engine.recover()
        self._recovered.update(found)
        self._met.update(found)
        return len(found)

    async def open(self, session_id: str) -> list[Draft]:
        """Open a stored session; returns messages that a program before this one never got to send.

        Raises:
            NotFound, LedgerError
        """
        try:
            session = await self.engine.open(session_id)
        except KeyError:
            raise NotFound("This session is not in the history.", "Ctrl+S lists the sessions.") from None
        self.session_id = session_id
        self._met.add(session_id)
        await self.shelf.mark_read(session_id)
        if session_id not in self._recovered:
            return []
        self._recovered.discard(session_id)
        return [draft_of(turn.order) for turn in session.turns[-1:] if turn.status is TurnStatus.NOT_SENT]

    async def open_worker(self, worker_id: str) -> list[Draft]:
        """Open the session of a worker id, known or not, and read what it did elsewhere.

        Raises:
            ApiError, LedgerError
        """
        known = [row for row in await self.shelf.sessions() if row.worker_id == worker_id]
        taken: list[Draft] = []
        if known:
            taken = await self.open(known[0].session_id)
        else:
            self.session_id = self.engine.new_session(self.connection.base_url, worker_id).session_id
            self._met.add(self.session_id)
        await self.engine.adopt(self.session_id)
        await self.watch_unwatched()
        return taken

    async def newest(self) -> SessionSummary | None:
        """The session that changed last."""
        rows = await self.shelf.sessions(1)
        return rows[0] if rows else None

    async def find(self, prefix: str) -> str:
        """The one session whose id, or whose worker's id, begins so.

        Raises:
            NotFound, LedgerError
        """
        found = await self.shelf.find(prefix)
        if len(found) == 1:
            return found[0]
        if not found:
            raise NotFound(f"No session begins with {prefix}.", "Ctrl+S lists the sessions.")
        raise NotFound(
            f"{len(found)} sessions begin with {prefix}.", "Give more of the id, or choose with Ctrl+S."
        )

    async def rename(self, title: str) -> None:
        """Another title for the open session, on disk and here.

        Raises:
            LedgerError
        """
        await self.shelf.rename(self.session_id, title)
        self.titles[self.session_id] = title

    def at_home(self, session: Session) -> bool:
        """The session belongs to the service we are connected to."""
        return session.base_url in ("", self.connection.base_url)

    # -- turns -------------------------------------------------------------------------
    async def send(self, text: str, attachments: Sequence[Attachment] = ()) -> str:
        """Put a turn on disk and start it, or queue it; returns its id.

        Raises:
            Elsewhere: the session belongs to another service; nothing was sent.
            LimitReached: a limit is used up; nothing was sent.
            LedgerError: it could not be written; nothing was sent.
        """
        return await self.engine.send(self.session_id, text, self.budget, tuple(attachments))

    @property
    def queued(self) -> tuple[Turn, ...]:
        """Turns that wait behind the running one, or for a limit to be raised."""
        return queued_turns(self.session, held=self.held is not None)

    async def watch_unwatched(self) -> bool:
        """Watch the turn that runs on without us, by GETs only; False when there is none.

        Raises:
            LedgerError
        """
        turn = unwatched(self.session)
        if turn is not None:
            await self.engine.watch(self.session_id, turn.turn_id)
        return turn is not None

    @property
    def met(self) -> list[Session]:
        """Every session opened, recovered or looked at since the start, the newest turn first."""
        found = [self.engine.session(session_id) for session_id in self._met]
        return sorted(found, key=_begun, reverse=True)

    @property
    def going(self) -> list[Session]:
        """Sessions whose newest turn is known to run on without us, newest first."""
        return [session for session in self.met if not session.busy and unwatched(session) is not None]

    async def look(self, session_id: str) -> bool:
        """Look once at a run left going; True when it has ended meanwhile.

        Raises:
            NotFound, ApiError, LedgerError
        """
        self.looking.add(session_id)
        try:
            await self.engine.open(session_id)
            ended = await self.engine.look(session_id)
        except KeyError:
            raise NotFound("This session is not in the history.") from None
        finally:
            self.looking.discard(session_id)
        self._met.add(session_id)
        return ended

    def detach(self) -> None:
        """Stop watching; the worker goes on and may keep charging."""
        self.engine.detach(self.session_id)

    def next_budget(self) -> str:
        """Move on in the cycle; from `unlimited` back to standard."""
        at = BUDGETS.index(self.budget) if self.budget in BUDGETS else 0
        self.budget = BUDGETS[(at + 1) % len(BUDGETS)]
        return self.budget

    # -- money -------------------------------------------------------------------------
    @property
    def held(self) -> Gauge | None:
        """The limit that holds the queue; None also where nothing waits any more."""
        waits = any_with_status(self.session.turns, _WAITS)
        return self.engine.held(self.session_id) if waits else None

    async def release(self) -> tuple[Gauge, ...]:
        """Read the limits anew and go on with the queue where none blocks; returns the gauges.

        Raises:
            LedgerError
        """
        await self.engine.release(self.session_id)
        return self.engine.gauges(self.session_id)


def _begun(session: Session) -> int:
    return session.current.order.created_ms if session.current is not None else 0
