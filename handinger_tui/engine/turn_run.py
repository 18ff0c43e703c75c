"""The run of one turn: it is sent once, its reply is read to the end, and how it ended is settled.

One user action is one POST. Whatever goes wrong after that is settled by reading the worker (GET), never by
sending again: recovery settles a turn whose answer ended without an end event, broke off, never came, or is
being produced without a stream to us.

Every wait is bounded. A turn that the service is known to have (it accepted the POST, or our message is in
the worker) is watched for as long as the worker reports that it runs. Everything else ends within the
recovery window, whatever the worker answers.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.core.dialects.text_bodies import RawText
from handinger_tui.core.errors import (
    ApiError,
    BrokenContract,
    Doubtful,
    HandingerError,
    LedgerError,
    Refused,
    ServerFault,
    StreamLost,
    Unreachable,
)
from handinger_tui.core.evidence import evidence_of
from handinger_tui.core.formatting import duration
from handinger_tui.core.reading_order import Urgency
from handinger_tui.core.stream import (
    ANOTHER_WORKER,
    Marker,
    ReadReason,
    StreamRoute,
    WorkerBody,
    figures_differ,
    names_another,
)
from handinger_tui.core.turns.turn import UNDECIDED, ErrorKind, Fault, Turn, TurnStatus, failure_text
from handinger_tui.core.turns.worker_reconciliation import (
    WorkerObservation,
    answer_to,
    equal_before,
    may_run_another,
    observe,
    prompt_count,
)
from handinger_tui.engine.tasks import Ticks, start

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from handinger_tui.engine.ports import Reply, RetryPolicy, WorkerReads
    from handinger_tui.engine.turn_record import RunDeps, TurnRecord

UNANSWERED = "handinger-tui quit before the service answered."
WORKER_BUSY: Final = Fault(
    ErrorKind.CONFLICT,
    "The worker still runs another message of this session. Nothing was sent.",
    may_have_been_charged=False,
)
FOLLOW_S: Final = 0.25
"""Seconds between two reads of what another program stores of a turn."""


class TurnRun:
    """Sends or watches one turn; runs one of its two bodies, `send` or `watch`, once."""

    def __init__(self, record: TurnRecord, deps: RunDeps) -> None:
        self.record = record
        self._deps = deps
        self._reads = deps.reads

    async def send(self) -> None:
        """Send the turn, read the answer and settle it."""
        await self._guarded(self._send_if_free)

    async def watch(self) -> None:
        """Watch a turn that may be running, with GETs only.

        While another running program works on it, this one shows what that one stores. A turn has one
        writer: two streams of one answer could not be distinguished.
        """
        record = self.record
        record.departed = record.is_ours
        await self._guarded(self._watch)

    async def _watch(self) -> None:
        record = self.record
        while not record.is_ours:
            await self._deps.clock.sleep(FOLLOW_S)
            with suppress(LedgerError):
                await self._follow()
        record.take_stored(())
        if not record.turn.live and record.turn.status not in UNDECIDED:
            return
        was_running = record.turn.status is TurnStatus.RUNNING
        record.note(Marker.WATCHING)
        doubt = None if record.accepted else Doubtful(ErrorKind.NETWORK, UNANSWERED)
        recovery = Recovery(record, self._deps, doubt, accepted=record.accepted)
        recovery.was_running = was_running
        await recovery.run()

    async def _guarded(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run `body`; whatever it raises, the turn ends with a status."""
        money = start(self._watch_money, f"money:{self.record.turn_id}")
        try:
            async with asyncio.timeout(self._deps.policy.max_wait):
                await body()
        except (TimeoutError, asyncio.CancelledError):
            self.record.leave()
        except Exception as problem:  # noqa: BLE001 - a defect of ours must not leave the turn without a status
            self.record.leave(problem)
        finally:
            money.cancel()
            await asyncio.wait({money})

    async def _recover(self, doubt: ApiError | None, *, accepted: bool) -> None:
        await Recovery(self.record, self._deps, doubt, accepted=accepted).run()

    async def _send_if_free(self) -> None:
        record = self.record
        await self._read_before()
        if record.worker_may_be_busy and record.look is not None and record.look.snapshot.busy:
            # The service would refuse it, and what the other turn costs could be that of this one.
            record.last_body = record.look
            record.settle(TurnStatus.NOT_SENT, WORKER_BUSY)
        else:
            await self._send()

    async def _send(self) -> None:
        record = self.record
        worker_id = record.request.target_id
        begun = self._deps.starts.new_target(record.turn_id) if worker_id is None else None
        # What the worker lists at the end would else all seem to be of this turn.
        earlier = (turn for turn in record.earlier if turn.worker_id == worker_id)
        listed = evidence_of(earlier) if worker_id and record.turn.before is None else {}
        record.note(
            Marker.SENDING, worker_id=worker_id, **({} if begun is None else {"begun": begun}), **listed
        )
        await self._deps.log.flush()
        try:
            async with self._deps.starts.start_turn(record.request, self._depart) as reply:
                await read_reply(record, reply, self._deps)
        except Unreachable as trouble:
            # It may show late costs of earlier turns.
            record.last_body = record.look
            record.settle(TurnStatus.NOT_SENT, trouble.fault())
        except Refused as refusal:
            if await self._was_accepted_after_refusal():
                await self._recover(refusal, accepted=False)
            else:
                record.last_body = record.look
                record.settle(TurnStatus.REJECTED, refusal.fault())
        except (Doubtful, ServerFault, BrokenContract) as doubt:
            # The answer may be the only place that names the worker that it has begun.
            has_begun = record.worker_id is None and doubt.worker_id is not None
            if has_begun or isinstance(doubt, BrokenContract):
                record.note_cut(doubt)
            accepted = has_begun or record.turn.message_id is not None or record.misdirected
            await self._recover(doubt, accepted=accepted)
        except StreamLost as doubt:
            await self._recover(doubt, accepted=True)
        except HandingerError as problem:
            if record.departed:
                raise
            # An error on our side before anything was sent: an unreadable attachment, a bad setting.
            fault = Fault(ErrorKind.SETTINGS, problem.summary, may_have_been_charged=False)
            record.settle(TurnStatus.NOT_SENT, fault)
        else:
            await self._recover(None, accepted=True)

    async def _follow(self) -> None:
        """Take what another program has stored; the turn becomes ours when that one ends or settles it."""
        record, log = self.record, self._deps.log
        is_free = await log.claim(record.turn_id)
        record.take_stored(await log.frames(record.turn_id, record.next_seq))
        record.is_ours = record.departed = is_free

    def _depart(self) -> None:
        self.record.departed = True

    async def _read_before(self) -> None:
        """Read the worker before the POST. Free and optional: an error or a timeout is ignored."""
        record = self.record
        if record.request.target_id is None:
            return
        body = None
        with suppress(ApiError, TimeoutError):
            async with asyncio.timeout(self._deps.policy.before_timeout):
                body = await self._reads.read_worker(record.request.target_id)
        if body is not None and body.wire:
            record.look = body
            record.feed_worker(body, ReadReason.BEFORE, messages=False)
        if body is not None and body.wire and not names_another(body.snapshot.worker_id, record.worker_id):
            record.note(Marker.ASKED, times=prompt_count(body.snapshot, record.request.prompt))
        elif times := equal_before(record.request, record.earlier):
            # The answer to an equal earlier message must not be taken for that of this one.
            record.note(Marker.ASKED, times=times)

    async def _was_accepted_after_refusal(self) -> bool:
        """Read the worker after a refusal: it may work on our message, and its figures may have risen.

        True only where our message is answered or is being answered: a service may also store a message that
        it refuses. False where the worker was not read before the request, unless the request was to begin
        it: an equal earlier message could be mistaken for ours. An error or a timeout is ignored.
        """
        record = self.record
        begins = record.request.target_id is None
        if record.worker_id is None or (record.turn.before is None and not begins):
            return False
        try:
            async with asyncio.timeout(self._deps.policy.before_timeout):
                body = await self._reads.read_worker(record.worker_id)
        except (ApiError, TimeoutError):
            return False
        record.look = body
        record.feed_worker(body, ReadReason.MONEY, messages=False)
        answer = answer_to(record.turn.request, body.snapshot)
        return answer.present is True and (bool(answer.parts) or not answer.last or body.snapshot.busy)

    async def _watch_money(self) -> None:
        """Poll usage and costs while the stream runs; slow down while they do not change."""
        record, policy = self.record, self._deps.policy
        shortest = policy.money_interval
        interval = shortest
        while shortest is not None and interval is not None:
            await self._deps.clock.sleep(interval)
            interval = min(interval * 1.5, max(shortest, policy.poll_interval_max))
            if record.worker_id is None or not self._may_read_money:
                continue
            await self._deps.turn_to_read(record.worker_id, Urgency.FIGURES)
            if not self._may_read_money:
                continue
            with suppress(ApiError):
                body = await self._reads.read_worker(record.worker_id)
                # The stream may have ended during the read: then the worker is read again to settle the turn.
                if not self._may_read_money:
                    continue
                before = record.turn.snapshot
                record.feed_worker(body, ReadReason.MONEY, messages=False)
                if figures_differ(before, record.turn.snapshot):
                    interval = shortest

    @property
    def _may_read_money(self) -> bool:
        return self.record.is_ours and self.record.turn.status is TurnStatus.ACCEPTED


