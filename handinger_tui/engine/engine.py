"""Engine: the owner of all running turns. Views subscribe to it and never touch its tasks.

A view keeps a session id, subscribes, and calls `session(id)` when it paints: the newest immutable
value. Listeners are called with the session id only. Each open session has one actor, which owns
everything that changes the session: call `actor(id)` to send, to queue, to watch. Who waits for
something keeps the actor and not the id: a session that is deleted meanwhile keeps its last value there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from msgspec.structs import replace

from handinger_tui.core.dialects.events import StreamEvent
from handinger_tui.core.errors import ApiError, HandingerError, NoSuchSession, Refused
from handinger_tui.core.reading_order import Urgency
from handinger_tui.core.stream import Frame, WorkerBody
from handinger_tui.core.turns.session import Service, Session
from handinger_tui.core.turns.turn import ErrorKind, TurnRequest
from handinger_tui.engine.inbox import Busy
from handinger_tui.engine.poller import Poller
from handinger_tui.engine.ports import (
    READS,
    Clock,
    Ids,
    LimitReader,
    MessageOffers,
    RetryPolicy,
    TurnHistory,
    WorkerApi,
    read_with_retries,
)
from handinger_tui.engine.read_gate import AT_ONCE, CountedReads, ReadGate
from handinger_tui.engine.session_actor import EngineDeps, ServiceContext, SessionActor, ended_with_program
from handinger_tui.engine.tasks import Ticks, start
from handinger_tui.engine.turn_record import RunDeps

Listener = Callable[[str], None]
RECENT_MS: Final = 7 * 24 * 3_600_000
"""The age of settled turns whose workers are still read for late costs."""
LOOK_AT_STREAMS_S: Final = 1.0
"""Seconds between two looks at each stream; less where recovery has less time."""


class Engine:
    """Sends, watches and detaches turns, and keeps the newest value of every open session."""

    def __init__(  # noqa: PLR0913, PLR0917 - the ports are all injected, here only
        self,
        api: WorkerApi,
        log: TurnHistory,
        clock: Clock,
        ids: Ids,
        retry_policy: RetryPolicy | None = None,
        tap: Callable[[StreamEvent], None] | None = None,
        context: ServiceContext | None = None,
        limits: LimitReader | None = None,
        offers: MessageOffers | None = None,
    ) -> None:
        """`tap` is called with every event of every stream as it is decoded (for stream-json)."""
        self._log = log
        self._context = context = context or ServiceContext()
        policy = retry_policy or RetryPolicy()
        gate = None if policy.reads_per_s is None else ReadGate(clock, policy.reads_per_s)
        reads = api if gate is None else CountedReads(api, gate)
        ticks = Ticks(clock, min(LOOK_AT_STREAMS_S, policy.recovery_window) or LOOK_AT_STREAMS_S)
        run_deps = RunDeps(api, reads, log, clock, policy, ticks, tap, gate)
        self.poller: Poller | None = None
        """Follows what nobody watches; None without a pace, or where workers end with the program."""
        if gate is not None and not context.forgetful:
            self.poller = Poller(self, gate, clock, policy)
        self._deps = EngineDeps(run_deps, ids, self._context, limits, self._notify, self._share, offers)
        self._actors: dict[str, SessionActor] = {}
        self._deleted: set[str] = set()
        """Sessions that are being deleted: they are not opened."""
        self._only_read: set[str] = set()
        """Sessions that nobody opened, and whose worker is being read."""
        self._readers = Counter[str]()
        """How many readings a session is open for."""
        self._listeners: list[Listener] = []
        self._sharing: set[asyncio.Task[None]] = set()
        """Readings that are applied to other sessions of the same task."""

    # -- queries -----------------------------------------------------------------
    @property
    def service(self) -> Service:
        """The service to which messages go."""
        return self._context.service

    def actor(self, session_id: str) -> SessionActor:
        """The owner of an open session: sends, queues, watches, and knows the limits.

        Raises:
            NoSuchSession: it is not open here, as after it was deleted.
        """
        if session_id not in self._actors:
            raise NoSuchSession
        return self._actors[session_id]

    def session(self, session_id: str) -> Session:
        """The newest value of an open session.

        Raises:
            NoSuchSession: it is not open here, as after it was deleted.
        """
        return self.actor(session_id).session

    @property
    def sessions(self) -> list[Session]:
        """All that are open, in any order."""
        return [actor.session for actor in self._actors.values()]

    async def frames(self, turn_id: str) -> list[Frame]:
        """The frames of one turn in order, including those that are not committed yet. Raises LedgerError."""
        return await self._log.frames(turn_id)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(session_id)` after every change; returns a function that unsubscribes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_gathered(self, listener: Callable[[set[str]], None], after_s: float) -> Callable[[], None]:
        """As `subscribe`, with all that changed within so many seconds: streams change one for each piece."""
        changed: set[str] = set()

        def tell() -> None:
            now = changed.copy()
            changed.clear()
            listener(now)

        def note(session_id: str) -> None:
            if not changed:
                asyncio.get_running_loop().call_later(after_s, tell)
            changed.add(session_id)

        return self.subscribe(note)

    def _notify(self, session_id: str) -> None:
        # Listeners ask for the session, and one that was deleted changes for nobody.
        for listener in tuple(self._listeners) if session_id in self._actors else ():
            listener(session_id)

    # -- opening -----------------------------------------------------------------
    def new_session(
        self,
        base_url: str,
        worker_id: str | None = None,
        *,
        title: str = "",
        stored_worker_id: str | None = None,
    ) -> Session:
        """A new session in memory; its first turn stores it."""
        session = Session(
            self._deps.ids.new("ses"),
            self._deps.run_deps.clock.now_ms(),
            worker_id,
            stored_worker_id,
            self._context.generation,
            base_url=base_url,
            title=title,
        )
        session = self._priced(session)
        self._actors[session.session_id] = SessionActor(session, self._deps)
        return session

    def _priced(self, session: Session) -> Session:
        """The session with the price of a credit, which the person gave for this service."""
        is_ours = session.service == self._context.service and self._context.prices
        return replace(session, prices=self._context.prices) if is_ours else session

    async def open(self, session_id: str) -> Session:
        """Open a session: from memory, else from the history.

        Raises:
            NoSuchSession: it is not in the history, or is being deleted.
            LedgerError
        """
        session = await self._load(session_id)
        # Not earlier: a reading may have opened it in the meantime, and would close it.
        self._only_read.discard(session_id)
        return session

    async def _load(self, session_id: str) -> Session:
        if session_id not in self._actors:
            loaded = await self._log.load(session_id)
            if loaded is None or session_id in self._deleted:
                raise NoSuchSession
            if self._context.forgetful:
                loaded = ended_with_program(loaded)
            # Another caller may have opened it during the read: the first actor owns the session.
            self._actors.setdefault(session_id, SessionActor(self._priced(loaded), self._deps))
        return self.session(session_id)

    async def adopt(self, session_id: str, *, retry: bool = False) -> Session:
        """Read the session's worker and adopt its turns that other programs started.

        `retry`: retry the read after a server or network error. The result is another session where
        this one was never stored and another program has stored one of the same worker in between.

        Raises:
            NoSuchSession: it was deleted.
            ApiError, LedgerError
        """
        actor = self.actor(session_id)
        worker_id = actor.session.worker_id
        if worker_id is not None and not actor.running:
            deps = self._deps.run_deps
            read = partial(deps.reads.read_worker, worker_id)
            body = await read_with_retries(read, deps.clock, deps.policy, READS if retry else 1)
            session = await actor.adopt(body)
            if session.session_id != session_id:
                await self.open(session.session_id)
                holder = self.actor(session.session_id)
                await holder.take_reading(worker_id, body)
                return holder.session
        return actor.session

    async def delete(self, session_id: str, remove: Callable[[], Awaitable[None]]) -> None:
        """Close an open session for good, then `remove` it from the history.

        Nothing is sent or read for it from now on, and until it is removed nobody can open it. What `remove`
        raises leaves it in the history, from where it can be opened again.

        Raises:
            NoSuchSession: it is not open here.
        """
        actor = self.actor(session_id)
        self._deleted.add(session_id)
        try:
            del self._actors[session_id]
            self._only_read.discard(session_id)
            actor.inbox.close("The session was deleted.")
            actor.stop()
            await actor.settled()
            await remove()
        finally:
            self._deleted.discard(session_id)

    # -- after a crash -----------------------------------------------------------
    async def recover(self) -> list[str]:
        """Recover the turns that a crash left open, with GETs alone; returns their session ids.

        A turn whose request may have left is watched; any other is queued again, and the queue is held.

        Raises:
            LedgerError
        """
        recovered: list[str] = []
        for session_id, requests in (await self._unsettled()).items():
            # Another program may have deleted it by now.
            with suppress(NoSuchSession):
                await self.open(session_id)
                await self.actor(session_id).recover(requests, watch=True)
                recovered.append(session_id)
        return recovered

    async def settle_open_turns(self, seconds: float, *, everything: bool = False) -> list[Session]:
        """Read the workers of turns left open or running, or whose amount is not settled.

        Those of settled turns are read for later costs, see `RECENT_MS`. This takes `seconds` at most. For
        amounts at most `AT_ONCE` workers are read, of those that are due; `everything`: all of them, now.
        Each worker is read once; nothing is watched or queued. A turn that cannot be settled stays so for the
        next program. Returns the sessions whose worker was to be read; those that were opened for that and of
        which nothing runs are closed again.

        Raises:
            LedgerError
        """
        read: dict[str, Session] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._settle_left(read, patient=False)
                for session_id in await self._due(everything=everything):
                    if session_id not in read:
                        await self._settle_amount(session_id, read, patient=False)
        # One that still ran may have been deleted while another one was read.
        return [one for one in read.values() if one.unwatched is None or one.session_id in self._actors]

    async def settle_late(self, without: Collection[str]) -> None:
        """`settle_open_turns` at the pace of the service, but for followed runs. Raises LedgerError."""
        read: dict[str, Session] = {}
        await self._settle_left(read, patient=True)
        for session_id in await self._due(without=without):
            if session_id not in read:
                await self._settle_amount(session_id, read, patient=True)

    async def _settle_left(self, read: dict[str, Session], *, patient: bool) -> None:
        """Settle the turns that programs left open when they ended."""
        for session_id, requests in (await self._unsettled()).items():
            with suppress(Busy, NoSuchSession):
                async with self._opened_to_read(session_id, read) as actor:
                    if await actor.recover(requests, watch=False):
                        await self._refresh(actor, patient=patient)
                    else:
                        del read[session_id]

    async def _settle_amount(self, session_id: str, read: dict[str, Session], *, patient: bool) -> None:
        now_ms = self._deps.run_deps.clock.now_ms()
        # Before the reading: one that takes all of the time is not the first again.
        await self._log.note_late_read(session_id, now_ms, answered=False)
        with suppress(Busy, NoSuchSession):
            async with self._opened_to_read(session_id, read) as actor:
                if await self._refresh(actor, patient=patient):
                    await self._log.note_late_read(session_id, now_ms, answered=True)

    async def _refresh(self, actor: SessionActor, *, patient: bool) -> bool:
        """Read the worker of a session; whether the service answered. `patient`: in its turn."""
        if patient and (worker_id := actor.session.newest_worker):
            await self._deps.run_deps.turn_to_read(worker_id, Urgency.LATE)
        try:
            await actor.refresh(late=True)
        except ApiError as trouble:
            # A worker that cannot be read now is read by the next program.
            return isinstance(trouble, Refused) and trouble.kind is ErrorKind.NOT_FOUND
        return True

    def _share(self, session_ids: Collection[str], body: WorkerBody) -> None:
        """Settle turns of other sessions by a reading of their task, soon."""
        # Not awaited: two sessions that share at once would wait for each other.
        task = start(partial(self._settle_by, session_ids, body), "shared reading")
        self._sharing.add(task)
        task.add_done_callback(self._sharing.discard)

    async def _settle_by(self, session_ids: Collection[str], body: WorkerBody) -> None:
        for session_id in session_ids:
            # A session that was deleted, or cannot be written, or is being closed, is left as it is.
            with suppress(HandingerError):
                async with self._opened_to_read(session_id, {}) as actor:
                    await actor.settle_by(body)

    async def _due(self, *, everything: bool = False, without: Collection[str] = ()) -> list[str]:
        """The sessions of this service to read for amounts that are not settled, in order."""
        if self._context.forgetful:
            # What a local worker ran ended together with its program.
            return []
        now_ms = self._deps.run_deps.clock.now_ms()
        sessions = await self._log.sessions_to_read(None if everything else now_ms, now_ms - RECENT_MS)
        ours = (one.session_id for one in sessions if one.service == self._context.service)
        due = [session_id for session_id in ours if session_id not in without]
        return due if everything else due[:AT_ONCE]

    @asynccontextmanager
    async def opened(self, session_id: str) -> AsyncIterator[SessionActor]:
        """A session that is followed; closed at the end, at rest, if nobody else opened it.

        Raises:
            NoSuchSession: it was deleted.
            LedgerError
        """
        async with self._opened_to_read(session_id, {}) as actor:
            # Listeners see it as it was before.
            self._notify(session_id)
            yield actor

    def is_let_go(self, session_id: str) -> bool:
        """Whether the person stopped watching a session."""
        actor = self._actors.get(session_id)
        return actor is not None and actor.is_let_go

    @asynccontextmanager
    async def _opened_to_read(self, session_id: str, read: dict[str, Session]) -> AsyncIterator[SessionActor]:
        """A session for a reading, then in `read`. If nobody opened it, the last reader closes it, at rest.

        Raises:
            NoSuchSession: it was deleted in the meantime.
            LedgerError
        """
        if session_id not in self._actors:
            self._only_read.add(session_id)
        try:
            await self._load(session_id)
        except NoSuchSession:
            self._only_read.discard(session_id)
            raise
        actor = self._actors[session_id]
        read[session_id] = actor.session
        self._readers[session_id] += 1
        try:
            yield actor
        finally:
            self._readers[session_id] -= 1
            read.update({session_id: actor.session} if session_id in read else {})
            if not self._readers[session_id] and self._actors.get(session_id) is actor:
                if session_id in self._only_read and actor.is_idle:
                    actor.late.cancel()
                    del self._actors[session_id]
                if actor.is_idle or actor.session.unwatched is not None:
                    self._only_read.discard(session_id)

    async def _unsettled(self) -> dict[str, list[TurnRequest]]:
        """The requests without a settled turn at this service, by session id."""
        unsettled: dict[str, list[TurnRequest]] = {}
        for session, request in await self._log.unsettled():
            if session.service == self._context.service:
                unsettled.setdefault(session.session_id, []).append(request)
        return unsettled

    async def take_offers(self) -> None:
        """Queue the messages that other programs have stored for this one, behind the turns that it watches.

        Raises:
            LedgerError
        """
        offers = self._deps.offers
        for session_id, turn_request in [] if offers is None else await offers.take():
            # A session that was deleted in the meantime took its messages with it.
            with suppress(NoSuchSession):
                await self.open(session_id)
                await self.actor(session_id).take(turn_request)

    # -- closing -----------------------------------------------------------------
    async def aclose(self) -> None:
        """Detach every turn and wait until everything is on disk.

        Raises:
            LedgerError: something could not be written.
        """
        if self.poller is not None:
            self.poller.close()
        for actor in self._actors.values():
            # No new request is handled from here on.
            actor.inbox.close()
            actor.stop()
        for actor in self._actors.values():
            await actor.settled()
        await asyncio.gather(*self._sharing)
        if self.poller is not None:
            await self.poller.settled()
        await self._log.flush()
