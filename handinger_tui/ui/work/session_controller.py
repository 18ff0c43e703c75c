"""The session on the screen, and everything that is asked of engine and history for it. No widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.money.limits import Gauge, Scope, State, Unit
from handinger_tui.core.money.spending import Bucket
from handinger_tui.core.prompts.drafts import Draft, draft_from, draft_of, packed, unpacked
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session, SessionSummary
from handinger_tui.core.turns.turn import Attachment, Turn, TurnStatus
from handinger_tui.ui.ports import Connection, SessionStore
from handinger_tui.ui.widgets.status_text import unwatched

if TYPE_CHECKING:
    from handinger_tui.engine.engine import Engine
    from handinger_tui.engine.holds import Hold


BUDGETS: Final = ("low", "standard", "high")
"""The cycle of Shift+Tab; `unlimited` is reached by command only."""
UNLIMITED: Final = "unlimited"
FRESH_DRAFT: Final = "fresh"
"""Under this name the draft of a session without turns is kept."""


class NotFound(HandingerError):
    """No session answers to that name, or more than one does."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message and where it goes, as fixed when Enter was pressed."""

    session_id: str
    budget: str
    text: str
    files: tuple[Attachment, ...] = ()
    replaces: str | None = None
    """The queued turn whose place it takes."""


