"""The parser class and the options that several commands share. Imports nothing heavy: see `args`."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from decimal import Decimal

FORMATS: Final = ("text", "json", "stream-json")
BUDGETS: Final = ("low", "standard", "high", "unlimited")
USAGE: Final = 2
MIN_SECONDS: Final = 1e-9


class UsageExit(SystemExit):
    """The command line is not valid; `message` has already been printed."""

    def __init__(self, message: str) -> None:
        super().__init__(USAGE)
        self.message = message


class Parser(argparse.ArgumentParser):
    """An argparse parser with our exit code, and a short hint instead of the whole usage.

    Abbreviated options are rejected: a new option could make them ambiguous and break scripts.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str, hint: str = "") -> NoReturn:
        """Print the error and a hint, and exit with the usage code."""
        # argparse quotes the typed text, which may hold unprintable characters.
        message = message.encode("utf-8", "replace").decode()
        printable = "".join(char if char.isprintable() else "?" for char in message)
        sys.stderr.write(f"handinger-tui: {printable}\n{hint or f'Try: {self.prog} --help'}\n")
        raise UsageExit(printable)


def add_json_option(parser: argparse._ActionsContainer, words: str = "JSON on stdout") -> None:
    """Add `--json` of a command that prints one JSON document."""
    parser.add_argument("--json", action="store_true", help=words)


def add_worker_argument(parser: argparse.ArgumentParser) -> None:
    """Add the id of the worker that the command is about."""
    parser.add_argument("worker", metavar="ID", help="id or dashboard address of the worker or task")


def add_session_argument(parser: argparse.ArgumentParser) -> None:
    """Add the id of the stored session that the command is about."""
    parser.add_argument("id", metavar="ID", help="a session or worker (a unique prefix is enough)")


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the service."""
    group = parser.add_argument_group("where")
    group.add_argument("--base-url", metavar="URL", help="base URL of the service (or HANDINGER_BASE_URL)")
    group.add_argument(
        "--generation",
        choices=("workers", "tasks"),
        help="API generation: workers (default) or tasks",
    )
    group.add_argument("--profile", metavar="NAME", help="profile in the config file")
    group.add_argument("--local", action="store_true", help="use the local worker (no key, no cost)")


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run that prints the result of a turn."""
    group = parser.add_argument_group("headless output")
    add_format_options(group)
    group.add_argument("-o", "--output", metavar="FILE", help="also save the answer to FILE")
    group.add_argument(
        "--timeout", type=_parse_seconds, metavar="SECONDS", help="stop watching after SECONDS"
    )


def add_format_options(group: argparse._ActionsContainer) -> None:
    """Add the options that choose how turns are printed."""
    group.add_argument("--output-format", choices=FORMATS, metavar="FORMAT", help="text, json or stream-json")
    group.add_argument(
        "--json",
        dest="output_format",
        action="store_const",
        const="json",
        help="same as --output-format json",
    )
    group.add_argument("--raw", action="store_true", help="keep control characters (never on a terminal)")


def add_limit_options(parser: argparse._ActionsContainer, reached: str) -> None:
    """Add spending limits; `reached` is the help: what happens when one is reached."""
    parser.add_argument("--max-cost", type=_parse_amount, metavar="USD", help=reached)
    parser.add_argument("--max-credits", type=_parse_amount, metavar="N", help="the same, in credits")


def add_screen_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the screen."""
    group = parser.add_argument_group("screen")
    group.add_argument("--no-color", action="store_true", help="no colors (or NO_COLOR)")
    group.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    group.add_argument(
        "--print-on-exit",
        choices=("answer", "transcript", "nothing"),
        metavar="WHAT",
        help="what to leave in the terminal: answer (the last one), transcript or nothing (default)",
    )


def _parse_amount(text: str) -> Decimal:
    from handinger_tui.core.money.limits import amount_of  # the core, 45 ms, not for --help

    try:
        return amount_of(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _parse_seconds(text: str) -> float:
    return parse_number(text, "it must be a number of seconds above 0", least=MIN_SECONDS)


def parse_number(text: str, rule: str, least: float = 0.0) -> float:
    """A finite number from `least` on. `rule` is printed for others.

    Of a `ValueError`, argparse prints the name of the function.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value < math.inf:
        raise argparse.ArgumentTypeError(rule)
    return value
