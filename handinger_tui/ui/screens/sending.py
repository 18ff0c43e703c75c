"""Sending: from the prompt to the engine, so that nothing is lost and nothing is paid twice unasked."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.turn import TurnStatus
from handinger_tui.ui.screens.desk import Desk
from handinger_tui.ui.screens.dialogs import Confirm
from handinger_tui.ui.screens.stage import WorkStage
from handinger_tui.ui.widgets.pane import SessionPane

ONCE_MORE: Final = (
    "It is not known whether this message arrived. Sent again, it may run and be charged a second time."
)


class Sender:
    """One message at a time: Enter pressed twice sends once."""

    def __init__(self, pane: SessionPane, stage: WorkStage) -> None:
        self._pane = pane
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
            if await self._meant(desk, text):
                await self._hand_over(desk, text, typed)
        finally:
            self._sending = False

    async def _hand_over(self, desk: Desk, text: str, typed: str) -> None:
        prompt, draft_name = self._pane.prompt, desk.draft_name
        try:
            await desk.send(text)
        except LedgerError as problem:
            said = f"Not sent: {problem.summary} {problem.hint}".strip()
            self._pane.trouble(f"{said} Your text is still in the prompt.")
            return
        self._pane.trouble(None)
        prompt.let_go(typed)
        prompt.remember(typed)
        # The first message gives the session, and so its draft, another name.
        await desk.shelf.save_draft(draft_name, "")

    async def _meant(self, desk: Desk, text: str) -> bool:
        """A message whose fate is unknown is sent again only by a person who knows that."""
        turn = desk.session.current
        if turn is None or turn.status is not TurnStatus.UNKNOWN or turn.order.prompt.strip() != text.strip():
            return True
        question = Confirm("Send it again?", ONCE_MORE, yes="Send again", no="Do not send")
        return await self._stage.ask(question) is True