class SessionController:
    """One open session at a time; switching cancels nothing.

    `session_id` is the session on the screen. Whatever awaits takes the id of its session along
    and never reads this one again: meanwhile another session may have come to the screen.
    """

    def __init__(self, connection: Connection, budget: str) -> None:
        self.connection = connection
        self.budget = budget
        self.session_id = self.engine.new_session(connection.base_url).session_id
        self.titles: dict[str, str] = {}
        """Titles given here; the engine keeps the one it began with."""
        self.looking: set[str] = set()
        """Sessions that are being looked at once: what the engine tells of them is no news yet."""
        self.warned = LimitNotices()
        self.day: Bucket | None = None
        """What today took, as read on the way out."""
        self._recovered: set[str] = set()
        self._met = {self.session_id}
        self._drafts_cut = 0
        """Counts kept drafts that were changed behind the back of whoever reads one."""

    @property
    def engine(self) -> Engine:
        """The owner of all turns."""
        return self.connection.engine

    @property
    def shelf(self) -> SessionStore:
        """The history."""
        return self.connection.shelf

    @property
    def session(self) -> Session:
        """The newest value of the open session."""
        return self.session_of(self.session_id)

    def session_of(self, session_id: str) -> Session:
        """The newest value of a session that was opened here.

        Raises:
            KeyError
        """
        session = self.engine.session(session_id)
        title = self.titles.get(session_id)
        return session if title is None else replace(session, title=title)

    def title(self, session_id: str) -> str:
        """How a session that is not on the screen is called."""
        return clean_line(self.session_of(session_id).title, 60) or "New session"

    # -- drafts ------------------------------------------------------------------------
    def draft_name(self, session_id: str) -> str:
        """Under which name the text in the prompt of a session is kept on disk."""
        return session_id if self.engine.session(session_id).turns else FRESH_DRAFT

    async def keep_draft(self, name: str, draft: Draft) -> None:
        """Put what is being written on disk.

        Raises:
            LedgerError
        """
        await self.shelf.save_draft(name, packed(draft))

    async def kept_draft(self, session_id: str) -> Draft:
        """What was being written when one was here last.

        Raises:
            LedgerError
        """
        while True:
            cut = self._drafts_cut
            draft = unpacked(await self.shelf.draft(self.draft_name(session_id)))
            if cut == self._drafts_cut:
                return draft

    async def cut_draft(self, session_id: str, sent: Draft) -> None:
        """Take a message that was sent out of the kept draft of a session that is not on the screen.

        Raises:
            LedgerError
        """
        kept = unpacked(await self.shelf.draft(session_id))
        if kept.text.startswith(sent.text):
            files = [file for file in kept.files if file not in sent.files]
            await self.keep_draft(session_id, draft_from(kept.text[len(sent.text) :], files, kept.pasted))
            self._drafts_cut += 1

    # -- opening -----------------------------------------------------------------------
    def show(self, session_id: str) -> list[Draft]:
        """Bring an opened session to the screen; returns messages that a crashed run never got to send."""
        self.session_id = session_id
        self._met.add(session_id)
        if session_id not in self._recovered:
            return []
        self._recovered.discard(session_id)
        turns = [turn for turn in self.session.turns if turn.status is not TurnStatus.QUEUED]
        return [
            draft_of(turn.order)
            for turn in turns[-1:]
            if turn.status is TurnStatus.NOT_SENT and not turn.withdrawn
        ]

    async def fresh(self) -> str:
        """A session with a new worker; returns its id. None of these changes what is on the screen."""
        return self.new_session()

    def new_session(self, worker_id: str | None = None) -> str:
        """A session in memory; returns its id."""
        return self.engine.new_session(self.connection.base_url, worker_id).session_id

    async def recover(self) -> list[str]:
        """Have the engine settle what a program before this one left open; returns the sessions.

        Raises:
            LedgerError
        """
        recovered = await self.engine.recover()
        self._recovered.update(recovered)
        self._met.update(recovered)
        return recovered

    async def open(self, session_id: str) -> str:
        """Have a stored session at hand; returns its id.

        Raises:
            NotFound, LedgerError
        """
        try:
            await self.engine.open(session_id)
        except KeyError:
            raise NotFound("This session is not in the history.", "Ctrl+S lists the sessions.") from None
        return session_id

    async def open_worker(self, worker_id: str) -> str:
        """Have the session of a worker id at hand, stored or not; returns its id.

        Raises:
            LedgerError
        """
        stored = [row for row in await self.shelf.sessions() if row.worker_id == worker_id]
        return await self.open(stored[0].session_id) if stored else self.new_session(worker_id)

    async def read_worker(self, worker_id: str) -> str:
        """As `open_worker`, with what the worker did elsewhere.

        Raises:
            ApiError, LedgerError
        """
        session_id = await self.open_worker(worker_id)
        await self.engine.adopt(session_id)
        return session_id

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

    async def rename(self, session_id: str, title: str) -> None:
        """Another title for a session, on disk and here.

        Raises:
            LedgerError
        """
        await self.shelf.rename(session_id, title)
        self.titles[session_id] = title

    def at_home(self, session: Session) -> bool:
        """The session belongs to the service we are connected to."""
        return session.base_url in ("", self.connection.base_url)

    # -- turns -------------------------------------------------------------------------
    async def send(self, message: Outgoing) -> str:
        """Put a turn on disk and start it, queue it, or put it in the place of a queued one; returns its id.

        Raises:
            Elsewhere: the session belongs to another service; nothing was sent.
            LimitReached: a limit is used up; nothing was sent.
            Busy: the queued one is on its way already; it stays as it was.
            LedgerError: it could not be written; nothing was sent.
        """
        content = message.text, message.budget, message.files
        if message.replaces is not None:
            return await self.engine.edit_queued(message.session_id, message.replaces, *content)
        return await self.engine.send(message.session_id, *content)

    @property
    def running(self) -> bool:
        """A turn of the open session is being sent or watched."""
        return self.engine.running(self.session_id)

    def queue_of(self, session_id: str) -> tuple[Turn, ...]:
        """The messages of a session that wait here to be sent, the next one first."""
        ids = self.engine.queue(session_id)
        if not ids:
            return ()
        turns = {turn.turn_id: turn for turn in self.engine.session(session_id).turns}
        return tuple(turns[turn_id] for turn_id in ids if turn_id in turns)

    @property
    def queued(self) -> tuple[Turn, ...]:
        """Those of the open session."""
        return self.queue_of(self.session_id)

    async def watch_unwatched(self, session_id: str) -> bool:
        """Watch the turn that runs on without us, by GETs only; False when there is none.

        Raises:
            LedgerError
        """
        turn = unwatched(self.engine.session(session_id))
        if turn is not None:
            await self.engine.watch(session_id, turn.turn_id)
        return turn is not None

    @property
    def met(self) -> list[Session]:
        """Every session opened, recovered or looked at since the start, the newest turn first."""
        found = [self.engine.session(session_id) for session_id in self._met]
        return sorted(found, key=_begun, reverse=True)

    @property
    def going(self) -> list[Session]:
        """Sessions whose newest turn is known to run on without us, newest first."""
        return [
            session
            for session in self.met
            if not self.engine.running(session.session_id) and unwatched(session) is not None
        ]

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

    def next_budget(self) -> str:
        """Move on in the cycle; from `unlimited` back to standard."""
        at = BUDGETS.index(self.budget) if self.budget in BUDGETS else 0
        self.budget = BUDGETS[(at + 1) % len(BUDGETS)]
        return self.budget

    # -- the queue ---------------------------------------------------------------------
    @property
    def hold(self) -> Hold | None:
        """What holds the queue of the open session; None also where nothing waits."""
        return self.hold_of(self.session_id)

    def hold_of(self, session_id: str) -> Hold | None:
        """What holds the queue of a session; None also where nothing waits."""
        return self.engine.held(session_id) if self.engine.queue(session_id) else None

    async def limits_changed(self, session_id: str) -> tuple[Gauge, ...]:
        """Read the limits anew, and go on with a queue that waited for one of them; returns the gauges.

        Raises:
            LedgerError
        """
        hold = self.hold_of(session_id)
        if hold is not None and hold.gauge is not None:
            await self.engine.resume(session_id)
            return self.engine.gauges(session_id)
        return await self.engine.recount(session_id)


def _begun(session: Session) -> int:
    return session.current.order.created_ms if session.current is not None else 0


class LimitNotices:
    """Per session and limit: once at 80 %, once at 100 %, and anew only when the amount has changed."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, Scope, Unit], tuple[Decimal, State]] = {}

    def told(self, session_id: str, gauge: Gauge) -> bool:
        """The person is being told of it now; False when they have been already."""
        limit = gauge.limit
        key = session_id, limit.scope, limit.unit
        amount, state = self._told.get(key, (limit.amount, State.BELOW))
        before = state if amount == limit.amount else State.BELOW
        self._told[key] = limit.amount, max(before, gauge.state)
        return gauge.state > before

    def news(self, session_id: str, gauges: Sequence[Gauge]) -> list[Gauge]:
        """What is to be told now."""
        return [gauge for gauge in gauges if self.told(session_id, gauge)]
