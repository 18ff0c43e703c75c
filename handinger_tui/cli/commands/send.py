"""`handinger-tui send`: a message into an existing session, behind its running turn if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handinger_tui.cli.args import (
    add_connection_options,
    add_message_options,
    add_output_options,
    add_session_argument,
)
from handinger_tui.cli.commands import Implementation

if TYPE_CHECKING:
    import argparse

DESCRIPTION: Final = (
    "Send a message into an existing session, and print its ids once the worker has it. While the worker"
    " still runs an earlier message, the program that watches it sends this one when that has ended; without"
    " such a program, this command waits and sends it."
)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_session_argument(parser)
    parser.add_argument("prompt", nargs="?", metavar="TEXT", help="the message; standard input is appended")
    add_message_options(parser)
    add_output_options(parser, has_answer=False)
    add_connection_options(parser)
    parser.set_defaults(
        headless="",
        output=None,
        detach=True,
        dry_run=False,
        no_history=False,
        last=False,
        worker=None,
        task=None,
    )


def run(args: argparse.Namespace) -> int:
    """Send the message, or leave it to the program that watches the session.

    Raises:
        HandingerError, KeyboardInterrupt
    """
    from handinger_tui.cli.headless import run_turn  # httpx, 250 ms, not for --help

    args.resume = args.id
    return run_turn(args)


EXAMPLES: Final = ('send 01KB "And the prices of last year?"',)
COMMANDS: Final = {"send": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES)}
