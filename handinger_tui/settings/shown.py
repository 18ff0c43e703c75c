"""The settings for people and programs: what is in force, a sample of the config file, and its schema."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from handinger_tui.core.decimals import decimal_text
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.prices import Prices
from handinger_tui.core.safety import Secret
from handinger_tui.core.shown_settings import ShownSetting, Value
from handinger_tui.settings import GivenSettings, Settings, default_of
from handinger_tui.settings.table import OPEN_TABLES, PROFILES, TABLE, Setting
from handinger_tui.settings.toml_text import toml_value

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
"""The dialect of JSON Schema in which schemas are written."""


def shown_settings(given: GivenSettings, settings: Settings) -> list[ShownSetting]:
    """Every setting in force, then what the person's own tables have."""
    rows = [_shown(one, given, settings) for one in TABLE]
    for table in ("keys", "tags", "projects"):
        rows += [
            _row(Setting(f"{table}.{name}", TABLE[0].kind, OPEN_TABLES[table]), _words(value), "config file")
            for name, value in given.file.table(table).items()
        ]
    return rows


def _words(value: Any) -> Value:
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def _shown(setting: Setting, given: GivenSettings, settings: Settings) -> ShownSetting:
    default = default_of(setting, settings.generation)
    source = given.of(setting)
    value: Any = default if source is None else given.read(setting, source)
    match setting.name:
        case "api_key":
            value = f"…{settings.key.tail()}" if settings.key else None
            source = source if settings.key or settings.local else None
        case "base_url":
            value = settings.base_url
        case "headers":
            value = [name for name, _ in settings.headers]
        case "shared.url":
            value = shown_url(settings.shared_url) or None
        case "profile" | "local":
            value = getattr(settings, setting.name)
        case _:
            pass
    return _row(setting, value, "default" if source is None else source.origin, default)


def _row(setting: Setting, value: Any, origin: str, default: Any = None) -> ShownSetting:
    return ShownSetting(
        name=setting.name,
        value=plain_value(value),
        origin=origin,
        default=plain_value(default),
        unit=setting.kind.unit or None,
        variable=setting.variable or None,
        choices=list(setting.kind.choices),
        meaning=setting.meaning,
        is_editable=setting.in_file and setting.name not in ("headers", "api_key", "shared.url"),
    )


def shown_url(url: Secret) -> str:
    """The address of a database without its password, and without its options, which may have one."""
    parts = urlsplit(url.reveal())
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return parts._replace(netloc=f"{name}{':…' if colon else ''}{at}{host}", query="").geturl()


def plain_value(value: Any) -> Value:
    """A value as JSON and TOML have it; None for nothing."""
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, Prices):
        return value.text or None
    plain: Value = list(value) if isinstance(value, tuple) else value or None if value != 0 else value
    return plain


# -- the file --------------------------------------------------------------------------------
_SAMPLES: Final = {
    "profile": "work",
    "api_key": "hdg_live_...",
    "key_command": ["pass", "show", "handinger"],
    "key_store": True,
    "download_dir": "~/Downloads",
    "theme": "midnight",
    "on_done": ["notify-send", "Handinger"],
    "on_limit": ["notify-send", "Handinger"],
    "keep_frames": "90 days",
    "shared.url": "postgresql://team@db.example.com/limits",
    "shared.host": "ci-7",
    "spending.day_usd": 5,
    "spending.credit_usd": Decimal("0.01"),
    "spending.currency": "0.92 EUR, 0.95 EUR from 2026-07-01",
    "limits.max_wait": 600,
}
"""Values of a sample file where there is no default."""


def sample_text() -> str:
    """A config file in which every setting is a comment, with what it means and its default."""
    lines = ["# The settings of handinger-tui. A line counts without the # at its beginning.\n"]
    table = ""
    for setting in (one for one in TABLE if one.in_file and one.kind.toml.get("type") != "object"):
        if len(setting.path) > 1 and setting.path[0] != table:
            table = setting.path[0]
            lines.append(f"\n[{table}]\n")
        value = _SAMPLES.get(setting.name, plain_value(default_of(setting, "workers")))
        if value is None or value == "":
            value = 100 if setting.name.endswith("_credits") else 10
        facts = "; ".join((setting.meaning, *_about(setting)))
        shown = value if not isinstance(value, float) or not value.is_integer() else int(value)
        lines.append(f"# {setting.member} = {toml_value(shown)}  # {facts}\n")
    lines += [
        '\n# [headers]\n# X-Name = "value"\n',
        "\n# [profiles.work]\n# api_key, base_url, generation, headers, budget, download_dir\n",
        '\n# [keys]\n# "work.spending" = "f12"\n',
        '\n# [tags]\n# invoices = "title:*invoice*"\n',
        '\n# [projects]\n# acme = ["folder:~/code/acme", "tag:client-a"]\n',
    ]
    return "".join(lines)


def _about(setting: Setting) -> Iterator[str]:
    if setting.kind.choices:
        yield ", ".join(setting.kind.choices)
    elif setting.kind.unit:
        yield setting.kind.unit
    if setting.variable:
        yield setting.variable


def file_schema() -> JsonObject:
    """The JSON Schema of the config file, for editors."""
    texts = {"type": "object", "additionalProperties": {"type": ["string", "array"]}}

    def members(settings: Iterator[Setting]) -> JsonObject:
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {one.member: {**one.kind.toml, "description": one.meaning} for one in settings},
        }

    schema: Any = members(one for one in TABLE if one.in_file and len(one.path) == 1)
    for table in ("spending", "limits", "shared"):
        schema["properties"][table] = members(one for one in TABLE if one.path[0] == table)
    for table in OPEN_TABLES.keys() - {"headers"}:
        schema["properties"][table] = {**texts, "description": OPEN_TABLES[table]}
    schema["properties"]["keys"] = {"type": "object", "description": OPEN_TABLES["keys"]}
    profile = members(one for one in TABLE if one.in_profile)
    schema["properties"][PROFILES] = {"type": "object", "additionalProperties": profile}
    return {
        "$schema": DRAFT,
        "title": "The config file of handinger-tui",
        **schema,
    }
