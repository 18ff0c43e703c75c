"""The connection of the screen: the wired services as its ports, and opening with the system's programs.

Imported in the background, after the first frame of the screen.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from asyncio import sleep
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handinger_tui.api.stored_workers import WebhookClient
from handinger_tui.cli.load_settings import key_warning
from handinger_tui.cli.local_files import beginning_of, default_paths, expand_path
from handinger_tui.cli.wiring import (
    Services,
    generation_of,
    open_services,
    opened_replay,
    schedule_client,
    stored_workers_of,
)
from handinger_tui.core.errors import ApiError, SettingsError
from handinger_tui.core.safety import Verdict, clean_line, judge_link, without_secrets
from handinger_tui.core.stream import FilePart
from handinger_tui.core.turns.session import LOCAL
from handinger_tui.core.turns.turn import ErrorKind, Trigger
from handinger_tui.engine.replay import ReplayClock, unreachable
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.ui.ports import Account, Connection, Fetched, Progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from contextlib import AsyncExitStack

    from handinger_tui.api.client import WorkerClient
    from handinger_tui.api.generations import TurnClient
    from handinger_tui.core.turns.session import Session
    from handinger_tui.settings import Settings

_OPENER_WAIT_S: Final = 2.0
"""An opener that has not failed after this many seconds counts as successful."""
_POLLS: Final = 40
_OPENERS: Final[Sequence[Sequence[str]]] = (("xdg-open",), ("gio", "open", "--"), ("wslview",))
"""Openers that choose the user's own program. Text browsers are excluded: they would draw over our screen."""
_running: list[subprocess.Popen[bytes]] = []
"""Openers that are still running. Not asyncio processes, which would end together with this program."""


async def open_path(path: str) -> bool:
    """Open an existing file with the system's program for it; False if there is none or it failed.

    Check the file first (`core.safety`).
    """
    # A relative path might be read as an option.
    if not (os.path.isabs(path) and await asyncio.to_thread(os.path.isfile, path)):
        return False
    return await open_with_system(path)


async def open_address(url: str) -> bool:
    """Open a URL with the browser that `BROWSER` names, else with the system's; False if none succeeds.

    Check the URL first (`core.safety`).
    """
    named = os.environ.get("BROWSER", "").split(os.pathsep)[0]
    try:
        program, *more = shlex.split(named)
    except ValueError:
        return await open_with_system(url)
    if shutil.which(program) is None:
        return await open_with_system(url)
    # Over ssh, BROWSER may be a program that opens the page on the user's own machine: no display needed.
    argv = [program, *(piece.replace("%s", url) for piece in more)]
    return await _run_opener(argv if "%s" in named else [*argv, url])


async def open_with_system(target: str) -> bool:
    """Open an absolute path or a checked URL with the system's opener; False if none succeeds."""
    if sys.platform == "win32":
        try:
            await asyncio.to_thread(os.startfile, target)
        except OSError:
            return False
        return True
    opener = _find_opener()
    if opener is None or not _has_screen():
        return False
    return await _run_opener([*opener, target])


