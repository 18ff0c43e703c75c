"""The file of `-o`: looked at before anything is sent, written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from handinger_tui.cli.places import expanded
from handinger_tui.core.errors import LocalFileError


def check_answer_file(path_text: str) -> None:
    """Make sure that a file can be written, by making the one that would be renamed to it.

    Raises:
        SettingsError: `~name` where nobody is called so.
        LocalFileError: no folder, no right to write there, or something else than a file in its place.
    """
    target = expanded(path_text)
    try:
        if path_text.endswith(("/", os.sep)):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _refuse_other_than_files(target)
        part = _part_of(target)
        try:
            part.open("xb").close()
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError) as problem:
        # ValueError: a zero byte in the path.
        reason = os.strerror(problem.errno) if isinstance(problem, OSError) and problem.errno else "bad path"
        if isinstance(problem, IsADirectoryError):
            reason = "it is a folder"
        elif isinstance(problem, FileNotFoundError):
            reason = "its folder does not exist"
        raise LocalFileError(
            f"The answer could not be saved to {target}: {reason}. Nothing was sent.",
            "Name another file with -o.",
        ) from None


def save_text(target: Path, text: str) -> None:
    """Write a file that the person named, whole or not at all.

    Raises:
        OSError
    """
    _refuse_other_than_files(target)
    part = _part_of(target)
    try:
        with part.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _refuse_other_than_files(target: Path) -> None:
    """A device or a pipe must not be replaced by a file; and a terminal is no place for --raw."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a file")


def _part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")
