"""`handinger-tui doctor`: checks the setup. It sends nothing that costs money."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from handinger_tui import __version__
from handinger_tui.api.generations import answering_generation
from handinger_tui.cli.args import add_connection_options, add_json_option
from handinger_tui.cli.commands import Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.load_settings import given_settings, key_warning, settings_for, with_key
from handinger_tui.cli.local_files import Paths, default_paths, expand_path
from handinger_tui.cli.output import can_ask, has_colors, is_confirmed, put, put_result, say
from handinger_tui.cli.trust import require_trust
from handinger_tui.cli.wiring import client_of, shared_report, shared_server
from handinger_tui.core.documents import UNSET, Document, Part, UnsetType
from handinger_tui.core.errors import (
    Damaged,
    HandingerError,
    LocalFileError,
    Refused,
    SettingsError,
    SharedUnreachable,
)
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.ledger import repair
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.ledger.schema import altered_entries
from handinger_tui.ledger.sql import damaged
from handinger_tui.settings import SET_A_KEY

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from handinger_tui.ledger.repair import Salvage
    from handinger_tui.settings import Settings

MARKS = {"ok": "✓", "note": "·", "fault": "✗"}
_NEW_KEY: Final = "Copy the key from the dashboard again, or create a new one."


class Check(Struct, frozen=True):
    """The result of one check. `state` is ok, note or fault; `hint` says what to do."""

    name: str
    state: str
    finding: str
    hint: str = ""


class CheckItem(Part, frozen=True):
    """A check: ok, note or fault."""

    name: str
    state: str
    finding: str = field(name="found")
    hint: str | None


class CheckList(Document, frozen=True, tag="handinger-tui/doctor/1"):
    """What `doctor` prints."""

    checks: list[CheckItem]


class Repair(Document, frozen=True, tag="handinger-tui/repair/1"):
    """What `doctor --repair` did; `saved` is null, and alone, where the history is not damaged."""

    saved: dict[str, int] | None
    """Rows of each table."""
    source: str | UnsetType = UNSET
    lost: dict[str, int | None] | UnsetType = UNSET
    """At most so many rows; null for an unknown number."""
    path: str | UnsetType = UNSET
    adopted: bool | UnsetType = UNSET
    """Whether the new file is the history now."""
    kept: str | UnsetType = UNSET
    """The old file."""


DESCRIPTION: Final = "Diagnose the setup (free)."


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json_option(parser)
    add_connection_options(parser)
    parser.add_argument(
        "--repair",
        nargs="?",
        const="",
        metavar="FILE",
        help="save what can be read of a damaged history (default: the history, or the one set aside last)"
        " in a new file beside it",
    )
    parser.add_argument("-y", "--yes", action="store_true", help="with --repair: use the new file at once")
    parser.add_argument(
        "--report", action="store_true", help="print what a bug report needs, without texts, names and keys"
    )


def run(args: argparse.Namespace) -> int:
    """Run and print every check; return `Exit.USAGE` if one found a fault."""
    if args.repair is not None:
        return _repair(args, default_paths().database)
    if args.report:
        from handinger_tui.cli.bug_report import report_text  # rarely wanted

        put(report_text(args))
        return Exit.OK
    checks = [_check_program(), _check_terminal(), _check_color()]
    paths = default_paths()
    settings = None
    try:
        settings = with_key(settings_for(args))
    except HandingerError as problem:
        checks.append(Check("settings", "fault", problem.summary, problem.hint))
    checks.append(_check_configuration(paths, settings))
    if settings is not None:
        checks += [_check_keys(settings), *_check_theme(settings)]
        try:
            require_trust(args, settings)
            source = given_settings(args).key()
            checks += asyncio.run(_check_service(settings, "" if source is None else source.place))
        except SettingsError as problem:
            checks.append(Check("service", "fault", problem.summary, problem.hint))
        checks += _check_shared(settings)
    checks.append(asyncio.run(_check_history(paths)))
    _print_checks(args, checks)
    return Exit.USAGE if any(check.state == "fault" for check in checks) else Exit.OK


def _print_checks(args: argparse.Namespace, checks: list[Check]) -> None:
    rows = [
        CheckItem(name=one.name, state=one.state, finding=one.finding, hint=one.hint or None)
        for one in checks
    ]
    lines = []
    for check in checks:
        lines.append(f"{MARKS[check.state]} {check.name:14} {check.finding}")
        if check.hint:
            lines.append(f"  {'':14} → {check.hint}")
    put_result(args, CheckList(checks=rows), "\n".join(lines))


def _check_program() -> Check:
    parts = []
    for package in ("textual", "httpx", "httpx-sse", "pydantic"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            return Check("program", "fault", f"{package} is not installed", "Reinstall handinger-tui.")
    python = ".".join(map(str, sys.version_info[:3]))
    return Check("program", "ok", f"handinger-tui {__version__}, Python {python}, {', '.join(parts)}")


def _check_terminal() -> Check:
    size = shutil.get_terminal_size()
    term = os.environ.get("TERM", "")
    text = f"{size.columns}x{size.lines}, TERM={term or 'not set'}" + (
        ", in tmux" if os.environ.get("TMUX") else ""
    )
    if term in {"", "dumb"}:
        return Check("terminal", "note", text, "Here the app talks in lines (--plain); -p works anywhere.")
    if size.columns < 80 or size.lines < 24:
        return Check("terminal", "note", text, "The app works best at 80x24 or larger.")
    return Check("terminal", "ok", text)


def _check_color() -> Check:
    if os.environ.get("NO_COLOR"):
        return Check("color", "note", "off (NO_COLOR is set)")
    if not has_colors(os.environ):
        return Check("color", "note", "off (this terminal has none)")
    depth = os.environ.get("COLORTERM", "")
    return Check("color", "ok", depth or "detected from TERM")


async def _check_service(settings: Settings, place: str) -> list[Check]:
    """Check key, service and generation by GETs of what does not exist: they are free, and expect 404."""
    if settings.local:
        hint = f"{SET_A_KEY}, to talk to your workers."
        return [
            Check("key", "note", "none (the local worker answers)", hint),
            Check("service", "ok", "local worker, on this computer only"),
            Check("generation", "ok", f"{settings.generation} (the local worker supports both)"),
        ]
    key = f"{place}, ends in …{settings.key.tail()}"
    base = settings.base_url
    try:
        async with client_of(settings, base, settings.key.reveal()) as client:
            generation = _check_generation(settings.generation, await answering_generation(client))
    except Refused as problem:
        if problem.kind in (ErrorKind.AUTH, ErrorKind.FORBIDDEN):
            refused = f"{key}; rejected by the service ({problem.http_status})"
            return [Check("key", "fault", refused, _NEW_KEY), Check("service", "ok", f"{base} answers")]
        return [Check("key", "note", f"{key}; not checked"), _service_fault(base, problem)]
    except HandingerError as problem:
        return [Check("key", "note", f"{key}; not checked"), _service_fault(base, problem)]
    accepted = Check("key", "ok", f"{key}; accepted")
    return [accepted, Check("service", "ok", f"{base} answers"), generation]


def _check_generation(setting: str, answering: str | None) -> Check:
    if answering is None:
        return Check("generation", "note", f"{setting} (unclear which one the service has)")
    if answering == setting:
        return Check("generation", "ok", f"{setting}, confirmed by the service")
    return Check(
        "generation",
        "fault",
        f"{setting} is set, but the service answers as {answering}",
        f"Use --generation {answering} (or HANDINGER_GENERATION, or generation in the config file).",
    )


def _service_fault(base: str, problem: HandingerError) -> Check:
    return Check(
        "service", "fault", f"{base}: {problem.summary}", "Check the base URL, the network and the proxy."
    )


def _check_configuration(paths: Paths, settings: Settings | None) -> Check:
    if settings is not None and (warning := key_warning(settings)) is not None:
        text, _, hint = warning.partition(" To fix: ")
        return Check("configuration", "fault", text, hint)
    return Check("configuration", "ok" if os.path.exists(paths.config) else "note", str(paths.config))


def _check_shared(settings: Settings) -> list[Check]:
    if not settings.shared_url:
        return []
    server = shared_server(settings)
    try:
        lines = shared_report(server).lines
    except SharedUnreachable as problem:
        return [Check("shared limits", "fault", problem.summary, problem.hint)]
    return [Check("shared limits", "ok", f"{server.place} as {server.host}. {' '.join(lines)}")]


def _check_keys(settings: Settings) -> Check:
    if not settings.keys:
        return Check("keys", "ok", "default")
    from handinger_tui.ui.key_map import keymap_problems  # few remap keys; imports Textual

    if problems := keymap_problems(settings.keys):
        return Check("keys", "fault", " ".join(problems), "Fix [keys] in the config file.")
    return Check("keys", "ok", f"{plural(len(settings.keys), 'key')} remapped")


def _check_theme(settings: Settings) -> list[Check]:
    if not settings.theme:
        return []
    from handinger_tui.ui.themes import by_name, unknown_text  # few set one; imports Textual

    if by_name(settings.theme) is None:
        return [Check("theme", "fault", unknown_text(settings.theme), "Fix theme in the config file.")]
    return [Check("theme", "ok", settings.theme)]


def _repair(args: argparse.Namespace, history: Path) -> int:
    """Save what can be read of a damaged history in a new file, which replaces it after a yes."""
    source = expand_path(args.repair) if args.repair else _to_repair(history)
    if source is None:
        put_result(args, Repair(saved=None), f"The history is not damaged. Nothing was written. {ANYWAY}")
        return Exit.OK
    if args.repair and not os.path.isfile(source):
        raise LocalFileError(f"{clean_line(args.repair, 200)} is not a file.", "Name a damaged history.")
    saved = repair.repair(source)
    assert saved.path is not None, "it is a file"  # noqa: S101  # narrows the type
    say(_saved_text(source, saved))
    before = None
    adopted = repair.may_replace(source, history) and (args.yes or _is_replacement_confirmed(saved.path))
    if adopted:
        before = repair.replace_history(saved.path, history)
    now = history if adopted else saved.path
    put_result(
        args,
        Repair(
            source=str(source),
            saved={table.name: table.saved for table in saved.tables},
            lost={table.name: table.lost for table in saved.lost},
            path=str(now),
            adopted=adopted,
            kept=str(before or source),
        ),
        f"The new file is now the history. The old one is kept as {(before or source).name}."
        if adopted
        else f"The history was not replaced. The new file is {now}",
    )
    return Exit.OK


def _to_repair(history: Path) -> Path | None:
    """The history if it is damaged or does not work, else the file that was set aside last."""
    file = repair.damaged_file(history)
    if file == history or not history.is_file():
        return file
    return history if asyncio.run(_has_flaws(history)) else file


async def _has_flaws(history: Path) -> bool:
    ledger = Ledger(history, access=FileAccess.WRITE)
    try:
        await ledger.start()
        return bool(await ledger.flaws())
    finally:
        await ledger.aclose()


def _saved_text(source: Path, saved: Salvage) -> str:
    counts = ", ".join(
        plural(saved.count(table), word)
        for table, word in (("sessions", "session"), ("turns", "turn"), ("charges", "charge"))
    )
    lines = [f"Saved from {source.name}: {counts}, {plural(saved.count('limits'), 'limit')}."]
    for table in saved.lost:
        amount = "an unknown number of rows" if table.lost is None else f"at most {plural(table.lost, 'row')}"
        lines.append(f"Not readable: {amount} of {table.name}.")
    if saved.kept:
        which = plural(saved.kept, "turn")
        lines.append(f"Readings are lost: the amounts of {which} stay as they were recorded.")
    return "\n".join(lines if saved.lost or saved.kept else [*lines, "Nothing was lost."])


def _is_replacement_confirmed(repaired: Path) -> bool:
    if not can_ask():
        say("To make the new file the history: handinger-tui doctor --repair --yes")
        return False
    return is_confirmed(f"Make {repaired.name} the history? The old file is kept.")


ANYWAY: Final = "To write it again anyway, name its file: handinger-tui doctor --repair FILE"
REPAIR_HINT: Final = "Save what can be read: handinger-tui doctor --repair"


PROVEN: Final = "Schema, a write (rolled back), sums and the newest receipt are right."


async def _check_history(paths: Paths) -> Check:
    ledger = Ledger(paths.database, access=FileAccess.WRITE)
    try:
        await ledger.start()
    except HandingerError as problem:
        hint = REPAIR_HINT if isinstance(problem, Damaged) else problem.hint
        return Check("history", "fault", f"{paths.database}: {problem.summary}", hint)
    try:
        # A start checks every page of a small file only.
        if repair.damaged_file(paths.database) == paths.database:
            altered = await ledger.database.run(altered_entries)
            which = f"Not as they were made: {', '.join(altered)}." if altered else ""
            finding = f"{paths.database}: {damaged().summary} {which}".rstrip()
            return Check("history", "fault", finding, REPAIR_HINT)
        if flaws := await ledger.flaws():
            return Check("history", "fault", f"{paths.database}: {' '.join(flaws)}", REPAIR_HINT)
        if ledger.problem:
            return Check("history", "note", ledger.problem)
        count = plural(await ledger.history.count(), "session")
        return Check("history", "ok", f"{paths.database}, {count}. {PROVEN}")
    except HandingerError as problem:
        return Check("history", "fault", f"{paths.database}: {problem.summary}", problem.hint)
    finally:
        await ledger.aclose()


_TAKES: Final = {"--repair": "--yes --json", "--report": "", "": "--json"}
EXAMPLES: Final = (
    "doctor",
    "doctor --repair",
    "doctor --report",
)
COMMANDS: Final = {"doctor": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES, _TAKES)}