class RunSlot:
    """The place for the one run of a session."""

    def __init__(self, ended: Callable[[TurnRecord], None]) -> None:
        """`ended(record)` is called at the end of each run, when the slot is free again."""
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self.record: TurnRecord | None = None
        """The turn under way."""
        self.ends = 0
        """How many runs have ended."""
        self.free = asyncio.Event()
        self.free.set()

    @property
    def turn_id(self) -> str:
        """The id of the turn under way; "" when there is none."""
        return "" if self.record is None else self.record.turn_id

    def launch(self, record: TurnRecord, body: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run `body()`, which writes `record`."""
        self.free.clear()
        self.record = record
        self._task = start(body, f"turn:{record.turn_id}")
        self._task.add_done_callback(partial(self._done, record))

    def cancel(self) -> None:
        """Stop watching the turn under way."""
        if self._task is not None:
            self._task.cancel()

    async def ending(self) -> None:
        """Wait for the run of a turn of ours that has ended on the screen but not as a task yet."""
        if self.record is not None and self.record.is_ours and not self.record.turn.live:
            await self.free.wait()

    def _done(self, record: TurnRecord, task: asyncio.Task[None]) -> None:
        """Record the end of a run. Without an await, so that no other turn can start in between."""
        problem = None if task.cancelled() else task.exception()
        # Live still, if it was cancelled before its first step or failed before it could settle the turn.
        record.leave_anyway(problem)
        self.record = self._task = None
        self.ends += 1
        self.free.set()
        self._ended(record)


# -- the reply ---------------------------------------------------------------------------
SLEPT_S: Final = 5.0
"""A gap in seconds above which the machine slept; a smaller one is a correction of the wall clock."""


@asynccontextmanager
async def _ended_by(
    reason: Callable[[], Coroutine[None, None, StreamLost]], name: str
) -> AsyncIterator[None]:
    """Run the body, and `reason` beside it in a task: the body ends at once with the error that it returns.

    Raises:
        StreamLost: as `reason` returned it.
    """
    lost: StreamLost | None = None

    async def watch(limit: asyncio.Timeout) -> None:
        nonlocal lost
        lost = await reason()
        limit.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as limit:
            watcher = start(partial(watch, limit), name)
            try:
                yield
            finally:
                watcher.cancel()
    except TimeoutError:
        if lost is None:
            raise
        raise lost from None


def sleep_guard(ticks: Ticks) -> AbstractAsyncContextManager[None]:
    """Run the body; end it at once when the machine has slept in between.

    Raises:
        StreamLost: the machine slept; the state of the turn has to be read again.
    """

    async def slept() -> StreamLost:
        lag_s = 0.0

        def has_slept() -> bool:
            nonlocal lag_s
            lag_s = ticks.lag_s
            return lag_s > SLEPT_S

        await ticks.until(has_slept)
        return StreamLost(ErrorKind.NETWORK, f"Back after {duration(int(lag_s * 1000))}. Checking…")

    return _ended_by(slept, "sleep-watch")


QUIET_S: Final = 30.0
"""Seconds without new content after which the worker is read."""
QUIET_AFTER_END_S: Final = 1.0
"""The same once the answer has ended: a connection that stays open delays nothing."""


async def read_reply(record: TurnRecord, reply: Reply, deps: RunDeps) -> None:
    """Read a reply of an accepted turn to its end, store its frames, and watch that its worker still runs.

    Raises:
        StreamLost: it broke off, or stayed silent while its worker had ended or could not be read. The
            frames until then are stored.
        BrokenContract
    """

    async def worker_is_over() -> StreamLost:
        await _until_over(record, deps)
        return StreamLost(ErrorKind.IDLE_TIMEOUT, "The stream stayed open but sent nothing more.")

    try:
        async with _ended_by(worker_is_over, "stream-watch"):
            await _read_frames(record, reply, deps)
    except StreamLost as trouble:
        record.note_cut(trouble, reply.dropped)
        raise


async def _read_frames(record: TurnRecord, reply: Reply, deps: RunDeps) -> None:
    record.note(
        Marker.OPENED,
        via=reply.via,
        status=reply.http_status,
        content_type=reply.content_type,
        encoding=reply.encoding,
        worker_id=reply.worker_id,
    )
    await record.commit_when_due()
    # `aclosing` closes the generator in this task, also on cancellation.
    async with sleep_guard(deps.ticks), aclosing(reply.pieces()) as pieces:
        async for piece in pieces:
            record.feed_raw(piece)
            if record.misdirected:
                raise BrokenContract(ErrorKind.UNEXPECTED_CONTENT, ANOTHER_WORKER)
            await record.commit_when_due()
    record.note(Marker.CLOSED, clean=True, dropped=reply.dropped)


async def _until_over(record: TurnRecord, deps: RunDeps) -> None:
    """Return once the stream is silent and the worker does not report that it runs.

    A worker that cannot be read counts as running until the recovery window is over, unless the stream
    has brought the end of the answer.
    """
    clock, window = deps.clock, deps.policy.recovery_window
    # A window of 0 means no recovery after a doubt; it must not make every stream count as silent.
    quiet_s = min(QUIET_S, window) or QUIET_S
    seq, turn = record.next_seq, record.turn
    quiet_since = alive_at = clock.monotonic()

    def is_silent() -> bool:
        nonlocal seq, turn, quiet_since, alive_at
        now, before = clock.monotonic(), turn
        # Many streams are watched, and most bring nothing between two looks.
        if record.next_seq != seq:
            seq, turn = record.next_seq, record.turn
            if _content(turn) != _content(before):
                quiet_since = alive_at = now
        return now - quiet_since >= (min(quiet_s, QUIET_AFTER_END_S) if turn.finished else quiet_s)

    while True:
        await deps.ticks.until(is_silent)
        has_ended = turn.finished
        urgency = Urgency.END if has_ended else Urgency.FIGURES
        alive_at += await deps.turn_to_read(record.worker_id or "", urgency)
        is_running = await _is_worker_running(record, deps.reads)
        quiet_since = clock.monotonic()
        if is_running:
            alive_at = quiet_since
        elif is_running is False or has_ended or quiet_since - alive_at >= window:
            return


def _content(turn: Turn) -> tuple[object, ...]:
    """The members of a turn that a stream changes; those set by reads of the worker are omitted."""
    return turn.parts, turn.activity, turn.metadata, turn.finished


async def _is_worker_running(record: TurnRecord, reads: WorkerReads) -> bool | None:
    """Whether the worker reports that it runs; None where it could not be read."""
    try:
        body = await reads.read_worker(record.worker_id or "")
    except ApiError:
        return None
    if body.snapshot.silent or names_another(body.snapshot.worker_id, record.worker_id):
        return None
    return observe(record.turn, body.snapshot, accepted=True) is WorkerObservation.BUSY


# -- recovery ----------------------------------------------------------------------------
NO_ID = "A worker may have been started."
NO_WORKER = BrokenContract(ErrorKind.DECODE, "The service returned something other than a worker.")
MISDIRECTED = BrokenContract(ErrorKind.UNEXPECTED_CONTENT, ANOTHER_WORKER)
SETTLED_AFTER_FINISH = 3
"""Number of GETs made for a finished stream whose worker still reports that it runs."""
SHORTEST_READ_S: Final = 5.0
"""Timeout in seconds of a read that begins just before the recovery window ends."""


class _Streak:
    """Counts consecutive reads of the worker that gave the same result."""

    def __init__(self) -> None:
        self.reads = 0
        self._since = 0.0

    def add(self, now: float) -> None:
        """Count one more read, made at `now` (monotonic seconds)."""
        if not self.reads:
            self._since = now
        self.reads += 1

    def end(self) -> None:
        """Start again: a read gave a different result."""
        self.reads = 0

    def proves(self, now: float, policy: RetryPolicy) -> bool:
        """Whether there were enough reads over enough time to rely on the result."""
        return self.reads >= policy.absence_reads and now - self._since >= policy.absence_span


class Recovery:
    """One attempt to settle a turn.

    `doubt` is the error after which the fate of the turn is unknown, None when the answer simply
    ended. `accepted`: the service had begun to answer our POST.
    """

    def __init__(self, record: TurnRecord, deps: RunDeps, doubt: ApiError | None, *, accepted: bool) -> None:
        self._record = record
        self._deps = deps
        self._reads = deps.reads
        self._clock = deps.clock
        self._policy = deps.policy
        self._doubt = doubt
        self._accepted = accepted
        self.was_running = False
        """It was left running: where it cannot be read now, that is all that is known of it."""
        self._message_seen = False
        """Some read showed our message in the worker."""
        self._idle = _Streak()
        """Reads that showed an idle worker without an answer to our message."""
        self._busy = _Streak()
        """Reads that showed a running worker."""
        self._flapping = False
        """The worker was idle once, and since then has neither run for a while nor extended the answer."""
        self._attempt = 0
        """Pauses so far: they grow with it."""
        self._routes = [StreamRoute.SUBSCRIBE, StreamRoute.REPLAY]
        """Streams of a running answer that are still worth trying, the best first."""
        self._last_progress = self._clock.monotonic()
        """When recovery began, or the worker was last seen to work on our turn (monotonic seconds)."""

    async def run(self) -> None:
        record = self._record
        if record.turn.finished or self._is_answered_in_full():
            await self._confirm(recovered=False)
        elif record.worker_id is None:
            if self._doubt is None and failure_text(record.turn) is not None:
                # The answer ended after an error, and there is no worker to read.
                record.settle_by_answer(recovered=False)
            else:
                self._give_up(None)
        else:
            while record.turn.live:
                await self._read_and_act()

    def _is_answered_in_full(self) -> bool:
        """Whether the response to our POST was a Worker object that has finished our turn."""
        turn = self._record.turn
        if self._doubt is not None or not self._accepted or turn.snapshot is None:
            return False
        return observe(turn, turn.snapshot, accepted=True) is WorkerObservation.DONE

    async def _read_final_state(self) -> bool:
        """Read the worker, whose state overrides that of the stream; False when it is still busy.

        Raises:
            ApiError
        """
        if self._record.worker_id is None:
            return True
        await self._turn_to_read(Urgency.END)
        body = await self._reads.read_worker(self._record.worker_id)
        if not body.wire:
            return True
        self._record.last_body = body
        self._record.feed_worker(body, ReadReason.AFTER)
        return not body.snapshot.busy

    async def _confirm(self, *, recovered: bool) -> None:
        """Settle a complete answer: one GET brings costs, files and the final text.

        Plain text has no end of its own, and may be a page of a network in between: where its worker cannot
        be read, it proves nothing.
        """
        record = self._record
        trouble: ApiError | None = None
        for attempt in range(1, SETTLED_AFTER_FINISH + 1):
            try:
                is_over, trouble = await self._read_final_state(), None
                if is_over:
                    break
            except Refused as refusal:
                trouble = refusal
                break
            except ApiError as problem:
                trouble = problem
            if attempt < SETTLED_AFTER_FINISH:
                await self._clock.sleep(self._policy.pause(attempt))
        if trouble is not None and record.turn.encoding == RawText.name:
            self._give_up(trouble)
        else:
            record.settle_by_answer(recovered=recovered)

    # -- the window ------------------------------------------------------------------
    @property
    def _delivered(self) -> bool:
        """Whether the service is known to have our turn."""
        return self._accepted or self._message_seen

    @property
    def _begins_target(self) -> bool:
        """Whether the turn begins the target that is read: if that exists, our message arrived."""
        return self._record.request.target_id is None

    @property
    def _remaining_s(self) -> float:
        """Remaining seconds of the recovery window; negative once it is over."""
        return self._policy.recovery_window - (self._clock.monotonic() - self._last_progress)

    # -- reads of the worker -----------------------------------------------------------
    async def _turn_to_read(self, urgency: Urgency) -> float:
        """Wait until a run that was left may be read; returns the seconds that took.

        A turn that the person sent waits for nothing: without an answer it must be said soon that the
        connection is lost, also where other readings are held back for the same reason.
        """
        if not self.was_running:
            return 0.0
        return await self._deps.turn_to_read(self._record.worker_id or "", urgency)

    async def _read_and_act(self) -> None:
        """Read the worker once, act on the result, and pause before the next read where one is due."""
        record = self._record
        # The wait for others proves nothing about this worker.
        self._last_progress += await self._turn_to_read(Urgency.STATE)
        try:
            async with asyncio.timeout(max(self._remaining_s, SHORTEST_READ_S)):
                body = await self._reads.read_worker(record.worker_id or "")
        except TimeoutError:
            self._give_up(None)
            return
        except Refused as refusal:
            may_be_missing = self._begins_target or record.request.begins
            is_missing = refusal.kind is ErrorKind.NOT_FOUND and may_be_missing
            if is_missing and not self._delivered:
                await self._handle_missing()
            elif refusal.kind is ErrorKind.RATE_LIMITED or is_missing:
                # A service may take a moment to show a worker that it has just created.
                await self._retry_or_give_up(refusal)
            else:
                self._give_up(refusal)
            return
        except ApiError as trouble:
            await self._retry_or_give_up(trouble)
            return
        if body.snapshot.silent:
            await self._retry_or_give_up(NO_WORKER)
        elif names_another(body.snapshot.worker_id, record.worker_id):
            await self._retry_or_give_up(MISDIRECTED)
        else:
            await self._act_on(body)

    async def _act_on(self, body: WorkerBody) -> None:
        """Act on what one read shows of our turn."""
        record = self._record
        record.last_body = body
        seen_before = self._message_seen
        is_listed = answer_to(record.turn.request, body.snapshot).present is True
        self._message_seen = seen_before or self._begins_target or is_listed
        observation = observe(record.turn, body.snapshot, accepted=self._accepted)
        if observation is WorkerObservation.DONE:
            record.feed_worker(body, ReadReason.AFTER)
            record.settle_by_answer(recovered=self._doubt is not None)
        elif observation is WorkerObservation.BUSY:
            self._idle.end()
            self._busy.add(self._clock.monotonic())
            if self._delivered:
                await self._watch(body)
            else:
                # It may be running another client's message: store its usage and costs, follow no stream.
                record.feed_worker(body, ReadReason.MONEY, messages=False)
                await self._wait_or_settle()
        else:
            self._busy.end()
            self._idle.add(self._clock.monotonic())
            if self._message_seen and not seen_before:
                # Stored, so that a recovery after a crash knows that the message arrived.
                record.feed_worker(body, ReadReason.DURING)
            await self._handle_absence(body, observation)

    async def _watch(self, body: WorkerBody) -> None:
        """Follow a worker that runs our turn: over a stream where one is available, else by polling."""
        record = self._record
        parts_before = record.turn.parts
        record.feed_worker(body, ReadReason.DURING)
        now = self._clock.monotonic()
        if record.turn.parts != parts_before or self._busy.proves(now, self._policy):
            self._flapping = False
        if not self._flapping:
            self._last_progress = now
        if not record.turn.text and may_run_another(record.turn, body.snapshot):
            # A stream would bring the answer to another message.
            await self._wait_or_settle()
            return
        while self._routes:
            via = self._routes[0]
            if await self._follow(via):
                self._last_progress = self._clock.monotonic()
                return
            if via in self._routes:
                break
        await self._wait_or_settle()

    async def _follow(self, via: StreamRoute) -> bool:
        """Follow one stream to its end; True when the turn may have progressed."""
        record = self._record
        length_before = len(record.turn.text)
        try:
            async with self._reads.follow(record.worker_id or "", via) as reply:
                with suppress(StreamLost):
                    await read_reply(record, reply, self._deps)
        except (Refused, BrokenContract):
            self._routes.remove(via)
            return False
        except ApiError:
            return False
        if record.turn.finished:
            await self._confirm(recovered=self._doubt is not None)
            return True
        if len(record.turn.text) <= length_before:
            # The route exists but sent no new text; another route would send no more, so poll instead.
            self._routes.clear()
            return False
        return True

    async def _handle_missing(self) -> None:
        """Handle that the service does not know the target that the turn begins."""
        self._busy.end()
        self._idle.add(self._clock.monotonic())
        if self._idle.proves(self._clock.monotonic(), self._policy):
            self._settle_undelivered()
        else:
            await self._wait_or_settle()

    def _settle_undelivered(self) -> None:
        fault = replace(self._doubt.fault(), may_have_been_charged=False) if self._doubt else None
        self._record.settle(TurnStatus.NOT_DELIVERED, fault)

    async def _handle_absence(self, body: WorkerBody, observation: WorkerObservation) -> None:
        """Handle an idle worker that does not list our turn, or lists it without an answer."""
        self._flapping = True
        # A worker that has our turn and reports no end may not have started it yet.
        waiting = self._delivered and body.snapshot.unfinished
        if waiting or not self._idle.proves(self._clock.monotonic(), self._policy):
            await self._wait_or_settle()
        elif observation is WorkerObservation.ABSENT and not self._delivered:
            self._record.feed_new_figures(body)
            self._settle_undelivered()
        elif self._delivered and failure_text(self._record.turn) is not None:
            # The stream brought an error, and the worker is idle: that error was the end of the answer.
            self._record.settle_by_answer(recovered=self._doubt is not None)
        else:
            self._give_up(None)

    # -- pauses ----------------------------------------------------------------------
    async def _retry_or_give_up(self, trouble: ApiError) -> None:
        """Pause after a failed read; give up at the end of the window."""
        record = self._record
        if self._remaining_s <= 0:
            self._give_up(trouble)
            return
        self._attempt += 1
        wait = max(self._policy.pause(self._attempt), min(trouble.retry_after_s or 0.0, 60.0))
        wait = min(wait, max(self._remaining_s, 0.05))
        record.note(Marker.RETRYING, attempt=self._attempt, wait_ms=int(wait * 1000), reason=trouble.summary)
        await self._clock.sleep(wait)

    async def _wait_or_settle(self) -> None:
        """Pause until the next read; at the end of the window, settle by the readings so far.

        Reads that began to prove an absence go on: a service that came back late, or a program that was
        stopped, must not leave in doubt what seconds decide.
        """
        record = self._record
        is_proving = self._idle.reads > 0 and not self._delivered
        if self._remaining_s > 0 or is_proving:
            self._attempt += 1
            pause = self._policy.pause(self._attempt)
            if not self._delivered:
                # Short enough that a small window has room for the reads that prove an absence.
                pause = min(pause, self._policy.absence_span / max(self._policy.absence_reads - 1, 1))
            await self._clock.sleep(pause if is_proving else min(pause, max(self._remaining_s, 0.05)))
        elif self._delivered:
            record.settle(TurnStatus.RUNNING, None)
        else:
            self._give_up(None)

    def _give_up(self, trouble: ApiError | None) -> None:
        """Settle as unknown. The text so far is kept; the fault says what is in doubt."""
        if self.was_running and (trouble is not None or self._record.worker_id is None):
            self._record.settle(TurnStatus.RUNNING, None)
            return
        # A refusal, or a body too large, explains more than the doubt before it.
        is_decisive = isinstance(trouble, Refused) or (trouble and trouble.kind is ErrorKind.TOO_LARGE)
        cause = trouble if is_decisive else self._doubt or trouble
        reason = self._record.turn.stream_fault or "The answer was never finished."
        fault = cause.fault() if cause is not None else Fault(ErrorKind.INCOMPLETE, reason)
        if self._record.worker_id is None and not self._accepted:
            fault = replace(fault, message=f"{fault.message} {NO_ID}")
        self._record.settle(TurnStatus.UNKNOWN, replace(fault, may_have_been_charged=True))
