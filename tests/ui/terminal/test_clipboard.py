"""The program that copies, its input, and failures and hangs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from handinger_tui.ui.terminal import programs as clipboard
from handinger_tui.ui.terminal.programs import copy_with_program, programs

ALL = ("tmux", "wl-copy", "xclip", "xsel", "pbcopy", "clip.exe")


@pytest.mark.parametrize(
    ("environ", "installed", "expected"),
    [
        ({"DISPLAY": ":0"}, ALL[:4], ["xclip", "xsel"]),
        ({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, ALL[:4], ["wl-copy", "xclip", "xsel"]),
        ({}, ALL[:4], []),
        ({}, ("pbcopy",), ["pbcopy"]),
        ({}, ("clip.exe",), ["clip.exe"]),
        # On another machine, whose clipboard is not that of the user.
        ({"DISPLAY": "localhost:10", "SSH_CONNECTION": "a b"}, ALL, []),
        # tmux reaches the terminal that is attached, wherever that is.
        ({"TMUX": "/tmp/tmux-1/default,1,0", "SSH_TTY": "/dev/pts/1"}, ALL, ["tmux"]),
        ({"TMUX": "/tmp/tmux-1/default,1,0"}, ("xclip",), []),
    ],
)
def test_the_programs_that_are_tried(
    environ: dict[str, str], installed: tuple[str, ...], expected: list[str]
) -> None:
    available = programs(environ, lambda name: name if name in installed else None)
    assert [command[0] for command in available] == expected


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder with programs, on a machine with a display."""
    for name in ("TMUX", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(path: Path, name: str, script: str) -> None:
    (path / name).write_text(f"#!/bin/sh\nPATH={os.defpath}:/usr/bin:/bin\n{script}\n")
    (path / name).chmod(0o755)


async def test_the_text_goes_to_standard_input_and_not_into_the_arguments(path: Path) -> None:
    install(path, "xclip", f'cat > "{path}/text"; echo "$@" > "{path}/arguments"')
    assert await copy_with_program("$(touch x); “é漢”\n") == "xclip"
    assert (path / "text").read_text("utf-8") == "$(touch x); “é漢”\n"
    assert (path / "arguments").read_text() == "-selection clipboard\n"


async def test_the_program_does_not_get_the_api_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDINGER_API_KEY", "sk_secret")
    install(path, "xclip", f'cat > /dev/null; env > "{path}/environment"')
    assert await copy_with_program("text") == "xclip"
    assert "sk_secret" not in (path / "environment").read_text()


async def test_a_program_that_fails_is_followed_by_the_next(path: Path) -> None:
    install(path, "xclip", "exit 1")
    install(path, "xsel", "cat > /dev/null")
    assert await copy_with_program("text") == "xsel"
    (path / "xsel").unlink()
    assert await copy_with_program("text") == ""


async def test_a_program_in_the_background_is_not_awaited(path: Path) -> None:
    install(path, "xclip", "cat > /dev/null; sleep 30 &")
    assert await copy_with_program("text") == "xclip"


async def test_a_program_that_never_ends_is_ended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard, "TIMEOUT_S", 0.2)
    install(path, "xclip", "exec sleep 30")
    assert await copy_with_program("text") == ""
