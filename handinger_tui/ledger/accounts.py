"""Accounts: the record of what turns took, for limits, receipts and the costs pages."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.spending import Spent, Which
from handinger_tui.ledger import charges, totals
from handinger_tui.ledger.access import Access
from handinger_tui.ledger.charges import Charge

EVERYTHING: Final = Which()


class Accounts(Access):
    """Charges are written by `Ledger.charge` and `close_turn` alone. Every method raises LedgerError."""

    async def charges(self, which: Which = EVERYTHING) -> list[Charge]:
        """The append-only record of the turns that `which` names, oldest first."""
        return await self._run(lambda db: charges.charges(db, which))

    async def spent(self, which: Which = EVERYTHING) -> Spent:
        """Exact sums over charged turns, with the number of turns that are not fully known."""
        return await self._run(lambda db: totals.spent(db, which))
