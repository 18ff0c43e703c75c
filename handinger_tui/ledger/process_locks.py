"""Locks between programs on one history: how long to wait for another one, and which runs are alive."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final, TypeVar

from handinger_tui.core.errors import Locked

T = TypeVar("T")

ATTEMPT_S: Final = 1.0
"""How long SQLite itself waits for a lock; after that somebody is told that we wait."""


class LockPatience:
    """Repeats an attempt that met a lock, for `total_s` seconds at most. For one thread.

    `on_wait()` is called after each attempt that met a lock and is to be repeated. Once the
    whole time was in vain, later attempts are made once, until something was written again:
    a program that ends must not wait again for each of its last writes.
    """

    def __init__(self, total_s: float, on_wait: Callable[[], None] = lambda: None) -> None:
        self._total_s = total_s
        self._on_wait = on_wait
        self._in_vain = False
        self._given_up = False

    @property
    def attempt_s(self) -> float:
        """The busy time-out of one attempt, in seconds."""
        return min(ATTEMPT_S, self._total_s)

    def run(self, attempt: Callable[[], T]) -> T:
        """The result of `attempt`, which has to be repeatable.

        Raises:
            Locked: the time is over.
        """
        deadline = monotonic() + (0.0 if self._in_vain else self._total_s)
        while True:
            try:
                return attempt()
            except Locked:
                if self._given_up or monotonic() >= deadline:
                    self._in_vain = True
                    raise
                self._on_wait()

    def give_up(self) -> None:
        """Wait no more, now and later: the program is leaving. Any thread may call it."""
        self._given_up = True

    def wrote(self) -> None:
        """Something was written: the lock is free again."""
        self._in_vain = False


if sys.platform != "win32":
    import fcntl


RETRY_S: Final = 0.02
"""The pause between two attempts at the lock of a folder, which has no time-out of its own."""


@contextmanager
def alone_in(folder: Path, patience_s: float) -> Iterator[None]:
    """One process at a time opens a database of this folder: setting a damaged one aside is no race.

    The lock is on the folder itself, so no file stays behind. Windows knows no such
    lock, nor do some network file systems: there the block runs unprotected.

    Raises:
        Locked: another process was in there for longer than `patience_s`.
    """
    if sys.platform == "win32":
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        _take_lock(held, monotonic() + patience_s)
        yield
    finally:
        os.close(held)


def _take_lock(held: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= deadline:
                raise Locked(
                    "The history is busy: another process opens it.", "Try again in a moment."
                ) from None
            sleep(RETRY_S)
        except OSError:
            # A file system without such locks.
            return
        else:
            return


class ProcessLocks:
    """The mark of this run, and the look at others' marks."""

    def __init__(self, database: Path, run: str) -> None:
        self._database = database
        self._mark = self._mark_of(run)
        self._held: int | None = None

    def hold(self) -> None:
        """Show that this run is alive, and sweep away the marks of dead ones.

        Raises:
            OSError: the folder cannot be written.
        """
        for mark in self._database.parent.glob(f"{self._database.name}.run-*"):
            _alive(mark)
        # Locked before it has its name: nobody ever sees a mark that is not locked yet.
        unnamed = self._mark.with_name(self._mark.name.replace(".run-", ".new-"))
        self._held = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        if sys.platform != "win32":
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(self._mark)
        else:
            os.close(self._held)
            unnamed.rename(self._mark)
            self._held = os.open(self._mark, os.O_RDWR)

    def release(self) -> None:
        """This run is over."""
        if self._held is not None:
            with suppress(OSError):
                self._mark.unlink(missing_ok=True)
            os.close(self._held)
            self._held = None
            with suppress(OSError):
                self._mark.unlink(missing_ok=True)

    def elsewhere(self, run: str) -> bool:
        """Another run of this name is alive."""
        mark = self._mark_of(run)
        return mark != self._mark and _alive(mark)

    def _mark_of(self, run: str) -> Path:
        return self._database.with_name(f"{self._database.name}.run-{run}")


def _alive(mark: Path) -> bool:
    """Somebody holds the mark; one that nobody holds is removed."""
    if sys.platform == "win32":
        # A file that a process holds open cannot be removed there.
        try:
            mark.unlink()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False
    try:
        held = os.open(mark, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        mark.unlink(missing_ok=True)
        return False
    finally:
        os.close(held)
