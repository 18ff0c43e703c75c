"""Base classes of pages: search in a text, and background work with notifications."""

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
    """Asks for the text to search for, and shows the state of the search in its foot (`#preview-foot`)."""

    @on(PageView.MatchChanged)
    def _show_search_state(self, event: PageView.MatchChanged) -> None:
        self.query_one("#preview-foot", Static).update(Content(clean_line(event.status, 200)))

    @on(PageView.SearchRequested)
    def _start_search(self, event: PageView.SearchRequested) -> None:
        self._search(event.view)

    @work(group="find", exclusive=True)
    async def _search(self, view: PageView) -> None:
        text = await self.app.push_screen_wait(Ask("Find in this text", view.search_text))
        if text and view.is_attached:
            await view.find(text)


MAX_NOTICE_CHARS: Final = 400
"""Longest notification, in characters."""


class SavingScreen(ModalScreen[None]):
    """A page over the work screen that runs background work, such as saving, and shows notifications."""

    @work(group="do")
    async def do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Await a coroutine and show its error."""
        try:
            await coroutine
        except HandingerError as problem:
            self.say_problem(problem)

    def say(self, text: str, *, failed: bool = False) -> None:
        """Show a notification. The text is never parsed as markup."""
        self.notify(
            clean_line(text, MAX_NOTICE_CHARS), severity="error" if failed else "information", markup=False
        )

    def say_problem(self, problem: HandingerError) -> None:
        """Show an error and its hint."""
        self.say(f"{problem.summary} {problem.hint}", failed=True)

    def action_close(self) -> None:
        """Close the page."""
        self.dismiss()
