"""A session is played again in a real terminal: paused, skipped, not continued, and nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_replay import contents
from tests.e2e.runner import run
from tests.e2e.terminal import terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.terminal


def test_a_replay_is_paused_skipped_and_closed(tmux: str, own_home: Path) -> None:
    first = run("--local", "-p", "tour", "--output-format", "json", home=own_home, HANDINGER_LOCAL_PACE="0.1")
    session_id = first.result["session_id"]
    before = contents(own_home)
    with terminal(tmux, 80, 24) as window:
        # So slow that no machine reaches the end before the keys.
        window.run("replay", session_id, "--speed", "0.005", "--print-on-exit", "answer", home=own_home)
        window.shows("Replay, turn 1 of 1 · Space to pause · Esc to skip the turn")
        window.shows("Replay: nothing is sent")
        screen = window.shows("Enter Run")
        assert "Queue" not in screen
        assert "Enter Send" not in screen
        window.press("Space")
        window.shows("Replay paused, turn 1 of 1 · Space to continue · ^C twice to quit")
        window.press("Space")
        window.shows("Space to pause")
        # In one burst: when the first space is read, the prompt has not yet processed the earlier letters.
        window.type("two or three words")
        assert "paused" not in window.shows("│ two or three words ")
        window.press("C-u")
        window.press("Escape")
        window.shows("End of the replay · ^C twice to quit")
        window.until(lambda text: "✓ completed" in text and "unlimited" in text, "the end, with its budget")
        window.type("go on\r")
        window.shows("This is a replay: nothing is sent, read or stored.")
        window.press("C-n")
        window.shows("A replay shows one session.")
        window.shows("│ go on ")
        window.press("C-c", "C-c", "C-c")
        final_screen = window.shows("exit=0")
        assert "A token is 4 characters" in final_screen
        assert "--resume" not in final_screen
    assert contents(own_home) == before
    assert run("sessions", "--json", home=own_home).result["sessions"][0]["turns"] == 1
