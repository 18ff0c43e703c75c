"""Engine: the owner of all running turns. Views subscribe to it and never touch its tasks.

A view keeps a session id, subscribes, and calls `session(id)` when it paints: the newest immutable
value. Listeners are called with the session id only. Each open session has one actor, which owns
everything that changes the session (see `session_actor`); the engine reads the worker for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from handinger_tui.core.errors import ApiError, NoHistory
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.stream.events import StreamEvent
from handinger_tui.core.stream.frames import Frame
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Attachment, Fault, TurnRequest, TurnStatus
from handinger_tui.engine.holds import Hold, HoldReason
from handinger_tui.engine.limit_tracker import LimitTracker
from handinger_tui.engine.ports import Clock, Ids, LimitReader, TurnLog, WorkerApi
from handinger_tui.engine.retry_policy import READS, RetryPolicy, read_with_retries
from handinger_tui.engine.service_context import Busy, Elsewhere, ServiceContext
from handinger_tui.engine.session_actor import EngineDeps, SessionActor
from handinger_tui.engine.turn_run import RunDeps

__all__ = ["Busy", "Elsewhere", "Engine", "Hold", "HoldReason", "Listener", "ServiceContext"]

Listener = Callable[[str], None]


class Engine:
    """Sends, watches and detaches turns, and keeps the newest value of every open session."""

    def __init__(  # noqa: PLR0913, PLR0917 - the ports are all injected, here only
        self,
        api: WorkerApi,
        log: TurnLog,
        clock: Clock,
        ids: Ids,
        retry_policy: RetryPolicy | None = None,
        tap: Callable[[StreamEvent], None] | None = None,
        context: ServiceContext | None = None,
        limits: LimitReader | None = None,
    ) -> None:
        """`tap` is called with every event of every stream as it is decoded (for stream-json)."""
        self._api = api
        self._log = log
        self._clock = clock
        self._ids = ids
        self._context = context or ServiceContext()
        self._policy = retry_policy or RetryPolicy()
        self._limits = LimitTracker(log, limits, self._notify)
        run_deps = RunDeps(api, log, clock, self._policy, tap)
        self._deps = EngineDeps(run_deps, ids, self._context, self._limits, self._notify)
        self._actors: dict[str, SessionActor] = {}
        self._listeners: list[Listener] = []

    # -- queries -----------------------------------------------------------------
    def session(self, session_id: str) -> Session:
        """The newest value of an open session.

        Raises:
            KeyError: it was never opened here.
        """
        return self._actors[session_id].session

    def running(self, session_id: str) -> bool:
        """Whether a turn of the session is being sent or watched."""
        return self._actors[session_id].running

    def queue(self, session_id: str) -> tuple[str, ...]:
        """The ids of the queued turns of a session, the next one to send first."""
        return tuple(self._actors[session_id].queue)

    def held(self, session_id: str) -> Hold | None:
        """Why the queue of a session does not continue; None when nothing holds it."""
        return self._actors[session_id].hold

    def gauges(self, session_id: str) -> tuple[Gauge, ...]:
        """The limits that apply to a session with what is spent of them, as of the last read."""
        return self._limits.of(session_id)

    async def frames(self, turn_id: str) -> list[Frame]:
        """The frames of one turn in order, including those that are not committed yet.

        Raises:
            LedgerError
        """
        return await self._log.frames(turn_id)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(session_id)` after every change; returns a function that unsubscribes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _notify(self, session_id: str) -> None:
        for listener in tuple(self._listeners):
            listener(session_id)

    # -- opening -----------------------------------------------------------------
    def new_session(
        self, base_url: str, worker_id: str | None = None, generation: str = "workers"
    ) -> Session:
        """A new session in memory; its first turn stores it."""
        session = Session(
            self._ids.new("ses"), self._clock.now_ms(), worker_id, generation=generation, base_url=base_url
        )
        self._actors[session.session_id] = SessionActor(session, self._deps)
        return session

    async def open(self, session_id: str) -> Session:
        """Open a session: from memory, else from the history.

        Raises:
            KeyError: there is no such session.
            LedgerError
        """
        if session_id not in self._actors:
            loaded = await self._log.load(session_id)
            if loaded is None:
                raise KeyError(session_id)
            if self._context.forgetful:
                loaded = replace(loaded, worker_id=None)
            # Another caller may have opened it during the read: the first actor owns the session.
            self._actors.setdefault(session_id, SessionActor(loaded, self._deps))
        return self.session(session_id)

    # -- sending -----------------------------------------------------------------
    @property
    def no_history(self) -> NoHistory | None:
        """Why nothing may be sent: turns cannot be recorded, and the user has not agreed to go without."""
        return self._log.no_history

    def allow_unrecorded(self) -> None:
        """The user agreed to send without a history."""
        self._log.allow_unrecorded()

    async def send(
        self,
        session_id: str,
        prompt: str,
        budget: str | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> str:
        """Store a turn and start it, or queue it behind the running one; returns its id.

        A held queue stays held: a message sent now does not wait for it. When the caller is
        cancelled (or `stop` is called) before the turn starts, the turn is kept as not sent.

        Raises:
            Elsewhere: the session belongs to another service; nothing was sent.
            LimitReached: a limit is used up; nothing was stored or sent.
            NoHistory: turns cannot be recorded, and the user has not agreed to go without.
            LedgerError: the turn could not be stored; nothing was sent.
        """
        return await self._actors[session_id].send(self._order(prompt, budget, attachments))

    async def store_unsent(
        self,
        session_id: str,
        prompt: str,
        budget: str | None,
        attachments: tuple[Attachment, ...],
        why: Fault,
    ) -> str:
        """Store a message that may not be sent as a turn with status NOT_SENT; returns its id.

        Raises:
            LedgerError
        """
        return await self._actors[session_id].store_unsent(self._order(prompt, budget, attachments), why)

    def _order(self, prompt: str, budget: str | None, attachments: tuple[Attachment, ...]) -> TurnRequest:
        return TurnRequest(
            turn_id=self._ids.new("turn"),
            prompt=prompt,
            created_ms=self._clock.now_ms(),
            budget=budget,
            attachments=attachments,
            trigger=self._context.trigger,
        )

    # -- the queue ---------------------------------------------------------------
    async def withdraw(self, session_id: str, turn_id: str) -> str:
        """Withdraw a queued turn; returns its prompt.

        Raises:
            Busy: it is no longer queued.
            LedgerError: it stays queued.
        """
        return await self._actors[session_id].withdraw(turn_id)

    async def edit_queued(
        self,
        session_id: str,
        turn_id: str,
        prompt: str,
        budget: str | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> str:
        """Replace a queued message by another one in the same place; returns the new id.

        Raises:
            Busy: the old one is no longer queued.
            LedgerError: the old one stays as it was.
        """
        return await self._actors[session_id].edit_queued(turn_id, self._order(prompt, budget, attachments))

    async def move_queued(self, session_id: str, turn_id: str, to: int) -> None:
        """Move a queued turn to index `to` of the queue; 0 is the next to start.

        Raises:
            Busy: it is no longer queued.
            LedgerError
        """
        await self._actors[session_id].move_queued(turn_id, to)

    async def resume(self, session_id: str) -> Hold | None:
        """Continue a held queue; returns what still holds it, None when it continues.

        Raises:
            LedgerError
        """
        return await self._actors[session_id].resume()

    # -- watching ----------------------------------------------------------------
    async def watch(self, session_id: str, turn_id: str | None = None) -> None:
        """Watch a turn again (default: the newest that was sent). Free: it only makes GET requests.

        Raises:
            LedgerError
        """
        await self._actors[session_id].watch(turn_id)

    def detach(self, session_id: str) -> None:
        """Stop watching; the worker keeps running and may keep charging. The queue is held."""
        self._actors[session_id].detach()

    def stop(self, session_id: str) -> None:
        """Stop a session for good: a turn that was not sent is withdrawn, one that was sent is detached."""
        self._actors[session_id].stop()

    async def settled(self, session_id: str) -> Session:
        """Wait until the session has no running turn and no pending request; returns its value."""
        return await self._actors[session_id].settled()

    # -- reading the worker ------------------------------------------------------
    async def look(self, session_id: str) -> bool:
        """Read the worker once for a detached turn; True when the turn has ended and is now complete here.

        Raises:
            ApiError: the turn stays as it is.
            LedgerError
        """
        turn = self.session(session_id).sent
        if turn is None or turn.status is not TurnStatus.RUNNING:
            return False
        return await self._read_for_newest(session_id)

    async def refresh(self, session_id: str) -> None:
        """Read the worker once to update usage, costs, sources and files of the newest sent turn.

        Raises:
            ApiError, LedgerError
        """
        await self._read_for_newest(session_id)

    async def _read_for_newest(self, session_id: str) -> bool:
        actor = self._actors[session_id]
        turn = actor.session.sent
        worker_id = (turn.worker_id or turn.order.worker_id) if turn is not None else None
        if turn is None or worker_id is None or actor.running:
            return False
        body = await self._api.read_worker(worker_id)
        return await actor.apply_reading(turn.turn_id, body)

    async def adopt(self, session_id: str, *, retry: bool = False) -> Session:
        """Read the session's worker and adopt its turns that other programs started.

        `retry`: retry the read after a server or network error. The result is another session where
        this one was never stored and another program has stored one of the same worker in between.

        Raises:
            ApiError, LedgerError
        """
        actor = self._actors[session_id]
        worker_id = actor.session.worker_id
        if worker_id is not None and not actor.running:
            reads = READS if retry else 1
            body = await read_with_retries(
                lambda: self._api.read_worker(worker_id), self._clock, self._policy, reads
            )
            session = await actor.adopt(body)
            if session.session_id != session_id:
                return await self.open(session.session_id)
        return actor.session

    # -- money -------------------------------------------------------------------
    async def recount(self, session_id: str) -> tuple[Gauge, ...]:
        """Write what the turns of a session cost so far, and read its limits again.

        Other programs may have spent money or raised a limit since the last read.

        Raises:
            LedgerError
        """
        await self._actors[session_id].recount()
        return self.gauges(session_id)

    # -- after a crash -----------------------------------------------------------
    async def recover(self) -> list[str]:
        """Recover the turns that a crash left open, with GETs alone; returns their session ids.

        A turn whose request may have left is watched; any other is queued again, and the queue is held.

        Raises:
            LedgerError
        """
        unsettled = await self._unsettled()
        for session_id, orders in unsettled.items():
            await self.open(session_id)
            await self._actors[session_id].recover(orders, watch=True)
        return list(unsettled)

    async def settle_left_open(self, seconds: float) -> list[str]:
        """Read the workers of turns that a crash left open, once each, for `seconds` at most.

        For commands that end with their own turn: nothing is watched or queued. A turn that cannot
        be settled stays open for the next program. Returns the ids of the sessions.
        """
        session_ids: list[str] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for session_id, orders in (await self._unsettled()).items():
                    await self.open(session_id)
                    actor = self._actors[session_id]
                    if await actor.recover(orders, watch=False):
                        with suppress(ApiError):
                            await self._read_for_newest(session_id)
                    session_ids.append(session_id)
        return session_ids

    async def _unsettled(self) -> dict[str, list[TurnRequest]]:
        unsettled: dict[str, list[TurnRequest]] = {}
        for session, order in await self._log.unsettled():
            if session.base_url == self._context.base_url:
                unsettled.setdefault(session.session_id, []).append(order)
        return unsettled

    # -- closing -----------------------------------------------------------------
    async def aclose(self) -> None:
        """Detach every turn and wait until everything is on disk.

        Raises:
            LedgerError: something could not be written.
        """
        for actor in self._actors.values():
            actor.close()
        for actor in self._actors.values():
            await actor.settled()
        await self._log.flush()
