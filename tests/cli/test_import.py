"""`handinger-tui import FILE`: reports its result, marks the session, never costs anything,
and never stores a part.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.local.server import LocalServer
from tests.e2e.runner import run
from tests.house.test_imports import NETWORK, SCREEN, loaded_by
from tests.ledger.samples import answered, look, opened, play, session, turn_request
from tests.ledger.test_imports import exported_file

URL = "https://worker.example"


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "tea.json"
    path.write_text(await exported_file(1, 3, name="ses_tea"), "utf-8")
    return path


def listed(home: Path) -> list[dict[str, Any]]:
    sessions: list[dict[str, Any]] = json.loads(run("sessions", "--json", home=home).out)["sessions"]
    return sessions


def test_the_result_names_the_session_and_says_that_nothing_is_charged(own_home: Path, file: Path) -> None:
    ran = run("import", str(file), home=own_home)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "Imported “prompt 0” (ses_tea): 2 turns. Imported turns are not charged here.\n"
        "Open it: handinger-tui --resume ses_tea\n"
    )
    (row,) = listed(own_home)
    assert (row["imported_turns"], row["cost_usd"], row["unpriced_turns"]) == (2, None, 0)
    assert "imported" in run("sessions", home=own_home).out
    assert run("sessions", "show", "ses_tea", home=own_home).out.count(" · imported") == 2
    assert "- Imported: 2 turns, not charged here\n" in run("export", "ses_tea", home=own_home).out
    assert run("costs", home=own_home).out.startswith("No costs yet.")
    assert "[answer] 1" in run("sessions", "search", "answer", home=own_home).out


def test_a_message_that_was_not_sent_is_no_turn(own_home: Path, file: Path) -> None:
    content = json.loads(file.read_text("utf-8"))
    last = content["turns"][-1]
    content["turns"].append({**last, "turn_id": "turn_new", "record": {**last["record"], "frames": []}})
    file.write_text(json.dumps(content), "utf-8")
    ran = run("import", str(file), home=own_home)
    assert ran.out.startswith("Imported “prompt 0” (ses_tea): 2 turns, and 1 message not sent. ")
    (row,) = listed(own_home)
    assert row["turns"] == 2
    assert run("sessions", "rm", "ses_tea", "--yes", home=own_home).code == 0
    assert run("import", str(file), "--json", home=own_home).result["turns"] == 2


def test_a_second_import_reports_that_the_session_exists(own_home: Path, file: Path) -> None:
    text = file.read_text("utf-8")
    assert json.loads(run("import", "-", "--json", home=own_home, stdin=text).out) == {
        "schema": "handinger-tui/import/1",
        "session_id": "ses_tea",
        "title": "prompt 0",
        "turns": 2,
        "imported": True,
    }
    ran = run("import", str(file), home=own_home)
    assert (ran.code, ran.out.splitlines()[0]) == (
        0,
        "“prompt 0” (ses_tea) is already in the history. Nothing was changed.",
    )
    assert json.loads(run("import", str(file), "--json", home=own_home).out)["imported"] is False
    assert len(listed(own_home)) == 1


@pytest.fixture
async def own_tea(own_home: Path) -> Path:
    """A history with the session itself."""
    async with opened(own_home / "history.db") as ledger:
        await play(ledger, session("ses_tea", base_url=URL), turn_request(), answered(2))
    return own_home


def test_a_session_of_this_history_is_not_imported_over_itself(own_tea: Path, tmp_path: Path) -> None:
    own_home = own_tea
    before = look(own_home / "history.db", "SELECT * FROM turn_totals")
    path = tmp_path / "tea.json"
    assert run("export", "ses_tea", "-o", str(path), home=own_home).code == 0
    assert "is already in the history" in run("import", str(path), home=own_home).out
    assert look(own_home / "history.db", "SELECT * FROM turn_totals") == before
    assert listed(own_home)[0]["imported_turns"] == 0


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{}", Exit.USAGE, "The file is not a session that handinger-tui exported. Nothing was imported."),
        ('{"schema":"handinger-tui/session/9"}', Exit.USAGE, "Update handinger-tui."),
        ('{"schema":"handinger-tui/session/2",', Exit.USAGE, "not a JSON document, or a part is missing"),
        (None, Exit.LOCAL_IO, "No such file or directory. Name a file, or - for stdin."),
    ],
)
def test_a_failed_import_is_reported_in_one_line(
    own_home: Path, tmp_path: Path, text: str | None, code: Exit, words: str
) -> None:
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text, "utf-8")
    ran = run("import", str(path), home=own_home)
    assert (ran.code, ran.out) == (code, "")
    assert words in " ".join(ran.err.split())
    assert not (own_home / "history.db").exists()
    error = json.loads(run("import", str(path), "--json", home=own_home).out)["error"]
    assert error["may_have_been_charged"] is False


def test_a_folder_and_a_pipe_are_refused(own_home: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    for name in (tmp_path, tmp_path / "pipe", tmp_path / "endless", tmp_path / "loop", "no\0name"):
        assert run("import", str(name), home=own_home).code == Exit.LOCAL_IO


def test_it_loads_neither_screen_nor_network(tmp_path: Path, file: Path) -> None:
    assert loaded_by(tmp_path, "import", str(file)).isdisjoint(SCREEN | NETWORK)


def test_a_message_in_an_imported_session_costs_only_its_own_turn(tmp_path: Path) -> None:
    """Two computers, one worker: the costs of the first one are not charged on the second."""
    first, second = tmp_path / "first", tmp_path / "second"
    path = tmp_path / "file.json"
    with LocalServer.start(pace=0) as server:

        def send(home: Path, *argv: str) -> dict[str, Any]:
            ran = run(*argv, "-p", "--json", home=home, base_url=server.base_url, key=server.api_key)
            assert ran.code == 0
            return ran.result

        paid = [send(first, "hello"), send(first, "again", "-c")]
        name, worker = paid[0]["session_id"], paid[0]["worker_id"]
        assert run("export", name, "-o", str(path), home=first).code == 0
        assert run("import", str(path), home=second).code == 0
        assert send(second, "attach", worker)["turn_id"] == paid[1]["turn_id"]
        assert [row["turns"] for row in listed(second)] == [2], "nothing is adopted that was imported"
        assert run("costs", home=second).out.startswith("No costs yet.")
        sent = send(second, "and now", "-r", name)
    own = json.loads(run("costs", "--json", home=second).out)["total"]
    assert (sent["worker_id"], own["turns"], own["unpriced_turns"]) == (worker, 1, 0)
    cost = Decimal(sent["usage"]["cost_usd"])
    assert Decimal(own["cost_usd"]) == cost - sum(Decimal(one["turn_usage"]["cost_usd"]) for one in paid)
    assert run("sessions", home=second).out.count(" + imported") == 1


@pytest.fixture
async def big(tmp_path: Path) -> Path:
    """A file whose import writes several megabytes."""
    file = json.loads(await exported_file(*range(1, 30)))
    for turn in file["turns"]:
        turn["record"]["frames"] += [[2_000, "sse", "", None, os.urandom(5_000).hex()] for _ in range(20)]
    path = tmp_path / "big.json"
    path.write_text(json.dumps(file), "utf-8")
    return path


@pytest.mark.parametrize("bytes_written", [1, 200_000, 2_000_000])
def test_a_kill_during_an_import_leaves_all_or_nothing(own_home: Path, big: Path, bytes_written: int) -> None:
    log = own_home / "history.db-wal"
    child = subprocess.Popen([sys.executable, "-m", "handinger_tui", "import", str(big)])
    while child.poll() is None:
        if log.exists() and log.stat().st_size >= bytes_written:
            child.kill()
            break
        time.sleep(0.001)
    child.wait()
    assert [row["turns"] for row in listed(own_home)] in ([], [29])
    assert run("import", str(big), home=own_home).code == 0
    assert [row["turns"] for row in listed(own_home)] == [29]
