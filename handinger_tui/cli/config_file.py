"""The config file: what is set in it, what is wrong with it, and atomic changes of one value at a time."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.cli.load_settings import given_settings
from handinger_tui.cli.local_files import config_text, default_paths, save_text
from handinger_tui.core.errors import HandingerError, LocalFileError, SettingsError, did_you_mean
from handinger_tui.core.safety import clean_line
from handinger_tui.core.shown_settings import ShownSetting
from handinger_tui.settings import ConfigFile, Flags, GivenSettings, settings_of, unknown_variables
from handinger_tui.settings.shown import shown_settings
from handinger_tui.settings.table import COMMAND, FLAG, NAMED, OPEN_TABLES, PROFILES, Setting, WrongValue
from handinger_tui.settings.toml_text import with_value

KEY_SETTING: Final = NAMED["api_key"].name


class Change(Struct, frozen=True):
    """What a change did. `other_origin`: what gives the value that is in force instead, "" for nothing."""

    path: tuple[str, ...]
    is_set: bool
    other_origin: str = ""

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def text(self) -> str:
        """The result as a sentence."""
        done = f"{self.name} is {'set' if self.is_set else 'no longer set'} in {default_paths().config}."
        return f"{done} In force is what {self.other_origin} says." if self.other_origin else done


def listed_settings(args: argparse.Namespace | None = None) -> list[ShownSetting]:
    """Every setting in force. Raises SettingsError."""
    given = given_settings(args)
    return shown_settings(given, settings_of(given))


def change(name: str, typed: str | None, profile: str | None = None) -> Change:
    """Give a setting another value in the config file, or none.

    Raises:
        SettingsError: an unknown name, or a value that it cannot have.
        LocalFileError: the file cannot be written.
    """
    path = path_of(name, profile)
    setting = NAMED.get(path[-1] if path[0] == PROFILES else ".".join(path))
    value = None if typed is None else _value(setting, typed)
    write(path, value)
    if setting is None:
        return Change(path, value is not None)
    source = replace(given_settings(None), flags=Flags(profile=profile)).of(setting)
    other = source.origin if source is not None and not source.path and value is not None else ""
    return Change(path, value is not None, other)


def path_of(name: str, profile: str | None = None) -> tuple[str, ...]:
    """Where a setting stands in the config file. Raises SettingsError: there is none of that name."""
    table, _, inner = name.partition(".")
    if table in OPEN_TABLES and inner and not profile:
        return table, inner
    # A short name suffices: idle_timeout, day_usd.
    names = [full for full, one in NAMED.items() if name in (full, one.member) and one.in_file]
    if not names:
        editable = [full for full, one in NAMED.items() if one.in_file]
        raise SettingsError(
            f"There is no setting {clean_line(name, 60)!r} in the config file.",
            did_you_mean(name, editable, "handinger-tui config show lists all."),
        )
    setting = NAMED[names[0]]
    if profile and not setting.in_profile:
        raise SettingsError(f"A profile has no {setting.name}.", "Set it without --profile.")
    if setting.kind.toml["type"] == "object":
        raise SettingsError(
            f"{setting.name} is a table.", f"Set one of its names, such as {setting.name}.X-Name."
        )
    return (PROFILES, profile, setting.name) if profile else setting.path


def _value(setting: Setting | None, typed: str) -> Any:
    """What was typed, as it stands in TOML. Raises SettingsError."""
    if setting is None:
        return typed
    value: Any = typed.strip()
    if setting.kind is COMMAND:
        try:
            value = shlex.split(typed)
        except ValueError:
            raise SettingsError(f"{setting.name}: a quote has no end.", "Close the quote.") from None
    elif setting.kind is FLAG:
        value = {"true": True, "yes": True, "false": False, "no": False}.get(value.lower(), value)
    elif setting.kind.is_number:
        try:
            value = Decimal(value)
        except InvalidOperation:
            # "$5" is an amount; what is none is refused below.
            value = typed
    try:
        read = setting.kind.read(value)
    except WrongValue as problem:
        raise SettingsError(f"{setting.name}: {problem}", problem.hint) from None
    return read if isinstance(read, Decimal) else value


def write(path: tuple[str, ...], value: Any) -> None:
    """Write one value, None for none; a file that was valid stays so.

    Raises:
        SettingsError: the value does not fit to the others, or the file cannot be changed without rewriting.
        LocalFileError
    """
    target = default_paths().config
    before = config_text(target)
    file = ConfigFile.read(before, str(target))
    try:
        after = with_value(before, path, value)
    except ValueError:
        raise SettingsError(
            f"{file.place(path)} stands in a form that cannot be changed alone.",
            "Use handinger-tui config edit.",
        ) from None
    changed = ConfigFile.read(after, str(target))
    if (new := [*problems_of(changed)]) and not [*problems_of(file)]:
        raise new[0]
    save_config(target, after)


def save_config(target: Path, text: str) -> None:
    """Write the config file; only you can read a new one. Raises LocalFileError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.exists(target):
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))
        save_text(target, text)
    except OSError as problem:
        raise LocalFileError(
            f"Cannot write {target}: {problem.strerror or problem}. Nothing was changed.",
            "Make room for it, or set HANDINGER_TUI_HOME to another folder.",
        ) from None


def problems_of(file: ConfigFile) -> Iterator[HandingerError]:
    """Everything that is wrong with a config file, in each of its profiles, whatever the environment."""
    yield from file.problems()
    given = GivenSettings(Flags(), {}, file)
    seen = set()
    for name in (None, *file.profiles):
        one = replace(given, flags=Flags(profile=name))
        for setting in NAMED.values():
            try:
                source = one.in_file(setting)
                if source is not None and source.path not in seen:
                    seen.add(source.path)
                    one.read(setting, source)
            except SettingsError as problem:
                yield problem
                break
    try:
        file.tag_rules(os.environ)
    except SettingsError as problem:
        yield problem
    yield from _screen_problems(file)


def _screen_problems(file: ConfigFile) -> Iterator[HandingerError]:
    """What only the screen knows: names of themes, and keys."""
    theme, keys = file.config.get("theme"), file.table("keys")
    if isinstance(theme, str) and theme:
        from handinger_tui.ui.themes import by_name, unknown_text  # few set one; imports Textual

        if by_name(theme) is None:
            yield SettingsError(f"{file.place(('theme',))}: {unknown_text(theme)}", "")
    if keys:
        from handinger_tui.settings import key_ids
        from handinger_tui.ui.key_map import keymap_problems  # as above

        pairs = sorted((name, str(value)) for name, value in key_ids(keys))
        for text in keymap_problems(pairs):
            yield SettingsError(f"{file.place(('keys',))}: {text}", "See docs/keys.md for all keys.")


def environment_problems() -> list[HandingerError]:
    """Variables that are no settings."""
    return [*unknown_variables(os.environ)]
