"""Writing: what the terminal takes at once is written at once; a thread waits with the rest."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from queue import Queue
from threading import RLock
from typing import Final, TextIO

from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread


class OutputWriter(WriterThread):
    """In place of Textual's writing thread, whose waking is a fifth of the time that a letter takes.

    The app never waits for a slow terminal: it writes through a description of the terminal of its own
    that does not block. (Blocking belongs to a description, and others hold those that were inherited.)
    Where there is none, all goes through the thread.

    Once the terminal is gone, what is written goes nowhere. An error would end the thread, and whoever puts
    the next text into its full queue, the app on its way out included, would wait for ever.
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(file)
        self._fd: Final = file.fileno()
        self._spelling: Final = (file.encoding, file.errors or "replace")
        self._own: int | None = _own_description(self._fd)
        self._rest: Final[Queue[bytes | None]] = Queue(MAX_QUEUED_WRITES)
        # A signal may have the same thread write in the middle of writing.
        self._lock: Final = RLock()
        self._stopped = False
        self._behind = 0
        """Texts that wait in the thread: all others go behind them."""

    def write(self, text: str) -> None:
        """Write, or have the thread do so. Behind the end there is nobody to write: it goes nowhere."""
        if self._stopped:
            return
        data = text.encode(*self._spelling)
        with self._lock:
            if self._own is not None and not self._behind:
                data = data[_taken(self._own, data) :]
                if not data:
                    return
            self._behind += 1
        self._rest.put(data)

    def run(self) -> None:
        """Write what was left."""
        while (data := self._rest.get()) is not None:
            with suppress(OSError):
                _write_all(self._fd, data)
            with self._lock:
                self._behind -= 1

    def stop(self) -> None:
        """Wait until all is written."""
        if self._stopped:
            return
        self._stopped = True
        self._rest.put(None)
        self.join()
        if self._own is not None:
            os.close(self._own)
            self._own = None


def _own_description(fd: int) -> int | None:
    try:
        own = os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return None
    if os.fstat(own).st_rdev == os.fstat(fd).st_rdev:
        return own
    # Another terminal by that name: a container tells names of its host.
    os.close(own)
    return None


def _taken(fd: int, data: bytes) -> int:
    """How many bytes the terminal took; one that is gone takes all."""
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            # Somebody made the inherited description one that does not block.
            select.select([], [fd], [])
