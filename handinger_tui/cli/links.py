"""Opening an address that was judged and chosen: never through a shell."""

from __future__ import annotations

import asyncio
import os
import webbrowser

from handinger_tui.core.safety import Verdict, judge_link


async def open_link(url: str) -> bool:
    """Hand `url` to the system's browser; False when there is none, or the address is refused.

    Only graphical browsers count: a text browser would draw over the screen.
    """
    if judge_link(url).verdict is Verdict.REFUSE or not _has_screen():
        return False
    return await asyncio.to_thread(_open, url)


def _has_screen() -> bool:
    if os.name == "nt" or os.uname().sysname == "Darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(url: str) -> bool:
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
