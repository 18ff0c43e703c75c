"""The first screen: what is chosen there, and the recent sessions it lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.widgets.welcome import MOST_RECENT, Welcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.ui.work.browsing import Browsing
    from handinger_tui.ui.work.interaction import Interaction
    from handinger_tui.ui.work.pane import SessionPane
    from handinger_tui.ui.work.session_controller import SessionController


class FirstScreen:
    """Fills the first screen of a session without turns, and does what is chosen on it."""

    def __init__(
        self,
        controller: SessionController,
        interaction: Interaction,
        pane: SessionPane,
        browsing: Browsing,
        open_session: Callable[[str], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._controller = controller
        self._interaction = interaction
        self._pane = pane
        self._browsing = browsing
        self._open_session = open_session
        self._now_ms = now_ms

    def renew(self) -> None:
        """Read the newest sessions, if the first screen is shown."""
        if self._controller.session_id and not self._controller.session.turns:
            self._interaction.run(self._read())

    async def _read(self) -> None:
        opened = {session.session_id: session for session in self._controller.opened_sessions}
        self._pane.welcome.recent(await self._controller.recent(MOST_RECENT), opened, self._now_ms())

    def handle(self, event: PromptBox.FirstScreenEntered | Welcome.WelcomeRequest) -> None:
        """Browse the first screen, leave it, or use what was chosen. Nothing is sent, no text is lost."""
        if isinstance(event, PromptBox.FirstScreenEntered):
            if self._browsing.browsed is self._pane.welcome:
                # A key of the same burst, which the prompt got before the focus moved.
                self._pane.welcome.action_mark(1)
            else:
                self._browsing.browse(self._pane.welcome)
            return
        self._browsing.return_to_prompt()
        if isinstance(event, Welcome.IdeaChosen):
            prompt = self._pane.prompt
            if prompt.text in ("", *self._pane.welcome.ideas):
                prompt.put(event.text)
            else:
                self._interaction.say("The prompt has text already. Clear it to try this one.", "warning")
        elif isinstance(event, Welcome.SessionChosen):
            self._open_session(event.session_id)
