"""Early prompt: a frame that accepts typed text while everything else is still being imported.

Only small modules of the standard library are imported: the prompt appears after some twenty milliseconds.
A thread reads the keyboard until the app takes over; nothing that was typed is lost:
letters become the text of the prompt, all other input is passed on as bytes.
There is no early prompt on a terminal that may not support it.
"""

from __future__ import annotations

import codecs
import os
import select
import signal
import sys
import threading
import time

if sys.platform != "win32":
    import fcntl
    import termios

from handinger_tui.cli.early_text import as_read

TYPE_CHECKING = False
"""Type checkers treat this name like `typing.TYPE_CHECKING`; importing `typing` takes 3 ms."""
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Final

MIN_COLUMNS, MIN_LINES = 40, 12
PLACEHOLDER: Final = "Ask a worker…   / for commands"
ENTER: Final = "\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[2J"
"""Enters the alternate screen and enables bracketed paste, so that a pasted line break is not Enter."""
LEAVE: Final = "\x1b[?2004l\x1b[?1049l\x1b[?25h"
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
BACKSPACE: Final = "\x7f"
PAUSE_S: Final = 0.1
"""Seconds without input after which what follows is no part of the same paste."""
TAIL_S: Final = 0.02
"""Seconds to wait for the rest of an incomplete escape sequence."""


def begin(*, wanted: bool, environ: dict[str, str], keep: Callable[[str], bool]) -> EarlyFrame | None:
    """Paint the prompt if the terminal supports it and `wanted` is true; return None otherwise.

    `keep` puts what was typed on disk; it returns False once the app does.
    """
    if not wanted or environ.get("TERM", "dumb") == "dumb" or "TEXTUAL_DRIVER" in environ:
        return None
    if sys.platform == "win32" or sys.__stdin__ is None or sys.__stderr__ is None:
        return None
    try:
        keys, out = sys.__stdin__.fileno(), sys.__stderr__.fileno()
        size = os.get_terminal_size(out)
        attributes = termios.tcgetattr(keys)
        # A terminal stops a background process that changes its attributes.
        if os.tcgetpgrp(keys) != os.getpgrp() or size.columns < MIN_COLUMNS or size.lines < MIN_LINES:
            return None
    except (OSError, ValueError, termios.error):
        return None
    return EarlyFrame(keys, out, attributes, size.columns, size.lines, keep)


class Typed:
    """Input typed so far: a shown line of printable ASCII, and all bytes from the first other key on."""

    def __init__(self) -> None:
        self.text = ""
        self.later_bytes = b""
        self._pauses: list[int] = []
        """Where in the later bytes a pause was: a paste has none."""
        self._added_at = 0.0

    def add(self, data: bytes) -> None:
        """Add input bytes."""
        before, self._added_at = self._added_at, time.monotonic()
        if self.later_bytes:
            if self._added_at - before > PAUSE_S and self.is_complete:
                self._pauses.append(len(self.later_bytes))
            self.later_bytes += data
            return
        for at, byte in enumerate(data):
            letter = chr(byte)
            if " " <= letter <= "~":
                self.text += letter
            elif letter == BACKSPACE:
                self.text = self.text[:-1]
            else:
                self.later_bytes = data[at:]
                return

    @property
    def pieces(self) -> list[bytes]:
        """The later bytes, cut at the pauses."""
        ends = [*self._pauses, len(self.later_bytes)]
        return [self.later_bytes[start:end] for start, end in zip([0, *self._pauses], ends, strict=True)]

    @property
    def is_complete(self) -> bool:
        """Whether the bytes end with a complete character and a complete escape sequence."""
        tail = self.later_bytes.rpartition(b"\x1b")[2] if b"\x1b" in self.later_bytes[-16:] else b""
        is_incomplete_sequence = self.later_bytes.endswith(b"\x1b") or (
            tail[:1] in (b"[", b"O") and not tail[1:].strip(b"0123456789;?<")
        )
        try:
            codecs.decode(self.later_bytes, "utf-8")
        except UnicodeDecodeError as cut:
            return cut.reason != "unexpected end of data"
        return not is_incomplete_sequence


