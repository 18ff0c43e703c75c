"""Landing: bytes from outside become a file in a folder the person chose (failures.md R9).

The bytes go to a temporary file of the same folder, created by us alone; only
when they are whole and on disk does the file get its name, and only a name
that is free. Nothing is overwritten, no link is followed, nothing executable.
"""

from __future__ import annotations

import errno
import os
import secrets
from asyncio import to_thread
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from handinger_tui.api import faults
from handinger_tui.core.safety import safe_file_name

BLOCK: Final = 256 << 10
MAX_NAMES: Final = 10_000

_CREATE: Final = (
    os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)


async def land(
    chunks: AsyncIterator[bytes], folder: Path, name: str | None, wanted: int | None = None
) -> Path:
    """Write all of `chunks` under a safe, free name made from `name`; returns the path.

    `wanted`: the size in bytes that was promised, where one was.

    Raises:
        ApiError: kind DISK or INCOMPLETE, and whatever `chunks` raises; no file stays behind then.
    """
    part = folder / f".handinger-{secrets.token_hex(8)}.part"
    try:
        await to_thread(folder.mkdir, parents=True, exist_ok=True)
        descriptor = await to_thread(os.open, part, _CREATE, 0o600)
    except OSError as problem:
        raise faults.disk(problem) from problem
    try:
        got = await _write(descriptor, chunks)
        if wanted is not None and got != wanted:
            raise faults.file_incomplete(got, wanted)
        return await to_thread(_give_name, part, safe_file_name(name))
    except OSError as problem:
        raise faults.disk(problem) from problem
    finally:
        with suppress(OSError):
            part.unlink()


async def _write(descriptor: int, chunks: AsyncIterator[bytes]) -> int:
    total = 0
    with os.fdopen(descriptor, "wb", buffering=BLOCK) as file:
        async for chunk in chunks:
            await to_thread(file.write, chunk)
            total += len(chunk)
        await to_thread(_sync, file)
    return total


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def names(name: str) -> Iterator[str]:
    """`name`, then "name (2).ext" and so on."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        stem, extension = name, ""
    yield name
    for number in range(2, MAX_NAMES):
        yield f"{stem} ({number}).{extension}" if extension else f"{stem} ({number})"


def _give_name(part: Path, name: str) -> Path:
    for free in names(name):
        target = part.with_name(free)
        try:
            # link() fails on any existing name, a dangling symlink included; rename would overwrite.
            os.link(part, target, follow_symlinks=False)
        except FileExistsError:
            continue
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            if not _claim(target):
                continue
            # A file system without links: the name was claimed by us alone, so replacing it loses nothing.
            os.replace(part, target)
        return target
    raise FileExistsError(errno.EEXIST, "every name like it is taken")


def _claim(target: Path) -> bool:
    try:
        os.close(os.open(target, _CREATE, 0o600))
    except FileExistsError:
        return False
    return True
