"""Controls sessions through the engine and the history, and knows which one is on the screen. No widgets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.errors import HandingerError, NoHistory, NoSuchSession
from handinger_tui.core.money.limits import Gauge, LimitNotices, LimitReached
from handinger_tui.core.prompts import Draft, draft_of_request
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import LOCAL
from handinger_tui.core.turns.turn import StartPolicy, TurnStatus
from handinger_tui.ui.sessions.drafts import DraftStore, draft_name

if TYPE_CHECKING:
    # Importing the engine takes 40 ms; it is needed only with a connection.
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

    from handinger_tui.core.money.reconciliation import Restatement
    from handinger_tui.core.money.spending import Bucket, ChargeFilter
    from handinger_tui.core.money.typical_cost import TypicalCost
    from handinger_tui.core.runs import Board
    from handinger_tui.core.tags import Labels
    from handinger_tui.core.turns.session import Session, SessionSummary
    from handinger_tui.engine.engine import Engine
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.ports import Connection


class StillConnecting(HandingerError):
    """An action needs the connection or a session while the app is still connecting."""

    def __init__(self) -> None:
        super().__init__("Still connecting.", "Your text is kept.")


class Place(Struct, frozen=True):
    """Where a message goes that is entered now, and at which budget."""

    actor: SessionActor
    draft_name: str
    budget: str

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self.actor.session.session_id


class News(Struct, frozen=True):
    """What is to be counted again: final amounts that were changed, and the day for which it is counted."""

    restated: Sequence[Restatement]
    day: ChargeFilter


NO_HISTORY: Final = (
    "This conversation will not be saved: neither the answers nor what they cost. "
    "Limits cannot be checked, and after a crash there is no record of what was sent."
)


class Obstacles:
    """What keeps a message from being sent, and what the person decides about it.

    while obstacles.remain:
        async with obstacles.attempt() as start:
            await actor.send(text, start=start)
    """

    def __init__(
        self,
        controller: SessionController,
        actor: SessionActor,
        agree: Callable[[str, str], Awaitable[bool]],
        raise_limit: Callable[[Gauge], Awaitable[bool]],
        start: StartPolicy = StartPolicy.MEASURED,
    ) -> None:
        """`agree` asks a question, by its answer for a yes and its words.

        `raise_limit` asks for a higher amount of a limit, and sets it.
        """
        self._controller = controller
        self._actor = actor
        self._agree = agree
        self._raise_limit = raise_limit
        self._has_agreed = self._has_settled = False
        self._start = start
        """How the next attempt starts."""
        self.remain = True
        """Whether there is another attempt: it was not sent, and the person does not leave it at that."""
        self.are_overcome = False
        """Whether it was sent."""

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[StartPolicy]:
        """Send within this. A refusal ends here, once the person has decided about it.

        Raises:
            HandingerError: a refusal with nothing to decide.
            LedgerError
        """
        try:
            yield self._start
        except HandingerError as refusal:
            self.remain = await self._may_try_again(refusal)
        else:
            self.remain, self.are_overcome = False, True

    async def _may_try_again(self, refusal: HandingerError) -> bool:
        """Whether to try again; False where the person leaves it at that.

        Raises:
            HandingerError: the refusal, where there is nothing to decide.
            LedgerError
        """
        if isinstance(refusal, NoHistory):
            return await self._go_without_history(refusal)
        if not isinstance(refusal, LimitReached):
            raise refusal
        if not self._has_settled and refusal.gauge.has_reservations:
            # The turn in the way may be one of a program that crashed, or of an earlier detach.
            await self._controller.settle_open_turns()
        elif refusal.may_be_agreed:
            if not await self._agree("Send anyway", refusal.reason):
                return False
            self._start = StartPolicy.UNMEASURED
        # Several may be reached: each is asked for, and nothing is sent before the last is raised.
        elif not await self._raise_limit(refusal.gauge):
            return False
        else:
            # A queue that this limit held stays held, and says that the limit no longer does.
            await self._actor.recount()
        self._has_settled = True
        return True

    async def _go_without_history(self, refusal: NoHistory) -> bool:
        allow = self._controller.connection.without_history
        if self._has_agreed or allow is None or not await self._agree("Send without history", NO_HISTORY):
            raise refusal
        allow()
        self._has_agreed = True
        return True


class SessionController:
    """Operations on sessions and on the one on the screen. Switching sessions cancels nothing.

    Code that awaits keeps the actor of its own session and does not read `session_id` again, because
    another session may be on the screen by then. Its own may be deleted by then, unless it is on the screen:
    the actor keeps the last value and refuses requests, while asking for it by its id raises NoSuchSession.
    """

    def __init__(self, budget: str) -> None:
        self._default_budget = budget
        self._budgets: dict[str, str] = {}
        """The level that was chosen in a session, by its id; "" before the first one is shown."""
        self.session_id = ""
        """The id of the session on the screen; "" before the first one is shown."""
        self.tags: list[str] = []
        """Every tag of the history, for the completion of commands."""
        self.projects: list[str] = []
        """Every project of the history, for the completion of commands."""
        self.titles: dict[str, str] = {}
        """Titles set by `rename`; the engine keeps the one it loaded."""
        self.checking: set[str] = set()
        """Sessions that `check_running` is checking; changes that the engine reports for them are ignored."""
        self.follows = False
        """Whether it was reported what ended while the program did not run: what runs is followed then."""
        self._newest_board: Board | None = None
        self._selected_row, self._visible_rows = "", frozenset[str]()
        """The sessions of the rows of the board that are in sight."""
        self.drafts = DraftStore(lambda: self.connection)
        self.deleting = asyncio.Lock()
        """Held while sessions of `to_delete` are deleted."""
        self.to_delete: dict[str, int] = {}
        """Sessions that are deleted when their turn has ended, and how many turns each had when asked for."""
        self.leaves_unsaved = False
        """Whether the person was told that what was typed cannot be saved."""
        self.warned = LimitNotices()
        self.counted_day: ChargeFilter | None = None
        """The day for which limits and amounts were counted last, see `news`; None before the first count."""
        self.day: Bucket | None = None
        """The charges of today, read while leaving; None before that."""
        self.unended: set[str] = set()
        """The turns that had not ended then."""
        self._connection: Connection | None = None
        self._recovered: set[str] = set()
        self._shown_ids: list[str] = []
        """Sessions that were on the screen, in the order in which they were first."""

    @property
    def sent_today(self) -> Bucket | None:
        """`day` without the turns that were withdrawn since it was read: these were never sent."""
        turns = (turn for session in self.opened_sessions for turn in session.turns)
        unsent = sum(turn.status is TurnStatus.NOT_SENT and turn.turn_id in self.unended for turn in turns)
        return self.day and self.day.without_unsent(unsent)

    @property
    def budget(self) -> str:
        """The budget level of the next turn of the session on the screen."""
        return self._budgets.get(self.session_id, self._default_budget)

    @budget.setter
    def budget(self, level: str) -> None:
        self._budgets[self.session_id] = level

    # -- the connection ----------------------------------------------------------------
    def connect(self, connection: Connection) -> str:
        """Use this connection; returns the id of a new session, which is not on the screen yet."""
        self._connection = connection
        return self.new_session()

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @property
    def connection(self) -> Connection:
        """The connection of the app. Raises StillConnecting."""
        if self._connection is None:
            raise StillConnecting
        return self._connection

    async def open_link(self, url: str) -> bool:
        """Open a link in the browser; False where there is none. Raises StillConnecting."""
        return await self.connection.open_link(url)

    @property
    def engine(self) -> Engine:
        """The engine, which owns all turns. Raises StillConnecting."""
        return self.connection.engine

    def actor(self, session_id: str) -> SessionActor:
        """The owner of a session that is open here. Raises NoSuchSession if it was deleted."""
        return self.engine.actor(session_id)

    def place(self, actor: SessionActor) -> Place:
        """Where a message to a session goes now."""
        budget = self._budgets.get(actor.session.session_id, self._default_budget)
        return Place(actor, draft_name(actor.session), budget)

    # -- the state of sessions -----------------------------------------------------------
    @property
    def shown(self) -> SessionActor:
        """The owner of the session on the screen, which is never deleted.

        Raises:
            StillConnecting: there is none yet.
        """
        if not self.session_id:
            raise StillConnecting
        return self.actor(self.session_id)

    @property
    def session(self) -> Session:
        """The present state of the session on the screen. Raises StillConnecting."""
        return self.session_of(self.shown)

    def session_of(self, actor: SessionActor) -> Session:
        """The present state of a session, the last one if it was deleted."""
        session = actor.session
        title = self.titles.get(session.session_id)
        return session if title is None else replace(session, title=title)

    def title(self, actor: SessionActor) -> str:
        """The title of a session, cleaned and at most 60 characters long."""
        return clean_line(self.session_of(actor).title, 60) or "New session"

    def belongs_here(self, session: Session) -> bool:
        """Whether the session belongs to the connected service."""
        return session.base_url in ("", self.connection.base_url)

    @property
    def running(self) -> bool:
        """Whether a turn of the session on the screen is being sent or watched. A waiting queue is not."""
        return bool(self.session_id) and self.shown.running

    @property
    def opened_sessions(self) -> list[Session]:
        """Every session that is open or followed, the newest turn first."""
        return sorted(self.engine.sessions, key=_newest_created_ms, reverse=True)

    @property
    def open_ids(self) -> list[str]:
        """The sessions that were shown since the start, the earliest first.

        Of the new ones without a turn only the newest: they share one draft.
        """
        fresh = [one for one in self._shown_ids if not self.actor(one).session.turns]
        return [one for one in self._shown_ids if one not in fresh[:-1] or one == self.session_id]

    @property
    def running_elsewhere(self) -> list[Session]:
        """Opened sessions whose newest turn runs on the service but is not watched here, newest first."""
        return [
            session
            for session in self.opened_sessions
            if not self.actor(session.session_id).running and session.unwatched is not None
        ]

    # -- opening -----------------------------------------------------------------------
    def show(self, session_id: str) -> list[Draft]:
        """Make an opened session the one on the screen; returns messages that a crashed run never sent."""
        if not self.session_id and "" in self._budgets:
            # Chosen while the app was connecting.
            self._budgets[session_id] = self._budgets.pop("")
        self.session_id = session_id
        if session_id not in self._shown_ids:
            self._shown_ids.append(session_id)
        if session_id not in self._recovered:
            return []
        self._recovered.discard(session_id)
        turns = [turn for turn in self.session.turns if turn.status is not TurnStatus.QUEUED]
        return [
            draft_of_request(turn.request)
            for turn in turns[-1:]
            if turn.status is TurnStatus.NOT_SENT and not turn.withdrawn
        ]

    def new_session(
        self, worker_id: str | None = None, *, title: str = "", stored_worker_id: str | None = None
    ) -> str:
        """Create a session in memory; returns its id. The session on the screen does not change.

        `title`: "" for the beginning of its first message.
        """
        base_url = self.connection.base_url
        return self.engine.new_session(
            base_url, worker_id, title=title, stored_worker_id=stored_worker_id
        ).session_id

    async def open_place(self, worker: str) -> str:
        """Open the session of the worker that a text names, or create one; returns its id.

        Raises:
            LedgerError
        """
        target, stored_worker_id = self.connection.destination_of(worker)
        return (
            self.new_session(stored_worker_id=stored_worker_id)
            if target is None
            else await self.open_worker(target)
        )

    async def recover(self) -> list[str]:
        """Let the engine settle turns that an earlier run left open; returns the ids of their sessions.

        Raises:
            LedgerError
        """
        recovered = await self.engine.recover()
        self._recovered.update(recovered)
        newest = (self.actor(session_id).session.current for session_id in recovered)
        self.drafts.stored_texts.update(
            turn.request.prompt.strip()
            for turn in newest
            if turn is not None and turn.status is not TurnStatus.NOT_SENT
        )
        return recovered

    async def open(self, session_id: str) -> str:
        """Load a stored session into the engine; returns its id.

        Raises:
            NoSuchSession: it is not in the history.
            LedgerError: the history cannot be read.
        """
        try:
            await self.engine.open(session_id)
        except NoSuchSession:
            raise NoSuchSession("Session not found.", "Press Ctrl+S to list the sessions.") from None
        return session_id

    async def open_worker(self, worker_id: str) -> str:
        """Load the stored session of a worker of this service, or create one; returns its id.

        Raises:
            LedgerError
        """
        stored = await self.connection.history.of_worker(worker_id, self.engine.service)
        return self.new_session(worker_id) if stored is None else await self.open(stored)

    async def adopt(self, session_id: str) -> str:
        """Read the worker of a session and enter its turns; returns the id of the session that holds them.

        That is another one where another program stored a session of the same worker in the meantime.

        Raises:
            ApiError: the worker cannot be read.
            LedgerError
        """
        return (await self.engine.adopt(session_id)).session_id

    async def recent(self, most: int) -> list[SessionSummary]:
        """The newest stored sessions of this service, except the one on the screen. Raises LedgerError."""
        here = (LOCAL,) if self.connection.account.local else ("", self.connection.base_url)
        rows = await self.connection.history.sessions(most + 1, base_urls=here)
        return [row for row in rows if row.session_id != self.session_id][:most]

    async def board(self, *, everything: bool = False, also: Collection[str] = ()) -> Board:
        """The runs board of the history, with what only memory knows of open sessions. Raises LedgerError."""
        from handinger_tui.core.runs import with_session  # with the connection

        stored = await self.connection.runs.board(everything=everything, also=also)
        opened = {session.session_id: session for session in self.engine.sessions}
        here = [
            with_session(run, opened[run.session_id], held=self.actor(run.session_id).hold is not None)
            if run.session_id in opened
            else run
            for run in stored.runs
        ]
        board = self._newest_board = replace(stored, runs=tuple(here))
        self._follow(board)
        return board

    async def counted_board(self) -> Board:
        """The board for the count in the header; the page reads it while it is open. Raises LedgerError."""
        shown = self._newest_board if self._selected_row else None
        return shown or await self.board()

    def see_rows(self, selected: str, visible: frozenset[str]) -> None:
        """Rows of the board are in sight: the sessions of the selected one, and of all of them."""
        self._selected_row, self._visible_rows = selected, visible

    def is_on_board(self, session_id: str) -> bool:
        """Whether the row of a session is in sight."""
        return session_id in self._visible_rows

    def _follow(self, board: Board) -> None:
        """Let the engine follow what runs and nobody watches; what is in sight comes first."""
        if not self.follows or (poller := self.engine.poller) is None:
            return
        from handinger_tui.core.reading_order import Place, Unwatched  # with the connection

        runs, places = [], {}
        for run in board.runs:
            if run.worker_id is None:
                continue
            if run.session_id in (self.session_id, self._selected_row):
                places[run.worker_id] = Place.FRONT
            elif run.session_id in self._visible_rows:
                places[run.worker_id] = Place.VISIBLE
            if run.status is TurnStatus.RUNNING and not run.watched and run.service == self.engine.service:
                read_ms = run.event_ms or run.began_ms
                runs.append(Unwatched(run.session_id, run.worker_id, run.began_ms, read_ms))
        poller.look(runs, places)

    async def find(self, prefix: str) -> str:
        """The id of the one session whose own id, or worker id, begins with `prefix`.

        Raises:
            NoSuchSession: none matches, or more than one does.
            LedgerError: the history cannot be read.
        """
        matches = await self.connection.history.find(prefix)
        if len(matches) == 1:
            return matches[0]
        if not matches:
            raise NoSuchSession(f"No session starts with {prefix}.", "Press Ctrl+S to list the sessions.")
        raise NoSuchSession(
            f"{len(matches)} sessions start with {prefix}.",
            "Type more of the id. Press Ctrl+S to choose one.",
        )

    async def delete(self, session_id: str) -> None:
        """Delete a session that is open and not on the screen. Raises HandingerError."""
        self._shown_ids = [one for one in self._shown_ids if one != session_id]
        await self.engine.delete(session_id, lambda: self.connection.history.delete(session_id))

    async def rename(self, session_id: str, title: str) -> None:
        """Set the title of a session, on disk and in memory. Raises LedgerError."""
        await self.connection.history.rename(session_id, title)
        self.titles[session_id] = title

    async def tag(self, kind: str, whose: str, add: list[str], remove: list[str]) -> Labels:
        """Add and remove tags of this session or its worker (`kind`), and return those of the session.

        Raises:
            LedgerError
        """
        history, session_id = self.connection.history, self.session_id
        if add or remove:
            await history.tag(kind, whose, add, remove)
            self.tags = await history.tags()
        return await history.labels(session_id)

    async def set_project(self, actor: SessionActor, name: str | None) -> None:
        """Set the project of a session, None: rules decide; and read its limits again.

        Raises:
            LedgerError
        """
        history = self.connection.history
        await history.set_project(actor.session.session_id, name)
        self.projects = await history.projects()
        await actor.recount()

    # -- turns and limits ----------------------------------------------------------------
    @property
    def cost_text(self) -> str:
        """What the session on the screen cost, in words."""
        from handinger_tui.core.money.session_cost import cost_of_session  # no money before the first turn

        simulated = " · simulated" if self.connection.account.local else ""
        return f"{cost_of_session(self.session)}{simulated}"

    async def news(self, which: ChargeFilter | None = None, *, is_sure: bool = False) -> News | None:
        """What any program changed of the amounts of `which` since the last call; None: nothing to count.

        There is also something to count while `counted_day` is not the present day: at midnight, limits
        begin anew though nothing was written. `is_sure`: there is, whatever is written. Raises LedgerError.
        """
        day = self.connection.limits.today()
        restated = await self.connection.charges.news(which or day)
        is_none = restated is None and day == self.counted_day and not is_sure
        return None if is_none else News(restated or (), day)

    async def typical_cost(self, budget: str) -> TypicalCost:
        """The typical cost of a turn of the worker of the open session at a budget. Raises LedgerError."""
        session = self.session
        worker_id = session.worker_id or session.stored_worker_id
        return await self.connection.typical_cost(worker_id, budget, session.prices)

    async def settle_open_turns(self) -> None:
        """Settle turns that earlier runs left open or running, by GETs, for a few seconds at most.

        Raises:
            LedgerError
        """
        await self.engine.settle_open_turns(SETTLE_S)

    async def watch_unwatched(self, actor: SessionActor) -> bool:
        """Watch the detached turn of a session, by GETs only, or one that another program works on.

        False when there is none, or the session belongs to another service. A held queue stays held.

        Raises:
            LedgerError
        """
        turn, sent = actor.session.unwatched, actor.session.sent
        if turn is None and sent is not None and sent.live and not self.connection.account.local:
            turn = sent
        # A worker of another service cannot be read here.
        if turn is None or actor.running or actor.session.service != self.engine.service:
            return False
        await actor.watch(turn.turn_id)
        return True

    async def check_running(self, session_id: str) -> bool:
        """Check once on a turn that was left running; True when it has ended.

        Raises:
            NoSuchSession: the session is not in the history.
            ApiError: the worker cannot be read.
            LedgerError: the history cannot be read or written.
        """
        self.checking.add(session_id)
        try:
            await self.open(session_id)
            ended = await self.actor(session_id).refresh_detached()
        finally:
            self.checking.discard(session_id)
        return ended


def _newest_created_ms(session: Session) -> int:
    return session.current.request.created_ms if session.current is not None else 0


SETTLE_S: Final = 5.0
"""Most seconds for the reads of workers whose turns earlier runs left open."""
