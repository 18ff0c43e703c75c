"""A pseudo-terminal that keeps every byte, and a reader of such bytes: texts and control sequences."""

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
from typing import Protocol

PATIENCE_S = 60.0
TERMINAL = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "TEXTUAL_ANIMATIONS": "none"}
"""What a program is told of its terminal."""
FULL_BYTES = 4000
"""A pseudo-terminal whose output is not read holds somewhat more."""
QUIET = 5
"""Reads without output before the program is made to repaint everything."""
TOKEN = re.compile(
    r"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    r"|\x1b(?P<string>[\]PX^_])(?P<body>[^\x1b\x07\x9c]*)(?:\x1b\\|\x07|\x9c)"
    r"|\x1b(?P<esc>[ -/]*[0-~])"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
)
SEQUENCE = re.compile(TOKEN.pattern.rpartition("|")[0])
"""Every token that is not text."""
CSI = re.compile(r"([<=>?]?)([0-9;:]*)([ -/]*)([@-~])")
MEANINGFUL_ENDS = "hlcntqSTup"
"""Final bytes of sequences whose numbers are part of their meaning;
numbers of colors and positions differ in every frame.
"""


class Process(Protocol):
    """What is needed of a process: `Popen` has it."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...


class Starter(Protocol):
    """Starts the program in another way than as a new process of Python."""

    def __call__(self, argv: tuple[str, ...], terminal: str, environ: dict[str, str]) -> Process:
        """Start it on the terminal of this name, which it is to control."""


class RawTerminal:
    """The program on a terminal of its own."""

    def __init__(
        self,
        *argv: str,
        home: Path,
        rows: int,
        columns: int,
        in_control: bool = False,
        start: Starter | None = None,
        **environ: str,
    ) -> None:
        self.output = bytearray()
        self._read_to = 0
        self._words = ""
        """The words between the last key and `_read_to`."""
        self._fd, inside = os.openpty()
        self._rows, self._columns, self._spare = rows, columns, False
        self._size(rows)
        self.first_attributes = self.attributes()
        """The settings before the program."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HANDINGER_")}
        variables = {**kept, **TERMINAL, "HANDINGER_TUI_HOME": str(home), **environ}
        self._process: Process
        if start is not None:
            self._process = start(argv, os.ttyname(inside), variables)
        else:
            # Without a controlling terminal there is no early prompt.
            command = [*(["setsid", "--ctty"] if in_control else []), sys.executable, "-m", "handinger_tui"]
            self._process = subprocess.Popen(
                [*command, *argv],
                stdin=inside,
                stdout=inside,
                stderr=inside,
                env=variables,
                start_new_session=not in_control,
            )
        os.close(inside)

    def _size(self, rows: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, self._columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type once the program writes nothing more; `shows` looks only at later output."""
        self.drain()
        self._read_to, self._words = len(self.output), ""
        os.write(self._fd, keys.encode())

    def send(self, data: bytes) -> None:
        """Write bytes immediately, even while the program paints; a closed terminal accepts none."""
        with suppress(OSError):
            os.write(self._fd, data)

    def wait_for(self, *texts: str) -> None:
        """Read until these have been written in this order since the start."""
        end = time.monotonic() + PATIENCE_S
        wanted = re.compile(".*".join(map(re.escape, texts)).encode(), re.DOTALL)
        while wanted.search(self.output) is None:
            assert time.monotonic() < end, f"never written: {texts}\n{words(bytes(self.output[-3000:]))}"
            self._read(0.02)

    def reach(self, keys: str, text: str) -> None:
        """Type until the text was written: a closing screen ignores the keys of the next one."""
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
        """Read until the text was written.

        A text that is already on the screen is written again only by a full repaint.
        """
        end, quiet = time.monotonic() + patience_s, 0
        while text not in self.latest():
            assert time.monotonic() < end, f"never written: {text}\n{words(bytes(self.output[-3000:]))}"
            quiet = 0 if self._read() else quiet + 1
            if quiet and quiet % QUIET == 0:
                self.repaint()

    def drain(self) -> None:
        """Read until nothing more comes."""
        while self._read():
            pass

    def latest(self) -> str:
        """The words written since the last key.

        Each byte is read once: no sequence continues after a new CSI.
        """
        last_escape = self.output.rfind(b"\x1b[", self._read_to)
        if last_escape > self._read_to:
            self._words += words(bytes(self.output[self._read_to : last_escape]))
            self._read_to = last_escape
        return self._words + words(bytes(self.output[self._read_to :]))

    def repaint(self) -> None:
        """Change the size, so that everything is written again;
        without job control the kernel sends no SIGWINCH.
        """
        self._spare = not self._spare
        self._size(self._rows - self._spare)
        self._process.send_signal(signal.SIGWINCH)

    def resize(self, rows: int) -> None:
        """Give the terminal as many rows."""
        self._rows = rows
        self.repaint()

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self._process.send_signal(number)

    def fill_up(self) -> None:
        """Read nothing until the program has written more than the terminal accepts."""
        end, before = time.monotonic() + PATIENCE_S, -1
        while (waiting := self._waiting_bytes()) != before or waiting < FULL_BYTES:
            assert time.monotonic() < end, f"never full: {waiting} bytes"
            before = waiting
            time.sleep(0.5)

    @property
    def process_id(self) -> int:
        """The id of the program."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the program has not ended."""
        return self._process.poll() is None

    @property
    def has_read_all(self) -> bool:
        """Whether the program has written nothing that was not read."""
        return not select.select([self._fd], [], [], 0)[0]

    def _waiting_bytes(self) -> int:
        size: int = struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)))[0]
        return size

    def hang_up(self) -> int:
        """Close the terminal, which sends no signal, and return the exit code."""
        os.close(self._fd)
        self._fd = -1
        return self._process.wait(PATIENCE_S)

    def leave(self, keys: str) -> int:
        """Type until the program has ended, because a closing screen swallows the key.

        Returns the exit code.
        """
        end, again = time.monotonic() + PATIENCE_S, 0.0
        while (code := self._process.poll()) is None:
            assert time.monotonic() < end, "never ended"
            if time.monotonic() > again:
                self.send(keys.encode())
                again = time.monotonic() + PATIENCE_S / 8
            self._read()
        return code

    def ends(self) -> int:
        """Read until the program has ended; returns its exit code."""
        end = time.monotonic() + PATIENCE_S
        while (code := self._process.poll()) is None:
            assert time.monotonic() < end, "never ended"
            self._read()
        self._read()
        return code

    def _read(self, within_s: float = 0.3) -> bool:
        """Whether there was output, within more than the time after which Esc is a key of its own."""
        if not select.select([self._fd], [], [], within_s)[0]:
            return False
        try:
            self.output += os.read(self._fd, 1 << 16)
        except OSError:
            # Linux reports the end of the program this way.
            return False
        return True

    def attributes(self) -> list[object]:
        """The terminal's settings: echo, lines, signals."""
        return list(termios.tcgetattr(self._fd))

    def close(self) -> None:
        """Kill the program if it has not ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        if self._fd >= 0:
            os.close(self._fd)


@contextmanager
def rawterm(
    *argv: str,
    home: Path,
    rows: int = 40,
    columns: int = 120,
    in_control: bool = False,
    **environ: str,
) -> Iterator[RawTerminal]:
    """A running program; the end of the block stops it."""
    running = RawTerminal(
        *argv, home=home, rows=rows, columns=columns, in_control=in_control, start=None, **environ
    )
    try:
        yield running
    finally:
        running.close()


# -- reading ------------------------------------------------------------------------------
def words(data: bytes) -> str:
    """The bytes as text, without control sequences."""
    return SEQUENCE.sub("", data.decode("utf-8", "replace"))


def sequences(data: bytes) -> set[str]:
    """Every kind of control sequence in it.

    Raises:
        UnicodeDecodeError: bytes that are not UTF-8.
    """
    text, kinds, at = data.decode("utf-8"), set(), 0
    for token in TOKEN.finditer(text):
        assert token.start() == at, ascii(text[at : token.start()])
        at = token.end()
        if token["text"] is None:
            kinds.add(_kind(token))
    assert at == len(text), ascii(text[at:])
    return kinds


def _kind(token: re.Match[str]) -> str:
    if token["csi"]:
        parts = CSI.fullmatch(token["csi"])
        assert parts is not None, token["csi"]
        assert "31337" not in parts[2], token["csi"]
        return (
            f"CSI {parts[1]}{parts[2] if parts[1] or parts[4] in MEANINGFUL_ENDS else ''}{parts[3]}{parts[4]}"
        )
    if token["string"]:
        return f"{token['string']} {token['body']}"
    return f"ESC {token['esc']}" if token["esc"] else f"control {ord(token['control']):02X}"
