"""Beside: when the panels are told of a session that was opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual.message_pump import MessagePump

from handinger_tui.core.session import Session

AFTER_PAINT_S: Final = 0.05
"""What was opened is painted first, within a sixtieth of a second; of 2,000 turns the panels' figures and the
look at the record of charges take 0.1 s each, and two threads at once twice that."""


class Beside:
    """Passes sessions on to `show`; one that opens where nothing stood, a moment later, by `again`."""

    def __init__(
        self, owner: MessagePump, show: Callable[[Session], None], again: Callable[[], None]
    ) -> None:
        self._owner: Final = owner
        self._show: Final = show
        self._again: Final = again
        self._of: Session | None = None
        self.waiting = False
        """Panels are still empty beside a session that is shown."""

    def show(self, session: Session) -> None:
        """The newest value of the session that is shown."""
        before, self._of = self._of, session
        other = before is None or before.session_id != session.session_id
        # Figures of another session would be wrong beside this one's text: those do not wait.
        if other and session.turns and (before is None or not before.turns):
            self.waiting = True
            self._owner.set_timer(AFTER_PAINT_S, self._next)
        elif not self.waiting:
            self._show(session)

    def _next(self) -> None:
        self.waiting = False
        self._again()
