"""The tables of `docs/` and the manual page, made from the program: `python -m tests.house.readme_tables`."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from handinger_tui.cli.args import command_parser, main_parser, spelled
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.commands.man import page
from handinger_tui.cli.commands.schema import NAMES, schema_id, schema_of
from handinger_tui.core.shown_settings import value_text
from handinger_tui.settings import default_of
from handinger_tui.settings.shown import plain_value
from handinger_tui.settings.table import TABLE
from handinger_tui.ui.commands import COMMANDS
from handinger_tui.ui.keys import KEYS, format_keys
from tests.house.project import ROOT


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def options() -> str:
    """The options of a run without a subcommand."""
    # argparse has no public list of its options.
    rows = [
        (f"`{spelled(option)}`", option.help)
        for option in main_parser()._actions
        if option.option_strings and option.help and option.help != argparse.SUPPRESS
    ]
    return table(("option", "does"), rows)


def subcommands() -> str:
    """Every subcommand."""
    rows = [(f"`handinger-tui {name}`", str(command_parser(name).description)) for name in SUBCOMMANDS]
    return table(("command", "does"), rows)


def keys() -> str:
    """Every binding, by the place where it works, with the id that `[keys]` in the config file names."""
    places: dict[str, list[tuple[str, ...]]] = {}
    for key in KEYS:
        places.setdefault(str(key.where), []).append((format_keys(key), key.tooltip, f"`{key.id}`"))
    head = ("key", "does", "id")
    return "\n\n".join(f"## {place}\n\n{table(head, rows)}" for place, rows in places.items())


def commands() -> str:
    """Every slash command, with its other names."""
    rows = [
        (
            f"`/{one.name} {one.takes}`".replace(" `", "`"),
            " ".join(f"/{name}" for name in one.aliases),
            one.summary,
        )
        for one in COMMANDS
    ]
    return table(("command", "also", "does"), rows)


def settings() -> str:
    """Every setting of the config file and of the environment."""
    rows = []
    for one in TABLE:
        if one.in_file or one.variable:
            default = value_text(plain_value(default_of(one, "workers")))
            rows.append(
                (
                    (f"`{one.name}`" if one.in_file else "") + (" †" if one.in_profile else ""),
                    f"`{one.variable}`" if one.variable else "",
                    one.kind.words,
                    f"`{default}`" if default else "",
                    one.meaning,
                )
            )
    return table(("setting", "variable", "value", "default", "means"), rows)


# -- documents -----------------------------------------------------------------------------------
def type_words(schema: dict[str, Any]) -> str:
    """The type of a member: `string`, `integer or null`, a list, or the name of a part."""
    if "anyOf" in schema:
        return " or ".join(map(type_words, schema["anyOf"]))
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if schema.get("pattern") or schema.get("format") == "decimal":
        return "amount"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        items = schema.get("items") or {}
        return f"list of {type_words(items)}" if items else "list"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"object of {type_words(inner)}" if isinstance(inner, dict) and inner else "object"
    return str(schema.get("type", "any JSON"))


def part_text(part: dict[str, Any]) -> str:
    """The values of an enumeration, or a row for each member."""
    if "enum" in part:
        return type_words(part)
    required = part.get("required", ())
    rows = [
        (
            f"`{member}`",
            type_words(of) + ("" if member in required else "; may be missing"),
            of.get("description", ""),
        )
        for member, of in part["properties"].items()
    ]
    return table(("member", "type", ""), rows)


def documents() -> str:
    """Every document and its parts, a row for each member; a part that several share stands once."""
    texts: list[str] = []
    printed: set[str] = set()
    for name in NAMES:
        schema: dict[str, Any] = schema_of(name)
        texts.append(f"## {name}\n\nSchema `{schema_id(name)}`.")
        for title, part in schema["$defs"].items():
            if title in printed:
                continue
            printed.add(title)
            texts.append(f"### {title}\n\n{part.get('description', '')}\n\n{part_text(part)}")
    return "\n\n".join(texts)


def digest(name: str) -> str:
    """SHA-256 of the members of a document and their types, whatever is said of them."""

    def bare(value: Any) -> Any:
        if isinstance(value, list):
            return [*map(bare, value)]
        if not isinstance(value, dict):
            return value
        texts = ("description", "title")
        return {key: bare(one) for key, one in value.items() if not (key in texts and isinstance(one, str))}

    return hashlib.sha256(json.dumps(bare(schema_of(name)), sort_keys=True).encode()).hexdigest()


FROZEN: Final = ROOT / "tests" / "house" / "schemas.txt"


def frozen() -> dict[str, str]:
    """The digest of each schema that there ever was, by its number."""
    return dict(line.split() for line in FROZEN.read_text("utf-8").splitlines())


def freeze() -> None:
    """Note the digests of new numbers; a digest that is noted never changes."""
    noted = frozen() if FROZEN.exists() else {}
    new = {schema_id(name): digest(name) for name in NAMES}
    FROZEN.write_text("".join(f"{key} {value}\n" for key, value in sorted({**new, **noted}.items())), "utf-8")


DOCS: Final = ROOT / "docs"
TABLES: Final[Mapping[Path, Mapping[str, Callable[[], str]]]] = {
    DOCS / "commands.md": {"options": options, "subcommands": subcommands, "commands": commands},
    DOCS / "keys.md": {"keys": keys},
    DOCS / "configuration.md": {"settings": settings},
    DOCS / "documents.md": {"documents": documents},
    DOCS / "handinger-tui.1": {},
}
"""Documents with generated tables, each between `<!-- NAME:begin -->` and `<!-- NAME:end -->`; and the manual
page, all of which is generated."""


def filled(document: Path) -> str:
    """A document with every generated table in its place.

    Raises:
        ValueError: a marker is missing.
    """
    if document.suffix == ".1":
        return page("")
    text = document.read_text("utf-8")
    for name, make in TABLES[document].items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        start = text.index(begin) + len(begin)
        text = f"{text[:start]}\n{make()}\n{text[text.index(end) :]}"
    return text


if __name__ == "__main__":
    for document in TABLES:
        document.write_text(filled(document), "utf-8")
    freeze()
