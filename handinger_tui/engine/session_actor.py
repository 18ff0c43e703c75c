"""The owner of one open session: its queue, its run, and everything that changes them.

Requests go through one inbox and are handled one at a time, so nothing can happen between a check
and the act that rests on it. A request waits for the history but never for the network: what a
slow service answers is applied by a later request, which looks at the session anew. Steps without
an await (`detach`, `stop`) need no request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TypeVar

from handinger_tui.core.errors import HandingerError, LedgerError
from handinger_tui.core.jsontext import dump
from handinger_tui.core.money.limits import blocking
from handinger_tui.core.record import dataclass
from handinger_tui.core.replacing import replace
from handinger_tui.core.stream.frames import Frame, Framing, Marker
from handinger_tui.core.stream.worker_snapshot import WorkerBody
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.outcome import fault_object
from handinger_tui.core.turns.session import (
    Session,
    place_last,
    put_turn,
    take_place,
    title_from,
    was_overtaken,
    with_kept_turns,
)
from handinger_tui.core.turns.turn import WITHDRAWN, Fault, Kind, Trigger, Turn, TurnRequest, TurnStatus
from handinger_tui.engine.adoption import adopted_turns
from handinger_tui.engine.holds import Hold, HoldReason, hold_after
from handinger_tui.engine.inbox import Inbox
from handinger_tui.engine.limit_tracker import LimitTracker, figures_moved
from handinger_tui.engine.older_turns import own_part, unsettled_turns
from handinger_tui.engine.ports import Ids
from handinger_tui.engine.service_context import LOCAL_ENDED, NOT_YET_SENT, Busy, Elsewhere, ServiceContext
from handinger_tui.engine.turn_run import RunDeps, TurnRun, may_have_left

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EngineDeps:
    """What every actor needs from the engine."""

    outside: RunDeps
    ids: Ids
    home: ServiceContext
    counter: LimitTracker
    tell: Callable[[str], None]
    """Called with the session id after every change."""


@dataclass(slots=True)
class SendTicket:
    """One wish to send. A caller that stops waiting cancels it: then nothing is posted."""

    stops: int
    """How often the queue had been stopped when the person sent it; see `SessionActor._stops`."""
    saw_hold: bool
    """The queue was held, and the person could see it: this message need not wait for that."""
    cancelled: bool = False


class SessionActor:
    """Owns one session. Every public method is safe to call at any moment from the event loop."""

    def __init__(self, session: Session, deps: EngineDeps) -> None:
        self.session = session
        """The newest value."""
        self.queue: list[str] = []
        """Ids of turns stored and not yet started, oldest first. A queued turn read from the disk may
        be another program's, which will send it: only our own ones are ever started."""
        self.hold: Hold | None = None
        self._deps = deps
        self._log = deps.outside.log
        self._inbox = Inbox(self._check_quiet)
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._run: TurnRun | None = None
        self._run_task: asyncio.Task[None] | None = None
        self._run_over = asyncio.Event()
        self._uncounted = False
        self._counting = False
        self._stopping = False
        self._closing = False
        self._stops = 0
        """How often a turn that did not complete, or a person, has stopped the queue. What was sent before
        that and is handled after it belongs to the queue."""
        self._stopped_by: Hold | None = None
        self._ends = 0
        """How many runs have ended."""
        self._stored: set[str] = set()
        """Turns that this program stored; after a crash only those of others are taken up."""
        self._unclosed: set[str] = set()
        """Turns that ended while the history could not be written."""

    @property
    def running(self) -> bool:
        """A turn is being sent or watched."""
        return self._run is not None

    # -- requests --------------------------------------------------------------------------
    async def send(self, order: TurnRequest) -> str:
        """Store a turn and start it, or queue it behind the running one; returns its id.

        Raises:
            Elsewhere, LimitReached, LedgerError: nothing was sent.
        """
        ticket = SendTicket(self._stops, self.hold is not None)
        try:
            return await self._request(partial(self._send, order, ticket))
        except asyncio.CancelledError:
            ticket.cancelled = True
            raise

    async def store_unsent(self, order: TurnRequest, why: Fault) -> str:
        """Keep a message that may not be sent as a turn that never left; returns its id.

        Raises:
            LedgerError
        """
        return await self._request(partial(self._store_unsent, order, why))

    async def withdraw(self, turn_id: str) -> str:
        """Take a queued turn back; returns its prompt.

        Raises:
            Busy: it is no longer queued.
            LedgerError: it stays queued.
        """
        return await self._request(partial(self._withdraw, turn_id))

    async def edit_queued(self, turn_id: str, order: TurnRequest) -> str:
        """Put another message in the place of a queued one; returns the new id.

        Raises:
            Busy: it is no longer queued.
            LedgerError: it stays as it was.
        """
        return await self._request(partial(self._edit_queued, turn_id, order))

    async def move_queued(self, turn_id: str, to: int) -> None:
        """Move a queued turn to another place of the queue, 0 being the next to start.

        Raises:
            Busy: it is no longer queued.
            LedgerError: it stays where it was.
        """
        await self._request(partial(self._move_queued, turn_id, to))

    async def resume(self) -> Hold | None:
        """Go on with a held queue; returns what still holds it.

        Raises:
            LedgerError
        """
        return await self._request(partial(self._resume, self._stops))

    async def watch(self, turn_id: str | None) -> None:
        """Watch a turn again (default: the newest that was sent), by GETs alone.

        Coming back to a detached turn ends the hold: the queue goes on after it.

        Raises:
            LedgerError
        """
        await self._request(partial(self._watch, turn_id, self._stops))

    async def recount(self) -> None:
        """Write what the turns took so far, and read the limits anew.

        Raises:
            LedgerError
        """
        await self._request(self._recount)

    async def apply_reading(self, turn_id: str, body: WorkerBody) -> bool:
        """Apply a reading of the worker to a turn that nobody watches; True when the turn has ended.

        Dropped where the turn is watched by now, or is no longer the newest.

        Raises:
            LedgerError
        """
        return await self._request(partial(self._apply_reading, turn_id, body))

    async def adopt(self, body: WorkerBody) -> Session:
        """Take over turns of the worker that were made elsewhere; returns the session that holds them.

        That is another one where this session was never stored, and another program has stored one
        of the same worker meanwhile.

        Raises:
            LedgerError
        """
        return await self._request(partial(self._adopt, body))

    async def recover(self, orders: list[TurnRequest], *, watch: bool) -> list[str]:
        """Take up turns that a crash left open; returns the ids of those that have to be read.

        What may have left is watched (`watch`) or returned; what surely did not is queued again and
        held, or, where a script had ordered it, closed as not sent.

        Raises:
            LedgerError
        """
        return await self._request(partial(self._recover, orders, watch=watch))

    def detach(self) -> None:
        """Stop watching; the worker keeps running and may keep charging. Queued turns wait."""
        if self.queue or self.session.busy:
            self._stop_queue(Hold(HoldReason.DETACHED))
        if self._run_task is not None:
            self._run_task.cancel()
        self._tell()

    def stop(self) -> None:
        """The program leaves: what was not sent is withdrawn, what was is detached, and nothing starts."""
        self._stopping = True
        self.detach()

    def _stop_queue(self, hold: Hold) -> None:
        """Nothing that was sent until now starts without another word of the person."""
        self._stops += 1
        self._stopped_by = hold
        # A detach is the only hold that coming back ends: a stronger reason takes its place.
        if self.queue and (self.hold is None or self.hold.reason is HoldReason.DETACHED):
            self.hold = hold

    async def settled(self) -> Session:
        """Wait until nothing of this session is under way."""
        while not self._is_quiet():
            await self._quiet.wait()
        return self.session

    # -- sending ---------------------------------------------------------------------------
    async def _send(self, order: TurnRequest, ticket: SendTicket) -> str:
        if self.session.base_url != self._deps.home.base_url:
            raise Elsewhere(self.session.base_url)
        if (problem := self._log.no_history) is not None:
            raise problem
        await self._run_ending()
        ends = self._ends
        await self._deps.counter.check(self.session)
        await self._store(order)
        if self._stopping or ticket.cancelled:
            await self._close(self._turn(order.turn_id).order, [], TurnStatus.NOT_SENT, WITHDRAWN)
        elif ticket.stops != self._stops:
            self._queue(order.turn_id, self._stopped_by)
        elif self._run is not None or (self.queue and (not ticket.saw_hold or self._waits_for_detached())):
            self._queue(order.turn_id, None)
        elif self._ends != ends and (limit := await self._limit_hold()) is not None:
            # A turn has ended since the limits were read, and what it cost used one up.
            self._queue(order.turn_id, limit)
        else:
            # A held queue stays held: this message was sent by a person, those were not.
            self._start(order.turn_id, [])
        return order.turn_id

    def _queue(self, turn_id: str, hold: Hold | None) -> None:
        self.queue.append(turn_id)
        self.hold = self.hold or hold
        self._tell()

    def _waits_for_detached(self) -> bool:
        """The worker is still at a turn that we left: messages queued behind it keep their order."""
        sent = self.session.sent
        left = self.hold is not None and self.hold.reason is HoldReason.DETACHED
        return left and sent is not None and sent.status is TurnStatus.RUNNING

    async def _run_ending(self) -> None:
        """A turn that has ended for the person may still be on its way to the disk: wait for that."""
        if self._run is not None and not self._run.turn.live:
            await self._run_over.wait()

    async def _store(self, order: TurnRequest, replaces: tuple[str, Frame] | None = None) -> None:
        if not self.session.title:
            self.session = replace(self.session, title=title_from(order.prompt))
        order = replace(order, worker_id=order.worker_id or self.session.worker_id)
        self._stored.add(order.turn_id)
        await self._log.open_turn(self.session, order, replaces)
        self._put(Turn(order))

    async def _store_unsent(self, order: TurnRequest, why: Fault) -> str:
        await self._store(order)
        await self._close(self._turn(order.turn_id).order, [], TurnStatus.NOT_SENT, why)
        return order.turn_id

    def _start(self, turn_id: str, frames: list[Frame]) -> None:
        run = self._new_run(self._turn(turn_id).order)
        run.resume(frames)
        self._launch(run, run.start())

    # -- the queue -------------------------------------------------------------------------
    async def _withdraw(self, turn_id: str) -> str:
        at = self._place_in_queue(turn_id)
        frames = await self._log.frames(turn_id)
        del self.queue[at]
        order = self._turn(turn_id).order
        await self._close(order, frames, TurnStatus.NOT_SENT, WITHDRAWN)
        if not self.queue:
            self.hold = None
        self._tell()
        return order.prompt

    async def _edit_queued(self, turn_id: str, order: TurnRequest) -> str:
        at = self._place_in_queue(turn_id)
        old = self._turn(turn_id).order
        frames = await self._log.frames(turn_id)
        withdrawn = self._settled_frame(len(frames), TurnStatus.NOT_SENT, WITHDRAWN)
        await self._store(order, replaces=(turn_id, withdrawn))
        self.queue[at] = order.turn_id
        self.session = take_place(self.session, order.turn_id, turn_id)
        self._put(fold(old, [*frames, withdrawn]))
        self._unclosed.add(turn_id)
        with suppress(LedgerError):
            await self._close_ended()
        return order.turn_id

    async def _move_queued(self, turn_id: str, to: int) -> None:
        queue = list(self.queue)
        del queue[self._place_in_queue(turn_id)]
        queue.insert(max(0, min(to, len(queue))), turn_id)
        await self._place_last(*queue)
        self.queue = queue

    def _place_in_queue(self, turn_id: str) -> int:
        if turn_id not in self.queue:
            raise Busy("This message is already on its way.")
        return self.queue.index(turn_id)

    async def _place_last(self, *turn_ids: str) -> None:
        """Turns stand in the order in which they start; a message that was overtaken moves to the end."""
        await self._log.move_last(turn_ids)
        for turn_id in turn_ids:
            self.session = place_last(self.session, turn_id)
        self._tell()

    async def _resume(self, stops: int) -> Hold | None:
        if stops != self._stops:
            # Stopped again since the person asked to go on.
            return self.hold
        if self._run is None and self._waits_for_detached():
            await self._watch(None, stops)
            return None
        hold = await self._limit_hold() if self.queue else None
        if stops == self._stops:
            self.hold = hold
            self._tell()
            await self._start_next()
        return self.hold

    async def _limit_hold(self) -> Hold | None:
        """A limit that cannot be read counts as reached, and so does a history that cannot be written.

        Read again where a turn has ended meanwhile: what it cost may have used a limit up.
        """
        while True:
            ends = self._ends
            if (missing := self._log.no_history) is not None:
                return Hold(HoldReason.UNREADABLE, detail=missing.summary)
            try:
                reached = blocking(await self._deps.counter.read(self.session))
            except LedgerError as problem:
                return Hold(HoldReason.UNREADABLE, detail=problem.summary)
            if ends == self._ends:
                return None if reached is None else Hold(HoldReason.LIMIT, reached)

    async def _start_next(self) -> None:
        """Start the oldest queued turn, unless something is in the way."""
        if self._run is not None or not self.queue or self._is_held():
            return
        turn_id = self.queue[0]
        try:
            if was_overtaken(self.session, turn_id):
                await self._place_last(*self.queue)
            # A turn restored after a crash may hold the reading that was taken before its request.
            frames = await self._log.frames(turn_id)
        except LedgerError as problem:
            self._stop_queue(Hold(HoldReason.UNREADABLE, detail=problem.summary))
            self._tell()
            return
        if not self._is_held():
            del self.queue[0]
            self._start(turn_id, frames)

    def _is_held(self) -> bool:
        return self.hold is not None or self._stopping

    # -- runs ------------------------------------------------------------------------------
    def _new_run(self, order: TurnRequest) -> TurnRun:
        outside = self._deps.outside
        if outside.patience.money_interval is None and self._deps.counter.of(self.session.session_id):
            # Somebody set a limit: then the figures are wanted while there is time to act.
            pace = replace(outside.patience, money_interval=outside.patience.poll_interval)
            outside = replace(outside, patience=pace)
        return TurnRun(order, outside, lambda: self.session, self._put)

    def _launch(self, run: TurnRun, body: Coroutine[None, None, None]) -> None:
        self._quiet.clear()
        self._run_over.clear()
        self._run = run
        self._run_task = asyncio.get_running_loop().create_task(body, name=f"turn:{run.turn_id}")
        self._run_task.add_done_callback(partial(self._run_done, run))

    def _run_done(self, run: TurnRun, task: asyncio.Task[None]) -> None:
        """No await until the end of the run is known: nothing may start in between."""
        problem = None if task.cancelled() else task.exception()
        if run.turn.live:
            # Cancelled before its first step, or it failed where it could not say so.
            self._end_by_force(run, problem)
        self._run = self._run_task = None
        self._ends += 1
        self._run_over.set()
        self._unclosed.add(run.turn_id)
        self._post(partial(self._after_run, run))
        self._tell()

    def _end_by_force(self, run: TurnRun, problem: BaseException | None) -> None:
        try:
            run.leave(problem)
        except Exception as second:  # noqa: BLE001 - the turn ends with a state even when nothing can be noted
            fault = Fault(Kind.NETWORK, f"handinger-tui failed while it watched this turn: {second!r}.")
            self._put(replace(run.turn, status=TurnStatus.UNKNOWN, fault=fault))

    async def _after_run(self, run: TurnRun) -> None:
        """Close the turn, settle older ones by its last reading, go on with the queue where that is safe."""
        self._uncounted = False
        try:
            await self._close_ended()
            if run.last_body is not None:
                await self._settle_older(run.last_body)
        except LedgerError as problem:
            self._stop_queue(Hold(HoldReason.UNREADABLE, detail=problem.summary))
        if not self._stopping:
            # Read also without a queue: the screen shows what is left of the limits.
            limit = await self._limit_hold()
            if limit is not None and self.queue:
                self._stop_queue(limit)
        self._tell()
        await self._start_next()

    async def _close_ended(self) -> None:
        failure: LedgerError | None = None
        for turn_id in sorted(self._unclosed):
            try:
                await self._log.close_turn(self.session, turn_id)
                self._unclosed.discard(turn_id)
            except LedgerError as problem:
                failure = problem
        if failure is not None:
            raise failure

    async def _watch(self, turn_id: str | None, came_back: int | None) -> None:
        """`came_back`: `_stops` when the person asked for it; None where nobody did."""
        turn = self.session.sent if turn_id is None else self._turn(turn_id)
        if turn is None or self._run is not None or turn.turn_id in self.queue or self._stopping:
            return
        frames = await self._log.frames(turn.turn_id)
        if came_back is not None and came_back != self._stops:
            # The person left again after asking for it.
            return
        if came_back is not None and self.hold is not None and self.hold.reason is HoldReason.DETACHED:
            self.hold = None
        run = self._new_run(turn.order)
        run.resume(frames)
        self._launch(run, run.watch())

    # -- readings of the worker --------------------------------------------------------------
    async def _apply_reading(self, turn_id: str, body: WorkerBody) -> bool:
        turn = self.session.sent
        if turn is None or turn.turn_id != turn_id or self._run is not None:
            return False
        run = self._new_run(turn.order)
        run.resume(await self._log.frames(turn_id))
        ended = run.apply_reading(body)
        if not run.turn.live:
            self._unclosed.add(turn_id)
        await self._settle_older(body)
        return ended

    async def _settle_older(self, body: WorkerBody) -> None:
        """One reading of the worker holds the answers of all its turns: settle what stayed open."""
        own = self._run.turn_id if self._run is not None else ""
        for turn in unsettled_turns(self.session, body.snapshot, without=own):
            run = self._new_run(turn.order)
            run.resume(await self._log.frames(turn.turn_id))
            run.settle_by_reading(own_part(turn, body))
            self._unclosed.add(turn.turn_id)
        await self._close_ended()

    async def _adopt(self, body: WorkerBody) -> Session:
        if self._run is not None:
            return self.session
        stored = await self._log.load(self.session.session_id)
        # Another program may have stored turns of this session since it was opened here.
        newest = self.session if stored is None else replace(stored, worker_id=self.session.worker_id)
        turns = adopted_turns(newest, body, self._now_ms(), self._deps.ids)
        entered = await self._log.adopt(newest, turns)
        if entered.session_id != self.session.session_id:
            return entered
        if entered.turns != self.session.turns:
            self.session = replace(self.session, turns=with_kept_turns(self.session, entered))
            self._tell()
        await self._settle_older(body)
        return self.session

    # -- after a crash -----------------------------------------------------------------------
    async def _recover(self, orders: list[TurnRequest], *, watch: bool) -> list[str]:
        orders = await self._still_open(orders)
        frames = {order.turn_id: await self._log.frames(order.turn_id) for order in orders}
        left = [order for order in orders if may_have_left(order, frames[order.turn_id])]
        for order in orders:
            if order in left:
                continue
            if order.trigger is Trigger.HEADLESS:
                await self._close(order, frames[order.turn_id], TurnStatus.NOT_SENT, NOT_YET_SENT)
            elif watch:
                self.queue.append(order.turn_id)
                self._stop_queue(Hold(HoldReason.RESTORED))
        self._tell()
        if self._deps.home.forgetful:
            for order in left:
                await self._close(order, frames[order.turn_id], TurnStatus.INCOMPLETE, LOCAL_ENDED)
            return []
        if left and watch:
            await self._watch_newest([order.turn_id for order in left])
        return [order.turn_id for order in left]

    async def _still_open(self, orders: list[TurnRequest]) -> list[TurnRequest]:
        """Those of the turns that nobody has taken up, and that have not ended by their frames.

        One that has ended was only not closed, or it was withdrawn here since the history was asked.
        """
        ours = {*self._stored, *self.queue}
        left = [order for order in orders if order.turn_id not in ours]
        open_here = {turn.turn_id for turn in self.session.turns if turn.live}
        self._unclosed |= {order.turn_id for order in left if order.turn_id not in open_here}
        await self._close_ended()
        return [order for order in left if order.turn_id in open_here]

    async def _watch_newest(self, left: list[str]) -> None:
        """Only one turn is watched at a time; its readings settle the others."""
        watched = self._run.turn_id if self._run is not None else left[-1]
        for turn_id in left:
            if turn_id != watched:
                await self._leave(turn_id)
        await self._watch(watched, None)

    async def _leave(self, turn_id: str) -> None:
        run = self._new_run(self._turn(turn_id).order)
        run.resume(await self._log.frames(turn_id))
        run.departed = True
        run.leave()
        self._unclosed.add(turn_id)
        await self._close_ended()

    # -- money -------------------------------------------------------------------------------
    async def _recount(self) -> None:
        self._uncounted = False
        await self._deps.counter.count(self.session)

    async def _count(self) -> None:
        """Write what the running turn took so far; what comes meanwhile is counted in the next round."""
        self._counting = False
        if self._uncounted:
            with suppress(LedgerError):
                await self._recount()

    # -- the session value ---------------------------------------------------------------------
    def _turn(self, turn_id: str) -> Turn:
        return next(turn for turn in reversed(self.session.turns) if turn.turn_id == turn_id)

    def _put(self, turn: Turn) -> None:
        before = next((own for own in reversed(self.session.turns) if own.turn_id == turn.turn_id), None)
        self.session = replace(put_turn(self.session, turn), updated_ms=self._now_ms())
        if before is not None and before.live and not turn.live and self._is_running(turn):
            # At the moment at which the person can see it: what is sent from now on was sent knowing it.
            hold = hold_after(turn.status)
            if hold is not None:
                self._stop_queue(hold)
        self._uncounted = self._uncounted or figures_moved(before, turn)
        self._tell()
        if self._uncounted and not self._counting and self._run is not None and not self._stopping:
            self._counting = True
            self._post(self._count)

    def _is_running(self, turn: Turn) -> bool:
        return self._run is not None and self._run.turn_id == turn.turn_id

    async def _close(self, order: TurnRequest, frames: list[Frame], status: TurnStatus, fault: Fault) -> None:
        """Settle a turn that nobody runs; where the history cannot be written that is tried again later."""
        last = self._settled_frame(len(frames), status, fault)
        self._log.append(order.turn_id, last)
        self._put(fold(order, [*frames, last]))
        self._unclosed.add(order.turn_id)
        with suppress(LedgerError):
            await self._close_ended()

    def _settled_frame(self, seq: int, status: TurnStatus, fault: Fault) -> Frame:
        content = dump({"status": status, "recovered": False, "fault": fault_object(fault)})
        return Frame(seq, self._now_ms(), Framing.NOTE, content, Marker.SETTLED)

    def _tell(self) -> None:
        self._deps.tell(self.session.session_id)

    def _now_ms(self) -> int:
        return self._deps.outside.clock.now_ms()

    # -- the inbox ---------------------------------------------------------------------------------
    def _post(self, step: Callable[[], Coroutine[None, None, None]]) -> None:
        """A request of our own, whose result nobody awaits."""
        self._quiet.clear()
        self._inbox.post(partial(self._perform, step))

    async def _perform(self, step: Callable[[], Coroutine[None, None, None]]) -> None:
        """A failure nobody awaits ends in a held queue and a sentence, never in a lost exception."""
        try:
            await step()
        except Exception as problem:  # noqa: BLE001 - whatever it is, nothing may be sent after it unasked
            reason = problem.summary if isinstance(problem, HandingerError) else repr(problem)
            self.hold = Hold(HoldReason.UNREADABLE, detail=reason)
            self._tell()

    def close(self) -> None:
        """Refuse every new request, and stop."""
        self._closing = True
        self.stop()

    async def _request(self, handle: Callable[[], Coroutine[None, None, T]]) -> T:
        if self._closing:
            raise Busy("The program is leaving; nothing was sent.")
        self._quiet.clear()
        return await self._inbox.post(handle)

    def _is_quiet(self) -> bool:
        return self._run is None and self._inbox.idle

    def _check_quiet(self) -> None:
        if self._is_quiet():
            self._quiet.set()
