"""Screens over the work screen, and the base classes of those that save and of those with a line of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from textual import work
from textual.binding import ActiveBinding
from textual.screen import ModalScreen

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.keys import for_footer
from handinger_tui.ui.widgets.footer import FooterLine

if TYPE_CHECKING:
    from collections.abc import Coroutine


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


class FooterScreen(SavingScreen):
    """A page with a line of the keys that work now, which holds as many as fit."""

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The active bindings in footer order; those that do not fit are hidden instead of cut."""
        width = self.query_one(FooterLine).size.width if self.is_mounted else self.size.width
        return for_footer(super().active_bindings, width, self.app.get_key_display)

    def on_resize(self) -> None:
        """Rebuild the footer, which depends on the width."""
        self.refresh_bindings()
