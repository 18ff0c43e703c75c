"""Stored limits, and their spending in each scope."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.figures import Usage
from handinger_tui.core.money.limits import LARGEST, GaugeState, Limit, LimitOrigin, Scope
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.turn import StartPolicy, Turn, TurnStatus
from handinger_tui.ledger.charges.limits import LimitRules, LimitService
from tests.ledger.charge_rows import spent, without_state
from tests.ledger.raw_rows import DAY_MS, NOON_MS, cells, put_in
from tests.ledger.samples import look, opened, session, turn_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from handinger_tui.core.turns.session import Session
    from handinger_tui.ledger.ledger import Ledger

USD = 10**12
TODAY_MS = NOON_MS - DAY_MS // 2
SCOPES = [scope for scope in Scope if scope is not Scope.PROJECT]
"""Those of sessions without a project; see `test_projects.py`."""
LIMITS = [Limit(scope, unit, Decimal(10)) for scope in SCOPES for unit in Unit]


def service_on(
    ledger: Ledger, *configured: Limit, flags: tuple[Limit, ...] = (), simulated: bool = False
) -> LimitService:
    rules = LimitRules((*configured, *flags), simulated=simulated, now_ms=lambda: NOON_MS)
    return LimitService(ledger.database, rules, UTC)


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    async with opened(None) as opened_ledger:
        yield opened_ledger


def of(number: int, status: TurnStatus = TurnStatus.COMPLETED, **members: Any) -> Turn:
    what = turn_request(f"t{number}", target_id="wrk_1", created_ms=NOON_MS)
    return replace(Turn(what), status=status, worker_id="wrk_1", **members)


def ours(*turns: Turn, name: str = "ses_1") -> Session:
    return session(name, worker_id="wrk_1", turns=turns)


def snapshot_of(usd: int | None, *, busy: bool = False, points: int | None = None) -> Snapshot:
    usage = Usage(
        cost_usd=None if usd is None else Decimal(usd), credits=None if points is None else Decimal(points)
    )
    return Snapshot("wrk_1", "running" if busy else "completed", running_flag=busy, usage=usage)


async def by_scope(service: LimitService, into: Session, unit: Unit = Unit.USD) -> dict[str, Total]:
    gauges = await service.gauges(into)
    return {
        str(gauge.limit.scope): without_state(gauge.spent) for gauge in gauges if gauge.limit.unit is unit
    }


async def test_each_scope_counts_its_own(ledger: Ledger) -> None:
    await put_in(
        ledger,
        cells("t1", usd_pico=USD, at_ms=TODAY_MS - 1),
        cells("t2", usd_pico=2 * USD, micro_credits=5_000_000, at_ms=TODAY_MS),
        cells("t3", usd_pico=4 * USD, session_id="ses_2", at_ms=NOON_MS),
        cells("t4", usd_pico=8 * USD, session_id="ses_3", worker_id="wrk_9", at_ms=NOON_MS),
        cells("t5", usd_pico=16 * USD, session_id="ses_4", worker_id="wrk_local", base_url="local"),
    )
    service = service_on(ledger, *LIMITS)
    assert await by_scope(service, ours(of(1), of(2))) == {
        "turn": Total(Decimal(2)),
        "session": Total(Decimal(3)),
        "worker": Total(Decimal(7)),
        "day": Total(Decimal(14)),
        "week": Total(Decimal(15)),
        "month": Total(Decimal(15)),
    }
    assert (await by_scope(service, ours(of(1), of(2)), Unit.CREDITS))["session"] == Total(Decimal(5), 1)
    pretend = service_on(ledger, *LIMITS, simulated=True)
    assert (await by_scope(pretend, session("ses_4")))["day"] == Total(Decimal(16))
    assert service.today() == ChargeFilter(since_ms=TODAY_MS, simulated=False)
    assert pretend.today() == ChargeFilter(since_ms=TODAY_MS, simulated=True)
    assert (await spent(ledger, pretend.today())).usd == Total(Decimal(16))


async def test_before_anything_was_sent_nothing_is_spent(ledger: Ledger) -> None:
    service = service_on(ledger, *LIMITS)
    zero = dict.fromkeys(map(str, SCOPES), Total(Decimal(0)))
    assert await by_scope(service, session()) == zero
    assert await by_scope(service, session(turns=(of(1, TurnStatus.QUEUED),))) == zero
    assert await by_scope(service, session(turns=(of(1, TurnStatus.REJECTED),))) == zero


@pytest.mark.parametrize("newer", [TurnStatus.QUEUED, TurnStatus.NOT_SENT, TurnStatus.REJECTED])
async def test_an_unsent_message_does_not_reset_the_turn_limit(ledger: Ledger, newer: TurnStatus) -> None:
    free: dict[str, Any] = {"status": str(newer), "usd_pico": 0, "micro_credits": 0}
    await put_in(ledger, cells("t1", usd_pico=8 * USD), cells("t2", **free))
    service = service_on(ledger, *LIMITS)
    assert (await by_scope(service, ours(of(1), of(2, newer))))["turn"] == Total(Decimal(8))


async def test_a_turn_that_the_ledger_does_not_know_yet_is_a_gap(ledger: Ledger) -> None:
    await put_in(ledger, cells("t1", usd_pico=USD))
    service = service_on(ledger, *LIMITS)
    assert await by_scope(service, ours(of(1), of(2, TurnStatus.ACCEPTED))) == {
        "turn": Total(None, 1),
        "session": Total(Decimal(1), 1),
        "worker": Total(Decimal(1), 1),
        **dict.fromkeys(("day", "week", "month"), Total(Decimal(1), 1)),
    }


async def test_the_total_of_the_worker_counts_if_it_is_higher(ledger: Ledger) -> None:
    await put_in(ledger, cells("t1", usd_pico=2 * USD), cells("t2", session_id="ses_2"))
    service = service_on(ledger, *LIMITS)
    for reported, expected in (
        (snapshot_of(9, points=7), Total(Decimal(9))),
        (snapshot_of(9, busy=True), Total(Decimal(9), 1)),
        (snapshot_of(1), Total(Decimal(2), 1)),
        (snapshot_of(2), Total(Decimal(2), 1)),
        (snapshot_of(None, points=7), Total(Decimal(2), 1)),
    ):
        assert (await by_scope(service, ours(of(1, snapshot=reported))))["worker"] == expected
    credited = await by_scope(service, ours(of(1, snapshot=snapshot_of(9, points=7))), Unit.CREDITS)
    assert credited["worker"] == Total(Decimal(7))
    falling = ours(of(1, snapshot=snapshot_of(9)), of(2, snapshot=snapshot_of(8)))
    assert (await by_scope(service, falling))["worker"] == Total(Decimal(2), 1)
    after = ours(of(1, snapshot=snapshot_of(9)), of(3, TurnStatus.ACCEPTED))
    assert (await by_scope(service, after))["worker"] == Total(Decimal(9), 1)


@pytest.mark.parametrize("unit", Unit)
async def test_an_amount_beyond_what_the_ledger_holds_uses_up_every_limit(ledger: Ledger, unit: Unit) -> None:
    """Also the limits of other sessions, and those of other workers that count it."""
    most = 10**17
    snapshot = snapshot_of(most) if unit is Unit.USD else snapshot_of(0, points=most)
    huge = of(1, before=snapshot_of(0, points=0), snapshot=snapshot, ended_ms=NOON_MS)
    await ledger.open_turn(ours(), huge.request, start=StartPolicy.UNMEASURED)
    await ledger.close_turn(ours(huge), "t1")
    service = service_on(ledger, *[Limit(scope, unit, LARGEST) for scope in SCOPES])
    whose = {"this": ours(huge), "same worker": ours(name="ses_2"), "other": session("ses_3")}
    reached = {
        name: {
            str(gauge.limit.scope)
            for gauge in await service.gauges(into)
            if gauge.state is GaugeState.REACHED
        }
        for name, into in whose.items()
    }
    times = {"day", "week", "month"}
    assert reached == {
        "this": times | {"turn", "session", "worker"},
        "same worker": times | {"worker"},
        "other": times,
    }


async def test_a_stored_limit_overrides_a_configured_one_and_a_flag_overrides_both(ledger: Ledger) -> None:
    configured = [Limit(Scope.DAY, Unit.USD, Decimal(10)), Limit(Scope.SESSION, Unit.CREDITS, Decimal(3))]
    service = service_on(ledger, *configured)
    await service.set_limit(ours(), Scope.DAY, Unit.USD, Decimal("12.5"))
    assert await service.limits(ours()) == (
        Limit(Scope.SESSION, Unit.CREDITS, Decimal(3)),
        Limit(Scope.DAY, Unit.USD, Decimal("12.5"), LimitOrigin.TYPED),
    )
    flag = Limit(Scope.DAY, Unit.USD, Decimal(1), LimitOrigin.FLAG)
    assert flag in await service_on(ledger, *configured, flags=(flag,)).limits(ours())
    await service.set_limit(ours(), Scope.DAY, Unit.USD, None)
    assert await service.limits(ours()) == (configured[1],)
    await service.set_limit(ours(), Scope.DAY, Unit.USD, Decimal(4))
    assert Limit(Scope.DAY, Unit.USD, Decimal(4), LimitOrigin.TYPED) in await service.limits(ours())


def scopes(limits: Iterable[Limit]) -> set[str]:
    return {str(limit.scope) for limit in limits}


async def test_a_stored_limit_applies_to_its_own_scope(ledger: Ledger) -> None:
    service = service_on(ledger)
    for scope in SCOPES:
        await service.set_limit(ours(), scope, Unit.USD, Decimal(5))
    assert scopes(await service.limits(ours())) == {*map(str, SCOPES)}
    assert scopes(await service.limits(ours(name="ses_2"))) == {"turn", "worker", "day", "week", "month"}
    assert scopes(await service.limits(session("ses_2", worker_id="wrk_2"))) == {
        "turn",
        "day",
        "week",
        "month",
    }
    assert scopes(await service_on(ledger, simulated=True).limits(session("ses_9"))) == set()


async def test_a_limit_of_a_worker_needs_a_worker(ledger: Ledger) -> None:
    with pytest.raises(HandingerError, match="No worker yet"):
        await service_on(ledger).set_limit(session(), Scope.WORKER, Unit.USD, Decimal(1))


@pytest.mark.parametrize("amount", ["0", "-1", "1e-13", "1e40", "9223373", "NaN"])
async def test_an_invalid_amount_is_not_a_limit(ledger: Ledger, amount: str) -> None:
    service = service_on(ledger)
    with pytest.raises(HandingerError, match="Not a valid amount"):
        await service.set_limit(session(), Scope.DAY, Unit.USD, Decimal(amount))
    assert await service.limits(session()) == ()


async def test_limits_are_only_appended_and_visible_to_every_program(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as one, opened(path) as other:
        assert await other.charges.news() is not None
        await service_on(one).set_limit(ours(), Scope.SESSION, Unit.CREDITS, Decimal("0.5"))
        assert await other.charges.news() is not None
        assert await service_on(other).limits(ours()) == (
            Limit(Scope.SESSION, Unit.CREDITS, Decimal("0.5"), LimitOrigin.TYPED),
        )
    assert look(path, "SELECT scope, whose, unit, amount, set_ms FROM limits") == [
        ("session", "ses_1", "credits", 500_000, NOON_MS)
    ]
    for sql in ("UPDATE limits SET amount = 1", "DELETE FROM limits"):
        with pytest.raises(sqlite3.IntegrityError):
            look(path, sql)


async def test_only_the_sums_of_existing_limits_are_computed(ledger: Ledger) -> None:
    await put_in(ledger, *(cells(f"t{number}", usd_pico=USD) for number in range(1, 4)))
    into = ours(*(of(number, snapshot=snapshot_of(number)) for number in range(1, 4)))
    statements: list[str] = []
    await ledger.database.run(lambda connection: connection.set_trace_callback(statements.append))
    for configured, sums in (((), 0), (LIMITS[:1], 1), (LIMITS[2:3], 1), (LIMITS, 6)):
        statements.clear()
        gauges = await service_on(ledger, *configured).gauges(into)
        assert [gauge.limit for gauge in gauges] == list(configured)
        assert sum("SUM(" in one and "turn_totals" in one for one in statements) == sums, configured


async def test_the_cache_of_a_session_is_not_used_for_another_one(
    ledger: Ledger,
) -> None:
    await put_in(ledger, cells("t1", usd_pico=2 * USD), cells("t2"))
    service = service_on(ledger, Limit(Scope.WORKER, Unit.USD, Decimal(10)))
    rising = ours(of(1, snapshot=snapshot_of(8)), of(2, snapshot=snapshot_of(9)))
    falling = ours(rising.turns[0], of(2, snapshot=snapshot_of(7)))
    for into, expected in (
        (rising, Total(Decimal(9))),
        (falling, Total(Decimal(2), 1)),
        (rising, Total(Decimal(9))),
        (ours(of(3, snapshot=snapshot_of(1)), name="ses_2"), Total(Decimal(2), 2)),
        (ours(rising.turns[0]), Total(Decimal(8))),
    ):
        assert (await by_scope(service, into))["worker"] == expected


async def test_what_today_and_a_session_cost_are_read_at_one_moment(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        await put_in(ledger, cells("t1", usd_pico=USD))
        own = ChargeFilter(session_id="ses_1")
        reading = asyncio.create_task(ledger.charges.spent_each(ChargeFilter(), own))
        await asyncio.sleep(0)
        await put_in(ledger, cells("t2", usd_pico=USD))
        today, session = await reading
        assert today.usd == session.usd
