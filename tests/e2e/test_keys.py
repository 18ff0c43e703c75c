"""Keys and signals in a real terminal: no mistyped key sends or quits, and no end leaves a mode on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

import pytest

from handinger_tui.core.attention import READ_S
from tests.e2e.runner import run
from tests.e2e.terminal import Terminal, terminal

pytestmark = pytest.mark.terminal


def start(window: Terminal, home: Path) -> None:
    window.run("--local", home=home)
    window.shows("New session")


def turns(home: Path) -> int:
    return sum(row["turns"] for row in run("sessions", "list", "--json", home=home).result["sessions"])


def choose_retry(window: Terminal) -> None:
    """Open the actions of the message at the cursor, and choose the third."""
    window.press("Enter")
    window.shows("Copy this part")
    window.press("Down", "Down")
    # An Enter that comes with what it would confirm is dropped.
    time.sleep(READ_S)
    window.press("Enter")


def test_mistyped_keys_send_nothing_and_lose_nothing(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 120, 40) as window:
        start(window, tmp_path)
        window.paste("aa")
        window.press("M-Enter")
        window.type("bb")
        window.until(lambda screen: "│ aa " in screen and "│ bb " in screen, "two lines")
        # Flow control by reflex, Alt with a letter, Tab, Esc and a letter in one packet.
        window.press("C-q", "M-d", "M-z", "M-Enter", "Tab")
        window.type("cc\x1bdd\x1bxx")
        window.until(lambda screen: "│ ccdxx " in screen, "all letters")
        window.press("C-c")
        window.shows("Three things to try")
        window.press("C-d")
        window.shows("exit=0")
    assert turns(tmp_path) == 0


def test_a_paste_that_the_terminal_does_not_mark_sends_nothing(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 120, 40) as window:
        window.run("--local", home=tmp_path, TMUX="")
        window.shows("New session")
        # As plain keys, which is how GNU screen and the console of Linux paste.
        window.type("one\rtwo\rthree\r")
        window.until(
            lambda screen: all(f"│ {word} " in screen for word in ("one", "two", "three")), "all lines"
        )
        window.press("C-c")
        window.until(lambda screen: "│ one " not in screen, "an empty prompt")
        # A text and Enter at once is still sent.
        window.type("ping\r")
        window.shows("completed")
        window.press("C-d")
        window.shows("exit=0")
    assert turns(tmp_path) == 1


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGQUIT, 131, marks=pytest.mark.slow),
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        (signal.SIGHUP, 143),
    ],
)
def test_a_signal_restores_the_terminal_and_keeps_the_text(
    tmux: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with terminal(tmux, 120, 40) as window:
        start(window, tmp_path)
        window.type("half a thought")
        window.shows("half a thought")
        window.signal(number)
        window.shows(f"exit={code}")
        assert window.modes <= {"cursor_flag"}
        window.type("typed at the shell")
        window.shows("typed at the shell")
    with terminal(tmux, 120, 40) as window:
        window.run("--local", home=tmp_path)
        window.shows("half a thought")


def test_without_a_shell_ctrl_z_shows_a_message_and_the_app_continues(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 120, 40) as window:
        start(window, tmp_path)
        window.press("C-z")
        window.shows("No shell to return to.")
        window.type("goes on")
        window.shows("goes on")


def test_an_external_stop_turns_mouse_reports_off_and_the_app_resumes(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 120, 40) as window:
        start(window, tmp_path)
        window.type("half a thought")
        window.shows("half a thought")
        window.until(lambda _screen: "mouse_any_flag" in window.modes, "reports of the mouse")
        window.signal(signal.SIGTSTP)
        window.until(lambda _screen: not window.modes - {"cursor_flag"}, "the terminal as it was")
        window.stopped()
        window.signal(signal.SIGCONT)
        window.until(
            lambda screen: "half a thought" in screen and "mouse_any_flag" in window.modes, "the app"
        )
        window.type(" goes on")
        window.shows("half a thought goes on")


def test_stops_in_quick_succession_are_undone_by_one_continue(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 100, 30) as window:
        start(window, tmp_path)
        # Some of them arrive while the program restores the terminal.
        for _ in range(8):
            window.signal(signal.SIGTSTP)
            time.sleep(0.02)
        window.until(lambda _screen: not window.modes - {"cursor_flag"}, "the terminal as it was")
        window.stopped()
        window.signal(signal.SIGCONT)
        window.until(lambda _screen: "mouse_any_flag" in window.modes, "the app")
        window.type("goes on")
        window.shows("goes on")


def test_after_a_stop_that_cannot_be_handled_one_thread_reads_the_keys(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 100, 30) as window:
        start(window, tmp_path)
        (program,) = window.programs

        def threads() -> int:
            return len(os.listdir(f"/proc/{program}/task"))

        first = threads()
        for text in ("once", " and again"):
            window.signal(signal.SIGSTOP)
            window.stopped()
            window.wrap_lines()
            window.signal(signal.SIGCONT)
            # This mode is set last: the keys typed from now on are the program's.
            window.until(lambda _screen: not window.wraps_lines, "the modes of the app")
            window.type(text)
            window.shows(text)
        window.shows("once and again")
        window.until(lambda _screen: threads() <= first, "as many threads as before")


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_resumes(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 100, 30) as window:
        window.run_in_shell("--local", home=tmp_path)
        window.shows("Three things to try")
        window.type("half a thought")
        window.shows("half a thought")
        window.press("C-z")
        window.until(lambda screen: "Stopped" in screen and window.modes == {"cursor_flag"}, "the shell")
        window.type("echo at the $((1 + 1)) shell\r")
        window.shows("at the 2 shell")
        window.type("fg\r")
        window.until(
            lambda screen: "half a thought" in screen and "mouse_any_flag" in window.modes, "the app"
        )
        window.type(" goes on")
        window.shows("half a thought goes on")
        window.press("C-c", "C-c", "C-c")
        window.until(lambda screen: "shell>" in screen and window.modes == {"cursor_flag"}, "the shell again")


PHANTOMS: Final = (
    "\x1b[<35;-3;5M\x1b[<35;4;-1M",  # the mouse leaves: Ghostty, kitty
    "\x1b[<35;5;6M\x1b",
    "[<35;5;7M",
    "\x1b[",
    "O\x1b[",
    "I",
    "\x1b",
    "[<35;9;9M",
)
"""Mouse and focus reports, split where a slow line may split them."""


def test_a_moving_mouse_and_a_changing_focus_press_no_key_while_a_turn_runs(
    tmux: str, tmp_path: Path
) -> None:
    with terminal(tmux, 100, 30) as window:
        # A busy machine types the pieces with longer pauses than that after which Esc is a key of its own.
        window.run("long 300", home=tmp_path, ESCDELAY="700")
        window.shows("Paragraph ")
        for _ in range(10):
            for piece in PHANTOMS:
                window.type(piece)
        window.type("ends")
        screen = window.shows("│ ends ")
        assert "working" in screen
        assert "Stop watching?" not in screen
        # Repeated Esc opens and closes the question, and never confirms it.
        for _ in range(3):
            window.press("Escape")
            window.shows("Stop watching?")
            window.press("Escape")
            window.until(lambda text: "Stop watching?" not in text, "the question is gone")
        assert "working" in window.shows("│ ends ")


def test_an_invalid_key_map_is_refused_at_the_start_with_the_name_of_the_key(
    tmux: str, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text('[keys]\n"work.spending" = "ctrl+n"\n')
    with terminal(tmux, 120, 40) as window:
        window.run("--local", home=tmp_path)
        window.shows("exit=2")
        window.shows("^N is both “work.new” and “work.spending”.")


def test_an_earlier_message_is_resent_edited_and_forked_and_this_survives_a_restart(
    tmux: str, tmp_path: Path
) -> None:
    with terminal(tmux, 100, 30) as window:
        start(window, tmp_path)
        window.type("echo one")
        window.press("Enter")
        window.shows("✓ completed")
        window.type("/retry")
        window.press("Enter")
        window.shows("Try again?")
        window.press("Escape")
        window.until(lambda screen: "Try again?" not in screen, "the question is closed")
        assert turns(tmp_path) == 1
        # Browsing, by bytes: Ctrl+Up, then the actions of the message.
        window.press("C-Up")
        window.shows("Browsing: answers")
        choose_retry(window)
        window.shows("Try again?")
        window.press("Right", "Enter")
        window.shows("↳ message 1 again")
        window.until(lambda screen: "✓ completed" in screen.splitlines()[0], "the second try")
        window.type("/edit 1")
        window.press("Enter")
        window.shows("│ echo one ")
        window.type(" more")
        # An Enter in the same burst may be one that was pressed before the text came into the prompt.
        window.shows("│ echo one more ")
        window.press("Enter")
        window.shows("↳ edited from message 1")
        window.until(lambda screen: "✓ completed" in screen.splitlines()[0], "the edited one")
        window.type("/fork")
        window.press("Enter")
        window.shows("conversation so far 1")
        assert turns(tmp_path) == 3
        window.press("M-Up")
        window.shows("❯ echo one more")
        window.press("C-d")
        window.shows("exit=0")
    with terminal(tmux, 100, 30) as window:
        window.run("--local", "-c", home=tmp_path)
        window.shows("↳ edited from message 1")
    assert turns(tmp_path) == 3
