"""Which of the stored messages of a worker belong to our turn."""

from __future__ import annotations

from msgspec.structs import replace

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.jsontext import JsonObject, object_at
from handinger_tui.core.turns.messages import (
    find_prompt,
    id_of,
    message_parts,
    role_of,
    with_answer_of,
    without_answer,
)
from handinger_tui.core.turns.reducer import AnswerBuilder, PartList
from handinger_tui.core.turns.turn import (
    Part,
    ReasoningPart,
    TextPart,
    Turn,
    TurnRequest,
)


class MessageMatcher:
    """Finds the messages of our turn in one body, and skips older ones.

    Our turn begins with a stored user message with our text: the one after `seen_before` such messages, or
    the last one if `seen_before` is None. The next user message ends it. In a body without user messages, a
    new message replaces a finished one: history comes first, the live answer last.
    """

    def __init__(self, request: TurnRequest) -> None:
        self._request = request
        self.restart()

    def restart(self) -> None:
        """Reset the state: a new body begins."""
        self._matching_users = 0
        self._users = 0
        self._has_our_prompt = False
        self.is_past_our_turn = False
        """The messages of a later turn have begun."""
        self.has_content = False
        """The body has contained an event or a stored message."""
        self._stored_id: str | None = None
        self._base: Turn | None = None
        self._stored_last = False
        self._replaced_parts: tuple[Part, ...] = ()
        """Parts of our stored message that the live stream seems to repeat from the beginning."""
        self._replaced_at = 0
        """Their position in the answer; negative: they belong to an older message."""

    @property
    def may_restore(self) -> bool:
        """Whether there are parts that `restore_call` may restore."""
        return bool(self._replaced_parts)

    @property
    def lacks_our_turn(self) -> bool:
        """Whether the body has user messages without our prompt."""
        can_tell = bool(self._request.prompt) and self._request.seen_before is not None
        return can_tell and self._users > 0 and not self._has_our_prompt

    def mark_content(self) -> None:
        """Record that the body contains a part of a message."""
        self.has_content = True

    def ends_with_complete_answer(self, turn: Turn) -> bool:
        """Whether the body ended with a stored answer without open parts."""
        has_open_part = any(isinstance(part, TextPart | ReasoningPart) and part.open for part in turn.parts)
        return self._stored_last and not has_open_part and bool(turn.parts)

    def take_stored(self, turn: Turn, message: JsonObject) -> Turn:
        """Return the turn after a stored message."""
        self.has_content = True
        if role_of(message) == "user":
            return self._take_user_message(turn, message)
        if role_of(message) != "assistant" or self.is_past_our_turn:
            return turn
        message_id = id_of(message)
        if message_id is not None and message_id == self._stored_id and self._base is not None:
            base = with_answer_of(turn, self._base)
        else:
            base = turn if self._has_our_prompt and turn.parts else without_answer(turn)
        self._stored_last, self._stored_id, self._base = True, message_id, base
        self._replaced_parts = ()
        parts = (*base.parts, *message_parts(message))
        metadata = object_at(message, "metadata")
        return replace(base, parts=parts, message_id=message_id, metadata={**base.metadata, **metadata})

    def _take_user_message(self, turn: Turn, message: JsonObject) -> Turn:
        self._users += 1
        self._stored_last = False
        if not self._request.prompt or find_prompt((message,), self._request.prompt):
            self._matching_users += 1
            if self._matching_users > (self._request.seen_before or 0):
                if self._has_our_prompt and self._request.seen_before is not None:
                    return self._end_turn(turn)
                self._has_our_prompt, self.is_past_our_turn = True, False
        elif self._has_our_prompt:
            return self._end_turn(turn)
        return without_answer(turn)

    def _end_turn(self, turn: Turn) -> Turn:
        """End our turn, since a later one begins."""
        self.is_past_our_turn = True
        return replace(turn, finished=turn.finished or bool(turn.parts))

    def restart_at(self, answer: AnswerBuilder, event: ev.MessageStarted) -> Turn | None:
        """The turn if a message starts that repeats a stored one or replaces a finished one; else None."""
        self.has_content = True
        self._stored_last = False
        turn = answer.head
        if self.is_past_our_turn:
            return None
        is_stored_message = event.message_id is not None and event.message_id == self._stored_id
        if is_stored_message and self._base is not None:
            # The message was stored while incomplete, and is now streamed from its beginning.
            self._stored_id = None
            self._replaced_at = len(self._base.parts)
            self._replaced_parts = tuple(answer.parts[self._replaced_at :])
            return with_answer_of(turn, self._base)
        is_other_message = event.message_id is not None and event.message_id != turn.message_id
        is_finished = turn.finished or self._stored_id is not None
        if is_other_message and is_finished and answer.parts and not self._has_our_prompt:
            self._replaced_parts, self._replaced_at = tuple(answer.parts), -1
            return without_answer(turn)
        return None

    def restore_call(self, answer: AnswerBuilder, key: tuple[str, str], previous: Turn | None) -> None:
        """Prepare for an update of the call `key` (see `call_key`), which the answer may lack.

        A stream that updates a call of the stored message continues that message instead of repeating it, so
        the parts of the message are restored; likewise those of `previous`, the answer of a lost stream. From
        an older message that is not ours, only the call is copied.
        """
        if answer.parts.call_of(key) is not None:
            return
        call = PartList(self._replaced_parts).call_of(key)
        if call is not None and self._replaced_at < 0:
            answer.add(call)
        elif call is not None:
            parts, self._replaced_parts = self._replaced_parts, ()
            answer.insert(self._replaced_at, parts)
        elif previous is not None and PartList(previous.parts).call_of(key) is not None:
            answer.set(metadata={**previous.metadata, **answer.head.metadata})
            answer.insert(0, previous.parts)
