"""Looks: what commands change of the whole terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from handinger_tui.ui.terminal.display import Display
from handinger_tui.ui.themes import THEMES, by_name

if TYPE_CHECKING:
    # The screen makes the stage.
    from handinger_tui.ui.screens.footing import Footing


class Looks:
    """The part of the stage that paints."""

    def __init__(self, screen: Footing, now_ms: Callable[[], int]) -> None:
        self._screen = screen
        self.now_ms = now_ms

    def redraw(self) -> None:
        """Something else wrote on the terminal."""
        app = self._screen.app
        if isinstance(app, Display):
            app.redraw()

    def repair_answer(self) -> None:
        """Write the transcript whole: what else wrote on the terminal meanwhile is gone from it.

        It also stands there in one piece for whatever follows the terminal's bytes, as recorders do.
        """
        app = self._screen.app
        if isinstance(app, Display):
            app.repair(self._screen.transcript)

    def use_theme(self, name: str) -> str | None:
        """One of ours by name, or the other one."""
        app = self._screen.app
        other = next(theme.name for theme in THEMES if theme.dark is not app.current_theme.dark)
        wanted = by_name(name) if name else other
        if wanted is not None:
            app.theme = wanted
        return wanted
