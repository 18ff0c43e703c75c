"""Plain text: JSON strings, objects with one string, raw text, and bodies that are no event stream.

The three dialects are weak: they are used only where no other one is recognized.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, ClassVar, Final

from handinger_tui.core.dialects.ai4 import looks_like_ai4
from handinger_tui.core.dialects.dialect import Dialect, Events
from handinger_tui.core.stream import events as ev

if TYPE_CHECKING:
    from handinger_tui.core.jsontext import Json

KEY: Final = "text"
"""The key of the only text part of such a body."""
MEMBERS: Final = ("text", "delta", "content")
TYPES: Final = frozenset({"text", "delta", "content", "token", "chunk"})
"""Values of `type` in such an object; with any other type, the object is something else."""
BROKEN: Final = ('{"', "[{", '["', "{}", "[]")
"""First characters of damaged JSON, which is never shown as an answer."""


class JsonStrings(Dialect):
    """Every event is a JSON string to append."""

    name: ClassVar[str] = "json-strings"
    weak: ClassVar[bool] = True

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The string as a text delta; None for any other value."""
        return (ev.TextGrew(KEY, value),) if isinstance(value, str) else None


class JsonPieces(Dialect):
    """Every event is an object with the piece under `text`, `delta` or `content`."""

    name: ClassVar[str] = "json-pieces"
    weak: ClassVar[bool] = True

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The piece as a text delta; None for any other value."""
        if not isinstance(value, dict) or not _may_be_text(value.get("type")):
            return None
        piece = next((p for member in MEMBERS if isinstance(p := value.get(member), str)), None)
        return (ev.TextGrew(KEY, piece),) if piece is not None else None


def _may_be_text(event_type: Json) -> bool:
    return event_type is None or (isinstance(event_type, str) and event_type in TYPES)


class RawText(Dialect):
    """Every event is literal text, even if it is valid JSON."""

    name: ClassVar[str] = "text"
    weak: ClassVar[bool] = True

    def __init__(self) -> None:
        self._is_confirmed = False

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """JSON numbers and booleans as text; any JSON once the body is known to be text."""
        if self._is_confirmed or isinstance(value, int | float):
            return self._append(raw)
        return None

    def read_text(self, kind: str, raw: str) -> Events | None:
        """The text as a delta; None if the body begins with damaged JSON."""
        if not self._is_confirmed and raw.lstrip()[:2] in BROKEN:
            return None
        return self._append(raw)

    def _append(self, raw: str) -> Events:
        self._is_confirmed = True
        return (ev.TextGrew(KEY, raw),)


# -- text bodies --------------------------------------------------------------------
class BodyShape(Enum):
    """The recognized form of a text body."""

    OPEN = auto()
    """Too little has arrived to decide."""
    LINES = auto()
    PROSE = auto()


class TextBody:
    """Splits a body into pieces: complete lines, or prose to append."""

    def __init__(self, *, lines: bool) -> None:
        self.shape = BodyShape.LINES if lines else BodyShape.OPEN
        self._buffer = ""

    def take(self, text: str) -> list[str]:
        """Add text; return the pieces that are complete now."""
        if self.shape is BodyShape.PROSE:
            return [text] if text else []
        self._buffer += text
        shape = self._decide()
        if shape is BodyShape.PROSE:
            return self._take_buffer()
        if shape is BodyShape.OPEN or "\n" not in self._buffer:
            return []
        *lines, self._buffer = self._buffer.split("\n")
        return [line.removesuffix("\r") for line in lines]

    def end(self) -> list[str]:
        """The buffered rest when the body ends."""
        if self.shape is BodyShape.OPEN and self._buffer:
            self.shape = BodyShape.LINES if looks_like_ai4(f"{self._buffer}\n") else BodyShape.PROSE
        return self._take_buffer()

    def _decide(self) -> BodyShape:
        verdict = looks_like_ai4(self._buffer) if self.shape is BodyShape.OPEN else None
        if verdict is not None:
            self.shape = BodyShape.LINES if verdict else BodyShape.PROSE
        return self.shape

    def _take_buffer(self) -> list[str]:
        rest, self._buffer = self._buffer, ""
        return [rest] if rest else []
