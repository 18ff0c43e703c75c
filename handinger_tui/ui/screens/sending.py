"""Sending: from the prompt to the engine, so that nothing is lost and nothing is paid twice unasked."""

from __future__ import annotations

from handinger_tui.core.errors import AttachmentProblem, LedgerError
from handinger_tui.core.limits import LimitReached
from handinger_tui.core.turn import FREE, TurnStatus
from handinger_tui.ui.screens.desk import Desk
from handinger_tui.ui.screens.drafting import Drafting, Message
from handinger_tui.ui.screens.stage import WorkStage
from handinger_tui.ui.widgets.pane import SessionPane


def not_sent(problem: AttachmentProblem) -> str:
    """For the card: it stays until the next message."""
    return f"{problem.summary} {problem.hint}".strip()


class Sender:
    """One message at a time: Enter pressed twice sends once."""

    def __init__(self, pane: SessionPane, stage: WorkStage, drafting: Drafting) -> None:
        self._pane = pane
        self._drafting = drafting
        self._stage = stage
        self._sending = False

    async def send(self, desk: Desk, text: str, typed: str) -> None:
        """Send `text`, typed as `typed`; the box is emptied only once the order is on disk.

        Raises:
            Elsewhere: the session belongs to another service.
        """
        wait = self._pane.card.waiting_s(self._stage.now_ms())
        if wait:
            self._stage.say(f"The service asks to wait {wait} s more. Your text stays here.", "warning")
            return
        if self._sending:
            return
        self._sending = True
        try:
            message = await self._drafting.message(text)
            if await self._meant(desk, message, typed):
                await self._hand_over(desk, message, typed)
        except AttachmentProblem as problem:
            self._pane.trouble(not_sent(problem))
        finally:
            self._sending = False

    async def _hand_over(self, desk: Desk, message: Message, typed: str) -> None:
        draft_name = desk.draft_name
        try:
            if not await self._sent(desk, message):
                return
        except LedgerError as problem:
            said = f"Not sent: {problem.summary} {problem.hint}".strip()
            self._pane.trouble(f"{said} Your text is still in the prompt.")
            return
        self._pane.trouble(None)
        self._drafting.let_go(message, typed)
        # The first message gives the session, and so its draft, another name.
        await desk.shelf.save_draft(draft_name, "")

    async def _sent(self, desk: Desk, message: Message) -> bool:
        """False when a limit stands in the way and the person leaves it so."""
        while True:
            try:
                await desk.send(message.text, message.files)
            except LimitReached as stop:
                from handinger_tui.ui.screens.raising import raise_limit  # noqa: PLC0415 - few limits are reached

                # Several may be used up: each is asked for, and nothing leaves before the last one is raised.
                if not await raise_limit(desk, self._stage, stop.gauge, sending=True):
                    return False
            else:
                return True

    async def _meant(self, desk: Desk, message: Message, typed: str) -> bool:
        """A message whose fate is unknown is sent again only by a person who knows that and spells it out."""
        turn = next((turn for turn in reversed(desk.session.turns) if turn.status not in FREE), None)
        if (
            turn is None
            or turn.status is not TurnStatus.UNKNOWN
            or turn.order.prompt.strip() != message.text.strip()
        ):
            return True
        from handinger_tui.ui.screens.again import Choice, SendAgain  # noqa: PLC0415 - few are in doubt

        choice = await self._stage.ask(SendAgain(watchable=desk.session.worker_id is not None))
        if choice is Choice.WATCH:
            # If it arrived, the text must not wait in the box for another Enter; if not, it comes back.
            self._drafting.let_go(message, typed)
            await desk.engine.watch(desk.session_id, turn.turn_id)
        return choice is Choice.SEND
