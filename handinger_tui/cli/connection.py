"""The connection of the screen: the wired services as the ports that the screen uses.

Imported in the background, after the first frame of the screen.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from stat import S_ISREG

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.files.atomic_file import land
from handinger_tui.api.files.download import fetch_beginning, save
from handinger_tui.cli.load_settings import key_warning
from handinger_tui.cli.local_files.current_url import refresher
from handinger_tui.cli.local_files.paths import default_paths, expand_path
from handinger_tui.cli.local_files.system_open import open_link, open_path
from handinger_tui.cli.wiring import Services, open_services
from handinger_tui.core.errors import ApiError
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import FilePart, Kind, Trigger
from handinger_tui.settings import Settings
from handinger_tui.ui.ports import Account, Connection, Fetched, Progress


async def open_connection(settings: Settings, stack: AsyncExitStack, *, keep_history: bool) -> Connection:
    """Open the services, which `stack` closes, and connect the screen to them."""
    services = await stack.enter_async_context(
        open_services(
            settings, default_paths(), trigger=Trigger.APP, watch_money=True, keep_history=keep_history
        )
    )
    return connection(services)


def connection(services: Services) -> Connection:
    """Return the services as the ports that the screen uses."""
    settings = services.settings
    folder = expand_path(settings.download_dir) if settings.download_dir else default_paths().downloads
    return Connection(
        engine=services.engine,
        history=services.ledger.history,
        badge=Account(settings.profile, services.host, settings.key.tail(), settings.local),
        base_url=services.base_url,
        files=WorkerFiles(services.client, folder),
        open_link=open_link,
        email=services.client.email,
        charges=services.ledger.charges,
        limits=services.ledger.limits,
        rulings=services.ledger.rulings,
        save_text=text_saver(folder),
        warnings=[warning for warning in (services.warning, key_warning(settings)) if warning],
        without_history=services.ledger.allow_unrecorded,
    )


def text_saver(folder: Path) -> Callable[[str, str], Awaitable[str]]:
    """Return a function that writes (name, text) to `folder` under a safe and free name and returns the path.

    That function raises:
        ApiError: kind DISK.
    """

    async def write(name: str, text: str) -> str:
        async def content() -> AsyncIterator[bytes]:
            yield text.encode()

        return str(await land(content(), folder, name))

    return write


class WorkerFiles:
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
            Kind.DISK, f"Folder not found: {clean_line(folder, 200)}.", "Type another folder."
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
