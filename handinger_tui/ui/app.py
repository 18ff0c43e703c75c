"""The app: themes, the first screen, the connection behind it, and a safe way to fail."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.segment import Segment, Segments
from textual import work
from textual.binding import Binding
from textual.driver import Driver
from textual.events import Event, InputEvent, Key, Paste
from textual.filter import LineFilter
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.theme import Theme

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety.cleaning import clean
from handinger_tui.stylesheet import STYLESHEET
from handinger_tui.ui.command_palette import CommandProvider
from handinger_tui.ui.keys import spoken
from handinger_tui.ui.ports import AppOptions
from handinger_tui.ui.startup.gc_tuning import collect_from_now_on, warm
from handinger_tui.ui.terminal.diff_app import DiffApp
from handinger_tui.ui.terminal.stylesheet_cache import StylesheetCache
from handinger_tui.ui.themes import THEMES, first_theme
from handinger_tui.ui.transcript.painting import ControlFilter
from handinger_tui.ui.work.screen import WorkScreen

KEPT_WITHIN_S: Final = 1.0
"""Whoever ends us does not wait longer for a draft."""
FAILED: Final = "The program met a fault of its own and has ended; your history is safe."


def system_now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class HandingerApp(DiffApp, inherit_bindings=False):
    """Shows its first frame, then connects. Textual's own keys would leave unasked (^Q), or say so (^C)."""

    TITLE = "handinger-tui"
    CSS_PATH = STYLESHEET
    COMMANDS = {CommandProvider}  # noqa: RUF012 - Textual declares it without ClassVar
    # Ours stands in the key table.
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, launch: AppOptions, now_ms: Callable[[], int] = system_now_ms) -> None:
        """`now_ms` is the time that headers, lists and countdowns show."""
        self._launch = launch
        self.work = WorkScreen(launch, now_ms)
        self._gate = ControlFilter()
        self._report: Path | None = None
        self._leaving: asyncio.Task[None] | None = None
        # Keys that come before the prompt has the focus.
        self._keys: list[Event] | None = []
        self._coloured: Theme | None = None
        self._colours: dict[str, str] = {}
        super().__init__(driver_class=self._takes_over(), pictures=launch.pictures)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = first_theme(launch.theme, os.environ)
        # In the colours of the theme from the start.
        self.stylesheet = self._sheet = StylesheetCache(self.get_css_variables())
        self.set_keymap(dict(launch.keys))

    def get_default_screen(self) -> Screen[None]:
        """The work screen from the first frame on."""
        return self.work

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Nothing of any widget reaches the terminal unfiltered."""
        return [*super().get_line_filters(), self._gate]

    def get_css_variables(self) -> dict[str, str]:
        """Worked out once for each theme: it takes 2 ms, and Textual asks whenever it looks at the sheet."""
        theme = self.current_theme
        if theme not in THEMES and self._coloured is None:
            # Textual begins with one of its own, and shows nothing in it.
            return {}
        if self._coloured is not theme:
            self._coloured, self._colours = theme, super().get_css_variables()
        return self._colours

    def get_key_display(self, binding: Binding) -> str:
        """Keys as the help writes them."""
        return binding.key_display or spoken(binding.key)

    def _takes_over(self) -> type[Driver] | None:
        """The driver for a terminal that shows a prompt already; else Textual chooses."""
        if self._launch.early is None:
            return None
        from handinger_tui.ui.startup.early_driver import driver_for  # noqa: PLC0415 - there is none on Windows

        return driver_for(self._launch.early, self.work.set_early_text)

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice; on Unix one that outlasts its terminal."""
        chosen = super().get_driver_class()
        if sys.platform == "win32":
            return chosen
        from textual.drivers.linux_driver import LinuxDriver  # noqa: PLC0415 - there is none on Windows

        from handinger_tui.ui.terminal.driver import TerminalDriver  # noqa: PLC0415 - there is none on Windows

        return TerminalDriver if chosen is LinuxDriver else chosen

    async def on_event(self, event: Event) -> None:
        """Keys wait until somebody listens to them; nothing else is done while they come."""
        if self.work.idle_work is not None and isinstance(event, InputEvent | Paste):
            self.work.idle_work.hold()
        if self._keys is not None and isinstance(event, Key | Paste) and not event.is_forwarded:
            self._keys.append(event)
        else:
            await self._pass_on(event)

    async def _pass_on(self, event: Event) -> None:
        typed = event if isinstance(event, Key | Paste) and not event.is_forwarded else None
        if typed is None or self.screen is not self.work or not self.work.leads_to_prompt(typed):
            await super().on_event(event)

    def clear_notifications(self) -> None:
        """Passing lines go from the screens below too, where Textual leaves them until they expire.

        So do their empty frames, which Textual leaves for ever: later lines would stand below the screen.
        """
        super().clear_notifications()
        for screen in self.screen_stack:
            screen.query("ToastHolder").remove()

    def copy_to_clipboard(self, text: str) -> None:
        """Cleaned: a paste into a shell must not end where the text says so."""
        super().copy_to_clipboard(clean(text))

    async def on_ready(self) -> None:
        """The first frame stands."""
        if not self.is_headless:
            collect_from_now_on()
        self._sheet.read_on()
        self.work.set_focus(self.work.prompt)
        await self._next_key()
        self._connect()

    async def _next_key(self) -> None:
        """Pass on the keys that waited, each when the one before has been everywhere it goes."""
        if self._keys:
            await self._pass_on(self._keys.pop(0))
            self._behind(self.work.prompt.ancestors_with_self)
        else:
            self._keys = None

    def _behind(self, queues: Sequence[MessagePump]) -> None:
        # A key nobody wants climbs from widget to widget, and only then is it looked up in the key table.
        if queues:
            queues[0].call_later(self._behind, queues[1:])
        else:
            self.call_later(self._next_key)

    @work(group="connect", exclusive=True)
    async def _connect(self) -> None:
        """Connect; what fails is shown with what to do about it."""
        while self.work.desk is None:
            try:
                connection = await self._launch.connect()
            except HandingerError as problem:
                from handinger_tui.ui.dialogs.confirm import Problem  # noqa: PLC0415 - most connect

                if not await self.push_screen_wait(Problem(problem.summary, problem.hint)):
                    self.exit(return_code=1)
                    return
            else:
                await self.work.connected(connection)
        if not self.is_headless:
            await warm()

    def interrupt(self, return_code: int) -> None:
        """End because of SIGINT, unless that was Ctrl+C for a program that gets the terminal."""
        if not self.takes_interrupt():
            self.leave(return_code)

    def leave(self, return_code: int) -> None:
        """End because a signal says so: what was typed is kept, if that can be done soon."""
        if self._leaving is not None or self.work.desk is None:
            self.exit(return_code=return_code)
        else:
            self._leaving = asyncio.create_task(self._keep_and_exit(return_code))

    async def _keep_and_exit(self, return_code: int) -> None:
        try:
            with suppress(HandingerError, TimeoutError):
                async with asyncio.timeout(KEPT_WITHIN_S):
                    await self.work.keep_draft()
        finally:
            self.exit(return_code=return_code)

    async def action_quit(self) -> None:
        """Every way out keeps what was typed."""
        self.work.do(self.work.stage.leave())

    @property
    def farewell(self) -> list[str]:
        """Lines for the terminal after the screen is gone: what failed, and how to come back."""
        from handinger_tui.ui.work.farewell import farewell  # noqa: PLC0415 - at the very end

        failed = [] if self._report is None else [f"{FAILED} Report: {self._report}"]
        return [*failed, *([] if self.work.desk is None else farewell(self.work.desk))]

    def _fatal_error(self) -> None:
        """As Textual's own, but without the values of variables, and to a file where there is one."""
        from handinger_tui.ui.crash import write_report  # noqa: PLC0415 - traceback, 10 ms, needed only here

        self.bell()
        error, folder = sys.exception() or self._exception, self._launch.crash_folder
        # One failure often brings others with it: the first one tells.
        if self._report is None and not self._exit_renderables:
            if error is not None and folder is not None:
                self._report = write_report(folder, error, self._launch.conceal)
            if self._report is None:
                self._exit_renderables.append(self._traceback())
        self._close_messages_no_wait()

    def _traceback(self) -> Segments:
        import rich  # noqa: PLC0415 - 50 ms, needed only here
        from rich.traceback import Traceback  # noqa: PLC0415 - 50 ms, needed only here

        traceback = Traceback(show_locals=False, width=None, suppress=[rich])
        rendered = self.console.render(traceback, self.console.options)
        conceal = self._launch.conceal
        return Segments(
            [Segment(conceal(clean(text)), style) for text, style, control in rendered if not control]
        )
