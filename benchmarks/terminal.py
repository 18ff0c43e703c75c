"""Terminal: a program in a pseudo-terminal of 120x40; its output is read, timestamped and recorded.

While a measurement runs nothing else happens here: the screen is made from the kept
chunks afterwards (`benchmarks.eye`), so that no emulation stands between program and clock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.processes import cpu_seconds, rss_mb, tree
from benchmarks.queries import CELL, COLUMNS, ROWS, Answerer

READ: Final = 1 << 16
STILL_CPU_S: Final = 0.021
"""At most two ticks in a pause: the program is idle."""
STILL_BYTES: Final = 256
"""At most this many bytes in a pause: a running clock is idle too."""


class Chunk(NamedTuple):
    """One read: monotonic seconds, and the bytes."""

    at: float
    data: bytes


class Terminal:
    """A running program and everything it wrote."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self.chunks: list[Chunk] = []
        self.bytes = 0
        self.ended = False
        self._answerer = Answerer()
        self._fd, inside = os.openpty()
        fcntl.ioctl(
            self._fd,
            termios.TIOCSWINSZ,
            struct.pack("HHHH", ROWS, COLUMNS, COLUMNS * CELL[0], ROWS * CELL[1]),
        )
        os.set_blocking(self._fd, False)
        self.born = time.monotonic()
        self._process = subprocess.Popen(
            # setsid makes the pseudo-terminal the program's own: without it Ctrl+C would reach nobody.
            ["setsid", "--ctty", *argv],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=dict(environ),
            cwd=folder,
        )
        os.close(inside)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    @property
    def cpu(self) -> float:
        """CPU seconds of the process tree so far, including the start."""
        return cpu_seconds(self.pid)

    @property
    def rss(self) -> float:
        """Current MB of the process tree."""
        return rss_mb(self.pid)

    # -- reading and typing ------------------------------------------------------------------
    def send(self, data: bytes) -> float:
        """Type; returns when, in monotonic seconds."""
        at = time.monotonic()
        with contextlib.suppress(OSError):
            os.write(self._fd, data)
        return at

    def pump(self, seconds: float) -> None:
        """Read for this long."""
        end = time.monotonic() + seconds
        while not self.ended and (remaining_s := end - time.monotonic()) > 0:
            self.read(remaining_s)

    def read(self, patience_s: float) -> bool:
        """Read available output, waiting at most this long; returns whether there was any."""
        if not self._poll.poll(max(0.0, patience_s) * 1000):
            return False
        try:
            data = os.read(self._fd, READ)
        except OSError:
            # Linux reports the end of the program this way.
            data = b""
        if not data:
            self.ended = True
            return False
        self.chunks.append(Chunk(time.monotonic(), data))
        self.bytes += len(data)
        for answer in self._answerer.answers(data):
            self.send(answer)
        return True

    def settle(self, pause_s: float = 0.4, patience_s: float = 120.0) -> bool:
        """Read until a pause passes almost without bytes and CPU; False: the time limit passed first."""
        end = time.monotonic() + patience_s
        while not self.ended and time.monotonic() < end:
            cpu, written = self.cpu, self.bytes
            self.pump(pause_s)
            if self.bytes - written <= STILL_BYTES and self.cpu - cpu < STILL_CPU_S:
                return True
        return self.ended

    def close(self) -> None:
        """End the program and its child processes."""
        for pid in reversed(tree(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._fd)


@contextlib.contextmanager
def terminal(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> Iterator[Terminal]:
    """A program while the block runs."""
    running = Terminal(argv, environ, folder)
    try:
        yield running
    finally:
        running.close()
