"""A setting as `config show` and the settings page list it."""

from __future__ import annotations

import shlex
from typing import Final

from handinger_tui.core.columns import NO_VALUE, Column, Row, Tone
from handinger_tui.core.documents import Part
from handinger_tui.core.safety import clean_line

Value = str | bool | int | float | list[str] | None


class ShownSetting(Part, frozen=True):
    """A setting in force. The key is never in it."""

    name: str
    """As in the config file, with its table."""
    value: Value
    origin: str
    """The option, the variable, the profile or the file that it comes from, or default."""
    default: Value
    unit: str | None
    variable: str | None
    """Of the environment."""
    choices: list[str]
    meaning: str
    is_editable: bool
    """Whether it stands in the config file as one value."""


COLUMNS: Final = (
    Column("Setting", ids=False),
    Column("Value", least=12, most=48),
    Column("From", rank=1, style=Tone.FAINT),
    Column("Meaning", rank=2, least=20, fill=True, style=Tone.FAINT),
)


def value_text(value: Value, unit: str | None = None) -> str:
    """A value for people; "" for none."""
    match value:
        case None | "" | []:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return clean_line(shlex.join(value), 200)
        case int() | float():
            return f"{value:,.15g} {unit or ''}".rstrip()
        case _:
            return clean_line(value, 200)


def setting_row(setting: ShownSetting) -> Row:
    """Name, value, where it comes from, and what it means."""
    shown = value_text(setting.value, setting.unit) or NO_VALUE
    styles = {} if setting.origin == "default" else {0: Tone.STRONG}
    texts = (setting.name, shown, setting.origin, setting.meaning)
    return Row(tuple(clean_line(one, 200) for one in texts), styles=styles)
