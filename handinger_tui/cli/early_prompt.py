"""Early frame: the prompt stands and takes letters while everything else is still being imported.

Imports nothing that Python has not loaded anyway, but for the terminal's own modules: a millisecond
here is one of some twenty until the prompt stands.
A thread reads the keyboard until the app takes over; nothing that was typed is lost:
letters become the text of the prompt, whatever else came is handed on as bytes.
Where the terminal is not sure to understand, there is no early frame.
"""

from __future__ import annotations

import _thread
import codecs
import os
import select
import sys

TYPE_CHECKING = False
"""As type checkers understand it; the module with that name takes 3 ms."""
if TYPE_CHECKING:
    import signal
    from types import FrameType
    from typing import Any, Final
else:
    # What `signal` is made of: it gives its numbers names, and brings `enum` for that, 5 ms.
    import _signal as signal

TERMINATED: Final = 143
QUIT: Final = 131
NARROWEST, LOWEST = 40, 12
PLACEHOLDER: Final = "Ask a worker…   / for commands"
WIDE: Final = 100
"""As the screen's own layout: from here on panels stand beside the prompt."""
SIDE: Final = 38
"""Their columns."""
ENTER: Final = "\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[2J"
"""Alternate screen; pastes marked, so that a line break in one is never taken for Enter."""
LEAVE: Final = "\x1b[?2004l\x1b[?1049l\x1b[?25h"
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
BACKSPACE: Final = "\x7f"
TAIL_S: Final = 0.02
"""How long the rest of a sequence that was cut in two is waited for."""


def begin(*, wanted: bool, environ: dict[str, str]) -> EarlyFrame | None:
    """Paint the prompt where that is safe; `wanted`: no option speaks against it."""
    if not wanted or environ.get("TERM", "dumb") == "dumb" or "TEXTUAL_DRIVER" in environ:
        return None
    try:
        import termios  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return None
    if sys.__stdin__ is None or sys.__stderr__ is None:
        return None
    try:
        keys, out = sys.__stdin__.fileno(), sys.__stderr__.fileno()
        size = os.get_terminal_size(out)
        before = termios.tcgetattr(keys)
        # In the background a terminal stops whoever touches it.
        if os.tcgetpgrp(keys) != os.getpgrp() or size.columns < NARROWEST or size.lines < LOWEST:
            return None
    except (OSError, ValueError, termios.error):
        return None
    return EarlyFrame(keys, out, before, size.columns, size.lines)


class Typed:
    """Keys typed so far: a line of plain letters that is shown, and from the first other key on bytes."""

    def __init__(self) -> None:
        self.text = ""
        self.rest = b""

    def take(self, data: bytes) -> None:
        """What was read."""
        if self.rest:
            self.rest += data
            return
        for at, byte in enumerate(data):
            letter = chr(byte)
            if " " <= letter <= "~":
                self.text += letter
            elif letter == BACKSPACE:
                self.text = self.text[:-1]
            else:
                self.rest = data[at:]
                return

    @property
    def whole(self) -> bool:
        """The rest ends with a whole sign, and with no sequence under way."""
        end = self.rest.rpartition(b"\x1b")[2] if b"\x1b" in self.rest[-16:] else b""
        under_way = self.rest.endswith(b"\x1b") or (
            end[:1] in (b"[", b"O") and not end[1:].strip(b"0123456789;?<")
        )
        try:
            codecs.decode(self.rest, "utf-8")
        except UnicodeDecodeError as cut:
            return cut.reason != "unexpected end of data"
        return not under_way


