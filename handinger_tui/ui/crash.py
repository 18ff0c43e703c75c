"""Reports a crash without the values of variables: in a file of its owner, or in the terminal."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from traceback import TracebackException
from typing import Final

import rich
from rich.console import Console
from rich.segment import Segment, Segments
from rich.traceback import Traceback

from handinger_tui import __version__
from handinger_tui.core.safety import clean

MAX_REPORT_CHARS: Final = 64_000
"""Longest report in characters: the message of an exception may come from the service, of any length."""
PACKAGES: Final = ("textual", "rich", "httpx", "pydantic", "msgspec")


def write_report(folder: Path, error: BaseException, conceal: Callable[[str], str]) -> Path | None:
    """Write `crash-<UTC>.txt` and return its path; None if that fails. `conceal` removes the API key."""
    now = time.time_ns() // 1_000_000
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 1000)) + f".{now % 1000:03d}Z"
    path = folder / f"crash-{stamp}.txt"
    text = conceal("\n".join(_lines(stamp, error)))[:MAX_REPORT_CHARS]
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # O_EXCL follows no link and overwrites no file; the mode keeps it unreadable for others
        # from the start.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "replace"))
        return path
    return None


def _lines(stamp: str, error: BaseException) -> Iterator[str]:
    yield f"handinger-tui {__version__}, {stamp}"
    yield f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}"
    yield ", ".join(_versions())
    yield ""
    # Without the values of variables, which may hold the API key or private text.
    traceback = TracebackException.from_exception(error, capture_locals=False)
    for piece in traceback.format():
        yield from clean(piece).rstrip("\n").split("\n")


def _versions() -> Iterator[str]:
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"


def concealed_traceback(console: Console, conceal: Callable[[str], str]) -> Segments:
    """The traceback of the exception being handled, for the terminal. `conceal` removes the API key."""
    traceback = Traceback(show_locals=False, width=None, suppress=[rich])
    rendered = console.render(traceback, console.options)
    return Segments(
        [Segment(conceal(clean(text)), style) for text, style, control in rendered if not control]
    )
