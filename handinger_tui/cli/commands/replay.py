"""`handinger-tui replay ID`: plays a stored session again, on the screen or as headless runs print it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.options import (
    add_format_options,
    add_screen_options,
    add_session_argument,
    parse_number,
)

if TYPE_CHECKING:
    import argparse

DESCRIPTION: Final = (
    "Play a session again as it came: on the screen, in a pipe as text."
    " It needs neither key nor network; nothing is sent or stored."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_session_argument(parser)
    parser.add_argument(
        "--speed",
        type=_parse_speed,
        metavar="N",
        help="N times as fast; 0 or max: as fast as possible; 1: with all its pauses"
        " (default: as it came, with pauses of at most 3 seconds)",
    )
    add_format_options(parser.add_argument_group("headless output"))
    add_screen_options(parser)
    # In a pipe there is no screen.
    parser.set_defaults(headless=None if sys.stdout.isatty() else "", output=None)


def _parse_speed(text: str) -> float:
    return 0.0 if text == "max" else parse_number(text, "it must be a number from 0, or max")


def run(args: argparse.Namespace) -> int:
    """Print the turns as headless runs do, and return the exit code.

    Raises:
        SettingsError: no session, or more than one, matches the id.
        LedgerError
    """
    # For the screen this module is imported before the early prompt.
    from handinger_tui.cli.headless import print_replay  # httpx, 250 ms

    return print_replay(args)
