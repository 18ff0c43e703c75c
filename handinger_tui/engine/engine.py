"""Engine: the only owner of turns under way. Views listen to it and never touch a task.

A view keeps a session id, subscribes, and reads `session(id)` when it paints:
the newest immutable value. Listeners get the session id and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from handinger_tui.core.events import StreamEvent
from handinger_tui.core.frames import Frame, Note
from handinger_tui.core.replacing import replace
from handinger_tui.core.session import Session, title_from
from handinger_tui.core.turn import Attachment, Fault, Order, Turn, TurnStatus
from handinger_tui.engine.adopt import adopted_turns
from handinger_tui.engine.desks import Desk, Listener, unsent
from handinger_tui.engine.home import LOCAL_ENDED, NOT_YET_SENT, Busy, Elsewhere, Home
from handinger_tui.engine.patience import READS, Patience, read_again
from handinger_tui.engine.ports import Clock, Ids, Purse, TurnLog, WorkerApi
from handinger_tui.engine.run import ANSWERED, Outside
from handinger_tui.engine.starting import Starting

__all__ = ["Busy", "Elsewhere", "Engine", "Home", "Listener"]


def _never_left(order: Order, frames: list[Frame]) -> bool:
    """The turn is ours and no byte of it can have left.

    A turn adopted from elsewhere was never sent by us: it says how often it was asked before,
    which one of ours cannot know until it is on its way.
    """
    left = any(frame.event == Note.SENDING or frame.event in ANSWERED for frame in frames)
    return not left and order.seen_before is None


class Engine(Starting):
    """Sends, watches and detaches turns; keeps the newest value of every open session."""

    def __init__(  # noqa: PLR0913, PLR0917 - the ports are all injected, here only
        self,
        api: WorkerApi,
        log: TurnLog,
        clock: Clock,
        ids: Ids,
        patience: Patience | None = None,
        tap: Callable[[StreamEvent], None] | None = None,
        home: Home | None = None,
        purse: Purse | None = None,
    ) -> None:
        """`tap` hears every event of every stream as it is decoded (for stream-json)."""
        super().__init__(Outside(api, log, clock, patience or Patience(), tap), purse)
        self._api = api
        self._ids = ids
        self._home = home or Home()

    # -- opening -----------------------------------------------------------------
    def new_session(
        self, base_url: str, worker_id: str | None = None, generation: str = "workers"
    ) -> Session:
        """A session in memory; it reaches the disk with its first turn."""
        session = Session(
            self._ids.new("ses"), self._clock.now_ms(), worker_id, generation=generation, base_url=base_url
        )
        self._desks[session.session_id] = Desk(session)
        return session

    async def open(self, session_id: str) -> Session:
        """The session from memory, else from the log.

        Raises:
            KeyError: nobody knows it.
            LedgerError
        """
        if session_id not in self._desks:
            loaded = await self._log.load(session_id)
            if loaded is None:
                raise KeyError(session_id)
            if self._home.forgetful:
                loaded = replace(loaded, worker_id=None)
            self._desks.setdefault(session_id, Desk(loaded))
        return self.session(session_id)

    async def adopt(self, session_id: str, *, insist: bool = False) -> Session:
        """Read the session's worker and take over turns made elsewhere.

        `insist`: read again where the service stumbles. The session is read again from the history
        first: another program may have stored turns of it. The result may be another session, where
        this one was never stored and another program has stored one of the same worker meanwhile.

        Raises:
            ApiError, LedgerError
        """
        desk = self._desks[session_id]
        worker_id = desk.session.worker_id
        if worker_id is None or desk.session.busy:
            return desk.session
        patience, reads = self._outside.patience, READS if insist else 1
        body = await read_again(lambda: self._api.read_worker(worker_id), self._clock, patience, reads)
        stored = await self._log.load(session_id)
        session = desk.session if stored is None else replace(stored, worker_id=worker_id)
        turns = adopted_turns(session, body, self._clock.now_ms(), self._ids)
        session = await self._log.adopt(session, turns)
        if session.session_id != session_id:
            desk = self._desks.setdefault(session.session_id, Desk(session))
        if desk.task is not None:
            # A message is under way in it: its run has the newest value of the session.
            return desk.session
        kept = {turn.turn_id: turn for turn in desk.session.turns}
        same = (kept[turn.turn_id] if kept.get(turn.turn_id) == turn else turn for turn in session.turns)
        if session.turns != desk.session.turns:
            desk.session = replace(desk.session, turns=tuple(same), title=session.title)
            self._tell(session.session_id)
        return desk.session

    # -- sending -----------------------------------------------------------------
    async def send(
        self,
        session_id: str,
        prompt: str,
        budget: str | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> str:
        """Put a turn on disk and start it, or queue it behind the running one; returns its id.

        Raises:
            Elsewhere: the session belongs to another service; nothing was sent.
            LimitReached: a limit is used up; nothing was stored or sent.
            LedgerError: it could not be written; nothing was sent.
        """
        desk = self._desks[session_id]
        if desk.session.base_url != self._home.base_url:
            raise Elsewhere(desk.session.base_url)
        await self._counter.check(desk.session)
        desk.held = None
        turn_id = await self._ordered(desk, prompt, budget, attachments)
        desk.queue.append(turn_id)
        self._start_next(desk)
        return turn_id

    async def put_aside(
        self,
        session_id: str,
        prompt: str,
        budget: str | None,
        attachments: tuple[Attachment, ...],
        why: Fault,
    ) -> str:
        """Keep a message that may not be sent as a turn that never left; returns its id.

        Raises:
            LedgerError
        """
        desk = self._desks[session_id]
        turn_id = await self._ordered(desk, prompt, budget, attachments)
        await self._close_unsent(desk, self._turn(desk, turn_id), why)
        return turn_id

    async def _ordered(
        self, desk: Desk, prompt: str, budget: str | None, attachments: tuple[Attachment, ...]
    ) -> str:
        """The order goes to disk."""
        order = Order(
            turn_id=self._ids.new("turn"),
            prompt=prompt,
            created_ms=self._clock.now_ms(),
            worker_id=desk.session.worker_id,
            budget=budget,
            attachments=attachments,
            trigger=self._home.trigger,
        )
        if not desk.session.title:
            desk.session = replace(desk.session, title=title_from(prompt))
        await self._log.open_turn(desk.session, order)
        self._put(desk, Turn(order))
        return order.turn_id

    async def withdraw(self, session_id: str, turn_id: str) -> str:
        """Take a queued turn back; returns its prompt.

        Raises:
            Busy: it is no longer queued.
        """
        desk = self._desks[session_id]
        turn = self._turn(desk, turn_id)
        if turn_id not in desk.queue:
            raise Busy("This message is already on its way.")
        desk.queue.remove(turn_id)
        await self._close_unsent(desk, turn, unsent("Taken back before it was sent."))
        return turn.order.prompt

    # -- watching ----------------------------------------------------------------
    async def watch(self, session_id: str, turn_id: str | None = None) -> None:
        """Watch a turn again (default: the newest that was sent): free, GETs only."""
        desk = self._desks[session_id]
        turn = desk.session.sent if turn_id is None else self._turn(desk, turn_id)
        if turn is None or desk.task is not None:
            return
        frames = await self._log.frames(turn.turn_id)
        run = self._run(desk, turn.order)
        run.resume(frames)
        self._launch(desk, run, run.watch())

    async def recover(self) -> list[str]:
        """Settle what a crash left open, by GETs alone; returns the sessions concerned.

        A turn that may have left is watched; one that surely did not comes back as a draft.

        Raises:
            LedgerError
        """
        found: list[str] = []
        for session, order in await self._log.unsettled():
            if session.base_url != self._home.base_url:
                continue
            await self.open(session.session_id)
            desk = self._desks[session.session_id]
            frames = await self._log.frames(order.turn_id)
            if _never_left(order, frames):
                await self._close(desk, order, frames, TurnStatus.NOT_SENT, NOT_YET_SENT)
            elif self._home.forgetful:
                await self._close(desk, order, frames, TurnStatus.INCOMPLETE, LOCAL_ENDED)
            else:
                # Where one turn of the session is being watched already, the next start takes the other.
                await self.watch(session.session_id, order.turn_id)
            found.append(session.session_id)
        return found

    def detach(self, session_id: str) -> None:
        """Stop watching; the worker goes on and may keep charging."""
        desk = self._desks[session_id]
        if desk.run is not None and desk.task is not None:
            desk.task.cancel()

    async def settled(self, session_id: str) -> Session:
        """Wait until nothing of this session is under way."""
        desk = self._desks[session_id]
        while desk.task is not None:
            await asyncio.wait({desk.task})
        return desk.session

    async def look(self, session_id: str) -> bool:
        """Look once after a turn we left running; True when it has ended meanwhile, and is now here whole.

        Raises:
            ApiError: nothing is known; the turn stays as it is.
        """
        desk = self._desks[session_id]
        turn = desk.session.sent
        if turn is None or desk.task is not None or turn.status is not TurnStatus.RUNNING:
            return False
        run = self._run(desk, turn.order)
        run.resume(await self._log.frames(turn.turn_id))
        # Somebody may watch or send while the worker is read: two runs never number frames at once.
        ended = await run.look_once(lambda: desk.task is None and desk.session.sent is turn)
        if desk.task is not None:
            return False
        await self._log.close_turn(desk.session, turn.turn_id)
        return ended

    async def frames(self, turn_id: str) -> list[Frame]:
        """The stored frames of one turn, in order.

        Raises:
            LedgerError
        """
        return await self._log.frames(turn_id)

    async def refresh(self, session_id: str) -> None:
        """Read the worker once for usage, costs, sources and files of the newest turn that was sent.

        Raises:
            ApiError
        """
        desk = self._desks[session_id]
        turn = desk.session.sent
        if turn is None or desk.task is not None or turn.worker_id is None:
            return
        run = self._run(desk, turn.order)
        run.resume(await self._log.frames(turn.turn_id))
        await run.read_after()
        await self._log.close_turn(desk.session, turn.turn_id)

    async def aclose(self) -> None:
        """Detach everything and wait until it is on disk."""
        self._closing = True
        tasks = [task for desk in self._desks.values() for task in (desk.task, desk.counting) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._log.flush()
