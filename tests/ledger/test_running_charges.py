"""The cost of a running turn is in the record: one charge, corrections, and no row without a change."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.figures import NO_COSTS, Usage
from handinger_tui.core.money.spending import SpendingSums
from handinger_tui.core.stream import Snapshot, SourcePart
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import FigureRead, StartPolicy, Trigger, Turn, TurnStatus
from tests.ledger.charge_rows import charges, spent
from tests.ledger.samples import look, opened, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path


def running(usd: str | None, read_ms: int = 3_000, **members: Any) -> Turn:
    """A running turn with the newest reading of its worker."""
    usage = None if usd is None else Usage(cost_usd=Decimal(usd), credits=Decimal(2))
    snapshot = None if usage is None else Snapshot("wrk_1", "running", running_flag=True, usage=usage)
    given: dict[str, Any] = {"status": TurnStatus.ACCEPTED, "worker_id": "wrk_1"}
    given |= {"read_ms": read_ms, "snapshot": snapshot}
    what = turn_request(budget="high", trigger=Trigger.HEADLESS)
    return replace(Turn(what), **(given | members))


def within(turn: Turn) -> Session:
    return put_turn(session(base_url="https://one.example"), turn)


async def test_a_running_turn_is_charged_and_corrected(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await ledger.open_turn(
            session(base_url="https://one.example"), turn_request(), start=StartPolicy.UNMEASURED
        )
        await ledger.charge(within(running(None)))
        assert await spent(ledger) == SpendingSums(1, Total(None, 1), Total(None, 1))
        for usd in ("0.1", "0.1", "0.3"):
            await ledger.charge(within(running(usd)))
        assert (await spent(ledger)).usd == Total(Decimal("0.3"), 1)
        (so_far,) = await ledger.charges.turn_charges()
        assert (so_far.status, so_far.final, so_far.at_ms) == (TurnStatus.ACCEPTED, False, 2_000)
        assert (so_far.elapsed_ms, so_far.corrections) == (None, 1)
        done = running("0.5", status=TurnStatus.COMPLETED, ended_ms=9_000)
        assert done.snapshot is not None
        done = replace(
            done,
            snapshot=replace(done.snapshot, status="completed", running_flag=False),
            parts=(SourcePart("s", "https://a.example"), SourcePart("t", "https://b.example")),
        )
        await ledger.close_turn(within(done), "turn_1")
        await ledger.charge(within(done))
        (charge,) = await ledger.charges.turn_charges()
        kinds = [(row.correction, row.usd) for row in await charges(ledger)]
    assert (charge.status, charge.final, charge.usd) == (TurnStatus.COMPLETED, True, Decimal("0.5"))
    assert (charge.trigger, charge.base_url, charge.at_ms) == (
        Trigger.HEADLESS,
        "https://one.example",
        2_000,
    )
    assert (charge.sources, charge.elapsed_ms, charge.budget) == (2, 7_000, "high")
    assert kinds == [
        (False, None),
        (True, Decimal("0.1")),
        (True, Decimal("0.2")),
        (True, Decimal("0.2")),
    ]
    assert look(path, "SELECT COUNT(*) FROM charges WHERE kind = 'charge'") == [(1,)]


async def test_a_charge_without_news_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    reads = (FigureRead(3_000, Usage(cost_usd=Decimal("0.1"), credits=Decimal(2)), NO_COSTS, busy=True),)
    async with opened(path) as ledger:
        await ledger.charge(within(running("0.1", reads=reads)))

        def writes() -> int:
            return path.with_name("h.db-wal").stat().st_size

        before = writes()
        for status in (TurnStatus.ACCEPTED, TurnStatus.CHECKING):
            await ledger.charge(within(running("0.1", status=status, read_ms=8_000, reads=reads)))
        assert writes() == before
        assert len(await charges(ledger)) == 1


async def test_the_end_of_a_turn_is_written_even_without_a_new_amount(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.charge(within(running("0.1")))
        ended = running("0.1", status=TurnStatus.RUNNING, ended_ms=9_000)
        for _ in range(2):
            await ledger.charge(within(ended))
        (charge,) = await ledger.charges.turn_charges()
        assert (charge.status, charge.corrections, charge.usd) == (TurnStatus.RUNNING, 1, Decimal("0.1"))


async def test_an_unmeasured_turn_is_unknown(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        lost = replace(Turn(turn_request("turn_1")), status=TurnStatus.UNKNOWN, ended_ms=1)
        unmeasured = replace(
            Turn(turn_request("turn_2", trigger=Trigger.ELSEWHERE)),
            status=TurnStatus.COMPLETED,
            ended_ms=2_000,
        )
        await ledger.charge(replace(session(), turns=(lost, unmeasured)))
        for charge in await ledger.charges.turn_charges():
            assert (charge.sources, charge.elapsed_ms, charge.usd) == (None, None, None)


async def test_two_programs_on_one_file_write_one_charge_and_see_each_other(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ours, opened(path) as theirs:
        for ledger in (ours, theirs):
            assert await ledger.charges.news() is not None
            assert await ledger.charges.news() is None
        await ours.charge(within(running("0.1")))
        await theirs.charge(within(running("0.1")))
        assert len(await charges(theirs)) == 1
        for ledger in (ours, theirs):
            assert await ledger.charges.news() is not None
            assert await ledger.charges.news() is None
            assert (await spent(ledger)).usd == Total(Decimal("0.1"), 1)
        await ours.history.save_draft("ses_1", "typing")
        assert await theirs.charges.news() is None
        # A new turn is a gap in every sum.
        await ours.open_turn(session("ses_2"), turn_request("turn_2"), start=StartPolicy.UNMEASURED)
        assert await theirs.charges.news() is not None
