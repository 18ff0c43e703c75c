"""Text bodies: which are to be read line by line, and which are to be appended."""

from __future__ import annotations

from enum import Enum, auto

from handinger_tui.core.dialects.ai4 import looks_like_ai4


class Shape(Enum):
    """What a text body turned out to be."""

    OPEN = auto()
    """Too little arrived to tell."""
    LINES = auto()
    PROSE = auto()


class TextBody:
    """Takes runs of text, gives pieces: whole lines, or text to append."""

    def __init__(self, *, lines: bool) -> None:
        self.shape = Shape.LINES if lines else Shape.OPEN
        self._held = ""

    def take(self, run: str) -> list[str]:
        """The pieces that are complete now."""
        if self.shape is Shape.PROSE:
            return [run] if run else []
        self._held += run
        shape = self._decided()
        if shape is Shape.PROSE:
            return self._rest()
        if shape is Shape.OPEN or "\n" not in self._held:
            return []
        *whole, self._held = self._held.split("\n")
        return [line.removesuffix("\r") for line in whole]

    def end(self) -> list[str]:
        """What was still held when the body ended."""
        if self.shape is Shape.OPEN and self._held:
            self.shape = Shape.LINES if looks_like_ai4(f"{self._held}\n") else Shape.PROSE
        return self._rest()

    def _decided(self) -> Shape:
        verdict = looks_like_ai4(self._held) if self.shape is Shape.OPEN else None
        if verdict is not None:
            self.shape = Shape.LINES if verdict else Shape.PROSE
        return self.shape

    def _rest(self) -> list[str]:
        rest, self._held = self._held, ""
        return [rest] if rest else []
