"""Files of this machine: folders, files that are written atomically, the kept theme, and attachments."""

from __future__ import annotations

import errno
import heapq
import mimetypes
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from handinger_tui.cli.args import NOTHING_SENT
from handinger_tui.core.errors import AttachmentProblem, LocalFileError, NoSuchFile, SettingsError
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.core.turns.turn import Attachment


class Paths(Struct, frozen=True):
    """Files and folders of the program; they need not exist."""

    config: Path
    database: Path
    downloads: Path


def expand_path(path: str) -> Path:
    """Return a path with `~` and `~name` expanded.

    Raises:
        SettingsError: there is no home folder for that name.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        name = clean_line(path, 200)
        raise SettingsError(f"No home folder for {name}.", f"If it is a file name, use ./{name}.") from None


def default_paths() -> Paths:
    """Return the paths under HANDINGER_TUI_HOME if it is set, else in the platform's own folders.

    Downloads go to `~/Downloads` with HANDINGER_TUI_HOME too, if there is a home folder.

    Raises:
        SettingsError: the user has no home folder, or HANDINGER_TUI_HOME names that of an unknown user.
    """
    home = os.environ.get("HANDINGER_TUI_HOME", "").strip()
    if home:
        try:
            root = expand_path(home)
        except SettingsError as problem:
            raise SettingsError(f"HANDINGER_TUI_HOME: {problem.summary}", "Set it to a folder.") from None
        return Paths(root / "config.toml", root / "history.db", _home_downloads() or root / "Downloads")
    import platformdirs  # 10 ms, needed only here

    data = _absolute_folder(lambda: platformdirs.user_data_dir("handinger-tui", appauthor=False))
    config = _absolute_folder(lambda: platformdirs.user_config_dir("handinger-tui", appauthor=False))
    if data is None or config is None:
        raise SettingsError(
            "No home folder found for the history and the config file.",
            "Set HOME, or set HANDINGER_TUI_HOME to a folder.",
        )
    downloads = _absolute_folder(platformdirs.user_downloads_dir) or data / "Downloads"
    return Paths(config / "config.toml", data / "history.db", downloads)


def _absolute_folder(find_folder: Callable[[], str]) -> Path | None:
    """Return a folder of the platform; None without a home folder."""
    try:
        folder = Path(find_folder())
    except RuntimeError:
        return None
    # Older versions of platformdirs return `~` unexpanded, which would become a folder of that name here.
    return folder if folder.is_absolute() else None


def _home_downloads() -> Path | None:
    try:
        return Path.home() / "Downloads"
    except RuntimeError:
        # HOME is not set and the user id has no account: usual in containers.
        return None


MAX_CONFIG_BYTES: Final = 1 << 20


def config_text(path: Path) -> str:
    """Return the text of the config file, "" if there is none.

    Raises:
        SettingsError: the file exists and cannot be read, or is not a regular file.
    """
    try:
        data, _ = beginning_of(path, MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise OSError(errno.EFBIG, "larger than a megabyte")
        # Windows editors may write a byte order mark.
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not UTF-8 text"
        if isinstance(problem, FileNotFoundError | NotADirectoryError):
            if not path.is_symlink():
                return ""
            # Its limits must not vanish with a folder that is not mounted.
            reason = "a link to a missing file"
        raise SettingsError(f"Cannot read {path}: {reason}.", "Fix it or set HANDINGER_TUI_HOME.") from None


def beginning_of(path: Path | str, most: int) -> tuple[bytes, int]:
    """Read at most `most` bytes of a regular file; returns them and the size of the file.

    Raises:
        OSError: also for what is not a regular file.
    """
    with _regular_file(path) as (file, size):
        return file.read(most), size


@contextmanager
def _regular_file(path: Path | str) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file for the block, with its size. Raises OSError: also for what is not a regular file."""
    # Without O_NONBLOCK, opening a pipe would block until a writer opens it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        yield file, status.st_size


def read_file(path_text: str, most: int) -> bytes:
    """Read at most `most` bytes of a file that the user named; "-": of stdin.

    Raises:
        SettingsError: `~name` of an unknown user.
        LocalFileError: it cannot be read, or is not a regular file.
    """
    path = expand_path(path_text)
    try:
        return sys.stdin.buffer.read(most) if path_text == "-" else beginning_of(path, most)[0]
    except (OSError, ValueError) as problem:
        # ValueError: a NUL byte in the path.
        reason = problem.strerror if isinstance(problem, OSError) else "not a valid path"
        raise LocalFileError(
            f"Cannot read {clean_line(path_text, 200)}: {reason}.", "Name a file, or - for stdin."
        ) from None


def is_open_to_others(path: Path) -> bool:
    """Return whether other users may read or change a file. False on Windows, which has no mode bits."""
    try:
        return os.name != "nt" and bool(path.stat().st_mode & 0o066)
    except OSError:
        return False


