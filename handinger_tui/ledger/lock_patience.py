"""Lock patience: how long another process may hold the history before we give up."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
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
