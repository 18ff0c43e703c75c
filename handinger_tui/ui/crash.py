"""Crash: the report of a failure of our own, on disk, readable by its owner alone."""

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

from handinger_tui import __version__
from handinger_tui.core.safety.cleaning import clean

LONGEST: Final = 64_000
"""Characters: the words of an exception may be the service's own, of any length."""
PACKAGES: Final = ("textual", "rich", "httpx", "pydantic")


def write_report(folder: Path, error: BaseException, conceal: Callable[[str], str]) -> Path | None:
    """Write `crash-<UTC>.txt`; None where that is not possible. `conceal` takes the key out of a text."""
    now = time.time_ns() // 1_000_000
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 1000)) + f".{now % 1000:03d}Z"
    path = folder / f"crash-{stamp}.txt"
    text = conceal("\n".join(_lines(stamp, error)))[:LONGEST]
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never through a link, never over another file, never readable by others, not even for a moment.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "replace"))
        return path
    return None


def _lines(stamp: str, error: BaseException) -> Iterator[str]:
    yield f"handinger-tui {__version__}, {stamp}"
    yield f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}"
    yield ", ".join(_versions())
    yield ""
    # Without the values of variables, which may hold a key or what a person wrote.
    told = TracebackException.from_exception(error, capture_locals=False)
    for piece in told.format():
        yield from clean(piece).rstrip("\n").split("\n")


def _versions() -> Iterator[str]:
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"