def check_answer_file(path_text: str, *, force: bool) -> None:
    """Check that a file can be written, by creating the temporary file that would be renamed to it.

    An empty file holds nothing to lose: scripts make them with `mktemp`.

    Raises:
        SettingsError: `~name` of an unknown user; without `force`, also a file with content.
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
        reason = (isinstance(problem, OSError) and problem.strerror) or "not a valid path"
        if isinstance(problem, IsADirectoryError):
            reason = "it is a folder"
        elif isinstance(problem, FileNotFoundError):
            reason = "its folder does not exist"
        raise LocalFileError(
            f"Cannot save the answer to {target}: {reason}. Nothing was sent.", "Choose another file with -o."
        ) from None
    if not force and os.path.isfile(target) and os.path.getsize(target):
        raise SettingsError(
            f"{target} already exists. Nothing was sent.",
            "Choose another file, or overwrite it with --force.",
        )


def save_text(target: Path, text: str) -> None:
    """Write a file atomically, or replace it.

    Raises:
        OSError: also for a link that leads to itself, and for a target that is not a regular file.
    """
    _write(target, text.encode("utf-8", "replace"), overwrite=True)


def new_file(path_text: str, *, force: bool) -> Path:
    """Return the path of the file that `save_new_file` will write, checked as far as it can be.

    Raises:
        SettingsError: a folder, or an existing file without `force`.
    """
    target = expand_path(path_text)
    # A path does not keep the slash at its end, and the file would have the name of the missing folder.
    if path_text.endswith(("/", os.sep)) or os.path.isdir(target):
        raise SettingsError(f"{target} is a folder.", "Choose a file.")
    if not force and os.path.lexists(target):
        raise _exists_already(target)
    return target


def make_folder(folder: Path) -> None:
    """Create a folder where there is none.

    Raises:
        LocalFileError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise LocalFileError(
            f"Cannot create {folder}: {problem.strerror or problem}.", "Choose another folder."
        ) from None


def save_new_file(target: Path, data: bytes, *, force: bool) -> None:
    """Write a file atomically. An existing one is replaced only with `force`.

    Raises:
        SettingsError: it exists already.
        LocalFileError: it could not be written.
    """
    try:
        _write(target, data, overwrite=force)
    except FileExistsError:
        raise _exists_already(target) from None
    except OSError as problem:
        raise LocalFileError(
            f"Cannot write {target}: {problem.strerror or problem}.", "Choose another file."
        ) from None


def _exists_already(target: Path) -> SettingsError:
    return SettingsError(f"{target} already exists. Nothing was written.", "Use --force to overwrite it.")


