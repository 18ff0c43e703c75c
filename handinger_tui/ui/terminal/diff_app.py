"""Display: an app that writes to the terminal only what it does not show already, and soon after a key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich.console import RenderableType
from textual import events
from textual import screen as textual_screen
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.driver import Driver
from textual.screen import Screen
from textual.widget import Widget

from handinger_tui.ui.terminal.screen_buffer import ScreenBuffer
from handinger_tui.ui.terminal.terminal_replies import TerminalAnswer

if TYPE_CHECKING:
    from handinger_tui.ui.terminal.foreground_job import Foreground
    from handinger_tui.ui.terminal.images import Pictures

CHECKS_PER_S: Final = 240
"""How often Textual looks for something to paint, once there is something.

Its own 60 let a key that comes just after a paint wait for up to two periods: while text streams, half of
the time that a letter takes. What paints often has a pace of its own (`screens.work`).
"""

ENDS_WITHIN_S: Final = 2.0
"""A program that has the terminal gets so much time for its own end."""

# Read as a screen makes its timer; the setting in Textual's environment holds for animations, too.
vars(textual_screen)["UPDATE_PERIOD"] = 1 / CHECKS_PER_S


class DiffApp(App[None]):
    """Everything it paints goes over a `ScreenBuffer`."""

    def __init__(self, driver_class: type[Driver] | None = None, pictures: str = "auto") -> None:
        """`pictures`: "auto" asks the terminal, "kitty" takes it for able, "blocks": only characters."""
        self.board = ScreenBuffer()
        self._choice = pictures
        self._pictures: Pictures | None = None
        self._program: Foreground | None = None
        self._leaves_with: int | None = None
        super().__init__(driver_class=driver_class)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """As Textual's own; what the terminal shows already is not written again."""
        if isinstance(renderable, CompositorUpdate):
            renderable = self.board.update(renderable)
        super()._display(screen, renderable)

    def on_mount(self) -> None:
        """A shell or an editor had the terminal meanwhile."""
        self.app_resume_signal.subscribe(self, lambda _app: self.redraw())

    # -- another program in the terminal -------------------------------------------------------
    @contextmanager
    def lent_to(self, program: Foreground) -> Iterator[None]:
        """`program` has the terminal; who wants to leave meanwhile ends it first."""
        self._program = program
        try:
            yield
        finally:
            self._program = None
            if self._leaves_with is not None:
                # Behind the return of the terminal.
                self.call_later(self.exit, return_code=self._leaves_with)

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """As Textual's own, once no other program has the terminal."""
        if self._program is None:
            super().exit(result, return_code, message)
            return
        again, self._leaves_with = self._leaves_with is not None, return_code
        self._program.end(at_once=again)
        if not again:
            self.set_timer(ENDS_WITHIN_S, self._end_program)

    def takes_interrupt(self) -> bool:
        """A program that is just being started gets the interrupt."""
        return self._program is not None and self._program.takes_interrupt()

    def _end_program(self) -> None:
        if self._program is not None:
            self._program.end(at_once=True)

    # -- pictures --------------------------------------------------------------------------------
    @property
    def pictures(self) -> Pictures:
        """Real pictures, where the terminal shows them."""
        if self._pictures is None:
            # Needed once a picture is looked at.
            from handinger_tui.ui.terminal.images import Pictures  # noqa: PLC0415 - as said above

            self._pictures = Pictures(self._driver, self._choice, os.environ)
        return self._pictures

    def on_terminal_answer(self, event: TerminalAnswer) -> None:
        """It was about pictures: nothing else is asked."""
        if self._pictures is not None:
            self._pictures.heard(event.text)

    def on_resize(self, _event: events.Resize) -> None:
        """Terminals arrange what stands there anew, each in its own way."""
        self.redraw()

    def redraw(self) -> None:
        """Write the whole screen, whatever the terminal shows."""
        self.board.forget()
        self.refresh()

    def repair(self, widget: Widget) -> None:
        """Write one widget whole, whatever the terminal shows there."""
        self.board.forget(widget.region)
        widget.refresh()
