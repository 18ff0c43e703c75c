"""Runs the app: connects the screen to the wired services, and prints the farewell afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.load_settings import key_warning
from handinger_tui.cli.paths import default_paths, expand_path
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety.cleaning import clean
from handinger_tui.settings import Settings
from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.ports import Account, AppOptions, Connection, EarlyPrompt, Opening

if TYPE_CHECKING:
    import argparse

    from handinger_tui.cli.wiring import Services
    from handinger_tui.core.turns.turn import Attachment


ENDED_BY: Final = {
    "SIGTERM": Exit.TERMINATED,
    "SIGHUP": Exit.TERMINATED,
    "SIGINT": Exit.INTERRUPTED,
    "SIGQUIT": Exit.QUIT,
}
"""Exit codes by signal. Keys send no signals: the terminal is in raw mode."""
SWITCH_S: Final = 0.0005
"""Thread switch interval. Python's default of 5 ms is longer than handling one key takes."""


def run_app(args: argparse.Namespace, settings: Settings, early: EarlyPrompt | None = None) -> int:
    """Show the screen until the user quits. `early` owns the terminal until the app takes over.

    Raises:
        SettingsError: stdin or stdout is not a terminal, or the terminal cannot show the screen.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SettingsError("There is no terminal here to show the screen on.", "Use -p for headless output.")
    if os.name != "nt" and os.environ.get("TERM", "dumb") in ("", "dumb"):
        raise SettingsError(
            "This terminal cannot show the screen (TERM is not set, or dumb).", "Use -p for headless output."
        )
    if getattr(args, "no_color", False):
        os.environ["NO_COLOR"] = "1"
    _drop_stale_size()
    # Input and painting use threads: neither should wait long for the interpreter lock.
    sys.setswitchinterval(SWITCH_S)
    return asyncio.run(_run(args, settings, early))


def _drop_stale_size() -> None:
    """Remove COLUMNS and LINES from the environment if the terminal reports its size.

    A shell may export them; they are stale after a resize, and Textual would trust them.
    """
    with suppress(OSError):
        if all(os.get_terminal_size(sys.stdout.fileno())):
            os.environ.pop("COLUMNS", None)
            os.environ.pop("LINES", None)


async def _run(args: argparse.Namespace, settings: Settings, early: EarlyPrompt | None) -> int:
    finished_app: HandingerApp | None = None
    try:
        async with AsyncExitStack() as stack:
            app = HandingerApp(replace(app_options(args, settings, stack), early=early))
            _leave_on_signals(app)
            await app.run_async(mouse=not getattr(args, "no_mouse", False))
            finished_app = app
    finally:
        # Also printed when the history cannot be closed, as on a full disk: then it is needed most.
        if finished_app is not None:
            _say_farewell(finished_app)
    return finished_app.return_code or Exit.OK


def _say_farewell(app: HandingerApp) -> None:
    """Print how to resume the session. After SIGHUP there is no terminal left to write to."""
    with suppress(OSError):
        for line in app.farewell:
            sys.stdout.write(clean(line) + "\n")
        sys.stdout.flush()


def _leave_on_signals(app: HandingerApp) -> None:
    """Make signals quit the app in order: it detaches, stores, and restores the terminal."""
    loop = asyncio.get_running_loop()
    for name, code in ENDED_BY.items():
        number = getattr(signal, name, None)
        if number is not None:
            with suppress(NotImplementedError):
                quit_app = app.interrupt if name == "SIGINT" else app.leave
                loop.add_signal_handler(number, partial(quit_app, code))


def app_options(args: argparse.Namespace, settings: Settings, stack: AsyncExitStack) -> AppOptions:
    """Return the options that the app starts with."""
    opening, session = _choose_opening(args)
    return AppOptions(
        connect=_make_connect(settings, stack, keep_history=not getattr(args, "no_history", False)),
        opening=opening,
        session=session,
        worker=getattr(args, "worker", None),
        prompt=getattr(args, "prompt", None),
        attachments=tuple(getattr(args, "file", ())),
        disk=_LocalFiles(),
        budget=settings.budget,
        mouse=not getattr(args, "no_mouse", False),
        local=settings.local,
        theme=settings.theme,
        keys=settings.keys,
        crash_folder=default_paths().database.parent,
        conceal=partial(_redact_key, settings),
    )


class _LocalFiles:
    """Gives the screen access to local files; implements `ui.ports.LocalFiles`."""

    def attachment(self, path: str) -> Attachment:
        from handinger_tui.cli.local_files.attachments import attachment  # noqa: PLC0415 - hashlib and mimetypes, 10 ms

        return attachment(path)

    def listing(self, folder: str, prefix: str, *, hidden: bool) -> tuple[str, ...]:
        from handinger_tui.cli.local_files.attachments import list_directory  # noqa: PLC0415 - hashlib and mimetypes, 10 ms

        return list_directory(folder, prefix=prefix, hidden=hidden)


def _redact_key(settings: Settings, text: str) -> str:
    key = settings.key.reveal()
    return text.replace(key, "…") if key else text


def _choose_opening(args: argparse.Namespace) -> tuple[Opening, str | None]:
    if args.command == "attach" or args.worker:
        return Opening.WORKER, None
    if args.last:
        return Opening.LAST, None
    if args.resume is not None:
        return (Opening.CHOSEN, args.resume) if args.resume else (Opening.PICKER, None)
    return (Opening.FRESH if args.prompt else Opening.LAST_OR_FRESH), None


def _make_connect(
    settings: Settings, stack: AsyncExitStack, *, keep_history: bool
) -> Callable[[], Awaitable[Connection]]:
    async def connect() -> Connection:
        await asyncio.to_thread(_import_in_background)
        from handinger_tui.cli.wiring import open_services  # noqa: PLC0415 - just imported
        from handinger_tui.core.turns.turn import Trigger  # noqa: PLC0415 - just imported

        services = await stack.enter_async_context(
            open_services(
                settings,
                default_paths(),
                trigger=Trigger.APP,
                watch_money=True,
                keep_history=keep_history,
            )
        )
        return connection(services)

    return connect


def _import_in_background() -> None:
    """Import sqlite3, the core and the text layout, 100 to 200 ms.

    The short switch interval keeps keys responsive during the import.
    """
    former = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        import handinger_tui.cli.wiring  # noqa: PLC0415 - in the background
        import handinger_tui.core.receipts.facts  # noqa: PLC0415 - in the background
        import handinger_tui.ui.transcript.layout  # noqa: F401, PLC0415 - in the background
    finally:
        sys.setswitchinterval(former)


def connection(services: Services) -> Connection:
    """Return the services as the ports that the screen uses."""
    from handinger_tui.cli.local_files.file_access import FileAccess  # noqa: PLC0415 - with the client
    from handinger_tui.cli.local_files.system_open import open_link  # noqa: PLC0415 - webbrowser, 10 ms

    settings = services.settings
    folder = expand_path(settings.download_dir) if settings.download_dir else default_paths().downloads

    return Connection(
        engine=services.engine,
        shelf=services.ledger.history,
        badge=Account(settings.profile, services.host, settings.key.tail(), settings.local),
        base_url=services.base_url,
        files=FileAccess(services.client, folder),
        open_link=open_link,
        email=services.client.email,
        books=services.ledger.charges,
        purse=services.limit_service,
        save_text=text_saver(folder),
        warnings=[warning for warning in (services.warning, key_warning(settings)) if warning],
        without_history=services.ledger.allow_unrecorded,
    )


def text_saver(folder: Path) -> Callable[[str, str], Awaitable[str]]:
    """Return a function that writes (name, text) to `folder` under a safe and free name and returns the path.

    That function raises:
        ApiError: kind DISK.
    """

    async def save(name: str, text: str) -> str:
        from handinger_tui.api.files.atomic_file import land  # noqa: PLC0415 - needed by few sessions

        async def content() -> AsyncIterator[bytes]:
            yield text.encode()

        return str(await land(content(), folder, name))

    return save