def _write(target: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a file atomically.

    A symbolic link is kept: its target is written. An existing file keeps its mode,
    a new one gets the mode of the umask.

    Raises:
        FileExistsError: it exists, without `overwrite`.
        OSError
    """
    destination = _destination(target)
    old_mode = stat.S_IMODE(destination.stat().st_mode) if destination.exists() else None
    temporary = _temporary_path(destination)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    descriptor = os.open(temporary, flags, 0o666 if old_mode is None else 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if old_mode is not None:
            temporary.chmod(old_mode)
        if overwrite:
            temporary.replace(destination)
            return
        # `os.link` fails if the target was created since the check. File systems without hard links
        # rely on the earlier check.
        try:
            os.link(temporary, destination)
        except FileExistsError:
            raise
        except OSError:
            temporary.replace(destination)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _destination(target: Path) -> Path:
    """Resolve symbolic links. A device or a pipe is rejected: it must not be replaced by a file."""
    destination = Path(os.path.realpath(target))
    if destination.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        # Not of the resolved path, which a pipe behind /dev/stdout does not have.
        mode = target.stat().st_mode
    except FileNotFoundError:
        return destination
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return destination


def _temporary_path(destination: Path) -> Path:
    """Return a temporary path in the same folder. Its name is short: the final name may be very long."""
    return destination.with_name(f".{os.getpid()}-{os.urandom(4).hex()}.part")


def _theme_file() -> Path:
    return default_paths().database.parent / "theme"


def kept_theme() -> str | None:
    """The theme that was last chosen in the app; None where there is none, or it cannot be read."""
    with suppress(OSError, ValueError), _theme_file().open(encoding="ascii") as file:
        # A longer file is not ours.
        return file.read(100).strip() or None
    return None


def keep_theme(name: str) -> None:
    """Store the theme that was chosen in the app. Raises OSError."""
    path = _theme_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_text(path, f"{name}\n")


# -- attachments -------------------------------------------------------------------------------
MAX_ATTACHMENT_BYTES: Final = 512 << 20
_BLOCK: Final = 1 << 20
_EXTRA_TYPES: Final = {".jsonl": "application/x-ndjson", ".md": "text/markdown", ".toml": "application/toml"}


@contextmanager
def piped_file(paths: Sequence[str]) -> Iterator[list[str]]:
    """Let "-" among the files to attach be standard input, as a file that is there for the block.

    Raises:
        SettingsError: it is named twice, or stdin is a terminal.
        AttachmentProblem: it cannot be read or kept, or is too large.
    """
    if "-" not in paths:
        yield list(paths)
        return
    if paths.count("-") > 1 or sys.stdin.isatty():
        raise SettingsError(
            f"-f - attaches what is piped into this program, once. {NOTHING_SENT}",
            'Use: PROGRAM | handinger-tui -p "…" -f -',
        )
    with tempfile.TemporaryDirectory(prefix="handinger-tui-") as folder:
        try:
            data = sys.stdin.buffer.read(MAX_ATTACHMENT_BYTES + 1)
        except OSError as problem:
            raise _not_kept("standard input", problem) from None
        path = keep(data, f"input.{'txt' if _is_text(data) else 'bin'}", folder)
        yield [path if one == "-" else one for one in paths]


def keep(data: bytes, name: str, folder: str) -> str:
    """Keep what came without a file below `folder`, so that it has this name; returns its path.

    Raises:
        AttachmentProblem
    """
    try:
        path = os.path.join(tempfile.mkdtemp(dir=folder), name)
        with open(path, "xb") as file:
            file.write(data)
    except OSError as problem:
        raise _not_kept(clean_line(name, 100), problem) from None
    return path


def _not_kept(what: str, problem: OSError) -> AttachmentProblem:
    reason = problem.strerror or "unknown"
    return AttachmentProblem(f"Cannot keep {what}: {reason}. {NOTHING_SENT}", "Attach a file instead.")


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeError:
        return False


def attachment(path_text: str) -> Attachment:
    """Return a file as attachment, with its current size, type and digest. Symbolic links are followed.

    It reads the whole file, which takes up to a second for the largest.

    Raises:
        AttachmentProblem: missing, a folder, not a regular file, unreadable, too large, being written.
    """
    displayed_path = clean_line(path_text, 200)
    if not path_text:
        raise AttachmentProblem(f"No file given. {NOTHING_SENT}", "Use a path.")
    path = Path(path_text)
    try:
        path = path.expanduser()
        with _regular_file(path) as (file, size):
            digest = _digest(file, size, displayed_path)
        resolved = str(path.resolve())
    except FileNotFoundError:
        missing = f"File not found: {displayed_path}. {NOTHING_SENT}"
        if path.is_symlink():
            missing = f"{displayed_path} is a link to a missing file. {NOTHING_SENT}"
        raise NoSuchFile(missing, "Check the path.") from None
    except (OSError, ValueError, RuntimeError) as problem:
        raise _unreadable_problem(problem, displayed_path) from None
    return Attachment(resolved, path.name, size, media_type(path), digest)


def _unreadable_problem(problem: Exception, displayed_path: str) -> AttachmentProblem:
    # RuntimeError: unknown user after `~`. ValueError: a NUL byte in the path.
    number = getattr(problem, "errno", None)
    if number == errno.EISDIR:
        return AttachmentProblem(
            f"{displayed_path} is a folder. {NOTHING_SENT}", "Attach its files one by one."
        )
    if number in (errno.ENXIO, errno.EINVAL):
        return AttachmentProblem(f"{displayed_path} is not a regular file. {NOTHING_SENT}", "Choose a file.")
    reason = os.strerror(number) if number else "not a usable path"
    return AttachmentProblem(f"Cannot read {displayed_path}: {reason}. {NOTHING_SENT}", "Check the path.")


def _digest(file: BinaryIO, size: int, displayed_path: str) -> str:
    """Read the file and return its SHA-256 digest."""
    if size > MAX_ATTACHMENT_BYTES:
        raise AttachmentProblem(
            f"{displayed_path} is {size:,} bytes; the maximum is {MAX_ATTACHMENT_BYTES:,}. {NOTHING_SENT}",
            "Send a smaller part of it.",
        )
    import hashlib  # loads OpenSSL, 2 MB, which a start has no use for

    digest, count = hashlib.sha256(), 0
    while count <= size and (block := file.read(_BLOCK)):
        digest.update(block)
        count += len(block)
    if count != size:
        raise AttachmentProblem(
            f"{displayed_path} is changing or is not a regular file. {NOTHING_SENT}",
            "Attach it when it is complete.",
        )
    return digest.hexdigest()


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
    because of control characters or broken encoding, are omitted. Errors give ().
    """
    try:
        with os.scandir(Path(path_text or ".").expanduser()) as entries:
            names = _matching_names(entries, prefix.casefold(), hidden=hidden)
            return tuple(heapq.nsmallest(limit, names, lambda name: (name.casefold(), name)))
    except (OSError, ValueError, RuntimeError):
        return ()


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


class DiskFiles:
    """Gives the screen access to local files; implements `ui.ports.LocalFiles`."""

    def attachment(self, path: str) -> Attachment:
        """Return a file as attachment, see `attachment`."""
        return attachment(path)

    def listing(self, folder: str, prefix: str, *, hidden: bool) -> tuple[str, ...]:
        """Return names for completion, see `list_directory`."""
        return list_directory(folder, prefix=prefix, hidden=hidden)
