"""Purse: the limits that count for a session, and what is spent of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from decimal import Decimal

from handinger_tui.core.money.limits import Gauge, Limit, Scope, Unit, effective
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.turns.session import Session
from handinger_tui.ledger.grouping import day_at
from handinger_tui.ledger.ledger import Accounts
from handinger_tui.ledger.limits import TypedLimits, Whose


class LimitService:
    """Satisfies `engine.ports.Purse` and `ui.launch.Purse`. Every method raises LedgerError.

    `flags` win over what was typed, that over what is `configured`. `zone`: where
    days begin; None: the machine's own.
    """

    def __init__(
        self,
        accounts: Accounts,
        configured: Sequence[Limit] = (),
        flags: Sequence[Limit] = (),
        *,
        simulated: bool,
        now_ms: Callable[[], int],
        zone: tzinfo | None = None,
    ) -> None:
        self._accounts = accounts
        self._configured = tuple(configured)
        self._flags = tuple(flags)
        self._now_ms = now_ms
        self._zone = zone
        self.simulated = simulated

    async def limits(self, session: Session) -> tuple[Limit, ...]:
        """One per scope and unit."""
        whose = self._whose(session)
        return self._effective(await self._accounts.typed_limits(whose))

    async def gauges(self, session: Session) -> tuple[Gauge, ...]:
        """Each limit with what is spent of it, by the ledger as it is now."""
        since_ms = day_at(self._now_ms(), self._zone).start_ms
        return await self._accounts.gauges(
            session, since_ms, simulated=self.simulated, in_force=self._effective
        )

    async def set_limit(self, session: Session, scope: Scope, unit: Unit, amount: Decimal | None) -> None:
        """Keep a limit for every program on this history; None lifts it, a configured one too.

        Raises:
            HandingerError: a limit of the worker before there is one; an amount that is none.
        """
        await self._accounts.set_limit(self._whose(session), scope, unit, amount, self._now_ms())

    def today(self) -> ChargeFilter:
        """The charges since local midnight, real or simulated as we are."""
        return ChargeFilter(since_ms=day_at(self._now_ms(), self._zone).start_ms, simulated=self.simulated)

    def _whose(self, session: Session) -> Whose:
        return Whose(session.session_id, session.worker_id, self.simulated)

    def _effective(self, typed: TypedLimits) -> tuple[Limit, ...]:
        configured = [limit for limit in self._configured if (limit.scope, limit.unit) not in typed.lifted]
        return effective((*self._flags, *typed.limits, *configured))
