"""What pages share: finding text in them, saving and copying what they show."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from textual import on, work
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.ui.dialogs.confirm import Ask
from handinger_tui.ui.preview.views import PageView


class FindingScreen(ModalScreen[None]):
    """Asks what to look for, and tells in its foot (`#preview-foot`) where the search stands."""

    @on(PageView.MatchChanged)
    def _stands(self, event: PageView.MatchChanged) -> None:
        self.query_one("#preview-foot", Static).update(Content(clean_line(event.status, 200)))

    @on(PageView.SearchRequested)
    def _to_find(self, event: PageView.SearchRequested) -> None:
        self._find(event.view)

    @work(group="find", exclusive=True)
    async def _find(self, view: PageView) -> None:
        text = await self.app.push_screen_wait(Ask("Find in this text", view.search_text))
        if text and view.is_attached:
            await view.find(text)


MOST: Final = 400
"""Characters of a passing line."""


class SavingScreen(ModalScreen[None]):
    """A page over the work screen that has something to save."""

    @work(group="do")
    async def do(self, deed: Coroutine[Any, Any, None]) -> None:
        """Run it; what goes wrong is said."""
        try:
            await deed
        except HandingerError as problem:
            self.say_problem(problem)

    def say(self, text: str, *, failed: bool = False) -> None:
        """One passing line; never markup."""
        self.notify(clean_line(text, MOST), severity="error" if failed else "information", markup=False)

    def say_problem(self, problem: HandingerError) -> None:
        """What went wrong, and what to do about it."""
        self.say(f"{problem.summary} {problem.hint}", failed=True)

    def action_close(self) -> None:
        """Back to work."""
        self.dismiss()
