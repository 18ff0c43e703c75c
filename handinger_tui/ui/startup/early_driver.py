"""Handover: the app takes a terminal in which a prompt stands already, with all that was typed into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from textual.app import App

from handinger_tui.ui.terminal.driver import TerminalDriver

if TYPE_CHECKING:
    from handinger_tui.ui.ports import EarlyPrompt

ALTERNATE_SCREEN: Final = "\x1b[?1049h"


def driver_for(early: EarlyPrompt, take: Callable[[str], None]) -> type[TerminalDriver]:
    """A driver that takes over from `early` when it first starts; `take` is given the text typed so far."""

    class TakingOver(TerminalDriver):
        """Stays on the alternate screen and in raw mode, and hears first what was typed before it."""

        def __init__(self, app: App[Any], **settings: Any) -> None:
            super().__init__(app, **settings)
            self._typed: bytes | None = None
            self._entered = False

        def start_application_mode(self) -> None:
            """The first start is the handover; after a suspension it is like any other."""
            first = self._typed is None
            if first:
                text, self._typed = early.finish()
                take(text)
                self._entered = True
            super().start_application_mode()
            if first:
                # Those it found are raw already: what is put back in the end is what was before.
                self.attrs_before = early.attributes

        def write(self, data: str) -> None:
            """All but the first change to the alternate screen: some terminals would empty it."""
            if self._entered and data == ALTERNATE_SCREEN:
                self._entered = False
            else:
                super().write(data)

        def early_input(self) -> bytes:
            """What was typed before, the first time."""
            typed, self._typed = self._typed or b"", b""
            return typed

    return TakingOver
