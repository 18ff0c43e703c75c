"""`--verbose` and `--debug FILE`: a line for each request, without content, headers and keys."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import time
from typing import Final

from handinger_tui import __version__
from handinger_tui.cli.local_files import expand_path
from handinger_tui.cli.output import say
from handinger_tui.core.errors import LocalFileError, SettingsError
from handinger_tui.core.safety import clean_line

LOGGER: Final = "handinger_tui.requests"


class _Shown(logging.Handler):
    """Shows each line on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


class _Kept(logging.Handler):
    """Adds each line to a file, with its time."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def close(self) -> None:
        os.close(self._descriptor)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = f"{now}.{int(record.msecs):03}Z {clean_line(record.getMessage(), 500)}\n"
        try:
            os.write(self._descriptor, line.encode("utf-8", "replace"))
        except OSError:
            # A full disk must not stop what is observed.
            return


def begin(args: argparse.Namespace, *, has_screen: bool) -> None:
    """Show or keep the requests of this run, as its options say.

    Raises:
        SettingsError: the screen has no room for them.
        LocalFileError: the file cannot be written.
    """
    logger = logging.getLogger(LOGGER)
    if args.verbose:
        if has_screen:
            raise SettingsError("--verbose would write over the screen.", "Use --debug FILE.")
        logger.addHandler(_Shown())
    if args.debug is not None:
        kept = _Kept(_opened(args.debug))
        system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
        command = args.command or ("app" if has_screen else "-p")
        begun = f"handinger-tui {__version__}, {system}, {command}, process {os.getpid()}"
        kept.emit(logging.makeLogRecord({"msg": begun}))
        logger.addHandler(kept)
    logger.setLevel(logging.DEBUG if args.verbose or args.debug is not None else logging.NOTSET)


def restore() -> None:
    """Let the next run of this process show and keep nothing."""
    logger = logging.getLogger(LOGGER)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def _opened(path_text: str) -> int:
    """Open the file for more lines; only you can read a new one. Raises LocalFileError."""
    path = expand_path(path_text)
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "not a valid path"
        raise LocalFileError(
            f"Cannot write {clean_line(path_text, 200)}: {reason}.", "Choose another file with --debug."
        ) from None
