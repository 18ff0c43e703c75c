"""Attachments: checks a file before it is sent, and lists folders for path completion."""

from __future__ import annotations

import errno
import heapq
import mimetypes
import os
import stat
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from handinger_tui.core.errors import AttachmentProblem, NoSuchFile
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.core.turns.turn import Attachment

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 512 << 20
_BLOCK: Final = 1 << 20
_EXTRA_TYPES: Final = {".jsonl": "application/x-ndjson", ".md": "text/markdown", ".toml": "application/toml"}
_NOTHING_SENT: Final = "Nothing was sent."


def attachment(path_text: str) -> Attachment:
    """Return a file as attachment, with its current size, type and digest. Symbolic links are followed.

    It reads the whole file, which takes up to a second for the largest.

    Raises:
        AttachmentProblem: missing, a folder, not a regular file, unreadable, too large, being written.
    """
    displayed_path = clean_line(path_text, 200)
    if not path_text:
        raise AttachmentProblem(f"No file given. {_NOTHING_SENT}", "Use a path.")
    try:
        path = Path(path_text).expanduser()
        # Without O_NONBLOCK, opening a pipe would block until a writer opens it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            size, digest = _read_size_and_digest(file, displayed_path)
        resolved = str(path.resolve())
    except FileNotFoundError:
        raise NoSuchFile(_missing_text(path_text, displayed_path), "Check the path.") from None
    except (OSError, ValueError, RuntimeError) as problem:
        raise _unreadable_problem(problem, displayed_path) from None
    return Attachment(resolved, path.name, size, media_type(path), digest)


def _missing_text(path_text: str, displayed_path: str) -> str:
    if Path(path_text).expanduser().is_symlink():
        return f"{displayed_path} is a link to a missing file. {_NOTHING_SENT}"
    return f"File not found: {displayed_path}. {_NOTHING_SENT}"


def _unreadable_problem(problem: Exception, displayed_path: str) -> AttachmentProblem:
    # RuntimeError: unknown user after `~`. ValueError: a NUL byte in the path.
    number = getattr(problem, "errno", None)
    if number == errno.EISDIR:
        return AttachmentProblem(
            f"{displayed_path} is a folder. {_NOTHING_SENT}", "Attach its files one by one."
        )
    if number == errno.ENXIO:
        return AttachmentProblem(f"{displayed_path} is not a regular file. {_NOTHING_SENT}", "Choose a file.")
    reason = os.strerror(number) if number else "not a usable path"
    return AttachmentProblem(f"Cannot read {displayed_path}: {reason}. {_NOTHING_SENT}", "Check the path.")


def _read_size_and_digest(file: BinaryIO, displayed_path: str) -> tuple[int, str]:
    """Read the file and return its size and SHA-256 digest."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise AttachmentProblem(f"{displayed_path} is not a regular file. {_NOTHING_SENT}", "Choose a file.")
    if status.st_size > MAX_BYTES:
        raise AttachmentProblem(
            f"{displayed_path} is {status.st_size:,} bytes; the maximum is {MAX_BYTES:,}. {_NOTHING_SENT}",
            "Send a smaller part of it.",
        )
    import hashlib  # loads OpenSSL, 2 MB, which a start has no use for

    digest, size = hashlib.sha256(), 0
    while size <= status.st_size and (block := file.read(_BLOCK)):
        digest.update(block)
        size += len(block)
    if size != status.st_size:
        raise AttachmentProblem(
            f"{displayed_path} is changing or is not a regular file. {_NOTHING_SENT}",
            "Attach it when it is complete.",
        )
    return size, digest.hexdigest()


def media_type(path: Path) -> str:
    """Return the media type for the suffix of a name."""
    guessed_type = mimetypes.guess_type(path.name)[0]
    return guessed_type or _EXTRA_TYPES.get(path.suffix.lower(), "application/octet-stream")


# -- completion ------------------------------------------------------------------------------
_MAX_ENTRIES: Final = 20_000


def list_directory(
    path_text: str, limit: int = 200, *, prefix: str = "", hidden: bool = False
) -> tuple[str, ...]:
    """Return names in a folder ("" is the current one) that begin with `prefix`, at most `limit`.

    Matching and order ignore case; folders end with `/`. Names that cannot be displayed unchanged,
    because of control characters or broken encoding, are left out. Errors give ().
    """
    try:
        with os.scandir(Path(path_text or ".").expanduser()) as entries:
            names = heapq.nsmallest(
                limit, _matching_names(entries, prefix.casefold(), hidden=hidden), _sort_key
            )
    except (OSError, ValueError, RuntimeError):
        return ()
    return tuple(names)


def _matching_names(entries: Iterator[os.DirEntry[str]], folded: str, *, hidden: bool) -> Iterator[str]:
    for entry in islice(entries, _MAX_ENTRIES):
        name = entry.name
        is_skipped = name.startswith(".") and not hidden
        if not is_skipped and _is_displayable(name) and name.casefold().startswith(folded):
            yield f"{name}/" if _is_folder(entry) else name


def _is_displayable(name: str) -> bool:
    # Not printable according to Python, but allowed: the space in names of macOS screenshots, joined emoji.
    return name.isprintable() or (clean(name) == name and "\n" not in name and "\t" not in name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _sort_key(name: str) -> tuple[str, str]:
    return name.casefold(), name


class DiskFiles:
    """Gives the screen access to local files; implements `ui.ports.LocalFiles`."""

    def attachment(self, path: str) -> Attachment:
        """Return a file as attachment, see `attachment`."""
        return attachment(path)

    def listing(self, folder: str, prefix: str, *, hidden: bool) -> tuple[str, ...]:
        """Return names for completion, see `list_directory`."""
        return list_directory(folder, prefix=prefix, hidden=hidden)
