"""History: which of the messages in one body are ours."""

from __future__ import annotations

from typing import Any, Final

from handinger_tui.core.jsontext import as_object
from handinger_tui.core.replacing import replace
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.messages import asks, id_of, parts_of, role_of
from handinger_tui.core.turns.reducer import call_meant, call_of, insert, push
from handinger_tui.core.turns.turn import Part, ReasoningPart, TextPart, Turn, TurnRequest

NO_ANSWER: Final[dict[str, Any]] = {
    "parts": (),
    "open_text": (),
    "open_reasoning": (),
    "message_id": None,
    "metadata": {},
    "finished": False,
    "finish_reason": None,
    "incomplete": None,
    "aborted": False,
    "abort_reason": None,
    "errors": (),
    "late_errors": (),
    "stream_fault": None,
    "stream_usage": {},
}
"""The members of a turn that are its answer, as they are before one arrives."""


def emptied(turn: Turn) -> Turn:
    """The same turn with no answer yet."""
    return replace(turn, **NO_ANSWER)


def with_answer_of(turn: Turn, other: Turn) -> Turn:
    """`turn` with the answer of `other`; a fault of the newer stream stays known."""
    answer = {member: getattr(other, member) for member in NO_ANSWER}
    answer["stream_fault"] = turn.stream_fault or other.stream_fault
    return replace(turn, **answer)


def amount_of(turn: Turn) -> tuple[int, int]:
    """How much of an answer there is: characters of text and reasoning, then parts."""
    bodies = (part.body for part in turn.parts if isinstance(part, TextPart | ReasoningPart))
    return sum(map(len, bodies)), len(turn.parts)


class MessageMatcher:
    """Which of the messages in one body are ours: older ones are stepped over.

    A stored user message with our text (the last such, or the one after those
    that stood there before) begins our turn; another one ends it. Where no user
    message tells, a new message after a finished one replaces it: history first,
    the live answer last.
    """

    def __init__(self, order: TurnRequest) -> None:
        self._order = order
        self.restart()

    def restart(self) -> None:
        """A new body begins."""
        self._asked = 0
        self._users = 0
        self._mine = False
        self.theirs = False
        self.touched = False
        self._stored_id: str | None = None
        self._base: Turn | None = None
        self._stored_last = False
        self._aside: tuple[Part, ...] = ()
        """Parts of a stored message of ours that the live stream seems to tell anew."""
        self._aside_at = 0

    @property
    def foreign(self) -> bool:
        """The body tells whose messages it holds, and ours is not among them."""
        known = bool(self._order.prompt) and self._order.seen_before is not None
        return known and self._users > 0 and not self._mine

    def touch(self) -> None:
        """The body has said something of a message."""
        self.touched = True

    def stored_whole(self, turn: Turn) -> bool:
        """The body ended with a stored answer in which nothing is still open."""
        busy = any(isinstance(part, TextPart | ReasoningPart) and part.open for part in turn.parts)
        return self._stored_last and not busy and bool(turn.parts)

    def stored(self, turn: Turn, message: ev.JsonObject) -> Turn:
        """Take a stored message."""
        self.touched = True
        if role_of(message) == "user":
            return self._user(turn, message)
        if role_of(message) != "assistant" or self.theirs:
            return turn
        message_id = id_of(message)
        if message_id is not None and message_id == self._stored_id and self._base is not None:
            base = with_answer_of(turn, self._base)
        else:
            base = turn if self._mine and turn.parts else emptied(turn)
        self._stored_last, self._stored_id, self._base = True, message_id, base
        self._aside = ()
        parts = (*base.parts, *parts_of(message))
        metadata = as_object(message.get("metadata"))
        return replace(base, parts=parts, message_id=message_id, metadata={**base.metadata, **metadata})

    def _user(self, turn: Turn, message: ev.JsonObject) -> Turn:
        self._users += 1
        self._stored_last = False
        if not self._order.prompt or asks(message, self._order.prompt):
            self._asked += 1
            if self._asked > (self._order.seen_before or 0):
                if self._mine and self._order.seen_before is not None:
                    return self._ended(turn)
                self._mine, self.theirs = True, False
        elif self._mine:
            return self._ended(turn)
        return emptied(turn)

    def _ended(self, turn: Turn) -> Turn:
        """A later turn begins, so ours is over."""
        self.theirs = True
        return replace(turn, finished=turn.finished or bool(turn.parts))

    def started(self, turn: Turn, event: ev.MessageStarted) -> Turn:
        """Prepare for a `start`: rebuild, go on, or step over a finished message."""
        self.touched = True
        self._stored_last = False
        if self.theirs:
            return turn
        again = event.message_id is not None and event.message_id == self._stored_id
        if again and self._base is not None:
            # Stored as far as it had come, and now told from its beginning.
            self._stored_id = None
            self._aside_at = len(self._base.parts)
            self._aside = tuple(turn.parts[self._aside_at :])
            return with_answer_of(turn, self._base)
        other = event.message_id is not None and event.message_id != turn.message_id
        over = turn.finished or self._stored_id is not None
        if other and over and turn.parts and not self._mine:
            self._aside, self._aside_at = tuple(turn.parts), -1
            return emptied(turn)
        return replace(turn, finished=False) if turn.finished else turn

    def rejoined(self, turn: Turn, event: ev.StreamEvent, kept: Turn | None) -> Turn:
        """Prepare for an update of a call that the answer does not hold.

        A stream that updates a call of the stored message goes on with that message, and does not
        tell it anew: its parts come back. So do those of the answer `kept` from a lost stream. Of an
        older message that is not ours only the call itself is taken over.
        """
        meant = call_meant(event) if self._aside or kept is not None else None
        if meant is None or call_of(turn.parts, meant) is not None:
            return turn
        call = call_of(self._aside, meant)
        if call is not None and self._aside_at < 0:
            return push(turn, call)
        if call is not None:
            parts, self._aside = self._aside, ()
            return insert(turn, self._aside_at, parts)
        if kept is not None and call_of(kept.parts, meant) is not None:
            turn = replace(turn, metadata={**kept.metadata, **turn.metadata})
            return insert(turn, 0, kept.parts)
        return turn
