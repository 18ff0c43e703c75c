"""Charges for the tests of the Spending page: a week of turns, and a hundred thousand of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from textual.pilot import Pilot

from handinger_tui.core.amounts import Total
from handinger_tui.core.figures import Costs, Usage
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, TurnCharge
from handinger_tui.core.turns.turn import Trigger, TurnStatus
from handinger_tui.ui.spending.screen import SpendingScreen
from tests.ui.fake_money import NOW_MS, FakeLedger, charge
from tests.ui.fakes import Desktop

if TYPE_CHECKING:
    from handinger_tui.core.errors import LedgerError

DAY_MS = 86_400_000


@dataclass
class Counted(FakeLedger):
    """Charges that record their queries."""

    grouped: list[tuple[GroupBy, ChargeFilter]] = field(default_factory=list)
    paged: list[tuple[int, int]] = field(default_factory=list)

    async def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        self.grouped.append((by, which))
        return await super().buckets(by, which)

    async def turn_charges(self, which: ChargeFilter, limit: int = 200, offset: int = 0) -> list[TurnCharge]:
        self.paged.append((limit, offset))
        return await super().turn_charges(which, limit, offset)


@dataclass
class Endless(Counted):
    """A hundred thousand turns, created on demand."""

    page_fails: LedgerError | None = None

    async def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        self.grouped.append((by, which))
        first = date(2023, 11, 14) - timedelta(days=999)
        days = [(first + timedelta(days=at)).isoformat() for at in range(1000)]
        return [Bucket(day, 100, usd=Total(Decimal(1)), credits=Total(Decimal(100))) for day in days]

    async def turn_charges(self, which: ChargeFilter, limit: int = 200, offset: int = 0) -> list[TurnCharge]:
        self.paged.append((limit, offset))
        if self.page_fails is not None:
            raise self.page_fails
        return [
            charge(f"t{at}", "0.01", title=f"Number {at}", at_ms=NOW_MS - at * 1000)
            for at in range(offset, min(offset + limit, 100_000))
        ]


def turn(name: str, days_ago: int, usd: str | None, **members: Any) -> TurnCharge:
    amount = None if usd is None else Decimal(usd)
    costs = Costs() if amount is None else Costs(amount / 2, amount / 4, amount / 8, amount / 16)
    session = members.pop("session", "heat")
    result = charge(
        name,
        usd,
        at_ms=NOW_MS - days_ago * DAY_MS,
        session_id=f"ses_{session}",
        title=f"About {session}",
        credits=None if amount is None else amount * 100,
        usage=Usage(steps=3, total_tokens=1500, cost_usd=amount),
        costs=costs,
        elapsed_ms=42_000,
    )
    return replace(result, **members)


def some() -> list[TurnCharge]:
    return [
        turn("t1", 9, "0.5", worker_id="wrk_heat"),
        turn("t2", 9, "0.25", worker_id="wrk_heat", budget="high"),
        turn("t3", 4, None, worker_id="wrk_heat", status=TurnStatus.FAILED),
        turn("t4", 4, "1.5", session="tea", worker_id="wrk_tea"),
        turn("t5", 2, None, session="tea", worker_id="wrk_tea", status=TurnStatus.UNKNOWN),
        turn("t6", 1, "0.0123", session="pumps", worker_id="wrk_pumps", trigger=Trigger.HEADLESS),
        turn("t7", 0, "2", session="pumps", worker_id="wrk_pumps", budget="high"),
    ]


def desktop_with(ledger: FakeLedger, **members: Any) -> Desktop:
    return Desktop(ledger=ledger, **members)


async def opened(desktop: Desktop, pilot: Pilot[None], *words: str, by: str = "d") -> SpendingScreen:
    """The page, grouped by the key `by`; "" for the overview with which it opens."""
    await pilot.press("f9")
    await desktop.shows(pilot, "Spending", "[v Overview]")
    if by:
        await pilot.press(by)
        await desktop.until(pilot, lambda: "[v Overview]" not in desktop.text())
    await desktop.shows(pilot, *words)
    screen = desktop.app.screen
    assert isinstance(screen, SpendingScreen)
    return screen
