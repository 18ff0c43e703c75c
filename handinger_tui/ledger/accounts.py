"""Accounts: the record of what turns took, for limits, receipts and the costs pages."""

from __future__ import annotations

import sqlite3
from datetime import tzinfo
from decimal import Decimal
from typing import Final

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.limits import Gauge, Scope, Unit
from handinger_tui.core.session import Session
from handinger_tui.core.spending import Bucket, By, Spent, TurnCharge, Which
from handinger_tui.core.usual import Usual
from handinger_tui.ledger import buckets, charges, limits, totals, usual
from handinger_tui.ledger.access import Access, one_moment
from handinger_tui.ledger.charges import Charge
from handinger_tui.ledger.limits import TypedLimits, Whose
from handinger_tui.ledger.scopes import InForce, Scopes
from handinger_tui.ledger.thread import DatabaseThread

EVERYTHING: Final = Which()
_NEWEST: Final = "SELECT (SELECT MAX(id) FROM charges), (SELECT MAX(id) FROM limits)"


class Accounts(Access):
    """Satisfies `ui.launch.Books`. Charges are written by `Ledger.charge` and `close_turn` alone.

    `zone`: where days begin; None: the machine's own. Every method raises LedgerError.
    """

    def __init__(self, thread: DatabaseThread, zone: tzinfo | None = None) -> None:
        super().__init__(thread)
        self._zone = zone
        self._seen: tuple[int | None, int | None] | None = None
        self._scopes = Scopes()

    async def charges(self, which: Which = EVERYTHING) -> list[Charge]:
        """The append-only record of the turns that `which` names, oldest first."""
        return await self._run(lambda db: charges.charges(db, which))

    async def spent(self, which: Which = EVERYTHING) -> Spent:
        """Exact sums over charged turns, with the number of turns that are not fully known."""
        return await self._run(lambda db: totals.spent(db, which))

    async def buckets(self, by: By, which: Which = EVERYTHING) -> list[Bucket]:
        """Groups of turns: days in order of time, everything else the dearest first, unknown last."""

        def work(connection: sqlite3.Connection) -> list[Bucket]:
            with one_moment(connection):
                return buckets.buckets(connection, by, which, self._zone)

        return await self._run(work)

    async def turn_charges(
        self, which: Which = EVERYTHING, limit: int = 200, offset: int = 0
    ) -> list[TurnCharge]:
        """Turn by turn, the newest first; `limit` -1: all."""
        return await self._run(lambda db: buckets.turn_charges(db, which, limit, offset))

    async def usual(self, worker_id: str | None, budget: str, *, simulated: bool) -> Usual:
        """What the newest turns of a worker at a budget took; of all workers where it has none."""
        return await self._run(lambda db: usual.usual(db, worker_id, budget, simulated=simulated))

    async def changed(self) -> bool:
        """A charge or a limit was written since the last call, by this program or another one.

        True at the first call. Frames, titles and drafts are no change.
        """
        newest = await self._run(lambda db: tuple(db.execute(_NEWEST).fetchone()))
        changed = newest != self._seen
        self._seen = newest
        return changed

    # -- limits --------------------------------------------------------------------
    async def typed_limits(self, whose: Whose) -> TypedLimits:
        """The limits that a person typed, and those that were lifted."""
        return await self._run(lambda db: limits.typed_limits(db, whose))

    async def set_limit(
        self, whose: Whose, scope: Scope, unit: Unit, amount: Decimal | None, set_ms: int
    ) -> None:
        """Keep a limit for every program on this history; None lifts it.

        Raises:
            HandingerError: a worker's limit before there is a worker; an amount that is none.
        """
        name = whose.of(scope)
        if name is None:
            raise HandingerError("There is no worker yet.", "Send a first message, or limit the session.")
        await self._run(lambda db: limits.set_limit(db, scope, name, unit, amount, set_ms))

    async def gauges(
        self, session: Session, since_ms: int, *, simulated: bool, in_force: InForce
    ) -> tuple[Gauge, ...]:
        """The limits `in_force` and what is spent of them, in one look; days begin at `since_ms`."""

        def work(connection: sqlite3.Connection) -> tuple[Gauge, ...]:
            with one_moment(connection):
                return self._scopes.gauges(
                    connection, session, since_ms, simulated=simulated, in_force=in_force
                )

        return await self._run(work)
