"""`handinger-tui attach ID`: watches a worker; without a headless option on the screen, see `cli.main`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handinger_tui.cli.options import (
    add_connection_options,
    add_limit_options,
    add_output_options,
    add_screen_options,
    add_worker_argument,
)

if TYPE_CHECKING:
    import argparse

DESCRIPTION: Final = "Watch a running worker (free, read-only)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_worker_argument(parser)
    parser.add_argument(
        "-p",
        "--print",
        action="store_const",
        const="",
        dest="headless",
        help="headless: print the answer to stdout",
    )
    add_limit_options(parser, "warn and exit 5 once the worker has cost this much (it keeps running)")
    add_output_options(parser)
    add_connection_options(parser)
    add_screen_options(parser)


def run(args: argparse.Namespace) -> int:
    """Watch the worker without a screen, and print the result."""
    # For the screen this module is imported before the early prompt.
    from handinger_tui.cli.headless import run_attach  # httpx, 250 ms

    return run_attach(args)
