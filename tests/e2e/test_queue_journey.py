"""Messages queued behind a turn that is left: held, edited, dropped, and sent after coming back."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.runner import run
from tests.e2e.terminal import Terminal, terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(180)]
sizes = pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)], ids=["80x24", "120x40"])


def posted(server: LocalServer, home: Path) -> list[str]:
    """What the service was asked, in order: each request that starts a turn adds one message."""
    listed = run("sessions", "list", "--json", home=home, base_url=server.base_url, key=server.api_key)
    row = listed.result["sessions"][0]
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{server.base_url}/api/workers/{row['worker_id']}",
        headers={"Authorization": f"Bearer {server.api_key}"},
    )
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310 - loopback
        messages = json.load(reply)["messages"]
    return [
        "".join(part.get("text", "") for part in message["parts"])
        for message in messages
        if message["role"] == "user"
    ]


def queue_three(window: Terminal) -> None:
    window.shows("Paragraph 2.")
    for number, text in enumerate(("echo two", "echo three", "echo four"), 1):
        window.type(text)
        window.press("Enter")
        window.shows(f" {number}  {text}")


@sizes
def test_detached_with_three_queued_messages_and_back(
    tmux: str, columns: int, rows: int, tmp_path: Path
) -> None:
    with LocalServer.start(pace=0.1) as server:
        account = {"HANDINGER_BASE_URL": server.base_url, "HANDINGER_API_KEY": server.api_key}
        with terminal(tmux, columns, rows) as window:
            window.run("long 60", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account)
            queue_three(window)
            window.press("Escape")
            window.shows("3 queued messages wait until you")
            window.press("Right", "Enter")
            window.shows("still running")
            window.shows(" 3  echo four")
            # Dropped and edited while nobody watches.
            window.press("Up")
            window.shows("Enter Edit")
            window.press("Up", "x")
            window.shows(" 2  echo four")
            window.press("Down", "Enter")
            window.shows("put it back in the queue")
            window.type(" changed")
            window.press("Enter")
            window.shows(" 2  echo four changed")
            window.until(lambda seen: "puts it back" not in seen, "the edit is over")
            assert posted(server, tmp_path) == ["long 60"]
            window.press("Enter")
            window.until(
                lambda seen: "❯ echo four changed" in seen and "completed" in seen.splitlines()[0],
                "the queue went on",
            )
            window.press("C-d")
            window.shows("exit=0")
        assert posted(server, tmp_path) == ["long 60", "echo two", "echo four changed"]


def test_queued_messages_are_there_again_after_a_kill(tmux: str, tmp_path: Path) -> None:
    with LocalServer.start(pace=0.1) as server:
        account = {"HANDINGER_BASE_URL": server.base_url, "HANDINGER_API_KEY": server.api_key}
        with terminal(tmux, 100, 30) as window:
            window.run("long 60", home=tmp_path, **account)
            queue_three(window)
            window.kill()
        with terminal(tmux, 100, 30) as window:
            window.run("-c", home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account)
            window.shows(" 3  echo four")
            window.shows("3 messages from last time were not sent.")
            window.shows("Enter to send the 3 queued messages (may cost money)")
            assert posted(server, tmp_path) == ["long 60"]
            window.press("Enter")
            window.until(
                lambda seen: "❯ echo four" in seen and "completed" in seen.splitlines()[0],
                "the queue went on",
            )
        assert posted(server, tmp_path) == ["long 60", "echo two", "echo three", "echo four"]
