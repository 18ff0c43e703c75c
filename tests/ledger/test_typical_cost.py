"""The typical cost of turns at a budget."""

from __future__ import annotations

from decimal import Decimal

from handinger_tui.core.money.typical_cost import expected
from tests.ledger.raw_rows import NOON_MS, cells, put_in
from tests.ledger.samples import opened

USD = 10**12


async def test_the_range_is_of_this_workers_turns_at_this_budget() -> None:
    async with opened(None) as ledger:
        await put_in(
            ledger,
            cells("t1", usd_pico=1 * USD, budget="high"),
            cells("t2", usd_pico=3 * USD, budget="high"),
            cells("t3", budget="high", final=0, status="unknown"),
            cells("t4", usd_pico=9 * USD, budget="high", final=0, status="running"),
            cells("free", usd_pico=0, budget="high", status="rejected"),
            cells("live", usd_pico=0, budget="high", status="accepted", final=0),
            cells("other", usd_pico=5 * USD, budget="low"),
            cells("pretend", usd_pico=7 * USD, budget="high", base_url="local"),
            cells("else", usd_pico=8 * USD, budget="high", worker_id="wrk_2"),
        )
        usual = await ledger.charges.typical_cost("wrk_1", "high", simulated=False)
        assert (usual.usd.counted, usual.usd.unknown, usual.everywhere) == (2, 2, False)
        assert (usual.usd.low, usual.usd.median, usual.usd.most) == (Decimal(1), Decimal(2), Decimal(3))
        assert (usual.credits.counted, usual.credits.unknown) == (0, 4)
        for worker in (None, "wrk_3"):
            everywhere = await ledger.charges.typical_cost(worker, "high", simulated=False)
            assert (everywhere.usd.counted, everywhere.usd.most, everywhere.everywhere) == (
                3,
                Decimal(8),
                True,
            )
        pretend = await ledger.charges.typical_cost("wrk_1", "high", simulated=True)
        assert pretend.usd.median == Decimal(7)
        assert (await ledger.charges.typical_cost(None, "standard", simulated=False)).usd.counted == 0


async def test_only_the_newest_hundred_count() -> None:
    async with opened(None) as ledger:
        await put_in(ledger, *(cells(f"t{at}", usd_pico=at * USD, at_ms=NOON_MS + at) for at in range(150)))
        usual = await ledger.charges.typical_cost("wrk_1", "standard", simulated=False)
        assert (usual.usd.counted, usual.usd.median, usual.usd.most) == (100, Decimal("99.5"), Decimal(149))
        # The costs grow: the newest ones are at the upper end of the range.
        newest = [Decimal(at) for at in reversed(range(50, 150))]
        assert (usual.usd.low, usual.usd.high) == (expected(newest).low, expected(newest).high)


async def test_turns_of_which_only_a_maximum_is_known_are_named_where_there_are_no_others() -> None:
    async with opened(None) as ledger:
        await put_in(
            ledger,
            cells("t1", usd_pico=1 * USD, budget="high", shared_with=2),
            cells("t2", usd_pico=3 * USD, budget="high", shared_with=0),
            cells("t3", usd_pico=3 * USD, budget="high", shared_with=1, worker_id="wrk_2"),
            cells("t4", usd_pico=3 * USD, budget="low", shared_with=1),
            cells("t5", usd_pico=5 * USD, budget="low"),
        )
        usual = await ledger.charges.typical_cost("wrk_1", "high", simulated=False)
        assert usual.chip == "only “up to” amounts yet"
        assert usual.text == "2 turns at high, only “up to” amounts yet"
        others = await ledger.charges.typical_cost("wrk_3", "high", simulated=False)
        assert others.text == "on other workers 3 turns at high, only “up to” amounts yet"
        assert (await ledger.charges.typical_cost("wrk_1", "low", simulated=False)).text == "$5.00 (1 turn)"
        none = await ledger.charges.typical_cost("wrk_1", "standard", simulated=False)
        assert none.text == "no cost history at standard yet"
