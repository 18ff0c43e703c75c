"""Queued messages: held, edited, removed, and sent only by the act that says so."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.attention import SEEN_AFTER_S
from tests.e2e.accounts import Account
from tests.e2e.held import held_worker
from tests.e2e.runner import run
from tests.e2e.terminal import Terminal, terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.terminal
# Screen and engine have no branch on a generation (tests/house/test_generations.py): one by default.
sizes = pytest.mark.parametrize(
    ("columns", "rows", "generation"),
    [pytest.param(80, 24, "workers", marks=pytest.mark.slow), (120, 40, "tasks")],
    ids=["workers", "tasks"],
)


def queue_three(window: Terminal) -> None:
    # Any of them: without a stream many arrive together.
    window.shows("Paragraph ")
    for number, text in enumerate(("echo two", "echo three", "echo four"), 1):
        window.type(text)
        window.press("Enter")
        window.shows(f" {number}  {text}")


def answered(window: Terminal, text: str) -> None:
    """Wait until the echo of the last queued message is there and its turn is over."""
    window.until(
        lambda screen: (
            # A panel may be to the right, behind a line.
            any(line.partition("│")[0].strip() == text for line in screen.splitlines())
            and "completed" in screen.splitlines()[0]
        ),
        "the queue went on",
    )


@sizes
def test_detached_with_three_queued_messages_and_back(
    tmux: str, columns: int, rows: int, generation: str, tmp_path: Path
) -> None:
    with held_worker() as (server, may_end):
        account = Account(server, generation)
        with terminal(tmux, columns, rows) as window:
            window.run("long 60", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            queue_three(window)
            window.press("Escape")
            window.shows("3 queued messages wait until you")
            window.press("Right", "Enter")
            window.shows("still running")
            window.shows(" 3  echo four")
            # Removed and edited while the turn is detached.
            window.press("Up")
            window.shows("Enter Edit")
            window.press("Up", "x")
            window.shows(" 2  echo four")
            # Its neighbor is selected already; Down would move to the prompt.
            window.press("Enter")
            window.shows("Enter to put it back in the")
            window.type(" changed")
            window.press("Enter")
            window.shows(" 2  echo four changed")
            window.until(lambda screen: "puts it back" not in screen, "the edit is over")
            assert account.prompts(tmp_path) == ["long 60"]
            may_end.set()
            # The end of the turn is read while it is on the screen; the queue waits for its act.
            window.shows("Enter to send 2 queued messages (about")
            assert account.prompts(tmp_path) == ["long 60"]
            window.press("Enter")
            answered(window, "four changed")
            window.press("C-d")
            window.shows("exit=0")
        assert account.prompts(tmp_path) == ["long 60", "echo two", "echo four changed"]


@pytest.mark.parametrize("generation", ["workers", pytest.param("tasks", marks=pytest.mark.slow)])
def test_queued_messages_survive_a_kill(tmux: str, generation: str, tmp_path: Path) -> None:
    with held_worker() as (server, may_end):
        account = Account(server, generation)
        with terminal(tmux, 100, 30) as window:
            window.run("long 60", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            queue_three(window)
            window.kill()
        may_end.set()
        with terminal(tmux, 100, 30) as window:
            window.run("-c", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows(" 3  echo four")
            window.shows("3 messages from last time were not sent.")
            window.shows("Enter to send 3 queued messages (")
            assert account.prompts(tmp_path) == ["long 60"]
            window.press("Enter")
            answered(window, "four")
        assert account.prompts(tmp_path) == ["long 60", "echo two", "echo three", "echo four"]


three_sizes = pytest.mark.parametrize(
    ("columns", "rows"),
    [(60, 20), *(pytest.param(*size, marks=pytest.mark.slow) for size in ((80, 24), (120, 40)))],
)


@three_sizes
def test_the_queue_waits_while_its_message_is_edited(
    tmux: str, columns: int, rows: int, tmp_path: Path
) -> None:
    with held_worker() as (server, may_end):
        account = Account(server, "workers")
        with terminal(tmux, columns, rows) as window:
            window.run("long 15", home=tmp_path, **account.environ)
            window.shows("Paragraph ")
            window.type("echo one")
            window.press("Enter")
            window.shows(" 1  echo one")
            window.press("Up")
            window.shows("Enter Edit")
            window.press("Enter")
            window.shows("Enter to put it back in the queue")
            window.type(" and more")
            may_end.set()
            window.shows("Enter to send it now (")
            window.shows("editing")
            assert account.prompts(tmp_path) == ["long 15"]
            window.press("Enter")
            answered(window, "one and more")
        assert account.prompts(tmp_path) == ["long 15", "echo one and more"]


@three_sizes
def test_looking_attaching_and_limits_leave_a_held_queue_held(
    tmux: str, columns: int, rows: int, tmp_path: Path
) -> None:
    with held_worker() as (server, may_end):
        account = Account(server, "workers")
        with terminal(tmux, columns, rows) as window:
            window.run("long 40", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows("Paragraph ")
            window.type("echo one")
            window.press("Enter")
            window.shows(" 1  echo one")
            window.press("Escape")
            window.shows("1 queued message waits until you")
            window.press("Right", "Enter")
            window.shows("Enter to watch the worker; 1 queued")
            window.press("C-n")
            window.shows("Enter to watch “long 40”")
            window.press("Enter")
            may_end.set()
            window.shows("Enter to send 1 queued message (about")
            window.type("/limit session 1")
            window.press("Enter")
            window.shows("Session limit set to $1.00")
            window.shows("Enter to send 1 queued message (about")
            assert account.prompts(tmp_path) == ["long 40"]
            window.press("Enter")
            answered(window, "one")
        assert account.prompts(tmp_path) == ["long 40", "echo one"]


@three_sizes
def test_deleting_a_running_session_with_a_queue_leaves_no_trace_in_the_totals(
    tmux: str, columns: int, rows: int, tmp_path: Path
) -> None:
    with held_worker() as (server, may_end):
        account = Account(server, "workers")
        with terminal(tmux, columns, rows) as window:
            window.run("long 80", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows("Paragraph ")
            window.type("echo q")
            window.press("Enter")
            window.shows(" 1  echo q")
            window.press("C-n")
            window.shows("New session")
            window.press("F7")
            window.until(lambda screen: "1 running" in screen and "long 80" in screen, "the runs board")
            window.press("Escape")
            window.press("C-s")
            window.until(lambda screen: "Search all" in screen and "long 80" in screen, "the session list")
            window.press("C-x")
            window.shows("1 queued message is withdrawn")
            window.press("Right", "Enter")
            window.until(lambda screen: "Delete this" not in screen, "the question is answered")
            window.shows("long 80")
            may_end.set()
            window.until(lambda screen: "No sessions yet" in screen, "the run has ended")
            window.press("Escape")
            window.press("C-d")
            screen = window.shows("exit=0")
            assert "unknown" not in screen
            assert "queued message" not in screen
        assert run("sessions", "list", "--json", home=tmp_path).result["sessions"] == []
        assert "unknown" not in run("costs", home=tmp_path).out


def test_the_end_of_a_detached_turn_is_read_without_a_key(tmux: str, tmp_path: Path) -> None:
    """Its reservation is released for every program."""
    with held_worker() as (server, may_end):
        account = Account(server, "workers")
        with terminal(tmux, 80, 24) as window:
            window.run("long 40", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows("Paragraph ")
            window.press("Escape")
            window.shows("Stop watching?")
            window.press("Right", "Enter")
            window.shows("still running")
            may_end.set()
            window.shows("completed")
        assert account.prompts(tmp_path) == ["long 40"]


def test_a_closed_terminal_comes_back_watching_and_enter_queues(tmux: str, tmp_path: Path) -> None:
    with held_worker() as (server, may_end):
        account = Account(server, "workers")
        with terminal(tmux, 80, 24) as window:
            window.run("long 100", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows("Paragraph ")
            window.type("echo later")
            window.shows("Enter to queue")
            window.signal(signal.SIGHUP)
            window.shows("exit=")
        with terminal(tmux, 80, 24) as window:
            window.run("-c", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows("echo later")
            window.shows("Enter to queue")
            # A draft that has just come back is not sent.
            time.sleep(SEEN_AFTER_S)
            window.press("Enter")
            window.shows(" 1  echo later")
            may_end.set()
            answered(window, "later")
        assert account.prompts(tmp_path) == ["long 100", "echo later"]
