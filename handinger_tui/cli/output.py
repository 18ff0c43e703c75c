"""Output to stdout or stderr, all of it cleaned."""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TextIO

from handinger_tui.cli.args import KEY_PREFIX
from handinger_tui.core.jsontext import dump
from handinger_tui.core.safety import clean, clean_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from handinger_tui.core.documents import Document


def has_colors(environ: Mapping[str, str]) -> bool:
    """Whether the terminal has colors, by COLORTERM and its entry in terminfo; one without an entry has."""
    if environ.get("COLORTERM"):
        return True
    try:
        import curses  # not on Windows
    except ImportError:
        return True
    try:
        curses.setupterm(environ.get("TERM"), 1)
    except curses.error:
        return True
    return curses.tigetnum("colors") > 1


PIPED: Final = 140
"""Cells of a row of a table where stdout is not a terminal."""
LEAST_WIDTH: Final = 30
"""Cells that a text is laid out for at least, however narrow the terminal is."""


def output_width(piped: int) -> int:
    """Return the width of the terminal, at least `LEAST_WIDTH`; `piped` when stdout is not a terminal."""
    return max(LEAST_WIDTH, shutil.get_terminal_size((80, 24)).columns) if sys.stdout.isatty() else piped


def window_size() -> os.terminal_size:
    """Return the size of the terminal as it is now: variables have that of the start, at best."""
    size = os.get_terminal_size(sys.stdout.fileno())
    return size if all(size) else shutil.get_terminal_size()


def conceal_keys(text: str) -> str:
    """Shorten everything that looks like an API key: errors quote what was typed."""
    return re.sub(rf"{KEY_PREFIX}[\w-]+", f"{KEY_PREFIX}…", text)


def say(text: str) -> None:
    """Print a line to stderr, without control characters or API keys; it is discarded after a failure."""
    try:
        sys.stderr.write(conceal_keys(clean(text)) + "\n")
        sys.stderr.flush()
    except OSError:
        # The answer, its file and the exit code matter more.
        discard(sys.stderr)


def note(args: argparse.Namespace, text: str) -> None:
    """Print a line to stderr that `--quiet` leaves out."""
    if not getattr(args, "quiet", False):
        say(text)


def discard(stream: TextIO) -> None:
    """Redirect a stream to the null device, also for what the interpreter flushes at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def put(text: str, end: str = "\n") -> None:
    """Print text to stdout, with control characters removed whatever its origin."""
    sys.stdout.write(clean(text) + end)


def can_ask() -> bool:
    """Return whether there is a person at a terminal who can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def is_confirmed(question: str) -> bool:
    """Ask a question on stderr; every answer but yes is no."""
    sys.stderr.write(f"{clean(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def put_result(args: argparse.Namespace, value: Document, text: str) -> None:
    """Print a result to stdout, as JSON with `--json`, else as text."""
    from handinger_tui.core.documents import members  # not for the first frame

    put(dump(clean_json(members(value))) if args.json else text)


def sentence(text: str) -> str:
    """Return `text` with a full stop, unless it ends with punctuation. Service messages often lack one."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…", ":")) else f"{text}."
