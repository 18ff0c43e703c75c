"""Warned: which limits the person has been told of, so that each is told once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from handinger_tui.core.limits import Gauge, Scope, State, Unit


class Warned:
    """Per session and limit: once at 80 %, once at 100 %, and anew only when the amount has changed."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, Scope, Unit], tuple[Decimal, State]] = {}

    def told(self, session_id: str, gauge: Gauge) -> bool:
        """The person is being told of it now; False when they have been already."""
        limit = gauge.limit
        key = session_id, limit.scope, limit.unit
        amount, state = self._told.get(key, (limit.amount, State.BELOW))
        before = state if amount == limit.amount else State.BELOW
        self._told[key] = limit.amount, max(before, gauge.state)
        return gauge.state > before

    def news(self, session_id: str, gauges: Sequence[Gauge]) -> list[Gauge]:
        """What is to be told now."""
        return [gauge for gauge in gauges if self.told(session_id, gauge)]