class EarlyFrame:
    """The picture, and the keyboard until `finish` or `put_back`."""

    def __init__(self, keys: int, out: int, before: list[Any], columns: int, lines: int) -> None:
        import termios  # noqa: PLC0415 - there is none on Windows

        self.attributes = before
        """Of the terminal as it was."""
        self._keys, self._out = keys, out
        self._width = columns - SIDE if columns >= WIDE else columns
        self._row = lines - 3
        self._typed = Typed()
        self._open = True
        self._stop, self._stopping = os.pipe()
        self._listens = _thread.allocate_lock()
        self._interval = sys.getswitchinterval()
        raw = termios.tcgetattr(keys)
        raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        raw[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
        raw[6][termios.VMIN] = 1
        # Who is ended in the middle of this would leave a terminal that only half of us has.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        self._signals = {number: signal.signal(number, self._ended) for number in _ENDING}
        termios.tcsetattr(keys, termios.TCSANOW, raw)
        self._paint()
        # Threads take turns more often, or a key would wait for an import.
        sys.setswitchinterval(0.0005)
        self._listens.acquire()
        _thread.start_new_thread(self._listen, ())
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    # -- the end of it -----------------------------------------------------------------------
    def finish(self) -> tuple[str, bytes]:
        """The app takes the terminal as it stands. Returns the shown text, and the bytes typed behind it."""
        self._rest()
        return self._typed.text, self._typed.rest

    def put_back(self) -> None:
        """The terminal as it was, unless the app has it."""
        if not self._open:
            return
        self._rest()
        import termios  # noqa: PLC0415 - loaded before

        self._write(LEAVE)
        termios.tcsetattr(self._keys, termios.TCSANOW, self.attributes)

    def _rest(self) -> None:
        if self._open:
            self._open = False
            os.write(self._stopping, b".")
            # Held until the thread has ended.
            self._listens.acquire()
            os.close(self._stop)
            os.close(self._stopping)
            sys.setswitchinterval(self._interval)
            for number, action in self._signals.items():
                # The app has its own by the time it takes over.
                if signal.getsignal(number) == self._ended:
                    signal.signal(number, action)

    def _ended(self, number: int, _frame: FrameType | None) -> None:
        self.put_back()
        raise SystemExit(QUIT if number == getattr(signal, "SIGQUIT", None) else TERMINATED)

    # -- keys ----------------------------------------------------------------------------------
    def _listen(self) -> None:
        try:
            while self._heard():
                self._show()
        finally:
            self._listens.release()

    def _heard(self) -> bool:
        """Take what is typed next; False: there is nothing more, or the app wants the rest."""
        ready, _, _ = select.select([self._keys, self._stop], [], [])
        # What was cut in two is waited for, but not for ever: a lone Esc is no beginning.
        if self._stop in ready and self._typed.whole:
            return False
        if self._stop in ready and not select.select([self._keys], [], [], TAIL_S)[0]:
            return False
        try:
            data = os.read(self._keys, 4096)
        except OSError:
            return False
        self._typed.take(data)
        return bool(data)

    # -- the picture -----------------------------------------------------------------------------
    def _paint(self) -> None:
        bar = "─" * (self._width - 2)
        frame = [
            ENTER,
            f"\x1b[1;2H{DIM}Handinger{PLAIN}",
            f"\x1b[{self._row - 1};1H{DIM}╭{bar}╮",
            f"\x1b[{self._row};1H│\x1b[{self._row};{self._width}H│",
            f"\x1b[{self._row + 1};1H╰{bar}╯{PLAIN}",
            self._line(),
        ]
        self._write("".join(frame))

    def _show(self) -> None:
        self._write(self._line())

    def _line(self) -> str:
        room = self._width - 5
        text = self._typed.text[-room:]
        told = text or f"{DIM}{PLACEHOLDER[:room]}{PLAIN}"
        blank = " " * (room + 1 - len(text or PLACEHOLDER[:room]))
        at = f"\x1b[{self._row};3H"
        return f"\x1b[?2026h{at}{told}{blank}\x1b[{self._row};{3 + len(text)}H\x1b[?25h\x1b[?2026l"

    def _write(self, text: str) -> None:
        data = text.encode()
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError:
            # The terminal has gone; the app will find out in its own way.
            return


_ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)
