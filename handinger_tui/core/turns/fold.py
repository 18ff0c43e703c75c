"""Fold: order + frames → turn. The only way a turn is ever computed.

Live, resumed, replayed and exported turns all come from here, so they cannot
differ. A second stream of the same turn (a replay) fills a fresh answer that
replaces the partial one as soon as it has caught up; nothing is appended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import assert_never

from handinger_tui.core.dialects import Hint, StreamDecoder
from handinger_tui.core.jsontext import NotJson, as_object, as_text, parse, parse_exact
from handinger_tui.core.replacing import replace
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.frames import Frame, Framing, Marker, ReadReason, StreamRoute
from handinger_tui.core.stream.worker_snapshot import ANOTHER_WORKER, names_another, snapshot_of
from handinger_tui.core.turns.message_matcher import MessageMatcher, amount_of, emptied, with_answer_of
from handinger_tui.core.turns.outcome import fault_of
from handinger_tui.core.turns.reducer import advance, growing, named_worker, settled
from handinger_tui.core.turns.rope import join_all
from handinger_tui.core.turns.turn import Retry, Turn, TurnRequest, TurnStatus
from handinger_tui.core.turns.worker_reconciliation import (
    close_parts,
    keep_equal,
    read_stream_snapshot,
    settle_with,
    show_progress,
    with_snapshot,
)

_GROWTH = (ev.TextGrew, ev.ReasoningGrew)
UNDECIDED = (TurnStatus.RUNNING, TurnStatus.UNKNOWN)
"""Ends after which a reading of the worker may still bring the answer."""


def fold(order: TurnRequest, frames: Iterable[Frame]) -> Turn:
    """The turn that these frames make."""
    folding = Fold(order)
    for frame in frames:
        folding.take(frame)
    return folding.turn


class Fold:
    """The fold under way: feed it frames in order, read `turn` at any time.

    `prior` continues a stored assistant message (a stream whose `start` names
    it goes on with its parts). `tap` hears every event of a stream as it is decoded.
    """

    def __init__(
        self,
        order: TurnRequest,
        prior: Turn | None = None,
        tap: Callable[[ev.StreamEvent], None] | None = None,
    ) -> None:
        self._answer = prior or Turn(order)
        """Its parts grow in place while a stream tells it; see `core.places`."""
        self._shown_of = self._shown = self._answer
        self._prior = prior
        self._kept: Turn | None = None
        self._decoder: StreamDecoder | None = None
        self._via = StreamRoute.POST
        self._begun = False
        self._over = False
        self.misdirected = False
        """The body under way, or the last one, is of another worker: nothing of it counts."""
        self._history = MessageMatcher(order)
        self._tap = tap
        self._growth: list[str] = []
        self._grows: type[ev.TextGrew | ev.ReasoningGrew] = ev.TextGrew
        self._grows_at = ""

    @property
    def turn(self) -> Turn:
        """What to show now: the fresh answer, or the kept one until it is overtaken."""
        self._grow()
        kept = self._kept
        if kept is None or self._answer.finished:
            return self._settled_answer()
        if self._history.touched and amount_of(self._answer) >= amount_of(kept):
            return self._settled_answer()
        return with_answer_of(self._answer, kept)

    def _settled_answer(self) -> Turn:
        """The answer as a value; the same one until something is added."""
        if self._shown_of is not self._answer:
            self._shown_of, self._shown = self._answer, settled(self._answer)
        return self._shown

    def feed(self, frame: Frame) -> Turn:
        """Take one frame and return the turn; never raises for anything a server can send."""
        self.take(frame)
        return self.turn

    def take(self, frame: Frame) -> None:
        """Take one frame. Text that only grows joins the answer when somebody asks for the turn."""
        read = self._answer.snapshot
        match frame.framing:
            case Framing.SSE | Framing.LINES | Framing.TEXT:
                self._stream(frame)
            case Framing.NOTE:
                self._settle_answer()
                self._note(frame)
            case Framing.JSON:
                self._settle_answer()
                self._look(frame)
            case _:
                assert_never(frame.framing)
        if self._answer.snapshot is not read:
            self._answer = replace(self._answer, read_ms=frame.at_ms)

    # -- notes -------------------------------------------------------------------
    def _note(self, frame: Frame) -> None:
        said = as_object(parse(frame.data))
        match Marker(frame.event):
            case Marker.OPENED:
                self._opened(said)
            case Marker.CLOSED:
                self._closed(clean=said.get("clean") is True)
            case Marker.RETRYING:
                self._retrying(said, frame.at_ms)
            case Marker.WATCHING:
                self._over = False
                self._answer = replace(
                    self._answer, status=TurnStatus.CHECKING, fault=None, ended_ms=None, retry=None
                )
            case Marker.ASKED:
                self._asked(said)
            case Marker.SENDING:
                order = self._answer.order
                order = replace(order, worker_id=as_text(said.get("worker_id")) or order.worker_id)
                sent = self._answer.posts + 1
                self._answer = replace(self._answer, order=order, status=TurnStatus.SENDING, posts=sent)
            case Marker.SETTLED:
                if not self._over:
                    self._settled(said, frame.at_ms)

    def _retrying(self, said: ev.JsonObject, at_ms: int) -> None:
        number, wait_ms = said.get("attempt"), said.get("wait_ms")
        retry = Retry(
            number if isinstance(number, int) else 1,
            wait_ms if isinstance(wait_ms, int) else 0,
            at_ms,
            as_text(said.get("reason")) or "",
        )
        self._answer = replace(self._answer, status=TurnStatus.CHECKING, activity=None, retry=retry)

    def _asked(self, said: ev.JsonObject) -> None:
        times = said.get("times")
        order = replace(self._answer.order, seen_before=times if isinstance(times, int) else None)
        self._answer = replace(self._answer, order=order)
        self._history = MessageMatcher(order)

    def _opened(self, said: ev.JsonObject) -> None:
        self._via = StreamRoute(as_text(said.get("via")) or StreamRoute.POST)
        self._decoder = StreamDecoder(
            Hint(as_text(said.get("content_type")) or "", as_text(said.get("encoding")) or "")
        )
        named, asked = as_text(said.get("worker_id")), self._worker_asked()
        self.misdirected = False
        worker_id = self._answer.worker_id if names_another(named, asked) else named or self._answer.worker_id
        self._answer = replace(
            self._answer, status=TurnStatus.ACCEPTED, worker_id=worker_id, activity=None, retry=None
        )
        self._over = False
        if self._via in (StreamRoute.REPLAY, StreamRoute.SUBSCRIBE):
            self._kept = self.turn
            self._answer = emptied(self._answer)
            self._history.restart()
        if names_another(named, asked):
            self._misdirect()

    def _closed(self, *, clean: bool) -> None:
        if self._decoder is not None:
            for event in self._decoder.end(clean=clean):
                self._apply(event)
            self._grow()
            self._name_dialect(self._decoder)
        # What answers our own POST is ours, whatever history it tells before.
        if self._history.foreign and self._via is not StreamRoute.POST:
            self._answer = emptied(self._answer)
        elif clean and self._history.stored_whole(self._answer):
            self._answer = replace(self._answer, finished=True)
        self._answer, self._kept, self._decoder = self.turn, None, None

    def _settled(self, said: ev.JsonObject, at_ms: int) -> None:
        if self._decoder is not None:
            self._closed(clean=False)
        status = TurnStatus(as_text(said.get("status")) or TurnStatus.UNKNOWN)
        self._over = status not in UNDECIDED
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
            retry=None,
        )

    # -- another worker ------------------------------------------------------------
    def _worker_asked(self) -> str | None:
        """The worker that a body has to be of; None while a new one has not been named for certain.

        Where our POST creates a worker, the first Worker that it brings names it.
        """
        turn = self._answer
        if turn.order.worker_id is not None:
            return turn.order.worker_id
        return None if self._via is StreamRoute.POST and turn.snapshot is None else turn.worker_id

    def _misdirect(self) -> None:
        self.misdirected = True
        self._answer = replace(self._answer, stream_fault=ANOTHER_WORKER)

    def _names_another(self, event: ev.StreamEvent) -> bool:
        """Whether an event is about another worker; then a body that begins with it counts for nothing."""
        named = named_worker(event)
        if named is None or not names_another(named, self._worker_asked()):
            return False
        if self._answer.parts:
            # A mention within our answer; of a whole Worker nothing is taken.
            return isinstance(event, ev.WorkerRead)
        self._misdirect()
        return True

    # -- whole Workers -------------------------------------------------------------
    def _look(self, frame: Frame) -> None:
        if self._answer.retry is not None:
            self._answer = replace(self._answer, retry=None)
        try:
            snapshot = snapshot_of(as_object(parse_exact(frame.data)))
        except NotJson:
            self._answer = replace(self._answer, skipped=self._answer.skipped + 1)
            return
        look = ReadReason(frame.event)
        asked = (
            self._worker_asked() if look in (ReadReason.ANSWER, ReadReason.BEFORE) else self._answer.worker_id
        )
        if names_another(snapshot.worker_id, self._answer.order.worker_id or asked):
            if look is ReadReason.ANSWER:
                self._misdirect()
            return
        if self._over:
            self._answer = with_snapshot(self._answer, snapshot)
            return
        match look:
            case ReadReason.BEFORE:
                self._answer = replace(self._answer, before=snapshot)
            case ReadReason.MONEY:
                self._answer = with_snapshot(self._answer, snapshot)
            case ReadReason.ANSWER | ReadReason.DURING:
                self._answer = show_progress(self._answer, snapshot)
            case ReadReason.AFTER:
                self._answer = settle_with(self._answer, snapshot)

    # -- streams -------------------------------------------------------------------
    def _stream(self, frame: Frame) -> None:
        if self._over:
            return
        if self._decoder is None:
            self._decoder = StreamDecoder(Hint())
        for event in self._decoder.decode(frame):
            self._apply(event)
        self._name_dialect(self._decoder)

    def _name_dialect(self, decoder: StreamDecoder) -> None:
        if decoder.name is not None and self._answer.encoding != decoder.name:
            self._answer = replace(self._answer, encoding=decoder.name)

    def _apply(self, event: ev.StreamEvent) -> None:
        if self.misdirected:
            return
        if isinstance(event, _GROWTH) and self._kept is None:
            if self._tap is not None:
                self._tap(event)
            self._hold(event)
            return
        self._grow()
        if self._names_another(event):
            return
        if self._tap is not None:
            self._tap(event)
        if isinstance(event, ev.MessageStored):
            self._settle_answer()
            self._answer = self._history.stored(self._answer, event.message)
        elif isinstance(event, ev.MessageStarted):
            self._started(event)
        elif isinstance(event, ev.WorkerRead):
            self._settle_answer()
            self._history.touch()
            self._answer = read_stream_snapshot(self._answer, event.snapshot)
        elif not self._history.theirs:
            self._go_on(event)

    def _hold(self, event: ev.TextGrew | ev.ReasoningGrew) -> None:
        """Text grows by thousands of events: they are joined first and put into the turn together."""
        if self._history.theirs:
            return
        if self._growth and (type(event) is not self._grows or event.key != self._grows_at):
            self._grow()
        self._history.touch()
        self._grows, self._grows_at = type(event), event.key
        self._growth.append(event.delta)

    def _grow(self) -> None:
        """What was held joins the answer."""
        if self._growth:
            grown = self._grows(self._grows_at, join_all(self._growth))
            self._growth = []
            self._answer = advance(growing(self._answer), grown)

    def _settle_answer(self) -> None:
        """Whole Workers and messages are merged into a value."""
        self._grow()
        self._answer = self._settled_answer()

    def _started(self, event: ev.MessageStarted) -> None:
        self._begun = True
        turn = self._history.started(self._answer, event)
        if self._history.theirs:
            return
        prior = self._prior
        if prior is not None and not turn.parts and event.message_id == prior.message_id:
            turn = replace(turn, parts=prior.parts)
        self._answer = advance(turn, event)

    def _go_on(self, event: ev.StreamEvent) -> None:
        """Advance; a replay that begins in the middle goes on where the lost stream stopped."""
        if self._kept is not None and not self._history.touched:
            if isinstance(event, ev.StreamDone):
                return
            if self._begun and not isinstance(event, ev.Unknown):
                self._answer = with_answer_of(self._answer, self._kept)
        if not isinstance(event, ev.Unknown):
            self._history.touch()
        self._answer = self._history.rejoined(self._answer, event, self._kept)
        self._answer = advance(growing(self._answer), event)
