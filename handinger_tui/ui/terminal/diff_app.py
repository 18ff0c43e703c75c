"""An app that writes only changed cells, lends its terminal to other programs, and crashes discreetly."""

from __future__ import annotations

import sys
from typing import Any, Final

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.screen import Screen
from textual.widget import Widget

from handinger_tui.ui.terminal.foreground_job import Foreground
from handinger_tui.ui.terminal.screen_buffer import ScreenBuffer
from handinger_tui.ui.terminal.textual_private import CompositorUpdate

ENDS_WITHIN_S: Final = 2.0
"""Seconds that a foreground program gets to end by itself before it is killed."""


class DiffApp(App[None]):
    """An app whose output goes through a `ScreenBuffer`."""

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        self.screen_buffer = ScreenBuffer()
        self._has_crashed = False
        self.foreground = Foreground(lambda code: self.call_later(self.exit, return_code=code))
        super().__init__(driver_class=driver_class)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Display an update; cells that the terminal already shows are not written again."""
        if isinstance(renderable, CompositorUpdate):
            renderable = self.screen_buffer.update(renderable)
        super()._display(screen, renderable)

    def on_mount(self) -> None:
        """Redraw after a resume: a shell or an editor has used the terminal."""
        self.app_resume_signal.subscribe(self, lambda _app: self.redraw())

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Exit once no other program uses the terminal; a second call kills that program at once."""
        if self.foreground.delays_exit(return_code):
            self.set_timer(ENDS_WITHIN_S, self.foreground.kill)
        else:
            super().exit(result, return_code, message)

    # -- a crash -----------------------------------------------------------------------------------
    def _fatal_error(self) -> None:
        """End after a crash. Textual would print the values of variables, one of which may be the API key.

        One failure often causes others: only the first is reported.
        """
        self.bell()
        is_first, self._has_crashed = not self._has_crashed, True
        report = self.report_crash(sys.exception()) if is_first else None
        self.panic(*([] if report is None else [report]))

    def report_crash(self, error: BaseException | None) -> RenderableType | None:
        """Report a crash and return what is printed after the end; subclasses override it."""
        return None if error is None else f"{type(error).__name__}: {error}"

    # -- painting again --------------------------------------------------------------------------
    def on_resize(self, _event: events.Resize) -> None:
        """Redraw after a resize: terminals rearrange their content, each in its own way."""
        self.redraw()

    def redraw(self) -> None:
        """Write the complete screen, whatever the terminal shows."""
        self.screen_buffer.forget()
        self.refresh()

    def repair(self, widget: Widget) -> None:
        """Write one widget completely, whatever the terminal shows there."""
        self.screen_buffer.forget(widget.region)
        widget.refresh()
