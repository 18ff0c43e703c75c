"""The terminal driver: takes over from the early prompt, parses input, and survives a closed terminal."""

from __future__ import annotations

import os
import select
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from handinger_tui.ui.terminal.input_parser import InputParser
from handinger_tui.ui.terminal.textual_private import Missing, XTermParser

if TYPE_CHECKING:
    from handinger_tui.ui.ports import EarlyPrompt

EXIT_HANGUP: Final = 143
"""The exit code after the terminal was closed without a signal; SIGHUP uses the same code."""
READ_BYTES: Final = 1 << 16
IDLE_S: Final = 0.1
"""Seconds between checks whether reading should end."""
WAITING_S: Final = 0.02
"""Seconds between checks whether an incomplete sequence was a key after all."""
BUFFER_BYTES: Final = 1 << 16
ALTERNATE_SCREEN: Final = "\x1b[?1049h"


class TerminalDriver(LinuxDriver):
    """Textual's Linux driver with another input parser, for a terminal that may be closed at any time."""

    _file: Any

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        self._owner: Final = app
        self._logs_keys: Final[bool] = settings.get("debug", False)
        if sys.__stderr__ is not None:
            self._file = TerminalFile(sys.__stderr__)

    def early_input(self) -> bytes:
        """Return input that was read before the driver started; subclasses override it."""
        return b""

    def run_input_thread(self) -> None:
        """Read input until `exit_event` is set. Textual runs this in a thread."""
        if issubclass(XTermParser, Missing):
            super().run_input_thread()
            return
        try:
            self._read_input()
        except Exception as problem:  # noqa: BLE001 - raised again in the app, which reports it
            self._owner.call_later(_raise, problem)

    def _read_input(self) -> None:
        parser = InputParser(debug=self._logs_keys)
        decode = getincrementaldecoder("utf-8")("replace").decode
        data = self.early_input()
        while not self.exit_event.is_set():
            for message in parser.feed(decode(data)) if data else parser.tick():
                self.process_message(message)
            ready, _, _ = select.select([self.fileno], [], [], WAITING_S if parser.is_waiting else IDLE_S)
            data = b""
            if ready:
                try:
                    data = os.read(self.fileno, READ_BYTES)
                except BlockingIOError:
                    continue
                except OSError:
                    # Linux reports a closed terminal this way.
                    data = b""
                if not data:
                    self._owner.call_later(self._owner.exit, return_code=EXIT_HANGUP)
                    return


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
            # Textual has no type annotations here.
            super().start_application_mode()  # type: ignore[no-untyped-call]
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


class TerminalFile:
    """The output file of Textual's writer thread: no write fails.

    An error would end the thread, and the next write to its full queue would then block the app forever, even
    while it exits. Output to a closed terminal is dropped.
    """

    def __init__(self, file: TextIO) -> None:
        self._fd: Final = file.fileno()
        self._encoding: Final = (file.encoding, file.errors or "replace")
        self._buffer = b""

    def fileno(self) -> int:
        """The file descriptor of the terminal."""
        return self._fd

    def write(self, text: str) -> None:
        """Buffer a text; the buffer is written when it is full."""
        self._buffer += text.encode(*self._encoding)
        if len(self._buffer) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the buffer, however long the terminal takes."""
        data, self._buffer = self._buffer, b""
        with suppress(OSError):
            while data:
                try:
                    data = data[os.write(self._fd, data) :]
                except BlockingIOError:
                    # Another process made the inherited description non-blocking.
                    select.select([], [self._fd], [])


def _raise(problem: Exception) -> NoReturn:
    raise problem
