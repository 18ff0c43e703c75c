"""The owner of one open session: its queue, its run, and everything that changes them.

Requests go through one inbox and are handled one at a time, so nothing can change between a check
and the action that relies on it. A request waits for the history but never for the network: the
answer of a slow service is applied by a later request, which checks the session again. Methods
without an await (`detach`, `stop`) need no request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from handinger_tui.core.errors import HandingerError, LedgerError
from handinger_tui.core.jsontext import dump
from handinger_tui.core.money.limits import Gauge, blocking
from handinger_tui.core.stream.frames import Frame, Framing, Marker
from handinger_tui.core.stream.worker_snapshot import WorkerBody
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.outcome import outcome_object
from handinger_tui.core.turns.session import (
    Session,
    place_last,
    put_turn,
    take_place,
    title_from,
    was_overtaken,
    with_kept_turns,
)
from handinger_tui.core.turns.turn import (
    WITHDRAWN,
    Attachment,
    Fault,
    Kind,
    Trigger,
    Turn,
    TurnRequest,
    TurnStatus,
)
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
    """The dependencies of every actor."""

    run_deps: RunDeps
    ids: Ids
    context: ServiceContext
    limits: LimitTracker
    on_change: Callable[[str], None]
    """Called with the session id after every change."""


@dataclass(slots=True)
class SendTicket:
    """One request to send. A cancelled caller cancels it, and then nothing is posted."""

    stops: int
    """The value of `SessionActor._stops` when the user sent the message."""
    saw_hold: bool
    """The queue was held when the user sent the message, so the message need not wait for the hold."""
    cancelled: bool = False


class SessionActor:
    """Owns one session. Every public method is safe to call at any moment from the event loop."""

    def __init__(self, session: Session, deps: EngineDeps) -> None:
        self.session = session
        """The newest value of the session."""
        self._queue: list[str] = []
        """Ids of turns stored and not yet started, oldest first. A queued turn on the disk may belong to
        another program, which will send it: only turns in this list are ever started."""
        self.hold: Hold | None = None
        """Why the queue does not continue; None while nothing holds it."""
        self._deps = deps
        self._log = deps.run_deps.log
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
        """How often a turn that did not complete, or the user, has stopped the queue. A message that was
        sent before such a stop and is handled after it is queued."""
        self._stopped_by: Hold | None = None
        self._ends = 0
        """How many runs have ended."""
        self._stored: set[str] = set()
        """Ids of turns that this program stored; `recover` handles only those of other programs."""
        self._unclosed: set[str] = set()
        """Ids of ended turns whose end is not yet written to the history."""

    @property
    def running(self) -> bool:
        """Whether a turn is being sent or watched."""
        return self._run is not None

    @property
    def queue(self) -> tuple[str, ...]:
        """The ids of the queued turns, the next one to send first."""
        return tuple(self._queue)

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """The limits that apply with what is spent of them, as of the last read."""
        return self._deps.limits.of(self.session.session_id)

    # -- requests --------------------------------------------------------------------------
    async def send(
        self, prompt: str, budget: str | None = None, attachments: tuple[Attachment, ...] = ()
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
        ticket = SendTicket(self._stops, self.hold is not None)
        order = self._order(prompt, budget, attachments)
        try:
            return await self._request(partial(self._send, order, ticket))
        except asyncio.CancelledError:
            ticket.cancelled = True
            raise

    async def store_unsent(
        self, prompt: str, budget: str | None, attachments: tuple[Attachment, ...], why: Fault
    ) -> str:
        """Store a message that may not be sent as a turn with status NOT_SENT; returns its id.

        Raises:
            LedgerError
        """
        order = self._order(prompt, budget, attachments)
        return await self._request(partial(self._store_unsent, order, why))

    def _order(self, prompt: str, budget: str | None, attachments: tuple[Attachment, ...]) -> TurnRequest:
        return TurnRequest(
            turn_id=self._deps.ids.new("turn"),
            prompt=prompt,
            created_ms=self._now_ms(),
            budget=budget,
            attachments=attachments,
            trigger=self._deps.context.trigger,
        )

    async def withdraw(self, turn_id: str) -> str:
        """Withdraw a queued turn; returns its prompt.

        Raises:
            Busy: it is no longer queued.
            LedgerError: it stays queued.
        """
        return await self._request(partial(self._withdraw, turn_id))

    async def edit_queued(
        self,
        turn_id: str,
        prompt: str,
        budget: str | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> str:
        """Replace a queued message by another one in the same place; returns the new id.

        Raises:
            Busy: it is no longer queued.
            LedgerError: the old one stays as it was.
        """
        order = self._order(prompt, budget, attachments)
        return await self._request(partial(self._edit_queued, turn_id, order))

    async def move_queued(self, turn_id: str, to: int) -> None:
        """Move a queued turn to index `to` of the queue; 0 is the next to start.

        Raises:
            Busy: it is no longer queued.
            LedgerError: it stays where it was.
        """
        await self._request(partial(self._move_queued, turn_id, to))

    async def resume(self) -> Hold | None:
        """Continue a held queue; returns what still holds it, None when it continues.

        Raises:
            LedgerError
        """
        return await self._request(partial(self._resume, self._stops))

    async def watch(self, turn_id: str | None = None) -> None:
        """Watch a turn again (default: the newest that was sent), with GETs alone.

        Watching a detached turn ends its hold: the queue continues after the turn.

        Raises:
            LedgerError
        """
        await self._request(partial(self._watch, turn_id, self._stops))

    async def recount(self) -> tuple[Gauge, ...]:
        """Write what the turns cost so far, and read the limits again.

        Other programs may have spent money or raised a limit since the last read.

        Raises:
            LedgerError
        """
        await self._request(self._recount)
        return self.gauges

    async def look(self) -> bool:
        """Read the worker once for a detached turn; True when the turn has ended and is now complete here.

        Raises:
            ApiError: the turn stays as it is.
            LedgerError
        """
        turn = self.session.sent
        if turn is None or turn.status is not TurnStatus.RUNNING:
            return False
        return await self.refresh()

    async def refresh(self) -> bool:
        """Read the worker once to update the newest sent turn; True when the turn has ended by that.

        The read is dropped where the turn is watched by then, or is no longer the newest.

        Raises:
            ApiError, LedgerError
        """
        turn = self.session.sent
        worker_id = (turn.worker_id or turn.order.worker_id) if turn is not None else None
        if turn is None or worker_id is None or self.running:
            return False
        body = await self._deps.run_deps.api.read_worker(worker_id)
        return await self._request(partial(self._apply_reading, turn.turn_id, body))

    async def adopt(self, body: WorkerBody) -> Session:
        """Adopt turns of the worker that other programs started; returns the session that holds them.

        That is another session where this one was never stored and another program has stored one
        of the same worker in the meantime.

        Raises:
            LedgerError
        """
        return await self._request(partial(self._adopt, body))

    async def recover(self, orders: list[TurnRequest], *, watch: bool) -> list[str]:
        """Recover turns that a crash left open; returns the ids of those whose request may have left.

        With `watch`, the newest of these is watched, and turns that were not sent are queued again and
        held. A turn of a script that was not sent is always closed as NOT_SENT.

        Raises:
            LedgerError
        """
        return await self._request(partial(self._recover, orders, watch=watch))

    def detach(self) -> None:
        """Stop watching; the worker keeps running and may keep charging. The queue is held."""
        if self._queue or self.session.busy:
            self._stop_queue(Hold(HoldReason.DETACHED))
        if self._run_task is not None:
            self._run_task.cancel()
        self._notify()

    def stop(self) -> None:
        """Stop for good: a turn not yet sent is withdrawn, a sent one is detached, and no other starts."""
        self._stopping = True
        self.detach()

    def _stop_queue(self, hold: Hold) -> None:
        """Hold the queue: messages sent before this need an explicit `resume` of the user."""
        self._stops += 1
        self._stopped_by = hold
        # A detach is the only hold that coming back ends: a stronger reason takes its place.
        if self._queue and (self.hold is None or self.hold.reason is HoldReason.DETACHED):
            self.hold = hold

    async def settled(self) -> Session:
        """Wait until the session has no running turn and no pending request; returns its value."""
        while not self._is_quiet():
            await self._quiet.wait()
        return self.session

    # -- sending ---------------------------------------------------------------------------
    async def _send(self, order: TurnRequest, ticket: SendTicket) -> str:
        if self.session.base_url != self._deps.context.base_url:
            raise Elsewhere(self.session.base_url)
        if (problem := self._log.no_history) is not None:
            raise problem
        await self._run_ending()
        ends = self._ends
        await self._deps.limits.check(self.session)
        await self._store(order)
        # A turn that has ended since the limits were read may have used one up.
        limit = await self._limit_hold() if self._ends != ends else None
        # From here to the start there is no await: what is decided still holds when the turn starts.
        if self._stopping or ticket.cancelled:
            await self._close(self._turn(order.turn_id).order, [], TurnStatus.NOT_SENT, WITHDRAWN)
        elif ticket.stops != self._stops:
            self._enqueue(order.turn_id, self._stopped_by)
        elif self._run is not None or (self._queue and (not ticket.saw_hold or self._waits_for_detached())):
            self._enqueue(order.turn_id, None)
        elif limit is not None:
            self._enqueue(order.turn_id, limit)
        else:
            # A held queue stays held: the user sent this message knowingly, and did not resume the queue.
            self._start(order.turn_id, [])
        return order.turn_id

    def _enqueue(self, turn_id: str, hold: Hold | None) -> None:
        self._queue.append(turn_id)
        self.hold = self.hold or hold
        self._notify()

    def _waits_for_detached(self) -> bool:
        """Whether the worker still runs a detached turn: messages queued behind it keep their order."""
        sent = self.session.sent
        is_detached = self.hold is not None and self.hold.reason is HoldReason.DETACHED
        return is_detached and sent is not None and sent.status is TurnStatus.RUNNING

    async def _run_ending(self) -> None:
        """Wait for the run of a turn that has ended on the screen but is not written to the disk yet."""
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
        del self._queue[at]
        order = self._turn(turn_id).order
        await self._close(order, frames, TurnStatus.NOT_SENT, WITHDRAWN)
        if not self._queue:
            self.hold = None
        self._notify()
        return order.prompt

    async def _edit_queued(self, turn_id: str, order: TurnRequest) -> str:
        at = self._place_in_queue(turn_id)
        old = self._turn(turn_id).order
        frames = await self._log.frames(turn_id)
        withdrawn = self._settled_frame(len(frames), TurnStatus.NOT_SENT, WITHDRAWN)
        await self._store(order, replaces=(turn_id, withdrawn))
        self._queue[at] = order.turn_id
        self.session = take_place(self.session, order.turn_id, turn_id)
        self._put(fold(old, [*frames, withdrawn]))
        self._unclosed.add(turn_id)
        with suppress(LedgerError):
            await self._close_ended()
        return order.turn_id

    async def _move_queued(self, turn_id: str, to: int) -> None:
        queue = list(self._queue)
        del queue[self._place_in_queue(turn_id)]
        queue.insert(max(0, min(to, len(queue))), turn_id)
        await self._place_last(*queue)
        self._queue = queue

    def _place_in_queue(self, turn_id: str) -> int:
        if turn_id not in self._queue:
            raise Busy("This message is already on its way.")
        return self._queue.index(turn_id)

    async def _place_last(self, *turn_ids: str) -> None:
        """Move turns to the end: the turns of a session are in the order in which they start."""
        await self._log.move_last(turn_ids)
        for turn_id in turn_ids:
            self.session = place_last(self.session, turn_id)
        self._notify()

    async def _resume(self, stops: int) -> Hold | None:
        if stops != self._stops:
            # Stopped again since the user asked to continue.
            return self.hold
        if self._run is None and self._waits_for_detached():
            await self._watch(None, stops)
            return None
        hold = await self._limit_hold() if self._queue else None
        if stops == self._stops:
            self.hold = hold
            self._notify()
            await self._start_next()
        return self.hold

    async def _limit_hold(self) -> Hold | None:
        """The hold of a reached limit. One that cannot be read counts as reached; so does a missing history.

        The limits are read again where a turn has ended during the read: its cost may have used one up.
        """
        while True:
            ends = self._ends
            if (missing := self._log.no_history) is not None:
                return Hold(HoldReason.UNREADABLE, detail=missing.summary)
            try:
                reached = blocking(await self._deps.limits.read(self.session))
            except LedgerError as problem:
                return Hold(HoldReason.UNREADABLE, detail=problem.summary)
            if ends == self._ends:
                return None if reached is None else Hold(HoldReason.LIMIT, reached)

    async def _start_next(self) -> None:
        """Start the oldest queued turn, unless a turn runs or the queue is held."""
        if self._run is not None or not self._queue or self._is_held():
            return
        turn_id = self._queue[0]
        try:
            if was_overtaken(self.session, turn_id):
                await self._place_last(*self._queue)
            # A turn restored after a crash may have the frame of the read that was made before its request.
            frames = await self._log.frames(turn_id)
        except LedgerError as problem:
            self._stop_queue(Hold(HoldReason.UNREADABLE, detail=problem.summary))
            self._notify()
            return
        if not self._is_held():
            del self._queue[0]
            self._start(turn_id, frames)

    def _is_held(self) -> bool:
        return self.hold is not None or self._stopping

    # -- runs ------------------------------------------------------------------------------
    def _new_run(self, order: TurnRequest) -> TurnRun:
        deps = self._deps.run_deps
        if deps.policy.money_interval is None and self._deps.limits.of(self.session.session_id):
            # With a limit, the costs are needed while the user can still act on them.
            policy = replace(deps.policy, money_interval=deps.policy.poll_interval)
            deps = replace(deps, policy=policy)
        return TurnRun(order, deps, lambda: self.session, self._put)

    def _launch(self, run: TurnRun, body: Coroutine[None, None, None]) -> None:
        self._quiet.clear()
        self._run_over.clear()
        self._run = run
        self._run_task = asyncio.get_running_loop().create_task(body, name=f"turn:{run.turn_id}")
        self._run_task.add_done_callback(partial(self._run_done, run))

    def _run_done(self, run: TurnRun, task: asyncio.Task[None]) -> None:
        """Record the end of a run. Without an await, so that no other turn can start in between."""
        problem = None if task.cancelled() else task.exception()
        if run.turn.live:
            # It was cancelled before its first step, or failed before it could settle the turn.
            self._end_by_force(run, problem)
        self._run = self._run_task = None
        self._ends += 1
        self._run_over.set()
        self._unclosed.add(run.turn_id)
        self._post(partial(self._after_run, run))
        self._notify()

    def _end_by_force(self, run: TurnRun, problem: BaseException | None) -> None:
        try:
            run.leave(problem)
        except Exception as second:  # noqa: BLE001 - the turn ends with a status even when no frame can be stored
            fault = Fault(Kind.NETWORK, f"handinger-tui failed while it watched this turn: {second!r}.")
            self._put(replace(run.turn, status=TurnStatus.UNKNOWN, fault=fault))

    async def _after_run(self, run: TurnRun) -> None:
        """Close the turn, settle older ones by its last read, and continue the queue unless it is held."""
        self._uncounted = False
        try:
            await self._close_ended()
            if run.last_body is not None:
                await self._settle_older(run.last_body)
        except LedgerError as problem:
            self._stop_queue(Hold(HoldReason.UNREADABLE, detail=problem.summary))
        if not self._stopping:
            # Read also without a queue: the screen shows the new state of the limits.
            limit = await self._limit_hold()
            if limit is not None and self._queue:
                self._stop_queue(limit)
        self._notify()
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

    async def _watch(self, turn_id: str | None, stops: int | None) -> None:
        """Watch a turn. `stops`: `_stops` when the user asked for it; None where the program did."""
        turn = self.session.sent if turn_id is None else self._turn(turn_id)
        if turn is None or self._run is not None or turn.turn_id in self._queue or self._stopping:
            return
        frames = await self._log.frames(turn.turn_id)
        if stops is not None and stops != self._stops:
            # The user detached again after asking for it.
            return
        if stops is not None and self.hold is not None and self.hold.reason is HoldReason.DETACHED:
            self.hold = None
        run = self._new_run(turn.order)
        run.resume(frames)
        self._launch(run, run.watch())

    # -- reads of the worker -----------------------------------------------------------------
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
        """Settle earlier open turns: one read of the worker holds the answers of all its turns."""
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
            self._notify()
        await self._settle_older(body)
        return self.session

    # -- after a crash -----------------------------------------------------------------------
    async def _recover(self, orders: list[TurnRequest], *, watch: bool) -> list[str]:
        orders = await self._still_open(orders)
        frames = {order.turn_id: await self._log.frames(order.turn_id) for order in orders}
        departed = [order for order in orders if may_have_left(order, frames[order.turn_id])]
        for order in orders:
            if order in departed:
                continue
            if order.trigger is Trigger.HEADLESS:
                await self._close(order, frames[order.turn_id], TurnStatus.NOT_SENT, NOT_YET_SENT)
            elif watch:
                self._queue.append(order.turn_id)
                # Ours from now on: a second recovery must not queue a turn that this one has started.
                self._stored.add(order.turn_id)
                self._stop_queue(Hold(HoldReason.RESTORED))
        self._notify()
        if self._deps.context.forgetful:
            for order in departed:
                await self._close(order, frames[order.turn_id], TurnStatus.INCOMPLETE, LOCAL_ENDED)
            return []
        if departed and watch:
            await self._watch_newest([order.turn_id for order in departed])
        return [order.turn_id for order in departed]

    async def _still_open(self, orders: list[TurnRequest]) -> list[TurnRequest]:
        """Those of the turns that nobody has taken up, and that have not ended by their frames.

        One that has ended was only not closed, or it was withdrawn here since the history was asked.
        """
        ours = {*self._stored, *self._queue}
        left = [order for order in orders if order.turn_id not in ours]
        open_here = {turn.turn_id for turn in self.session.turns if turn.live}
        self._unclosed |= {order.turn_id for order in left if order.turn_id not in open_here}
        await self._close_ended()
        return [order for order in left if order.turn_id in open_here]

    async def _watch_newest(self, turn_ids: list[str]) -> None:
        """Watch the newest turn only, and detach the others: its reads settle them as well."""
        watched = self._run.turn_id if self._run is not None else turn_ids[-1]
        for turn_id in turn_ids:
            if turn_id != watched:
                await self._detach_recovered(turn_id)
        await self._watch(watched, None)

    async def _detach_recovered(self, turn_id: str) -> None:
        run = self._new_run(self._turn(turn_id).order)
        run.resume(await self._log.frames(turn_id))
        run.departed = True
        run.leave()
        self._unclosed.add(turn_id)
        await self._close_ended()

    # -- money -------------------------------------------------------------------------------
    async def _recount(self) -> None:
        self._uncounted = False
        await self._deps.limits.count(self.session)

    async def _count(self) -> None:
        """Write what the running turn cost so far; what arrives during the write is left to the next call."""
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
            # In the same step that publishes the end: a message sent after this was sent in view of it.
            hold = hold_after(turn.status)
            if hold is not None:
                self._stop_queue(hold)
        self._uncounted = self._uncounted or figures_moved(before, turn)
        self._notify()
        if self._uncounted and not self._counting and self._run is not None and not self._stopping:
            self._counting = True
            self._post(self._count)

    def _is_running(self, turn: Turn) -> bool:
        return self._run is not None and self._run.turn_id == turn.turn_id

    async def _close(self, order: TurnRequest, frames: list[Frame], status: TurnStatus, fault: Fault) -> None:
        """Settle a turn without a run; where the history cannot be written, that is retried later."""
        last = self._settled_frame(len(frames), status, fault)
        self._log.append(order.turn_id, last)
        self._put(fold(order, [*frames, last]))
        self._unclosed.add(order.turn_id)
        with suppress(LedgerError):
            await self._close_ended()

    def _settled_frame(self, seq: int, status: TurnStatus, fault: Fault) -> Frame:
        content = dump(outcome_object(status, fault))
        return Frame(seq, self._now_ms(), Framing.NOTE, content, Marker.SETTLED)

    def _notify(self) -> None:
        self._deps.on_change(self.session.session_id)

    def _now_ms(self) -> int:
        return self._deps.run_deps.clock.now_ms()

    # -- the inbox ---------------------------------------------------------------------------------
    def _post(self, step: Callable[[], Coroutine[None, None, None]]) -> None:
        """Post a request of our own, whose result is not awaited."""
        self._quiet.clear()
        self._inbox.post(partial(self._perform, step))

    async def _perform(self, step: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run a step whose result is not awaited; a failure holds the queue and is shown as its reason."""
        try:
            await step()
        except Exception as problem:  # noqa: BLE001 - after any failure nothing may be sent without the user
            reason = problem.summary if isinstance(problem, HandingerError) else repr(problem)
            self.hold = Hold(HoldReason.UNREADABLE, detail=reason)
            self._notify()

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
