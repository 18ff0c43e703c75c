"""Plain text in its three dresses: JSON strings, objects with one string, and raw text.

All are weak: what looks like text is believed only where no other dialect was heard.
"""

from __future__ import annotations

from typing import ClassVar, Final

from handinger_tui.core.dialects.dialect import Dialect, Events
from handinger_tui.core.jsontext import Json
from handinger_tui.core.stream import events as ev

KEY: Final = "text"
"""The one text part of such a body."""
MEMBERS: Final = ("text", "delta", "content")
TYPES: Final = frozenset({"text", "delta", "content", "token", "chunk"})
"""`type`, where such an object has one: another type means that the object is something else."""
BROKEN: Final = ('{"', "[{", '["', "{}", "[]")
"""How text begins that was meant to be JSON and is damaged: never shown as an answer."""


class JsonStrings(Dialect):
    """Every event is a JSON string to append."""

    name: ClassVar[str] = "json-strings"
    weak: ClassVar[bool] = True

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The string."""
        return (ev.TextGrew(KEY, value),) if isinstance(value, str) else None


class JsonPieces(Dialect):
    """Every event is an object with the piece under `text`, `delta` or `content`."""

    name: ClassVar[str] = "json-pieces"
    weak: ClassVar[bool] = True

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The piece."""
        if not isinstance(value, dict) or not _may_be_text(value.get("type")):
            return None
        piece = next((p for member in MEMBERS if isinstance(p := value.get(member), str)), None)
        return (ev.TextGrew(KEY, piece),) if piece is not None else None


def _may_be_text(event_type: Json) -> bool:
    return event_type is None or (isinstance(event_type, str) and event_type in TYPES)


class RawText(Dialect):
    """Every event is text as it stands, even where it happens to be JSON."""

    name: ClassVar[str] = "text"
    weak: ClassVar[bool] = True

    def __init__(self) -> None:
        self._sure = False

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """Numbers and words of JSON; anything at all once the body is known to be text."""
        if self._sure or isinstance(value, int | float):
            return self._append(raw)
        return None

    def read_text(self, kind: str, raw: str) -> Events | None:
        """Text, unless it looks like damaged JSON at the very beginning."""
        if not self._sure and raw.lstrip()[:2] in BROKEN:
            return None
        return self._append(raw)

    def _append(self, raw: str) -> Events:
        self._sure = True
        return (ev.TextGrew(KEY, raw),)
