"""Reservations: the probable cost of running turns counts for limits, in every program on the history."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import LedgerError
from handinger_tui.core.money.limits import Gauge, Limit, LimitReached, LimitReserved, LimitUnmeasured, Scope
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.prices import Prices
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import put_turn
from handinger_tui.core.turns.turn import StartPolicy, Turn, TurnStatus
from handinger_tui.ledger import cost_rows
from handinger_tui.ledger.charges.limits import LimitRules
from handinger_tui.ledger.ledger import Ledger
from tests.ledger.charge_rows import without_state
from tests.ledger.raw_rows import DAY_MS, NOON_MS, cells, old_file, put, put_in
from tests.ledger.samples import answered, look, opened, play, session, turn_request

USD = 10**12
HERE = "https://one.example"
DAY = Limit(Scope.DAY, Unit.USD, Decimal("2.5"))


def limited(ledger: Ledger, *limits: Limit, now_ms: int = NOON_MS, **members: Any) -> Ledger:
    ledger.limits.rules = LimitRules(limits, now_ms=lambda: now_ms, **members)
    return ledger


async def start(
    ledger: Ledger, number: int, how: StartPolicy = StartPolicy.MEASURED, *, worker_id: str | None = "wrk_1"
) -> None:
    """Start a turn in a new session."""
    turn = turn_request(f"n{number}", target_id=worker_id, budget="low", created_ms=NOON_MS)
    await ledger.open_turn(session(f"ses_n{number}", worker_id=worker_id, base_url=HERE), turn, start=how)


async def gauge(ledger: Ledger) -> Gauge:
    (result,) = await ledger.limits.gauges(session("ses_other", base_url=HERE))
    return result


def history(count: int, usd: int, **members: Any) -> list[dict[str, object]]:
    """Turns of the previous day, which count for no day limit."""
    head: dict[str, Any] = {"base_url": HERE, "budget": "low", "at_ms": NOON_MS - DAY_MS, **members}
    return [cells(f"t{number}", usd_pico=usd * USD, session_id="old", **head) for number in range(count)]


async def test_a_turn_without_history_reserves_the_complete_remainder(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        await start(ledger, 1)
        current = await gauge(ledger)
        assert (current.running, current.unmeasured, current.free) == (1, 1, Decimal(0))
        assert current.free_text == "none of $2.50 left, 1 running without cost history"
        with pytest.raises(LimitUnmeasured, match="1 running turn has no cost history"):
            await start(ledger, 2)
        assert look(tmp_path / "h.db", "SELECT turn_id FROM turns") == [("n1",)]
        await start(ledger, 2, StartPolicy.UNMEASURED)
        assert (await gauge(ledger)).running == 2


async def test_a_turn_with_history_reserves_its_typical_cost(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        await put_in(ledger, *history(3, 1))
        await start(ledger, 1)
        await start(ledger, 2)
        assert (await gauge(ledger)).free_text == "$0.50 of $2.50 left, 2 running"
        for how in StartPolicy:
            with pytest.raises(
                LimitReserved, match=r"\$0\.50 of \$2\.50 left, 2 running; a turn like this may"
            ):
                await start(ledger, 3, how)


async def test_a_single_turn_is_sent_despite_its_possible_cost(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        await put_in(ledger, *history(3, 9))
        await start(ledger, 1)
        with pytest.raises(LimitReserved):
            await start(ledger, 2)


@pytest.mark.parametrize(("others", "measured"), [(4, False), (5, True)])
async def test_a_new_worker_reserves_by_the_history_of_others(
    tmp_path: Path, others: int, *, measured: bool
) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        await put_in(ledger, *history(others, 1, worker_id="wrk_9"))
        await start(ledger, 1, worker_id=None)
        assert (await gauge(ledger)).unmeasured == (not measured)
        # A worker with a history reserves by its own turns.
        await start(ledger, 2, StartPolicy.UNMEASURED, worker_id="wrk_1")
        assert (await gauge(ledger)).unmeasured == 2 - measured


async def test_the_partial_cost_of_a_running_turn_is_not_counted_twice(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        await put_in(ledger, *history(3, 1))
        await start(ledger, 1)
        so_far = cells("n1", "correction", usd_pico=USD // 4, status="accepted", final=0, base_url=HERE)
        await put_in(ledger, so_far)
        current = await gauge(ledger)
        assert (without_state(current.spent), current.reserved) == (
            Total(Decimal("0.25"), 1),
            Decimal("0.75"),
        )
        assert current.free == Decimal("1.5")


@pytest.mark.parametrize("status", ["completed", "failed", "running", "unknown", "rejected"])
async def test_a_turn_without_an_amount_keeps_its_reservation(tmp_path: Path, status: str) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        kept = session(base_url=HERE)
        await ledger.open_turn(kept, turn_request(created_ms=NOON_MS), start=StartPolicy.MEASURED)
        frames = [
            Frame(0, NOON_MS, Framing.NOTE, "{}", Marker.SENDING),
            Frame(1, NOON_MS, Framing.NOTE, f'{{"status": "{status}"}}', Marker.SETTLED),
        ]
        for one in frames:
            ledger.append("turn_1", one)
        await ledger.flush()
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert (await gauge(ledger)).running == 1
        await ledger.close_turn(loaded, "turn_1")
        now = await gauge(ledger)
        assert now.running == (status == "running")
        assert now.unknown == (status not in {"running", "rejected"})
        if status == "rejected":
            await start(ledger, 2)
            return
        with pytest.raises(LimitUnmeasured):
            await start(ledger, 2)
        await start(ledger, 2, StartPolicy.UNMEASURED)


async def gap(ledger: Ledger, number: int, **members: Any) -> None:
    """Start a turn that ends without an amount."""
    await start(ledger, number, StartPolicy.UNMEASURED)
    row = cells(f"n{number}", "correction", budget="low", base_url=HERE, **members)
    await put_in(ledger, {"status": "failed", "final": 0, **row} | members)


async def test_an_ended_turn_of_unknown_cost_counts_as_what_it_usually_costs(tmp_path: Path) -> None:
    """Unknown is not zero: two such turns may have used up what two turns usually cost."""
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        await put_in(ledger, *history(3, 1))
        for number in (1, 2):
            await gap(ledger, number)
        now = await gauge(ledger)
        assert (now.unknown, now.assumed, now.running, now.spent) == (2, Decimal(2), 0, Total(None, 2))
        assert now.free_text == "$0.50 of $2.50 left, 2 of unknown cost"
        await gap(ledger, 3)
        message = r"The cost of 3 earlier turns is unknown, so the daily limit of \$2\.50 may be used up"
        with pytest.raises(LimitUnmeasured, match=message):
            await start(ledger, 4)
        # Their amounts become known.
        for number in (1, 2, 3):
            figures = {"usd_pico": USD // 10, "status": "completed", "final": 1}
            await put_in(ledger, cells(f"n{number}", "correction", base_url=HERE, budget="low", **figures))
        assert (await gauge(ledger)).unknown == 0
        await start(ledger, 4)


async def test_a_gap_without_history_counts_by_what_turns_cost_later(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        await gap(ledger, 1)
        with pytest.raises(LimitUnmeasured, match="cost of 1 earlier turn is unknown"):
            await start(ledger, 2)
        await put_in(ledger, *history(5, 1, worker_id="wrk_9"))
        assert ((await gauge(ledger)).assumed, (await gauge(ledger)).unmeasured) == (Decimal(1), 0)
        await start(ledger, 2)


async def test_a_unit_that_was_never_reported_is_no_gap_of_a_turn_whose_credits_are_known(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        await gap(ledger, 1, micro_credits=5, status="completed", final=1)
        assert (await gauge(ledger)).unknown == 0


async def test_a_limit_of_a_turn_asks_where_the_newest_turn_has_no_amount(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, Limit(Scope.TURN, Unit.USD, Decimal("0.5")))
        await put_in(ledger, *history(3, 1))
        await gap(ledger, 1)
        loaded = await ledger.load("ses_n1")
        assert loaded is not None
        ended = replace(Turn(loaded.turns[0].request), status=TurnStatus.FAILED)
        (now,) = await ledger.limits.gauges(put_turn(loaded, ended))
        assert (now.unknown, now.assumed, now.free) == (1, Decimal(1), Decimal(0))


async def test_every_program_counts_the_reservations_of_the_others(tmp_path: Path) -> None:
    """The check and the reservation are one step: of ten simultaneous turns two are started."""
    path = tmp_path / "h.db"
    async with opened(path, zone=UTC) as first:
        await put_in(first, *history(3, 1))
        programs = [limited(Ledger(path, zone=UTC), DAY) for _ in range(10)]
        await asyncio.gather(*(one.start() for one in programs))
        starts = (start(one, number) for number, one in enumerate(programs))
        ended = await asyncio.gather(*starts, return_exceptions=True)
        assert sum(one is None for one in ended) == 2
        assert sum(isinstance(one, LimitReserved) for one in ended) == 8
        await asyncio.gather(*(one.aclose() for one in programs))
        assert look(path, "SELECT COUNT(*) FROM turns") == [(2,)]


async def test_a_killed_program_keeps_its_reservation(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path, zone=UTC) as ledger:
        await start(ledger, 1)
    async with opened(path, zone=UTC) as ledger:
        assert (await gauge(limited(ledger, DAY))).unmeasured == 1
        await ledger.history.delete("ses_n1")
        assert (await gauge(ledger)).running == 0


async def test_a_queued_turn_reserves_at_its_start_and_belongs_to_that_day(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        kept, queued = session(base_url=HERE), turn_request(created_ms=NOON_MS - DAY_MS)
        await ledger.open_turn(kept, queued)
        assert (await gauge(ledger)).running == 0
        kept = put_turn(kept, Turn(queued))
        await ledger.start_turn(kept, queued, NOON_MS, StartPolicy.MEASURED)
        assert (await gauge(ledger)).running == 1
        (charge,) = await ledger.charges.turn_charges(ledger.limits.today())
        assert charge.turn_id == "turn_1"
        for as_of_ms, counted in ((NOON_MS + 1, [NOON_MS]), (NOON_MS, [])):
            with cost_rows.opened(tmp_path / "h.db", as_of_ms) as rows:
                assert [day.first_ms for day in rows.buckets(GroupBy.DAY, ChargeFilter())] == counted
        await ledger.release_turn("turn_1")
        assert (await gauge(ledger)).running == 0
        await start(ledger, 2, StartPolicy.UNMEASURED)
        with pytest.raises(LimitUnmeasured):
            await ledger.start_turn(kept, queued, NOON_MS, StartPolicy.MEASURED)


@pytest.mark.parametrize("limits", [(), (DAY,)])
async def test_a_turn_belongs_to_the_day_on_which_it_was_sent(
    tmp_path: Path, limits: tuple[Limit, ...]
) -> None:
    """Sent a second before midnight, read and ended after it; with a limit it is charged during its run,
    too.
    """
    midnight_ms = NOON_MS - DAY_MS // 2
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, *limits, now_ms=midnight_ms + 5_000)
        kept, what = session(base_url=HERE), turn_request(created_ms=midnight_ms - 1_000)
        await ledger.open_turn(kept, what, start=StartPolicy.MEASURED)
        frames = [one._replace(at_ms=midnight_ms + 2_000) for one in answered("0.5")]
        for at, one in enumerate(frames):
            ledger.append("turn_1", one)
            if limits:
                await ledger.charge(put_turn(kept, fold(what, frames[: at + 1])))
        await ledger.close_turn(put_turn(kept, fold(what, frames)), "turn_1")
        assert await ledger.charges.turn_charges(ledger.limits.today()) == []
        (charge,) = await ledger.charges.turn_charges()
        assert (charge.at_ms, charge.usd) == (midnight_ms - 1_000, Decimal("0.5"))


# -- units --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reported", "refused"),
    [
        ([], False),
        ([{"micro_credits": 5}], True),
        ([{"usd_pico": 5}], False),
        # The worker of a single turn may not have been readable.
        ([{}], False),
        ([{}, {}], True),
        # Turns that failed may have no figures.
        ([{"status": "failed"}] * 3, False),
        ([{"status": "failed", "micro_credits": 5}], True),
        ([{"micro_credits": 5}] * 5 + [{"usd_pico": 5}], True),
        ([{"micro_credits": 5}] * 4 + [{"usd_pico": 5}], False),
    ],
)
async def test_a_limit_in_a_unit_that_is_not_reported_is_refused(
    tmp_path: Path, reported: list[dict[str, Any]], *, refused: bool
) -> None:
    """`reported`: the figures of the newest turns, the newest first."""
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        rows = [
            cells(f"t{number}", base_url=HERE, at_ms=NOON_MS - DAY_MS - number, **members)
            for number, members in enumerate(reported)
        ]
        await put_in(ledger, *rows, cells("x", base_url="https://two.example", micro_credits=5))
        if refused:
            with pytest.raises(LimitUnmeasured, match="did not report USD in the last turns"):
                await start(ledger, 1)
            await start(ledger, 1, StartPolicy.UNMEASURED)
        else:
            await start(ledger, 1)


async def test_a_price_of_credits_makes_credits_count_in_dollars(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY, prices=Prices((("", Decimal("0.01")),)))
        head: dict[str, Any] = {"base_url": HERE, "budget": "low"}
        await put_in(
            ledger,
            cells("t1", micro_credits=100_000_000, **head),
            cells("t2", usd_pico=USD // 4, micro_credits=9, **head),
            cells("t3", **head),
        )
        current = await gauge(ledger)
        assert (without_state(current.spent), current.reported) == (
            Total(Decimal("1.25"), 1, doubtful=True),
            True,
        )
        assert current.spent_text == "about $1.25 so far + 1 unknown of $2.50 (50%)"
        await start(ledger, 1)
        assert (await gauge(ledger)).unmeasured == 0


# -- what is there already --------------------------------------------------------------------
async def test_limits_stored_by_earlier_versions_apply(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with closing(old_file(path)) as file:
        put(file)
    async with opened(path, zone=UTC) as ledger:
        await ledger.limits.set_limit(session(), Scope.DAY, Unit.USD, Decimal(1))
        await ledger.limits.set_limit(session(), Scope.MONTH, Unit.USD, Decimal(9))
        limits = await ledger.limits.limits(session())
        assert [limit.scope for limit in limits] == [Scope.DAY, Scope.MONTH]


async def test_a_damaged_limit_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path, zone=UTC) as ledger:
        await ledger.limits.set_limit(session(), Scope.DAY, Unit.USD, Decimal(1))
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TRIGGER limits_stay")
            other.execute("PRAGMA ignore_check_constraints = ON")
            other.execute("UPDATE limits SET amount = 'x'")
            other.commit()
        with pytest.raises(LedgerError, match="Cannot read the daily limit from the history"):
            await start(ledger, 1)
        assert look(path, "SELECT COUNT(*) FROM turns") == [(0,)]


@pytest.mark.parametrize(
    ("scope", "days_ago", "counts"),
    [
        (Scope.WEEK, 1, True),
        (Scope.WEEK, 2, False),
        (Scope.MONTH, 24, True),
        (Scope.MONTH, 25, False),
    ],
)
async def test_weeks_begin_on_monday_and_months_on_the_first(
    tmp_path: Path, scope: Scope, days_ago: int, *, counts: bool
) -> None:
    """Today is Tuesday, the 25th."""
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, Limit(scope, Unit.USD, Decimal(1)))
        await put_in(ledger, cells("t1", base_url=HERE, usd_pico=USD, at_ms=NOON_MS - days_ago * DAY_MS))
        if counts:
            with pytest.raises(LimitReached, match=f"{scope.limit.capitalize()} reached"):
                await start(ledger, 1)
        else:
            await start(ledger, 1)


async def test_a_complete_turn_leaves_no_reservation(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, DAY)
        await play(ledger, session(base_url=HERE), turn_request(), answered("0.5"))
        assert look(tmp_path / "h.db", "SELECT * FROM reservations") == []


async def test_reservations_are_read_by_an_index(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        statements: list[str] = []
        await ledger.database.run(lambda db: db.set_trace_callback(statements.append))
        await gauge(limited(ledger, DAY))
        (query,) = [sql for sql in statements if "FROM reservations" in sql]
        plan = look(tmp_path / "h.db", f"EXPLAIN QUERY PLAN {query}")
        assert [row[3].split()[:2] for row in plan] == [["SCAN", "reservations"], ["SEARCH", "turn_totals"]]
