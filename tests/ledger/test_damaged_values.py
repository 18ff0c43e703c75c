"""One damaged value makes its own row unreadable, and nothing else: SQLite has no checksums."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.export.result import result_object
from handinger_tui.core.money import report_json as spending
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.receipts import receipt_line
from handinger_tui.core.stream import UNREADABLE, Frame, Framing, Marker
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ledger.charges.turn_records import turn_record
from handinger_tui.ledger.cost_rows import opened as costs_of
from handinger_tui.ledger.ledger import FileAccess, Ledger
from tests.ledger.charge_rows import charges
from tests.ledger.samples import answered, frame, opened, play, query, session, turn_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BAD = "X'63616666ff'"
"""A blob that is not text."""
COLUMNS = {
    "sessions": ("worker_id", "title", "base_url", "created_ms", "updated_ms", "unread", "generation"),
    "turns": ("prompt", "created_ms", "budget", "attachments", "seen_before", "status", "started_by", "run"),
    "frames": ("at_ms", "framing", "event", "id", "data"),
    "answers": ("text",),
    "turn_totals": ("at_ms", "reported", "usd_pico", "budget", "worker_id", "status", "reading", "sources"),
    "drafts": ("text",),
    "gathered": ("rule", "upto", "frames"),
    "packed": ("upto", "frames"),
    "search_entries": ("indexed", "files", "sources", "texts"),
}


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A history without damage."""
    path = tmp_path_factory.mktemp("undamaged") / "h.db"
    asyncio.run(fill(path))
    return path.read_bytes()


@pytest.fixture
def path(undamaged: bytes, tmp_path: Path) -> Path:
    """A file with that history."""
    path = tmp_path / "h.db"
    path.write_bytes(undamaged)
    return path


async def fill(path: Path) -> None:
    async with opened(path) as ledger:
        for name in ("1", "2"):
            now = session(f"ses_{name}", title=f"title {name}")
            for turn in ("a", "b"):
                now = await play(
                    ledger, now, turn_request(f"turn_{name}{turn}", f"prompt {name}"), answered()
                )
            now = await play(ledger, now, turn_request(f"turn_{name}c", f"prompt {name}"), streamed())
            await ledger.history.save_draft(f"ses_{name}", "typing")


def streamed() -> list[Frame]:
    """A turn with enough frames to be packed."""
    texts = [json.dumps({"type": "text-delta", "id": "t", "delta": f"word {seq} "}) for seq in range(40)]
    frames = [frame(seq, text) for seq, text in enumerate(texts)]
    end = json.dumps({"status": "completed", "recovered": False, "fault": None})
    return [*frames, Frame(40, 9_000, Framing.NOTE, end, Marker.SETTLED)]