class EarlyFrame:
    """Owns the terminal, screen and keyboard, until `finish` or `put_back`."""

    def __init__(
        self,
        keys: int,
        out: int,
        attributes: list[Any],
        columns: int,
        lines: int,
        keep: Callable[[str], bool] = lambda _text: False,
    ) -> None:
        self._keep = keep
        self._is_kept = True
        """Whether what is typed goes on disk from here; later the app does that."""
        self.attributes = attributes
        """Attributes of the terminal before the early prompt."""
        self._keys, self._out = keys, out
        self._width = columns
        self._row = lines - 3
        self._typed = Typed()
        self._open = True
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._run_thread, daemon=True, name="early-keys")
        self._interval = sys.getswitchinterval()
        raw = termios.tcgetattr(keys)
        raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        raw[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
        raw[6][termios.VMIN] = 1
        # Signals are blocked while the terminal changes: ending halfway would leave it in a broken state.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _EXIT_CODES)
        self._signals = {number: signal.signal(number, self._handle_signal) for number in _EXIT_CODES}
        termios.tcsetattr(keys, termios.TCSANOW, raw)
        self.lines = self._take_blind_lines()
        """Lines entered before there was anything to see, perhaps pasted: none is sent by itself."""
        self._paint()
        self._keep_text()
        # A shorter switch interval, so that a key does not wait for an import in the main thread.
        sys.setswitchinterval(0.0005)
        self._thread.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _take_blind_lines(self) -> list[str]:
        """Read what came before the terminal was raw: it made a line feed of each Enter."""
        try:
            count = int.from_bytes(fcntl.ioctl(self._keys, termios.FIONREAD, b"\0" * 4), sys.byteorder)
            data = os.read(self._keys, count) if count else b""
        except OSError:
            return []
        typed = "".join(one for one in data.decode(errors="replace") if one >= " " or one == "\n")
        *lines, last = typed.split("\n")
        self._typed.add(last.encode())
        return lines

    # -- handing over ------------------------------------------------------------------------
    def finish(self) -> tuple[str, list[bytes]]:
        """Leave the terminal to the app in its current state; return the shown text and the later bytes.

        The bytes are cut at pauses.

        The switch interval stays short: for the app, too.
        """
        self._stop_thread()
        return self._typed.text, self._typed.pieces

    def put_back(self) -> None:
        """Restore the terminal, unless the app has taken it over."""
        if not self._open:
            return
        self._stop_thread()
        sys.setswitchinterval(self._interval)
        self._write(LEAVE)
        termios.tcsetattr(self._keys, termios.TCSANOW, self.attributes)

    def _stop_thread(self) -> None:
        """End the thread and restore the signal handlers."""
        if self._open:
            self._open = False
            os.write(self._stop_writer, b".")
            self._thread.join()
            os.close(self._stop_reader)
            os.close(self._stop_writer)
            for number, action in self._signals.items():
                # Handlers that the app has installed in the meantime stay.
                if signal.getsignal(number) == self._handle_signal:
                    signal.signal(number, action)

    def _handle_signal(self, number: int, _frame: FrameType | None) -> None:
        self.put_back()
        # Exits at once: Python drops an exception that is raised inside a weak-reference callback, and
        # imports run such callbacks. Nothing is open yet that an orderly end would have to close.
        os._exit(_EXIT_CODES[number])

    # -- keys ----------------------------------------------------------------------------------
    def _run_thread(self) -> None:
        while self._read_keys():
            self._write(self._line_text())
            self._keep_text()

    def _read_keys(self) -> bool:
        """Read the next input; return False at the end of input, or when the app takes over."""
        ready, _, _ = select.select([self._keys, self._stop_reader], [], [])
        # Wait for the rest of an incomplete sequence, but only `TAIL_S`: a lone Esc has no rest.
        if self._stop_reader in ready and self._typed.is_complete:
            return False
        if self._stop_reader in ready and not select.select([self._keys], [], [], TAIL_S)[0]:
            return False
        try:
            data = os.read(self._keys, 4096)
        except OSError:
            return False
        self._typed.add(data)
        return bool(data)

    def note(self, data: bytes) -> None:
        """Input that the app has read, and may not have in its prompt yet."""
        if self._is_kept:
            self._typed.add(data)
            self._keep_text()

    def _keep_text(self) -> None:
        typed = self._typed.text + as_read(self._typed.later_bytes)
        self._is_kept = self._keep("\n".join([*self.lines, typed]))

    # -- painting --------------------------------------------------------------------------------
    def _paint(self) -> None:
        bar = "─" * (self._width - 2)
        frame = [
            ENTER,
            f"\x1b[1;2H{DIM}Handinger{PLAIN}",
            f"\x1b[{self._row - 1};1H{DIM}╭{bar}╮",
            f"\x1b[{self._row};1H│\x1b[{self._row};{self._width}H│",
            f"\x1b[{self._row + 1};1H╰{bar}╯{PLAIN}",
            self._line_text(),
        ]
        self._write("".join(frame))

    def _line_text(self) -> str:
        room = self._width - 5
        text = self._typed.text[-room:]
        visible_text = text or f"{DIM}{PLACEHOLDER[:room]}{PLAIN}"
        blank = " " * (room + 1 - len(text or PLACEHOLDER[:room]))
        at = f"\x1b[{self._row};3H"
        return f"\x1b[?2026h{at}{visible_text}{blank}\x1b[{self._row};{3 + len(text)}H\x1b[?25h\x1b[?2026l"

    def _write(self, text: str) -> None:
        data = text.encode()
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError:
            # The terminal is gone; the app handles that itself.
            return


_EXIT_CODES: Final = {
    int(getattr(signal, name)): code
    for name, code in (("SIGINT", 130), ("SIGQUIT", 131), ("SIGTERM", 143), ("SIGHUP", 143))
    if hasattr(signal, name)
}
"""Signals that end the program, and its exit codes. Ctrl+C is a byte by then; SIGINT comes from outside."""
