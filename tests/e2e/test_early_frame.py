"""The prompt that stands before the rest is imported, in a real terminal whose imports wait for a gate."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.runner import KEY
from tests.e2e.terminal import Terminal, terminal

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(120)]
PROMPT = "Ask a worker…"
APP = "Commands"
"""Stands in the footer of the app, and not in the early frame."""
HOLDS_IMPORTS = """
import os, sys

class Gate:
    def find_spec(self, name, path=None, target=None):
        if name == "textual":
            sys.meta_path.remove(self)
            open(os.environ["GATE"]).close()

sys.meta_path.insert(0, Gate())
"""


class Gated:
    """A window in which the program has painted its early frame and imports nothing more."""

    def __init__(self, window: Terminal, gate: Path) -> None:
        self.window = window
        self._gate = gate

    def open(self) -> None:
        """Let it import. Waits until it wants to."""
        self._gate.write_text("")


@contextmanager
def gated(tmux: str, home: Path, *argv: str, columns: int = 120, **environ: str) -> Iterator[Gated]:
    (home / "sitecustomize.py").write_text(HOLDS_IMPORTS)
    gate = home / "gate"
    os.mkfifo(gate)
    with terminal(tmux, columns, 30) as window:
        window.run(*argv, home=home, PYTHONPATH=str(home), GATE=str(gate), **environ)
        yield Gated(window, gate)


def has_left(window: Terminal, code: int) -> None:
    """The program has ended, and the terminal is as it was."""
    assert PROMPT not in window.shows(f"exit={code}")
    assert not window.modes & {"alternate_on", "bracket_paste_flag"}
    # The shell's `read` echoes again.
    window.type("seen again")
    window.shows("seen again")


def test_what_is_typed_early_stands_in_the_prompt_and_what_is_typed_meanwhile_follows_it(
    tmux: str, tmp_path: Path
) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.type("abcd")
        start.window.press("BSpace")
        start.window.type("e")
        screen = start.window.shows("│ abce ")
        assert APP not in screen
        start.open()
        start.window.type("fghijklmnopqrstuvwxyz0123456789")
        start.window.shows(APP)
        assert "│ abcefghijklmnopqrstuvwxyz0123456789 " in start.window.shows("0123456789")


def test_other_keys_do_in_the_app_what_they_do_there(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.type("echo ab")
        start.window.shows("echo ab")
        start.window.type("é漢x")
        start.window.press("BSpace", "Enter")
        start.open()
        # Sent once, as soon as there is a worker.
        screen = start.window.shows("completed")
        assert "❯ echo abé漢 " in screen


def test_a_line_break_in_something_pasted_early_sends_nothing(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.paste("one\ntwo\n")
        start.open()
        start.window.shows(APP)
        screen = start.window.until(lambda seen: "│ one " in seen and "│ two " in seen, "both lines")
        assert "Three things to try" in screen


def test_ctrl_c_twice_leaves_and_puts_the_terminal_right(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.press("C-c", "C-c")
        start.open()
        has_left(start.window, 0)
        assert "cursor_flag" in start.window.modes


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130), (signal.SIGQUIT, 131)],
)
def test_a_signal_puts_the_terminal_right(
    tmux: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.signal(number)
        has_left(start.window, code)


def test_settings_that_are_refused_are_told_on_the_terminal_as_it_was(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path, HANDINGER_BASE_URL="ftp://nowhere", HANDINGER_API_KEY=KEY) as start:
        start.window.shows(PROMPT)
        start.open()
        screen = start.window.shows("exit=2")
        assert "ftp" in screen
        assert PROMPT not in screen


def test_a_terminal_that_changes_its_size_meanwhile_is_painted_in_its_new_size(
    tmux: str, tmp_path: Path
) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.type("abc")
        start.window.resize(80, 24)
        start.open()
        start.window.shows("Three things to try")
        screen = start.window.shows("│ abc ")
        assert {len(line) for line in screen.splitlines() if "╭─" in line} == {80}


def test_a_terminal_that_understands_nothing_gets_no_early_frame(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path, TERM="dumb") as start:
        start.open()
        # It wanted to import before anything was painted.
        assert PROMPT not in start.window.screen or APP in start.window.screen


TELLS_OF_THE_COLLECTOR = """
import atexit, gc, os, pathlib

atexit.register(lambda: pathlib.Path(os.environ["TOLD"]).write_text(str(gc.isenabled())))
"""


def test_the_collector_that_rests_during_the_start_works_once_the_screen_stands(
    tmux: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(TELLS_OF_THE_COLLECTOR)
    told = tmp_path / "told"
    with terminal(tmux, 120, 30) as window:
        window.run(home=tmp_path, PYTHONPATH=str(tmp_path), TOLD=str(told))
        window.shows("Three things to try")
        window.press("C-c", "C-c")
        window.shows("exit=0")
    assert told.read_text() == "True"
