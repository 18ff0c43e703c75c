"""The parsers for readers: `man`, `spec --json` and `help COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from handinger_tui import __version__
from handinger_tui.cli.args import (
    EXAMPLES,
    EXIT_CODES,
    PROGRAM,
    add_json_option,
    command_parser,
    implementation,
    main_parser,
    spelled,
)
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.output import put_result
from handinger_tui.core.documents import Document, Part
from handinger_tui.core.errors import SettingsError, did_you_mean
from handinger_tui.core.safety import clean_line

MAN: Final = "Print the manual page, in the form that man reads."
SPEC: Final = "Print all commands, options and exit codes: as the manual page, or as JSON."
HELP: Final = "Show the help of a command."


def roff(text: str) -> str:
    """A text as roff shows it: no backslash, hyphen or quote of it is an instruction."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\\&" + plain if plain.startswith((".", "\\(aq")) else plain


def page(version: str = __version__) -> str:
    """The manual page. `version`: "" for the page that is installed with the program."""
    lines = [
        f'.TH HANDINGER\\-TUI 1 "" "{roff(f"{PROGRAM} {version}".rstrip())}" "User Commands"',
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


# -- the same as JSON ----------------------------------------------------------------------------
class ArgumentSpec(Part, frozen=True):
    """An option, or what is typed without one."""

    names: list[str]
    """Empty for what is typed without an option."""
    value: str | None
    """The name of its value; null for an option without one."""
    choices: list[str]
    help: str


class ActionSpec(Part, frozen=True):
    """An action of a command, such as `key set`."""

    name: str
    summary: str
    arguments: list[ArgumentSpec]
    examples: list[str]


class CommandSpec(Part, frozen=True):
    """A command. Examples of its actions stand there."""

    name: str
    summary: str
    arguments: list[ArgumentSpec]
    actions: list[ActionSpec]
    examples: list[str]


class ProgramSpec(Document, frozen=True, tag="handinger-tui/spec/1"):
    """What `spec` prints: the whole command line."""

    version: str
    arguments: list[ArgumentSpec]
    """Of a run without a command."""
    commands: list[CommandSpec]
    examples: list[str]
    exit_codes: dict[str, int]


def program_spec() -> ProgramSpec:
    """The whole command line, from the parsers."""
    return ProgramSpec(
        version=__version__,
        arguments=_arguments(main_parser()),
        commands=[_spec(name) for name in SUBCOMMANDS],
        examples=[*EXAMPLES],
        exit_codes={code.name.lower(): int(code) for code in Exit},
    )


def _spec(name: str) -> CommandSpec:
    parser, examples = command_parser(name), implementation(name).examples
    pages = {word: page for one in parser._actions for word, page in _pages(one).items()}
    actions = [
        ActionSpec(
            name=word,
            summary=str(page.description),
            arguments=_arguments(page),
            examples=[one for one in examples if one.split()[1:2] == [word]],
        )
        for word, page in pages.items()
    ]
    elsewhere = {one for action in actions for one in action.examples}
    return CommandSpec(
        name=name,
        summary=str(parser.description),
        arguments=_arguments(parser),
        actions=actions,
        examples=[one for one in examples if one not in elsewhere],
    )


def _pages(action: argparse.Action) -> Mapping[str, argparse.ArgumentParser]:
    return action.choices if isinstance(action, argparse._SubParsersAction) else {}


def _arguments(parser: argparse.ArgumentParser) -> list[ArgumentSpec]:
    return [
        ArgumentSpec(
            names=list(action.option_strings),
            value=None if action.nargs == 0 else str(action.metavar or action.dest),
            choices=[str(choice) for choice in action.choices or ()],
            help=str(action.help),
        )
        for action in parser._actions
        if action.help not in (None, argparse.SUPPRESS) and not _pages(action)
    ]


def _print_spec(args: argparse.Namespace) -> int:
    put_result(args, program_spec(), page())
    return Exit.OK


def _print_page(_args: argparse.Namespace) -> int:
    sys.stdout.write(page())
    return Exit.OK


def _add_help_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="COMMAND", help="without a command: of the program")


def _print_help(args: argparse.Namespace) -> int:
    """Print a help page. Raises SettingsError: there is no such command."""
    if args.name is not None and args.name not in SUBCOMMANDS:
        raise SettingsError(
            f"There is no command {clean_line(args.name, 60)!r}.",
            did_you_mean(args.name, SUBCOMMANDS, f"See: {PROGRAM} --help"),
        )
    (main_parser() if args.name is None else command_parser(args.name)).print_help(sys.stdout)
    return Exit.OK


def _add_nothing(_parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


COMMANDS: Final = {
    "man": Implementation(MAN, _add_nothing, _print_page, ("man | man -l -",)),
    "spec": Implementation(SPEC, add_json_option, _print_spec, ("spec --json",)),
    "help": Implementation(HELP, _add_help_arguments, _print_help, ("help costs",)),
}
