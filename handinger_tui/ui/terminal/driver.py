"""Hang-up: a terminal that is closed takes no more, and nobody may wait for it."""

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

GONE: Final = 143
"""The exit code after a terminal that went without a signal (SIGHUP has the same)."""

# The driver makes its writer by this name; there is one driver in a program.
vars(linux_driver)["WriterThread"] = OutputWriter


class TerminalDriver(ReplyDriver, LinuxDriver):
    """Ends in order also when the terminal was closed, and hears what the terminal answers.

    A terminal that hangs up may continue its programs (SIGCONT), which has Textual start anew
    with another writing thread: on a terminal that is no more.
    """

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        self._paint: list[str] | None = None
        self._listener: InputReader | None = None
        self._by_thread = False
        """The loop cannot wait for this terminal."""

    def write(self, data: str) -> None:
        """As Textual's own, but a paint goes to the terminal in one piece.

        Textual hands over its beginning, itself and its end: the terminal shows nothing before the end.
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
        """As Textual's own, but the loop reads what is typed."""
        before = self._key_thread
        # Textual leaves it without types.
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # In the background of a shell it starts nothing.
        if self._key_thread is not before:
            self._listen(self.typed_before())

    def typed_before(self) -> bytes:
        """What somebody else read from the terminal, and left to us."""
        return b""

    def run_input_thread(self) -> None:
        """Textual's thread for reading has nothing to do, unless the loop cannot wait for the terminal."""
        if self._by_thread:
            # It makes a parser by this name; there is one driver in a program.
            vars(linux_driver)["XTermParser"] = partial(ReplyParser, self.ears)
            super().run_input_thread()

    def _listen(self, typed: bytes) -> None:
        self._deafen()
        parser = ReplyParser(self.ears, self._debug)
        fail = self._app._handle_exception
        self._listener = InputReader(self.fileno, parser, self.process_message, self._gone, fail)
        self._listener.hear(typed)
        try:
            self._listener.start(self._loop)
        except (OSError, NotImplementedError):
            self._by_thread = True
            self._key_thread = Thread(target=self._run_input_thread, name="textual-input")
            self._key_thread.start()

    def _deafen(self) -> None:
        if self._listener is not None:
            self._listener.stop()

    def _gone(self) -> None:
        self._app.exit(return_code=GONE)

    def send_message(self, message: Message) -> None:
        """As Textual's own, which takes the long way from a thread."""
        self._app.post_message(message)

    def disable_input(self) -> None:
        """As Textual's own, and what is typed is left to others."""
        self._deafen()
        super().disable_input()

    def stop_application_mode(self) -> None:
        """As Textual's own, after the last word: at the end, and before a shell or an editor."""
        if self._paint is not None:
            # Whatever broke off in the middle of a paint: what follows is no part of it.
            self.write(SYNC_END)
        if last := self.parting():
            self.write(last)
        super().stop_application_mode()

    def cell_pixels(self) -> tuple[int, int]:
        """As the terminal's line discipline tells them, over ssh, too."""
        import fcntl  # noqa: PLC0415 - needed for pictures only
        import struct  # noqa: PLC0415 - as above
        import termios  # noqa: PLC0415 - as above

        with suppress(OSError):
            told = fcntl.ioctl(self.fileno, termios.TIOCGWINSZ, bytes(8))
            rows, columns, width, height = struct.unpack("HHHH", told)
            if rows and columns and width >= columns and height >= rows:
                return width // columns, height // rows
        return super().cell_pixels()
