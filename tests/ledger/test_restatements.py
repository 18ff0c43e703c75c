"""A final amount that changes is a restatement: computed from the charges, and absent from a past date."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.core.money.reconciliation import LESS, MORE, NEW_BASIS, Restatement
from handinger_tui.core.money.report import Selection
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.ledger.charges.limits import NO_LIMIT_RULES
from handinger_tui.ledger.cost_rows import opened as opened_rows
from tests.ledger.samples import WORKER, answered, only, opened, play, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.ledger.ledger import Ledger


async def restate(ledger: Ledger, now: Session, usd: str, at_ms: int = 10_000) -> Session:
    """The worker reports another amount for the first turn after its end."""
    turn = replace(fold(turn_request(), answered(usd)), ended_ms=at_ms)
    now = put_turn(now, turn)
    await ledger.close_turn(now, "turn_1")
    return now


async def test_increases_and_decreases_are_reported_once_with_their_amounts(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        assert not await ledger.charges.news()
        now = await play(ledger, session(), turn_request(), answered("0.5"))
        assert not await ledger.charges.news()
        now = await restate(ledger, now, "0.75")
        more = only(await ledger.charges.news())
        assert (more.turn_id, more.worker_id, more.old_usd, more.new_usd, more.reason) == (
            ("turn_1", WORKER, Decimal("0.5"), Decimal("0.75"), MORE)
        )
        assert not await ledger.charges.news()
        await restate(ledger, now, "0.25")
        less = only(await ledger.charges.news())
        assert (less.old_usd, less.new_usd, less.reason) == (Decimal("0.75"), Decimal("0.25"), LESS)
        assert less.number > more.number
        assert not await ledger.charges.news(ChargeFilter(session_id="ses_2"))
    with opened_rows(tmp_path / "h.db") as rows:
        assert rows.report(Selection(), NO_LIMIT_RULES).restated == (more, less)
        assert rows.report(Selection(which=ChargeFilter(session_id="ses_2")), NO_LIMIT_RULES).restated == ()


async def test_the_first_amount_of_a_turn_restates_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.charges.news()
        frames = answered(status="running")
        busy = [one._replace(data=one.data.replace('"running": false', '"running": true')) for one in frames]
        await play(ledger, session(), turn_request(), busy)
        await restate(ledger, session(), "0.75")
        assert await ledger.charges.news() == [], "None: nothing was charged at all"


async def test_a_new_meaning_restates_the_earlier_turns(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.charges.news()
        now = session()
        ends = ("0.5", "0.75", "0.25", "0.2", "0.1", "0.09", "0.08", "0.07")
        for number, usd in enumerate(ends, 1):
            worker_id = WORKER if number > 1 else None
            now = await play(ledger, now, turn_request(f"turn_{number}", target_id=worker_id), answered(usd))
        restated = await ledger.charges.news() or []
        total = (await ledger.charges.buckets(GroupBy.SESSION))[0].usd.value
    changed = [one for one in restated if one.turn_id == "turn_2"]
    assert [(one.old_usd, one.new_usd, one.reason) for one in changed] == [
        (Decimal("0.25"), Decimal("0.75"), NEW_BASIS)
    ]
    assert total == Decimal("2.04")


async def test_a_past_date_shows_the_amounts_of_that_time(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        now = await play(ledger, session(title="Heat"), turn_request(), answered("0.5"))
        await restate(ledger, now, "0.75", at_ms=10_000)
        later = turn_request("turn_2", created_ms=20_000)
        await ledger.open_turn(session("ses_2"), later)
        turn = replace(fold(later, answered("2")), ended_ms=21_000)
        await ledger.close_turn(put_turn(session("ses_2"), turn), "turn_2")
    for at_ms, expected in ((10_000, ["0.5"]), (10_001, ["0.75"]), (30_000, ["2", "0.75"]), (1_000, [])):
        with opened_rows(path, at_ms) as rows:
            buckets = rows.buckets(GroupBy.SESSION, ChargeFilter())
            assert [bucket.usd.value for bucket in buckets] == [Decimal(usd) for usd in expected]
            assert len(rows.report(Selection(), NO_LIMIT_RULES).restated) == (at_ms > 10_000)
    # The history itself is unchanged.
    with opened_rows(path) as rows:
        assert len(list(rows.turns(ChargeFilter()))) == 2


async def test_amounts_at_the_edge_of_64_bits_do_not_overflow(tmp_path: Path) -> None:
    edge = Decimal("9223372.036854775807")
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.charges.news()
        now = await play(ledger, session(), turn_request(), answered(str(edge)))
        now = await restate(ledger, now, "0")
        await restate(ledger, now, str(edge))
        restated = await ledger.charges.news() or []
    assert [(one.old_usd, one.new_usd) for one in restated] == [(edge, 0), (0, edge)]


def test_the_words_give_number_amounts_and_reason() -> None:
    one = Restatement(
        *(12, "turn_1", "ses_1", "wrk_1", 5, Decimal("0.1"), Decimal("0.3"), None, None), new_basis=False
    )
    other = replace(one, number=14, turn_id="turn_2", new_usd=Decimal("0.15"))
    assert Restatement.text([one]) == f"Corrected 12: turn_1 $0.10 → $0.30, {MORE}."
    assert Restatement.text([one, other]) == (
        f"Corrected 12 to 14: 2 amounts changed, together +$0.25: {MORE}."
    )
    credited = replace(one, old_usd=None, new_usd=None, old_credits=Decimal(8), new_credits=Decimal(5))
    assert Restatement.text([credited]) == f"Corrected 12: turn_1 8 credits → 5 credits, {LESS}."
    assert "together -6 credits" in Restatement.text([credited, credited])
    split = replace(one, new_usd=Decimal("0.1"))
    assert "split by category changed" in Restatement.text([split])
