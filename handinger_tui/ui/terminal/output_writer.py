"""Output writer: write directly what the terminal accepts without blocking; a thread writes the rest."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from queue import Queue
from threading import RLock
from typing import Final, TextIO

from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread


class OutputWriter(WriterThread):
    """Replaces Textual's writer thread, as waking a thread delays every paint.

    The app never waits for a slow terminal: it writes through its own non-blocking file description of the
    terminal. (The blocking mode belongs to the description, and inherited ones are shared with other
    processes.) Without an own description, all output goes through the thread.

    Output to a closed terminal is dropped. An error would end the thread, and the next write to its full
    queue would then block forever, even while the app exits.
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(file)
        self._fd: Final = file.fileno()
        self._encoding: Final = (file.encoding, file.errors or "replace")
        self._own_fd: int | None = _open_own_fd(self._fd)
        self._overflow: Final[Queue[bytes | None]] = Queue(MAX_QUEUED_WRITES)
        # Reentrant: a signal handler may write while the same thread is writing.
        self._lock: Final = RLock()
        self._stopped = False
        self._behind = 0
        """Number of texts that wait in the thread; later texts must queue behind them."""

    def write(self, text: str) -> None:
        """Write directly or through the thread. After `stop` the text is dropped."""
        if self._stopped:
            return
        data = text.encode(*self._encoding)
        with self._lock:
            if self._own_fd is not None and not self._behind:
                data = data[_write_some(self._own_fd, data) :]
                if not data:
                    return
            self._behind += 1
        self._overflow.put(data)

    def run(self) -> None:
        """Write the queued texts; the thread runs this."""
        while (data := self._overflow.get()) is not None:
            with suppress(OSError):
                _write_all(self._fd, data)
            with self._lock:
                self._behind -= 1

    def stop(self) -> None:
        """Wait until everything is written and end the thread."""
        if self._stopped:
            return
        self._stopped = True
        self._overflow.put(None)
        self.join()
        if self._own_fd is not None:
            os.close(self._own_fd)
            self._own_fd = None


def _open_own_fd(fd: int) -> int | None:
    try:
        own_fd = os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
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


def _write_all(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            # Another process made the inherited description non-blocking.
            select.select([], [fd], [])
