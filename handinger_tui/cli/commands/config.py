"""`handinger-tui config`: shows paths, and every setting with its origin. The key is never shown."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import asdict

from handinger_tui.cli.args import add_connection_options, add_json_option
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.output import put_result
from handinger_tui.core.decimals import decimal_text
from handinger_tui.core.documents import Document, Part
from handinger_tui.settings import CREDIT_PRICE, DEFAULT_BASE, LOCAL_BASE, Settings, environment_value

if TYPE_CHECKING:
    import argparse

DESCRIPTION: Final = "Show settings and where they come from."


class PathList(Document, frozen=True, tag="handinger-tui/config-paths/1"):
    """What `config path` prints: where each file is, or would be."""

    paths: dict[str, str]


class Setting(Part, frozen=True):
    """A setting in force. `origin`: the option, the variable or the file that it comes from, or default."""

    value: str | bool | int | float | list[str] | None
    origin: str


class SettingList(Document, frozen=True, tag="handinger-tui/config/1"):
    """What `config show` prints: every setting by its name. The key is never in it."""

    settings: dict[str, Setting]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=SUBCOMMANDS["config"].actions,
        default="show",
        help="path: where the files are; show: every setting and its source (default)",
    )
    add_json_option(parser)
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the paths, or every setting with its origin."""
    if args.action == "path":
        paths = {name: str(path) for name, path in asdict(default_paths()).items()}
        put_result(
            args, PathList(paths=paths), "\n".join(f"{name:10} {path}" for name, path in paths.items())
        )
        return Exit.OK
    rows = _setting_rows(args, settings_for(args))
    settings = {name: Setting(value=value, origin=origin) for name, value, origin in rows}
    put_result(
        args,
        SettingList(settings=settings),
        "\n".join(f"{name:20} {_shown(value):36} {origin}" for name, value, origin in rows),
    )
    return Exit.OK


def _shown(value: object) -> str:
    """A value for people; JSON has it as it is."""
    if value is None or value in ("", ()):
        return "not set"
    if isinstance(value, tuple):
        return shlex.join(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


_VARIABLES = {
    "base_url": "HANDINGER_BASE_URL",
    "generation": "HANDINGER_GENERATION",
    "budget": "HANDINGER_BUDGET",
    "key": "HANDINGER_API_KEY",
    "headers": "HANDINGER_CUSTOM_HEADERS",
    "profile": "HANDINGER_PROFILE",
}

_SHOWN = (
    *("base_url", "generation", "budget", "profile", "theme", "density", "notify"),
    *("on_done", "on_limit", "print_on_exit", "keep_frames", "download_dir", "local"),
)


def _setting_rows(args: argparse.Namespace, settings: Settings) -> list[tuple[str, Any, str]]:
    default = Settings(LOCAL_BASE if settings.local else DEFAULT_BASE[settings.generation], settings.key)
    rows: list[tuple[str, Any, str]] = []
    for name in _SHOWN:
        value = getattr(settings, name)
        rows.append((name, value, _origin(args, name, changed=value != getattr(default, name))))
    shown_key = f"…{settings.key.tail()}" if settings.key else "none"
    rows.insert(1, ("key", shown_key, _origin(args, "key", changed=bool(settings.key))))
    names = ", ".join(name for name, _ in settings.headers) or "none"
    rows.append(("headers", names, _origin(args, "headers", changed=bool(settings.headers))))
    standard = asdict(default.limits)
    for name, value in asdict(settings.limits).items():
        changed = value != standard[name]
        variable = f"HANDINGER_{name.upper()}"
        origin = variable if _is_set(variable) else ("config file" if changed else "default")
        rows.append((name, value, origin))
    return [*rows, *_spending_rows(settings), *_tag_rows(settings)]


def _spending_rows(settings: Settings) -> list[tuple[str, Any, str]]:
    """Return the spending limits. Limits set in the app are stored in the history and not listed here."""
    rows: list[tuple[str, Any, str]] = []
    for limit in settings.spending:
        name = f"{limit.scope}_{limit.unit}"
        variable = f"HANDINGER_LIMIT_{name.upper()}"
        configured = variable if _is_set(variable) else "config file"
        origin = limit.option if limit.by_flag else configured
        rows.append((f"spending.{name}", decimal_text(limit.amount), origin))
    if settings.credit_usd is not None:
        variable = f"HANDINGER_{CREDIT_PRICE.upper()}"
        origin = variable if _is_set(variable) else "config file"
        rows.append((f"spending.{CREDIT_PRICE}", decimal_text(settings.credit_usd), origin))
    return rows


def _tag_rows(settings: Settings) -> list[tuple[str, Any, str]]:
    """Return the rules of tags and projects."""
    return [
        (f"{table}.{name}", ", ".join(f"{rule.kind}:{rule.pattern}" for rule in rules), "config file")
        for table, named in (("tags", settings.tag_rules.tags), ("projects", settings.tag_rules.projects))
        for name, rules in named
    ]


def _is_set(variable: str) -> bool:
    return environment_value(os.environ, variable) is not None


def _origin(args: argparse.Namespace, name: str, *, changed: bool) -> str:
    if getattr(args, name, None):
        return f"--{name.replace('_', '-')}"
    variable = _VARIABLES.get(name)
    if variable and _is_set(variable):
        return variable
    return "config file" if changed and name != "local" else "default"


EXAMPLES: Final = (
    "config show",
    "config path --json",
)
COMMANDS: Final = {"config": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES)}
