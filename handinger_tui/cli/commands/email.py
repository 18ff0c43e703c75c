"""`handinger-tui email`: the address of a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handinger_tui.api.generations import worker_id_in
from handinger_tui.cli.args import add_connection_options, add_json_option, add_worker_argument
from handinger_tui.cli.commands import Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.output import put_result
from handinger_tui.cli.wiring import Services, run_with_services
from handinger_tui.core.documents import Document
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    import argparse

EMAIL: Final = "Show the worker's email address."


class Address(Document, frozen=True, tag="handinger-tui/email/1"):
    """What `email` prints."""

    worker_id: str
    email: str


def _add_email_arguments(parser: argparse.ArgumentParser) -> None:
    add_worker_argument(parser)
    add_json_option(parser)
    add_connection_options(parser)


def show_email(args: argparse.Namespace) -> int:
    """Print the address that e-mail to the worker goes to."""

    async def print_address(services: Services) -> int:
        worker_id = worker_id_in(args.worker)
        address = clean_line(await services.client.email(worker_id))
        put_result(args, Address(worker_id=worker_id, email=address), address)
        return Exit.OK

    return run_with_services(args, print_address)


EXAMPLES: Final = ("email wrk_1",)
COMMANDS: Final = {"email": Implementation(EMAIL, _add_email_arguments, show_email, EXAMPLES)}
