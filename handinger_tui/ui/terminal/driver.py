"""The terminal driver: reads input in the event loop, writes paints in one piece and survives a hang-up.

A closed terminal accepts no output, and nothing may wait for it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, Final

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from handinger_tui.ui.terminal.input_reader import InputReader
from handinger_tui.ui.terminal.output_writer import OutputWriter
from handinger_tui.ui.terminal.terminal_replies import ReplyDriver, ReplyParser

EXIT_HANGUP: Final = 143
"""The exit code after the terminal was closed without a signal; SIGHUP uses the same code."""

# The driver looks its writer up by this name; there is one driver per program.
vars(linux_driver)["WriterThread"] = OutputWriter


class TerminalDriver(ReplyDriver, LinuxDriver):
    """A Linux driver that also ends in order after the terminal was closed, and receives its answers.

    A terminal that hangs up may continue its programs (SIGCONT). Textual then restarts with a new
    writer thread, on a terminal that no longer exists.
    """

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        self._paint: list[str] | None = None
        self._input_reader: InputReader | None = None
        self._reads_in_thread = False
        """Whether input is read by a thread because the event loop cannot wait for this terminal."""

    def write(self, data: str) -> None:
        """Write to the terminal, a synchronized paint in one piece.

        Textual writes the start mark, the paint and the end mark separately, although the terminal
        shows nothing before the end mark.
        """
        if data == SYNC_START and self._paint is None:
            self._paint = [data]
            return
        if self._paint is not None:
            self._paint.append(data)
            if data != SYNC_END:
                return
            data, self._paint = "".join(self._paint), None
        super().write(data)

    def start_application_mode(self) -> None:
        """Start application mode; the event loop reads the input instead of a thread."""
        previous_thread = self._key_thread
        # Textual has no type annotations here.
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # In the background of a shell Textual starts no thread.
        if self._key_thread is not previous_thread:
            self._start_reading(self.early_input())

    def early_input(self) -> bytes:
        """Return input that was read before the driver started; subclasses override it."""
        return b""

    def run_input_thread(self) -> None:
        """Run Textual's input thread only if the event loop cannot wait for the terminal."""
        if self._reads_in_thread:
            # The thread looks its parser up by this name; there is one driver per program.
            vars(linux_driver)["XTermParser"] = partial(ReplyParser, self.reply_listener)
            super().run_input_thread()

    def _start_reading(self, early: bytes) -> None:
        self._stop_reading()
        parser = ReplyParser(self.reply_listener, self._debug)
        fail = self._app._handle_exception
        self._input_reader = InputReader(self.fileno, parser, self.process_message, self._handle_hangup, fail)
        self._input_reader.feed(early)
        try:
            self._input_reader.start(self._loop)
        except (OSError, NotImplementedError):
            self._reads_in_thread = True
            self._key_thread = Thread(target=self._run_input_thread, name="textual-input")
            self._key_thread.start()

    def _stop_reading(self) -> None:
        if self._input_reader is not None:
            self._input_reader.stop()

    def _handle_hangup(self) -> None:
        self._app.exit(return_code=EXIT_HANGUP)

    def send_message(self, message: Message) -> None:
        """Post a message directly; Textual's own method schedules a coroutine for another thread."""
        self._app.post_message(message)

    def disable_input(self) -> None:
        """Stop reading, so that another program gets the input."""
        self._stop_reading()
        super().disable_input()

    def stop_application_mode(self) -> None:
        """Write the exit sequence and leave application mode: at the end, and before a shell or an editor."""
        if self._paint is not None:
            # A paint was interrupted; end it, as the following output is not part of it.
            self.write(SYNC_END)
        if sequence := self.exit_sequence():
            self.write(sequence)
        super().stop_application_mode()

    def cell_pixels(self) -> tuple[int, int]:
        """Return width and height of a cell in pixels, from the window size ioctl (works over ssh, too)."""
        import fcntl  # noqa: PLC0415 - needed for pictures only
        import struct  # noqa: PLC0415 - needed for pictures only
        import termios  # noqa: PLC0415 - needed for pictures only

        with suppress(OSError):
            window_size = fcntl.ioctl(self.fileno, termios.TIOCGWINSZ, bytes(8))
            rows, columns, width, height = struct.unpack("HHHH", window_size)
            if rows and columns and width >= columns and height >= rows:
                return width // columns, height // rows
        return super().cell_pixels()
