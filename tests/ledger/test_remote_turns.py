"""A remote turn has one entry in a history, whoever sent it and however many programs read at once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.core.stream import Framing, Marker
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import RemoteTurn, put_turn
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ledger.migrations import MIGRATIONS
from tests.ledger.charge_rows import charges
from tests.ledger.raw_rows import cells, put
from tests.ledger.samples import (
    WORKER,
    answered,
    frame,
    look,
    opened,
    play,
    remote_turns,
    session,
    turn_request,
)
from tests.ledger.test_processes import other, read_line, send_line

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.ledger.ledger import Ledger

ENTRIES = "SELECT turn_id FROM remote_turns ORDER BY turn_id"


def note(seq: int, event: Marker, **content: object) -> object:
    return frame(seq, json.dumps(content), Framing.NOTE, event)


async def ids(ledger: Ledger) -> list[str]:
    return sorted(one.turn_id for one in await ledger.charges.turn_charges())


async def test_programs_that_attach_simultaneously_store_each_turn_once(tmp_path: Path) -> None:
    path, programs, turns = tmp_path / "h.db", "abcd", 6
    async with opened(path):
        pass
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(other("attach", str(path), name, str(turns))) for name in programs
        ]
        for process in started:
            assert await read_line(process) == "ready"
        for process in started:
            send_line(process, b"\n")
        lines = [await read_line(process) for process in started]
    # All received the session of the first one.
    assert len(set(lines)) == 1
    assert lines[0].endswith(f" {turns}")
    async with opened(path) as ledger:
        assert len(await ledger.charges.turn_charges()) == turns
        assert [summary.turns for summary in await ledger.history.sessions()] == [turns]
        assert [row.correction for row in await charges(ledger)] == [False] * turns


async def test_a_turn_that_another_program_sent_is_not_stored_again(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as app, opened(path) as script:
        now = await play(app, session(worker_id=WORKER), turn_request("turn_1", "prompt 0"), answered())
        sent = turn_request("turn_2", "prompt 1", target_id=WORKER)
        await script.open_turn(session(worker_id=WORKER), sent)
        script.append("turn_2", note(0, Marker.ASKED, times=0))  # type: ignore[arg-type]  # a frame
        script.append("turn_2", note(1, Marker.SENDING, worker_id=WORKER))  # type: ignore[arg-type]  # a frame
        await script.flush()
        # It is running and not closed: its position is in use already.
        after = await app.adopt(now, remote_turns("app", 3))
        assert await ids(app) == ["turn_1", "turn_2", "turn_app_2"]
        assert [turn.request.prompt for turn in after.turns] == ["prompt 0", "prompt 1", "prompt 2"]
        again = await app.adopt(after, remote_turns("app", 3))
        assert again == after


async def test_the_same_prompt_twice_is_two_turns(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        (first,) = remote_turns("a", 1)
        second = first._replace(
            request=replace(first.request, turn_id="turn_a_1", seen_before=1), message_id="m"
        )
        now = await ledger.adopt(session(worker_id=WORKER), [first])
        now = await ledger.adopt(now, [first, second])
        assert await ids(ledger) == ["turn_a_0", "turn_a_1"]
        assert len(now.turns) == 2


async def test_a_message_is_recognized_by_its_id_at_any_position(tmp_path: Path) -> None:
    """A service that omits old messages shifts the others."""
    async with opened(tmp_path / "h.db") as ledger:
        (turn,) = remote_turns("a", 1)
        later = turn._replace(request=replace(turn.request, seen_before=4))
        now = await ledger.adopt(session(worker_id=WORKER), [later])
        moved = turn._replace(request=replace(turn.request, turn_id="turn_b"))
        await ledger.adopt(now, [moved])
        assert await ids(ledger) == ["turn_a_0"]


async def test_another_service_with_the_same_id_has_turns_of_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        for name in ("one", "two"):
            place = session(f"ses_{name}", worker_id=WORKER, base_url=f"https://{name}.example")
            await ledger.adopt(place, remote_turns(name, 1))
        assert await ids(ledger) == ["turn_one_0", "turn_two_0"]


async def test_a_removed_session_is_restored_with_its_entries(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.adopt(session(worker_id=WORKER), remote_turns("a", 2))
        await ledger.history.delete("ses_1")
        now = await ledger.adopt(session("ses_2", worker_id=WORKER), remote_turns("b", 2))
        assert [turn.turn_id for turn in now.turns] == ["turn_a_0", "turn_a_1"]
        assert await ids(ledger) == ["turn_a_0", "turn_a_1"]


async def test_an_undelivered_message_frees_its_position(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        what = turn_request("turn_lost", "prompt 0", target_id=WORKER)
        await ledger.open_turn(session(worker_id=WORKER), what)
        sent = note(0, Marker.SENDING, worker_id=WORKER)
        ledger.append("turn_lost", sent)  # type: ignore[arg-type]  # a frame
        await ledger.flush()
        assert look(path, ENTRIES) == [("turn_lost",)]
        lost = replace(fold(what, []), status=TurnStatus.NOT_DELIVERED)
        now = put_turn(session(worker_id=WORKER), lost)
        await ledger.close_turn(now, "turn_lost")
        await ledger.adopt(now, remote_turns("a", 1))
        assert look(path, ENTRIES) == [("turn_a_0",)]


async def test_two_equal_running_messages_have_two_positions(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        for name in ("turn_1", "turn_2"):
            await ledger.open_turn(session(worker_id=WORKER), turn_request(name, "same", target_id=WORKER))
            ledger.append(name, note(0, Marker.ASKED, times=3))  # type: ignore[arg-type]  # a frame
            ledger.append(name, note(1, Marker.SENDING, worker_id=WORKER))  # type: ignore[arg-type]  # a frame
        await ledger.flush()
    assert look(path, "SELECT turn_id, times FROM remote_turns ORDER BY times") == [
        ("turn_1", 3),
        ("turn_2", 4),
    ]


async def test_adopting_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        good, bad = remote_turns("a", 2)
        twice = RemoteTurn(replace(bad.request, turn_id=good.request.turn_id), bad.frames)
        with pytest.raises(Exception, match="already contains"):
            await ledger.adopt(session(worker_id=WORKER), [good, twice])
    assert look(path, "SELECT COUNT(*) FROM turns") == [(0,)]
    assert look(path, ENTRIES) == []


def older_file(path: Path) -> None:
    """A file of the third version in which one remote turn is stored twice, and one turn was interrupted."""
    file = sqlite3.connect(path, isolation_level=None)
    for migration in MIGRATIONS[:3]:
        for statement in migration:
            file.execute(statement)
    file.execute("PRAGMA user_version = 3")
    file.execute(
        "INSERT INTO sessions (session_id, generation, base_url, worker_id, title, created_ms, updated_ms)"
        " VALUES ('ses_1', 'workers', '', ?, 'a title', 1, 2)",
        (WORKER,),
    )
    rows = [
        ("own", "prompt 0", None, "completed", 9),
        ("adopted", "prompt 0", 0, "completed", 9),
        ("again", "prompt 0", 1, "completed", 9),
        ("refused", "prompt 1", None, "rejected", 9),
        ("cut", "prompt 1", None, "queued", None),
        ("waiting", "prompt 2", None, "queued", None),
    ]
    file.executemany(
        "INSERT INTO turns (worker_id, attachments, run, session_id, created_ms,"
        " turn_id, prompt, seen_before, status, settled_ms)"
        " VALUES ('wrk_1', '[]', 'r', 'ses_1', 5, ?, ?, ?, ?, ?)",
        rows,
    )
    file.execute("INSERT INTO frames VALUES ('cut', 0, 1, 'note', 'sending', NULL, '{}')")
    put(file, *(cells(name, usd_pico=5) for name in ("own", "adopted", "again", "refused")))
    file.close()


async def test_the_turns_of_an_older_file_are_migrated_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    older_file(path)
    async with opened(path) as ledger:
        assert ledger.problem is None
        # Both stay, with their charges; the first one has the entry.
        assert await ids(ledger) == ["adopted", "again", "cut", "own", "refused"], "one waits in a queue"
        assert look(path, "SELECT turn_id, times FROM remote_turns ORDER BY turn_id") == [
            ("again", 1),
            ("cut", 0),
            ("own", 0),
        ]
        statuses = {one.turn_id: (one.status, one.usd) for one in await ledger.charges.turn_charges()}
        assert statuses["cut"] == (TurnStatus.SENDING, None)
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        after = await ledger.adopt(loaded, remote_turns("late", 2))
        assert len(after.turns) == 6


async def test_adoption_waits_for_another_writer(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger, other("hold", str(path)) as process:
        assert await read_line(process) == "held"
        entering = asyncio.create_task(ledger.adopt(session(worker_id=WORKER), remote_turns("a", 1)))
        send_line(process, b"\n")
        assert (await entering).turns[0].turn_id == "turn_a_0"
