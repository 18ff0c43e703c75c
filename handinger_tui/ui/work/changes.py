"""Changes of sessions as the engine reports them: which turns ended, and what is announced of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.core.prompts import Draft, draft_of_request
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import Session, identical_prefix
from handinger_tui.core.turns.turn import Trigger, Turn, TurnStatus
from handinger_tui.ui.widgets.status_text import ended_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.sessions.controller import SessionController
    from handinger_tui.ui.work.paint_scheduler import PaintScheduler


class FinishedTurns:
    """Detects ended turns by comparing the turns of a session with those of the previous call.

    The first call for a session detects nothing.
    """

    def __init__(self) -> None:
        self._last_seen: dict[str, tuple[Turn, ...]] = {}

    def remember(self, session: Session) -> None:
        """Store the present turns of a session, unless some are stored already."""
        self._last_seen.setdefault(session.session_id, session.turns)

    def ended(self, session: Session) -> list[Turn]:
        """The turns that have ended since the last call, including those that also started in between."""
        old = self._last_seen.get(session.session_id)
        self._last_seen[session.session_id] = session.turns
        if old is None:
            return []
        unchanged = identical_prefix(old, session.turns)
        # A turn of unknown delivery that was watched again may be unknown at both calls: compare
        # its end, too.
        before = {turn.turn_id: (turn.status, turn.fault, turn.ended_ms) for turn in old[unchanged:]}
        return [
            turn
            for turn in session.turns[unchanged:]
            if before.get(turn.turn_id) != (turn.status, turn.fault, turn.ended_ms)
            and not turn.live
            and not turn.withdrawn
        ]


def undelivered(ended: list[Turn], is_author: Callable[[str], bool]) -> list[Draft]:
    """The messages of the ended turns that may not have been delivered, oldest first.

    What another program or a script has sent was not typed here: it does not come into the prompt.
    """
    typed = (
        turn for turn in ended if turn.request.trigger is not Trigger.HEADLESS and is_author(turn.turn_id)
    )
    return [draft_of_request(turn.request) for turn in typed if turn.draft]


class SessionChanges:
    """The listener of the engine."""

    def __init__(
        self, controller: SessionController, interaction: Interaction, scheduler: PaintScheduler
    ) -> None:
        self._controller = controller
        self._interaction = interaction
        self._scheduler = scheduler
        self.finished = FinishedTurns()
        self._running_state = _running_state(None)

    def handle(self, session_id: str) -> None:
        """Handle a change of a session. Nothing is computed here: a stream calls it for every piece."""
        controller = self._controller
        if session_id == controller.session_id:
            before, now = self._running_state, _running_state(controller.session.started)
            self._running_state = now
            # The end of a text or turn is painted without waiting for the next tick.
            self._scheduler.request(
                at_once=any(old and not new for old, new in zip(before, now, strict=True))
            )
        elif session_id not in controller.checking:
            self._handle_elsewhere(controller.engine.session(session_id))

    def _handle_elsewhere(self, session: Session) -> None:
        """Report the end of a turn of a session that is not on the screen, and mark the session unread."""
        self.finished.remember(session)
        if self._controller.engine.actor(session.session_id).running:
            return
        ended = [turn for turn in self.finished.ended(session) if turn.status is not TurnStatus.RUNNING]
        if ended:
            facts, session_id = ended_words(session, ended[-1]), session.session_id
            goes = session_id in self._controller.to_delete
            then = "The session is deleted." if goes else "Press ^S to open it."
            self._interaction.announce(f"“{clean_line(session.title, 60)}” {facts}. {then}")
            if not goes:
                self._interaction.run(self._controller.connection.history.mark_unread(session_id))


def _running_state(turn: Turn | None) -> tuple[bool, bool]:
    """Whether the turn runs, and whether a text part of it is still streaming."""
    return (False, False) if turn is None else (turn.live, bool(turn.open_text))
