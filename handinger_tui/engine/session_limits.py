"""Spending limits of one session: what is spent of them, and whether a message may be sent.

Only the ledger knows what all programs on this history have spent. Nothing here stops a running
turn: the API has no request for that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.money.limits import Gauge, LimitReached, LimitUnmeasured, blocking, unmeasured_text
from handinger_tui.core.turns.turn import Turn
from handinger_tui.engine.ports import LimitReader, TurnLog
from handinger_tui.engine.session_store import SessionStore
from handinger_tui.engine.turn_queue import Hold, HoldReason


def limit_hold(problem: LimitReached) -> Hold:
    """The hold of a queue whose next turn a limit forbids."""
    if isinstance(problem, LimitUnmeasured):
        return Hold(HoldReason.UNMEASURED, problem.gauge, unmeasured_text(problem.gauge))
    return Hold(HoldReason.LIMIT, problem.gauge)


class SessionLimits:
    """The newest gauges of a session. A gauge is a limit with the amount spent of it."""

    def __init__(
        self, store: SessionStore, log: TurnLog, reader: LimitReader | None, ends: Callable[[], int]
    ) -> None:
        """`ends()`: how many runs of the session have ended."""
        self._store = store
        self._log = log
        self._reader = reader
        self._ends = ends
        self.gauges: tuple[Gauge, ...] = ()
        """Those of the last read; empty when there are no limits, or before the first read."""

    async def read(self) -> tuple[Gauge, ...]:
        """Read the gauges from the ledger, and publish when they differ from the last ones.

        Raises:
            LedgerError
        """
        if self._reader is None:
            return ()
        gauges = tuple(await self._reader.gauges(self._store.value))
        if gauges != self.gauges:
            self.gauges = gauges
            self._store.publish()
        return gauges

    async def count(self) -> tuple[Gauge, ...]:
        """Write what the turns cost so far, then read the gauges.

        Raises:
            LedgerError
        """
        self._store.set_elsewhere(await self._log.charge(self._store.value))
        return await self.read()

    async def check(self) -> None:
        """Read the limits; return only when a message may be sent.

        Raises:
            LimitReached: a limit is used up.
            LedgerError: the limits could not be read.
        """
        gauge = blocking(await self.read())
        if gauge is not None:
            raise LimitReached(gauge)

    async def hold(self) -> Hold | None:
        """The hold of a reached limit. One that cannot be read counts as reached; so does a missing history.

        The limits are read again where a turn has ended during the read: its cost may have used one up.
        """
        while True:
            ends = self._ends()
            if (missing := self._log.no_history) is not None:
                return Hold(HoldReason.UNREADABLE, detail=missing.summary)
            try:
                reached = blocking(await self.read())
            except LedgerError as problem:
                return Hold(HoldReason.UNREADABLE, detail=problem.summary)
            if ends == self._ends():
                return None if reached is None else limit_hold(LimitReached(reached))


class RunningCharges:
    """Writes what a running turn cost so far: once after each new read of its worker, one write at a time."""

    def __init__(self, limits: SessionLimits, post: Callable[[Callable[[], Awaitable[None]]], None]) -> None:
        """`post(step)` puts a step into the inbox of the session."""
        self._limits = limits
        self._post = post
        self._is_due = False
        self._is_posted = False

    def observe(self, before: Turn | None, now: Turn, *, running: bool) -> None:
        """Note a change of a turn; while a turn is `running`, its cost is written soon."""
        self._is_due = self._is_due or figures_moved(before, now)
        if self._is_due and running and not self._is_posted:
            self._is_posted = True
            self._post(self._write)

    def closed(self) -> None:
        """Closing the turn writes its cost: nothing is due."""
        self._is_due = False

    async def count(self) -> None:
        """Write what the turns cost so far, and read the limits again.

        Raises:
            LedgerError
        """
        self._is_due = False
        await self._limits.count()

    async def _write(self) -> None:
        # What arrives during the write is left to the next one.
        self._is_posted = False
        if self._is_due:
            with suppress(LedgerError):
                await self.count()


def figures_moved(before: Turn | None, now: Turn) -> bool:
    """Whether a turn has a new read of its worker. Only such reads carry usage and costs."""
    if before is None:
        return now.snapshot is not None
    return now.snapshot is not before.snapshot or now.before is not before.before
