"""The transcript outside of the app: in the terminal after quitting, and in the user's pager."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, terminal

pytestmark = pytest.mark.terminal

ANSWER = "I am the local worker"


def answered(window: Terminal, home: Path, *argv: str, **environ: str) -> None:
    window.run("--local", *argv, home=home, **environ)
    window.shows("Three things to try")
    window.type("hello\r")
    window.shows("✓ completed")


@pytest.mark.parametrize(
    ("argv", "config", "answer", "head"),
    [
        pytest.param((), "", False, False, marks=pytest.mark.slow),
        pytest.param(("--print-on-exit", "answer"), "", True, False, marks=pytest.mark.slow),
        (("--print-on-exit", "transcript"), "", True, True),
        pytest.param((), 'print_on_exit = "answer"', True, False, marks=pytest.mark.slow),
        (("--print-on-exit", "nothing"), 'print_on_exit = "answer"', False, False),
    ],
)
def test_the_configured_part_of_the_transcript_is_printed_at_the_end(
    tmux: str, tmp_path: Path, argv: tuple[str, ...], config: str, answer: bool, head: bool
) -> None:
    (tmp_path / "config.toml").write_text(config)
    with terminal(tmux, 100, 40) as window:
        answered(window, tmp_path, *argv)
        window.press("C-d")
        screen = window.shows("exit=0")
        assert "Resume this session" in screen
        assert (ANSWER in screen) is answer
        assert ("- Session: " in screen) is head


def test_the_configured_pager_shows_the_transcript(tmux: str, tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text('#!/bin/sh\nhead -3 "$1"; echo paging; read -r _\n')
    pager.chmod(0o700)
    with terminal(tmux, 100, 40) as window:
        answered(window, tmp_path, PAGER=str(pager))
        window.type("/pager\r")
        window.until(lambda screen: "# hello" in screen and "paging" in screen, "the pager")
        window.press("Enter")
        window.shows(ANSWER)
        window.type("goes on")
        window.shows("goes on")


def test_a_pager_that_does_not_exist_is_reported(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 100, 40) as window:
        answered(window, tmp_path, PAGER="/nowhere/pager")
        window.type("/pager\r")
        window.shows("Cannot start the pager")
