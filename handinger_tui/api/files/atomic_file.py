"""Bytes from outside become a whole file in a folder that the person chose, or nothing."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from handinger_tui.api import errors
from handinger_tui.core.safety.cleaning import safe_file_name, split_name

Identity = tuple[int, int]
"""Device and inode: the same file under whatever name."""

_CREATE: Final = (
    os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
# O_PATH, where there is one, needs no right to list the folder.
_HOLD: Final = (
    getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
)
_CAN_HOLD: Final = {os.open, os.link, os.rename, os.unlink, os.stat} <= os.supports_dir_fd


class DirectoryFd:
    """Made if it is missing. A symlink that stood there before is the person's own, and followed."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            OSError
        """
        self.path = path
        if "\0" in str(path):
            # Python's own answer is no OSError.
            raise OSError(errno.EINVAL, "no folder has such a name")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, "what lies there is no folder") from None
        # Resolved once, then opened without following: a link put there in between is an error.
        self._real = path.resolve(strict=True)
        self._descriptor = os.open(self._real, _HOLD) if _CAN_HOLD else None

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self._real / name)

    def create(self, name: str) -> int:
        """A descriptor of a new empty file that only we may read.

        Raises:
            FileExistsError: anything of that name is there, a dangling symlink included.
            OSError
        """
        return os.open(self._at(name), _CREATE, 0o600, dir_fd=self._descriptor)

    def link(self, old: str, new: str) -> None:
        """Give `old` a second name, which must be free.

        Raises:
            FileExistsError
            OSError: the file system may have no links.
        """
        here = self._descriptor
        os.link(self._at(old), self._at(new), src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)

    def replace(self, old: str, new: str) -> None:
        """Rename; whatever `new` was is gone.

        Raises:
            OSError
        """
        here = self._descriptor
        os.replace(self._at(old), self._at(new), src_dir_fd=here, dst_dir_fd=here)

    def remove(self, name: str) -> None:
        """Remove a name, if it is there and can be."""
        with suppress(OSError):
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def identity(self, name: str) -> Identity | None:
        """What lies under the name itself, no link followed; None when nothing does."""
        try:
            found = os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def in_place(self) -> bool:
        """Whether the path still leads to the folder that was opened."""
        if self._descriptor is None:
            return True
        try:
            now, held = os.stat(self.path), os.fstat(self._descriptor)
        except OSError:
            return False
        return (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino)

    def close(self) -> None:
        """Let it go."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


BLOCK: Final = 256 << 10
MAX_NAMES: Final = 10_000

_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)
_T = TypeVar("_T")


class AtomicFile:
    """A file on its way. It is kept only once it is settled; `got` counts its bytes so far."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened, and no folder made, before there is something to write."""
        self.got = 0
        self._path = folder
        self._part = f".handinger-{os.urandom(8).hex()}.part"
        self._pending = bytearray()
        self._folder: DirectoryFd | None = None
        self._file: BinaryIO | None = None

    async def write(self, chunk: bytes) -> None:
        """Take more bytes; the first ones make the folder, where it is missing.

        Raises:
            ApiError: kind DISK.
        """
        if self._file is None:
            await _to_its_end(self._open)
        self._pending += chunk
        self.got += len(chunk)
        if len(self._pending) >= BLOCK:
            await _to_its_end(self._flush)

    async def restart(self) -> None:
        """Forget every byte.

        Raises:
            ApiError: kind DISK.
        """
        self._pending.clear()
        self.got = 0
        if self._file is not None:
            await _to_its_end(self._empty)

    async def settle(self, name: str | None, wanted: int | None = None) -> Path:
        """Give the file a safe, free name made from `name`; returns its path.

        `wanted`: the size in bytes that was promised, where one was.

        Raises:
            ApiError: kind INCOMPLETE or DISK.
        """
        if wanted is not None and self.got != wanted:
            raise errors.file_incomplete(self.got, wanted)
        await self.write(b"")
        return await _to_its_end(self._settle, safe_file_name(name))

    def discard(self) -> None:
        """Close; what was not settled is gone."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._folder is not None:
            self._folder.remove(self._part)
            self._folder.close()

    # -- in a thread -----------------------------------------------------------------------
    def _open(self) -> None:
        self._folder = DirectoryFd(self._path)
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

    def _settle(self, name: str) -> Path:
        file, folder = _opened(self._file), _opened(self._folder)
        self._flush()
        os.fsync(file.fileno())
        made = os.fstat(file.fileno())
        # Windows renames and removes no open file.
        file.close()
        named = _give_name(folder, self._part, name, (made.st_dev, made.st_ino))
        if not folder.in_place():
            folder.remove(named)
            raise FileNotFoundError(errno.ENOENT, "the folder was replaced meanwhile")
        return self._path / named


@contextmanager
def landing(folder: Path) -> Iterator[AtomicFile]:
    """A file that will lie in `folder`; nothing of it stays unless it is settled."""
    arriving = AtomicFile(folder)
    try:
        yield arriving
    finally:
        arriving.discard()


async def land(
    chunks: AsyncIterator[bytes], folder: Path, name: str | None, wanted: int | None = None
) -> Path:
    """Write all of `chunks` under a safe, free name made from `name`; returns the path.

    Raises:
        ApiError: kind DISK or INCOMPLETE, and whatever `chunks` raises; no file stays behind then.
    """
    with landing(folder) as arriving:
        async for chunk in chunks:
            await arriving.write(chunk)
        return await arriving.settle(name, wanted)


async def _to_its_end(work: Callable[..., _T], *args: object) -> _T:
    """Run in a thread, and when cancelled wait for its end: nothing is closed under a thread that writes."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        with suppress(asyncio.CancelledError):
            running.exception()
        raise
    except OSError as problem:
        raise errors.disk(problem) from problem


def _opened(thing: _T | None) -> _T:
    if thing is None:
        raise RuntimeError("the file is used before it is opened")
    return thing


# -- names ----------------------------------------------------------------------------------
def names(name: str) -> Iterator[str]:
    """`name`, then "name (2).ext" and so on."""
    stem, ending = split_name(name)
    yield name
    for number in range(2, MAX_NAMES):
        yield f"{stem} ({number}){ending}"


def _give_name(folder: DirectoryFd, part: str, name: str, ours: Identity) -> str:
    for free in names(name):
        try:
            # link() fails on any existing name, a dangling symlink included; rename would overwrite.
            folder.link(part, free)
        except FileExistsError:
            continue
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            if not _claimed(folder, part, free):
                continue
        if folder.identity(free) != ours:
            # Somebody put another file in the place of ours: before it was named, then this name is our
            # doing and goes; or just now, then it is theirs.
            if folder.identity(free) == folder.identity(part):
                folder.remove(free)
            raise FileExistsError(errno.EEXIST, "the file was replaced meanwhile")
        return free
    raise FileExistsError(errno.EEXIST, "every name like it is taken")


def _claimed(folder: DirectoryFd, part: str, name: str) -> bool:
    """Without links: a name is claimed by us alone, so replacing it loses nothing."""
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
