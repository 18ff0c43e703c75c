"""The command line parsers. This module imports nothing heavy, so that --help is instant."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from handinger_tui import __version__

if TYPE_CHECKING:
    from decimal import Decimal

FORMATS: Final = ("text", "json", "stream-json")
BUDGETS: Final = ("low", "standard", "high", "unlimited")
SOURCE_FORMATS: Final = ("markdown", "footnotes", "csl", "bibtex")
USAGE: Final = 2

EPILOG: Final = """commands:
  attach ID           watch a worker that may be running: replay, then live
  sessions …          list, show, search, rename, rm: the local history
  costs               what turns took: by day, worker, budget, session, trigger or turn
  sources ID          what a session's answers rest on, as a list or for other programs
  email ID            the worker's inbound e-mail address
  schedules …         list, add, cancel: the worker's schedules
  files …             list, get: the worker's files now
  local               serve the local worker in the foreground
  config …            path, show: settings with their origin
  doctor              checks that explain themselves
(`handinger-tui COMMAND --help` tells more; a prompt that is one of these words goes behind --)

exit codes: 0 completed · 1 failed · 2 usage or settings · 3 rejected · 4 key refused ·
5 cost limit or payment · 6 rate limited · 7 not sent: safe to send again · 8 delivery unknown ·
9 still running · 10 local input/output · 11 incomplete · 130 interrupt · 143 terminated"""


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


def _add_connection_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where")
    group.add_argument("--base-url", metavar="URL", help="address of the service (or HANDINGER_BASE_URL)")
    group.add_argument(
        "--generation",
        choices=("workers", "tasks"),
        help="generation of the API (this version speaks workers only)",
    )
    group.add_argument("--profile", metavar="NAME", help="profile of the configuration file")
    group.add_argument("--local", action="store_true", help="use the local worker: no key, no cost")


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("headless output")
    group.add_argument("--output-format", choices=FORMATS, metavar="FORMAT", help="text, json or stream-json")
    group.add_argument(
        "--json",
        dest="output_format",
        action="store_const",
        const="json",
        help="same as --output-format json",
    )
    group.add_argument("--raw", action="store_true", help="do not clean the text (never to a terminal)")
    group.add_argument("-o", "--output", metavar="FILE", help="also save the answer to FILE")
    group.add_argument(
        "--timeout", type=_parse_seconds, metavar="SECONDS", help="give up watching after this long"
    )


def _add_limit_options(parser: argparse._ActionsContainer, reached: str) -> None:
    parser.add_argument("--max-cost", type=_parse_amount, metavar="USD", help=reached)
    parser.add_argument("--max-credits", type=_parse_amount, metavar="N", help="the same in credits")


def _parse_amount(text: str) -> Decimal:
    from handinger_tui.core.money.limits import amount_of  # noqa: PLC0415 - the core, 15 ms, not for --help

    try:
        return amount_of(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _parse_seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError
    return value


def _parse_port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return number


def _add_screen_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("screen")
    group.add_argument("--no-color", action="store_true", help="no colours (or NO_COLOR)")
    group.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")


def main_parser() -> Parser:
    """Return the parser of `handinger-tui [PROMPT] …`."""
    parser = Parser(
        prog="handinger-tui",
        description="Talk to Handinger workers in the terminal, and see what they cost while they work.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="send this at once")
    parser.add_argument("--version", action="version", version=f"handinger-tui {__version__}")
    session = parser.add_argument_group("session")
    session.add_argument("-w", "--worker", metavar="ID", help="continue a known worker")
    session.add_argument(
        "-c", "--continue", dest="last", action="store_true", help="continue the last session"
    )
    session.add_argument(
        "-r", "--resume", nargs="?", const="", metavar="ID", help="resume a session (picker without ID)"
    )
    turn = parser.add_argument_group("turn")
    turn.add_argument("-b", "--budget", choices=BUDGETS, help="budget of the turn")
    turn.add_argument(
        "-f", "--file", action="append", default=[], metavar="PATH", help="attach a file (repeatable)"
    )
    turn.add_argument("--detach", action="store_true", help="send, print the ids, exit 0")
    turn.add_argument("--dry-run", action="store_true", help="show the request and its usual cost only")
    _add_limit_options(turn, "stop sending once the session has cost this much")
    turn.add_argument(
        "--no-history", action="store_true", help="send without a record of it; limits count this run only"
    )
    turn.add_argument(
        "-p",
        "--print",
        nargs="?",
        const="",
        metavar="PROMPT",
        dest="headless",
        help="headless: answer to stdout",
    )
    _add_output_options(parser)
    _add_connection_options(parser)
    _add_screen_options(parser)
    return parser


def _attach_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="handinger-tui attach", description="Watch a worker that may be running. Free: only reads."
    )
    parser.add_argument("worker", metavar="ID", help="id of the worker")
    parser.add_argument(
        "-p", "--print", action="store_true", dest="headless", help="headless: answer to stdout"
    )
    _add_limit_options(parser, "warn and exit 5 once the worker has cost this much (it keeps running)")
    _add_output_options(parser)
    _add_connection_options(parser)
    _add_screen_options(parser)
    return parser


_SESSION_ARGUMENTS: Final = {
    "id": "a session or worker (a unique beginning is enough)",
    "text": "words to search for, in quotes",
    "title": "the new title, in quotes",
}


def _sessions_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="handinger-tui sessions", description="The local history of sessions.")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", parser_class=Parser, help="what to do (default: list)"
    )
    for name, words, extra in (
        ("list", "newest first (the default)", ()),
        ("show", "one session as text", ("id",)),
        ("search", "sessions whose prompts or answers hold the words", ("text",)),
        ("rename", "give a session a title", ("id", "title")),
        ("rm", "forget a session (nothing is deleted at the service)", ("id",)),
    ):
        action = actions.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        for argument in extra:
            action.add_argument(argument, metavar=argument.upper(), help=_SESSION_ARGUMENTS[argument])
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="JSON on stdout")
    return parser


def _costs_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="handinger-tui costs", description="What turns took. Reads the local history, no network."
    )
    parser.add_argument(
        "--by",
        choices=("day", "worker", "budget", "session", "turn", "trigger"),
        default="day",
        help="what makes a row (default: day)",
    )
    when = "a day (2026-11-25), today, month, or back from now: 7d (whole days), 24h"
    parser.add_argument("--since", metavar="WHEN", help=f"from then on: {when}")
    parser.add_argument("--until", metavar="WHEN", help="up to then; a day or month counts whole")
    parser.add_argument("--worker", metavar="ID", help="one worker (a unique beginning is enough)")
    parser.add_argument("--session", metavar="ID", help="one session (a unique beginning is enough)")
    parser.add_argument("--budget", choices=BUDGETS, help="turns of one budget")
    parser.add_argument("--local", action="store_true", help="the local worker's simulated money only")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON on stdout")
    form.add_argument("--csv", action="store_true", help="CSV on stdout")
    parser.add_argument("--report", metavar="FILE", help="write charts to FILE: .html, .svg or .png")
    parser.add_argument("--force", action="store_true", help="replace FILE when it exists")
    return parser


def _sources_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="handinger-tui sources",
        description="The sources of a session. Reads the local history: no key, no network.",
    )
    parser.add_argument("id", metavar="ID", help="a session or worker (a unique beginning is enough)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON on stdout")
    form.add_argument("--format", choices=SOURCE_FORMATS, help="in this form on stdout")
    return parser


def _local_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="handinger-tui local", description="Serve the local worker until interrupted.")
    parser.add_argument(
        "--port", type=_parse_port, default=0, metavar="N", help="port on 127.0.0.1 (default: any free one)"
    )
    parser.add_argument("--json", action="store_true", help='first line as {"base_url", "api_key"}')
    return parser


def _doctor_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="handinger-tui doctor", description="Checks that explain themselves. Sends nothing that costs."
    )
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    _add_connection_options(parser)
    return parser


def _config_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="handinger-tui config", description="Where settings are, and what they are.")
    parser.add_argument(
        "action",
        nargs="?",
        choices=("path", "show"),
        default="show",
        help="path: where the files are; show: every setting with its origin (the default)",
    )
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    _add_connection_options(parser)
    return parser


def _email_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="handinger-tui email", description="The worker's inbound e-mail address.")
    parser.add_argument("worker", metavar="ID", help="id of the worker")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    _add_connection_options(parser)
    return parser


def _schedules_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="handinger-tui schedules", description="A worker's schedules: runs that start by themselves."
    )
    parser.add_argument(
        "action",
        choices=("list", "add", "cancel"),
        help="list: all of them; add: a new one; cancel: one of them",
    )
    parser.add_argument("worker", metavar="ID", help="id of the worker")
    parser.add_argument(
        "schedule", nargs="?", metavar="SCHEDULE", help="for cancel: its id; for add: the instruction"
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--at", metavar="DATE", help="once, at this ISO 8601 time")
    when.add_argument("--in", dest="delay", type=int, metavar="SECONDS", help="once, after this long")
    when.add_argument("--every", type=int, metavar="SECONDS", help="again and again")
    when.add_argument("--cron", metavar="CRON", help="by a cron expression")
    parser.add_argument("-b", "--budget", choices=BUDGETS, help="budget of each run")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    _add_connection_options(parser)
    return parser


def _files_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="handinger-tui files", description="The worker's files now.")
    parser.add_argument("action", choices=("list", "get"), help="list: show them; get: save them")
    parser.add_argument("worker", metavar="ID", help="id of the worker")
    parser.add_argument("names", nargs="*", metavar="NAME", help="for get: names or numbers from the list")
    parser.add_argument("--all", action="store_true", help="get every file")
    parser.add_argument("--dir", default=".", metavar="FOLDER", help="where to save (default: here)")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    _add_connection_options(parser)
    return parser


SUBCOMMANDS: Final = {
    "attach": _attach_parser,
    "sessions": _sessions_parser,
    "costs": _costs_parser,
    "sources": _sources_parser,
    "email": _email_parser,
    "schedules": _schedules_parser,
    "files": _files_parser,
    "local": _local_parser,
    "config": _config_parser,
    "doctor": _doctor_parser,
}


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse the command line; `command` is the subcommand, "" for a turn or the app."""
    if argv and argv[0] in SUBCOMMANDS:
        parser = SUBCOMMANDS[argv[0]]()
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


