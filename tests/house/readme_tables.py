"""The tables of `docs/`, generated from the program. `python -m tests.house.readme_tables` writes them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from handinger_tui.cli.args import command_parser, main_parser
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.ui.commands import COMMANDS
from handinger_tui.ui.keys import KEYS, format_keys
from tests.house.project import ROOT


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def spelled(option: argparse.Action) -> str:
    """An option as it is typed: `-w, --worker ID`."""
    words = ", ".join(option.option_strings)
    if option.nargs == 0:
        return f"`{words}`"
    value = str(
        option.metavar or "|".join(str(choice) for choice in option.choices or ()) or option.dest.upper()
    )
    return f"`{words} [{value}]`" if option.nargs == "?" else f"`{words} {value}`"


def options() -> str:
    """The options of a run without a subcommand."""
    # argparse has no public list of its options.
    rows = [
        (spelled(option), option.help)
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


DOCS: Final = ROOT / "docs"
TABLES: Final[Mapping[Path, Mapping[str, Callable[[], str]]]] = {
    DOCS / "commands.md": {"options": options, "subcommands": subcommands, "commands": commands},
    DOCS / "keys.md": {"keys": keys},
}
"""Documents with generated tables; each stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`."""


def filled(document: Path) -> str:
    """A document with every generated table in its place.

    Raises:
        ValueError: a marker is missing.
    """
    text = document.read_text("utf-8")
    for name, make in TABLES[document].items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        start = text.index(begin) + len(begin)
        text = f"{text[:start]}\n{make()}\n{text[text.index(end) :]}"
    return text


if __name__ == "__main__":
    for document in TABLES:
        document.write_text(filled(document), "utf-8")
