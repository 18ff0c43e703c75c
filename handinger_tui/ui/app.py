"""The Textual app: themes, the work screen, connecting, leaving and crash handling."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, RenderableType
from textual import work
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.events import Event, InputEvent, Key, Paste
from textual.filter import LineFilter
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input, TextArea

from handinger_tui.core.errors import HandingerError
from handinger_tui.ui.background import collect_from_now_on
from handinger_tui.ui.commands.view import leave, leave_after, show_help
from handinger_tui.ui.keys import Where, bindings, format_key
from handinger_tui.ui.terminal.diff_app import DiffApp, ask_background
from handinger_tui.ui.themes import (
    DARK,
    LIGHT,
    THEMES,
    PlainStyles,
    first_theme,
    has_light_background,
    legible_styles,
)
from handinger_tui.ui.transcript.document import load_parser
from handinger_tui.ui.transcript.painting import ControlFilter
from handinger_tui.ui.type_ahead import LOOK_AGAIN_S, TypeAhead, read_keys_posted
from handinger_tui.ui.work.screen import WorkScreen

if sys.platform != "win32":
    from textual.drivers.linux_driver import LinuxDriver

    from handinger_tui.ui.terminal.driver import TerminalDriver, driver_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import App
    from textual.command import Provider

    from handinger_tui.ui.dialogs import Dialog, Question
    from handinger_tui.ui.ports import AppOptions
    from handinger_tui.ui.terminal.input import TerminalBackground

_PACKAGE: Final = Path(__file__).resolve().parents[1]
# An installed package has a copy of the sheet, which comes first: a foreign styles.tcss in site-packages must
# never be used. In a checkout it is at the top of the repository, so that `TEXTUAL=debug` reloads it.
_SHEETS: Final = (_PACKAGE / "styles.tcss", _PACKAGE.parent / "styles.tcss")
# Absolute, since Textual resolves a relative path against this module. Not importlib.resources: in a checkout
# the package has no copy.
STYLESHEET: Final = next((path for path in _SHEETS if path.is_file()), _SHEETS[0])

KEYS_TIMEOUT_S: Final = 3.0
"""Leaving because of a signal waits at most this many seconds for the keys that were read before it."""
SAVE_TIMEOUT_S: Final = 5.0
"""Leaving because of a signal waits at most this many seconds for the draft to be saved.

As long as the history waits for another program.
"""
CRASHED: Final = "handinger-tui crashed. Your history is safe."


def system_now_ms() -> int:
    """The present time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _command_provider() -> type[Provider]:
    from handinger_tui.ui.palette import CommandProvider  # not before the palette is opened

    return CommandProvider


async def _handled(pump: MessagePump) -> None:
    """Wait until what is in the queue by now is handled."""
    handled = asyncio.Event()
    pump.call_later(handled.set)
    await handled.wait()


