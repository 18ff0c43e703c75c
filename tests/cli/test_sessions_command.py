"""`handinger-tui sessions`: the table, its JSON, and the question before a session is deleted."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.core.jsontext import dump
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.core.turns.turn import WITHDRAWN, Lineage, LineageKind, TurnStatus, outcome_object
from tests.cli.program import MAIN, environ
from tests.e2e.runner import run
from tests.ledger.samples import answered, opened, play, session, turn_request
from tests.ledger.size import fill
from tests.ledger.test_search import filled

if TYPE_CHECKING:
    from pathlib import Path

CTRL_C = "\x03"
EDITED = Lineage(LineageKind.EDIT, "ses_01KB00000000AAAA", "turn_1", 1)
FORKED = Lineage(LineageKind.FORK, "ses_01KB00000000AAAA", "turn_2", 2, "Tea")


@pytest.fixture
async def home(own_home: Path) -> Path:
    async with opened(own_home / "history.db") as ledger:
        tea = session("ses_01KB00000000AAAA", title="Tea " * 20)
        tea = await play(ledger, tea, turn_request("turn_1", "Which tea?"), answered("null"))
        await play(ledger, tea, turn_request("turn_2", "Which green tea?", lineage=EDITED), answered())
        fork = session("ses_01KB00000000BBBB", title="Fork of tea")
        await play(ledger, fork, turn_request("turn_3", "Go on", lineage=FORKED), answered())
    return own_home


def ids(home: Path) -> set[str]:
    return {row["session_id"] for row in run("sessions", "--json", home=home).result["sessions"]}


class Ended(NamedTuple):
    code: int
    text: str


def on_a_terminal(home: Path, *argv: str, answer: str = "") -> Ended:
    """Run the program on its own terminal; `answer` is typed as soon as it asks."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, *MAIN, *argv], env=environ(home), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown, is_answered = "", False
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:
            # The last process that had it open has ended.
            break
        if not read:
            break
        shown += read.decode()
        if answer and not is_answered and "[y/N]" in shown:
            if answer == CTRL_C:
                child.send_signal(signal.SIGINT)
            else:
                os.write(ours, answer.encode())
            is_answered = True
    os.close(ours)
    return Ended(child.wait(30), shown.replace("\r\n", "\n"))


# -- the table ---------------------------------------------------------------------------------------
def test_a_pipe_gets_a_table_with_complete_ids(home: Path) -> None:
    ran = run("sessions", home=home)
    head, first, second = ran.out.splitlines()
    assert head.split() == ["Title", "Status", "Turns", "Cost", "Credits", "Updated", "ID"]
    assert first.split()[:4] == ["Fork", "of", "tea", "completed"]
    assert first.endswith("ses_01KB00000000BBBB")
    assert second.endswith("ses_01KB00000000AAAA")
    assert " completed      2  $0.50 " in second


def test_a_terminal_gets_one_row_per_session_and_ids_that_are_unique_and_sufficient(home: Path) -> None:
    ended = on_a_terminal(home, "sessions")
    rows = ended.text.splitlines()
    assert len(rows) == 3
    assert all(len(row) <= 80 for row in rows)
    assert "Tea Tea Tea" in rows[2]
    assert "…" in rows[2]
    prefix = rows[2].split()[-1]
    assert prefix == "ses_01KB00000000A"
    assert "Which green tea?" in run("sessions", "show", prefix, home=home).out


