"""Opening a saved file with the system's program: by argument list, never through a shell."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL, Process
from typing import Final

_PATIENCE_S: Final = 2.0
"""An opener that has not failed after this long has handed the file over."""
_waiting: set[asyncio.Task[int]] = set()
"""Openers that still run: somebody must learn of their end."""


async def open_path(path: str) -> bool:
    """Hand an existing file to the system's program for it; False when there is none, or it failed.

    Judge the file first (`core.openable`).
    """
    # A relative one might be read as an option.
    if not (os.path.isabs(path) and await asyncio.to_thread(os.path.isfile, path)):
        return False
    if sys.platform == "win32":
        await asyncio.to_thread(os.startfile, path)
        return True
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    # Without a graphical session xdg-open would start a text browser over our screen.
    if opener is None or not _has_screen():
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            opener, path, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )
    except OSError:
        return False
    return await _handed_over(process)


def _has_screen() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def _handed_over(process: Process) -> bool:
    ended = asyncio.ensure_future(process.wait())
    done, _ = await asyncio.wait({ended}, timeout=_PATIENCE_S)
    if done:
        return ended.result() == 0
    _waiting.add(ended)
    ended.add_done_callback(_waiting.discard)
    return True
