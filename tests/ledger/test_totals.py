"""Totals are the raw rows added up, exactly, and every gap is counted for every number."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import takewhile
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from handinger_tui.core.amounts import Total
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, sum_buckets
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ledger.charges import grouping
from handinger_tui.ledger.charges.entries import DECIMALS, NUMBERS, SUMMED
from handinger_tui.ledger.ledger import Ledger
from tests.ledger.charge_rows import charges, spent, without_state
from tests.ledger.raw_rows import DAY_MS, NOON_MS, cells, put, put_in
from tests.ledger.samples import look, opened

LARGEST = 2**63 - 1

value = st.none() | st.integers(0, 10**12) | st.sampled_from([0, LARGEST, LARGEST - 1, 2**62])
knowledge = st.fixed_dictionaries(dict.fromkeys(NUMBERS, value) | {"final": st.sampled_from([0, 1])})
turn = st.fixed_dictionaries(
    {
        "session_id": st.sampled_from(["ses_1", "ses_2"]),
        "worker_id": st.sampled_from(["wrk_1", "wrk_2", None]),
        "budget": st.sampled_from(["low", "high", None]),
        "started_by": st.sampled_from(["app", "headless", "unknown", None]),
        "base_url": st.sampled_from(["local", "https://one.example"]),
        "at_ms": st.integers(NOON_MS - 3 * DAY_MS, NOON_MS),
        "status": st.sampled_from(["completed", "failed", "incomplete", "unknown", "running", "rejected"]),
        "history": st.lists(knowledge, min_size=1, max_size=4),
    }
)


def rows_of(number: int, turn: dict[str, Any]) -> list[dict[str, Any]]:
    """A charge and its corrections, as differences from the earlier amounts."""
    so_far: dict[str, int] = {}
    rows = []
    for at, newest in enumerate(turn["history"]):
        kind = "correction" if at else "charge"
        row = {name: member for name, member in turn.items() if name != "history"} | {
            "final": newest["final"]
        }
        for name in NUMBERS:
            if newest[name] is not None:
                row[name] = newest[name] - so_far.get(name, 0)
                so_far[name] = newest[name]
        rows.append(cells(f"turn_{number}", kind, **row))
    return rows


MEMBERS = {"usd_pico": "usd", "micro_credits": "credits", "total_tokens": "tokens"}


def added_up(turns: list[list[dict[str, Any]]]) -> Bucket:
    """The expected bucket, from the raw rows and in Python's own integers."""
    sums, unsplit = dict[str, Any](), set[int]()
    for name in SUMMED:
        amounts = [[row[name] for row in rows if row.get(name) is not None] for rows in turns]
        is_complete = [
            # What is final is taken back by a later row that is not.
            any(row.get(name) is not None for row in takewhile(itemgetter("final"), reversed(rows)))
            for rows in turns
        ]
        # Zero of a turn that was refused is in no sum, and nothing is missing of it.
        refused = [rows[0]["status"] == "rejected" for rows in turns]
        is_complete = [one or free for one, free in zip(is_complete, refused, strict=True)]
        if name in ("model_pico", "tool_pico", "sandbox_pico", "internal_pico"):
            unsplit.update(at for at, complete in enumerate(is_complete) if not complete)
        each_sum = [(sum(each), free) for each, free in zip(amounts, refused, strict=True) if each]
        reported = [one for one, free in each_sum if one or not free]
        exact = Decimal(sum(reported)).scaleb(-DECIMALS[name]) if reported else None
        member = MEMBERS.get(name, name.replace("_pico", "_usd"))
        sums[member] = Total(exact, is_complete.count(False))
    ends = [rows[0]["status"] for rows in turns]
    moments = [rows[0]["at_ms"] for rows in turns]
    return Bucket(
        "",
        len(turns),
        sum(status in ("failed", "incomplete", "unknown") for status in ends),
        **sums,
        first_ms=min(moments, default=None),
        last_ms=max(moments, default=None),
        unsplit=len(unsplit),
        free=ends.count("rejected"),
    )


KEYS: dict[GroupBy, Callable[[dict[str, Any]], str]] = {
    GroupBy.SESSION: lambda row: row["session_id"],
    GroupBy.WORKER: lambda row: row["worker_id"] or "",
    GroupBy.BUDGET: lambda row: row["budget"] or "",
    GroupBy.TRIGGER: lambda row: row["started_by"] or "unknown",
    GroupBy.DAY: lambda row: str(_day(row["at_ms"])),
    GroupBy.TURN: lambda row: row["turn_id"],
}


