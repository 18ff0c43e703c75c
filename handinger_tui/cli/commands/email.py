"""`handinger-tui email ID`: the inbound e-mail address of a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handinger_tui.api.generations import worker_in
from handinger_tui.cli.options import add_connection_options, add_json_option, add_worker_argument
from handinger_tui.cli.output import Exit, put_result
from handinger_tui.cli.wiring import Services, run_with_services
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    import argparse

DESCRIPTION: Final = "Show the worker's email address."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_worker_argument(parser)
    add_json_option(parser)
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the address."""

    async def print_address(services: Services) -> int:
        worker_id = worker_in(args.worker)
        address = clean_line(await services.client.email(worker_id))
        put_result(args, {"worker_id": worker_id, "email": address}, address)
        return Exit.OK

    return run_with_services(args, print_address)
