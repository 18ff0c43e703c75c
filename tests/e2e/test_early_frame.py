"""The early prompt, shown before the app is imported, in a real terminal whose imports wait for a gate."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.runner import KEY
from tests.e2e.terminal import Terminal, terminal

pytestmark = pytest.mark.terminal
PROMPT = "Ask a worker…"
APP = "Commands"
"""A text in the footer of the app that the early frame lacks."""
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
    """A window in which the program has painted its early frame and waits before further imports."""

    def __init__(self, window: Terminal, gate: Path) -> None:
        self.window = window
        self._gate = gate

    def open(self) -> None:
        """Let the program import, once it waits at the gate."""
        self._gate.write_text("")


@contextmanager
def gated(tmux: str, home: Path, *argv: str, columns: int = 120, **environ: str) -> Iterator[Gated]:
    (home / "sitecustomize.py").write_text(HOLDS_IMPORTS)
    gate = home / "gate"
    os.mkfifo(gate)
    with terminal(tmux, columns, 30) as window:
        window.run(*argv, home=home, PYTHONPATH=str(home), GATE=str(gate), **environ)
        yield Gated(window, gate)


def check_exit(window: Terminal, code: int) -> None:
    """The program has ended, and the terminal is restored."""
    assert PROMPT not in window.shows(f"exit={code}")
    assert not window.modes & {"alternate_on", "bracket_paste_flag"}
    # The shell's `read` echoes again.
    window.type("seen again")
    window.shows("seen again")


def test_early_text_is_in_the_prompt_followed_by_text_typed_during_the_start(
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


def test_other_early_keys_have_their_usual_effect_in_the_app(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.type("echo ab")
        start.window.shows("echo ab")
        start.window.type("é漢x")
        start.window.press("BSpace", "Enter")
        start.open()
        # It is sent once, as soon as there is a worker.
        screen = start.window.shows("completed")
        assert "❯ echo abé漢 " in screen


def check_both_lines_are_in_the_prompt(start: Gated) -> None:
    """Let the app start: the lines of an early paste are in its prompt, and nothing was sent."""
    start.open()
    start.window.shows(APP)
    screen = start.window.until(
        lambda screen_text: "│ one " in screen_text and "│ two " in screen_text, "both lines"
    )
    assert "Three things to try" in screen


def test_what_was_typed_before_the_app_was_there_survives_a_kill(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.type("half a thought, ")
        start.window.type("größer")
        start.window.until(lambda _screen: "thought, größer" in early_texts(tmp_path), "the text on disk")
        start.window.kill()
    (tmp_path / "sitecustomize.py").unlink()
    with terminal(tmux, 60, 20) as window:
        window.run(home=tmp_path)
        window.shows("│ half a thought, größer ")
        window.until(lambda _screen: not early_texts(tmp_path), "the draft of the history")


def early_texts(home: Path) -> str:
    texts = []
    for file in home.glob("early-*"):
        # The program may rename it in between.
        with suppress(FileNotFoundError):
            texts.append(file.read_text())
    return "\n".join(texts)


def test_a_line_break_in_an_early_paste_sends_nothing(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.paste("one\ntwo\n")
        check_both_lines_are_in_the_prompt(start)


def test_an_early_paste_that_the_terminal_does_not_mark_sends_nothing(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path, TMUX="") as start:
        start.window.shows(PROMPT)
        start.window.type("one\rtwo\r")
        start.window.shows("│ one ")
        check_both_lines_are_in_the_prompt(start)


def test_ctrl_c_twice_quits_and_restores_the_terminal(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.press("C-c", "C-c")
        start.open()
        check_exit(start.window, 0)
        assert "cursor_flag" in start.window.modes


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGHUP, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        (signal.SIGQUIT, 131),
    ],
)
def test_a_signal_restores_the_terminal(tmux: str, tmp_path: Path, number: signal.Signals, code: int) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.signal(number)
        check_exit(start.window, code)


def test_invalid_settings_are_reported_on_the_restored_terminal(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path, HANDINGER_BASE_URL="ftp://nowhere", HANDINGER_API_KEY=KEY) as start:
        start.window.shows(PROMPT)
        start.open()
        screen = start.window.shows("exit=2")
        assert "ftp" in screen
        assert PROMPT not in screen


def test_a_size_change_during_the_start_is_respected(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path) as start:
        start.window.shows(PROMPT)
        start.window.type("abc")
        start.window.resize(80, 24)
        start.open()
        start.window.shows("Three things to try")

        def fits(screen: str) -> bool:
            return "│ abc " in screen and {len(line) for line in screen.splitlines() if "╭─" in line} == {80}

        start.window.until(fits, "boxes as wide as the terminal")


def test_a_dumb_terminal_gets_no_early_frame(tmux: str, tmp_path: Path) -> None:
    with gated(tmux, tmp_path, TERM="dumb") as start:
        start.open()
        # The program reached the gate before it painted anything.
        assert PROMPT not in start.window.screen or APP in start.window.screen


TELLS_OF_THE_COLLECTOR = """
import atexit, gc, os, pathlib

atexit.register(lambda: pathlib.Path(os.environ["REPORT"]).write_text(str(gc.isenabled())))
"""


def test_garbage_collection_is_off_during_the_start_and_on_afterwards(tmux: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(TELLS_OF_THE_COLLECTOR)
    report = tmp_path / "report"
    with terminal(tmux, 120, 30) as window:
        window.run(home=tmp_path, PYTHONPATH=str(tmp_path), REPORT=str(report))
        window.shows("Three things to try")
        window.press("C-c", "C-c")
        window.shows("exit=0")
    assert report.read_text() == "True"
