"""Fold: order + frames → turn. The only way a turn is ever computed.

Live, resumed, replayed and exported turns all come from here, so they cannot
differ. A second stream of the same turn (a replay) fills a fresh answer that
replaces the partial one as soon as it has caught up; nothing is appended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import assert_never

from handinger_tui.core import events as ev
from handinger_tui.core.advance import advance
from handinger_tui.core.dialects import Hint, StreamDecoder
from handinger_tui.core.frames import Frame, Framing, Look, Note, Via
from handinger_tui.core.jsontext import NotJson, as_list, as_object, as_text, parse, parse_exact
from handinger_tui.core.messages import id_of, parts_of, role_of, text_of
from handinger_tui.core.outcome import fault_of
from handinger_tui.core.reconcile import close_parts, keep_equal, read_stream_snapshot, settle_with, show_progress, with_snapshot
from handinger_tui.core.snapshot import Snapshot, snapshot_of
from handinger_tui.core.turn import Order, ReasoningPart, TextPart, Turn, TurnStatus


def fold(order: Order, frames: Iterable[Frame]) -> Turn:
    """The turn that these frames make."""
    folding = Fold(order)
    for frame in frames:
        folding.feed(frame)
    return folding.turn


class Fold:
    """The fold under way: feed it frames in order, read `turn` at any time.

    `prior` continues a stored assistant message (a stream whose `start` names
    it goes on with its parts). `tap` hears every event of a stream as it is decoded.
    """

    def __init__(
        self, order: Order, prior: Turn | None = None, tap: Callable[[ev.StreamEvent], None] | None = None
    ) -> None:
        self._answer = prior or Turn(order)
        self._kept: Turn | None = None
        self._decoder: StreamDecoder | None = None
        self._via = Via.POST
        self._history = _History(order)
        self._tap = tap

    @property
    def turn(self) -> Turn:
        """What to show now: the fresh answer, or the kept one until it is overtaken."""
        kept = self._kept
        if kept is None or self._answer.finished or len(self._answer.text) >= len(kept.text):
            return self._answer
        return replace(
            self._answer,
            parts=kept.parts,
            open_text=kept.open_text,
            open_reasoning=kept.open_reasoning,
            message_id=kept.message_id,
        )

    def feed(self, frame: Frame) -> Turn:
        """Take one frame; never raises for anything a server can send."""
        match frame.framing:
            case Framing.NOTE:
                self._note(frame)
            case Framing.JSON:
                self._look(frame)
            case Framing.SSE | Framing.LINES | Framing.TEXT:
                self._stream(frame)
            case _:
                assert_never(frame.framing)
        return self.turn

    # -- notes -------------------------------------------------------------------
    def _note(self, frame: Frame) -> None:
        said = as_object(parse(frame.data))
        match Note(frame.event):
            case Note.OPENED:
                self._opened(said)
            case Note.CLOSED:
                self._closed(clean=said.get("clean") is True)
            case Note.RETRYING:
                self._answer = replace(self._answer, status=TurnStatus.CHECKING, activity=as_text(said.get("reason")))
            case Note.WATCHING:
                self._answer = replace(self._answer, status=TurnStatus.CHECKING, fault=None, ended_ms=None)
            case Note.ASKED:
                self._asked(said)
            case Note.SENDING:
                self._answer = replace(self._answer, status=TurnStatus.SENDING, posts=self._answer.posts + 1)
            case Note.SETTLED:
                self._settled(said, frame.at_ms)

    def _asked(self, said: ev.JsonObject) -> None:
        times = said.get("times")
        order = replace(self._answer.order, seen_before=times if isinstance(times, int) else None)
        self._answer = replace(self._answer, order=order)
        self._history = _History(order)

    def _opened(self, said: ev.JsonObject) -> None:
        self._via = Via(as_text(said.get("via")) or Via.POST)
        self._decoder = StreamDecoder(
            Hint(as_text(said.get("content_type")) or "", as_text(said.get("encoding")) or "")
        )
        worker_id = as_text(said.get("worker_id")) or self._answer.worker_id
        self._answer = replace(self._answer, status=TurnStatus.ACCEPTED, worker_id=worker_id, activity=None)
        if self._via in (Via.REPLAY, Via.SUBSCRIBE):
            self._kept = self.turn
            self._answer = _emptied(self._answer)
            self._history.restart()

    def _closed(self, *, clean: bool) -> None:
        if self._decoder is not None:
            for event in self._decoder.end(clean=clean):
                self._apply(event)
        if self._history.foreign:
            self._answer = _emptied(self._answer)
        elif clean and self._history.stored_whole(self._answer):
            self._answer = replace(self._answer, finished=True)
        self._answer, self._kept, self._decoder = self.turn, None, None

    def _settled(self, said: ev.JsonObject, at_ms: int) -> None:
        status = TurnStatus(as_text(said.get("status")) or TurnStatus.UNKNOWN)
        parts = close_parts(self._answer.parts) if status is not TurnStatus.RUNNING else self._answer.parts
        self._answer = replace(
            self._answer,
            status=status,
            parts=keep_equal(self._answer.parts, parts),
            recovered=said.get("recovered") is True,
            posts=0 if status is TurnStatus.NOT_SENT else self._answer.posts,
            fault=fault_of(as_object(said.get("fault"))),
            ended_ms=at_ms,
            activity=None,
        )

    # -- whole Workers -------------------------------------------------------------
    def _look(self, frame: Frame) -> None:
        try:
            snapshot = snapshot_of(as_object(parse_exact(frame.data)))
        except NotJson:
            self._answer = replace(self._answer, skipped=self._answer.skipped + 1)
            return
        match Look(frame.event):
            case Look.BEFORE:
                self._answer = replace(self._answer, before=snapshot)
            case Look.MONEY:
                self._answer = with_snapshot(self._answer, snapshot)
            case Look.ANSWER | Look.DURING:
                self._answer = show_progress(self._answer, snapshot)
            case Look.AFTER:
                self._answer = settle_with(self._answer, snapshot)

    # -- streams -------------------------------------------------------------------
    def _stream(self, frame: Frame) -> None:
        if self._decoder is None:
            self._decoder = StreamDecoder(Hint())
        for event in self._decoder.decode(frame):
            self._apply(event)
        if self._decoder.name is not None and self._answer.encoding != self._decoder.name:
            self._answer = replace(self._answer, encoding=self._decoder.name)

    def _apply(self, event: ev.StreamEvent) -> None:
        if self._tap is not None:
            self._tap(event)
        if isinstance(event, ev.MessageStored):
            self._answer = self._history.stored(self._answer, event.message)
        elif isinstance(event, ev.MessageStarted):
            self._answer = advance(self._history.started(self._answer, event), event)
        elif isinstance(event, ev.WorkerRead):
            self._answer = self._worker_read(event.snapshot)
        elif not self._history.theirs:
            if self._via is Via.SUBSCRIBE and self._kept is not None and self._history.untouched(event):
                # The server sends only the rest: go on where the lost stream stopped.
                self._answer = replace(self._answer, parts=self._kept.parts, open_text=self._kept.open_text)
            self._answer = advance(self._answer, event)

    def _worker_read(self, snapshot: Snapshot) -> Turn:
        return read_stream_snapshot(self._answer, snapshot)


def _emptied(turn: Turn) -> Turn:
    """The same turn with no answer yet."""
    return replace(
        turn,
        parts=(),
        open_text=(),
        open_reasoning=(),
        message_id=None,
        metadata={},
        finished=False,
        finish_reason=None,
        incomplete=None,
        aborted=False,
        abort_reason=None,
        errors=(),
        stream_fault=None,
        stream_usage={},
    )


class _History:
    """Which of the messages in one body are ours: older ones are stepped over.

    A stored user message with our text (the last such, or the one after those
    that stood there before) begins our turn; another one ends it. Where no user
    message tells, a new message after a finished one replaces it: history first,
    the live answer last.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self.restart()

    def restart(self) -> None:
        """A new body begins."""
        self._asked = 0
        self._users = 0
        self._mine = False
        self.theirs = False
        self._touched = False
        self._stored_id: str | None = None
        self._stored_last = False

    @property
    def foreign(self) -> bool:
        """The body tells whose messages it holds, and ours is not among them."""
        known = bool(self._order.prompt) and self._order.seen_before is not None
        return known and self._users > 0 and not self._mine

    def untouched(self, event: ev.StreamEvent) -> bool:
        """`event` is the first of its body and goes on with something."""
        first, self._touched = not self._touched, True
        return first and isinstance(event, ev.TextGrew | ev.ReasoningGrew | ev.TextEnded | ev.ToolInputGrew)

    def stored_whole(self, turn: Turn) -> bool:
        """The body ended with a stored answer in which nothing is still open."""
        busy = any(isinstance(part, TextPart | ReasoningPart) and part.open for part in turn.parts)
        return self._stored_last and not busy and bool(turn.parts)

    def stored(self, turn: Turn, message: ev.JsonObject) -> Turn:
        """Take a stored message."""
        self._touched = True
        if role_of(message) == "user":
            return self._user(turn, message)
        if role_of(message) != "assistant" or self.theirs:
            return turn
        self._stored_last, self._stored_id = True, id_of(message)
        goes_on = self._mine and turn.parts and turn.message_id != self._stored_id
        parts = (*turn.parts, *parts_of(message)) if goes_on else parts_of(message)
        base = turn if goes_on else _emptied(turn)
        metadata = as_object(message.get("metadata"))
        return replace(base, parts=parts, message_id=self._stored_id, metadata={**base.metadata, **metadata})

    def _user(self, turn: Turn, message: ev.JsonObject) -> Turn:
        self._users += 1
        self._stored_last = False
        if not self._order.prompt or text_of(message) == self._order.prompt:
            self._asked += 1
            if self._asked > (self._order.seen_before or 0):
                first_time = not self._mine or self._order.seen_before is None
                self._mine, self.theirs = True, not first_time
                return _emptied(turn) if first_time else turn
        elif self._mine:
            self.theirs = True
            return turn
        return _emptied(turn)

    def started(self, turn: Turn, event: ev.MessageStarted) -> Turn:
        """Prepare for a `start`: rebuild, go on, or step over a finished message."""
        self._touched = True
        self._stored_last = False
        if self.theirs:
            return turn
        again = event.message_id is not None and event.message_id == self._stored_id
        if again:
            self._stored_id = None
            return replace(_emptied(turn), message_id=event.message_id)
        other = event.message_id is not None and event.message_id != turn.message_id
        over = turn.finished or self._stored_id is not None
        if other and over and turn.parts and not self._mine:
            return _emptied(turn)
        return replace(turn, finished=False) if other and over else turn


