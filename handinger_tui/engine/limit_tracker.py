"""Counting: while turns run, what they took is written to the ledger, and the limits are read back from it.

The ledger is the one place that knows what every program on this history has
spent. Nothing here stops a turn: the API has no way to.
"""

from __future__ import annotations

from collections.abc import Callable

from handinger_tui.core.money.limits import Gauge, LimitReached, blocking
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn
from handinger_tui.engine.ports import LimitReader, TurnLog


class LimitTracker:
    """The newest gauges of every open session."""

    def __init__(self, log: TurnLog, purse: LimitReader | None, tell: Callable[[str], None]) -> None:
        """`tell(session_id)` is called when the gauges of a session have changed."""
        self._log = log
        self._purse = purse
        self._tell = tell
        self._gauges: dict[str, tuple[Gauge, ...]] = {}

    def of(self, session_id: str) -> tuple[Gauge, ...]:
        """As read last; empty when there are no limits, or nobody asked yet."""
        return self._gauges.get(session_id, ())

    async def read(self, session: Session) -> tuple[Gauge, ...]:
        """Read them anew.

        Raises:
            LedgerError
        """
        if self._purse is None:
            return ()
        found = tuple(await self._purse.gauges(session))
        if found != self.of(session.session_id):
            self._gauges[session.session_id] = found
            self._tell(session.session_id)
        return found

    async def count(self, session: Session) -> tuple[Gauge, ...]:
        """Write what the turns took so far, then read the gauges.

        Raises:
            LedgerError
        """
        await self._log.charge(session)
        return await self.read(session)

    async def check(self, session: Session) -> None:
        """Whether something may be sent.

        Raises:
            LimitReached: a limit is used up.
            LedgerError: nobody knows.
        """
        reached = blocking(await self.read(session))
        if reached is not None:
            raise LimitReached(reached)


def figures_moved(before: Turn | None, now: Turn) -> bool:
    """Another reading of the worker has come: what a turn took is told by readings alone."""
    if before is None:
        return now.snapshot is not None
    return now.snapshot is not before.snapshot or now.before is not before.before
