"""The terminal driver: takes over from the early prompt, reads input, and survives a closed terminal."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.events import MouseEvent
from textual.message import Message

from handinger_tui.ui.terminal import Missing, XTermParser
from handinger_tui.ui.terminal.input import BACKGROUND_QUERY, PASTE_QUERY, InputParser

if TYPE_CHECKING:
    from types import FrameType

    from handinger_tui.ui.ports import EarlyPrompt

_MULTIPLEXERS: Final = ("TMUX", "STY", "ZELLIJ")
"""Variables of programs that may answer for themselves, while pastes come from the terminal around them."""
EXIT_HANGUP: Final = 143
"""The exit code after the terminal was closed without a signal; SIGHUP uses the same code."""
READ_BYTES: Final = 1 << 16
A_PAUSE_S: Final = 1.0
"""Seconds that decide whatever the parser still holds: a pause came behind it."""
IDLE_S: Final = 0.1
"""Seconds between checks whether reading should end."""
WAITING_S: Final = 0.01
"""Seconds between checks whether held input was a key after all."""
BUFFER_BYTES: Final = 1 << 16
PAINT_START: Final = "\x1b[?2026h"
PAINT_END: Final = "\x1b[?2026l"
MOVING_S: Final = 1.0
"""Seconds after a report of the mouse during which more of them may still be under way."""
DRAIN_S: Final = 0.3
"""Seconds to wait at the end for the reports that are under way."""
NAME_QUERY: Final = "\x1b[c"
"""Asks the terminal what it is; its reply follows all reports that it has sent before."""
_NAME_REPLY: Final = re.compile(rb"\x1b\[\?[\d;]*c")
ALTERNATE_SCREEN: Final = "\x1b[?1049h"


COPY: Final = "\x1b]52;"
"""The beginning of the sequence that copies (OSC 52)."""
_SCREEN_PIECE: Final = 250
"""GNU screen drops sequences of more than 256 characters."""


def for_screen(data: str) -> str:
    """A sequence as GNU screen passes it on to its terminal: in pieces, each a device control string."""
    pieces = (data[at : at + _SCREEN_PIECE] for at in range(0, len(data), _SCREEN_PIECE))
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


class _StopState(Enum):
    """Whether SIGTSTP is stopping the program."""

    NONE = auto()
    REQUESTED = auto()
    """The event loop has not done it yet."""
    DONE = auto()
    """The terminal is given back: the program is stopped, or about to be."""


class StopSignals:
    """Stops the program for SIGTSTP in the event loop, and continues it for SIGCONT.

    A signal handler interrupts the main thread anywhere, also where it holds the lock of the output. Giving
    the terminal back waits for the thread that writes, which would then wait for that lock for ever.
    """

    def __init__(self, stop: object, resume: object, restart: Callable[[], None]) -> None:
        """`stop` and `resume`: the handlers of Textual. `restart`: take the terminal again.

        A program that somebody else has stopped (SIGSTOP) restarts: the shell has used its terminal.
        """
        self._stop_handler: Final = stop
        self._resume_handler: Final = resume
        self._restart: Final = restart
        self._loop: Final = asyncio.get_running_loop()
        self._state = _StopState.NONE

    def request_stop(self, _number: int = signal.SIGTSTP, _frame: FrameType | None = None) -> None:
        """Handle SIGTSTP. Several of them are one stop, which one SIGCONT ends."""
        if self._state is _StopState.NONE:
            self._state = _StopState.REQUESTED
            self._schedule(self._stop)

    def resume(self, number: int = signal.SIGCONT, frame: FrameType | None = None) -> None:
        """Handle SIGCONT, which also withdraws a stop that is not done yet."""
        if self._state is _StopState.NONE:
            self._schedule(self._restart)
        elif self._state is _StopState.DONE and callable(self._resume_handler):
            self._resume_handler(number, frame)
        self._state = _StopState.NONE

    def _stop(self) -> None:
        if self._state is _StopState.REQUESTED and callable(self._stop_handler):
            self._state = _StopState.DONE
            self._stop_handler(signal.SIGTSTP, None)

    def _schedule(self, action: Callable[[], None]) -> None:
        # The loop is closed at the end of the program.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(action)


class TerminalDriver(LinuxDriver):
    """Textual's Linux driver with another input parser, for a terminal that may be closed at any time."""

    _file: Any

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        self._owner: Final = app
        self._paint = ""
        """The beginning of a synchronized paint."""
        self._mouse_at: float | None = None
        """When the mouse was last reported."""
        self._undo: dict[str, None] = {}
        """What is written before the terminal is given up, in order."""
        self._logs_keys: Final[bool] = settings.get("debug", False)
        # The errors may go elsewhere (2>errors.txt); stdout is a terminal, or the app would not be shown.
        outputs = [file for file in (sys.__stderr__, sys.__stdout__) if file is not None]
        if outputs:
            self._file = TerminalFile(next((file for file in outputs if file.isatty()), outputs[0]))
        self._is_suspended = False
        stops = StopSignals(signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT), self._restart)
        signal.signal(signal.SIGTSTP, stops.request_stop)
        signal.signal(signal.SIGCONT, stops.resume)

    def write(self, data: str) -> None:
        """Write to the terminal without waiting for it, a synchronized paint in one piece.

        Textual writes start, content and end of it in turn; each write would wake the terminal emulator.
        """
        if data.startswith(COPY) and os.environ.get("STY"):
            data = for_screen(data)
        if data == PAINT_START and not self._paint:
            self._paint = data
            return
        if self._paint:
            data, self._paint = self._paint + data, ""
            if not data.endswith(PAINT_END):
                self._paint = data
                return
        remainder = self._file.write_now(data) if isinstance(self._file, TerminalFile) else data
        if remainder is not None:
            super().write(remainder)

    def process_message(self, message: Message) -> None:
        """Pass a message on to the app."""
        if isinstance(message, MouseEvent):
            self._mouse_at = monotonic()
        super().process_message(message)

    def disable_input(self) -> None:
        """End the input. A shell must not be given reports of a mouse that is moving, so they are read."""
        super().disable_input()
        moved_at, self._mouse_at = self._mouse_at, None
        if moved_at is None or monotonic() - moved_at > MOVING_S:
            return
        self.write(NAME_QUERY)
        self.flush()
        end, data = monotonic() + DRAIN_S, b""
        with suppress(OSError):
            while _NAME_REPLY.search(data) is None and (wait_s := end - monotonic()) > 0:
                ready, _, _ = select.select([self.fileno], [], [], wait_s)
                more = os.read(self.fileno, READ_BYTES) if ready else b""
                if not more:
                    return
                data = data[-64:] + more

    def start_application_mode(self) -> None:
        """Start, and ask whether pastes are marked, except terminals that would show the query."""
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's
        environ = os.environ
        shows_query = (
            environ.get("TERM", "").startswith("linux") or environ.get("TERM_PROGRAM") == "Apple_Terminal"
        )
        if not shows_query and not any(name in environ for name in _MULTIPLEXERS):
            self.write(PASTE_QUERY)

    def mark(self, sequence: str, undo: str = "") -> None:
        """Write a sequence that draws nothing. `undo`: what takes it back when the terminal is given up."""
        if undo:
            self._undo[undo] = None
        self.write(sequence)

    def stop_application_mode(self) -> None:
        """Give up the terminal, without the marks on it."""
        undo, self._undo = "".join(self._undo), {}
        if undo:
            self.write(undo)
        super().stop_application_mode()

    def suspend_application_mode(self) -> None:
        """Give the terminal to another program."""
        self._is_suspended = True
        super().suspend_application_mode()

    def resume_application_mode(self) -> None:
        """Take the terminal back after another program, unless the app has ended in the meantime.

        Nothing would stop the thread that reads keys then, and the process would wait for it for ever.
        """
        if self._owner.is_running:
            self._is_suspended = False
            super().resume_application_mode()

    def _restart(self) -> None:
        if self._owner.is_running and not self._is_suspended:
            self.suspend_application_mode()
            self.resume_application_mode()

    def ask_background(self) -> None:
        """Ask the terminal for its background color; a `TerminalBackground` brings the reply."""
        # The console of Linux would show the query.
        if not os.environ.get("TERM", "").startswith("linux"):
            self.write(BACKGROUND_QUERY)

    def early_input(self) -> list[bytes]:
        """Return input that was read before the driver started, cut at pauses; subclasses override it."""
        return []

    def note_input(self, data: bytes) -> None:
        """Input was read, and is not passed on yet; subclasses override it."""

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
        # tmux marks pastes, as the terminals around it do; its reply to the query is that of newer ones only.
        parser = InputParser(debug=self._logs_keys, marks_pastes=bool(os.environ.get("TMUX")))
        decode = getincrementaldecoder("utf-8")("replace").decode
        early = self.early_input()
        for piece in early[:-1]:
            for message in [*parser.feed(decode(piece)), *parser.tick(monotonic() + A_PAUSE_S)]:
                self.process_message(message)
        data, quiet_at = b"".join(early[-1:]), 0.0
        while not self.exit_event.is_set():
            for message in parser.feed(decode(data)) if data else parser.tick(quiet_at):
                self.process_message(message)
            # A thread that continues late must not mistake what came in the meantime for silence.
            quiet_at = monotonic()
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
                self.note_input(data)