def _has_screen() -> bool:
    """Return whether there is a graphical session: else openers start text browsers over our screen."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def _run_opener(argv: Sequence[str]) -> bool:
    process = await asyncio.to_thread(_start_opener, argv)
    if process is None:
        return False
    for _ in range(_POLLS):
        if process.poll() is not None:
            return process.returncode == 0
        await sleep(_OPENER_WAIT_S / _POLLS)
    _running.append(process)
    return True


def _find_opener() -> Sequence[str] | None:
    candidates = (("open",),) if sys.platform == "darwin" else _OPENERS
    programs = ((shutil.which(program), more) for program, *more in candidates)
    return next(([path, *more] for path, more in programs if path is not None), None)


def _start_opener(argv: Sequence[str]) -> subprocess.Popen[bytes] | None:
    # `poll` reaps openers that have ended.
    _running[:] = [process for process in _running if process.poll() is None]
    devnull = subprocess.DEVNULL
    try:
        # Output of the opener would appear in the middle of our screen.
        return subprocess.Popen(  # noqa: S603 - an argument list, no shell, and checked before
            argv,
            env=without_secrets(os.environ),
            stdin=devnull,
            stdout=devnull,
            stderr=devnull,
            start_new_session=True,
        )
    except OSError:
        return None


async def open_link(url: str) -> bool:
    """Open `url` with a browser; False if there is none or the URL is refused."""
    return judge_link(url).verdict is not Verdict.REFUSE and await open_address(url)


async def open_connection(settings: Settings, stack: AsyncExitStack, *, keep_history: bool) -> Connection:
    """Open the services, which `stack` closes, and connect the screen to them."""
    services = await stack.enter_async_context(
        open_services(settings, default_paths(), trigger=Trigger.APP, keep_history=keep_history)
    )
    return connection(services)


def connection(services: Services) -> Connection:
    """Return the services as the ports that the screen uses."""
    settings, generation = services.settings, generation_of(services.settings)
    folder = _download_folder(settings)
    return Connection(
        engine=services.engine,
        history=services.ledger.history,
        account=Account(
            settings.profile,
            services.host,
            settings.key.tail(),
            settings.local,
            in_credits=settings.in_credits,
        ),
        base_url=settings.base_url,
        files=WorkerFiles(services.client, folder, services.turns),
        open_link=open_link,
        email=services.client.email,
        destination_of=generation.destination_of,
        target_in=generation.target_in,
        worker_of_session=_worker_of_session(services),
        schedules=partial(schedule_client, services.client),
        webhooks=WebhookClient(services.client) if generation.has_tasks else None,
        stored_workers=stored_workers_of(services) if generation.has_tasks else None,
        charges=services.ledger.charges,
        limits=services.ledger.limits,
        rulings=services.ledger.rulings,
        runs=services.ledger.runs,
        save_text=text_saver(folder),
        warnings=[warning for warning in (services.warning, key_warning(settings)) if warning],
        keeps_history=services.ledger.no_history is None,
        can_resume=services.ledger.is_on_disk,
        without_history=services.ledger.allow_unrecorded,
    )


def _download_folder(settings: Settings) -> Path:
    if not settings.download_dir:
        return default_paths().downloads
    try:
        return expand_path(settings.download_dir)
    except SettingsError as problem:
        raise SettingsError(f"download_dir: {problem.summary}", "Fix it in the config file.") from None


def _worker_of_session(services: Services) -> Callable[[Session], Awaitable[str | None]]:
    async def worker_of_session(session: Session) -> str | None:
        if session.stored_worker_id is not None or session.worker_id is None:
            return session.stored_worker_id
        return await services.turns.worker_of_target(session.worker_id)

    return worker_of_session


def text_saver(folder: Path) -> Callable[[str, str], Awaitable[str]]:
    """Return a function that writes (name, text) to `folder` under a safe and free name and returns the path.

    That function raises:
        ApiError: kind DISK.
    """

    async def write(name: str, text: str) -> str:
        from handinger_tui.api.atomic_file import write_atomically  # with the first file

        async def content() -> AsyncIterator[bytes]:
            yield text.encode()

        return str(await write_atomically(content(), folder, name))

    return write


class WorkerFiles:
    """Implements `ui.ports.Files`; downloads go to `folder`."""

    def __init__(self, client: WorkerClient | None, folder: Path, turns: TurnClient | None = None) -> None:
        """`client` None: nothing is downloaded (a replay). `turns` reads targets; None: `client` does."""
        self._client = client
        self._turns = turns or client
        self._folder = folder

    @property
    def _online(self) -> WorkerClient:
        if self._client is None:
            raise unreachable()
        return self._client

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
        """Download a file under a safe and free name and return the path. Raises LinkExpired or ApiError."""
        from handinger_tui.api.download import save  # with the first file, 0.4 MB

        path = await save(
            self._online,
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
        """Download the beginning of a file into memory. Raises LinkExpired or ApiError."""
        from handinger_tui.api.download import fetch_beginning  # with the first file, 0.4 MB

        beginning = await fetch_beginning(
            self._online, file.url, most, progress=progress, refresh=self._refresh(file, reread)
        )
        return Fetched(beginning.data, beginning.complete, beginning.total)

    async def read(self, path: str, most: int) -> Fetched | None:
        """Read the beginning of a local file; None if it is not a regular file or cannot be read."""
        return await asyncio.to_thread(read_beginning, path, most)

    async def open(self, path: str) -> bool:
        """Open a file with the system's program for it."""
        return await open_path(path)

    def _refresh(self, file: FilePart, worker_id: str | None) -> Callable[[], Awaitable[str | None]] | None:
        if worker_id is None or self._turns is None:
            return None
        from handinger_tui.api.file_urls import refresher  # with the first file

        return refresher(self._turns, worker_id, file)


def _expand_folder(folder: str) -> Path:
    """Return a typed folder with `~` expanded. Raises ApiError."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise ApiError(
            ErrorKind.DISK, f"Folder not found: {clean_line(folder, 200)}.", "Type another folder."
        ) from None


def read_beginning(path: str, most: int) -> Fetched | None:
    """Read the first `most` bytes of a local file; None if it is not a regular file or cannot be read."""
    try:
        # The file may have been replaced by something else.
        data, size = beginning_of(path, most + 1)
    except OSError:
        return None
    return Fetched(data[:most], len(data) <= most, size, saved=True)


# -- a replay -------------------------------------------------------------------------
async def connect_replay(
    args: argparse.Namespace, settings: Settings, stack: AsyncExitStack, clock: ReplayClock
) -> Connection:
    """Connect the screen to a replay. What the screen stores goes to a history in memory."""
    replay = await stack.enter_async_context(opened_replay(args, clock))
    stack.push_async_callback(replay.engine.aclose)
    memory = Ledger(None)
    await memory.start()
    stack.push_async_callback(memory.aclose)
    folder = _download_folder(settings)
    return Connection(
        engine=replay.engine,
        history=memory.history,
        account=Account("", "replay", "", replay.base_url == LOCAL),
        base_url=replay.base_url,
        files=WorkerFiles(None, folder),
        open_link=open_link,
        email=_refuse,
        charges=memory.charges,
        limits=memory.limits,
        rulings=memory.rulings,
        runs=memory.runs,
        save_text=text_saver(folder),
        replay=replay,
    )


async def _refuse(_worker_id: str) -> str:
    raise unreachable()
