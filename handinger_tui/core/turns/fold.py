"""The fold of a turn request and its frames into a turn: the only way in which a turn is computed.

So live, resumed, replayed and exported turns cannot differ. A second stream of the same turn (a replay) fills
a new answer, which replaces the partial one as soon as it is as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, assert_never

from msgspec.structs import replace

from handinger_tui.core.decimals import INT64_MAX
from handinger_tui.core.dialects import StreamDecoder
from handinger_tui.core.dialects import events as ev
from handinger_tui.core.figures import count
from handinger_tui.core.jsontext import JsonObject, NotJson, as_object, as_text, parse, parse_exact
from handinger_tui.core.stream import (
    ANOTHER_WORKER,
    STREAMED,
    Frame,
    Framing,
    Marker,
    ReadReason,
    Snapshot,
    StreamRoute,
    names_another,
    snapshot_of,
)
from handinger_tui.core.turns.message_matching import MessageMatcher
from handinger_tui.core.turns.messages import answer_size, with_answer_of, without_answer
from handinger_tui.core.turns.reducer import AnswerBuilder, call_key, named_worker
from handinger_tui.core.turns.turn import (
    UNDECIDED,
    FigureRead,
    Retry,
    Turn,
    TurnRequest,
    TurnStatus,
    fault_of,
    join_all,
    own_reads,
    with_read,
)
from handinger_tui.core.turns.worker_reconciliation import (
    answer_to,
    close_parts,
    keep_equal,
    read_stream_snapshot,
    settle_with,
    show_progress,
    with_snapshot,
)

_Growth = ev.TextGrew | ev.ReasoningGrew | ev.ToolInputGrew
_GROWTH = (ev.TextGrew, ev.ReasoningGrew, ev.ToolInputGrew)


def fold(request: TurnRequest, frames: Iterable[Frame]) -> Turn:
    """The turn that results from these frames."""
    folding = Fold(request)
    for frame in frames:
        folding.take(frame)
    return folding.turn


def is_understood(frame: Frame) -> bool:
    """Whether the fold can process a frame without an exception."""
    if frame.framing in STREAMED:
        return True
    if frame.framing is Framing.JSON:
        return frame.event in _READ_REASONS
    try:
        marker, content = Marker(frame.event), as_object(parse(frame.data))
        if marker is Marker.SETTLED:
            TurnStatus(as_text(content.get("status")) or TurnStatus.UNKNOWN)
            fault_of(as_object(content.get("fault")))
        elif marker is Marker.OPENED:
            StreamRoute(as_text(content.get("via")) or StreamRoute.POST)
    except (ValueError, TypeError, ArithmeticError):
        return False
    return True


_READ_REASONS: Final = frozenset(ReadReason)


class Fold:
    """An incremental fold: `take` frames in order, read `turn` at any time.

    `tap` is called with each decoded event of a stream.
    """

    def __init__(self, request: TurnRequest, tap: Callable[[ev.StreamEvent], None] | None = None) -> None:
        self._frozen = Turn(request)
        self._builder: AnswerBuilder | None = None
        """Extends the answer while events arrive; None: the answer is `_frozen`."""
        self._previous: Turn | None = None
        """During a replay: the turn before it."""
        self._previous_size = (0, 0)
        """How long its answer is: `turn` is read many times a second."""
        self._compared: tuple[Turn, bool] | None = None
        """The newest answer that was compared with it, and whether it was as long."""
        self._decoder: StreamDecoder | None = None
        self._dialect: str | None = None
        self._via = StreamRoute.POST
        self._at_ms = 0
        """The time of the current frame."""
        self._latest_ms = -INT64_MAX
        self._has_message_start = False
        self._has_text = False
        """The newest body has contained text."""
        self._is_settled = False
        self.misdirected = False
        """The newest body belongs to another worker, and is ignored."""
        self._matcher = MessageMatcher(request)
        self._tap = tap
        self._pending_deltas: list[str] = []
        self._pending_key: tuple[type[_Growth], str] = (ev.TextGrew, "")
        """The kind and the id of the part that the pending deltas extend."""
        self._pending_ms = 0
        """The time of the first of them."""

    @property
    def turn(self) -> Turn:
        """The turn to show: during a replay the previous answer, until the new one is as long or finished."""
        self._flush_deltas()
        answer, previous = self._answer, self._previous
        if previous is None or answer.finished:
            return answer
        if not self._matcher.has_content:
            return with_answer_of(answer, previous)
        if self._compared is None or self._compared[0] is not answer:
            self._compared = answer, answer_size(answer) >= self._previous_size
        return answer if self._compared[1] else with_answer_of(answer, previous)

    @property
    def _answer(self) -> Turn:
        """The turn so far, without the buffered deltas.

        Reading it takes time in proportion to the number of parts, so do not do so for each event.
        """
        return self._frozen if self._builder is None else self._builder.turn

    @_answer.setter
    def _answer(self, turn: Turn) -> None:
        self._frozen, self._builder = turn, None

    def _set(self, **members: Any) -> None:
        self._answer = replace(self._answer, **members)

    @property
    def _head(self) -> Turn:
        """The turn so far; its parts may be outdated."""
        return self._frozen if self._builder is None else self._builder.head

    @property
    def _growing(self) -> AnswerBuilder:
        if self._builder is None:
            self._builder = AnswerBuilder(self._frozen)
        return self._builder

    def take(self, frame: Frame) -> None:
        """Process one frame. It never raises for anything that a server can send.

        Text deltas are buffered until `turn` is read.
        """
        self._at_ms = frame.at_ms
        match frame.framing:
            case Framing.SSE | Framing.LINES | Framing.TEXT:
                self._take_stream_frame(frame)
            case Framing.NOTE:
                self._flush_deltas()
                self._take_marker(frame)
            case Framing.JSON:
                self._flush_deltas()
                self._take_snapshot(frame)
            case _:
                assert_never(frame.framing)

    def _moment(self) -> int:
        """The time of an event of the turn: not before that of an earlier one, although the clock went back.

        The readings and the end of a turn are put in order by it.
        """
        self._latest_ms = max(self._latest_ms, self._at_ms)
        return self._latest_ms

    # -- markers ------------------------------------------------------------------
    def _take_marker(self, frame: Frame) -> None:
        fields = as_object(parse(frame.data))
        match Marker(frame.event):
            case Marker.OPENED:
                self._open_body(fields)
            case Marker.CLOSED:
                self._close_body(clean=fields.get("clean") is True)
                # Events above the size limit, which were only counted.
                skipped = self._answer.skipped + (count(fields.get("dropped")) or 0)
                worker_id = self._answer.worker_id or as_text(fields.get("worker_id"))
                self._set(skipped=skipped, worker_id=worker_id)
            case Marker.RETRYING:
                self._set_retry(fields)
            case Marker.WATCHING:
                self._is_settled = False
                self._set(status=TurnStatus.CHECKING, fault=None, ended_ms=None, retry=None)
            case Marker.ASKED:
                self._set_seen_before(fields)
            case Marker.SENDING:
                request = self._answer.request
                request = replace(request, target_id=as_text(fields.get("worker_id")) or request.target_id)
                self._set(
                    request=request,
                    worker_id=as_text(fields.get("begun")) or self._answer.worker_id,
                    status=TurnStatus.SENDING,
                    posts=self._answer.posts + 1,
                    sent_ms=self._moment(),
                    earlier_evidence=snapshot_of(fields) if fields.keys() & {"files", "sources"} else None,
                )
            case Marker.SETTLED:
                if not self._is_settled:
                    self._settle(fields)

    def _set_retry(self, fields: JsonObject) -> None:
        attempt, wait_ms = fields.get("attempt"), fields.get("wait_ms")
        retry = Retry(
            attempt if isinstance(attempt, int) else 1,
            wait_ms if isinstance(wait_ms, int) else 0,
            self._at_ms,
            as_text(fields.get("reason")) or "",
        )
        self._set(status=TurnStatus.CHECKING, activity=None, retry=retry)

    def _set_seen_before(self, fields: JsonObject) -> None:
        times = fields.get("times")
        request = replace(self._answer.request, seen_before=times if isinstance(times, int) else None)
        self._set(request=request)
        self._matcher = MessageMatcher(request)

    def _open_body(self, fields: JsonObject) -> None:
        self._via = StreamRoute(as_text(fields.get("via")) or StreamRoute.POST)
        self._decoder = StreamDecoder(as_text(fields.get("encoding")) or "")
        self._dialect = None
        worker, expected = as_text(fields.get("worker_id")), self._expected_worker()
        is_another = names_another(worker, expected)
        worker_id = (None if is_another else worker) or self._answer.worker_id
        self._set(status=TurnStatus.ACCEPTED, worker_id=worker_id, activity=None, retry=None)
        self._is_settled = self.misdirected = self._has_text = False
        if self._via is not StreamRoute.POST:
            self._previous = self.turn
            self._previous_size = answer_size(self._previous)
            self._compared = None
            self._answer = without_answer(self._answer)
            self._matcher.restart()
        if is_another:
            self._mark_misdirected()

    def _close_body(self, *, clean: bool) -> None:
        if self._decoder is not None:
            for event in self._decoder.end(clean=clean):
                self._apply(event)
            self._flush_deltas()
            self._set_dialect(self._decoder)
        # The answer to our own POST is ours, whatever history precedes it.
        if self._matcher.lacks_our_turn and self._via is not StreamRoute.POST:
            self._answer = without_answer(self._answer)
        elif clean and self._matcher.ends_with_complete_answer(self._answer):
            self._set(finished=True)
        self._answer = self.turn
        self._previous = self._compared = self._decoder = None

    def _settle(self, fields: JsonObject) -> None:
        if self._decoder is not None:
            self._close_body(clean=False)
        status = TurnStatus(as_text(fields.get("status")) or TurnStatus.UNKNOWN)
        self._is_settled = status not in UNDECIDED
        parts = close_parts(self._answer.parts) if status is not TurnStatus.RUNNING else self._answer.parts
        self._set(
            status=status,
            parts=keep_equal(self._answer.parts, parts),
            recovered=fields.get("recovered") is True,
            posts=0 if status is TurnStatus.NOT_SENT else self._answer.posts,
            fault=fault_of(as_object(fields.get("fault"))),
            ended_ms=self._moment(),
            activity=None,
            retry=None,
        )

    # -- another worker ------------------------------------------------------------
    def _expected_worker(self) -> str | None:
        """The worker to which a body must belong; None while the id of a new worker is not certain.

        If our POST creates a worker, the first Worker object in its answer has the id.
        """
        turn = self._head
        if turn.request.target_id is not None:
            return turn.request.target_id
        return None if self._via is StreamRoute.POST and turn.snapshot is None else turn.worker_id

    def _mark_misdirected(self) -> None:
        self.misdirected = True
        self._growing.set(stream_fault=ANOTHER_WORKER)

    def _names_another(self, event: ev.StreamEvent) -> bool:
        """Whether to ignore an event about another worker; a body that begins with one is ignored."""
        named = named_worker(event)
        if named is None:
            return False
        # The worker named before the first text of the answer is certain.
        expected = self._expected_worker() or (self._head.worker_id if self._has_text else None)
        if not names_another(named, expected):
            return False
        if self._growing.parts:
            # Inside our answer this is only a mention, unless it is a complete Worker object.
            return isinstance(event, ev.WorkerRead)
        self._mark_misdirected()
        return True

    # -- Worker objects ------------------------------------------------------------
    def _take_snapshot(self, frame: Frame) -> None:
        if self._answer.retry is not None:
            self._set(retry=None)
        try:
            snapshot = snapshot_of(as_object(parse_exact(frame.data)))
        except NotJson:
            self._set(skipped=self._answer.skipped + 1)
            return
        read_reason = ReadReason(frame.event)
        expected = (
            self._expected_worker()
            if read_reason in (ReadReason.ANSWER, ReadReason.BEFORE)
            else self._answer.worker_id
        )
        if names_another(snapshot.worker_id, self._answer.request.target_id or expected):
            if read_reason is ReadReason.ANSWER:
                self._mark_misdirected()
            return
        if self._is_settled or read_reason is ReadReason.MONEY:
            self._set_read(with_snapshot(self._answer, snapshot), snapshot)
        elif read_reason is ReadReason.BEFORE:
            self._set(before=snapshot, before_ms=self._moment())
        else:
            add = settle_with if read_reason is ReadReason.AFTER else show_progress
            self._set_read(add(self._answer, snapshot), snapshot)

    def _set_read(self, turn: Turn, snapshot: Snapshot) -> None:
        """Set the turn after a Worker was read, with time and figures of the reading."""
        at_ms, before = self._moment(), self._answer
        if before.snapshot is None and before.sent_ms is None:
            turn = replace(turn, was_last=answer_to(turn.request, snapshot).last)
        read = FigureRead(at_ms, snapshot.usage, snapshot.costs, snapshot.busy, snapshot.prompts)
        own = own_reads(before, turn, at_ms)
        self._answer = replace(turn, read_ms=at_ms, reads=with_read(turn, read), own_reads=own)

    # -- streams -------------------------------------------------------------------
    def _take_stream_frame(self, frame: Frame) -> None:
        if self._is_settled:
            return
        if self._decoder is None:
            self._decoder = StreamDecoder()
        for event in self._decoder.decode(frame):
            self._apply(event)
        self._set_dialect(self._decoder)

    def _set_dialect(self, decoder: StreamDecoder) -> None:
        if decoder.name != self._dialect:
            self._dialect = decoder.name
            self._growing.set(encoding=decoder.name)

    def _apply(self, event: ev.StreamEvent) -> None:
        if self.misdirected:
            return
        if isinstance(event, _GROWTH) and (self._previous is None or self._matcher.has_content):
            if self._tap is not None:
                self._tap(event)
            self._buffer_delta(event)
            return
        self._flush_deltas()
        if self._names_another(event):
            return
        if self._tap is not None:
            self._tap(event)
        if isinstance(event, ev.MessageStored):
            self._answer = self._matcher.take_stored(self._answer, event.message)
        elif isinstance(event, ev.MessageStarted):
            self._start_message(event)
        elif isinstance(event, ev.WorkerRead):
            self._matcher.mark_content()
            self._set_read(read_stream_snapshot(self._answer, event.snapshot), event.snapshot)
        elif not self._matcher.is_past_our_turn:
            self._advance(event)

    def _buffer_delta(self, event: _Growth) -> None:
        """Buffer a delta: an answer has thousands, and joined deltas change the turn only once."""
        if self._matcher.is_past_our_turn:
            return
        key = type(event), event.call_id if isinstance(event, ev.ToolInputGrew) else event.key
        if key != self._pending_key:
            self._flush_deltas()
        self._matcher.mark_content()
        self._has_text = True
        self._pending_key = key
        self._pending_ms = self._pending_ms if self._pending_deltas else self._at_ms
        self._pending_deltas.append(event.delta)

    def _flush_deltas(self) -> None:
        """Add the buffered deltas to the answer."""
        if self._pending_deltas:
            kind, key = self._pending_key
            event = kind(key, join_all(self._pending_deltas))
            self._pending_deltas = []
            self._apply_to_answer(event, self._pending_ms)

    def _start_message(self, event: ev.MessageStarted) -> None:
        self._has_message_start = True
        restarted = self._matcher.restart_at(self._growing, event)
        if self._matcher.is_past_our_turn:
            return
        if restarted is not None:
            self._answer = restarted
        self._apply_at(self._at_ms, event)

    def _advance(self, event: ev.StreamEvent) -> None:
        """Apply one event. A replay that begins in the middle continues the answer of the lost stream."""
        if self._previous is not None and not self._matcher.has_content:
            if isinstance(event, ev.StreamDone):
                return
            if self._has_message_start and not isinstance(event, ev.Unknown):
                self._answer = with_answer_of(self._answer, self._previous)
        if not isinstance(event, ev.Unknown):
            self._matcher.mark_content()
        self._apply_to_answer(event, self._at_ms)

    def _apply_to_answer(self, event: ev.StreamEvent, at_ms: int) -> None:
        """Apply one event; first restore the call that it refers to, if the answer does not have it."""
        if self._previous is not None or self._matcher.may_restore:
            key = call_key(event)
            if key is not None:
                self._matcher.restore_call(self._growing, key, self._previous)
        self._apply_at(at_ms, event)

    def _apply_at(self, at_ms: int, event: ev.StreamEvent) -> None:
        # A replay brings at once what took minutes.
        self._growing.apply(event, at_ms if self._via is StreamRoute.POST else None)
