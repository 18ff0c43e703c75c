"""`doctor --report`: what a bug report needs, and nothing that is yours: no text, name, id, path or key."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from handinger_tui import __version__
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.cli.local_files import default_paths
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import plural, size, utc_text
from handinger_tui.core.safety import Secret
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.settings import DEFAULT_BASE, Settings

PACKAGES: Final = ("textual", "rich", "httpx", "httpx-sse", "msgspec", "pydantic", "starlette", "uvicorn")
TERMINAL: Final = ("TERM", "COLORTERM", "TERM_PROGRAM", "NO_COLOR", "LANG", "LC_ALL")
_SESSIONS: Final = 5
_TURNS: Final = 10
_NAMED: Final = {"base_url", "key", "generation", "local", "key_source"}
"""Settings that have words of their own."""


def report_text(args: argparse.Namespace) -> str:
    """The report as text. What cannot be read is named, and stops nothing."""
    return "\n".join([*_program(), *_settings(args), *asyncio.run(_history())])


def _program() -> Iterator[str]:
    yield f"handinger-tui {__version__}"
    yield f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}"
    yield "packages: " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    columns, lines = shutil.get_terminal_size()
    named = [f"{name}={os.environ[name]}" for name in TERMINAL if os.environ.get(name)]
    where = [word for word, variable in (("tmux", "TMUX"), ("ssh", "SSH_TTY")) if os.environ.get(variable)]
    yield "terminal: " + ", ".join([f"{columns}x{lines}", *named, *where])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _settings(args: argparse.Namespace) -> Iterator[str]:
    yield "variables: " + (
        ", ".join(sorted(name for name in os.environ if "HANDINGER" in name.upper())) or "none"
    )
    try:
        settings = settings_for(args)
    except HandingerError as problem:
        # The text may quote a value.
        yield f"settings: refused ({type(problem).__name__}); see handinger-tui doctor"
        return
    named = {name: getattr(settings, name) for name in Settings.__struct_fields__ if name not in _NAMED}
    usual = Settings(settings.base_url, settings.key)
    # Each secret is equal to itself only.
    changed = [
        name
        for name, value in named.items()
        if (bool(value) if isinstance(value, Secret) else value != getattr(usual, name))
    ]
    is_usual = settings.base_url in DEFAULT_BASE.values()
    yield f"service: {'the local worker' if settings.local else 'Handinger' if is_usual else 'another host'}"
    yield f"generation: {settings.generation}; key: {settings.key_source or 'none'}"
    yield f"settings that are not the default: {', '.join(changed) or 'none'}"


async def _history() -> list[str]:
    path = default_paths().database
    if not path.exists():
        return ["history: none"]
    ledger = Ledger(path, access=FileAccess.READ)
    try:
        await ledger.start()
        count = plural(await ledger.history.count(), "session")
        lines = [f"history: {size(path.stat().st_size)}, {count}", "last turns, newest first:"]
        sessions = [await ledger.load(one.session_id) for one in await ledger.history.sessions(_SESSIONS)]
        turns = [(one.generation, turn) for one in sessions if one is not None for turn in one.turns]
        turns.sort(key=lambda pair: pair[1].request.created_ms, reverse=True)
        return [*lines, *(_turn_line(generation, turn) for generation, turn in turns[:_TURNS])]
    except HandingerError as problem:
        return [f"history: cannot be read ({type(problem).__name__})"]
    finally:
        await ledger.aclose()


def _turn_line(generation: str, turn: Turn) -> str:
    fault = turn.fault
    facts = (
        utc_text(turn.request.created_ms),
        generation,
        str(turn.request.trigger),
        str(turn.status),
        turn.encoding,
        None if turn.elapsed_ms is None else f"{turn.elapsed_ms} ms",
        f"{turn.posts} POST",
        "recovered" if turn.recovered else None,
        f"{turn.skipped} skipped" if turn.skipped else None,
        None if fault is None else f"{fault.kind} {fault.http_status or ''}".rstrip(),
    )
    return "  " + " · ".join(filter(None, facts))
