"""The user's editor in a real terminal: however it ends, the app continues with the text."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, terminal

pytestmark = pytest.mark.terminal
TEXT = "half a thought"
HANGS = "tail -f"
"""An editor that shows the text and never ends by itself."""


def editor(folder: Path, script: str) -> str:
    """An editor that runs `script` on the file "$1"."""
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


def start(window: Terminal, home: Path, named: str, **environ: str) -> None:
    window.run("--local", home=home, EDITOR=named, VISUAL="", **environ)
    window.shows("New session")
    window.type(TEXT)
    window.shows(TEXT)


def goes_on(window: Terminal, says: str) -> None:
    """The app shows the message, accepts keys, has the text, and quits with exit code 0."""
    window.shows(says)
    window.type(" and more")
    window.shows(f"{TEXT} and more")
    window.press("C-c")
    window.until(lambda screen: f"{TEXT} and more" not in screen, "the prompt is cleared")
    window.press("C-d")
    window.shows("exit=0")
    assert not window.modes - {"cursor_flag"}


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("/nowhere/editor", "Cannot start the editor"),
        pytest.param("vim 'x", "Cannot read EDITOR", marks=pytest.mark.slow),
        pytest.param("/tmp", "Cannot start the editor", marks=pytest.mark.slow),
    ],
)
def test_an_editor_that_cannot_be_started_loses_nothing(
    tmux: str, tmp_path: Path, named: str, says: str
) -> None:
    with terminal(tmux, 120, 40) as window:
        start(window, tmp_path, named)
        window.press("C-g")
        goes_on(window, says)


@pytest.mark.parametrize(
    "cases",
    [
        {
            "exit 3": "exit code 3",
            "kill -9 $$": "SIGKILL",
            'rm "$1"': "Cannot read the file",
            'rm "$1"; mkdir "$1"': "a regular file",
            'head -c 3000000 /dev/zero > "$1"': "larger than 1 MB",
        },
        {
            'rm "$1"; mkfifo "$1"': "a regular file",
            "stty raw -echo; printf '\\033[?1049h'; kill -9 $$": "SIGKILL",
        },
        {'rm "$1"; ln -s /dev/zero "$1"': "a regular file"},
    ],
    ids=["five messages", "two messages", "a device"],
)
def test_an_editor_that_fails_loses_nothing(tmux: str, tmp_path: Path, cases: dict[str, str]) -> None:
    """In one app as long as the messages differ, so that each is known to be new."""
    named = editor(tmp_path, '. "$0.now"')
    with terminal(tmux, 120, 40) as window:
        start(window, tmp_path, named)
        *others, last = cases
        for script in others:
            Path(f"{named}.now").write_text(script)
            window.press("C-g")
            window.shows(cases[script])
            window.shows(TEXT)
        Path(f"{named}.now").write_text(last)
        window.press("C-g")
        goes_on(window, cases[last])


def test_bytes_that_are_not_text_become_replacement_characters(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 120, 40) as window:
        start(window, tmp_path, editor(tmp_path, "printf 'caf\\351 \\033[31mred' > \"$1\""))
        window.press("C-g")
        window.shows("caf� [31mred")


@pytest.mark.parametrize("presses", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_ends_an_editor_that_hangs_and_the_app_continues(
    tmux: str, tmp_path: Path, presses: int
) -> None:
    with terminal(tmux, 120, 40) as window:
        start(window, tmp_path, HANGS)
        window.press(*["C-g"] * presses)
        window.until(lambda screen: screen.strip() == TEXT, "the editor")
        window.press("C-c")
        goes_on(window, "SIGINT")


# Each signal without an editor: test_keys.py.
@pytest.mark.parametrize(
    ("while_editing", "number", "code"),
    [
        (True, signal.SIGINT, 130),
        (True, signal.SIGTERM, 143),
        pytest.param(True, signal.SIGHUP, 143, marks=pytest.mark.slow),
        pytest.param(False, signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(False, signal.SIGTERM, 143, marks=pytest.mark.slow),
        (False, signal.SIGHUP, 143),
    ],
)
def test_signals_end_the_app_during_and_after_an_editor(
    tmux: str, tmp_path: Path, number: signal.Signals, code: int, while_editing: bool
) -> None:
    def ended(screen: str) -> bool:
        # A SIGINT at the start of an editor counts as a Ctrl+C for the editor.
        if number is signal.SIGINT and "exit=" not in screen:
            window.signal(number)
        return f"exit={code}" in screen

    with terminal(tmux, 120, 40) as window:
        start(window, tmp_path, HANGS if while_editing else "true")
        window.press("C-g")
        if while_editing:
            window.until(lambda screen: screen.strip() == TEXT, "the editor")
        window.signal(number)
        window.until(ended, "the end")
        assert not window.modes - {"cursor_flag"}
    with terminal(tmux, 120, 40) as window:
        window.run("--local", home=tmp_path)
        window.shows(TEXT)


def test_the_key_is_not_in_the_environment_of_the_editor(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 120, 40) as window:
        start(
            window,
            tmp_path,
            editor(tmp_path, 'env | grep -e HANDINGER -e very-secret | sort > "$1"'),
            HANDINGER_API_KEY="sk-very-secret",
            HANDINGER_CUSTOM_HEADERS="X-Gateway: very-secret",
        )
        window.press("C-g")
        screen = window.shows("HANDINGER_TUI_HOME")
        assert "very-secret" not in screen
