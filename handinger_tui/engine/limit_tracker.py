"""Limit tracking: write the cost of running turns to the ledger, and read the spending limits from it.

Only the ledger knows what all programs on this history have spent. Nothing here stops a running
turn: the API has no request for that.
"""

from __future__ import annotations

from collections.abc import Callable

from handinger_tui.core.money.limits import Gauge, LimitReached, blocking
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn
from handinger_tui.engine.ports import LimitReader, TurnLog


class LimitTracker:
    """The newest gauges of every open session. A gauge is a limit with the amount spent of it."""

    def __init__(self, log: TurnLog, limits: LimitReader | None, notify: Callable[[str], None]) -> None:
        """`notify(session_id)` is called when the gauges of a session have changed."""
        self._log = log
        self._limits = limits
        self._notify = notify
        self._gauges: dict[str, tuple[Gauge, ...]] = {}

    def of(self, session_id: str) -> tuple[Gauge, ...]:
        """The gauges of the last `read`; empty when there are no limits, or before the first `read`."""
        return self._gauges.get(session_id, ())

    async def read(self, session: Session) -> tuple[Gauge, ...]:
        """Read the gauges from the ledger, and notify when they differ from the last ones.

        Raises:
            LedgerError
        """
        if self._limits is None:
            return ()
        gauges = tuple(await self._limits.gauges(session))
        if gauges != self.of(session.session_id):
            self._gauges[session.session_id] = gauges
            self._notify(session.session_id)
        return gauges

    async def count(self, session: Session) -> tuple[Gauge, ...]:
        """Write what the turns cost so far, then read the gauges.

        Raises:
            LedgerError
        """
        await self._log.charge(session)
        return await self.read(session)

    async def check(self, session: Session) -> None:
        """Read the limits; return only when a message may be sent.

        Raises:
            LimitReached: a limit is used up.
            LedgerError: the limits could not be read.
        """
        gauge = blocking(await self.read(session))
        if gauge is not None:
            raise LimitReached(gauge)


def figures_moved(before: Turn | None, now: Turn) -> bool:
    """Whether a turn has a new read of its worker. Only such reads carry usage and costs."""
    if before is None:
        return now.snapshot is not None
    return now.snapshot is not before.snapshot or now.before is not before.before
