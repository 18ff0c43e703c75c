"""Facts that only a real terminal shows: the position of its cursor, its modes, the copied text."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.e2e.terminal import Terminal, terminal

pytestmark = pytest.mark.terminal


def start(window: Terminal, home: Path, *argv: str) -> None:
    window.run("--local", *argv, home=home)
    window.shows("Three things to try")


def caret(window: Terminal) -> str:
    """The text left of the cursor in its row; a wide character takes two cells."""
    x, y = window.cursor
    line = window.screen.split("\n")[y]
    # The row may be shorter: it was read after the cursor had moved on.
    length = next((at for at in range(len(line)) if cell_len(line[:at]) >= x), len(line))
    return line[:length]


def test_the_cursor_of_the_terminal_is_at_the_caret(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 80, 24) as window:
        start(window, tmp_path)
        for typed, keys, before_cursor in (
            ("wörld", (), "wörld"),
            (" 漢字 ", (), "wörld 漢字 "),
            ("", ("Left", "Left"), "wörld 漢"),
            ("é", (), "wörld 漢é"),
            ("", ("C-e", "C-j"), ""),
            ("日本", ("Left",), "日"),
        ):
            window.type(typed)
            if keys:
                window.press(*keys)
            expected = f"│ {before_cursor}"
            # Input methods draw the text that is being composed at this cursor.
            window.until(lambda _screen, text=expected: caret(window) == text, expected)  # type: ignore[misc]


def test_the_cursor_is_back_at_the_caret_after_an_answer(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 80, 24) as window:
        start(window, tmp_path)
        window.type("hello\r")
        # Text right behind it would be a paste.
        window.shows("❯ hello")
        window.type("漢字 next")
        window.shows("✓ completed")
        window.until(lambda _screen: caret(window) == "│ 漢字 next", "the cursor at the caret")


def test_without_the_mouse_option_no_mouse_reports_are_requested(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 80, 24) as window:
        start(window, tmp_path, "--no-mouse")
        assert "mouse_any_flag" not in window.modes
        assert "alternate_on" in window.modes


def test_with_the_mouse_option_mouse_reports_are_requested(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 80, 24) as window:
        start(window, tmp_path)
        window.until(lambda _screen: "mouse_any_flag" in window.modes, "reports of the mouse")


def test_a_copy_reaches_the_buffer_of_tmux_in_its_default_configuration(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 100, 30) as window:
        start(window, tmp_path)
        window.type("hello\r")
        window.shows("✓ completed")
        window.type("/copy\r")
        window.until(
            lambda screen: "Copied the last answer" in screen and "tmux" in screen, "the name of the way"
        )
        assert "Hello" in window.copied
