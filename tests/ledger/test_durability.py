"""The durability of each commit, and that a failed one leaves nothing behind."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.errors import Damaged, LedgerError, Locked, NoRoom
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import put_turn
from handinger_tui.ledger import turns
from handinger_tui.ledger.charges.entries import ChargeCache
from handinger_tui.ledger.database import Database
from handinger_tui.ledger.database_file import open_database
from handinger_tui.ledger.sql import TurnFrame, translate
from handinger_tui.ledger.turns import FrameWriter, Run
from tests.ledger.samples import answered, frame, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path


def trace_statements(connection: sqlite3.Connection) -> list[str]:
    """Every later statement."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    return statements


def commit_settings(statements: list[str]) -> list[str]:
    """The `synchronous` setting at each commit."""
    levels, level = [], "?"
    for statement in statements:
        if statement.startswith("PRAGMA synchronous"):
            level = statement.rpartition(" ")[2]
        if statement == "COMMIT":
            levels.append(level)
    return levels


def test_starts_and_ends_of_turns_survive_a_power_cut_and_frames_a_kill(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "h.db", 5).connection
    statements = trace_statements(connection)
    turns.open_turn(connection, session(), turn_request(), Run("run"))
    FrameWriter()(connection, [TurnFrame("turn_1", frame(0, "x"))])
    turn = fold(turn_request(), answered())
    turns.close_turn(connection, put_turn(session(), turn), "turn_1", ChargeCache())
    connection.close()
    assert commit_settings(statements) == ["FULL", "NORMAL", "FULL"]


def test_a_failed_transaction_leaves_nothing_behind(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "h.db", 5).connection
    turns.open_turn(connection, session(), turn_request(), Run("run"))
    with pytest.raises(sqlite3.IntegrityError):
        turns.open_turn(connection, session("ses_2"), turn_request(), Run("run"))
    assert [row["session_id"] for row in connection.execute("SELECT session_id FROM sessions")] == ["ses_1"]
    assert not connection.in_transaction
    connection.close()


def test_writing_a_batch_again_repeats_nothing(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "h.db", 5).connection
    turns.open_turn(connection, session(), turn_request(), Run("run"))
    frames = [TurnFrame("turn_1", frame(seq, f"{seq}")) for seq in range(3)]
    FrameWriter()(connection, frames[:2])
    FrameWriter()(connection, frames)
    assert [row["data"] for row in connection.execute("SELECT data FROM frames ORDER BY seq")] == [
        "0",
        "1",
        "2",
    ]
    connection.close()


def error(code: int) -> sqlite3.Error:
    problem = sqlite3.OperationalError("words that nobody reads")
    problem.sqlite_errorcode = code
    return problem


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (error(sqlite3.SQLITE_BUSY), Locked),
        (error(sqlite3.SQLITE_BUSY_SNAPSHOT), Locked),
        (error(sqlite3.SQLITE_FULL), NoRoom),
        (error(sqlite3.SQLITE_IOERR_WRITE), NoRoom),
        (error(sqlite3.SQLITE_READONLY_DBMOVED), NoRoom),
        (error(sqlite3.SQLITE_IOERR_READ), LedgerError),
        (error(sqlite3.SQLITE_CANTOPEN), NoRoom),
        (error(sqlite3.SQLITE_CORRUPT_INDEX), Damaged),
        (error(sqlite3.SQLITE_NOTADB), Damaged),
        (error(sqlite3.SQLITE_CONSTRAINT_UNIQUE), LedgerError),
        (sqlite3.OperationalError("without a code"), LedgerError),
        (OSError(28, "No space left on device"), NoRoom),
    ],
)
def test_errors_are_translated_by_their_code(
    problem: sqlite3.Error | OSError, kind: type[LedgerError]
) -> None:
    result = translate(problem)
    assert type(result) is kind
    assert result.summary
    assert ("Cannot write" in result.summary) == (kind is NoRoom)
    assert "cannot be written" not in translate(problem, reading=True).summary


async def test_damage_noticed_during_use_is_reported(tmp_path: Path) -> None:
    reports: list[str] = []
    database = Database(
        lambda: open_database(tmp_path / "h.db", 5),
        lambda *_: None,
        on_damage=lambda: reports.append("damage"),
    )
    await database.start()

    def broken(_db: sqlite3.Connection) -> None:
        raise error(sqlite3.SQLITE_CORRUPT)

    with pytest.raises(Damaged):
        await database.run(broken)
    await database.close()
    assert reports == ["damage"]
