"""`handinger-tui config`: lists, changes and checks the settings. The key is never shown."""

from __future__ import annotations

import argparse
import os
import subprocess
from typing import Final

from msgspec.structs import asdict

from handinger_tui.cli.args import add_connection_options, add_json_option
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.config_file import (
    KEY_SETTING,
    change,
    environment_problems,
    listed_settings,
    path_of,
    problems_of,
    save_config,
)
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.local_files import config_text, default_paths, expand_path, new_file
from handinger_tui.cli.output import can_ask, put, put_result
from handinger_tui.cli.tables import list_text
from handinger_tui.core.documents import Document, Part
from handinger_tui.core.errors import HandingerError, LocalFileError, SettingsError
from handinger_tui.core.formatting import plural
from handinger_tui.core.jsontext import json_text
from handinger_tui.core.shown_settings import COLUMNS, ShownSetting, setting_row
from handinger_tui.settings import ConfigFile
from handinger_tui.settings.shown import file_schema, sample_text

DESCRIPTION: Final = "List, change and check the settings."


class PathList(Document, frozen=True, tag="handinger-tui/config-paths/1"):
    """What `config path` prints: where each file is, or would be."""

    paths: dict[str, str]


class SettingList(Document, frozen=True, tag="handinger-tui/config/2"):
    """What `config show` prints: every setting by its name. The key is never in it."""

    settings: dict[str, ShownSetting]


class ConfigChange(Document, frozen=True, tag="handinger-tui/config-change/1"):
    """What `config set` and `config unset` did."""

    name: str
    is_set: bool
    file: str
    overridden_by: str | None
    """The variable or option that gives the value in force; null where the file does."""


class ConfigProblem(Part, frozen=True):
    """What is wrong with a setting, and what to do."""

    message: str
    hint: str | None


class ConfigProblems(Document, frozen=True, tag="handinger-tui/config-problems/1"):
    """What `config validate` found."""

    file: str
    problems: list[ConfigProblem]


_ACTIONS: Final = {
    "show": "every setting, its value and where it comes from",
    "set": "set a value in the config file; everything else in it stays as it is",
    "unset": "remove a value from the config file",
    "edit": "open the config file in $VISUAL or $EDITOR, and check it",
    "init": "write a config file in which every setting is explained",
    "schema": "the JSON Schema of the config file, for editors",
    "validate": "check the config file and the variables; exit code 2 if something is wrong",
    "path": "where the files are",
}
_WITH_JSON: Final = frozenset({"show", "set", "unset", "validate", "path"})


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json_option(parser)
    add_connection_options(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", help="what to do (default: show)")
    for name in SUBCOMMANDS["config"].actions:
        words = _ACTIONS[name]
        # An option may also stand before the action: without one behind it, it stays.
        action = actions.add_parser(
            name,
            help=words,
            description=f"{words[0].upper()}{words[1:]}.",
            argument_default=argparse.SUPPRESS,
        )
        if name in ("set", "unset"):
            action.add_argument("name", metavar="NAME", help="a setting, such as budget or spending.day_usd")
            action.add_argument("--profile", metavar="NAME", help="the profile that gets it")
        if name == "set":
            action.add_argument("value", metavar="VALUE", help="the value; a command is one text")
        if name == "init":
            action.add_argument("--force", action="store_true", help="overwrite the config file")
        if name == "validate":
            action.add_argument("file", nargs="?", metavar="FILE", help="default: the config file")
        if name == "show":
            add_connection_options(action)
        if name in _WITH_JSON:
            action.add_argument("--json", action="store_true", help="JSON on stdout")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    return _RUN[args.action or "show"](args)


def _show(args: argparse.Namespace) -> int:
    shown = listed_settings(args)
    text = list_text(COLUMNS, [setting_row(one) for one in shown], "")
    put_result(args, SettingList(settings={one.name: one for one in shown}), text)
    return Exit.OK


def _path(args: argparse.Namespace) -> int:
    paths = {name: str(path) for name, path in asdict(default_paths()).items()}
    put_result(args, PathList(paths=paths), "\n".join(f"{name:10} {path}" for name, path in paths.items()))
    return Exit.OK


def _set(args: argparse.Namespace) -> int:
    if path_of(args.name, args.profile)[-1] == KEY_SETTING and args.action == "set":
        raise SettingsError(
            "A key on a command line can be read by every program of this computer.",
            "Use: handinger-tui key set --file",
        )
    done = change(args.name, getattr(args, "value", None), args.profile)
    put_result(
        args,
        ConfigChange(
            name=done.name,
            is_set=done.is_set,
            file=str(default_paths().config),
            overridden_by=done.other_origin or None,
        ),
        done.text,
    )
    return Exit.OK


def _edit(_args: argparse.Namespace) -> int:
    from handinger_tui.ui.terminal.external_editor import editor_of  # imports Textual

    if not can_ask():
        raise SettingsError("Not a terminal.", "Use: handinger-tui config set NAME VALUE")
    target = default_paths().config
    if not os.path.exists(target):
        save_config(target, sample_text())
    command = [*editor_of(os.environ), str(target)]
    code = subprocess.run(command, check=False).returncode  # noqa: S603 - the person's own editor
    if code:
        raise LocalFileError(f"The editor ended with exit code {code}.", f"The file is {target}")
    return _report(argparse.Namespace(json=False), target.name, _problems(str(target)))


def _init(args: argparse.Namespace) -> int:
    target = default_paths().config
    new_file(str(target), force=getattr(args, "force", False))
    save_config(target, sample_text())
    put(f"Written: {target}")
    return Exit.OK


def _schema(_args: argparse.Namespace) -> int:
    put(json_text(file_schema()), end="")
    return Exit.OK


def _validate(args: argparse.Namespace) -> int:
    named = getattr(args, "file", None)
    path = str(expand_path(named) if named else default_paths().config)
    return _report(args, path, _problems(path) if named else [*environment_problems(), *_problems(path)])


def _problems(path: str) -> list[HandingerError]:
    try:
        return [*problems_of(ConfigFile.read(config_text(expand_path(path)), path))]
    except SettingsError as problem:
        return [problem]


def _report(args: argparse.Namespace, path: str, problems: list[HandingerError]) -> int:
    rows = [ConfigProblem(message=one.summary, hint=one.hint or None) for one in problems]
    lines = [f"✗ {one.summary}" + (f"\n  → {one.hint}" if one.hint else "") for one in problems]
    lines.append(plural(len(rows), "problem") if rows else f"{path}: everything is right.")
    put_result(args, ConfigProblems(file=path, problems=rows), "\n".join(lines))
    return Exit.USAGE if rows else Exit.OK


_RUN: Final = {
    "show": _show,
    "path": _path,
    "set": _set,
    "unset": _set,
    "edit": _edit,
    "init": _init,
    "schema": _schema,
    "validate": _validate,
}
_TAKES: Final = {"edit": "", "init": "", "schema": ""}
EXAMPLES: Final = (
    "config show",
    "config set spending.day_usd 5",
    "config unset theme",
    "config edit",
    "config init",
    "config schema > handinger-tui.schema.json",
    "config validate",
    "config path --json",
)
COMMANDS: Final = {"config": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES, _TAKES)}
