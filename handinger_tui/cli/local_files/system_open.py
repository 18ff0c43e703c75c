"""Opens checked files and links with the system's programs: by argument list, never through a shell."""

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
"""An opener that has not failed after this many seconds counts as successful."""
_POLLS: Final = 40
_OPENERS: Final[Sequence[Sequence[str]]] = (("xdg-open",), ("gio", "open", "--"), ("wslview",))
"""Openers that choose the user's own program. Text browsers are excluded: they would draw over our screen."""
_running: list[subprocess.Popen[bytes]] = []
"""Openers that are still running. Not asyncio processes, which would end together with this program."""


async def open_path(path: str) -> bool:
    """Open an existing file with the system's program for it; False if there is none or it failed.

    Check the file first (`core.safety.open_policy`).
    """
    # A relative path might be read as an option.
    if not (os.path.isabs(path) and await asyncio.to_thread(os.path.isfile, path)):
        return False
    return await open_with_system(path)


async def open_address(url: str) -> bool:
    """Open a URL with the browser that `BROWSER` names, else with the system's; False if none succeeds.

    Check the URL first (`core.safety`).
    """
    named = os.environ.get("BROWSER", "").split(os.pathsep)[0]
    try:
        program, *more = shlex.split(named)
    except ValueError:
        return await open_with_system(url)
    if shutil.which(program) is None:
        return await open_with_system(url)
    # Over ssh, BROWSER may be a program that opens the page on the user's own machine: no display needed.
    argv = [program, *(piece.replace("%s", url) for piece in more)]
    return await _run_opener(argv if "%s" in named else [*argv, url])


async def open_with_system(target: str) -> bool:
    """Open an absolute path or a checked URL with the system's opener; False if none succeeds."""
    if sys.platform == "win32":
        try:
            await asyncio.to_thread(os.startfile, target)
        except OSError:
            return False
        return True
    opener = _find_opener()
    if opener is None or not _has_screen():
        return False
    return await _run_opener([*opener, target])


def _has_screen() -> bool:
    """Return whether there is a graphical session: else openers start text browsers over our screen."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def _run_opener(argv: Sequence[str]) -> bool:
    process = await asyncio.to_thread(_start_opener, argv)
    if process is None:
        return False
    for _ in range(_POLLS):
        if process.poll() is not None:
            return process.returncode == 0
        await sleep(_PATIENCE_S / _POLLS)
    _running.append(process)
    return True


def _find_opener() -> Sequence[str] | None:
    candidates = (("open",),) if sys.platform == "darwin" else _OPENERS
    programs = ((shutil.which(program), more) for program, *more in candidates)
    return next(([path, *more] for path, more in programs if path is not None), None)


def _start_opener(argv: Sequence[str]) -> subprocess.Popen[bytes] | None:
    # `poll` reaps openers that have ended.
    _running[:] = [process for process in _running if process.poll() is None]
    devnull = subprocess.DEVNULL
    try:
        # Output of the opener would appear in the middle of our screen.
        return subprocess.Popen(  # noqa: S603 - an argument list, no shell, and checked before
            argv,
            env=without_secrets(os.environ),
            stdin=devnull,
            stdout=devnull,
            stderr=devnull,
            start_new_session=True,
        )
    except OSError:
        return None


async def open_link(url: str) -> bool:
    """Open `url` with a browser; False if there is none or the URL is refused."""
    return judge_link(url).verdict is not Verdict.REFUSE and await open_address(url)
