"""The file of `-o`: looked at before anything is sent, written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from handinger_tui.cli.paths import expanded
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
        part = _part_of(_destination(target))
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

    A link stays a link: the file that it names is written. A file that was there keeps its mode,
    a new one gets that of the umask.

    Raises:
        OSError: also for a link that leads to itself, and for what is not a file.
    """
    place = _destination(target)
    before = place.stat() if place.exists() else None
    part = _part_of(place)
    created = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if before is None else 0o600)
    try:
        with open(created, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            part.chmod(stat.S_IMODE(before.st_mode))
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _destination(target: Path) -> Path:
    """The file behind any links. A device or a pipe is never replaced by a file."""
    place = Path(os.path.realpath(target))
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return place
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a file")
    return place


def _part_of(place: Path) -> Path:
    """A temporary file beside it, with a short name of its own: the final one may be as long as allowed."""
    return place.with_name(f".{os.getpid()}-{os.urandom(4).hex()}.part")
