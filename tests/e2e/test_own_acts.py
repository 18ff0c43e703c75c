"""Rows of one promise, by raw keys: nothing is paid without its own act, and nothing typed is lost."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.accounts import Account
from tests.e2e.runner import run
from tests.e2e.terminal import terminal
from tests.e2e.test_early_frame import early_texts
from tests.e2e.test_typing import drafts

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.terminal
# Each has tests without a terminal, which run always.
slow = pytest.mark.slow
CTRL_UP = "\x1b[1;5A"


@slow
def test_a_queued_message_is_no_turn_and_its_time_begins_when_it_is_sent(tmux: str, tmp_path: Path) -> None:
    with LocalServer.start(pace=0.05) as server:
        account = Account(server, "workers")
        with terminal(tmux, 80, 24) as window:
            window.run("long 60", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows("Paragraph ")
            window.type("echo two\r")
            window.shows(" 1  echo two")
            queued_at = time.monotonic()
            assert run("costs", "--json", home=tmp_path).result["total"]["turns"] == 1
            window.until(lambda screen: "❯ echo two" in screen and "completed" in screen, "the second answer")
            waited_s = time.monotonic() - queued_at
            window.press("C-d")
            window.shows("exit=0")
        session_id = run("sessions", "list", "--json", home=tmp_path).result["sessions"][0]["session_id"]
        turns = run("sessions", "show", "--json", session_id, home=tmp_path).result["turns"]
        assert turns[1]["duration_ms"] < 0.5 * waited_s * 1000


@slow
def test_a_fork_needs_a_message_an_edit_is_named_and_a_retry_leads_back(tmux: str, tmp_path: Path) -> None:
    with LocalServer.start() as server:
        account = Account(server, "workers")
        with terminal(tmux, 80, 24) as window:
            window.run("echo one", home=tmp_path, **account.environ)
            window.shows("completed")
            window.type("/edit 1\r")
            window.shows("Editing message 1")
            window.press("Escape")
            window.until(lambda screen: "Editing message" not in screen, "the edit is over")
            # A retry out of the browse mode: behind its yes the letters go to the prompt.
            window.type(CTRL_UP)
            window.shows("Browsing")
            window.press("Enter")
            window.shows("Retry")
            window.press("Down", "Down", "Enter")
            window.shows("Try again?")
            window.press("Right", "Enter")
            window.until(lambda screen: "↳ message 1 again" in screen and "completed" in screen, "a retry")
            window.type("more")
            window.shows("│ more")
            window.press("C-u")
            window.type("/fork 1\r")
            window.shows("Add a message")
            window.press("Enter")
            window.press("Enter")
            # At its end the program has handled both.
            window.press("C-c", "C-c", "C-c")
            window.shows("exit=0")
            assert account.prompts(tmp_path) == ["echo one", "echo one"]
            assert len(run("sessions", "list", "--json", home=tmp_path).result["sessions"]) == 1


@slow
def test_the_session_of_a_worker_is_found_behind_two_hundred_newer_ones(tmux: str, tmp_path: Path) -> None:
    with LocalServer.start() as server:
        account = Account(server, "workers")
        environ = account.environ
        first = run("-p", "echo one", "--json", home=tmp_path, **environ).result
        age(tmp_path)
        with terminal(tmux, 80, 24) as window:
            window.run("-w", first["worker_id"], home=tmp_path, **environ)
            window.shows("❯ echo one")
            window.type("echo two\r")
            window.until(lambda screen: "❯ echo two" in screen and "completed" in screen, "an answer")
            window.press("C-d")
            window.shows("exit=0")
        with closing(sqlite3.connect(tmp_path / "history.db")) as database:
            owners = database.execute("SELECT COUNT(DISTINCT session_id) FROM turns").fetchone()
        assert owners == (1,)


def age(home: Path) -> None:
    """Put two hundred newer sessions before the only one."""
    with closing(sqlite3.connect(home / "history.db")) as database, database:
        names = [row[1] for row in database.execute("PRAGMA table_info(sessions)")]
        picked = {"session_id": "'ses_n' || n", "worker_id": "'wrk_n' || n", "updated_ms": "updated_ms + n"}
        values = ", ".join(picked.get(name, name) for name in names)
        count = "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 205)"
        columns = ", ".join(names)
        database.execute(f"{count} INSERT INTO sessions ({columns}) SELECT {values} FROM sessions, count")  # noqa: S608 - our own names


def test_the_last_keys_and_an_enter_just_before_a_kill_are_there_again(tmux: str, tmp_path: Path) -> None:
    with LocalServer.start(pace=0.1) as server:
        account = Account(server, "workers")
        with terminal(tmux, 80, 24) as window:
            window.run("long 100", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows("Paragraph ")
            window.type("echo queued\r")
            window.shows(" 1  echo queued")
            window.type("half a thought")
            window.shows("half a thought")
            # A busy machine saves it later than 0.2 s after the last key.
            window.until(lambda _screen: "half a thought" in drafts(tmp_path), "the draft on disk")
            window.kill()
        with terminal(tmux, 80, 24) as window:
            window.run("-c", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows("half a thought")
            window.shows(" 1  echo queued")


def test_what_is_typed_while_the_history_is_locked_survives_a_kill(tmux: str, tmp_path: Path) -> None:
    with LocalServer.start() as server:
        environ = Account(server, "workers").environ
        run("-p", "echo one", home=tmp_path, **environ)
        with (
            closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as other,
            terminal(tmux, 60, 20) as window,
        ):
            other.execute("BEGIN EXCLUSIVE")
            window.run(home=tmp_path, **environ)
            window.shows("Enter Send")
            window.type("half a thought")
            window.until(lambda _screen: "half a thought" in early_texts(tmp_path), "the text on disk")
            window.kill()
        # Two that begin at once: one has it.
        with terminal(tmux, 60, 20) as first, terminal(tmux, 60, 20) as second:
            for window in (first, second):
                window.run(home=tmp_path, **environ)
            for window in (first, second):
                window.shows("echo one")
            draft = "│ half a thought"
            first.until(lambda screen: draft in screen or draft in second.screen, "the text in a prompt")
            first.until(lambda _screen: not early_texts(tmp_path), "the draft of the history")
            assert (draft in first.screen) != (draft in second.screen)
