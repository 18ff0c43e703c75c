"""`handinger-tui acp`: workers as an agent in an editor, over standard input and output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.args import BUDGETS, add_connection_options, add_limit_options
from handinger_tui.cli.commands import Implementation

if TYPE_CHECKING:
    import argparse

    from handinger_tui.cli.agent_desk import Desk

DESCRIPTION: Final = (
    "Talk to workers in an editor (Agent Client Protocol over standard input and output). Each prompt sends"
    " one message, which costs money; all limits of this history apply."
)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-b", "--budget", choices=BUDGETS, help="budget of the first messages")
    add_limit_options(parser, "send nothing more once this much was spent today")
    parser.add_argument("--dir", metavar="FOLDER", help="save files of answers there (default: only links)")
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until standard input ends. Raises HandingerError."""
    from handinger_tui.cli.agent_desk import serve

    return serve(args, "acp", _answer)


async def _answer(desk: Desk) -> None:
    from handinger_tui.cli.acp_agent import EditorAgent
    from handinger_tui.cli.acp_lines import Lines
    from handinger_tui.plain.terminal import Output

    out = Output(sys.stdout)
    try:
        await EditorAgent(desk, out).run(Lines(sys.stdin.fileno(), out))
    finally:
        out.close()


EXAMPLES: Final = ("acp", "acp --max-cost 5")
COMMANDS: Final = {"acp": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES)}
