"""The app: wiring handed to the screen as functions, and the farewell after it."""

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
from handinger_tui.cli.paths import default_paths, expanded
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
"""Exit codes. Keys send none of them: the terminal is in raw mode."""
SWITCH_S: Final = 0.0005
"""Python's own 5 ms are longer than all that a letter takes."""


def run_app(told: argparse.Namespace, settings: Settings, early: EarlyPrompt | None = None) -> int:
    """Show the screen until the person leaves; `early` has the terminal until then.

    Raises:
        SettingsError: there is no terminal to show it on.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SettingsError("There is no terminal here to show the screen on.", "Use -p for headless output.")
    if os.name != "nt" and os.environ.get("TERM", "dumb") in ("", "dumb"):
        raise SettingsError(
            "This terminal cannot show the screen (TERM is not set, or dumb).", "Use -p for headless output."
        )
    if getattr(told, "no_color", False):
        os.environ["NO_COLOR"] = "1"
    _forget_told_size()
    # A paint is handed to a thread, as is a key: neither waits long for the interpreter.
    sys.setswitchinterval(SWITCH_S)
    return asyncio.run(_run(told, settings, early))


def _forget_told_size() -> None:
    """COLUMNS and LINES outlive the size they tell (a shell that exports them), and Textual believes them.

    A terminal that does not know its own size leaves them as they are.
    """
    with suppress(OSError):
        if all(os.get_terminal_size(sys.stdout.fileno())):
            os.environ.pop("COLUMNS", None)
            os.environ.pop("LINES", None)


async def _run(told: argparse.Namespace, settings: Settings, early: EarlyPrompt | None) -> int:
    ended: HandingerApp | None = None
    try:
        async with AsyncExitStack() as stack:
            app = HandingerApp(replace(launch_of(told, settings, stack), early=early))
            _leave_on_signals(app)
            await app.run_async(mouse=not getattr(told, "no_mouse", False))
            ended = app
    finally:
        # Also where the history cannot be closed, as on a full disk: then they are needed most.
        if ended is not None:
            _say_farewell(ended)
    return ended.return_code or Exit.OK


def _say_farewell(app: HandingerApp) -> None:
    """How to come back. After SIGHUP there is no terminal left to write to."""
    with suppress(OSError):
        for line in app.farewell:
            sys.stdout.write(clean(line) + "\n")
        sys.stdout.flush()


def _leave_on_signals(app: HandingerApp) -> None:
    """Signals leave as a person would: detached, stored, the terminal put right."""
    loop = asyncio.get_running_loop()
    for name, code in ENDED_BY.items():
        number = getattr(signal, name, None)
        if number is not None:
            with suppress(NotImplementedError):
                deed = app.interrupt if name == "SIGINT" else app.leave
                loop.add_signal_handler(number, partial(deed, code))


def launch_of(told: argparse.Namespace, settings: Settings, stack: AsyncExitStack) -> AppOptions:
    """What the app is given."""
    opening, session = _opening(told)
    return AppOptions(
        connect=_connector(settings, stack, keep_history=not getattr(told, "no_history", False)),
        opening=opening,
        session=session,
        worker=getattr(told, "worker", None),
        prompt=getattr(told, "prompt", None),
        attachments=tuple(getattr(told, "file", ())),
        disk=_Disk(),
        budget=settings.budget,
        mouse=not getattr(told, "no_mouse", False),
        local=settings.local,
        theme=settings.theme,
        pictures=settings.pictures,
        keys=settings.keys,
        crash_folder=default_paths().database.parent,
        conceal=partial(_without_key, settings),
    )


class _Disk:
    """The disk as the screen looks at it."""

    def attachment(self, path: str) -> Attachment:
        from handinger_tui.cli.attachments import attachment  # noqa: PLC0415 - hashlib and mimetypes, 10 ms

        return attachment(path)

    def listing(self, folder: str, prefix: str, *, hidden: bool) -> tuple[str, ...]:
        from handinger_tui.cli.attachments import list_directory  # noqa: PLC0415 - as above

        return list_directory(folder, prefix=prefix, hidden=hidden)


def _without_key(settings: Settings, text: str) -> str:
    key = settings.key.reveal()
    return text.replace(key, "…") if key else text


def _opening(told: argparse.Namespace) -> tuple[Opening, str | None]:
    if told.command == "attach" or told.worker:
        return Opening.WORKER, None
    if told.last:
        return Opening.LAST, None
    if told.resume is not None:
        return (Opening.CHOSEN, told.resume) if told.resume else (Opening.PICKER, None)
    return (Opening.FRESH if told.prompt else Opening.LAST_OR_FRESH), None


def _connector(
    settings: Settings, stack: AsyncExitStack, *, keep_history: bool
) -> Callable[[], Awaitable[Connection]]:
    async def connect() -> Connection:
        await asyncio.to_thread(_import_the_rest)
        from handinger_tui.cli.wiring import wired  # noqa: PLC0415 - just imported
        from handinger_tui.core.turns.turn import Trigger  # noqa: PLC0415 - just imported

        parts = await stack.enter_async_context(
            wired(
                settings,
                default_paths(),
                trigger=Trigger.APP,
                watch_money=True,
                keep_history=keep_history,
            )
        )
        return connection(parts)

    return connect


def _import_the_rest() -> None:
    """sqlite3, the core, what lays out text: 100 to 200 ms, in short turns: keys are answered meanwhile."""
    kept = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        import handinger_tui.cli.wiring  # noqa: PLC0415 - as said above
        import handinger_tui.core.receipts.line  # noqa: PLC0415 - as said above
        import handinger_tui.ui.transcript.layout  # noqa: F401, PLC0415 - as said above
    finally:
        sys.setswitchinterval(kept)


def connection(parts: Services) -> Connection:
    """The wired parts as the screen sees them."""
    from handinger_tui.cli.file_access import FileAccess  # noqa: PLC0415 - with the client
    from handinger_tui.cli.system_open import open_link  # noqa: PLC0415 - webbrowser, 10 ms

    settings = parts.settings
    folder = expanded(settings.download_dir) if settings.download_dir else default_paths().downloads

    return Connection(
        engine=parts.engine,
        shelf=parts.ledger,
        badge=Account(settings.profile, parts.host, settings.key.tail(), settings.local),
        base_url=parts.base_url,
        files=FileAccess(parts.client, folder),
        open_link=open_link,
        email=parts.client.email,
        books=parts.ledger,
        purse=parts.purse,
        save_text=text_saver(folder),
        warnings=[warning for warning in (parts.warning, key_warning(settings)) if warning],
        without_history=parts.engine.allow_unrecorded,
    )


def text_saver(folder: Path) -> Callable[[str, str], Awaitable[str]]:
    """Writes (name, text) into `folder` under a safe and free name; its result is the path.

    The function raises:
        ApiError: kind DISK.
    """

    async def save(name: str, text: str) -> str:
        from handinger_tui.api.files.atomic_file import land  # noqa: PLC0415 - needed by few sessions

        async def whole() -> AsyncIterator[bytes]:
            yield text.encode()

        return str(await land(whole(), folder, name))

    return save
