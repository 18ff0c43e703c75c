"""Turns that no run watches: settled by a reading, read again late, or adopted from another program."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import HandingerError, LedgerError
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.reading_order import Urgency
from handinger_tui.core.stream import (
    PROMPTS,
    Frame,
    Framing,
    Marker,
    ReadReason,
    Snapshot,
    WorkerBody,
    figures_differ,
    worker_in,
)
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.messages import (
    EQUAL_BEFORE,
    began_ms,
    id_of,
    normalized_prompt,
    role_of,
    text_of,
)
from handinger_tui.core.turns.session import RemoteTurn, Session
from handinger_tui.core.turns.turn import (
    FREE,
    LIVE,
    SETTLE_MS,
    UNDECIDED,
    ErrorKind,
    Fault,
    Trigger,
    Turn,
    TurnRequest,
    TurnStatus,
    can_confirm,
    judge,
    outcome_object,
    shows_no_cost,
)
from handinger_tui.core.turns.worker_reconciliation import (
    ARRIVED,
    FOLLOWED,
    Answer,
    answer_to,
    is_over,
    may_be_unlisted,
    messages_of,
    new_prompts,
    prompt_count,
    with_snapshot,
    without_newest,
)
from handinger_tui.engine.tasks import start
from handinger_tui.engine.turn_record import LEFT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handinger_tui.engine.inbox import Inbox
    from handinger_tui.engine.open_session import OpenSession
    from handinger_tui.engine.ports import Clock, Ids, TurnHistory
    from handinger_tui.engine.turn_record import RunDeps


_TRIGGERS: Final[dict[str | None, Trigger]] = {
    "api": Trigger.API,
    "email": Trigger.EMAIL,
    "schedule": Trigger.SCHEDULE,
    "ui": Trigger.DASHBOARD,
}
"""What a service says of the first turn of a task; of later ones it says nothing."""


def adopted_turns(session: Session, body: WorkerBody, now_ms: int, ids: Ids) -> list[RemoteTurn]:
    """A request and frames for each turn of the Worker after the last one that the session holds.

    A turn is identified by its prompt and by the number of earlier turns with the same prompt. Only
    the newest turn gets usage and costs: those of the older ones are unknown.
    """
    worker, snapshot = worker_in(body.wire) or body.wire, body.snapshot
    worker_id = session.worker_id or snapshot.worker_id
    groups = _groups(list(snapshot.messages))
    if not groups:
        # Without messages, the position of the turn is the number of turns before it.
        before = len(session.turns)
        request = TurnRequest(
            ids.new("turn"), "", now_ms, worker_id, seen_before=before, trigger=Trigger.ELSEWHERE
        )
        return _turn_without_messages(session, worker, snapshot, request)
    own_turns = _turn_keys(session)
    message_ids = Counter(id_of(group[0]) for group in groups)
    adopted: list[RemoteTurn] = []
    counts: dict[str, int] = {}
    for at, group in enumerate(groups):
        prompt = text_of(group[0])
        key = normalized_prompt(prompt)
        times = counts.get(key, 0)
        counts[key] = times + 1
        if (key, times) in own_turns:
            # The turns of a session are in order: one before a turn of ours can no longer be inserted.
            adopted.clear()
            continue
        last = at == len(groups) - 1
        trigger = _TRIGGERS.get(snapshot.trigger, Trigger.ELSEWHERE) if at == 0 else Trigger.ELSEWHERE
        # The first message came when the worker was created. A clock that is ahead must not reach tomorrow.
        moment = began_ms(group[0]) or (snapshot.created_ms if at == 0 else None)
        request = TurnRequest(
            ids.new("turn"),
            prompt,
            now_ms,
            worker_id,
            seen_before=times,
            trigger=trigger,
            service_ms=None if moment is None else min(moment, now_ms),
        )
        worker_then = _worker_at_turn(worker, group, times, snapshot.prompts, last=last)
        message_id = id_of(group[0])
        # An id that several messages share identifies none of them.
        unique_id = message_id if message_ids[message_id] == 1 else None
        # A busy worker may still answer each of the last messages that have no answer.
        is_running = snapshot.busy and all(len(later) == 1 for later in groups[at:-1])
        adopted.append(RemoteTurn(request, _frames(request, worker_then, busy=is_running), unique_id))
    return adopted


def _turn_without_messages(
    session: Session, worker: JsonObject, snapshot: Snapshot, request: TurnRequest
) -> list[RemoteTurn]:
    """The newest turn of a Worker without messages; none where the session may already hold it."""
    if any(turn.live or turn.status is TurnStatus.RUNNING for turn in session.turns):
        return []
    is_running = snapshot.busy and snapshot.running_flag is not False and not snapshot.silent
    has_ended = not snapshot.busy and not session.turns and (bool(snapshot.output_text) or snapshot.failed)
    return [RemoteTurn(request, _frames(request, worker, busy=is_running))] if is_running or has_ended else []


def _turn_keys(session: Session) -> set[tuple[str, int]]:
    """The keys of the turns of the session: the prompt, and how many earlier turns have the same one."""
    keys: set[tuple[str, int]] = set()
    counts: dict[str, int] = {}
    for turn in session.turns:
        if turn.status in FREE:
            # Its message never reached the worker.
            continue
        prompt = normalized_prompt(turn.request.prompt)
        times = max(counts.get(prompt, 0), turn.request.seen_before or 0)
        counts[prompt] = times + 1
        keys.add((prompt, times))
    return keys


def _groups(messages: list[JsonObject]) -> list[list[JsonObject]]:
    """Each user message together with the assistant messages up to the next user message."""
    groups: list[list[JsonObject]] = []
    for message in messages:
        if role_of(message) == "user":
            groups.append([message])
        elif groups and role_of(message) == "assistant":
            groups[-1].append(message)
    return groups


def _worker_at_turn(
    worker: JsonObject, group: list[JsonObject], times: int, prompts: int | None, *, last: bool
) -> JsonObject:
    """The Worker as it would be if `group` were its newest turn. `prompts`: see `Snapshot.prompts`."""
    reduced = dict(worker) if prompts is None else {**worker, PROMPTS: prompts}
    prompt = {**group[0], **({EQUAL_BEFORE: times} if times else {}), **({} if last else {FOLLOWED: True})}
    reduced["messages"] = [prompt, *group[1:]]
    return reduced if last else without_newest(reduced)


def _frames(request: TurnRequest, worker: JsonObject, *, busy: bool) -> tuple[Frame, ...]:
    """The frames of an adopted turn: one read of the worker, and how the turn ended by it."""
    now_ms = request.created_ms
    read = Frame(0, now_ms, Framing.JSON, dump(worker), ReadReason.DURING if busy else ReadReason.AFTER)
    status, fault = (TurnStatus.RUNNING, None) if busy else judge(fold(request, [read]))
    return read, Frame(1, now_ms, Framing.NOTE, dump(outcome_object(status, fault)), Marker.SETTLED)


UNSETTLED: Final = (LIVE | UNDECIDED) - {TurnStatus.QUEUED}
"""Statuses of turns that may have been delivered and whose end is unknown."""


def is_unsettled(turn: Turn) -> bool:
    """Whether a reading of its worker may end the turn. An imported one stays as the file has it."""
    return turn.status in UNSETTLED and not turn.imported


NO_SUCH_WORKER: Final = Fault(
    ErrorKind.NOT_FOUND, "The service does not know this worker, so the cost of the turn cannot be read.", 404
)
NOT_NAMED: Final = Fault(
    ErrorKind.INCOMPLETE, "The service did not name the new worker, so the end of the turn cannot be read."
)
NO_END: Final = Fault(ErrorKind.INCOMPLETE, "The answer was never finished, and the worker is not running.")
NEVER_ARRIVED: Final = Fault(
    ErrorKind.NOT_FOUND, "The service never received this message.", may_have_been_charged=False
)


def _turns_of(session: Session, snapshot: Snapshot) -> list[Turn]:
    """The turns that a reading may be about: two programs may have begun two workers in one session."""
    return [turn for turn in session.turns if snapshot.worker_id in (None, turn.target or snapshot.worker_id)]


def unsettled_turns(session: Session, snapshot: Snapshot, *, without: str = "") -> list[tuple[Turn, Answer]]:
    """Turns, except `without`, that are unsettled in the session, with what an idle or later worker shows."""
    turns = _turns_of(session, snapshot)
    open_turns = [turn for turn in turns if is_unsettled(turn) and turn.turn_id != without]
    answers = _answers_in(session, open_turns, snapshot)
    is_idle = not (snapshot.busy or snapshot.unfinished)
    return [
        (turn, answer)
        for turn, answer in answers
        if is_over(answer, snapshot) or (is_idle and answer.present is not None)
    ]


def _answers_in(session: Session, open_turns: list[Turn], snapshot: Snapshot) -> list[tuple[Turn, Answer]]:
    """`answer_to` each turn. No message of the worker belongs to two turns.

    A message that never arrived may have been sent again by the person, and only one of both is listed. It
    belongs to the newest turn that knows how many equal messages came before it.
    """
    has = [one for one in session.turns if one.status in ARRIVED and one not in open_turns]
    answers: list[tuple[Turn, Answer]] = []
    newest_first = open_turns[::-1]
    for turn in sorted(newest_first, key=_doubt):
        answer = answer_to(turn.request, snapshot, turn.message_id)
        if answer.present and _is_of_another(turn, has, snapshot, session.turns):
            answer = Answer(False)
        elif answer.present:
            has.append(turn)
        answers.append((turn, answer))
    return answers


def _doubt(turn: Turn) -> tuple[bool, bool]:
    return turn.status is TurnStatus.UNKNOWN, turn.request.seen_before is None


def _is_of_another(turn: Turn, has: list[Turn], snapshot: Snapshot, turns: tuple[Turn, ...]) -> bool:
    """Whether all messages that may be that of `turn` are those of the turns in `has`, which arrived."""
    prompt, before = normalized_prompt(turn.request.prompt), turn.request.seen_before
    if before is None and turn.status is not TurnStatus.UNKNOWN:
        return False
    later = turns[turns.index(turn) + 1 :]
    matches = 0
    for one in has:
        if normalized_prompt(one.request.prompt) == prompt and one.target == turn.target:
            at = one.request.seen_before
            matches += before is None or (one in later if at is None else at >= before)
    return matches > 0 and prompt_count(snapshot, turn.request.prompt) - (before or 0) <= matches


def _is_missing(turn: Turn, answer: Answer, snapshot: Snapshot) -> bool:
    """Whether the worker lacks a message of ours, although it has all messages from before it."""
    is_absent = answer.present is False and not may_be_unlisted(turn, snapshot)
    return is_absent and turn.posts > 0 and new_prompts(turn, snapshot) is not None


def has_other_figures(turn: Turn, snapshot: Snapshot) -> bool:
    """Whether a reading shows other figures than the turn has."""
    if not snapshot.by_turn:
        return figures_differ(turn.snapshot or turn.before, snapshot)
    now = with_snapshot(turn, snapshot)
    return (now.own_usage, now.own_usage_is_partial) != (turn.own_usage, turn.own_usage_is_partial)


MOST_COMPARED: Final = 20
"""With one reading of a task at most this many turns are compared that have figures: the newest ones."""


def outdated_turns(session: Session, snapshot: Snapshot, now_ms: int, *, without: str) -> list[Turn]:
    """Ended turns of a task, except `without`, whose own figures a later reading changes or confirms.

    Those of a turn may be missing, or from before its end, if the service could not be read after it. They
    may also have grown late, after newer turns were sent.
    """
    if not snapshot.by_turn:
        return []
    turns = _turns_of(session, snapshot)
    ended = [turn for turn in turns if turn.status in ARRIVED and not (is_unsettled(turn) or turn.imported)]
    newest = {turn.turn_id for turn in ended[-MOST_COMPARED:]}

    def is_outdated(turn: Turn) -> bool:
        is_new = turn.turn_id in newest
        is_compared = is_new or turn.own_usage is None or turn.own_usage_is_partial
        if is_compared and has_other_figures(turn, snapshot):
            return True
        return is_new and can_confirm(turn, now_ms) and _shows_own_figures(turn, snapshot)

    return [turn for turn in ended if turn.turn_id != without and is_outdated(turn)]


def _shows_own_figures(turn: Turn, snapshot: Snapshot) -> bool:
    now = with_snapshot(turn, snapshot)
    return now.own_usage is not turn.own_usage and now.own_usage == turn.own_usage


def _last_ms(turn: Turn) -> int:
    return turn.ended_ms or turn.sent_ms or turn.request.created_ms


def own_part(turn: Turn, body: WorkerBody) -> str:
    """The Worker as JSON text, reduced to the part about `turn`.

    Usage and costs are omitted where a later turn exists: they include that turn.
    """
    worker: JsonObject = dict(worker_in(body.wire) or body.wire)
    answer = answer_to(turn.request, body.snapshot, turn.message_id)
    worker["messages"] = messages_of(turn.request, answer)
    if body.snapshot.prompts is not None:
        worker[PROMPTS] = body.snapshot.prompts
    return dump(worker if answer.last else without_newest(worker))


Share = Callable[[Collection[str], WorkerBody], None]
"""Takes the ids of other sessions that have turns of the same task, and a reading of it."""


class TurnSettler:
    """Settles turns of one session, and writes the end of each turn to the history."""

    def __init__(
        self, store: OpenSession, log: TurnHistory, clock: Clock, window_s: float, share: Share
    ) -> None:
        """`window_s`: the recovery window; after it, a turn that the service does not know is missing."""
        self._store = store
        self._share = share
        self._window_ms = int(window_s * 1000)
        self._log = log
        self._clock = clock
        self._unclosed: set[str] = set()
        """Ids of ended turns whose end is not yet written to the history."""

    def ended(self, turn_ids: Iterable[str]) -> None:
        """Note turns whose end has to be written by the next `close_ended`."""
        self._unclosed.update(turn_ids)

    async def close_ended(self) -> None:
        """Write the end of each turn that has ended; the others are tried again by the next call.

        Raises:
            LedgerError: at least one could not be written.
        """
        failure: LedgerError | None = None
        for turn_id in sorted(self._unclosed):
            try:
                self._store.set_elsewhere(await self._log.close_turn(self._store.value, turn_id))
                self._unclosed.discard(turn_id)
            except LedgerError as problem:
                failure = problem
        if failure is not None:
            raise failure

    async def close(
        self, request: TurnRequest, frames: list[Frame], status: TurnStatus, fault: Fault
    ) -> None:
        """Settle a turn that was not sent; where the history cannot be written, that is retried later."""
        last = self.settled_frame(len(frames), status, fault)
        self._log.append(request.turn_id, last)
        await self.close_settled(request, [*frames, last])

    async def close_settled(self, request: TurnRequest, frames: list[Frame]) -> None:
        """Publish and close a turn whose frames, with that of its end, are stored."""
        self._store.put(fold(request, frames))
        self._unclosed.add(request.turn_id)
        with suppress(LedgerError):
            await self.close_ended()

    def settled_frame(self, seq: int, status: TurnStatus, fault: Fault) -> Frame:
        """The frame that ends a turn."""
        content = dump(outcome_object(status, fault))
        return Frame(seq, self._clock.now_ms(), Framing.NOTE, content, Marker.SETTLED)

    def brings_news(self, turn: Turn, body: WorkerBody) -> bool:
        """Whether a reading changes or confirms a turn; one that has not ended is always due."""
        return (
            is_unsettled(turn)
            or has_other_figures(turn, body.snapshot)
            or shows_no_cost(turn)
            or can_confirm(turn, self._clock.now_ms())
        )

    async def apply_reading(self, turn_id: str, body: WorkerBody) -> bool:
        """Apply a read of the worker to its newest turn and to earlier ones; True when the newest has ended.

        Raises:
            LedgerError
        """
        is_ours = await self._log.claim(turn_id)
        record = await self._store.record_of(turn_id)
        if not is_ours:
            # Another program follows it; of the older turns it may have read less.
            record.take_stored(())
            await self.settle_older(body, without=turn_id)
            return False
        has_ended = record.apply_reading(body)
        if not record.turn.live:
            self._unclosed.add(turn_id)
        await self.settle_older(body)
        return has_ended

    async def apply_late_reading(self, turn: Turn, body: WorkerBody) -> bool:
        """`apply_reading` for a turn that has ended: what neither brings nor confirms figures is not stored.

        Raises:
            LedgerError
        """
        if self.brings_news(turn, body):
            return await self.apply_reading(turn.turn_id, body)
        await self.settle_older(body, without=turn.turn_id)
        # A session that an earlier version has stored may show more than its charges.
        await self._store.charge()
        return False

    async def settle_older(self, body: WorkerBody, *, without: str = "") -> None:
        """Settle older turns by a reading, see `settle_by`; also those of other sessions on the same task.

        A reading of a task has the figures of each of its turns, whichever session has them.

        Raises:
            LedgerError
        """
        await self.settle_by(body, without=without)
        session = self._store.value
        others = {turn.session_id for turn in session.elsewhere.turns} - {session.session_id}
        if others and body.snapshot.by_turn:
            self._share(others, body)

    async def settle_by(self, body: WorkerBody, *, without: str = "") -> None:
        """Settle open turns, except `without`, and update figures of ended ones: one read has all turns.

        An idle worker without an answer proves something only after the recovery window: then a message that
        it does not list never arrived, if it lists all earlier ones; any other has an unknown end.
        A turn that another running program has claimed is skipped: that program writes its frames.

        Raises:
            LedgerError
        """
        latest_ms = self._clock.now_ms() - self._window_ms
        for turn, answer in unsettled_turns(self._store.value, body.snapshot, without=without):
            has_ended = is_over(answer, body.snapshot)
            is_due = has_ended or _last_ms(turn) <= latest_ms
            if not is_due or not await self._log.claim(turn.turn_id):
                continue
            record = await self._store.record_of(turn.turn_id)
            status = record.turn.status
            if status not in UNSETTLED:
                # Another program has read its end.
                record.take_stored(())
            elif has_ended:
                record.settle_by_reading(own_part(turn, body))
            elif not record.accepted and _is_missing(turn, answer, body.snapshot):
                record.feed_new_figures(body)
                record.settle(TurnStatus.NOT_DELIVERED, NEVER_ARRIVED, recovered=True)
            elif status is not TurnStatus.UNKNOWN:
                record.settle(TurnStatus.UNKNOWN, NO_END if record.accepted else LEFT)
            else:
                continue
            self._unclosed.add(turn.turn_id)
        for turn in outdated_turns(self._store.value, body.snapshot, self._clock.now_ms(), without=without):
            if await self._log.claim(turn.turn_id):
                record = await self._store.record_of(turn.turn_id)
                record.feed(Framing.JSON, own_part(turn, body), ReadReason.AFTER)
                self._unclosed.add(turn.turn_id)
        await self.close_ended()

    async def end_without_worker(self, worker_id: str | None) -> None:
        """End the open turns of a worker that the service does not know, once the recovery window is over.

        `worker_id` None: those whose worker the service never named.

        They end as unknown, since their end cannot be read. A turn that would have begun the worker, and that
        the service never accepted, ends as not delivered. A later reading still settles them if the worker
        exists again.

        Raises:
            LedgerError
        """
        latest_ms = self._clock.now_ms() - self._window_ms
        missing = [
            turn
            for turn in self._store.value.turns
            if is_unsettled(turn)
            and turn.target == worker_id
            and _last_ms(turn) <= latest_ms
            and await self._log.claim(turn.turn_id)
        ]
        for turn in missing:
            record = await self._store.record_of(turn.turn_id)
            if worker_id is not None and record.request.target_id is None and not record.accepted:
                record.settle(TurnStatus.NOT_DELIVERED, NEVER_ARRIVED, recovered=True)
            elif record.turn.status is not TurnStatus.UNKNOWN:
                record.settle(TurnStatus.UNKNOWN, NOT_NAMED if worker_id is None else NO_SUCH_WORKER)
            self._unclosed.add(turn.turn_id)
        await self.close_ended()

    async def take_over(self, requests: Iterable[TurnRequest]) -> list[tuple[TurnRequest, list[Frame]]]:
        """Make turns of programs that have ended our own, except those that another program has claimed.

        Those that have ended by their frames are closed. Returns the others with their frames.

        Raises:
            LedgerError
        """
        still_open: list[tuple[TurnRequest, list[Frame]]] = []
        for request in requests:
            if not await self._log.claim(request.turn_id):
                continue
            frames = await self._log.frames(request.turn_id)
            turn = fold(request, frames)
            if turn.live:
                still_open.append((request, frames))
            else:
                self._store.put(turn)
                self._unclosed.add(request.turn_id)
        await self.close_ended()
        return still_open

    async def detach(self, turn_id: str) -> None:
        """Settle a turn whose request may have left before a crash as one that is not watched.

        Raises:
            LedgerError
        """
        record = await self._store.record_of(turn_id)
        record.departed = True
        record.leave()
        self._unclosed.add(turn_id)
        await self.close_ended()


MOST_LATE_READS: Final = 20
"""How often a worker is read beyond the pauses of the retry policy, while its figures change."""


class LateReader:
    """Reads the worker of the newest turn of a session again, at times after the end of that turn.

    A reading is applied as a request to `inbox`, the inbox of the owner of the session.
    """

    def __init__(
        self,
        deps: RunDeps,
        store: OpenSession,
        settler: TurnSettler,
        inbox: Inbox,
        is_running: Callable[[], bool],
    ) -> None:
        self._deps = deps
        self._store = store
        self._settler = settler
        self._inbox = inbox
        self._is_running = is_running
        self._task: asyncio.Task[None] | None = None
        self._turn_id = ""

    def begin(self, turn_id: str) -> None:
        """Read the worker of a turn that has ended, after each pause of the retry policy."""
        self.cancel()
        if self._deps.policy.late_reads:
            self._turn_id = turn_id
            self._task = start(self._read_often, f"late:{turn_id}")

    def cancel(self) -> None:
        """Cancel the readings that are still to come."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def read_now(self) -> None:
        """Read once now in place of the readings that are still to come; do nothing if there are none."""
        if self._task is not None and not self._task.done():
            self.cancel()
            await self._read()

    async def _read_often(self) -> None:
        has_changed = False
        for seconds in self._deps.policy.late_reads:
            has_changed = await self._read_after(seconds)
        for _ in range(MOST_LATE_READS):
            # What has changed last is not settled yet.
            if not has_changed:
                break
            has_changed = await self._read_after(SETTLE_MS / 1000)

    async def _read_after(self, seconds: float) -> bool:
        await self._deps.clock.sleep(seconds)
        if worker_id := self._worker_id():
            await self._deps.turn_to_read(worker_id, Urgency.LATE)
        return await self._read()

    async def _read(self) -> bool:
        """Read once; True if that brought other figures."""
        worker_id = self._worker_id()
        if worker_id is None:
            return False
        # An error is ignored: the reading is optional, and the next turn reads the worker as well.
        with suppress(HandingerError):
            body = await self._deps.reads.read_worker(worker_id)
            return await self._inbox.request(partial(self._apply, body))
        return False

    async def _apply(self, body: WorkerBody) -> bool:
        if self._turn() is None:
            return False
        await self._store.take_newer()
        turn = self._turn()
        if turn is None:
            return False
        has_changed = has_other_figures(turn, body.snapshot)
        await self._settler.apply_late_reading(turn, body)
        self._store.publish()
        return has_changed

    def _worker_id(self) -> str | None:
        turn = self._turn()
        return None if turn is None else turn.target

    def _turn(self) -> Turn | None:
        """The turn, while it is the newest one and none runs."""
        turn = self._store.value.departed
        if turn is None or turn.turn_id != self._turn_id or self._is_running():
            return None
        return None if turn.live or turn.status is TurnStatus.RUNNING else turn
