"""The tables of the README, generated from the program. `python -m tests.house.readme_tables` writes them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from handinger_tui.cli.args import command_parser, main_parser
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.ui.commands import COMMANDS
from handinger_tui.ui.keys import KEYS, format_keys
from tests.house.project import ROOT

README = ROOT / "README.md"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
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


def _options() -> Iterator[tuple[str, str]]:
    # argparse has no public list of its options.
    for option in main_parser()._actions:
        if option.option_strings and option.help and option.help != argparse.SUPPRESS:
            yield spelled(option), option.help


def _subcommands() -> Iterator[tuple[str, str]]:
    for name in SUBCOMMANDS:
        yield f"`handinger-tui {name}`", str(command_parser(name).description)


def cli() -> str:
    """Options, then subcommands."""
    return table(("option or command", "does"), [*_options(), *_subcommands()])


def keys() -> str:
    """Every binding, under the place where it works, with the id that `[keys]` in the config file names."""
    rows = [(str(key.where), format_keys(key), key.tooltip, f"`{key.id}`") for key in KEYS]
    return table(("where", "key", "does", "id"), [*rows])


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
    return table(("command", "also", "does"), [*rows])


TABLES: dict[str, Callable[[], str]] = {"cli": cli, "keys": keys, "commands": commands}


def filled(text: str) -> str:
    """The README with every generated table in its place.

    Raises:
        ValueError: a marker is missing.
    """
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        start = text.index(begin) + len(begin)
        text = f"{text[:start]}\n{make()}\n{text[text.index(end) :]}"
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text("utf-8")), "utf-8")