def damage(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


async def read_all(path: Path, access: FileAccess) -> list[str]:
    """Call everything that lists and opens; returns the titles."""
    async with opened(path, access=access) as ledger:
        summaries = await ledger.history.sessions()
        await ledger.history.search(query("prompt"))
        await ledger.history.search(query("answer"))
        await ledger.history.prompts()
        await ledger.charges.turn_charges()
        await charges(ledger)
        await ledger.unsettled()
        for by in GroupBy:
            await ledger.charges.buckets(by)
        for summary in summaries:
            await ledger.history.draft(summary.session_id)
            loaded = await ledger.load(summary.session_id)
            if loaded is None:
                # Its own id is damaged.
                continue
            for turn in loaded.turns:
                result_object(loaded, turn)
                receipt_line(loaded, turn)
                await ledger.frames(turn.turn_id)
    with costs_of(path) as book:
        titles, labels = book.titles(), book.labels()
        for row in book.turns(ChargeFilter()):
            record = turn_record(row, titles, labels)
            json.dumps(record)
            spending.line(record.values())
    return [summary.title for summary in summaries]


VALUES = (BAD, f"CAST({BAD} AS TEXT)", "'odd'", "-1", "1.5")
"""No text, text that is not UTF-8, and values of another kind."""


def cases() -> Iterator[Any]:
    """Every column meets a value that is no text, and every second one a value of another kind.

    All values in all columns are slow tests; random damage is `test_flipped_bits_cause_only_our_own_errors`
    and `python -m tests.ledger.damage`. Both accesses read by the same code, so they take turns.
    """
    numbers = [(table, column) for table, columns in COLUMNS.items() for column in columns]
    for number, (table, column) in enumerate(numbers):
        usual = {number % 2} | ({2 + number // 2 % 3} if number % 2 else set())
        for at, value in enumerate(VALUES):
            access = (FileAccess.READ, FileAccess.REPLACE_DAMAGED)[(number // 2 + at) % 2]
            marks = [] if at in usual else [pytest.mark.slow]
            yield pytest.param(table, column, value, access, marks=marks)


@pytest.mark.parametrize(("table", "column", "value", "access"), list(cases()))
async def test_all_other_rows_are_listed_and_opened(
    path: Path, table: str, column: str, value: str, access: FileAccess
) -> None:
    damage(path, f"UPDATE {table} SET {column} = {value} WHERE rowid = (SELECT MIN(rowid) FROM {table})")  # noqa: S608  # names of this test
    listed = await read_all(path, access)
    assert len(listed) == 2
    assert "title 2" in listed


@pytest.mark.parametrize("value", [BAD, f"CAST({BAD} AS TEXT)", "7.5e99"])
async def test_a_damaged_title_is_shown_as_unreadable(path: Path, value: str) -> None:
    damage(path, f"UPDATE sessions SET title = {value} WHERE session_id = 'ses_1'")  # noqa: S608  # names of this test
    async with opened(path) as ledger:
        titles = {one.session_id: one.title for one in await ledger.history.sessions()}
    expected = UNREADABLE if value != "7.5e99" else "7.5e+99"
    assert titles == {"ses_1": expected, "ses_2": "title 2"}


async def test_a_damaged_frame_is_omitted_and_counted(path: Path) -> None:
    damage(path, "UPDATE frames SET framing = 'sSe' WHERE turn_id = 'turn_1a' AND seq = 2")
    async with opened(path) as ledger:
        loaded = await ledger.load("ses_1")
    assert loaded is not None
    assert [(turn.status, turn.skipped) for turn in loaded.turns] == [
        (TurnStatus.COMPLETED, 1),
        (TurnStatus.COMPLETED, 0),
        (TurnStatus.COMPLETED, 0),
    ]


async def test_a_long_text_keeps_its_readable_part(path: Path) -> None:
    long = "CAST('" + "word " * 100 + f"' || {BAD} AS TEXT)"
    damage(path, f"UPDATE turns SET prompt = {long} WHERE turn_id = 'turn_1a'")  # noqa: S608  # names of this test
    async with opened(path) as ledger:
        loaded = await ledger.load("ses_1")
    assert loaded is not None
    assert loaded.turns[0].request.prompt == "word " * 100 + "caff\ufffd"


def flip_bits(path: Path, seed: int) -> None:
    """Flip thirty bits behind the first page."""
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)  # a test
    for _ in range(30):
        content[chance.randrange(4096, len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "seed", [*range(15), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(15, 200))]
)
async def test_flipped_bits_cause_only_our_own_errors(path: Path, seed: int) -> None:
    flip_bits(path, seed)
    for access in (FileAccess.READ, FileAccess.REPLACE_DAMAGED):
        # A damaged page is reported as an error of ours, never as one of Python.
        with suppress(LedgerError):
            await read_all(path, access)


async def test_the_app_opens_a_damaged_history(path: Path) -> None:
    """The queries of the app's start, on a history in which every text is damaged."""
    damage(path, f"UPDATE turns SET prompt = {BAD}, attachments = {BAD}, status = {BAD}")  # noqa: S608  # names of this test
    ledger = Ledger(path)
    await ledger.start()
    (summary, _) = await ledger.history.sessions()
    loaded = await ledger.load(summary.session_id)
    assert loaded is not None
    assert [turn.request.prompt for turn in loaded.turns] == [UNREADABLE] * 3
    await ledger.aclose()
