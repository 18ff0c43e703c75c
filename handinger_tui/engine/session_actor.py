"""The owner of one open session: everything that changes the session is a request to it.

Requests go through one inbox and are handled one at a time, so nothing can change between a check
and the action that relies on it. A request waits for the history but never for the network: the
answer of a slow service is applied by a later request, which checks the session again. Methods
without an await (`detach`, `stop`, and those of `gate`) need no request.

Whether a message leaves now, waits or is held is decided by `core/acts.py`, which also words the hint.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.acts import Hold, HoldReason, Offer
from handinger_tui.core.errors import HandingerError, LedgerError, LimitStop, Refused
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import (
    LOCAL,
    Service,
    Session,
    move_to_place_of,
    was_overtaken,
    with_kept_turns,
)
from handinger_tui.core.turns.turn import (
    WITHDRAWN,
    Attachment,
    ErrorKind,
    Fault,
    Lineage,
    StartPolicy,
    Trigger,
    Turn,
    TurnRequest,
    TurnStatus,
)
from handinger_tui.engine.inbox import Busy, Inbox
from handinger_tui.engine.open_session import OpenSession
from handinger_tui.engine.queues import QueueGate, TurnQueue, hold_after
from handinger_tui.engine.session_limits import SessionLimits, hold_by, measured_hold
from handinger_tui.engine.settling import LateReader, Share, TurnSettler, adopted_turns
from handinger_tui.engine.turn_record import RunDeps, TurnRecord, may_have_departed
from handinger_tui.engine.turn_run import RunSlot, TurnRun

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from handinger_tui.core.prices import Prices
    from handinger_tui.core.stream import WorkerBody
    from handinger_tui.engine.ports import Ids, LimitReader, MessageOffers

T = TypeVar("T")
P = ParamSpec("P")

NOT_YET_SENT = Fault(
    ErrorKind.CONFLICT, "handinger-tui quit before this message was sent.", may_have_been_charged=False
)
LOCAL_ENDED = Fault(
    ErrorKind.INCOMPLETE,
    "The local worker stopped when handinger-tui quit. Start a new session (/new).",
    may_have_been_charged=False,
)


def ended_with_program(session: Session) -> Session:
    """A session of a local worker of an earlier program: that worker has ended, and no turn runs.

    Only the copy in memory says so: another program that still runs owns what it stored.
    """
    turns = tuple(
        replace(turn, status=TurnStatus.INCOMPLETE, fault=LOCAL_ENDED)
        if turn.status is TurnStatus.RUNNING
        else turn
        for turn in session.turns
    )
    return replace(session, worker_id=None, turns=turns)


class Elsewhere(HandingerError):
    """The worker of the session belongs to another service than the one the engine talks to."""

    def __init__(self, session: Session, context: ServiceContext) -> None:
        base_url = session.base_url
        if base_url == context.base_url:
            super().__init__(
                f"This session belongs to the {session.generation} generation of the API. Nothing was sent.",
                f"Start with --generation {session.generation} to use it.",
            )
            return
        if session.turns and session.turns[0].imported:
            # Anybody may have written the file: its address is no advice, the key would go there.
            shown = clean_line(base_url, 100)
            super().__init__(
                f"This session was imported, and its file names another service: {shown}. Nothing was sent.",
                "You can read, search and export it here. Send the message in a session of your own.",
            )
            return
        is_local = base_url == LOCAL
        service = "the local worker" if is_local else base_url or "another service"
        super().__init__(
            f"This session belongs to {service}. Nothing was sent.",
            f"Start with {'--local' if is_local else f'--base-url {base_url}'} to use it.",
        )


class ServiceContext(Struct, frozen=True):
    """The service that the engine talks to, and how its turns are marked.

    `forgetful`: the workers of the service end with the program (local worker). `trigger`: what
    starts the turns of this program, recorded with each of them.
    """

    base_url: str = ""
    forgetful: bool = False
    trigger: Trigger = Trigger.APP
    generation: str = "workers"
    prices: Prices | None = None
    """See `Session`."""

    @property
    def service(self) -> Service:
        """The service, as sessions name it."""
        return Service(self.base_url, self.generation)


class EngineDeps(Struct, frozen=True):
    """The dependencies of every actor."""

    run_deps: RunDeps
    ids: Ids
    context: ServiceContext
    limits: LimitReader | None
    on_change: Callable[[str], None]
    """Called with the session id after every change."""
    share: Share
    """Applies a reading of a task to its turns in other sessions."""
    offers: MessageOffers | None = None
    """Messages from and for other programs; None: there are none."""

    def new_request(
        self,
        prompt: str,
        budget: str | None,
        attachments: tuple[Attachment, ...],
        lineage: Lineage | None = None,
        turn_id: str = "",
    ) -> TurnRequest:
        """The request of a new turn. `turn_id`: "" for a new id."""
        return TurnRequest(
            turn_id=turn_id or self.ids.new("turn"),
            prompt=prompt,
            created_ms=self.run_deps.clock.now_ms(),
            budget=budget,
            attachments=attachments,
            trigger=self.context.trigger,
            lineage=lineage,
        )


@dataclass(slots=True)
class SendTicket:
    """One request to send. A cancelled caller cancels it, and then nothing is posted."""

    stops: int
    """The value of `TurnQueue.stops` when the user sent the message."""
    saw_hold: bool
    """The queue was held when the user sent the message, so the message need not wait for the hold."""
    start: StartPolicy = StartPolicy.MEASURED
    held: bool = False
    """The user was told that the message waits."""
    cancelled: bool = False


def request(
    handle: Callable[Concatenate[SessionActor, P], Coroutine[None, None, T]],
) -> Callable[Concatenate[SessionActor, P], Coroutine[None, None, T]]:
    """A method that is handled to its end before the next request begins.

    A request must not call another request: it would wait for itself.
    """

    @wraps(handle)
    async def requested(self: SessionActor, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.inbox.request(partial(handle, self, *args, **kwargs))

    return requested


class SessionActor:
    """Owns one session. Every public method is safe to call at any moment from the event loop."""

    def __init__(self, session: Session, deps: EngineDeps) -> None:
        log, clock = deps.run_deps.log, deps.run_deps.clock
        self._deps = deps
        self._log = log
        self.inbox = Inbox(self._request_failed)
        self.queue = TurnQueue()
        self.store = OpenSession(session, deps.run_deps, self._turn_changing, deps.on_change)
        self.runs = RunSlot(self._run_ended)
        self.is_let_go = False
        """The person stopped watching: the program does not begin again by itself."""
        self._recovered: set[str] = set()
        """Ids of turns that were taken over from programs that ended."""
        self.gate = QueueGate(self.queue, self.store, lambda: self.running)
        self._limits = SessionLimits(self.store, log, deps.limits, lambda: self.runs.ends, self.inbox.post)
        window_s = deps.run_deps.policy.recovery_window
        self._settler = TurnSettler(self.store, log, clock, window_s, deps.share)
        self.late = LateReader(deps.run_deps, self.store, self._settler, self.inbox, lambda: self.running)

    @property
    def session(self) -> Session:
        """The newest value of the session."""
        return self.store.value

    @property
    def running(self) -> bool:
        """Whether a turn is being sent or watched."""
        return self.runs.record is not None

    @property
    def queued(self) -> tuple[Turn, ...]:
        """The turns that wait in the queue, the next one to send first."""
        turns = {turn.turn_id: turn for turn in self.session.turns} if self.queue.ids else {}
        return tuple(turns[turn_id] for turn_id in self.queue.ids if turn_id in turns)

    @property
    def hold(self) -> Hold | None:
        """What holds the queue; None also while nothing waits in it."""
        return self.queue.hold if self.queue.ids else None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, waits, or is left running."""
        is_idle = self.inbox.idle.is_set() and not (self.running or self.queue.ids)
        return is_idle and self.session.unwatched is None

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """The limits that apply with what is spent of them, as of the last read."""
        return self._limits.gauges

    async def settled(self) -> Session:
        """Wait until the session has no running turn and no pending request; returns its value."""
        while self.running or not self.inbox.idle.is_set():
            await self.runs.free.wait()
            await self.inbox.idle.wait()
        return self.session

    # -- sending ---------------------------------------------------------------------------
    async def send(  # noqa: PLR0913 - what is sent, and what the person was told of it
        self,
        prompt: str,
        budget: str | None = None,
        attachments: tuple[Attachment, ...] = (),
        *,
        start: StartPolicy = StartPolicy.MEASURED,
        lineage: Lineage | None = None,
        offer: Offer | None = None,
        turn_id: str = "",
    ) -> str:
        """Store a turn and start it, or queue it behind the running one; returns its id.

        A held queue stays held: a message sent now does not wait for it. `offer`: what the person has read of
        what this does, None: nothing. Whether the message goes past a queue that was held then, and whether
        it waits until they send it, is so whatever has changed since. While a turn runs at the worker
        unwatched, the message is queued and held, since the service would refuse it. When the caller is
        cancelled (or `stop` is called) before the turn starts, the turn is kept as not sent. `turn_id`: ""
        for a new id.

        Raises:
            Elsewhere: the session belongs to another service; nothing was sent.
            LimitReached: a limit is used up, or reserved by running turns; nothing was stored or sent.
            LimitUnmeasured: whether a limit will hold is unknown; `start` UNMEASURED sends anyway.
            NoHistory: turns cannot be recorded, and the user has not agreed to go without.
            LedgerError: the turn could not be stored; nothing was sent.
        """
        saw_hold = self.queue.hold is not None if offer is None else offer.passes
        ticket = SendTicket(self.queue.stops, saw_hold, start, held=offer is not None and offer.holds)
        try:
            turn_request = self._deps.new_request(prompt, budget, attachments, lineage, turn_id)
            return await self._send(turn_request, ticket)
        except CancelledError:
            ticket.cancelled = True
            raise

    @request
    async def _send(self, turn_request: TurnRequest, ticket: SendTicket) -> str:
        if self.session.service != self._deps.context.service:
            raise Elsewhere(self.session, self._deps.context)
        if (problem := self._log.no_history) is not None:
            raise problem
        await self.runs.ending()
        # The end of the previous turn is written first: until then it reserves room under the limits.
        await self._settler.close_ended()
        # What another program has begun in this session by now.
        await self.store.charge()
        queue = self.queue
        # Decided before the limits are read: a turn that ends during the read may use one up.
        state = self.gate.state
        waits, is_held = ticket.held or state.queues(saw_hold=ticket.saw_hold), ticket.held or state.busy
        await self._limits.check()
        await self.store.store(turn_request, start=None if waits else ticket.start)
        is_stopped = ticket.stops != queue.stops
        if self.gate.is_closed or ticket.cancelled:
            await self._settler.close(
                self.store.turn(turn_request.turn_id).request, [], TurnStatus.NOT_SENT, WITHDRAWN
            )
        elif waits or is_stopped:
            # The turn that it waits for may have ended by now; `_go_on` then starts the queue.
            hold = Hold(HoldReason.DETACHED) if is_held else None
            queue.add(turn_request.turn_id, queue.stopped_by if is_stopped else hold)
            if not waits:
                # The message is queued whatever becomes of its reservation, which its start replaces.
                with suppress(LedgerError):
                    await self._log.release_turn(turn_request.turn_id)
        else:
            # A held queue stays held: the user sent this message knowingly, and did not resume the queue.
            self._launch(self.store.new_record(turn_request.turn_id), TurnRun.send)
        self.store.publish()
        return turn_request.turn_id

    @request
    async def store_unsent(
        self, prompt: str, budget: str | None, attachments: tuple[Attachment, ...], why: Fault
    ) -> str:
        """Store a message that may not be sent as a turn with status NOT_SENT; returns its id.

        Raises:
            LedgerError
        """
        turn_request = self._deps.new_request(prompt, budget, attachments)
        await self.store.store(turn_request)
        await self._settler.close(self.store.turn(turn_request.turn_id).request, [], TurnStatus.NOT_SENT, why)
        return turn_request.turn_id

    # -- messages of another program -------------------------------------------------------
    @request
    async def offer(
        self, prompt: str, budget: str | None, attachments: tuple[Attachment, ...]
    ) -> tuple[str, bool]:
        """Store a message for the program that watches this session; its id, and whether there is one.

        Where there is none, the message is in the queue here. It is held until `resume`.

        Raises:
            LedgerError
        """
        turn_request = replace(self._deps.new_request(prompt, budget, attachments), trigger=Trigger.APP)
        await self.store.store(turn_request)
        offers = self._deps.offers
        is_offered = offers is not None and await offers.offer(turn_request.turn_id)
        if not is_offered:
            self.queue.add(turn_request.turn_id, Hold(HoldReason.DETACHED))
        self.store.publish()
        return turn_request.turn_id, is_offered

    @request
    async def take_back(self, turn_id: str) -> bool:
        """Queue an offered message here, held; False: the other program has taken it, and sends it.

        Raises:
            LedgerError
        """
        is_ours = self._deps.offers is None or await self._deps.offers.take_back(turn_id)
        if is_ours:
            self.queue.add(turn_id, Hold(HoldReason.DETACHED))
            self.store.publish()
        return is_ours

    @request
    async def take(self, turn_request: TurnRequest) -> None:
        """Queue a message that another program has offered, as one that was entered here."""
        if self.session.find(turn_request.turn_id) is None:
            self.store.own_ids.add(turn_request.turn_id)
            self.store.put(Turn(turn_request))
            self.queue.add(turn_request.turn_id, Hold(HoldReason.DETACHED) if self.gate.state.busy else None)
            self.store.publish()
            self.inbox.post(self._go_on)

    # -- the queue -------------------------------------------------------------------------
    @request
    async def withdraw(self, turn_id: str) -> str:
        """Withdraw a queued turn; returns its prompt.

        Raises:
            Busy: it is no longer queued.
            LedgerError: it stays queued.
        """
        self.queue.position(turn_id)
        frames = await self._log.frames(turn_id)
        turn_request = self.store.turn(turn_id).request
        waited = self.gate.state.waits_at_edit
        self.queue.remove(turn_id)
        self.gate.hold_after_edit(waited=waited)
        await self._settler.close(turn_request, frames, TurnStatus.NOT_SENT, WITHDRAWN)
        self.store.publish()
        return turn_request.prompt

    @request
    async def edit_queued(
        self,
        turn_id: str,
        prompt: str,
        budget: str | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> str:
        """Replace a queued message by another one in the same place; returns the new id.

        That ends its edit: where the queue waited for it, it goes on.

        Raises:
            Busy: it is no longer queued.
            LedgerError: the old one stays as it was.
        """
        self.queue.position(turn_id)
        was_edited = self.queue.edited == turn_id
        old = self.store.turn(turn_id).request
        turn_request = self._deps.new_request(prompt, budget, attachments, old.lineage)
        frames = await self._log.frames(turn_id)
        withdrawn = self._settler.settled_frame(len(frames), TurnStatus.NOT_SENT, WITHDRAWN)
        await self.store.store(turn_request, replaces=(turn_id, withdrawn))
        self.queue.replace(turn_id, turn_request.turn_id)
        self.store.value = move_to_place_of(self.session, turn_request.turn_id, turn_id)
        await self._settler.close_settled(old, [*frames, withdrawn])
        if was_edited:
            self.inbox.post(self._go_on)
        return turn_request.turn_id

    @request
    async def move_queued(self, turn_id: str, by: int) -> None:
        """Move a queued turn by `by` positions, at most to the end; a negative number lets it start earlier.

        Raises:
            Busy: it is no longer queued.
            LedgerError: it stays where it was.
        """
        ids = self.queue.moved(turn_id, self.queue.position(turn_id) + by)
        await self.store.move_to_end(*ids)
        waited = self.gate.state.waits_at_edit
        self.queue.ids = ids
        self.gate.hold_after_edit(waited=waited)
        self.store.publish()

    async def resume(self, start: StartPolicy = StartPolicy.MEASURED, only: str | None = None) -> Hold | None:
        """Continue a held queue; returns what still holds it, None when it continues.

        Nothing is sent to a worker whose turn runs unwatched: watch it first.

        `start` applies to the next turn only. `only`: the id of a queued turn that is sent before the
        others, which stay held; while a turn runs, watched or not, it becomes the next one.

        Raises:
            Busy: `only` is no longer queued, or is being edited.
            LimitReached: a limit forbids `only`, which stays queued as the next one.
            LedgerError
        """
        stops = self.queue.stops
        if only is not None:
            return await self._send_first(only, stops, start)
        # A queue that nothing holds goes on by itself; the user did not see what holds it by then.
        seen = frozenset(self.queue.ids)
        return await self._resume(stops, start, seen) if self.queue.hold is not None else None

    @request
    async def _resume(self, stops: int, start: StartPolicy, seen: frozenset[str]) -> Hold | None:
        queue = self.queue
        if stops != queue.stops or self.gate.state.busy or not seen.issuperset(queue.ids):
            # Stopped again since the user asked to continue, or the worker would refuse it, or a message that
            # the user did not see in the queue is held by now.
            return queue.hold
        hold = await self._limits.hold() if queue.ids else None
        if stops == queue.stops:
            queue.hold = hold
            self.store.publish()
            await self._start_next(start)
        return queue.hold

    @request
    async def _send_first(self, turn_id: str, stops: int, start: StartPolicy) -> Hold | None:
        """Make a queued turn the next one, and start it despite the hold unless a turn runs."""
        queue = self.queue
        ids = queue.moved(turn_id, 0)
        if queue.edited == turn_id:
            raise Busy("This message is being edited. Put it back in the queue first.")
        await self.runs.ending()
        await self._settler.close_ended()
        await self.store.move_to_end(*ids)
        waited = self.gate.state.waits_at_edit
        queue.ids = ids
        self.store.publish()
        try:
            if stops == queue.stops and not self.gate.state.busy:
                past = queue.hold
                await self._limits.check()
                if stops == queue.stops:
                    await self._start_next(start, past=past)
        finally:
            self.gate.hold_after_edit(waited=waited)
        return queue.hold

    async def _start_next(self, start: StartPolicy = StartPolicy.MEASURED, past: Hold | None = None) -> None:
        """Start the oldest queued turn, unless a turn runs, the queue waits or is held, or there is no room.

        `past`: the hold that does not apply to this turn; with it, a failure to start is raised.
        """
        queue = self.queue
        if not self.gate.may_start(past):
            return
        turn_id, stops = queue.ids[0], queue.stops
        try:
            if was_overtaken(self.session, turn_id):
                await self.store.move_to_end(*queue.ids)
            # A turn restored after a crash may have the frame of the read that was made before its request.
            record = await self.store.record_of(turn_id)
            now_ms = self._deps.run_deps.clock.now_ms()
            await self._log.start_turn(self.session, record.request, now_ms, start)
            if queue.stops != stops or not self.gate.may_start(past):
                await self._log.release_turn(turn_id)
                return
        except (LedgerError, LimitStop) as problem:
            if past is not None:
                raise
            queue.stop(hold_by(problem))
            self.store.publish()
            return
        queue.remove(turn_id)
        self._launch(record, TurnRun.send)

    # -- runs ------------------------------------------------------------------------------
    def _launch(self, record: TurnRecord, body: Callable[[TurnRun], Coroutine[None, None, None]]) -> None:
        deps = self._deps.run_deps
        if deps.policy.money_interval is None and self.gauges:
            # With a limit, the costs are needed while the user can still act on them.
            policy = replace(deps.policy, money_interval=deps.policy.poll_interval)
            deps = replace(deps, policy=policy)
        self.late.cancel()
        self.is_let_go = False
        self.runs.launch(record, partial(body, TurnRun(record, deps)))

    def _turn_changing(self, before: Turn | None, now: Turn) -> None:
        is_running = self.runs.turn_id == now.turn_id
        if before is not None and before.live and not now.live and is_running:
            # In the same step that publishes the end: a message sent after this was sent in view of it.
            hold = hold_after(now.status)
            if hold is not None:
                self.queue.stop(hold)
        record = self.runs.record
        is_written_here = record is not None and record.is_ours and not self.gate.is_closed
        self._limits.observe(before, now, running=is_written_here)
        was_read = before is not None and before.before is None and now.before is not None
        if is_running and was_read and record is not None and record.look is not None:
            self.inbox.post(partial(self._use_look, record.look, now.turn_id))

    async def _use_look(self, look: WorkerBody, turn_id: str) -> None:
        """Settle earlier turns by the reading just before a turn: it may show late costs of theirs."""
        with suppress(LedgerError):
            await self._settler.settle_older(look, without=turn_id)

    def _run_ended(self, record: TurnRecord) -> None:
        if record.is_ours:
            self._settler.ended([record.turn_id])
        self.inbox.post(partial(self._go_on, record))
        self.store.publish()

    async def _go_on(self, record: TurnRecord | None = None) -> None:
        """Close the turn that has ended, settle older ones by its last read, and continue the queue.

        None: no turn has ended, but what kept the queue back.
        """
        self._limits.closed()
        try:
            await self._settler.close_ended()
            if not self.running:
                # Before the reading is used: it is about turns of other programs, too.
                await self.store.take_added()
            if record is not None and record.last_body is not None:
                await self._settler.settle_older(record.last_body, without=self.runs.turn_id)
        except LedgerError as problem:
            self.queue.stop(Hold(HoldReason.UNREADABLE, detail=problem.summary))
        if not self.gate.is_closed:
            # Read also without a queue: the screen shows the new state of the limits.
            limit = await self._limits.hold()
            if limit is not None and self.queue.ids:
                self.queue.stop(limit)
        self.store.publish()
        await self._start_next()
        # A turn that was not sent leaves nothing to read; the readings after the one before it go on.
        turn = None if self._deps.context.forgetful else self.session.departed
        if not (record is None or turn is None or self.running or self.gate.is_closed):
            self.late.begin(turn.turn_id)

    async def watch(self, turn_id: str | None = None) -> None:
        """Watch a turn again (default: the newest that was sent). Free: it only makes GET requests.

        A held queue stays held, also when the turn has ended.

        Raises:
            LedgerError
        """
        stops = self.queue.stops
        await self.inbox.request(lambda: self._watch(turn_id, lambda: stops != self.queue.stops))

    async def watch_left(self) -> None:
        """Watch the turn that was left running, unless the person stopped watching. Raises LedgerError."""
        await self.inbox.request(self._watch_left)

    async def _watch_left(self) -> None:
        turn = self.session.unwatched
        if turn is not None and not self.is_let_go:
            await self._watch(turn.turn_id, lambda: self.is_let_go)

    async def _watch(self, turn_id: str | None, is_unwanted: Callable[[], bool]) -> None:
        """Watch a turn. `is_unwanted()`: whether the user detached again after asking for it."""
        turn = self.session.sent if turn_id is None else self.store.turn(turn_id)
        is_busy = self.running or self.gate.is_closed
        is_elsewhere = self.session.service != self._deps.context.service
        if turn is None or turn.imported or turn.turn_id in self.queue.ids or is_busy or is_elsewhere:
            return
        is_ours = await self._log.claim(turn.turn_id)
        record = await self.store.record_of(turn.turn_id)
        record.is_ours = is_ours
        if is_unwanted():
            return
        self._launch(record, TurnRun.watch)

    def detach(self) -> None:
        """Stop watching; the worker keeps running and may keep charging. The queue is held."""
        if self.queue.ids or self.session.busy:
            self.queue.stop(Hold(HoldReason.DETACHED))
        self.is_let_go = True
        self.runs.cancel()
        self.store.publish()

    def stop(self) -> None:
        """Stop for good: a turn not yet sent is withdrawn, a sent one is detached, and no other starts."""
        self.gate.is_closed = True
        self.late.cancel()
        self.detach()

    # -- reads of the worker -----------------------------------------------------------------
    async def refresh_detached(self) -> bool:
        """Read the worker once for a detached turn; True when the turn has ended and is now complete here.

        Raises:
            ApiError: the turn stays as it is.
            LedgerError
        """
        turn = self.session.sent
        if turn is None or turn.status is not TurnStatus.RUNNING:
            return False
        return await self.refresh()

    async def refresh(self, *, late: bool = False) -> bool:
        """Read the worker once to update the newest sent turn; True when the turn has ended by that.

        `late`: a reading of a turn that has ended is stored only if it brings or confirms figures.

        Nothing is read where the session belongs to another service. The read is dropped where the turn is
        watched by then, or is no longer the newest. Where the worker is not known, here or to the service,
        its open turns end as unknown after some time.

        Raises:
            ApiError, LedgerError
        """
        if late:
            await self._take_newer()
        turn = self.session.sent
        if turn is None or turn.imported or self.running:
            return False
        if self.session.service != self._deps.context.service:
            return False
        worker_id = turn.target
        if worker_id is None:
            await self.inbox.request(partial(self._settler.end_without_worker, None))
            if late:
                await self._refresh_others(None)
            return False
        try:
            body = await self._read(worker_id)
        except Refused as refusal:
            if late and refusal.kind is ErrorKind.NOT_FOUND:
                await self._refresh_others(worker_id)
            raise
        has_ended = await self._apply_reading(turn.turn_id, body, late=late)
        if late:
            await self._refresh_others(worker_id)
        return has_ended

    @request
    async def _take_newer(self) -> None:
        if not self.running:
            await self.store.take_newer()

    async def _refresh_others(self, worker_id: str | None) -> None:
        """Read the other workers of the session: two programs may have begun one each."""
        turns = [turn for turn in self.session.turns if turn.may_spend and not turn.imported]
        newest = {turn.target: turn.turn_id for turn in turns if turn.target not in {None, worker_id}}
        for target, turn_id in newest.items():
            if target is None:
                continue
            try:
                body = await self._read(target)
            except Refused as refusal:
                if refusal.kind is not ErrorKind.NOT_FOUND:
                    raise
            else:
                await self._apply_other_reading(turn_id, body)

    async def _read(self, worker_id: str) -> WorkerBody:
        """Read a worker. If the service does not know it, its open turns end as unknown after some time.

        Raises:
            ApiError, LedgerError
        """
        try:
            return await self._deps.run_deps.reads.read_worker(worker_id)
        except Refused as refusal:
            if refusal.kind is ErrorKind.NOT_FOUND:
                await self.inbox.request(partial(self._settler.end_without_worker, worker_id))
            raise

    @request
    async def _apply_other_reading(self, turn_id: str, body: WorkerBody) -> None:
        turn = next((turn for turn in self.session.turns if turn.turn_id == turn_id), None)
        if turn is not None and not self.running and self._settler.brings_news(turn, body):
            await self._settler.apply_reading(turn_id, body)

    @request
    async def _apply_reading(self, turn_id: str, body: WorkerBody, *, late: bool) -> bool:
        turn = self.session.sent
        if turn is None or turn.turn_id != turn_id or self.running:
            return False
        if late:
            return await self._settler.apply_late_reading(turn, body)
        return await self._settler.apply_reading(turn_id, body)

    @request
    async def take_reading(self, worker_id: str, body: WorkerBody) -> None:
        """Apply a reading of a worker of the session that was made before the session was open.

        Raises:
            LedgerError
        """
        if self.running:
            return
        await self.store.take_newer()
        await self._apply_to_newest(worker_id, body)
        self.store.publish()

    async def _apply_to_newest(self, worker_id: str | None, body: WorkerBody) -> None:
        """Apply a reading of a worker to its newest turn, and to earlier ones. Raises LedgerError."""
        turns = [turn for turn in self.session.turns if turn.may_spend and turn.target == worker_id]
        if turns and not turns[-1].imported:
            await self._settler.apply_late_reading(turns[-1], body)
        else:
            await self._settler.settle_older(body)

    @request
    async def settle_by(self, body: WorkerBody) -> None:
        """Settle turns of a task by a reading that another session has made.

        Raises:
            LedgerError
        """
        if self.session.service == self._deps.context.service:
            await self._settler.settle_by(body, without=self.runs.turn_id)
            self.store.publish()

    @request
    async def adopt(self, body: WorkerBody) -> Session:
        """Adopt turns of the worker that other programs started; returns the session that holds them.

        That is another session where this one was never stored and another program has stored one
        of the same worker in the meantime.

        Raises:
            LedgerError
        """
        if self.running:
            return self.session
        stored = await self._log.load(self.session.session_id)
        # Another program may have stored turns of this session since it was opened here.
        newest = self.session if stored is None else replace(stored, worker_id=self.session.worker_id)
        newest = replace(newest, stored_worker_id=newest.stored_worker_id or body.snapshot.stored_worker_id)
        turns = adopted_turns(newest, body, self._deps.run_deps.clock.now_ms(), self._deps.ids)
        entered = await self._log.adopt(newest, turns)
        if entered.session_id != self.session.session_id:
            return entered
        if entered.turns != self.session.turns:
            self.store.value = replace(
                self.session,
                turns=with_kept_turns(self.session, entered),
                stored_worker_id=entered.stored_worker_id,
                title=self.session.title or entered.title,
            )
            self.store.publish()
        await self._apply_to_newest(self.session.worker_id, body)
        return self.session

    @request
    async def recount(self) -> tuple[Gauge, ...]:
        """Write what the turns cost so far, and read the limits again.

        Other programs may have spent money or raised a limit since the last read. A queue that a limit held
        stays held; its hold says that the limit no longer does.

        Raises:
            LedgerError
        """
        await self._limits.count()
        if not self.running:
            await self.store.take_added()
        before = self.queue.hold
        self.queue.hold = measured_hold(before, self.gauges)
        if self.queue.hold != before:
            self.store.publish()
        return self.gauges

    # -- after a crash -----------------------------------------------------------------------
    def is_author(self, turn_id: str) -> bool:
        """Whether this program stored a turn, or has taken it over from one that was killed."""
        return turn_id in self.store.own_ids or turn_id in self._recovered

    @request
    async def recover(self, turn_requests: list[TurnRequest], *, watch: bool) -> list[str]:
        """Recover turns that a crash left open; returns the ids of those whose request may have left.

        With `watch`, the newest of these is watched, and turns that were not sent are queued again and
        held. A turn of a script that was not sent is always closed as NOT_SENT.

        Raises:
            LedgerError
        """
        ours = self.store.own_ids | {*self.queue.ids}
        others = [turn_request for turn_request in turn_requests if turn_request.turn_id not in ours]
        departed: list[str] = []
        for turn_request, frames in await self._settler.take_over(others):
            if may_have_departed(turn_request, frames):
                departed.append(turn_request.turn_id)
                if self._deps.context.forgetful:
                    await self._settler.close(turn_request, frames, TurnStatus.INCOMPLETE, LOCAL_ENDED)
            elif turn_request.trigger is Trigger.HEADLESS:
                await self._settler.close(turn_request, frames, TurnStatus.NOT_SENT, NOT_YET_SENT)
            else:
                # It has a reservation where the program ended between its start and its first byte.
                await self._log.release_turn(turn_request.turn_id)
                if watch:
                    self.queue.add(turn_request.turn_id)
                    # Ours from now on: a second recovery must not queue a turn that this one has started.
                    self.store.own_ids.add(turn_request.turn_id)
                    self.queue.stop(Hold(HoldReason.RESTORED))
        self._recovered.update(departed)
        self.store.publish()
        if self._deps.context.forgetful:
            return []
        if departed and watch:
            # The newest turn only: its reads settle the others as well.
            watched = self.runs.turn_id or departed[-1]
            for turn_id in departed:
                if turn_id != watched:
                    await self._settler.detach(turn_id)
            await self._watch(watched, lambda: False)
        return departed

    def _request_failed(self, problem: Exception) -> None:
        """Hold the queue after a request without a caller failed: nothing may be sent without the user."""
        reason = problem.summary if isinstance(problem, HandingerError) else repr(problem)
        self.queue.hold = Hold(HoldReason.UNREADABLE, detail=reason)
        self.store.publish()
