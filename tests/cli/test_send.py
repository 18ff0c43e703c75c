"""`send ID TEXT`: one message, sent once, whoever watches the session."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Final

import pytest

from handinger_tui.local.server import LocalServer
from tests.chaos.rawterm import rawterm
from tests.cli.program import environ, run_on, start
from tests.cli.test_busy_worker import streaming
from tests.e2e.accounts import Account
from tests.e2e.held import held_worker
from tests.e2e.runner import run

run_here = partial(run_on, generation="workers")


def newest_session(home: Path) -> str:
    return str(run("sessions", "list", "--json", home=home).result["sessions"][0]["session_id"])


def test_a_message_goes_into_an_idle_session(tmp_path: Path) -> None:
    with LocalServer.start(pace=0) as server:
        account = Account(server, "workers")
        first = run_here(server, tmp_path, "-p", "echo one", "--json")
        sent = run_here(server, tmp_path, "send", first.result["session_id"], "echo two", "--json")
        assert sent.code == 0
        assert sent.result["posts_sent"] == 1
        assert sent.result["session_id"] == first.result["session_id"]
        assert account.prompts(tmp_path) == ["echo one", "echo two"]
        assert run_here(server, tmp_path, "send", "ses_none", "echo three").code == 2
        assert account.prompts(tmp_path) == ["echo one", "echo two"]


def test_a_message_waits_for_a_detached_turn(tmp_path: Path) -> None:
    with held_worker() as (server, may_end):
        account = Account(server, "workers")
        first = run_here(server, tmp_path, "-p", "long 20", "--detach", "--json")
        words = ("send", first.result["worker_id"], "echo two", "--json")
        sender = start(environ(tmp_path, **account.environ), *words)
        assert sender.stderr is not None
        assert "still runs an earlier message" in sender.stderr.readline()
        may_end.set()
        out, _ = sender.communicate(timeout=60)
        assert sender.returncode == 0
        assert json.loads(out)["status"] in {"running", "completed"}
        assert account.prompts(tmp_path) == ["long 20", "echo two"]


WAITING: Final = "SELECT COUNT(*) FROM turns WHERE status = 'queued' AND settled_ms IS NULL"
OFFERED: Final = "SELECT COUNT(*) FROM offers"


def count(home: Path, query: str) -> int:
    """What a query of the history counts."""
    (path,) = home.rglob("*.db")
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(query).fetchone()[0])


@contextmanager
def running(tmp_path: Path, *, is_watched: bool) -> Iterator[Account]:
    """A session whose turn runs; `is_watched`: in a program that has it open."""
    with held_worker() as (server, _may_end), ExitStack() as stack:
        account = Account(server, "workers")
        if is_watched:
            stack.enter_context(streaming(tmp_path, account, "long 60"))
        else:
            run_here(server, tmp_path, "-p", "long 60", "--detach")
        yield account


@contextmanager
def sending(tmp_path: Path, account: Account, code: str | None = None) -> Iterator[Popen[str]]:
    """A program that leaves a message for that session."""
    words = ("send", newest_session(tmp_path), "echo two", "--json")
    sender = start(environ(tmp_path, **account.environ), *words, code=code)
    try:
        yield sender
    finally:
        sender.kill()


def assert_withdrawn(tmp_path: Path, account: Account, sender: Popen[str]) -> None:
    """A signal has ended the program, and nobody has its message or sends it."""
    out, _ = sender.communicate(timeout=60)
    assert sender.returncode == 130
    result = json.loads(out)
    assert (result["status"], result["posts_sent"], result["draft"]) == ("not_sent", 0, "echo two")
    assert (count(tmp_path, WAITING), count(tmp_path, OFFERED)) == (0, 0)
    assert account.prompts(tmp_path) == ["long 60"]


@pytest.mark.parametrize(
    ("is_watched", "waits"), [(False, WAITING), pytest.param(True, OFFERED, marks=pytest.mark.slow)]
)
def test_a_signal_withdraws_a_message_that_waits(tmp_path: Path, waits: str, *, is_watched: bool) -> None:
    """Nobody sends it later: not the program to which it was offered, and not the next one."""
    with running(tmp_path, is_watched=is_watched) as account, sending(tmp_path, account) as sender:
        while not count(tmp_path, waits):
            assert sender.poll() is None
        sender.send_signal(signal.SIGINT)
        assert_withdrawn(tmp_path, account, sender)


SIGNALED: Final = """
import os, signal, sys
from handinger_tui.cli.main import main
from handinger_tui.ledger.offers import Offers

offer = Offers.offer
async def signaled(offers, turn_id):
    os.kill(os.getpid(), signal.SIGINT)
    return await offer(offers, turn_id)
Offers.offer = signaled
sys.exit(main())
"""


@pytest.mark.parametrize("is_watched", [False, True])
def test_a_signal_withdraws_a_message_that_is_just_being_stored(tmp_path: Path, *, is_watched: bool) -> None:
    """The signal arrives when the message is on the disk, and its place in a queue is not decided."""
    with (
        running(tmp_path, is_watched=is_watched) as account,
        sending(tmp_path, account, code=SIGNALED) as sender,
    ):
        assert_withdrawn(tmp_path, account, sender)


@pytest.mark.slow
def test_a_program_without_a_queue_leaves_the_message_to_its_sender(tmp_path: Path) -> None:
    with LocalServer.start(pace=0.2) as server:
        account = Account(server, "workers")
        with streaming(tmp_path, account, "long 60"):
            sent = run_here(server, tmp_path, "send", newest_session(tmp_path), "echo two", "--json")
            assert sent.code == 0, sent.err
            assert sent.result["status"] in {"running", "completed"}
        assert account.prompts(tmp_path) == ["long 60", "echo two"]


@pytest.mark.slow
@pytest.mark.terminal
def test_the_app_that_watches_the_session_sends_the_message(tmp_path: Path) -> None:
    with LocalServer.start(pace=0.2) as server:
        account = Account(server, "workers")
        with rawterm(
            "long 60", home=tmp_path, rows=40, columns=120, in_control=True, **account.environ
        ) as app:
            app.wait_for("Paragraph 1")
            session_id = newest_session(tmp_path)
            left = run_here(server, tmp_path, "send", session_id, "echo from the shell", "--json")
            assert left.code == 0
            assert left.result["status"] == "queued"
            assert left.result["posts_sent"] == 0
            assert "the program that watches this session sends it" in left.err
            app.wait_for("from the shell", "from the shell")
            while account.prompts(tmp_path) != ["long 60", "echo from the shell"]:
                app.drain()
            app.drain()
        assert account.prompts(tmp_path) == ["long 60", "echo from the shell"]