class HandingerApp(DiffApp, inherit_bindings=False):
    """Shows its first frame, then connects.

    Textual's own bindings are omitted: ^Q would quit at once, and ^C would show a notice about ^Q.
    """

    TITLE = "handinger-tui"
    CSS_PATH = STYLESHEET
    COMMANDS = {_command_provider}  # noqa: RUF012 - Textual declares it without ClassVar
    # The key table has its own key for the palette.
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.ABOVE)

    def __init__(self, options: AppOptions, now_ms: Callable[[], int] = system_now_ms) -> None:
        """`now_ms` returns the time used by headers, lists and countdowns."""
        self._options = options
        self.work = WorkScreen(options, now_ms)
        self._control_filter = ControlFilter()
        self._report: Path | None = None
        self._leave_task: asyncio.Task[None] | None = None
        self._is_quitting = False
        """Whether the program ends by a key: what is pressed behind it must not answer a question."""
        self._type_ahead = TypeAhead(self, self.work, self._pass_on)
        super().__init__(driver_class=self._early_driver())
        self.VERTICAL_BREAKPOINTS = [(0, "-tiny"), (10, "-low"), (20, "-high")]
        self.copy_with_program = options.copy
        if options.reduced_motion:
            self.animation_level = "none"
        self.terminal_caret = options.terminal_caret
        self.set_class(options.terminal_caret, "-terminal-caret")
        for theme in THEMES:
            self.register_theme(theme)
        # Without colors, the dark theme says what is drawn reversed and dim.
        self._first_theme = DARK.name if self.no_color else first_theme(options.theme, os.environ)
        self.theme = self._first_theme
        self._plain_styles = PlainStyles(DARK)
        self._is_light = has_light_background(os.environ)
        self.set_keymap(dict(options.keys))

    def get_default_screen(self) -> Screen[None]:
        """The work screen from the first frame on."""
        return self.work

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Filter control characters, and with NO_COLOR all colors, out of everything that widgets draw."""
        if self.no_color:
            return [self._plain_styles, self._control_filter]
        filters = [*super().get_line_filters(), self._control_filter]
        system = COLOR_SYSTEMS.get(self.console.color_system or "", ColorSystem.TRUECOLOR)
        if system is not ColorSystem.TRUECOLOR or self.current_theme.ansi:
            filters.append(legible_styles(system, is_light=self._is_light))
        return filters

    def refresh_css(self, animate: bool = True) -> None:
        """Without a screen yet, set only the theme's variables: the style sheet is parsed later."""
        if self.work.is_attached:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    def get_key_display(self, binding: Binding) -> str:
        """The text of a key as the help shows it."""
        return binding.key_display or format_key(binding.key)

    def _early_driver(self) -> type[Driver] | None:
        """The driver for a terminal that shows an early prompt already; None lets Textual choose."""
        if sys.platform == "win32" or self._options.early is None:
            return None
        return driver_for(self._options.early, self.work.set_early_text)

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice; its Linux driver is replaced by one that survives the end of its terminal."""
        chosen = super().get_driver_class()
        if sys.platform == "win32":
            return chosen
        return TerminalDriver if chosen is LinuxDriver else chosen

    async def on_event(self, event: Event) -> None:
        """Hold keys back until the prompt has the focus, and delay other work while keys arrive."""
        if isinstance(event, InputEvent | Paste):
            if self._is_quitting:
                return
            self.work.scheduler.hold()
        await self._type_ahead.take(event)

    async def _pass_on(self, event: Event) -> None:
        typed = event if isinstance(event, Key | Paste) and not event.is_forwarded else None
        if typed is None or self.screen is not self.work or not self.work.leads_to_prompt(typed):
            await super().on_event(event)

    def clear_notifications(self) -> None:
        """Remove notifications from the screens below, too, where Textual keeps them until they expire.

        Their empty holders are removed as well. Textual never removes those, and they would push later
        notifications off the screen.
        """
        super().clear_notifications()
        for screen in self.screen_stack:
            screen.query("ToastHolder").remove()

    async def on_ready(self) -> None:
        """Start to connect after the first frame."""
        if not self.is_headless:
            collect_from_now_on()
        if not self.no_color:
            ask_background(self)
        self.app_resume_signal.subscribe(self.work, self._renew_notices)
        self.work.set_focus(self.work.prompt)
        await self._type_ahead.pass_next()
        self._connect()

    def on_question_letter_typed(self, message: Question.LetterTyped) -> None:
        """What is typed while a question is open over the prompt goes to the prompt; nothing is lost."""
        if self.screen_stack[-2:-1] == [self.work]:
            self.work.prompt.insert(message.letter)

    def on_dialog_text_left(self, message: Dialog.TextLeft) -> None:
        """What was typed into a question that came up meanwhile is in the prompt history."""
        self.work.prompt.message_history.add(message.text)
        self.work.interaction.say("What you typed there is in the prompt history: press ↑.")

    def on_takes_status(self) -> None:
        """The terminal takes program status."""
        if self.work.notices is not None:
            self.work.notices.takes_status()

    def _renew_notices(self, _app: App[object]) -> None:
        if self.work.notices is not None:
            self.work.notices.renew()

    def on_terminal_background(self, message: TerminalBackground) -> None:
        """Show the theme for the terminal's background, unless the person has chosen another one."""
        self._is_light = message.is_light
        if self._options.theme is None and self.theme == self._first_theme:
            self.theme = LIGHT.name if message.is_light else DARK.name
        elif self.current_theme.ansi:
            self.refresh_css(animate=False)

    @work(group="connect", exclusive=True)
    async def _connect(self) -> None:
        """Connect; a failure is shown with a hint and can be retried. Then load what answers need."""
        if self._options.host_question and not await self._is_host_trusted():
            self.leave(1)
            return
        while not self.work.controller.connected:
            try:
                connection = await self._options.connect()
            except HandingerError as problem:
                from handinger_tui.ui.dialogs import ConnectionProblem  # 4 ms, only after a failure

                if not await self.push_screen_wait(ConnectionProblem(problem.summary, problem.hint)):
                    self.leave(1)
                    return
            else:
                await self.work.connected(connection)
        if not self.is_headless:
            collect_from_now_on()
            await self.work.transcript.begun.wait()
            await asyncio.to_thread(load_parser)
            # The request has its own imports at the same time.
            collect_from_now_on()

    async def _is_host_trusted(self) -> bool:
        """Ask before the API key goes to a host for the first time, and remember a yes."""
        text = self._options.host_question
        agreed = await self.work.interaction.confirm("New host", text, yes="Send the key", no="Quit")
        if agreed:
            await asyncio.to_thread(self._options.trust_host)
        return agreed

    def interrupt(self, return_code: int) -> None:
        """End because of SIGINT, unless it was a Ctrl+C for a program that has the terminal."""
        if not self.foreground.takes_interrupt():
            self.leave(return_code)

    def leave(self, return_code: int) -> None:
        """End because of a signal, or without a connection.

        The draft is saved if that takes no longer than `SAVE_TIMEOUT_S`.
        """
        if self._leave_task is not None:
            self.exit(return_code=return_code)
        else:
            self._leave_task = asyncio.create_task(self._save_and_exit(return_code))

    async def _save_and_exit(self, return_code: int) -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(KEYS_TIMEOUT_S):
                    await self._read_keys_handled()
            with suppress(HandingerError, TimeoutError):
                async with asyncio.timeout(SAVE_TIMEOUT_S):
                    # Until then, what was typed is on disk where it was read.
                    if self.work.saves_drafts:
                        await self._save_typed()
        finally:
            self.exit(return_code=return_code)

    async def _read_keys_handled(self) -> None:
        """Wait until the keys that were read by now are where they were typed, on a busy machine, too."""
        await read_keys_posted()
        await _handled(self)
        # No event tells that the last of them has gone on.
        while self.work.interaction.keys_wait() or not self.work.saves_drafts:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_AGAIN_S)
        await _handled(self.focused or self.work.prompt)

    async def _save_typed(self) -> None:
        """Save what is typed into the pages and dialogs over the session, and its draft."""
        if len(self.screen_stack) > 1:
            from handinger_tui.ui.dialogs import Modal  # loaded by what is open

            for screen in self.screen_stack:
                if isinstance(screen, Modal) and (text := await screen.keep_typed()):
                    self.work.prompt.message_history.add(text)
        await self.work.switcher.save_draft()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The session has a Ctrl+C of its own, which clears first."""
        return self.screen is not self.work if action == "quit_above" else True

    def action_quit_above(self) -> None:
        """Copy what is selected on a page or in a dialog; without a selection quit, at the second press."""
        field = self.focused
        selected = field.selected_text if isinstance(field, Input | TextArea) else ""
        if selected or (selected := self.screen.get_selected_text() or ""):
            self.work.interaction.copy(selected, "the selection")
            self.screen.clear_selection()
            # Else the next press would copy it again.
            if isinstance(field, Input):
                field.selection = field.selection.cursor(field.cursor_position)
            elif isinstance(field, TextArea):
                field.move_cursor(field.cursor_location)
        elif self.work.key_actions.is_second_press():
            self.work.interaction.run(self._quit_above())

    async def _quit_above(self) -> None:
        self._is_quitting = True
        try:
            await leave_after(self.work.context, self._save_typed)
        except HandingerError:
            self._is_quitting = False
            raise

    async def action_quit(self) -> None:
        """Save the draft and leave."""
        self.work.interaction.run(leave(self.work.context))

    def action_help(self) -> None:
        """Show the keys of the page that is open."""
        self.work.interaction.run(show_help(self.work.context, ""))

    @property
    def farewell(self) -> list[str]:
        """Lines for the terminal after the app: a crash report's path, how to resume, what is not saved."""
        from handinger_tui.ui.sessions.farewell import farewell, lost_lines  # not needed before

        crash = [] if self._report is None else [f"{CRASHED} Report: {self._report}"]
        lines = farewell(self.work.controller) if self.work.controller.connected else []
        return [*crash, *lines, *lost_lines(self.lost_texts)]

    @property
    def lost_texts(self) -> list[str]:
        """What was typed, or waited to be sent, and is on no disk."""
        from handinger_tui.ui.sessions.farewell import lost_texts  # as above

        return lost_texts(self.work.controller, self.work.switcher.unsaved_texts)

    def report_crash(self, error: BaseException | None) -> RenderableType | None:
        """Write a report to a file if possible, else return the traceback. Neither shows values."""
        from handinger_tui.ui.crash import concealed_traceback, write_report  # 50 ms

        folder = self._options.crash_folder
        if error is not None and folder is not None:
            self._report = write_report(folder, error, self._options.conceal)
        return None if self._report is not None else concealed_traceback(self.console, self._options.conceal)
