"""`handinger-tui doctor`: checks that explain themselves. Sends nothing that costs."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from handinger_tui import __version__
from handinger_tui.cli.exits import Exit
from handinger_tui.cli.places import Places, places
from handinger_tui.cli.start import settings_for
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.jsontext import Json, dump
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.settings import Settings

MARKS = {"ok": "✓", "note": "·", "fault": "✗"}
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `state` is ok, note or fault; `hint` says what to do about it."""

    name: str
    state: str
    found: str
    hint: str = ""


def run(told: argparse.Namespace) -> int:
    """Run every check and print them; 0 when none found a fault."""
    checks = [_program(), _terminal(), _color()]
    here = places()
    checks.append(Check("configuration", "ok" if here.config.exists() else "note", str(here.config)))
    try:
        settings = settings_for(told)
    except HandingerError as problem:
        checks.append(Check("settings", "fault", problem.summary, problem.hint))
    else:
        checks += [_key(settings), _service(settings)]
    checks.append(asyncio.run(_history(here)))
    _print(told, checks)
    return Exit.USAGE if any(check.state == "fault" for check in checks) else Exit.OK


def _print(told: argparse.Namespace, checks: list[Check]) -> None:
    if told.json:
        rows: list[Json] = [
            {"name": c.name, "state": c.state, "found": c.found, "hint": c.hint or None} for c in checks
        ]
        sys.stdout.write(dump({"checks": rows}) + "\n")
        return
    for check in checks:
        sys.stdout.write(f"{MARKS[check.state]} {check.name:14} {check.found}\n")
        if check.hint:
            sys.stdout.write(f"  {'':14} → {check.hint}\n")


def _program() -> Check:
    parts = []
    for package in ("textual", "httpx", "httpx-sse", "pydantic"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            return Check("program", "fault", f"{package} is not installed", "Install handinger-tui again.")
    python = ".".join(map(str, sys.version_info[:3]))
    return Check("program", "ok", f"handinger-tui {__version__}, Python {python}, {', '.join(parts)}")


def _terminal() -> Check:
    size = shutil.get_terminal_size()
    term = os.environ.get("TERM", "")
    found = f"{size.columns}x{size.lines}, TERM={term or 'not set'}" + (
        ", in tmux" if os.environ.get("TMUX") else ""
    )
    if term in {"", "dumb"}:
        return Check("terminal", "note", found, "The screen needs a real terminal; -p works everywhere.")
    if size.columns < 80 or size.lines < 24:
        return Check("terminal", "note", found, "The screen is made for 80x24 and more.")
    return Check("terminal", "ok", found)


def _color() -> Check:
    if os.environ.get("NO_COLOR"):
        return Check("colour", "note", "off (NO_COLOR is set)")
    depth = os.environ.get("COLORTERM", "")
    return Check("colour", "ok", depth or "as TERM says")


def _key(settings: Settings) -> Check:
    if settings.local:
        return Check(
            "key", "note", "none: the local worker answers", "Set HANDINGER_API_KEY to talk to your workers."
        )
    return Check("key", "ok", f"set, ends in …{settings.key.tail()}")


def _service(settings: Settings) -> Check:
    if settings.local:
        return Check("service", "ok", "local worker, on this machine only")
    parts = urlsplit(settings.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECT_SECONDS):
            return Check("service", "ok", f"{settings.base_url} can be reached")
    except OSError as problem:
        reason = problem.strerror or str(problem) or "no answer"
        return Check(
            "service", "fault", f"{settings.base_url}: {reason}", "Check the address, network and proxy."
        )


async def _history(here: Places) -> Check:
    ledger = Ledger(here.database, access=FileAccess.WRITE)
    try:
        await ledger.start()
    except HandingerError as problem:
        return Check("history", "fault", f"{here.database}: {problem.summary}", problem.hint)
    try:
        if ledger.problem:
            return Check("history", "note", ledger.problem)
        count = len(await ledger.sessions(10_000))
        return Check("history", "ok", f"{here.database}, {count} sessions")
    finally:
        await ledger.aclose()
