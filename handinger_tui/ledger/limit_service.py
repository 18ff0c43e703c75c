"""Limit service: the limits that apply to a session, and what is spent of them."""

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
    """Implements `engine.ports.LimitReader` and the UI's port for limits. Every method raises LedgerError.

    Limits from `flags` win over typed ones, and those over `configured` ones. `zone`: the time zone of
    days; None: that of the machine.
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
        """The limits that apply to a session, one per scope and unit."""
        whose = self._whose(session)
        return self._effective(await self._accounts.typed_limits(whose))

    async def gauges(self, session: Session) -> tuple[Gauge, ...]:
        """Each limit with what is spent of it, by the current ledger."""
        since_ms = day_at(self._now_ms(), self._zone).start_ms
        return await self._accounts.gauges(
            session, since_ms, simulated=self.simulated, in_force=self._effective
        )

    async def set_limit(self, session: Session, scope: Scope, unit: Unit, amount: Decimal | None) -> None:
        """Store a limit for every program on this history; None lifts it, also a configured one.

        Raises:
            HandingerError: a worker limit before there is a worker; an invalid amount.
        """
        await self._accounts.set_limit(self._whose(session), scope, unit, amount, self._now_ms())

    def today(self) -> ChargeFilter:
        """A filter for the charges since local midnight, real or simulated as this service is."""
        return ChargeFilter(since_ms=day_at(self._now_ms(), self._zone).start_ms, simulated=self.simulated)

    def _whose(self, session: Session) -> Whose:
        return Whose(session.session_id, session.worker_id, self.simulated)

    def _effective(self, typed: TypedLimits) -> tuple[Limit, ...]:
        configured = [limit for limit in self._configured if (limit.scope, limit.unit) not in typed.lifted]
        return effective((*self._flags, *typed.limits, *configured))