def driver_for(early: EarlyPrompt, set_text: Callable[[str, list[str]], None]) -> type[TerminalDriver]:
    """A driver class that takes over from `early` at its first start.

    It calls `set_text` with the text, and the lines that were entered before it.
    """

    class EarlyDriver(TerminalDriver):
        """Stays on the alternate screen and in raw mode, and reads the bytes typed before it first."""

        def __init__(self, app: App[Any], **settings: Any) -> None:
            super().__init__(app, **settings)
            self._typed_bytes: list[bytes] | None = None
            self._is_entering = False

        def start_application_mode(self) -> None:
            """Take over at the first start. A start after a suspension is a normal one."""
            is_first = self._typed_bytes is None
            if is_first:
                text, self._typed_bytes = early.finish()
                set_text(text, early.lines)
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

        def early_input(self) -> list[bytes]:
            """The bytes typed before the takeover, cut at pauses; empty at every later call."""
            typed, self._typed_bytes = self._typed_bytes or [], []
            return typed

        def note_input(self, data: bytes) -> None:
            """What the app reads is kept with what was typed before, until it is in the prompt."""
            early.note(data)

    return EarlyDriver


class TerminalFile:
    """The output of the driver: writes at once what the terminal accepts, and the remainder in a thread.

    Waking Textual's writer thread delays every typed letter by 1 to 2 ms. The app never waits for a slow
    terminal: it writes through a non-blocking description of its own. (The blocking mode belongs to the
    description, and inherited ones are shared with other processes.) Without one the thread writes all.

    No write fails: an error would end the thread, and the next write to its full queue would then block
    the app forever, even while it exits. Output to a closed terminal is dropped.
    """

    def __init__(self, file: TextIO) -> None:
        self._fd: Final = file.fileno()
        # A sign in place of what the locale lacks; a code of six signs would make the row too long.
        self._encoding: Final = (file.encoding, "replace")
        self._own_fd: Final = _open_own_fd(self._fd)
        # Reentrant: a signal handler may write while the same thread is writing.
        self._lock: Final = RLock()
        self._buffer = b""
        self._queued = 0
        """Number of texts that the thread has not written; later texts must queue behind them."""
        self._buffered = 0
        """Number of texts among them that are in the buffer."""

    def fileno(self) -> int:
        """The file descriptor of the terminal."""
        return self._fd

    def write_now(self, text: str) -> str | None:
        """Write what the terminal accepts now; return what the thread has to write, None for nothing."""
        with self._lock:
            if self._own_fd is not None and not self._queued:
                data = text.encode(*self._encoding)
                remainder = data[_write_some(self._own_fd, data) :]
                if not remainder:
                    return None
                # Bytes: the terminal may accept a part of a character.
                self._buffer, text = remainder, ""
            self._queued += 1
            return text

    def write(self, text: str) -> None:
        """Buffer a text; called by the thread."""
        with self._lock:
            self._buffer += text.encode(*self._encoding)
            self._buffered += 1
        if len(self._buffer) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the buffer, however long the terminal takes; called by the thread."""
        with self._lock:
            data, self._buffer = self._buffer, b""
            written, self._buffered = self._buffered, 0
        with suppress(OSError):
            while data:
                try:
                    data = data[os.write(self._fd, data) :]
                except BlockingIOError:
                    # Another process made the inherited description non-blocking.
                    select.select([], [self._fd], [])
        with self._lock:
            self._queued -= written


def _open_own_fd(fd: int) -> int | None:
    """Open the terminal of `fd` again, non-blocking; None if that is not possible."""
    try:
        own_fd = os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if os.fstat(own_fd).st_rdev == os.fstat(fd).st_rdev:
        return own_fd
    # The name belongs to another terminal: in a container it may be a name of the host.
    os.close(own_fd)
    return None


def _write_some(fd: int, data: bytes) -> int:
    """Return how many bytes the terminal accepted; a closed one counts as accepting all."""
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)


def _raise(problem: Exception) -> NoReturn:
    raise problem
