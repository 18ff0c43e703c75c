"""An app that writes only changed cells, lends its terminal to other programs, and crashes discreetly.

Textual asks for all lines of every widget whose parent overlaps with the rectangle around all changes, and
of all containers behind it: for a typed letter, the complete transcript, and for a clock in the header with
new text below, the complete screen.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from handinger_tui.core.safety import clean, without_secrets
from handinger_tui.ui.terminal.screen_buffer import ScreenBuffer
from handinger_tui.ui.terminal.textual_private import ChopsUpdate, Compositor, CompositorUpdate, Missing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence


SETTLES_IN_S: Final = 0.5
"""Seconds after the handover during which an interrupt that reaches us is meant for the program."""
OSC_52: Final = "OSC 52"
"""The name of the way through the terminal, on which nobody learns whether the text arrived."""
POSIX: Final = sys.platform != "win32"


class ForegroundJob:
    """One program in the foreground. `run` waits for it in a thread; `end` may be called at the same time.

    The program is the foreground job of the terminal: Ctrl+C reaches it and not us, so that a signal to us
    still ends us.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)
        self._process: subprocess.Popen[bytes] | None = None
        self._should_end = False
        self._handed_over_at: float | None = None
        self._interrupted = False
        self._terminal = sys.__stdin__.fileno() if sys.__stdin__ is not None else 0

    def run(self) -> int:
        """Run the program and return its exit code, negative for a signal. Terminal settings are restored.

        Raises:
            OSError: the program could not be started.
        """
        attributes = self._attributes()
        environ = without_secrets(os.environ)
        # The user's own program, as an argument list without a shell.
        self._process = process = subprocess.Popen(  # noqa: S603 - chosen by the user
            self._argv, env=environ, process_group=0 if POSIX else None
        )
        try:
            if self._should_end:
                self.end()
            if not POSIX:
                return process.wait()
            self._set_foreground_group(process.pid)
            self._handed_over_at = monotonic()
            if self._interrupted:
                self._interrupt(process)
            process.returncode = self._wait(process.pid, attributes)
            return process.returncode
        finally:
            self._set_foreground_group(os.getpgrp() if POSIX else 0)
            self._restore_attributes(attributes)

    def takes_interrupt(self) -> bool:
        """Forward an interrupt that arrived while the program was starting.

        Returns False if it is meant for us.
        """
        process = self._process
        settled = self._handed_over_at is not None and monotonic() - self._handed_over_at > SETTLES_IN_S
        if settled or (process is not None and process.returncode is not None):
            return False
        self._interrupted = True
        if process is not None:
            self._interrupt(process)
        return True

    def _interrupt(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGINT)

    def end(self, *, at_once: bool = False) -> None:
        """Terminate the program; `at_once` kills it."""
        self._should_end = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        if not POSIX:
            process.terminate()
            return
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL if at_once else signal.SIGTERM)
            # A stopped process would never handle the signal.
            os.killpg(process.pid, signal.SIGCONT)

    def _wait(self, pid: int, attributes: list[Any] | None) -> int:
        while True:
            _, status = os.waitpid(pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                return os.waitstatus_to_exitcode(status)
            touched = os.WSTOPSIG(status) in (signal.SIGTTIN, signal.SIGTTOU)
            if not touched and os.getpgrp() != os.getsid(0):
                # Ctrl+Z in the program: the shell gets the terminal until `fg` continues us here.
                self._set_foreground_group(os.getpgrp())
                self._restore_attributes(attributes)
                os.killpg(os.getpgrp(), signal.SIGSTOP)
            self._set_foreground_group(pid)
            with suppress(OSError):
                os.killpg(pid, signal.SIGCONT)

    def _set_foreground_group(self, group: int) -> None:
        """Make a process group the foreground group of the terminal."""
        if not POSIX:
            return
        # A background process that changes the foreground group would be stopped by SIGTTOU.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            # Fails if this is not our controlling terminal; then there is no job control.
            with suppress(OSError):
                os.tcsetpgrp(self._terminal, group)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _attributes(self) -> list[Any] | None:
        if not POSIX:
            return None
        import termios  # there is none on Windows

        try:
            return termios.tcgetattr(self._terminal)
        except termios.error:
            return None

    def _restore_attributes(self, attributes: list[Any] | None) -> None:
        """Restore the terminal settings: a killed program may leave the terminal in raw mode."""
        if attributes is None:
            return
        import termios  # there is none on Windows

        with suppress(termios.error):
            termios.tcsetattr(self._terminal, termios.TCSANOW, attributes)


class Foreground:
    """Which program has the terminal beside the app; an exit of the app waits for its end.

    `exit_app` is called with the exit code after the terminal has been taken back.
    """

    def __init__(self, exit_app: Callable[[int], object]) -> None:
        self._exit_app = exit_app
        self._job: ForegroundJob | None = None
        self._exit_code: int | None = None

    @contextmanager
    def lend(self, job: ForegroundJob) -> Iterator[None]:
        """Let `job` have the terminal."""
        self._job = job
        try:
            yield
        finally:
            self._job = None
            if self._exit_code is not None:
                self._exit_app(self._exit_code)

    def delays_exit(self, code: int) -> bool:
        """Whether a job has the terminal: it is terminated, at a second call killed."""
        if self._job is None:
            return False
        is_second_call, self._exit_code = self._exit_code is not None, code
        self._job.end(at_once=is_second_call)
        return True

    def kill(self) -> None:
        """Kill the job that has the terminal, if any."""
        if self._job is not None:
            self._job.end(at_once=True)

    def takes_interrupt(self) -> bool:
        """Whether an interrupt was forwarded to a job that is just being started."""
        return self._job is not None and self._job.takes_interrupt()


def clip_paints(screen: Screen[Any]) -> None:
    """Let `screen` paint with a `ClippedCompositor`; without Textual's compositor nothing changes."""
    if not issubclass(Compositor, Missing):
        screen._compositor = ClippedCompositor()


class ClippedCompositor(Compositor):
    """Textual's compositor with the same result, but fewer requested lines."""

    _painted: tuple[Region, ...] = ()
    """The changed regions while a partial update is rendered; outside of them nothing is written."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Render what changed."""
        self._painted = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._painted = ()

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if crop is None:
            yield from super()._get_renders(crop)
            return
        painted = self._painted or (crop,)
        # Widgets are ordered from front to back.
        for widget, (region, clip) in self.visible_widgets.items():
            # Complete lines: a cropped strip would be a new object, which the screen buffer
            # does not recognize.
            row_clip = clip.intersection(Region(clip.x, crop.y, clip.width, crop.height))
            visible = region.intersection(row_clip)
            # Textual lets a region without cells overlap with its neighbors.
            if not visible or not any(map(visible.overlaps, painted)):
                continue
            yield region, row_clip, widget.render_lines(visible.translate(-region.offset))
            if visible.contains_region(crop):
                # It hides everything behind it.
                return


ENDS_WITHIN_S: Final = 2.0
"""Seconds that a foreground program gets to end by itself before it is killed."""


class DiffApp(App[None]):
    """An app whose output goes through a `ScreenBuffer`."""

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        self.screen_buffer = ScreenBuffer()
        self._has_crashed = False
        self.copy_with_program: Callable[[str], Awaitable[str]] | None = None
        """Copies a text with a program of this machine; returns its name, "" where there is none."""
        self.foreground = Foreground(lambda code: self.call_later(self.exit, return_code=code))
        super().__init__(driver_class=driver_class)

    def copy_to_clipboard(self, text: str, copied: Callable[[str], None] | None = None) -> None:
        """Copy cleaned text: its control sequences must not end a bracketed paste into a shell.

        Through the terminal, and with a program of this machine where there is one; `copied` gets the name
        of the way.
        """
        text, with_program = clean(text), self.copy_with_program
        super().copy_to_clipboard(text)

        async def copy_also() -> None:
            program = await with_program(text) if with_program is not None else ""
            if copied is not None:
                copied(program or OSC_52)

        self.run_worker(copy_also(), group="copy")

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
