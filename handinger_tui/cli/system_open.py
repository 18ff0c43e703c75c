"""Opening what was judged with the system's program for it: by argument list, never through a shell."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from asyncio import sleep
from collections.abc import Sequence
from typing import Final

from handinger_tui.core.safety.cleaning import Verdict, judge_link
from handinger_tui.core.secret import without_secrets

_PATIENCE_S: Final = 2.0
"""An opener that has not failed after this long has handed it over."""
_LOOKS: Final = 40
_OPENERS: Final[Sequence[Sequence[str]]] = (("xdg-open",), ("gio", "open", "--"), ("wslview",))
"""They choose the person's own program. None is a text browser, which would draw over our screen."""
_running: list[subprocess.Popen[bytes]] = []
"""Openers that became the program itself: asyncio's own processes would end with us."""


async def open_path(path: str) -> bool:
    """Hand an existing file to the system's program for it; False when there is none, or it failed.

    Judge the file first (`core.openable`).
    """
    # A relative one might be read as an option.
    if not (os.path.isabs(path) and await asyncio.to_thread(os.path.isfile, path)):
        return False
    return await hand_over(path)


async def open_address(url: str) -> bool:
    """Hand an address to the browser that `BROWSER` names, else to the system's; False when none takes it.

    Judge the address first (`core.safety`).
    """
    named = os.environ.get("BROWSER", "").split(os.pathsep)[0]
    try:
        program, *more = shlex.split(named)
    except ValueError:
        return await hand_over(url)
    if shutil.which(program) is None:
        return await hand_over(url)
    # Over ssh it is a program of the machine in front of the person: no screen here is needed.
    argv = [program, *(piece.replace("%s", url) for piece in more)]
    return await _taken(argv if "%s" in named else [*argv, url])


async def hand_over(what: str) -> bool:
    """Give an absolute path, or an address that was judged, to the system; False when nobody takes it."""
    if sys.platform == "win32":
        try:
            await asyncio.to_thread(os.startfile, what)
        except OSError:
            return False
        return True
    opener = _opener()
    if opener is None or not _has_screen():
        return False
    return await _taken([*opener, what])


def _has_screen() -> bool:
    """Whether there is a graphical session: without one, openers start text browsers over our screen."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def _taken(argv: Sequence[str]) -> bool:
    process = await asyncio.to_thread(_started, argv)
    if process is None:
        return False
    for _ in range(_LOOKS):
        if process.poll() is not None:
            return process.returncode == 0
        await sleep(_PATIENCE_S / _LOOKS)
    _running.append(process)
    return True


def _opener() -> Sequence[str] | None:
    named = (("open",),) if sys.platform == "darwin" else _OPENERS
    found = ((shutil.which(program), more) for program, *more in named)
    return next(([path, *more] for path, more in found if path is not None), None)


def _started(argv: Sequence[str]) -> subprocess.Popen[bytes] | None:
    # Those that have ended leave the table of processes.
    _running[:] = [one for one in _running if one.poll() is None]
    nowhere = subprocess.DEVNULL
    try:
        # Whatever it has to say would stand in the middle of our screen.
        return subprocess.Popen(  # noqa: S603 - an argument list, no shell, and judged before
            argv,
            env=without_secrets(os.environ),
            stdin=nowhere,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,
        )
    except OSError:
        return None


async def open_link(url: str) -> bool:
    """Hand `url` to the system's browser; False when there is none, or the address is refused."""
    return judge_link(url).verdict is not Verdict.REFUSE and await open_address(url)
