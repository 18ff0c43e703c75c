"""A driver that takes over a terminal which shows an early prompt, with the text typed into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from textual.app import App

from handinger_tui.ui.terminal.driver import TerminalDriver

if TYPE_CHECKING:
    from handinger_tui.ui.ports import EarlyPrompt

ALTERNATE_SCREEN: Final = "\x1b[?1049h"


def driver_for(early: EarlyPrompt, set_text: Callable[[str], None]) -> type[TerminalDriver]:
    """A driver class that takes over from `early` at its first start, and calls `set_text` with the text."""

    class EarlyDriver(TerminalDriver):
        """Stays on the alternate screen and in raw mode, and reads the bytes typed before it first."""

        def __init__(self, app: App[Any], **settings: Any) -> None:
            super().__init__(app, **settings)
            self._typed_bytes: bytes | None = None
            self._is_entering = False

        def start_application_mode(self) -> None:
            """Take over at the first start. A start after a suspension is a normal one."""
            is_first = self._typed_bytes is None
            if is_first:
                text, self._typed_bytes = early.finish()
                set_text(text)
                self._is_entering = True
            super().start_application_mode()
            if is_first:
                # The terminal was raw already: restore its attributes from before the early
                # prompt at the end.
                self.attrs_before = early.attributes

        def write(self, data: str) -> None:
            """Write all but the first switch to the alternate screen: some terminals would clear it."""
            if self._is_entering and data == ALTERNATE_SCREEN:
                self._is_entering = False
            else:
                super().write(data)

        def early_input(self) -> bytes:
            """The bytes typed before the takeover; empty at every later call."""
            typed, self._typed_bytes = self._typed_bytes or b"", b""
            return typed

    return EarlyDriver
