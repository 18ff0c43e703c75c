"""Facts that only a real terminal shows: the position of its cursor, its modes, the copied text."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len

from handinger_tui.cli.commands.runs import SCOPE
from tests.e2e.terminal import Terminal, terminal
from tests.ledger.samples import answered, opened, play, session, turn_request

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


async def _mark(home: Path, *, unread: Sequence[str] = (), read: Sequence[str] = ()) -> None:
    async with opened(home / "history.db") as ledger:
        for name in unread:
            own = session(name, title=f"About {name}")
            await play(ledger, own, turn_request(f"turn_{name}"), answered("0.25", status="completed"))
            await ledger.history.mark_unread(name)
        for name in read:
            await ledger.history.mark_read(name)


def test_a_watched_board_stays_in_its_window_and_leaves_what_was_there(tmux: str, tmp_path: Path) -> None:
    names = [f"ses_{number:02}" for number in range(30)]
    asyncio.run(_mark(tmp_path, unread=names))

    def one_less() -> int:
        """The lines above the window once another run is read."""
        asyncio.run(_mark(tmp_path, read=[names.pop()]))
        words = f"{len(names)} unread"
        window.until(lambda screen: words in " ".join(screen.split("\n")[:3]), words)
        return len(window.above)

    with terminal(tmux, 100, 24) as window:
        window.run_in_shell("runs", "--watch", home=tmp_path)
        # A screen read while it is drawn has the first lines only: the last line is waited for.
        lines = window.shows(SCOPE).rstrip().split("\n")
        assert "30 unread" in lines[0]
        assert lines[-2].endswith(" more: handinger-tui runs")
        assert lines[-1] == SCOPE
        assert any(line.startswith("shell>") for line in window.above)
        for columns, rows in ((100, 24), (60, 12), (24, 8), (120, 40)):
            window.resize(columns, rows)
            assert one_less() == one_less()
        window.press("C-c")
        window.until(lambda screen: screen.rstrip().endswith("shell>"), "the end")
