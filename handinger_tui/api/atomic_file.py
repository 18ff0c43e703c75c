"""Atomic writing of remote files: the folder that the person chose gets a complete file, or none."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

from handinger_tui.api import errors
from handinger_tui.core.safety import safe_file_name, split_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

Identity = tuple[int, int]
"""Device and inode, which identify a file under any name."""

_CREATE: Final = (
    os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
# O_PATH, if it exists, does not need permission to list the folder.
_OPEN_FOLDER: Final = (
    getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
)
_HAS_DIR_FD: Final = {os.open, os.link, os.rename, os.unlink, os.stat} <= os.supports_dir_fd


_PART_NAME: Final = re.compile(r"\.handinger-[0-9a-f]{16}\.part")
STALE_S: Final = 7 * 86_400
"""Seconds without a change after which no program still receives a file."""


class DirectoryFd:
    """An open folder. A symlink to a folder is followed: the person made it."""

    def __init__(self, path: Path) -> None:
        """Open the folder; create it if it is missing. Raises OSError."""
        self.path = path
        if "\0" in str(path):
            # Without this, Python raises ValueError.
            raise OSError(errno.EINVAL, "not a valid folder name")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, "not a folder") from None
        # Resolved once, then opened without following links: a link created in between is an error.
        self._real = path.resolve(strict=True)
        self._descriptor = os.open(self._real, _OPEN_FOLDER) if _HAS_DIR_FD else None

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self._real / name)

    def create(self, name: str) -> int:
        """Create an empty file that only this user can read; return its descriptor.

        Raises:
            FileExistsError: the name exists, even as a dangling symlink.
            OSError
        """
        return os.open(self._at(name), _CREATE, 0o600, dir_fd=self._descriptor)

    def link(self, old: str, new: str) -> None:
        """Create the hard link `new` to `old`.

        Raises:
            FileExistsError: `new` exists.
            OSError: the file system may not support links.
        """
        folder_fd = self._descriptor
        os.link(
            self._at(old), self._at(new), src_dir_fd=folder_fd, dst_dir_fd=folder_fd, follow_symlinks=False
        )

    def replace(self, old: str, new: str) -> None:
        """Rename `old` to `new`, and overwrite `new` if it exists. Raises OSError."""
        folder_fd = self._descriptor
        os.replace(self._at(old), self._at(new), src_dir_fd=folder_fd, dst_dir_fd=folder_fd)

    def remove(self, name: str) -> None:
        """Remove a name; errors are ignored."""
        with suppress(OSError):
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def remove_stale_parts(self) -> None:
        """Remove what killed downloads left: old regular files of this user with a name of ours."""
        with suppress(OSError):
            for name in filter(_PART_NAME.fullmatch, os.listdir(self._real)):
                status = os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
                # A running download changes its file all the time.
                is_old = time.time() - status.st_mtime > STALE_S
                if stat.S_ISREG(status.st_mode) and is_old and status.st_uid == _own_id():
                    self.remove(name)

    def identity(self, name: str) -> Identity | None:
        """The identity of the name itself, without following links; None when it does not exist."""
        try:
            status = os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def is_in_place(self) -> bool:
        """Whether the path still leads to the folder that was opened."""
        if self._descriptor is None:
            return True
        try:
            current, opened = os.stat(self.path), os.fstat(self._descriptor)
        except OSError:
            return False
        return (current.st_dev, current.st_ino) == (opened.st_dev, opened.st_ino)

    def close(self) -> None:
        """Close the folder's descriptor."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _own_id() -> int:
    """The id of the user; on Windows all files have 0."""
    return os.getuid() if hasattr(os, "getuid") else 0


BLOCK: Final = 256 << 10
MAX_NAMES: Final = 10_000

_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)
_T = TypeVar("_T")


