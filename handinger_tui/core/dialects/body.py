"""Text bodies: it decides whether a body is read line by line or appended as prose."""

from __future__ import annotations

from enum import Enum, auto

from handinger_tui.core.dialects.ai4 import looks_like_ai4


class Shape(Enum):
    """The recognized form of a text body."""

    OPEN = auto()
    """Too little has arrived to decide."""
    LINES = auto()
    PROSE = auto()


class TextBody:
    """Splits a text body into pieces: complete lines, or text to append."""

    def __init__(self, *, lines: bool) -> None:
        self.shape = Shape.LINES if lines else Shape.OPEN
        self._buffer = ""

    def take(self, text: str) -> list[str]:
        """Add text; return the pieces that are complete now."""
        if self.shape is Shape.PROSE:
            return [text] if text else []
        self._buffer += text
        shape = self._decide()
        if shape is Shape.PROSE:
            return self._take_buffer()
        if shape is Shape.OPEN or "\n" not in self._buffer:
            return []
        *lines, self._buffer = self._buffer.split("\n")
        return [line.removesuffix("\r") for line in lines]

    def end(self) -> list[str]:
        """The buffered rest when the body ends."""
        if self.shape is Shape.OPEN and self._buffer:
            self.shape = Shape.LINES if looks_like_ai4(f"{self._buffer}\n") else Shape.PROSE
        return self._take_buffer()

    def _decide(self) -> Shape:
        verdict = looks_like_ai4(self._buffer) if self.shape is Shape.OPEN else None
        if verdict is not None:
            self.shape = Shape.LINES if verdict else Shape.PROSE
        return self.shape

    def _take_buffer(self) -> list[str]:
        rest, self._buffer = self._buffer, ""
        return [rest] if rest else []
