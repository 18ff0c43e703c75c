"""Returns: which turns have ended since one last looked, and which messages belong back in the prompt."""

from __future__ import annotations

from handinger_tui.core.drafts import Draft, draft_of
from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn
from handinger_tui.core.walks import same_front


class Returns:
    """Remembers, per session, how its turns stood. The first look at a session finds nothing new."""

    def __init__(self) -> None:
        self._stood: dict[str, tuple[Turn, ...]] = {}

    def met(self, session: Session) -> None:
        """Take a session as it stands, where nothing is known of it yet."""
        self._stood.setdefault(session.session_id, session.turns)

    def ended(self, session: Session) -> list[Turn]:
        """The turns that have ended since the last look, those that came and went in between included."""
        old = self._stood.get(session.session_id)
        self._stood[session.session_id] = session.turns
        if old is None:
            return []
        same = same_front(old, session.turns)
        # A turn in doubt that was watched and stays in doubt may do so between two looks.
        before = {turn.turn_id: (turn.status, turn.fault, turn.ended_ms) for turn in old[same:]}
        return [
            turn
            for turn in session.turns[same:]
            if before.get(turn.turn_id) != (turn.status, turn.fault, turn.ended_ms)
            and not turn.live
            and not turn.withdrawn
        ]


def drafts(ended: list[Turn]) -> list[Draft]:
    """The messages among them that were not surely delivered, oldest first."""
    return [draft_of(turn.order) for turn in ended if turn.draft]
