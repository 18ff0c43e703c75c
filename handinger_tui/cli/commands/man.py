"""`handinger-tui man` prints the manual page, made of the parsers, and `help COMMAND` a help page."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from typing import Final

from handinger_tui import __version__
from handinger_tui.cli.args import (
    EXAMPLES,
    EXIT_CODES,
    PROGRAM,
    command_parser,
    implementation,
    main_parser,
    spelled,
)
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import clean_line

MAN: Final = "Print the manual page, in the form that man reads."
HELP: Final = "Show the help of a command."


def roff(text: str) -> str:
    """A text as roff shows it: no backslash, hyphen or quote of it is an instruction."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\\&" + plain if plain.startswith((".", "\\(aq")) else plain


def page() -> str:
    """The manual page."""
    lines = [
        f'.TH HANDINGER\\-TUI 1 "" "handinger\\-tui {roff(__version__)}" "User Commands"',
        ".SH NAME",
        roff(f"{PROGRAM} - talk to Handinger workers in the terminal"),
        ".SH SYNOPSIS",
        f".B {roff(PROGRAM)}",
        roff("[OPTIONS] [PROMPT]"),
        ".br",
        f".B {roff(PROGRAM)}",
        roff("COMMAND [OPTIONS]"),
        ".SH DESCRIPTION",
        roff(str(main_parser().description)),
        ".SH OPTIONS",
        *_options(main_parser()),
        ".SH COMMANDS",
    ]
    for name in SUBCOMMANDS:
        parser = command_parser(name)
        lines += [f".SS {roff(' '.join(filter(None, (name, SUBCOMMANDS[name].takes))))}"]
        lines += [roff(str(parser.description)), *_options(parser)]
        lines += _examples(implementation(name).examples)
    codes = EXIT_CODES.splitlines()[1:]
    lines += [".SH EXIT STATUS", ".nf", *map(roff, codes), ".fi"]
    lines += [".SH EXAMPLES", *_examples(EXAMPLES)]
    return "\n".join(lines) + "\n"


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from (".TP", f".B {roff(name)}", roff(str(inner.description)))
        elif action.help not in (None, argparse.SUPPRESS) and "--help" not in action.option_strings:
            words = spelled(action) if action.option_strings else str(action.metavar or action.dest)
            yield from (".TP", f".B {roff(words)}", roff(str(action.help)))


def _examples(examples: tuple[str, ...]) -> Iterator[str]:
    yield from (".PP", ".nf")
    yield from (roff(f"    {PROGRAM} {one}".rstrip()) for one in examples)
    yield ".fi"


def _print_page(_args: argparse.Namespace) -> int:
    sys.stdout.write(page())
    return Exit.OK


def _add_help_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="COMMAND", help="without a command: of the program")


def _print_help(args: argparse.Namespace) -> int:
    """Print a help page. Raises SettingsError: there is no such command."""
    if args.name is not None and args.name not in SUBCOMMANDS:
        near = difflib.get_close_matches(args.name, SUBCOMMANDS, 1)
        raise SettingsError(
            f"There is no command {clean_line(args.name, 60)!r}.",
            f"Did you mean {near[0]}?" if near else f"See: {PROGRAM} --help",
        )
    (main_parser() if args.name is None else command_parser(args.name)).print_help(sys.stdout)
    return Exit.OK


def _add_nothing(_parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


COMMANDS: Final = {
    "man": Implementation(MAN, _add_nothing, _print_page, ("man | man -l -",)),
    "help": Implementation(HELP, _add_help_arguments, _print_help, ("help costs",)),
}