def _refuse_commands(parser: Parser, words: list[str]) -> None:
    """Exit with an error if the words are, or resemble, a command: sent as a prompt they would cost money."""
    from handinger_tui.cli.command_words import suggestion  # noqa: PLC0415 - for prompts only

    if any(word.startswith("-") for word in words):
        return
    advice = suggestion(words)
    if advice is not None:
        typed = " ".join(words)
        send = f'handinger-tui -- "{typed}"' if " " in typed else f"handinger-tui -- {typed}"
        parser.error(
            f"{typed!r} looks like a command; nothing was sent.",
            f"{advice} To send it as a message: {send}",
        )


def _check_conflicts(parser: Parser, args: argparse.Namespace) -> None:
    session_flags = [
        flag for flag, on in (("-w", args.worker), ("-c", args.last), ("-r", args.resume is not None)) if on
    ]
    if len(session_flags) > 1:
        parser.error(f"{' and '.join(session_flags)} name different sessions; use one")
    if args.no_history and (args.last or args.resume is not None):
        parser.error("--no-history has no session to continue; name the worker with -w ID")
    if args.headless is not None and args.headless and args.prompt:
        parser.error("two prompts were given; put one in quotes")
    if args.output == "":
        parser.error("-o needs the name of a file")
    _check_raw(parser, args)


def _check_raw(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if getattr(args, "raw", False) and sys.stdout.isatty():
        parser.error("--raw is refused when stdout is a terminal")
