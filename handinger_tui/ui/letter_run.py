"""Letters typed while something is browsed: commands, or the beginning of a sentence for the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def __init__(self, now: Callable[[], float]) -> None:
        """`now`: the monotonic time in seconds."""
        self._now = now
        self._at = 0.0
        self._text = ""
        self._waiting: list[Key] = []

    def waits(self, key: Key, binding_id: str | None) -> bool:
        """Add a letter that has a meaning; True: it is carried out when the run ends without a word."""
        now = self._now()
        if now - self._at >= WORD_S and not self._waiting:
            self._text = ""
        self._at = now
        self._text += key.character or ""
        if binding_id in MOVES and not self._waiting:
            return False
        self._waiting.append(key)
        return True

    def take_word(self) -> str:
        """A letter without a meaning was typed: the letters before it, which belong to the same word."""
        is_word = bool(self._waiting) or self._now() - self._at < WORD_S
        text, self._text, self._waiting = self._text, "", []
        return text if is_word else ""

    def take_commands(self) -> list[Key]:
        """Something else than a letter came, or a pause: the letters that are still to be carried out."""
        waiting, self._text, self._waiting = self._waiting, "", []
        return waiting

    @property
    def pause_s(self) -> float:
        """Seconds until the run ends without a further letter; 0 when nothing waits for that."""
        return max(0.001, self._at + WORD_S - self._now()) if self._waiting else 0.0
