"""From its start a turn is part of every sum, and its row holds its known members."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handinger_tui.core.amounts import Total
from handinger_tui.core.money.spending import ChargeFilter, GroupBy, SpendingSums
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ledger.cost_rows import opened as costs_of
from tests.ledger.charge_rows import spent
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
        await ledger.open_turn(session(), turn_request())
        with pytest.raises(Exception, match="already contains"):
            await ledger.open_turn(session("ses_2"), turn_request())
        assert await spent(ledger) == GAP
    assert look(path, "SELECT COUNT(*) FROM charges") == [(1,)]


async def test_a_turn_counts_once_and_has_no_correction_when_it_simply_ends(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(), turn_request(), answered("0.5"))
        (charge,) = await ledger.charges.turn_charges()
        assert (charge.corrections, str(charge.usd)) == (0, "0.500000000000")


async def test_a_sent_turn_is_not_queued(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(), turn_request("turn_1"))
        await ledger.open_turn(session(), turn_request("turn_2"))
        ledger.append("turn_2", frame(0, "{}", Framing.NOTE, Marker.SENDING))
        await ledger.flush()
        (summary,) = await ledger.history.sessions()
        assert summary.last_status is TurnStatus.SENDING
        statuses = {one.turn_id: one.status for one in await ledger.charges.turn_charges()}
        assert statuses == {"turn_1": TurnStatus.QUEUED, "turn_2": TurnStatus.SENDING}


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
        await ledger.open_turn(session(), turn_request())
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
        await ledger.open_turn(session(), turn_request())
        ledger.append(
            "turn_1", frame(0, json.dumps(OPENED | {"worker_id": "w"}), Framing.NOTE, Marker.OPENED)
        )
        await ledger.flush()
        await ledger.database.run(lambda db: db.execute("UPDATE sessions SET worker_id = NULL").rowcount)
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.worker_id == "w"
