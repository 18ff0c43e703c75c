"""A pseudo-terminal whose every byte is kept, and what stands in such bytes: texts and control sequences."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_S = 40.0
FULL_BYTES = 4000
"""A pseudo-terminal that nobody reads holds somewhat more."""
QUIET = 5
"""Looks at nothing new before the program is made to paint all."""
TOKEN = re.compile(
    r"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    r"|\x1b(?P<string>[\]PX^_])(?P<body>[^\x1b\x07\x9c]*)(?:\x1b\\|\x07|\x9c)"
    r"|\x1b(?P<esc>[ -/]*[0-~])"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
)
SEQUENCE = re.compile(TOKEN.pattern.rpartition("|")[0])
"""Whatever of it is no text."""
CSI = re.compile(r"([<=>?]?)([0-9;:]*)([ -/]*)([@-~])")
TELLING = "hlcntqSTup"
"""Ends of sequences whose numbers say what they do; those of colours and places differ with every frame."""


class RawTerminal:
    """The program on a terminal of its own."""

    def __init__(
        self, *argv: str, home: Path, rows: int, columns: int, in_control: bool = False, **environ: str
    ) -> None:
        self.seen = bytearray()
        self._read_to = 0
        self._words = ""
        """Those between the last key and `_read_to`."""
        self._fd, inside = os.openpty()
        self._rows, self._columns, self._spare = rows, columns, False
        self._size(rows)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HANDINGER_")}
        told = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "TEXTUAL_ANIMATIONS": "none"}
        self._process = subprocess.Popen(
            # Of a terminal that controls no processes there is no early prompt.
            [*(["setsid", "--ctty"] if in_control else []), sys.executable, "-m", "handinger_tui", *argv],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env={**kept, **told, "HANDINGER_TUI_HOME": str(home), **environ},
            start_new_session=not in_control,
        )
        os.close(inside)

    def _size(self, rows: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, self._columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type once the program is at rest; what `shows` looks for has to come after it."""
        self.rest()
        self._read_to, self._words = len(self.seen), ""
        os.write(self._fd, keys.encode())

    def send(self, data: bytes) -> None:
        """Write bytes at once, also while the program paints; a closed terminal takes none."""
        with suppress(OSError):
            os.write(self._fd, data)

    def wait_for(self, *texts: str) -> None:
        """Read until these have been written in this order since the start."""
        end = time.monotonic() + PATIENCE_S
        wanted = re.compile(".*".join(map(re.escape, texts)).encode(), re.DOTALL)
        while wanted.search(self.seen) is None:
            assert time.monotonic() < end, f"never seen: {texts}\n{words(bytes(self.seen[-3000:]))}"
            self._read(0.02)

    def reach(self, keys: str, text: str) -> None:
        """Type until the text was written: a screen that is still closing takes no key of the next one."""
        end = time.monotonic() + PATIENCE_S
        while True:
            self.press(keys)
            try:
                self.shows(text, PATIENCE_S / 5)
            except AssertionError:
                if time.monotonic() > end:
                    raise
            else:
                return

    def shows(self, text: str, patience_s: float = PATIENCE_S) -> None:
        """Read until the text was written. What stands there already is written by a whole paint only."""
        end, quiet = time.monotonic() + patience_s, 0
        while text not in self.latest():
            assert time.monotonic() < end, f"never seen: {text}\n{words(bytes(self.seen[-3000:]))}"
            quiet = 0 if self._read() else quiet + 1
            if quiet and quiet % QUIET == 0:
                self.repaint()

    def rest(self) -> None:
        """Read until nothing more comes."""
        while self._read():
            pass

    def latest(self) -> str:
        """The words written since the last key. Each byte is read once: nothing goes on behind a new CSI."""
        whole = self.seen.rfind(b"\x1b[", self._read_to)
        if whole > self._read_to:
            self._words += words(bytes(self.seen[self._read_to : whole]))
            self._read_to = whole
        return self._words + words(bytes(self.seen[self._read_to :]))

    def repaint(self) -> None:
        """Another size, so that all is written anew; without job control the kernel tells of none."""
        self._spare = not self._spare
        self._size(self._rows - self._spare)
        self._process.send_signal(signal.SIGWINCH)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self._process.send_signal(number)

    def fill_up(self) -> None:
        """Read nothing until the program has written more than the terminal takes."""
        end, before = time.monotonic() + PATIENCE_S, -1
        while (waiting := self._waiting_bytes()) != before or waiting < FULL_BYTES:
            assert time.monotonic() < end, f"never full: {waiting} bytes"
            before = waiting
            time.sleep(0.5)

    def _waiting_bytes(self) -> int:
        size: int = struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)))[0]
        return size

    def hang_up(self) -> int:
        """Close the terminal, of which no signal tells, and return the exit code."""
        os.close(self._fd)
        self._fd = -1
        return self._process.wait(PATIENCE_S)

    def leave(self, keys: str) -> int:
        """Type until the program has ended: a screen that is still closing takes the key. Its exit code."""
        end, again = time.monotonic() + PATIENCE_S, 0.0
        while self._process.poll() is None:
            assert time.monotonic() < end, "never ended"
            if time.monotonic() > again:
                self.send(keys.encode())
                again = time.monotonic() + PATIENCE_S / 8
            self._read()
        return self._process.returncode

    def ends(self) -> int:
        """Read until the program has ended; its exit code."""
        end = time.monotonic() + PATIENCE_S
        while self._process.poll() is None:
            assert time.monotonic() < end, "never ended"
            self._read()
        self._read()
        return self._process.returncode

    def _read(self, within_s: float = 0.3) -> bool:
        """Whether something came, within more than the time after which Esc is a key of its own."""
        if not select.select([self._fd], [], [], within_s)[0]:
            return False
        # Linux reports the end of the program as an error.
        with suppress(OSError):
            self.seen += os.read(self._fd, 1 << 16)
        return True

    def attributes(self) -> list[object]:
        """The terminal's settings: echo, lines, signals."""
        return list(termios.tcgetattr(self._fd))

    def close(self) -> None:
        """End it if it has not ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        if self._fd >= 0:
            os.close(self._fd)


@contextmanager
def rawterm(
    *argv: str, home: Path, rows: int = 40, columns: int = 120, in_control: bool = False, **environ: str
) -> Iterator[RawTerminal]:
    """A running program, ended at the end."""
    running = RawTerminal(*argv, home=home, rows=rows, columns=columns, in_control=in_control, **environ)
    try:
        yield running
    finally:
        running.close()


# -- reading ------------------------------------------------------------------------------
def words(data: bytes) -> str:
    """Only the text."""
    return SEQUENCE.sub("", data.decode("utf-8", "replace"))


def sequences(data: bytes) -> set[str]:
    """Every kind of control sequence in it.

    Raises:
        UnicodeDecodeError: bytes that are not UTF-8.
    """
    text, kinds, at = data.decode("utf-8"), set(), 0
    for found in TOKEN.finditer(text):
        assert found.start() == at, ascii(text[at : found.start()])
        at = found.end()
        if found["text"] is None:
            kinds.add(_kind(found))
    assert at == len(text), ascii(text[at:])
    return kinds


def _kind(found: re.Match[str]) -> str:
    if found["csi"]:
        parts = CSI.fullmatch(found["csi"])
        assert parts is not None, found["csi"]
        assert "31337" not in parts[2], found["csi"]
        return f"CSI {parts[1]}{parts[2] if parts[1] or parts[4] in TELLING else ''}{parts[3]}{parts[4]}"
    if found["string"]:
        return f"{found['string']} {found['body']}"
    return f"ESC {found['esc']}" if found["esc"] else f"control {ord(found['control']):02X}"
