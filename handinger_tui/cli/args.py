"""The command line. This module imports nothing heavy: it is read before the early prompt and for --help."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from handinger_tui import __version__
from handinger_tui.cli import signals
from handinger_tui.cli.command_words import suggestion
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.options import (
    BUDGETS,
    Parser,
    add_connection_options,
    add_limit_options,
    add_output_options,
    add_screen_options,
)

if TYPE_CHECKING:
    from types import ModuleType

_COMMAND_LINES: Final = "\n".join(
    f"  {f'{command.name} {command.takes}'.strip():<19} {command.help}" for command in SUBCOMMANDS.values()
)
EPILOG: Final = f"""commands:
{_COMMAND_LINES}

Run `handinger-tui COMMAND --help` for details.
To send one of these words as a prompt, put it after --.

exit codes: 0 completed · 1 failed · 2 usage or settings · 3 rejected · 4 key rejected ·
5 cost limit or payment · 6 rate limited · 7 not sent (safe to send again) · 8 delivery unknown ·
9 still running · 10 local input/output · 11 incomplete · 130 interrupt · 143 terminated"""


def main_parser() -> Parser:
    """Return the parser of `handinger-tui [PROMPT] …`."""
    parser = Parser(
        prog="handinger-tui",
        description="Talk to Handinger workers in the terminal and see what they cost as they work.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="message to send right away")
    parser.add_argument("--version", action="version", version=f"handinger-tui {__version__}")
    session = parser.add_argument_group("session")
    session.add_argument("-w", "--worker", metavar="ID", help="continue with this worker")
    session.add_argument(
        "-c", "--continue", dest="last", action="store_true", help="continue the last session"
    )
    session.add_argument(
        "-r", "--resume", nargs="?", const="", metavar="ID", help="resume a session (without ID: choose one)"
    )
    turn = parser.add_argument_group("turn")
    turn.add_argument("-b", "--budget", choices=BUDGETS, help="budget of the turn")
    turn.add_argument(
        "-f", "--file", action="append", default=[], metavar="PATH", help="attach a file (repeatable)"
    )
    turn.add_argument("--detach", action="store_true", help="send, print the ids and exit")
    turn.add_argument("--dry-run", action="store_true", help="show the request and its typical cost only")
    add_limit_options(turn, "stop sending once the session has cost this much")
    turn.add_argument(
        "--allow-unmeasured", action="store_true", help="send even if a limit cannot be enforced"
    )
    turn.add_argument("--no-history", action="store_true", help="keep no record; limits count this run only")
    turn.add_argument(
        "-p",
        "--print",
        nargs="?",
        const="",
        metavar="PROMPT",
        dest="headless",
        help="headless: print the answer to stdout",
    )
    add_output_options(parser)
    add_connection_options(parser)
    add_screen_options(parser)
    return parser


def command_module(name: str) -> ModuleType:
    """Import the module of a subcommand; what it defines is described in `cli.commands`."""
    return import_module(f"handinger_tui.cli.commands.{name}")


def command_parser(name: str) -> Parser:
    """Return the parser of a subcommand."""
    module = command_module(name)
    parser = Parser(prog=f"handinger-tui {name}", description=module.DESCRIPTION)
    module.add_arguments(parser)
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse the command line; `command` is the subcommand, "" for a turn or the app."""
    if argv and argv[0] in SUBCOMMANDS:
        parser = command_parser(argv[0])
        args = parser.parse_args(argv[1:])
        _check_raw(parser, args)
        args.command = argv[0]
        return args
    parser = main_parser()
    _refuse_commands(parser, argv[:2])
    args = parser.parse_args(argv)
    args.command = ""
    literal = argv[argv.index("--") + 1 :] if "--" in argv else []
    if args.prompt and args.headless is None and args.prompt not in literal:
        _refuse_commands(parser, [args.prompt])
    _check_conflicts(parser, args)
    return args


def shows_screen(args: argparse.Namespace) -> bool:
    """Return whether the command line asks for the screen: a turn or a worker to watch, without output."""
    if args.command and not SUBCOMMANDS[args.command].watches_turn:
        return False
    is_headless = args.headless is not None or args.output_format is not None or bool(args.output)
    return not (is_headless or getattr(args, "detach", False) or getattr(args, "dry_run", False))


def run(args: argparse.Namespace) -> int:
    """Run a command line that does not show the screen, and return the exit code."""
    if not args.command:
        from handinger_tui.cli.headless.turns import run_turn  # noqa: PLC0415 - httpx, 250 ms, not for --help

        return run_turn(args)
    if not SUBCOMMANDS[args.command].watches_turn:
        # The modules of the command are imported: from here on Python's own signal handling suffices.
        signals.release()
    code: int = command_module(args.command).run(args)
    return code


def _refuse_commands(parser: Parser, words: list[str]) -> None:
    """Exit with an error if the words are, or resemble, a command: sent as a prompt they would cost money."""
    if any(word.startswith("-") for word in words):
        return
    advice = suggestion(words)
    if advice is not None:
        typed = " ".join(words)
        send = f'handinger-tui -- "{typed}"' if " " in typed else f"handinger-tui -- {typed}"
        parser.error(
            f"{typed!r} looks like a command. Nothing was sent.",
            f"{advice} To send it as a message: {send}",
        )


def _check_conflicts(parser: Parser, args: argparse.Namespace) -> None:
    session_flags = [
        flag for flag, on in (("-w", args.worker), ("-c", args.last), ("-r", args.resume is not None)) if on
    ]
    if len(session_flags) > 1:
        parser.error(f"{' and '.join(session_flags)} select different sessions; use only one")
    if args.no_history and (args.last or args.resume is not None):
        parser.error("--no-history cannot continue a session; use -w ID")
    if args.headless is not None and args.headless and args.prompt:
        parser.error("two prompts given; put the prompt in quotes")
    if args.output == "":
        parser.error("-o needs a file name")
    _check_raw(parser, args)


def _check_raw(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if getattr(args, "raw", False) and sys.stdout.isatty():
        parser.error("--raw cannot be used when stdout is a terminal")
