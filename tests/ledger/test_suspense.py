"""Amounts that no turn explains are stored with the charges, as differences, and never changed or lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.figures import NO_COSTS, Usage
from handinger_tui.core.money.attribution import session_money
from handinger_tui.core.money.reconciliation import rise_text
from handinger_tui.core.money.report import Selection
from handinger_tui.core.money.spending import ChargeFilter, GroupBy, sum_buckets
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import FigureRead, TurnStatus
from handinger_tui.ledger import corrections, sql
from handinger_tui.ledger.charges.limits import NO_LIMIT_RULES
from handinger_tui.ledger.corrections import assign, decide_in
from handinger_tui.ledger.cost_rows import opened as opened_rows
from handinger_tui.ledger.database_file import Opened, open_database
from tests.ledger.charge_rows import usd_of_turns, without_state
from tests.ledger.samples import WORKER, look, only, opened, session
from tests.ledger.test_worker_turns import read, turn, write

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.ledger.ledger import Ledger

FIRST = turn("A", read(100, "0"), 110, read(180, "0.10"), ended_ms=190)
REFUSED = replace(
    turn("R", read(200, "0.10"), 210, read(240, "0.16"), ended_ms=230), status=TurnStatus.REJECTED
)
LAST = turn("B", read(300, "0.16"), 310, read(380, "0.36"), ended_ms=390)


async def refused(ledger: Ledger, name: str = "ses_a") -> Session:
    """A session whose second turn was refused while the figures of its worker rose by $0.06."""
    return await write(ledger, session(name, worker_id=WORKER), FIRST, REFUSED, LAST)


async def total(ledger: Ledger) -> Decimal | None:
    days = await ledger.charges.buckets(GroupBy.DAY)
    return sum_buckets([*days, *await ledger.charges.suspense()]).usd.value


async def test_the_cost_of_a_refused_turn_is_suspense_and_can_be_assigned_to_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        now = await refused(ledger)
        (bucket,) = await ledger.charges.suspense()
        (rise,) = bucket.rises
        assert (rise.usd, rise.refused, rise.after, rise.seen_ms) == (Decimal("0.06"), ("R",), "A", 240)
        own = {"A": Decimal("0.1"), "R": Decimal(0), "B": Decimal("0.2")}
        assert (await usd_of_turns(ledger), await total(ledger)) == (own, Decimal("0.36"))
        await ledger.charges.news()
        await ledger.rulings.assign(rise.number, "R", 1_000)
        assert await usd_of_turns(ledger) == own | {"R": Decimal("0.06")}
        restated = only(await ledger.charges.news())
        assert (restated.turn_id, restated.old_usd, restated.new_usd) == ("R", Decimal(0), Decimal("0.06"))
        assert (await ledger.charges.suspense(), await total(ledger)) == ([], Decimal("0.36"))
        # An open session shows it when its costs are counted.
        now = replace(now, elsewhere=await ledger.charge(now))
        assert session_money(now.turns, now.elsewhere).usd.value == Decimal("0.36")
        await ledger.rulings.assign(rise.number, None, 2_000)
        assert (await usd_of_turns(ledger), await total(ledger)) == (own, Decimal("0.36"))
        assert (await ledger.charges.suspense())[0].rises[0].number == rise.number


async def test_an_assignment_that_is_taken_back_leaves_a_gap_as_it_was(tmp_path: Path) -> None:
    """A message of others was adopted after a rise in its time: nobody knows what it took."""
    reads = read(180, "0.10")._replace(prompts=1), read(200, "0.30")._replace(prompts=2)
    own = turn("A", read(100, "0"), 110, *reads, ended_ms=190)
    theirs = replace(
        turn("S", read(300, "0.30"), 0, reads[1]._replace(at_ms=301)), before=None, sent_ms=None, ended_ms=302
    )
    theirs = replace(theirs, status=TurnStatus.COMPLETED)
    async with opened(tmp_path / "h.db") as ledger:
        await write(ledger, session("ses_a", worker_id=WORKER), own, theirs)
        after = before = {one.turn_id: one for one in await ledger.charges.turn_charges()}
        assert (before["S"].usd, before["S"].final) == (None, False)
        (bucket,) = await ledger.charges.suspense()
        for turn_id, usd in (("S", Decimal("0.2")), (None, None)):
            await ledger.rulings.assign(bucket.rises[0].number, turn_id, 1_000)
            after = {one.turn_id: replace(one, corrections=0) for one in await ledger.charges.turn_charges()}
            assert (after["S"].usd, after["S"].final) == (usd, usd is not None)
        assert (after, await ledger.charges.suspense()) == (before, [bucket])


async def test_credits_are_suspense_where_the_cost_did_not_rise(tmp_path: Path) -> None:
    def of(at_ms: int, credits_used: str) -> FigureRead:
        return FigureRead(
            at_ms, Usage(cost_usd=Decimal(0), credits=Decimal(credits_used)), NO_COSTS, busy=False
        )

    first = turn("A", of(100, "0"), 110, of(180, "10"), ended_ms=190)
    refused_one = replace(
        turn("R", of(200, "10"), 210, of(240, "16"), ended_ms=230), status=TurnStatus.REJECTED
    )
    async with opened(tmp_path / "h.db") as ledger:
        await write(ledger, session("ses_a", worker_id=WORKER), first, refused_one)
        (bucket,) = await ledger.charges.suspense()
        assert (bucket.usd.value, bucket.credits.value) == (Decimal(0), Decimal(6))
        assert rise_text(bucket.rises[0]) == "about 6 credits"
        await ledger.rulings.assign(1, "A", 1_000)
        assert await ledger.charges.suspense() == []
        charges = {one.turn_id: one.credits for one in await ledger.charges.turn_charges()}
        assert charges == {"A": Decimal(16), "R": Decimal(0)}


async def test_a_past_date_shows_the_suspense_of_that_time(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await refused(ledger)
        await ledger.rulings.assign(1, "A", 5_000)
        await ledger.rulings.assign(1, None, 6_000)
    for at_ms, entered, of_first in (
        (200, [], "0.1"),
        (5_000, ["0.06"], "0.1"),
        (5_001, [], "0.16"),
        (6_001, ["0.06"], "0.1"),
    ):
        with opened_rows(path, at_ms) as rows:
            amounts = [bucket.usd.value for bucket in rows.report(Selection(), NO_LIMIT_RULES).suspense]
            assert amounts == [Decimal(usd) for usd in entered], at_ms
            groups = {bucket.key: bucket.usd.value for bucket in rows.buckets(GroupBy.TURN, ChargeFilter())}
            assert groups["A"] == Decimal(of_first), at_ms
            assert len(rows.report(Selection(), NO_LIMIT_RULES).assigned) == (at_ms == 5_001)


async def test_suspense_is_stored_once_for_all_sessions(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await refused(ledger)
        other = turn("C", read(400, "0.36"), 410, read(480, "0.5"), ended_ms=490)
        await write(ledger, session("ses_b", worker_id=WORKER), other)
        assert [bucket.usd.value for bucket in await ledger.charges.suspense()] == [Decimal("0.06")]
        # Another session assigns it, and the first one is deleted.
        await ledger.history.delete("ses_a")
        await ledger.rulings.assign(1, "C", 1_000)
        assert (await usd_of_turns(ledger))["C"] == Decimal("0.2")
        await ledger.history.delete("ses_b")
        await ledger.rulings.assign(1, "B", 2_000)
        assert (await usd_of_turns(ledger))["C"] == Decimal("0.14")
        assert (await usd_of_turns(ledger))["B"] == Decimal("0.26")
        assert await total(ledger) == Decimal("0.5")


async def test_only_suspense_can_be_assigned(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await refused(ledger)
        for number, turn_id in ((2, "A"), (1, "nobody's"), (1, None)):
            with pytest.raises(SettingsError):
                await ledger.rulings.assign(number, turn_id, 1_000)
        assert (await ledger.charges.report(Selection())).assigned == ()
        assert look(tmp_path / "h.db", "SELECT COUNT(*) FROM rulings") == [(0,)]


async def test_a_decision_waits_for_a_lock_as_long_as_the_opening_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "ATTEMPT_S", 0.01)
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await refused(ledger)
        ((rise,),) = [one.rises for one in await ledger.charges.suspense()]
    other = sqlite3.connect(path, isolation_level=None)
    steps: list[str] = []

    def opening(*given: object, **options: object) -> Opened:
        steps.append("open")
        if other.in_transaction:
            other.execute("ROLLBACK")
        return open_database(*given, **options)  # type: ignore[arg-type]  # passed on as they come

    def decide(connection: sqlite3.Connection) -> None:
        steps.append("decide")
        if len(steps) == 2:
            other.execute("BEGIN IMMEDIATE")
        assign(connection, number=rise.number, turn_id="R", at_ms=1_000)

    monkeypatch.setattr(corrections, "open_database", opening)
    with closing(other):
        changed = decide_in(path, decide)
    assert (": R " in changed, steps) == (True, ["open", "decide"] * 2)


async def test_entries_are_never_changed(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await refused(ledger)
        await ledger.rulings.assign(1, "A", 1_000)
    for statement in (
        *("UPDATE suspense SET at_ms = 0", "DELETE FROM suspense"),
        *("UPDATE rulings SET at_ms = 0", "DELETE FROM rulings"),
    ):
        with pytest.raises(sqlite3.IntegrityError):
            look(tmp_path / "h.db", statement)


async def test_a_pinned_meaning_that_makes_an_amount_unknown_removes_it(tmp_path: Path) -> None:
    """The worker was read for the first time while the turn ran: its earlier cost is unknown."""
    late = replace(turn("A", read(100, "0"), 110, read(150, "3"), ended_ms=160), before=None, before_ms=None)
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await write(ledger, session("ses_a", worker_id=WORKER), late)
        unknown = await ledger.charges.buckets(GroupBy.DAY)
        await ledger.rulings.set_basis("", WORKER, "per_turn", 1_000)
        assert without_state((await ledger.charges.buckets(GroupBy.DAY))[0].usd) == Total(Decimal(3))
        await ledger.charges.news()
        await ledger.rulings.set_basis("", WORKER, "auto", 2_000)
        assert await ledger.charges.buckets(GroupBy.DAY) == unknown
        restated = only(await ledger.charges.news())
        assert (restated.old_usd, restated.new_usd) == (Decimal(3), None)
        (charge,) = await ledger.charges.turn_charges()
        assert (charge.usd, charge.final) == (None, False)
    with opened_rows(path, 1_001) as rows:
        assert without_state(rows.buckets(GroupBy.DAY, ChargeFilter())[0].usd) == Total(Decimal(3))


async def test_a_pin_restates_no_running_turn(tmp_path: Path) -> None:
    running = turn("B", read(300, "0.10"), 310, read(350, "0.30", busy=True))
    async with opened(tmp_path / "h.db") as ledger:
        await write(ledger, session("ses_a", worker_id=WORKER), FIRST, running)
        await ledger.charges.news()
        await ledger.rulings.set_basis("", WORKER, "per_turn", 1_000)
        assert (await usd_of_turns(ledger))["B"] == Decimal("0.3")
        assert await ledger.charges.news() == []


async def test_a_turn_whose_stored_events_are_damaged_keeps_its_charge_under_a_pin(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await write(ledger, session("ses_a", worker_id=WORKER), FIRST, LAST)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE worker_turns SET events = 'x\"ended\"' WHERE turn_id = 'A'")
    async with opened(path) as ledger:
        await ledger.rulings.set_basis("", WORKER, "per_turn", 1_000)
        assert (await usd_of_turns(ledger))["A"] == Decimal("0.1")


async def test_a_later_reading_of_another_program_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    later = replace(FIRST, reads=(*FIRST.reads, read(250, "0.12")))
    async with opened(path) as ledger:
        await write(ledger, session("ses_a", worker_id=WORKER), FIRST)
    async with opened(path) as other:
        await other.close_turn(put_turn(session("ses_a", worker_id=WORKER), later), "A")
    events = look(path, "SELECT events FROM worker_turns")
    async with opened(path) as ledger:
        await ledger.charge(put_turn(session("ses_a", worker_id=WORKER), FIRST))
    assert look(path, "SELECT events FROM worker_turns") == events
