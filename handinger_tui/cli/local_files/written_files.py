"""Files that commands write: checked before anything is sent or read, and written atomically."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from handinger_tui.cli.local_files.paths import expand_path
from handinger_tui.core.errors import LocalFileError, SettingsError


def check_answer_file(path_text: str) -> None:
    """Check that a file can be written, by creating the temporary file that would be renamed to it.

    Raises:
        SettingsError: `~name` of an unknown user.
        LocalFileError: no such folder, no permission, or the target is not a regular file.
    """
    target = expand_path(path_text)
    try:
        if path_text.endswith(("/", os.sep)):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        temporary = _temporary_path(_destination(target))
        try:
            temporary.open("xb").close()
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as problem:
        # ValueError: a NUL byte in the path.
        reason = os.strerror(problem.errno) if isinstance(problem, OSError) and problem.errno else "bad path"
        if isinstance(problem, IsADirectoryError):
            reason = "it is a folder"
        elif isinstance(problem, FileNotFoundError):
            reason = "its folder does not exist"
        raise LocalFileError(
            f"Cannot save the answer to {target}: {reason}. Nothing was sent.",
            "Choose another file with -o.",
        ) from None


def save_text(target: Path, text: str) -> None:
    """Write a file atomically.

    A symbolic link is kept: its target is written. An existing file keeps its mode,
    a new one gets the mode of the umask.

    Raises:
        OSError: also for a link that leads to itself, and for a target that is not a regular file.
    """
    destination = _destination(target)
    old_status = destination.stat() if destination.exists() else None
    temporary = _temporary_path(destination)
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if old_status is None else 0o600
    )
    try:
        with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if old_status is not None:
            temporary.chmod(stat.S_IMODE(old_status.st_mode))
        temporary.replace(destination)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_new_file(target: Path, *, force: bool) -> None:
    """Check the file that `save_new_file` will write.

    Raises:
        SettingsError: a folder, or an existing file without `force`.
    """
    if target.is_dir():
        raise SettingsError(f"{target} is a folder.", "Choose a file.")
    if not force and os.path.lexists(target):
        raise _exists_already(target)


def save_new_file(target: Path, data: bytes, *, force: bool) -> None:
    """Write a file atomically. An existing one is replaced only with `force`.

    Raises:
        SettingsError: it exists already.
        LocalFileError: it could not be written.
    """
    try:
        _replace_or_create(target, data, force=force)
    except FileExistsError:
        raise _exists_already(target) from None
    except OSError as problem:
        raise LocalFileError(
            f"Cannot write {target}: {os.strerror(problem.errno or 0)}.", "Choose another file."
        ) from None


def _exists_already(target: Path) -> SettingsError:
    return SettingsError(f"{target} already exists. Nothing was written.", "Use --force to overwrite it.")


def _replace_or_create(target: Path, data: bytes, *, force: bool) -> None:
    part = _temporary_path(target)
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not force:
            # `os.link` fails if the target was created since the check. File systems without hard links
            # rely on the earlier check.
            try:
                os.link(part, target)
            except FileExistsError:
                raise
            except OSError:
                part.replace(target)
            else:
                part.unlink()
            return
        part.replace(target)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _destination(target: Path) -> Path:
    """Resolve symbolic links. A device or a pipe is rejected: it must not be replaced by a file."""
    destination = Path(os.path.realpath(target))
    if destination.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        mode = destination.stat().st_mode
    except FileNotFoundError:
        return destination
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a file")
    return destination


def _temporary_path(destination: Path) -> Path:
    """Return a temporary path in the same folder. Its name is short: the final name may be very long."""
    return destination.with_name(f".{os.getpid()}-{os.urandom(4).hex()}.part")
