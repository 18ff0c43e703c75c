"""Folders: a chosen folder, held by its descriptor while a file lands in it.

Whoever may write beside us can put a symlink in the place of the folder, of our
temporary file or of the final name. A held folder stays the folder that was
opened, wherever its path leads meanwhile; systems without such descriptors
(Windows) go by the path.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

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


class HeldFolder:
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
