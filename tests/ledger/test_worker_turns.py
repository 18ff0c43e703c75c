"""Two sessions on one worker: the cost of both is charged once, whichever of them reads it first."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.figures import NO_COSTS, Usage
from handinger_tui.core.money.attribution import session_money
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import FigureRead, StartPolicy, Turn, TurnRequest, TurnStatus
from tests.ledger.charge_rows import charges, spent
from tests.ledger.samples import WORKER, opened, session

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.ledger.ledger import Ledger


def read(at_ms: int, usd: str, *, busy: bool = False) -> FigureRead:
    return FigureRead(at_ms, Usage(cost_usd=Decimal(usd)), NO_COSTS, busy)


def turn(
    name: str, before: FigureRead, sent_ms: int, *reads: FigureRead, ended_ms: int | None = None
) -> Turn:
    """A turn with the reading before it and the later ones."""
    request = TurnRequest(name, "hello", before.at_ms, target_id=WORKER)
    look = Snapshot(WORKER, running_flag=before.busy, usage=before.usage)
    status = TurnStatus.ACCEPTED if ended_ms is None else TurnStatus.COMPLETED
    return Turn(
        request, status, worker_id=WORKER, before=look, before_ms=before.at_ms, sent_ms=sent_ms, reads=reads,
        ended_ms=ended_ms,
    )  # fmt: skip


async def write(ledger: Ledger, of: Session, *turns: Turn) -> Session:
    """Store turns, close those that have ended, and charge the others so far."""
    for one in turns:
        if all(one.turn_id != stored.turn_id for stored in of.turns):
            await ledger.open_turn(of, one.request, start=StartPolicy.UNMEASURED)
        of = put_turn(of, one)
        if one.live:
            await ledger.charge(of)
        else:
            of = replace(of, elsewhere=await ledger.close_turn(of, one.turn_id))
    return of


A = turn("A", read(100, "10"), 110, read(180, "10.30"), ended_ms=190)
A_RUNNING = turn("A", read(100, "10"), 110, read(115, "10.02", busy=True))
B = turn("B", read(120, "10.05", busy=True), 130, read(160, "10.25", busy=True), ended_ms=170)


async def test_two_overlapping_turns_of_two_sessions_are_charged_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        first, second = session("ses_a", worker_id=WORKER), session("ses_b", worker_id=WORKER)
        first = await write(ledger, first, A_RUNNING)
        second = await write(ledger, second, B)
        first = await write(ledger, first, A)
        assert (await spent(ledger)).usd == Total(Decimal("0.30"), doubtful=True)
        shown = [session_money(one.turns, one.elsewhere).turns[0] for one in (first, second)]
        assert [(one.shared, one.others) for one in shown] == [(True, 1)] * 2


async def test_the_session_that_ends_last_corrects_the_other_one(tmp_path: Path) -> None:
    """A has ended before the ledger hears of B, which ran in between."""
    async with opened(tmp_path / "h.db") as ledger:
        first, second = session("ses_a", worker_id=WORKER), session("ses_b", worker_id=WORKER)
        first = await write(ledger, first, A)
        # So few readings do not decide what the figures mean.
        assert (await spent(ledger)).usd == Total(Decimal("0.30"), doubtful=True)
        second = await write(ledger, second, B)
        assert (await spent(ledger)).usd == Total(Decimal("0.30"), doubtful=True)
        # The second time nothing changes.
        rows = await ledger.database.run(lambda db: db.execute("SELECT COUNT(*) FROM charges").fetchone()[0])
        await write(ledger, second, B)
        again = await ledger.database.run(lambda db: db.execute("SELECT COUNT(*) FROM charges").fetchone()[0])
        assert again == rows


async def test_the_meaning_of_the_figures_is_remembered_when_the_session_is_deleted(tmp_path: Path) -> None:
    """A worker that reports each turn by itself, as its earlier turns have shown."""
    ends, level, at = ("0.3", "0.1", "0.2", "0.05"), "0", 100
    turns = []
    for number, usd in enumerate(ends):
        turns.append(turn(f"t{number}", read(at, level), at + 10, read(at + 50, usd), ended_ms=at + 60))
        level, at = usd, at + 100
    newest = turn("t9", read(at, level), at + 10, read(at + 50, "0.4"), ended_ms=at + 60)
    async with opened(tmp_path / "h.db") as ledger:
        await write(ledger, session("ses_a", worker_id=WORKER), *turns)
        await ledger.history.delete("ses_a")
        other = await write(ledger, session("ses_b", worker_id=WORKER), newest)
        assert session_money(other.turns, other.elsewhere).turns[0].usd == Decimal("0.4")
        loaded = await ledger.load("ses_b")
        assert loaded is not None
        assert {*other.elsewhere.turns} <= {*loaded.elsewhere.turns}


async def test_a_running_turn_of_another_session_may_share_the_cost(tmp_path: Path) -> None:
    running = replace(turn("A", read(100, "10"), 110), reads=())
    async with opened(tmp_path / "h.db") as ledger:
        first, second = session("ses_a", worker_id=WORKER), session("ses_b", worker_id=WORKER)
        await write(ledger, first, running)
        await ledger.close_turn(put_turn(first, running), "A")
        second = await write(ledger, second, B)
        assert session_money(second.turns, second.elsewhere).turns[0].others == 1


async def test_a_shared_amount_is_marked_as_a_maximum(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        first, second = session("ses_a", worker_id=WORKER), session("ses_b", worker_id=WORKER)
        first = await write(ledger, first, A_RUNNING)
        second = await write(ledger, second, B)
        await write(ledger, first, A)
        rows = {row.turn_id: row for row in await ledger.charges.turn_charges(ChargeFilter())}
        assert (rows["A"].most_usd, rows["B"].most_usd) == (Decimal("0.30"), Decimal("0.25"))
        # A shared amount is not an example of a typical cost.
        assert (await ledger.charges.typical_cost(WORKER, "standard", simulated=False)).usd.counted == 0


async def test_a_turn_in_doubt_stays_unknown_whichever_session_reads_the_worker(tmp_path: Path) -> None:
    """No rise is no zero for a message that may have arrived, also not by the readings of another session."""
    doubt = replace(turn("A", read(100, "10"), 110, read(180, "10"), ended_ms=190), status=TurnStatus.UNKNOWN)
    later = turn("B", read(200, "10"), 210, read(260, "10.25"), ended_ms=270)
    async with opened(tmp_path / "h.db") as ledger:
        first, second = session("ses_a", worker_id=WORKER), session("ses_b", worker_id=WORKER)
        first = await write(ledger, first, doubt)
        second = await write(ledger, second, later)
        total = (await spent(ledger)).usd
        assert (total.value, total.missing_turns) == (Decimal("0.25"), 1)
        rows = await charges(ledger)
        for one in (first, second) * 3:
            await ledger.charge(one)
        assert await charges(ledger) == rows
        assert [one.usd for one in rows if one.turn_id == "A"] == [None] * 2


@pytest.mark.parametrize("fate", [TurnStatus.NOT_DELIVERED, TurnStatus.REJECTED, TurnStatus.NOT_SENT])
@pytest.mark.parametrize("stale", [False, True], ids=["loaded", "stale"])
async def test_a_turn_in_doubt_that_never_started_gives_back_what_it_shared(
    tmp_path: Path, fate: TurnStatus, *, stale: bool
) -> None:
    """Also for another program, and for one that still has it as a turn in doubt."""
    path = tmp_path / "h.db"
    in_doubt = replace(turn("B", read(120, "10.05", busy=True), 130, ended_ms=300), status=TurnStatus.UNKNOWN)
    async with opened(path) as ledger, opened(path) as other:
        doubted = await write(ledger, session(worker_id=WORKER), A, in_doubt)
        assert (await spent(ledger)).usd == Total(Decimal("0.30"), doubtful=True)
        kept = await write(other, doubted, in_doubt) if stale else None
        settled = await write(ledger, doubted, replace(in_doubt, status=fate))
        later = turn("C", read(500, "10.30"), 510, read(580, "10.45"), ended_ms=590)
        await write(other, settled if kept is None else kept, later)
        amounts = {one.turn_id: one.usd for one in await other.charges.turn_charges()}
    of_fate = {} if fate is TurnStatus.NOT_SENT else {"B": Decimal(0)}
    assert amounts == {"A": Decimal("0.30"), **of_fate, "C": Decimal("0.15")}


@pytest.mark.parametrize("status", [TurnStatus.NOT_SENT, TurnStatus.REJECTED])
async def test_a_first_message_that_cost_nothing_did_not_create_the_worker(
    tmp_path: Path, status: TurnStatus
) -> None:
    """The next one did, for every session: all that the worker costs from zero on is its cost."""
    async with opened(tmp_path / "h.db") as ledger:
        free = replace(Turn(TurnRequest("0", "hello", 10), status), ended_ms=20)
        first = Turn(
            TurnRequest("A", "hello", 100), TurnStatus.COMPLETED, worker_id=WORKER, sent_ms=110,
            reads=(read(150, "0.5", busy=True), read(180, "1.25")), ended_ms=190,
        )  # fmt: skip
        await write(ledger, session("ses_a"), free, first)
        await write(ledger, session("ses_b", worker_id=WORKER), turn("B", read(200, "1.25"), 210))
        charges = {one.turn_id: one.usd for one in await ledger.charges.turn_charges()}
        of_free = {} if status is TurnStatus.NOT_SENT else {"0": 0}
        assert charges == {**of_free, "A": Decimal("1.25"), "B": None}
