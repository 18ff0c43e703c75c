"""From its start a turn is part of every sum, and its row holds its known members."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.money.attribution import session_money
from handinger_tui.core.money.spending import ChargeFilter, GroupBy, SpendingSums
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import put_turn
from handinger_tui.core.turns.turn import WITHDRAWN, StartPolicy, Turn, TurnStatus
from handinger_tui.ledger.cost_rows import opened as costs_of
from handinger_tui.ledger.migrations import begin_at
from tests.ledger.charge_rows import spent
from tests.ledger.raw_rows import cells, put
from tests.ledger.samples import answered, frame, look, opened, play, session, turn_request, worker
from tests.ledger.test_processes import other, read_line

GAP = SpendingSums(1, Total(None, 1), Total(None, 1))


async def test_an_interrupted_turn_is_a_gap_immediately(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with other("hang", str(path)) as process:
        assert await read_line(process) == "flushed"
        process.kill()
        await process.wait()
    with costs_of(path) as book:
        (bucket,) = book.buckets(GroupBy.SESSION, ChargeFilter())
        assert (bucket.key, bucket.turns, bucket.usd.missing_turns) == ("ses_hung", 1, 1)
    async with opened(path) as ledger:
        assert await spent(ledger) == GAP
        (summary,) = await ledger.history.sessions()
        assert (summary.turns, summary.usd.missing_turns) == (1, 1)


async def test_the_request_and_its_charge_are_one_transaction(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await ledger.open_turn(session(), turn_request(), start=StartPolicy.UNMEASURED)
        with pytest.raises(Exception, match="already contains"):
            await ledger.open_turn(session("ses_2"), turn_request())
        assert await spent(ledger) == GAP
    assert look(path, "SELECT COUNT(*) FROM charges") == [(1,)]


async def test_a_turn_counts_once_and_has_no_correction_when_it_simply_ends(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(), turn_request(), answered("0.5"))
        (charge,) = await ledger.charges.turn_charges()
        assert (charge.corrections, str(charge.usd)) == (0, "0.500000000000")


async def test_a_queued_turn_is_in_no_sum_until_it_starts(tmp_path: Path) -> None:
    path, nothing = tmp_path / "h.db", SpendingSums(0, Total(Decimal(0)), Total(Decimal(0)))
    async with opened(path) as ledger:
        queued = turn_request()
        await ledger.open_turn(session(), queued)
        for _ in range(2):
            assert await spent(ledger) == nothing
            assert await ledger.charges.turn_charges() == []
            assert [await ledger.charges.buckets(by) for by in GroupBy] == [[]] * len(GroupBy)
            (summary,) = await ledger.history.sessions()
            assert (summary.turns, summary.usd, summary.live) == (0, Total(None), False)
            loaded = await ledger.load("ses_1")
            assert loaded is not None
            assert session_money(loaded.turns).usd == Total(Decimal(0))
            await ledger.charge(loaded)
            # Its start, and back to the queue: a hold came in the same moment.
            await ledger.start_turn(session(), queued, 9_000, StartPolicy.UNMEASURED)
            assert await spent(ledger) == GAP
            (summary,) = await ledger.history.sessions()
            assert (summary.turns, summary.usd.missing_turns, summary.live) == (1, 1, True)
            await ledger.release_turn("turn_1")
        await ledger.start_turn(session(), queued, 9_500, StartPolicy.UNMEASURED)
        frames = [one._replace(at_ms=one.at_ms + 9_000) for one in answered("0.5")]
        for one in frames:
            ledger.append("turn_1", one)
        await ledger.close_turn(put_turn(session(), fold(queued, frames)), "turn_1")
        (charge,) = await ledger.charges.turn_charges()
        assert (charge.at_ms, charge.corrections, charge.usd) == (9_500, 0, Decimal("0.5"))
    for as_of_ms, turns in ((9_500, 0), (9_501, 1)):
        with costs_of(path, as_of_ms) as book:
            assert sum(day.turns for day in book.buckets(GroupBy.DAY, ChargeFilter())) == turns


async def test_a_withdrawn_turn_leaves_no_trace_in_sums(tmp_path: Path) -> None:
    """Also where it had started in the meantime."""
    async with opened(tmp_path / "h.db") as ledger:
        for start in (None, StartPolicy.UNMEASURED):
            what = turn_request(f"turn_{start}")
            await ledger.open_turn(session(), what, start=start)
            withdrawn = replace(Turn(what), status=TurnStatus.NOT_SENT, fault=WITHDRAWN, ended_ms=3_000)
            await ledger.close_turn(put_turn(session(), withdrawn), what.turn_id)
            assert await spent(ledger) == SpendingSums(0, Total(Decimal(0)), Total(Decimal(0)))
            (summary,) = await ledger.history.sessions()
            assert (summary.turns, summary.usd) == (0, Total(None))


async def test_a_queued_turn_of_an_earlier_version_is_no_turn(tmp_path: Path) -> None:
    """Its session may be gone. One that may have been sent, or that another program started, stays a gap."""
    path = tmp_path / "h.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        begin_at(file, 20)
        file.execute(
            "INSERT INTO sessions (session_id, generation, base_url, title, created_ms, updated_ms)"
            " VALUES ('ses_1', 'workers', '', 'a title', 1, 2)"
        )
        stored = [("queued", "queued", None), ("sent", "sending", None), ("other", "queued", 3)]
        file.executemany(
            "INSERT INTO turns"
            " (attachments, run, session_id, created_ms, turn_id, prompt, status, seen_before)"
            " VALUES ('[]', 'r', 'ses_1', 5, ?, 'p', ?, ?)",
            stored,
        )
        removed = [("removed", "queued"), ("unsent", "not_sent"), ("refused", "rejected")]
        rows = [("queued", "queued"), ("sent", "sending"), ("other", "queued"), *removed]
        put(file, *(cells(name, status=status, final=0) for name, status in rows))
        put(file, cells("refused", "correction", status="rejected", final=1, usd_pico=0, micro_credits=0))
    async with opened(path) as ledger:
        assert {one.turn_id for one in await ledger.charges.turn_charges()} == {"sent", "other", "refused"}
        assert await spent(ledger) == SpendingSums(3, Total(None, 2), Total(None, 2))
        (summary,) = await ledger.history.sessions()
        assert (summary.turns, summary.usd.missing_turns) == (2, 2)
        await ledger.start_turn(session(), turn_request("queued"), 9_000, StartPolicy.UNMEASURED)
        assert (await spent(ledger)).turns == 4


async def test_a_sent_turn_is_not_queued(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(), turn_request("turn_1"))
        await ledger.open_turn(session(), turn_request("turn_2"))
        ledger.append("turn_2", frame(0, "{}", Framing.NOTE, Marker.SENDING))
        await ledger.flush()
        (summary,) = await ledger.history.sessions()
        assert summary.last_status is TurnStatus.SENDING
        statuses = {one.turn_id: one.status for one in await ledger.charges.turn_charges()}
        assert statuses == {"turn_2": TurnStatus.SENDING}


OPENED = {"via": "post", "status": 200, "content_type": "text/event-stream", "worker_id": None}
NAMES: dict[str, list[tuple[Framing, object, str]]] = {
    "a header": [(Framing.NOTE, OPENED | {"worker_id": "wrk_new"}, Marker.OPENED)],
    "the start of the stream": [
        (Framing.NOTE, OPENED, Marker.OPENED),
        (Framing.SSE, {"type": "start", "messageMetadata": {"workerId": "wrk_new"}}, ""),
    ],
    "a plain answer": [
        (Framing.NOTE, OPENED | {"content_type": "application/json"}, Marker.OPENED),
        (Framing.JSON, json.loads(worker()) | {"id": "wrk_new"}, "answer"),
    ],
}


@pytest.mark.parametrize("place", NAMES)
@pytest.mark.parametrize("together", [True, False])
async def test_a_new_worker_is_in_the_row_with_the_frame_that_names_it(
    tmp_path: Path, place: str, together: bool
) -> None:
    path = tmp_path / "h.db"
    steps: list[tuple[Framing, object, str]] = [(Framing.NOTE, {}, Marker.SENDING), *NAMES[place]]
    async with opened(path) as ledger:
        await ledger.open_turn(session(), turn_request(), start=StartPolicy.UNMEASURED)
        for seq, (framing, content, event) in enumerate(steps):
            ledger.append("turn_1", Frame(seq, 1_000, framing, json.dumps(content), event))
            if not together:
                await ledger.flush()
        await ledger.flush()
        for table in ("sessions", "turns", "turn_totals", "remote_turns"):
            assert look(path, f"SELECT worker_id FROM {table}") == [("wrk_new",)]  # noqa: S608  # names of this test
        assert await ledger.history.find("wrk_new") == ["ses_1"]


async def test_a_worker_that_only_the_frames_name_is_stored(tmp_path: Path) -> None:
    """The state of a version that crashed before it stored the worker in the row."""
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await ledger.open_turn(session(), turn_request(), start=StartPolicy.UNMEASURED)
        ledger.append(
            "turn_1", frame(0, json.dumps(OPENED | {"worker_id": "w"}), Framing.NOTE, Marker.OPENED)
        )
        await ledger.flush()
        await ledger.database.run(lambda db: db.execute("UPDATE sessions SET worker_id = NULL").rowcount)
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.worker_id == "w"
