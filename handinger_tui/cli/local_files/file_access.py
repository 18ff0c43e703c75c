"""File access of the screen: downloads, previews and opening of the worker's files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from stat import S_ISREG

from handinger_tui.api.client import WorkerClient
from handinger_tui.cli.local_files.current_url import refresher
from handinger_tui.cli.local_files.system_open import open_path
from handinger_tui.core.errors import ApiError
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import FilePart, Kind
from handinger_tui.ui.ports import Fetched, Progress


class FileAccess:
    """Implements `ui.ports.Files`; downloads go to `folder`."""

    def __init__(self, client: WorkerClient, folder: Path) -> None:
        self._client = client
        self._folder = folder

    @property
    def folder(self) -> str:
        """The default folder of downloads."""
        return str(self._folder)

    async def save(
        self,
        file: FilePart,
        folder: str | None = None,
        *,
        progress: Progress | None = None,
        reread: str | None = None,
    ) -> str:
        """Download a file under a safe and free name and return the path.

        Raises:
            LinkExpired, ApiError
        """
        from handinger_tui.api.files.download import save  # noqa: PLC0415 - with mimetypes, 10 ms

        path = await save(
            self._client,
            file.url,
            self._folder if folder is None else _expand_folder(folder),
            file.filename,
            wanted=file.size,
            progress=progress,
            refresh=self._refresh(file, reread),
        )
        return str(path.absolute())

    async def fetch(
        self, file: FilePart, most: int, *, progress: Progress | None = None, reread: str | None = None
    ) -> Fetched:
        """Download the beginning of a file into memory.

        Raises:
            LinkExpired, ApiError
        """
        from handinger_tui.api.files.download import fetch_beginning  # noqa: PLC0415 - with downloads

        beginning = await fetch_beginning(
            self._client, file.url, most, progress=progress, refresh=self._refresh(file, reread)
        )
        return Fetched(beginning.data, beginning.complete, beginning.total)

    async def read(self, path: str, most: int) -> Fetched | None:
        """Read the beginning of a local file; None if it is not a regular file or cannot be read."""
        return await asyncio.to_thread(_read, path, most)

    async def open(self, path: str) -> bool:
        """Open a file with the system's program for it."""
        return await open_path(path)

    def _refresh(self, file: FilePart, worker_id: str | None) -> Callable[[], Awaitable[str | None]] | None:
        return None if worker_id is None else refresher(self._client, worker_id, file)


def _expand_folder(folder: str) -> Path:
    """Return a typed folder with `~` expanded.

    Raises:
        ApiError
    """
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise ApiError(
            Kind.DISK, f"There is no home folder for {clean_line(folder, 200)}.", "Type another folder."
        ) from None


def _read(path: str, most: int) -> Fetched | None:
    try:
        # The file may have been replaced by a pipe: opening that without O_NONBLOCK would block.
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not S_ISREG(status.st_mode):
                return None
            data = file.read(most + 1)
            return Fetched(data[:most], len(data) <= most, status.st_size, saved=True)
    except OSError:
        return None