def _day(at_ms: int) -> object:
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo("Asia/Kathmandu")).date()


def same(bucket: Bucket, expected: Bucket) -> None:
    for field in fields(Bucket):
        if field.name not in ("key", "title"):
            value = getattr(bucket, field.name)
            value = without_state(value) if isinstance(value, Total) else value
            assert value == getattr(expected, field.name), field.name


@given(st.lists(turn, max_size=6), st.sampled_from([None, True, False]))
@settings(max_examples=25, deadline=None)
async def test_every_grouping_is_the_sum_of_the_raw_rows(
    samples: list[dict[str, Any]], simulated: bool | None
) -> None:
    turns = [rows_of(number, one) for number, one in enumerate(samples)]
    matching = [rows for rows in turns if simulated in (None, rows[0]["base_url"] == "local")]
    async with opened(None, zone=ZoneInfo("Asia/Kathmandu")) as ledger:
        await put_in(ledger, *(row for rows in turns for row in rows))
        which = ChargeFilter(simulated=simulated)
        for by, key in KEYS.items():
            groups: dict[str, list[list[dict[str, Any]]]] = defaultdict(list)
            for rows in matching:
                groups[key(rows[0])].append(rows)
            buckets = await ledger.charges.buckets(by, which)
            assert {bucket.key for bucket in buckets} == groups.keys()
            assert len(buckets) == len(groups)
            for bucket in buckets:
                same(bucket, added_up(groups[bucket.key]))
        sums = await spent(ledger, which)
        expected = added_up(matching)
        assert (sums.turns, sums.usd, sums.credits) == (
            len(matching),
            expected.total("usd"),
            expected.total("credits"),
        )
        each = await ledger.charges.turn_charges(which)
        assert sorted(one.turn_id for one in each) == sorted(rows[0]["turn_id"] for rows in matching)
        for one in each:
            rows = turns[int(one.turn_id.removeprefix("turn_"))]
            assert one.corrections == len(rows) - 1
            expected_usd = added_up([rows]).usd
            assert one.usd == (expected_usd.value if expected_usd.missing_turns else expected_usd.value or 0)
            counted = [row["steps"] for row in rows if row.get("steps") is not None]
            assert one.usage.steps == (sum(counted) if counted else None)