def test_a_table_has_the_newest_sessions_and_json_has_all(home: Path) -> None:
    with closing(sqlite3.connect(home / "history.db", isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("CREATE TEMP TABLE copies AS SELECT * FROM sessions LIMIT 1")
        for number in range(500):
            connection.execute("UPDATE copies SET session_id = ?", (f"ses_copy_{number}",))
            connection.execute("INSERT INTO sessions SELECT * FROM copies")
        connection.execute("COMMIT")
    ran = run("sessions", home=home)
    assert len(ran.out.splitlines()) == 1 + 500
    assert "2 older sessions not listed. Use: handinger-tui sessions search, or --json" in ran.err
    assert len(ids(home)) == 502


def test_json_has_the_lineage_of_sessions_and_of_turns(home: Path) -> None:
    listed = run("sessions", "--json", home=home).result["sessions"]
    assert [row["lineage"] for row in listed] == [
        {
            "kind": "fork",
            "session_id": "ses_01KB00000000AAAA",
            "turn_id": "turn_2",
            "number": 2,
            "title": "Tea",
        },
        None,
    ]
    shown = run("sessions", "show", "ses_01KB00000000A", "--json", home=home).result["turns"]
    assert shown[0]["lineage"] is None
    assert shown[1]["lineage"] == {
        "kind": "edit",
        "session_id": "ses_01KB00000000AAAA",
        "turn_id": "turn_1",
        "number": 1,
        "title": None,
    }


def test_text_and_exports_name_the_origin_of_a_message(home: Path) -> None:
    assert "(edited from message 1)" in run("sessions", "show", "ses_01KB00000000A", home=home).out
    assert "*edited from message 1*" in run("export", "ses_01KB00000000A", home=home).out
    assert "*forked from “Tea”, message 2*" in run("export", "ses_01KB00000000B", home=home).out


# -- deleting ----------------------------------------------------------------------------------------
def test_without_a_terminal_nothing_is_deleted_without_yes(home: Path) -> None:
    before = ids(home)
    ran = run("sessions", "rm", "ses_01KB00000000A", home=home, stdin="y\n")
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert "Nothing was deleted" in ran.err
    assert "handinger-tui sessions rm ses_01KB00000000AAAA --yes" in ran.err
    assert ids(home) == before
    ran = run("sessions", "rm", "ses_01KB00000000A", "--yes", "--json", home=home)
    assert (ran.result["session_id"], ran.result["done"]) == ("ses_01KB00000000AAAA", "rm")
    assert ids(home) == {"ses_01KB00000000BBBB"}


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04", "yep\n"])
def test_on_a_terminal_only_yes_deletes(home: Path, answer: str) -> None:
    ended = on_a_terminal(home, "sessions", "rm", "ses_01KB00000000A", answer=answer)
    assert ended.code == Exit.OK
    assert "(ses_01KB00000000AAAA) with 2 turns from this computer?" in ended.text
    assert "Its costs ($0.50 so far) stay in the history. The worker is not affected." in ended.text
    assert ended.text.rstrip().endswith("Nothing was deleted.")
    assert len(ids(home)) == 2


def test_a_yes_on_a_terminal_deletes_the_session_and_its_costs_stay(home: Path) -> None:
    before = run("costs", "--by", "worker", "--json", home=home).out
    ended = on_a_terminal(home, "sessions", "rm", "ses_01KB00000000A", answer="Yes\n")
    assert ended.code == Exit.OK
    assert ended.text.rstrip().endswith("(ses_01KB00000000AAAA).")
    assert ids(home) == {"ses_01KB00000000BBBB"}
    assert run("costs", "--by", "worker", "--json", home=home).out == before


def test_settings_that_are_not_applied_are_named_once(home: Path) -> None:
    (home / "config.toml").write_text("x = [", "utf-8")
    ran = run("sessions", "rm", "ses_01KB00000000BBBB", "--yes", home=home)
    assert (ran.code, ran.err.count("The settings are not applied: ")) == (0, 1)
    assert len(ran.err.splitlines()) == 1


def test_ctrl_c_at_the_question_deletes_nothing(home: Path) -> None:
    ended = on_a_terminal(home, "sessions", "rm", "ses_01KB00000000A", answer=CTRL_C)
    assert ended.code == Exit.INTERRUPTED
    assert len(ids(home)) == 2


def test_the_search_reports_old_turns_that_are_not_indexed(own_home: Path) -> None:
    asyncio.run(filled(own_home / "history.db"))
    with closing(sqlite3.connect(own_home / "history.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM search_entries")
    ran = run("sessions", "search", "tisza", home=own_home)
    assert (ran.code, ran.out) == (0, "No matches.\n")
    assert "Of 4 turns of an earlier version, only prompts and answers were searched." in ran.err
    assert "handinger-tui sessions compact" in ran.err
    assert run("sessions", "search", "tisza", "--json", home=own_home).result["unprepared_turns"] == 4
    assert run("sessions", "compact", home=own_home).code == 0
    ran = run("sessions", "search", "tisza", home=own_home)
    assert "[Tisza]" in ran.out
    assert ran.err == ""


def test_compact_reports_sizes_and_removes_old_frames(own_home: Path) -> None:
    async def fill_history() -> None:
        async with opened(own_home / "history.db") as ledger:
            await fill(ledger, 20)

    asyncio.run(fill_history())
    figures = run("sessions", "compact", "--json", home=own_home).result
    assert (figures["turns"], figures["dropped_turns"]) == (20, 0)
    assert "a turn)" in run("sessions", "compact", home=own_home).out
    (own_home / "config.toml").write_text('keep_frames = "soon"', "utf-8")
    assert run("sessions", "compact", home=own_home).code == Exit.USAGE
    (own_home / "config.toml").write_text('keep_frames = "30 days"', "utf-8")
    ran = run("sessions", "compact", home=own_home)
    assert "The single deltas of 20 turns older than 30 days were removed (keep_frames)." in ran.out
    later = run("sessions", "compact", "--json", home=own_home).result
    assert later["bytes"] < figures["bytes"]
    assert later["dropped_turns"] == 0


LEFT_RUNNING = Frame(
    4, 1005, Framing.NOTE, '{"status": "running", "recovered": false, "fault": null}', Marker.SETTLED
)


async def left(home: Path, *, running: bool) -> None:
    """A session whose turn still runs, or that has two messages in its queue."""
    async with opened(home / "history.db") as ledger:
        own = session("ses_01KB00000000CCCC", base_url="https://a.example")
        frames = [*answered()[:4], LEFT_RUNNING] if running else answered()
        own = await play(ledger, own, turn_request("turn_1", "First"), frames)
        for number in (2, 3) if not running else ():
            await ledger.open_turn(own, turn_request(f"turn_{number}", "Queued"))


def test_a_session_whose_worker_runs_is_not_deleted(own_home: Path) -> None:
    asyncio.run(left(own_home, running=True))
    ran = run("sessions", "rm", "ses_01KB00000000CCCC", "--yes", home=own_home)
    assert ran.code != 0
    assert "still running and may keep charging. Nothing was deleted." in ran.err
    assert ids(own_home) == {"ses_01KB00000000CCCC"}


async def withdraw(home: Path) -> None:
    """A session with a message that was withdrawn, and one that was answered."""
    end = Frame(0, 2_000, Framing.NOTE, dump(outcome_object(TurnStatus.NOT_SENT, WITHDRAWN)), Marker.SETTLED)
    async with opened(home / "history.db") as ledger:
        talk = await play(ledger, session("ses_1", title="Tea"), turn_request("turn_1", "Black?"), [end])
        await play(ledger, talk, turn_request("turn_2", "Green?"), answered("null"))


def test_a_session_with_messages_that_wait_says_so(own_home: Path) -> None:
    async def filled_queue() -> None:
        async with opened(own_home / "history.db") as ledger:
            tea = await play(ledger, session("ses_1"), turn_request("turn_1", "Which tea?"), answered())
            for number in (2, 3):
                await ledger.open_turn(tea, turn_request(f"turn_{number}", "More"))

    asyncio.run(filled_queue())
    assert "  completed · 2 queued  " in run("sessions", home=own_home).out


def test_a_session_is_shown_as_it_is_exported_without_what_was_withdrawn(own_home: Path) -> None:
    asyncio.run(withdraw(own_home))
    shown = run("sessions", "show", "ses_1", home=own_home).out
    assert "> Green?\n\nan answer\n\n" in shown
    assert "Black?" not in shown
    assert "Black?" not in run("export", "ses_1", "--format", "md", home=own_home).out


def test_messages_that_were_not_sent_are_withdrawn_with_their_session(own_home: Path) -> None:
    asyncio.run(left(own_home, running=False))
    output = on_a_terminal(own_home, "sessions", "rm", "ses_01KB00000000CCCC", answer="y\r")
    assert "2 messages of it were not sent, and will not be." in " ".join(output.text.split())
    assert ids(own_home) == set()
    rows, heading, _ = run("costs", home=own_home).out.partition("Cost by category:")
    assert heading
    assert "unknown" not in rows.lower()
    assert "0.5" in rows
    total = run("costs", "--json", home=own_home).result["total"]
    assert (total["turns"], total["incomplete"], total["unpriced_turns"]) == (1, 0, 0)
