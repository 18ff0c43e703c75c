"""Runs the app: connects the screen to the wired services, and prints the farewell afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack, suppress
from functools import partial, reduce
from importlib import import_module
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.cli.local_files import DiskFiles, default_paths, keep_theme, kept_theme
from handinger_tui.cli.output import has_colors
from handinger_tui.cli.signals import CODES
from handinger_tui.cli.trust import host_to_ask, question, remember
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import clean
from handinger_tui.core.turns.turn import StartPolicy
from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.ports import AppOptions, Connection, EarlyPrompt, NoticeOptions, Opening
from handinger_tui.ui.terminal.programs import copy_with_program
from handinger_tui.ui.themes import by_name, unknown_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Sequence

    from handinger_tui.cli.early_text import EarlyText
    from handinger_tui.core.shown_settings import ShownSetting
    from handinger_tui.settings import Settings

SWITCH_S: Final = 0.0005
"""Thread switch interval. Python's default of 5 ms is longer than handling one key takes."""


def run_app(
    args: argparse.Namespace, settings: Settings, early: EarlyPrompt | None, early_text: EarlyText | None
) -> int:
    """Show the screen until the user quits. `early` owns the terminal until the app takes over.

    `early_text` keeps what is typed before the history is open; None: nothing does.

    Raises:
        SettingsError: stdin or stdout is not a terminal, the terminal cannot show the screen, the
            key map or theme of the configuration is wrong, or no request can name the worker or task.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SettingsError("Not a terminal.", "Use -p for headless output.")
    if os.name != "nt" and os.environ.get("TERM", "dumb") in ("", "dumb"):
        raise SettingsError(
            "This terminal cannot show the app (TERM is unset or dumb).",
            "Use --plain, or -p for headless output.",
        )
    if settings.keys:
        require_keymap(settings)
    require_theme(settings)
    require_target(args, settings)
    if getattr(args, "no_color", False) or not has_colors(os.environ):
        os.environ["NO_COLOR"] = "1"
    _drop_stale_size()
    # Input and painting use threads: neither should wait long for the interpreter lock.
    sys.setswitchinterval(SWITCH_S)
    texts = None if early_text is None else EarlyTexts(early_text)
    return asyncio.run(_run(args, settings, early, texts))


def require_keymap(settings: Settings) -> None:
    """Refuse a key map in which a key could not work.

    Raises:
        SettingsError: names each conflict and unknown id.
    """
    if not settings.keys:
        return
    from handinger_tui.ui.key_map import keymap_problems  # few remap keys

    if problems := keymap_problems(settings.keys):
        raise SettingsError(" ".join(problems), f"See [keys] in {default_paths().config}.")


def require_theme(settings: Settings) -> None:
    """Refuse a theme that there is not. Raises SettingsError."""
    if settings.theme and by_name(settings.theme) is None:
        raise SettingsError(unknown_text(settings.theme), f"See theme in {default_paths().config}.")


def require_target(args: argparse.Namespace, settings: Settings) -> None:
    """Refuse a worker or task that no request can name: what is typed must not go to a new worker instead.

    Raises:
        SettingsError
    """
    if args.command == "attach":
        from handinger_tui.cli.wiring import generation_of  # the client, not before the early prompt

        generation_of(settings).target_in(args.worker)
    elif getattr(args, "worker", None) or getattr(args, "task", None):
        from handinger_tui.cli.session_choice import destination_of  # as above

        destination_of(args, settings)


def _drop_stale_size() -> None:
    """Remove COLUMNS and LINES from the environment if the terminal reports its size.

    A shell may export them; they are stale after a resize, and Textual would trust them.
    """
    with suppress(OSError):
        if all(os.get_terminal_size(sys.stdout.fileno())):
            os.environ.pop("COLUMNS", None)
            os.environ.pop("LINES", None)


class EarlyTexts:
    """Implements `ui.ports.EarlyTexts`: the newest text is written, in a thread."""

    def __init__(self, file: EarlyText) -> None:
        self._file = file
        self._newest = ""
        self._alone = asyncio.Lock()

    async def keep(self, text: str) -> bool:
        """Keep the text in place of the one before; False where neither it nor a newer one is on disk."""
        self._newest = text
        async with self._alone:
            return await asyncio.to_thread(self._file.keep, self._newest)

    async def take(self) -> list[str]:
        """The texts of programs that ended without a history; they stay on disk until `forget`."""
        return await asyncio.to_thread(self._file.take)

    async def forget(self) -> None:
        """Remove what was kept and taken: it is in the history."""
        async with self._alone:
            await asyncio.to_thread(self._file.forget)


async def _run(
    args: argparse.Namespace, settings: Settings, early: EarlyPrompt | None, texts: EarlyTexts | None
) -> int:
    finished_app: HandingerApp | None = None
    try:
        async with AsyncExitStack() as stack:
            options = replace(app_options(args, settings, stack), early=early, early_texts=texts)
            app = (
                _replaying_app(args, settings, options, stack)
                if args.command == "replay"
                else HandingerApp(options)
            )
            _leave_on_signals(app)
            await app.run_async(mouse=not getattr(args, "no_mouse", False))
            finished_app = app
            ignore_interrupts()
    finally:
        # Also printed when the history cannot be closed, as on a full disk: then it is needed most.
        if finished_app is not None:
            printed = getattr(args, "print_on_exit", None) or settings.print_on_exit
            _say_farewell(finished_app, printed, replayed=args.command == "replay")
    from handinger_tui.cli.exit_codes import Exit  # not for the first frame

    return finished_app.return_code or (Exit.LOCAL_IO if finished_app.lost_texts else Exit.OK)


def _replaying_app(
    args: argparse.Namespace, settings: Settings, options: AppOptions, stack: AsyncExitStack
) -> HandingerApp:
    """The app for a replay, whose clock shows the time of the replay."""
    from handinger_tui.cli.connection import connect_replay  # few are replays
    from handinger_tui.cli.wiring import new_clock  # few are replays

    clock = new_clock()
    connect = partial(connect_replay, args, settings, stack, clock)
    return HandingerApp(replace(options, connect=connect, local=False), clock.now_ms)


def _say_farewell(app: HandingerApp, printed: str, *, replayed: bool) -> None:
    """Print what `printed` names, and how to resume the session, unless it was only replayed.

    After SIGHUP there is no terminal left.
    """
    with suppress(OSError):
        if printed != "nothing":
            from handinger_tui.ui.sessions.farewell import printed_text  # at the very end

            if text := printed_text(app.work.controller, printed):
                sys.stdout.write(clean(text).rstrip() + "\n\n")
        for line in () if replayed else app.farewell:
            sys.stdout.write(clean(line) + "\n")
        sys.stdout.flush()


def _leave_on_signals(app: HandingerApp) -> None:
    """Make signals quit the app in order: it detaches, stores, and restores the terminal.

    Keys send no signals: the terminal is in raw mode.
    """
    loop = asyncio.get_running_loop()
    for number, code in CODES.items():
        quit_app = app.interrupt if number == signal.SIGINT else app.leave
        # Event loops of Windows have no signal handlers.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, partial(quit_app, code))


def ignore_interrupts() -> None:
    """Ignore SIGINT to the end: the person has quit, and one more Ctrl+C must not cut what is stored then.

    The terminal is out of raw mode by now, so keys send signals.
    """
    with suppress(NotImplementedError):
        # First, since the loop would restore the default when it closes.
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def app_options(args: argparse.Namespace, settings: Settings, stack: AsyncExitStack) -> AppOptions:
    """Return the options that the app starts with."""
    opening, session = _choose_opening(args)
    host = host_to_ask(args, settings)
    return AppOptions(
        connect=_make_connect(settings, stack, keep_history=not getattr(args, "no_history", False)),
        host_question=question(host) if host else "",
        trust_host=partial(remember, host),
        opening=opening,
        session=session,
        worker=None if args.command else getattr(args, "worker", None),
        target=getattr(args, "worker" if args.command else "task", None),
        prompt=getattr(args, "prompt", None),
        start=StartPolicy.UNMEASURED if getattr(args, "allow_unmeasured", False) else StartPolicy.MEASURED,
        attachments=tuple(getattr(args, "file", ())),
        disk=DiskFiles(),
        budget=settings.budget,
        local=settings.local,
        theme=settings.theme or kept_theme(),
        compact=settings.density == "compact",
        reduced_motion=settings.motion == "reduced",
        terminal_caret=settings.caret == "terminal",
        notices=NoticeOptions(settings.notify, settings.on_done, settings.on_limit),
        settings=SettingFile(args),
        keep_theme=keep_theme,
        keys=settings.keys,
        crash_folder=default_paths().database.parent,
        copy=copy_with_program,
        conceal=partial(_redact_secrets, settings),
    )


class SettingFile:
    """Implements `ui.ports.SettingStore`; what it needs is loaded with the first look."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args

    def listed(self) -> Sequence[ShownSetting]:
        """Every setting, with the options of this start."""
        from handinger_tui.cli.config_file import listed_settings

        return listed_settings(self._args)

    def change(self, name: str, typed: str | None) -> str:
        """Write a value, and say so."""
        from handinger_tui.cli.config_file import change

        return change(name, typed).text


def _redact_secrets(settings: Settings, text: str) -> str:
    secrets = filter(None, (settings.key.reveal(), settings.shared_url.reveal()))
    return reduce(lambda shown, secret: shown.replace(secret, "…"), secrets, text)


def _choose_opening(args: argparse.Namespace) -> tuple[Opening, str | None]:
    if args.command == "replay":
        return Opening.CHOSEN, args.id
    if args.command == "attach" or args.worker or getattr(args, "task", None):
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
        # The core, sqlite3 and the client: 100 to 200 ms.
        module = await asyncio.to_thread(import_module, "handinger_tui.cli.connection")
        opened: Connection = await module.open_connection(settings, stack, keep_history=keep_history)
        return opened

    return connect
