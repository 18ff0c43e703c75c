"""Changes of sessions as the engine reports them: which turns ended, and who is told."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts import Draft, draft_of_request
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import FinishedTurns, Session
from handinger_tui.core.turns.turn import Trigger, Turn
from handinger_tui.ui.widgets.status_text import ended_words, runs_cost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.sessions.controller import SessionController
    from handinger_tui.ui.work.paint_scheduler import PaintScheduler


class EndedTurn:
    """A turn that has ended, with its session as it was then."""

    def __init__(self, session: Session, turn: Turn) -> None:
        self.session, self.turn = session, turn

    @cached_property
    def words(self) -> str:
        """What it came to, see `ended_words`."""
        return ended_words(self.session, self.turn)


def undelivered(ended: list[Turn], is_author: Callable[[str], bool]) -> list[Draft]:
    """The messages of the ended turns that may not have been delivered, oldest first.

    What another program or a script has sent was not typed here: it does not come into the prompt.
    """
    typed = (
        turn for turn in ended if turn.request.trigger is not Trigger.HEADLESS and is_author(turn.turn_id)
    )
    return [draft_of_request(turn.request) for turn in typed if turn.draft]


class SessionChanges:
    """The listener of the engine: it finds the turns that ended, for the screen and for notices."""

    tell: Callable[[SessionActor, Sequence[EndedTurn]], None] = staticmethod(lambda _actor, _ended: None)
    """Gets each change of a session, with the turns that ended by it."""

    def __init__(
        self, controller: SessionController, interaction: Interaction, scheduler: PaintScheduler
    ) -> None:
        self._controller = controller
        self._interaction = interaction
        self._scheduler = scheduler
        self._finished = FinishedTurns()
        self._ended: dict[str, list[EndedTurn]] = {}
        """Of each session those that are not painted, or announced, yet."""
        self._running_state = _running_state(None)
        self._unreported: list[EndedTurn] = []
        """Of other sessions, in order."""
        self._is_telling = False
        """Whether a notification of one is on the screen."""

    def show(self, session: Session) -> None:
        """A session comes on the screen: what has ended by now is no news."""
        self._finished.ended(session)
        self.take(session.session_id)

    def take(self, session_id: str) -> Sequence[EndedTurn]:
        """The turns of a session that have ended since the last call."""
        return self._ended.pop(session_id, ())

    def handle(self, session_id: str) -> None:
        """Handle a change of a session. Little is computed here: a stream calls it for every piece."""
        controller = self._controller
        actor = controller.actor(session_id)
        is_shown = session_id == controller.session_id
        ended = [EndedTurn(actor.session, turn) for turn in self._finished.ended(actor.session)]
        if session_id in controller.checking:
            # Whoever checks reports it.
            ended = ended if is_shown else []
        else:
            self.tell(actor, ended)
        if ended:
            self._ended.setdefault(session_id, []).extend(ended)
        if is_shown:
            before, now = self._running_state, _running_state(actor.session.started)
            self._running_state = now
            # The end of a text or turn is painted without waiting for the next tick.
            self._scheduler.request(
                at_once=any(old and not new for old, new in zip(before, now, strict=True))
            )
        elif session_id in self._ended and not actor.running:
            self._announce(self.take(session_id)[-1])

    def _announce(self, ended: EndedTurn) -> None:
        """Report the end of a turn of a session that is not on the screen, and mark the session unread."""
        session_id = ended.session.session_id
        if session_id not in self._controller.to_delete:
            self._interaction.run(self._controller.connection.history.mark_unread(session_id))
        if not self._controller.is_on_board(session_id):
            self._unreported.append(ended)
            if not self._is_telling:
                self.report_ended()

    def report_ended(self) -> None:
        """Say what ended, in one notification at a time: what ends meanwhile is together in the next one."""
        ended, self._unreported = self._unreported, []
        self._is_telling = bool(ended)
        if ended:
            app = self._interaction.app
            self._interaction.announce(self._news(ended))
            app.set_timer(app.NOTIFICATION_TIMEOUT, self.report_ended)

    def _news(self, ended: Sequence[EndedTurn]) -> str:
        if len(ended) > 1:
            cost = runs_cost([(one.session, one.turn) for one in ended])
            return f"{plural(len(ended), 'run')} ended: {cost}. Press F7 to see them."
        session = ended[0].session
        goes = session.session_id in self._controller.to_delete
        then = "The session is deleted." if goes else "Press ^S to open it."
        return f"“{clean_line(session.title, 60)}” {ended[0].words}. {then}"


def _running_state(turn: Turn | None) -> tuple[bool, bool]:
    """Whether the turn runs, and whether a text part of it is still streaming."""
    return (False, False) if turn is None else (turn.live, bool(turn.open_text))