class AtomicFile:
    """A file that is being received. Only `commit` keeps it. `got`: the bytes so far."""

    def __init__(self, folder: Path) -> None:
        """Prepare the file. Nothing is opened or created before the first write."""
        self.got = 0
        self._path = folder
        self._part = f".handinger-{os.urandom(8).hex()}.part"
        self._pending = bytearray()
        self._folder: DirectoryFd | None = None
        self._file: BinaryIO | None = None
        self._final_name: str | None = None
        """The name that the complete file has, until `commit` has returned its path."""

    async def write(self, chunk: bytes) -> None:
        """Write more bytes; the first call creates the folder if it is missing.

        Raises:
            ApiError: kind DISK.
        """
        if self._file is None:
            await _run_in_thread(self._open)
        self._pending += chunk
        self.got += len(chunk)
        if len(self._pending) >= BLOCK:
            await _run_in_thread(self._flush)

    async def restart(self) -> None:
        """Drop all bytes written so far.

        Raises:
            ApiError: kind DISK.
        """
        self._pending.clear()
        self.got = 0
        if self._file is not None:
            await _run_in_thread(self._empty)

    async def commit(self, name: str | None, wanted: int | None = None) -> Path:
        """Give the file a safe and unused name based on `name`; return its path.

        `wanted`: the announced size in bytes; None: none was announced. If it is cancelled, no file remains.

        Raises:
            ApiError: kind INCOMPLETE or DISK.
        """
        if wanted is not None and self.got != wanted:
            raise errors.file_incomplete(self.got, wanted)
        await self.write(b"")
        path = await _run_in_thread(self._commit, safe_file_name(name))
        self._final_name = None
        return path

    def abort(self) -> None:
        """Close the file, and remove it unless it was committed."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._folder is not None:
            self._folder.remove(self._part)
            if self._final_name is not None:
                self._folder.remove(self._final_name)
            self._folder.close()

    # -- in a thread -----------------------------------------------------------------------
    def _open(self) -> None:
        self._folder = DirectoryFd(self._path)
        self._folder.remove_stale_parts()
        self._file = os.fdopen(self._folder.create(self._part), "wb", buffering=0)

    def _flush(self) -> None:
        view = memoryview(bytes(self._pending))
        self._pending.clear()
        while view:
            view = view[_opened(self._file).write(view) :]

    def _empty(self) -> None:
        file = _opened(self._file)
        file.truncate(0)
        file.seek(0)

    def _commit(self, name: str) -> Path:
        file, folder = _opened(self._file), _opened(self._folder)
        self._flush()
        os.fsync(file.fileno())
        status = os.fstat(file.fileno())
        # Windows cannot rename or remove an open file.
        file.close()
        final_name = _give_name(folder, self._part, name, (status.st_dev, status.st_ino))
        self._final_name = final_name
        if not folder.is_in_place():
            raise FileNotFoundError(errno.ENOENT, "the folder was replaced while saving")
        return self._path / final_name


@contextmanager
def atomic_file(folder: Path) -> Iterator[AtomicFile]:
    """A new file in `folder`, which is removed unless it is committed."""
    file = AtomicFile(folder)
    try:
        yield file
    finally:
        file.abort()


async def write_atomically(chunks: AsyncIterator[bytes], folder: Path, name: str | None) -> Path:
    """Write all `chunks` to a new file. `name` and the result: see `AtomicFile.commit`.

    Raises:
        ApiError: kind DISK, and whatever `chunks` raises; then no file remains.
    """
    with atomic_file(folder) as file:
        async for chunk in chunks:
            await file.write(chunk)
        return await file.commit(name)


async def _run_in_thread(work: Callable[..., _T], *args: object) -> _T:
    """Run in a thread. On cancellation, wait for the thread: it must not write to a closed file."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        with suppress(asyncio.CancelledError):
            running.exception()
        raise
    except OSError as problem:
        raise errors.disk_error(problem) from problem


def _opened(thing: _T | None) -> _T:
    if thing is None:
        raise RuntimeError("the file is used before it is opened")
    return thing


# -- file names -----------------------------------------------------------------------------
def candidate_names(name: str) -> Iterator[str]:
    """Yield "name.ext", "name (2).ext" and so on."""
    stem, ending = split_name(name)
    yield name
    for number in range(2, MAX_NAMES):
        yield f"{stem} ({number}){ending}"


def _give_name(folder: DirectoryFd, part: str, name: str, ours: Identity) -> str:
    for candidate in candidate_names(name):
        try:
            # link() fails for any existing name, even a dangling symlink; rename() would overwrite it.
            folder.link(part, candidate)
        except FileExistsError:
            continue
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            if not _claim_name(folder, part, candidate):
                continue
        if folder.identity(candidate) != ours:
            # Another process replaced our file. If it did so before we linked it, this name is ours and is
            # removed; otherwise the name belongs to the other process.
            if folder.identity(candidate) == folder.identity(part):
                folder.remove(candidate)
            raise FileExistsError(errno.EEXIST, "the file was replaced while saving")
        return candidate
    raise FileExistsError(errno.EEXIST, "every similar name is in use")


def _claim_name(folder: DirectoryFd, part: str, name: str) -> bool:
    """Without hard links: create the name exclusively, then replace it, so that nothing is overwritten.

    Returns False if the name exists.
    """
    try:
        os.close(folder.create(name))
    except FileExistsError:
        return False
    try:
        folder.replace(part, name)
    except OSError:
        folder.remove(name)
        raise
    return True
