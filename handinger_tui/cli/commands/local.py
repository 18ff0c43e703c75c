"""`handinger-tui local`: serves the local worker in the foreground."""

from __future__ import annotations

import errno
import sys
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.args import add_json_option, parse_integer
from handinger_tui.cli.commands import Implementation
from handinger_tui.cli.output import say
from handinger_tui.core.documents import Document, members
from handinger_tui.core.errors import LocalFileError
from handinger_tui.core.jsontext import dump
from handinger_tui.local.server import serve_foreground

if TYPE_CHECKING:
    import argparse

PORT_ERRORS: Final = (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL)
PACES: Final = {"slow": 3.0, "normal": 1.0, "fast": 0.0}
"""Factors of all pauses."""


class LocalService(Document, frozen=True, tag="handinger-tui/local/1"):
    """The first line of `local --json`: the addresses of both generations, and the key."""

    base_url: str
    tasks_url: str
    api_key: str


DESCRIPTION: Final = "Run the local worker until interrupted."


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=_parse_port, default=0, metavar="N", help="port on 127.0.0.1 (default: any free one)"
    )
    parser.add_argument(
        "--pace",
        choices=tuple(PACES),
        default="normal",
        help="how fast it answers; fast is at once, for tests of other programs (default: normal)",
    )
    add_json_option(parser, 'first line as {"base_url", "tasks_url", "api_key"}')


def _parse_port(text: str) -> int:
    return parse_integer(text, "the port must be a number from 0 to 65535", 0, 65535)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; the first line of stdout has base URL and key."""

    def announce(base_url: str, tasks_url: str, api_key: str) -> None:
        if args.json:
            line = dump(members(LocalService(base_url=base_url, tasks_url=tasks_url, api_key=api_key)))
        else:
            line = f"HANDINGER_BASE_URL={base_url} HANDINGER_API_KEY={api_key}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if not args.json:
            tasks = f"HANDINGER_BASE_URL={tasks_url} HANDINGER_GENERATION=tasks"
            say(
                f"For the tasks generation: {tasks}\n"
                "The local worker listens on this computer only. Ctrl+C stops it and deletes its data."
            )

    try:
        return serve_foreground(args.port, announce, PACES[args.pace], say)
    except OSError as problem:
        if problem.errno not in PORT_ERRORS:
            raise
        reason = "is already in use" if problem.errno == errno.EADDRINUSE else "cannot be used"
        raise LocalFileError(f"Port {args.port} {reason}.", "Choose another port, or omit --port.") from None


EXAMPLES: Final = ("local --pace fast --json",)
COMMANDS: Final = {"local": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES)}
