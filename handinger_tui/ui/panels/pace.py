"""Pace: how long turns took by our own clock, and what a minute of them took. Estimates, all of it. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from handinger_tui.core.money import EXACT
from handinger_tui.core.record import dataclass

SHORTEST_MS: Final = 1000
"""Below it a rate says nothing."""
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Pace:
    """Turns with their time, and the amounts of those whose time is known beside it.

    `untimed`: turns whose end nobody saw.
    """

    ms: int = 0
    usd: Decimal | None = None
    usd_ms: int = 0
    credits: Decimal | None = None
    credits_ms: int = 0
    untimed: int = 0

    def __add__(self, other: Pace) -> Pace:
        """Both together."""
        return Pace(
            self.ms + other.ms,
            _sum(self.usd, other.usd),
            self.usd_ms + other.usd_ms,
            _sum(self.credits, other.credits),
            self.credits_ms + other.credits_ms,
            self.untimed + other.untimed,
        )

    @property
    def usd_a_minute(self) -> Decimal | None:
        """US dollars; None where no cost or hardly any time is known."""
        return _a_minute(self.usd, self.usd_ms)

    @property
    def credits_a_minute(self) -> Decimal | None:
        """Credits, likewise."""
        return _a_minute(self.credits, self.credits_ms)


NO_PACE: Final = Pace()


def pace_of(ms: int | None, usd: Decimal | None, credit: Decimal | None) -> Pace:
    """Of one turn; `ms` None: nobody knows how long it took, so that its amounts tell no pace."""
    if ms is None:
        return Pace(untimed=1)
    return Pace(ms, usd, 0 if usd is None else ms, credit, 0 if credit is None else ms)


def _sum(known: Decimal | None, more: Decimal | None) -> Decimal | None:
    return known if more is None else more if known is None else EXACT.add(known, more)


def _a_minute(amount: Decimal | None, ms: int) -> Decimal | None:
    """An estimate: the digits of an ordinary division are enough."""
    return amount * _MINUTE_MS / ms if amount is not None and ms >= SHORTEST_MS else None
