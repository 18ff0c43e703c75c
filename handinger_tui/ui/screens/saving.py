"""Saving: pages that save and copy what they show; what goes wrong is said, and the page stays."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from textual import work
from textual.screen import ModalScreen

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean_line

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
