"""Messages queued behind a detached turn: held, edited, removed, and sent after attaching again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.accounts import Account
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
    with LocalServer.start(pace=0.1) as server:
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
            window.shows("put it back in the queue")
            window.type(" changed")
            window.press("Enter")
            window.shows(" 2  echo four changed")
            window.until(lambda screen: "puts it back" not in screen, "the edit is over")
            assert account.prompts(tmp_path) == ["long 60"]
            window.press("Enter")
            answered(window, "four changed")
            window.press("C-d")
            window.shows("exit=0")
        assert account.prompts(tmp_path) == ["long 60", "echo two", "echo four changed"]


@pytest.mark.parametrize("generation", ["workers", pytest.param("tasks", marks=pytest.mark.slow)])
def test_queued_messages_survive_a_kill(tmux: str, generation: str, tmp_path: Path) -> None:
    with LocalServer.start(pace=0.1) as server:
        account = Account(server, generation)
        with terminal(tmux, 100, 30) as window:
            window.run("long 60", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            queue_three(window)
            window.kill()
        with terminal(tmux, 100, 30) as window:
            window.run("-c", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
            window.shows(" 3  echo four")
            window.shows("3 messages from last time were not sent.")
            window.shows("Enter to send the 3 queued messages (may cost money)")
            assert account.prompts(tmp_path) == ["long 60"]
            window.press("Enter")
            answered(window, "four")
        assert account.prompts(tmp_path) == ["long 60", "echo two", "echo three", "echo four"]
