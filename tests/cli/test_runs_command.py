"""`handinger-tui runs`: the board as text and JSON, and its changes one by one in a pipe."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.cli.program import MAIN, environ
from tests.e2e.runner import run
from tests.ledger.samples import answered, opened, play, session, turn_request

HERE = "https://one.example"


@pytest.fixture
async def home(own_home: Path) -> Path:
    """One session that failed and was not read, one that completed, and a quiet one."""
    async with opened(own_home / "history.db") as ledger:
        for name, status in (("ses_1", "failed"), ("ses_2", "completed"), ("ses_3", "completed")):
            own = session(name, title=f"About {name}", base_url=HERE)
            await play(ledger, own, turn_request(f"turn_{name}"), answered("0.25", status=status))
        for name in ("ses_1", "ses_2"):
            await ledger.history.mark_unread(name)
    return own_home


def test_text_and_json_show_the_same_runs_and_the_same_count(home: Path) -> None:
    text = run("runs", home=home)
    assert text.code == 0
    head, columns, *lines = text.out.splitlines()
    assert head.startswith("1 needs you · 0 running · 1 unread")
    assert head.endswith("1 quiet")
    assert columns.split()[:2] == ["Section", "State"]
    assert [line.split()[:2] for line in lines[:2]] == [["!", "needs"], ["○", "unread"]]
    assert all("$0.25" in line and f"ses_{at}" in line for at, line in enumerate(lines[:2], 1))
    act = "handinger-tui --resume ses_1 opens it; nothing is sent by that."
    reason = " ".join(lines[2:-1])
    assert reason == f"! About ses_1: The run failed. {act}", "a shell has no keys of the board"
    assert lines[-1] == "Known on this computer. Runs of other keys and computers are not listed."
    value = run("runs", "--json", home=home).result
    assert value["needs"][0]["act"] == act
    assert (value["complete"], value["needs_you"], value["quiet"]) == (False, 1, 1)
    assert [(one["section"], one["cost_usd"]) for one in value["runs"]] == [
        ("needs you", "0.25"),
        ("unread", "0.25"),
    ]
    only = run("runs", "--json", "--attention", home=home).result
    assert ([one["session_id"] for one in only["runs"]], only["needs_you"]) == (["ses_1"], 1)


def test_the_list_of_sessions_says_what_its_sign_means(home: Path) -> None:
    lines = run("sessions", home=home).out.splitlines()
    assert sum(line.startswith("* About") for line in lines) == 2
    assert lines[-1] == "* unread"


def test_without_runs_the_counts_say_all(own_home: Path) -> None:
    nothing = run("runs", home=own_home).out.splitlines()
    assert nothing == [
        "nothing needs you · 0 running",
        "Known on this computer. Runs of other keys and computers are not listed.",
    ]


def next_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


async def mark_read(home: Path, session_id: str) -> None:
    async with opened(home / "history.db") as ledger:
        await ledger.history.mark_read(session_id)


def test_a_pipe_gets_each_change_once_until_the_interrupt(home: Path) -> None:
    command = [sys.executable, *MAIN, "runs", "--watch", "--json"]
    with subprocess.Popen(command, env=environ(home), stdout=subprocess.PIPE, text=True) as child:
        first = json.loads(next_line(child.stdout))
        assert (first["needs_you"], len(first["runs"])) == (1, 2)
        asyncio.run(mark_read(home, "ses_1"))
        second = json.loads(next_line(child.stdout))
        assert (second["needs_you"], len(second["runs"])) == (0, 1)
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130


def test_a_pipe_without_json_is_append_only(home: Path) -> None:
    command = [sys.executable, *MAIN, "runs", "--watch"]
    with subprocess.Popen(command, env=environ(home), stdout=subprocess.PIPE, text=True) as child:
        lines = [next_line(child.stdout) for _ in range(3)]
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 143
        assert child.stdout is not None
        assert not child.stdout.read()
    assert [line.split(" ", 1)[1].split(" · ")[0] for line in lines] == ["needs you", "unread", "1 needs you"]
    assert "\x1b" not in "".join(lines)
