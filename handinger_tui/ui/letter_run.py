"""Letters typed while something is browsed: commands, or the beginning of a sentence for the prompt.

All times are those of the presses: a busy machine handles keys late, and changes nothing of what was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from textual.events import Key

WORD_S: Final = 0.3
"""Letters with less time between them may be a word; then a letter with an effect waits for its end."""
MOVES: Final = frozenset(
    {
        *("transcript.next", "transcript.previous", "transcript.match", "transcript.match_up"),
        *("transcript.mention", "transcript.mention_up", "sources.mention", "sources.mention_up"),
    }
)
"""Letters that only move the view: they act at once, and are typed as well if a word follows."""


class LetterRun:
    """The letters typed one right after the other, until one of them or a pause says what they are."""

    def __init__(self) -> None:
        self._pressed_at = 0.0
        self._text = ""
        self._waiting: list[Key] = []
        self.letters = 0
        """How many letters with a meaning have come, of all runs: a pause is over with the next one."""

    def waits(self, key: Key, binding_id: str | None) -> bool:
        """Add a letter that has a meaning; True: it is carried out when the run ends without a word."""
        self._pressed_at = key.time
        self._text += key.character or ""
        self.letters += 1
        if binding_id in MOVES and not self._waiting:
            return False
        self._waiting.append(key)
        return True

    def take_word(self) -> str:
        """A letter without a meaning was typed: the letters before it, which belong to the same word."""
        text, self._text, self._waiting = self._text, "", []
        return text

    def take_commands(self) -> list[Key]:
        """Something else than a letter came, or a pause: the letters that are still to be carried out."""
        waiting, self._text, self._waiting = self._waiting, "", []
        return waiting

    def end_before(self, key: Key) -> list[Key]:
        """As `take_commands`, if there was a pause before this letter; else there is nothing to do yet."""
        return self.take_commands() if key.time - self._pressed_at >= WORD_S else []
