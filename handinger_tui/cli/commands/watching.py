"""Turns to watch: of a running worker (`attach ID`), of a stored session (`replay ID`).

With the screen, see `cli.main`; without it, they are printed as headless runs are.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.args import (
    add_connection_options,
    add_format_options,
    add_limit_options,
    add_output_options,
    add_screen_options,
    add_session_argument,
    add_worker_argument,
    parse_number,
)
from handinger_tui.cli.commands import Implementation

if TYPE_CHECKING:
    import argparse


# -- attach ------------------------------------------------------------------------------------
ATTACH: Final = "Watch a running worker (free, read-only)."


def _add_attach_arguments(parser: argparse.ArgumentParser) -> None:
    add_worker_argument(parser)
    parser.add_argument(
        "-p",
        "--print",
        action="store_const",
        const="",
        dest="headless",
        help="headless: print the answer to stdout",
    )
    parser.set_defaults(detach=False, dry_run=False, no_history=False)
    add_limit_options(parser, "warn and exit 5 once the worker has cost this much (it keeps running)")
    add_output_options(parser)
    add_connection_options(parser)
    add_screen_options(parser)


def attach(args: argparse.Namespace) -> int:
    """Watch the worker without a screen, and print the result."""
    # For the screen this module is imported before the early prompt.
    from handinger_tui.cli.headless import run_attach  # httpx, 250 ms

    return run_attach(args)


# -- replay ------------------------------------------------------------------------------------
REPLAY: Final = (
    "Play a session again as it came: on the screen, or as text in a pipe."
    " Nothing is sent or stored (no key or network needed)."
)


def _add_replay_arguments(parser: argparse.ArgumentParser) -> None:
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
    headless = None if sys.stdout.isatty() else ""
    parser.set_defaults(headless=headless, output=None, detach=False, dry_run=False)


def _parse_speed(text: str) -> float:
    return 0.0 if text == "max" else parse_number(text, "it must be a number from 0, or max")


def replay(args: argparse.Namespace) -> int:
    """Print the turns as headless runs do, and return the exit code.

    Raises:
        SettingsError: no session, or more than one, matches the id.
        LedgerError
    """
    # For the screen this module is imported before the early prompt.
    from handinger_tui.cli.headless import print_replay  # httpx, 250 ms

    return print_replay(args)


COMMANDS: Final = {
    "attach": Implementation(ATTACH, _add_attach_arguments, attach, ("attach wrk_1 -o report.md",)),
    "replay": Implementation(REPLAY, _add_replay_arguments, replay, ("replay 01KB",)),
}