async def test_an_aborted_transaction_leaves_both_tables_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await put_in(ledger, cells("t1", usd_pico=5))

        def broken(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN")
            put(connection, cells("t1", "correction", usd_pico=7), cells("t2", usd_pico=1))
            connection.execute("ROLLBACK")

        await ledger.database.run(broken)
        with pytest.raises(Exception, match="already contains"):
            # The second charge of a turn is refused, and with it the effect of the trigger.
            await ledger.database.run(lambda db: put(db, cells("t1", usd_pico=9)))
        assert [(one.turn_id, one.usd, one.corrections) for one in await ledger.charges.turn_charges()] == [
            ("t1", Decimal("5E-12"), 0)
        ]
        assert len(await charges(ledger)) == 1


async def test_a_sum_beyond_64_bits_within_one_turn_loses_no_charge(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await put_in(ledger, cells("t1", usd_pico=LARGEST), cells("t1", "correction", usd_pico=LARGEST))
        assert len(await charges(ledger)) == 2
        (one,) = await ledger.charges.turn_charges()
        assert one.usd is None
    assert look(tmp_path / "h.db", "SELECT typeof(usd_pico) FROM turn_totals") == [("null",)]


async def test_a_later_correction_sets_the_status_and_keeps_the_amounts(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        first = cells("t1", status="accepted", final=0, usd_pico=5, sources=2)
        later = cells("t1", "correction", status="failed", budget=None, worker_id=None, at_ms=NOON_MS + 9)
        await put_in(ledger, first, later | {"elapsed_ms": 70, "base_url": None})
        (one,) = await ledger.charges.turn_charges()
    assert (one.status, one.budget, one.worker_id) == (TurnStatus.FAILED, "standard", "wrk_1")
    assert (one.at_ms, one.base_url, one.sources, one.elapsed_ms) == (NOON_MS, "https://one.example", 2, 70)


async def test_a_number_missing_from_the_final_reading_is_a_gap(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await put_in(
            ledger,
            cells("t1", final=0, usd_pico=5),
            cells("t1", "correction", final=1, micro_credits=1_000_000),
        )
        sums = await spent(ledger)
    assert (sums.usd, sums.credits) == (Total(Decimal("5E-12"), 1), Total(Decimal(1)))


async def test_states_of_sums() -> None:
    """A turn whose amount is in the sum is not unknown, and one that no later reading confirmed is so far."""
    async with opened(None) as ledger:
        await put_in(
            ledger,
            cells("t1", final=1, confirmed=1, usd_pico=5, budget="low"),
            cells("t2", final=1, usd_pico=5, budget="standard"),
            cells("t3", final=0, usd_pico=5, budget="high"),
            cells("t4", final=0, budget="high"),
        )
        low, standard, high = sorted(await ledger.charges.buckets(GroupBy.BUDGET), key=_levels)
        sums = await ledger.database.run(lambda db: grouping.spent(db, ChargeFilter()))
    assert (low.usd.so_far, low.usd.unknown_turns) == (False, 0)
    assert (standard.usd.so_far, standard.usd.missing_turns) == (True, 0)
    assert (high.usd.so_far, high.usd.missing_turns, high.usd.unknown_turns) == (True, 2, 1)
    assert (sums.usd.so_far, sums.usd.missing_turns, sums.usd.unknown_turns) == (True, 2, 1)


def _levels(bucket: Bucket) -> int:
    return ("low", "standard", "high").index(bucket.key)


async def filled(ledger: Ledger) -> None:
    await put_in(
        ledger,
        cells("t1", at_ms=1_000, usd_pico=3, budget="low"),
        cells("t2", at_ms=2_000, usd_pico=9, session_id="ses_2", worker_id="wrk_2"),
        cells("t3", at_ms=3_000, session_id="ses_3", worker_id="wrk_3"),
        cells("t4", at_ms=3_000, usd_pico=4, base_url="local", worker_id="wrk_4"),
        cells("t1", "correction", at_ms=9_000, usd_pico=1, budget="low"),
    )


@pytest.mark.parametrize(
    ("which", "turns"),
    [
        (ChargeFilter(), "t4 t3 t2 t1"),
        (ChargeFilter(since_ms=2_000), "t4 t3 t2"),
        (ChargeFilter(until_ms=2_000), "t1"),
        (ChargeFilter(since_ms=2_000, until_ms=3_000), "t2"),
        (ChargeFilter(session_id="ses_1"), "t4 t1"),
        (ChargeFilter(worker_id="wrk_3"), "t3"),
        (ChargeFilter(budget="low"), "t1"),
        (ChargeFilter(simulated=True), "t4"),
        (ChargeFilter(simulated=False, since_ms=2_000), "t3 t2"),
        (ChargeFilter(session_id="nobody"), ""),
    ],
)
async def test_every_filter_selects_the_matching_turns(which: ChargeFilter, turns: str) -> None:
    async with opened(None) as ledger:
        await filled(ledger)
        assert " ".join(one.turn_id for one in await ledger.charges.turn_charges(which)) == turns
        names = set(turns.split())
        sums = await ledger.database.run(lambda db: grouping.spent(db, which))
        assert {row.turn_id for row in await charges(ledger, which)} == names
        for by in GroupBy:
            expected = sum_buckets(await ledger.charges.buckets(by, which))
            assert expected.turns == len(names)
            assert expected.total("usd") == sums.usd


async def test_pages_of_turns(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await filled(ledger)
        pages = [await ledger.charges.turn_charges(limit=2, offset=at) for at in (0, 2, 4)]
        everything = await ledger.charges.turn_charges(limit=-1)
    assert [[one.turn_id for one in page] for page in pages] == [["t4", "t3"], ["t2", "t1"], []]
    assert len(everything) == 4


async def test_turns_are_sorted_by_cost_with_unknown_ones_last() -> None:
    async with opened(None) as ledger:
        await filled(ledger)
        assert [one.key for one in await ledger.charges.buckets(GroupBy.WORKER)] == [
            "wrk_2",
            "wrk_1",
            "wrk_4",
            "wrk_3",
        ]
