"""Locks of files: one program alone in a folder, and which programs have a database open."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from handinger_tui.ledger.sql import locked

if sys.platform != "win32":
    import fcntl


RETRY_S: Final = 0.02
"""Seconds between two attempts at the lock of a folder, which has no timeout of its own."""


@contextmanager
def alone_in(folder: Path, lock_wait_s: float) -> Iterator[None]:
    """Lock a folder, so that only one process at a time opens its database, or sets a damaged one aside.

    The lock is on the folder itself, so no lock file is left behind. Windows and some network file
    systems have no such lock: there the block runs unprotected.

    Raises:
        Locked: another process held the lock for longer than `lock_wait_s`.
    """
    if sys.platform == "win32":
        yield
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        _take_lock(fd, monotonic() + lock_wait_s)
        yield
    finally:
        os.close(fd)


def _take_lock(fd: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= deadline:
                raise locked() from None
            sleep(RETRY_S)
        except OSError:
            # The file system has no such locks.
            return
        else:
            return


class ProcessLocks:
    """Marker files of live runs: each run of the program holds a lock on its own marker file.

    `run` is the unique id of this run.
    """

    def __init__(self, database: Path, run: str) -> None:
        self._database = database
        self._marker = self._marker_of(run)
        self._fd: int | None = None

    def hold(self) -> None:
        """Create and lock the marker of this run, and remove the markers of dead runs.

        Raises:
            OSError: the folder cannot be written.
        """
        for marker in self._database.parent.glob(f"{self._database.name}.run-*"):
            _is_alive(marker)
        # Locked before it gets its name, so that no process sees a marker that is not locked yet.
        unnamed = self._marker.with_name(self._marker.name.replace(".run-", ".new-"))
        self._fd = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        if sys.platform != "win32":
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(self._marker)
        else:
            os.close(self._fd)
            unnamed.rename(self._marker)
            self._fd = os.open(self._marker, os.O_RDWR)

    def release(self) -> None:
        """Remove the marker of this run."""
        if self._fd is not None:
            with suppress(OSError):
                self._marker.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = None
            with suppress(OSError):
                self._marker.unlink(missing_ok=True)

    def elsewhere(self, run: str) -> bool:
        """Whether `run` is another run than this one, and is alive; False for what is no id of a run."""
        if not run.isalnum():
            return False
        marker = self._marker_of(run)
        return marker != self._marker and _is_alive(marker)

    def _marker_of(self, run: str) -> Path:
        return self._database.with_name(f"{self._database.name}.run-{run}")


def in_use(database: Path) -> bool:
    """Whether a running program has the history open for writing."""
    return any(_is_alive(marker) for marker in database.parent.glob(f"{database.name}.run-*"))


def _is_alive(marker: Path) -> bool:
    """Whether a process holds the lock of the marker; a marker without a lock is removed."""
    if sys.platform == "win32":
        # On Windows a file that a process has open cannot be removed.
        try:
            marker.unlink()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False
    try:
        fd = os.open(marker, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        marker.unlink(missing_ok=True)
        return False
    finally:
        os.close(fd)
