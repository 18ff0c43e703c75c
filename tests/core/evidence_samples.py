"""Sample sessions with sources."""

from __future__ import annotations

from collections.abc import Sequence

from handinger_tui.core.stream import Snapshot, SourcePart
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Part, Rope, TextPart, Turn, TurnRequest


def web(url: str, title: str | None = None, source_id: str = "") -> SourcePart:
    return SourcePart(source_id, url, title)


def turn(number: int, *parts: Part | str, listed: Sequence[str] | None = None) -> Turn:
    """A turn whose texts are text parts; `listed`: the addresses that the worker lists."""
    text_parts = tuple(TextPart(Rope() + part) if isinstance(part, str) else part for part in parts)
    snapshot = None if listed is None else Snapshot(sources=tuple(SourcePart("", url) for url in listed))
    return Turn(TurnRequest(f"turn_{number}", "", 0), parts=text_parts, snapshot=snapshot)


def session(*turns: Turn, session_id: str = "ses_1") -> Session:
    return Session(session_id, 0, turns=turns)
