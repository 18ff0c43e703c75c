"""What a new worker is told of an earlier conversation: the delivered messages and answers, as text."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import DRAFT, FilePart, SourcePart, Turn, TurnStatus

LONGEST: Final = 100_000
"""Characters that are carried at most; the oldest messages are left out."""


def carried_text(session: Session, last: Turn) -> str:
    """The conversation up to and including the turn `last`; "" where nothing was delivered."""
    upto = next(at for at, turn in enumerate(session.turns, 1) if turn.turn_id == last.turn_id)
    delivered = [
        turn
        for turn in session.turns[:upto]
        if turn.status not in DRAFT and turn.status is not TurnStatus.QUEUED
    ]
    pieces: list[str] = []
    length = 0
    for turn in reversed(delivered):
        piece = _piece(turn)
        length += len(piece)
        if length > LONGEST and pieces:
            break
        pieces.append(piece[:LONGEST])
    if not pieces:
        return ""
    omitted = len(delivered) - len(pieces)
    head = "This is a conversation with another worker. Continue from here."
    if omitted:
        head += f" The first {omitted} of {len(delivered)} messages are left out."
    return "\n\n".join([head, *reversed(pieces)])


def _piece(turn: Turn) -> str:
    paragraphs = [f"## User\n\n{turn.order.prompt.strip()}"]
    if turn.text.strip():
        paragraphs.append(f"## Worker\n\n{turn.text.strip()}")
    sources = [part for part in turn.parts if isinstance(part, SourcePart) and part.url]
    if sources:
        listed = (
            f"- {clean_line(part.title or '', 200)} {part.url}".replace("-  ", "- ") for part in sources
        )
        paragraphs.append("\n".join(["Sources:", *dict.fromkeys(listed)]))
    names = [clean_line(part.filename or "", 200) for part in turn.parts if isinstance(part, FilePart)]
    if any(names):
        paragraphs.append(f"Files created (not attached): {', '.join(filter(None, names))}")
    return "\n\n".join(paragraphs)
