"""Copies a text with a program of this machine, where the terminal cannot be relied on.

Through the terminal (OSC 52) nobody learns whether the text arrived, and tmux drops it unless its option
`set-clipboard` is `on`. A program reports its failure. It gets the text on standard input, without a shell.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.safety import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TIMEOUT_S: Final = 2.0
"""Seconds that a program may take; a clipboard of a display that is gone would never answer."""
_REMOTE: Final = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")
"""Variables of a session on another machine, whose clipboard is not that of the person."""


async def copy_with_program(text: str) -> str:
    """Copy a text; returns the name of the program that took it, "" where there is none."""
    for command in programs(os.environ, shutil.which):
        if await _run(command, text):
            return command[0]
    return ""


def programs(environ: Mapping[str, str], which: Callable[[str], str | None]) -> Iterator[tuple[str, ...]]:
    """The commands to try, in order.

    tmux comes first: it passes the text on to the terminal that is attached now, which may be a remote one,
    and keeps it for pasting.
    """
    if environ.get("TMUX"):
        yield from _found(which, ("tmux", "load-buffer", "-w", "-"))
        return
    if any(environ.get(name) for name in _REMOTE):
        return
    if environ.get("WAYLAND_DISPLAY"):
        yield from _found(which, ("wl-copy",))
    if environ.get("DISPLAY"):
        yield from _found(which, ("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input"))
    # Only macOS has pbcopy, only Windows (also seen from its Linux) has clip.exe; both need no variable.
    yield from _found(which, ("pbcopy",), ("clip.exe",))


def _found(which: Callable[[str], str | None], *commands: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (command for command in commands if which(command[0]))


async def _run(command: tuple[str, ...], text: str) -> bool:
    """Whether the program took the text in time."""
    # clip.exe reads UTF-16 with its mark.
    data = text.encode("utf-16" if command[0] == "clip.exe" else "utf-8", "replace")
    try:
        # Some programs go on in the background to serve the clipboard: a pipe would stay open with them.
        process = await asyncio.create_subprocess_exec(
            *command,
            env=without_secrets(os.environ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await process.communicate(data)
    except (TimeoutError, OSError):
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return process.returncode == 0
