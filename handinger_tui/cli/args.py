"""The command line. This module imports nothing heavy: --help and the early prompt wait for it."""

from __future__ import annotations

import argparse
import math
import os
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

from handinger_tui import __version__
from handinger_tui.cli import signals
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal


# -- options that several commands share -------------------------------------------------------
FORMATS: Final = ("text", "json", "stream-json")
BUDGETS: Final = ("low", "standard", "high", "unlimited")
USAGE: Final = 2
MIN_SECONDS: Final = 1e-9
SERVICE: Final = "service"
"""The title of the options that choose the service."""
NOTHING_SENT: Final = "Nothing was sent."


class UsageExit(SystemExit):
    """The command line is not valid. `hint`: what to type instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(USAGE)
        self.message = message
        self.hint = hint


class _Noted(argparse.Action):
    """Adds each value of an option to those that the parser was given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        super().__call__(parser, namespace, values, option_string)
        if option_string is not None:
            parser.given.setdefault(self.dest, {})[getattr(namespace, self.dest)] = option_string


class _StoreNoted(_Noted, argparse._StoreAction):
    pass


class _StoreConstNoted(_Noted, argparse._StoreConstAction):
    pass


class _StoreTrueNoted(_Noted, argparse._StoreTrueAction):
    pass


class _StoreFalseNoted(_Noted, argparse._StoreFalseAction):
    pass


class _Help(argparse.HelpFormatter):
    """Fills paragraphs; a text of several lines stays as it is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """An argparse parser with our exit code, and a short hint instead of the whole usage.

    Abbreviated options are rejected: a new option could make them ambiguous and break scripts. So are two
    values for one option, of which the first would be lost, and empty values.
    """

    consequence = ""
    """A sentence that follows each error."""
    takes_empty = False
    """Whether an option or argument may be empty."""

    def __init__(self, *, given: dict[str, dict[Any, str]] | None = None, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": _Help, **settings})
        self.register("action", None, _StoreNoted)
        self.register("action", "store_const", _StoreConstNoted)
        self.register("action", "store_true", _StoreTrueNoted)
        self.register("action", "store_false", _StoreFalseNoted)
        self.given: dict[str, dict[Any, str]] = {} if given is None else given
        """The values of each option in their order, and how it was spelled. A parser parses once."""

    def add_subparsers(self, **settings: Any) -> Any:
        """Add parsers of actions, before and after which an option may stand, but not both."""
        return super().add_subparsers(**{**settings, "parser_class": partial(Parser, given=self.given)})

    def parse_known_args(  # type: ignore[override]  # argparse has overloads for other namespaces
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, also where options stand between an id and what follows it: `files get ID --dir X NAME`.

        Before Python 3.13, argparse ends an optional or repeated argument at the first option.
        """
        parsed, extras = super().parse_known_args(args, namespace)
        positionals = self._get_positional_actions()
        if not extras or not positionals or any(word.startswith("-") for word in extras):
            return parsed, extras
        last = positionals[-1]
        if last.nargs == "*":
            setattr(parsed, last.dest, [*getattr(parsed, last.dest), *extras])
        elif last.nargs == "?" and getattr(parsed, last.dest) is None and len(extras) == 1:
            setattr(parsed, last.dest, extras[0])
        else:
            return parsed, extras
        return parsed, []

    def parse_args(  # type: ignore[override]  # as above
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse, and refuse what is left over, or would be lost."""
        parsed, extras = self.parse_known_args(args, namespace)
        if extras:
            option = next((word for word in extras if word.startswith("-")), None)
            hint = "A text of several words needs quotes." if option is None else self._nearest_option(option)
            self.error(f"unrecognized arguments: {' '.join(extras)}", hint)
        for options in self.given.values():
            if len(options) > 1:
                names = " and ".join(dict.fromkeys(options.values()))
                self.error(f"two different values for {names}", "Use the option once.")
        return parsed

    def _nearest_option(self, typed: str) -> str:
        """What a misspelled option may have been; "" for nothing similar."""
        from handinger_tui.core.errors import did_you_mean  # for errors only

        # Without the dashes, which are the same in all.
        names = [name[2:] for one in walk(self) for name in one.option_strings if name.startswith("--")]
        name = typed.partition("=")[0].strip("-")
        # Another action has it.
        return f"Omit --{name}." if name in names else did_you_mean(name, names, form="--{}")

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Refuse an empty value, as from a variable that is not set, and convert the others.

        The message would go to the last session, or without its text; a limit would not be set.
        """
        # The words behind those of a subcommand are parsed by a parser of its own.
        has_parser = isinstance(action, argparse._SubParsersAction)
        if not (has_parser or self.takes_empty or all(word.strip() for word in arg_strings)):
            names = "/".join(action.option_strings) or action.metavar or action.dest
            self.error(f"the value of {names} is empty")
        return super()._get_values(action, arg_strings)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is none of the choices, with the nearest one."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as problem:
            from handinger_tui.core.errors import did_you_mean  # for errors only

            if not (hint := did_you_mean(str(value), map(str, action.choices or ()))):
                raise
            self.error(str(problem), hint)

    def error(self, message: str, hint: str = "") -> NoReturn:
        """Raise UsageExit, which is reported as all errors are."""
        # argparse quotes the typed text, which may hold unprintable characters.
        message = message.encode("utf-8", "replace").decode()
        printable = "".join(char if char.isprintable() else "?" for char in message)
        if self.consequence:
            printable = f"{printable.removesuffix('.')}. {self.consequence}"
        raise UsageExit(printable, hint or f"Try: {self.prog} --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print the help or the version. argparse itself ignores a full disk.

        Raises:
            OSError
        """
        out = file or sys.stderr
        out.write(message)
        out.flush()


def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments of a parser, with those of its actions. argparse has no public list of them."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from walk(inner)


def spelled(option: argparse.Action) -> str:
    """An option as it is typed: `-w, --worker ID`."""
    words = ", ".join(option.option_strings)
    if option.nargs == 0:
        return words
    value = str(
        option.metavar or "|".join(str(choice) for choice in option.choices or ()) or option.dest.upper()
    )
    return f"{words} [{value}]" if option.nargs == "?" else f"{words} {value}"


def add_json_option(parser: argparse._ActionsContainer, words: str = "JSON on stdout") -> None:
    """Add `--json` of a command that prints one JSON document."""
    parser.add_argument("--json", action="store_true", help=words)


def add_worker_argument(parser: argparse.ArgumentParser) -> None:
    """Add the id of the worker that the command is about."""
    parser.add_argument("worker", metavar="ID", help="id or dashboard address of the worker or task")


def add_session_argument(parser: argparse.ArgumentParser) -> None:
    """Add the id of the stored session that the command is about."""
    parser.add_argument("id", metavar="ID", help="a session or worker (a unique prefix is enough)")


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the service."""
    group = parser.add_argument_group(SERVICE)
    group.add_argument("--base-url", metavar="URL", help="base URL of the service (or HANDINGER_BASE_URL)")
    group.add_argument(
        "--generation", choices=("workers", "tasks"), help="API generation: workers (default) or tasks"
    )
    group.add_argument("--profile", metavar="NAME", help="profile in the config file")
    group.add_argument("--local", action="store_true", help="use the local worker (no key, no cost)")
    group.add_argument(
        "--trust-host", action="store_true", help="let the API key go to this host, and remember that"
    )
    group.add_argument("-v", "--verbose", action="store_true", help="name each request on stderr")
    group.add_argument("--debug", metavar="FILE", help="add each request to FILE, without content and keys")


def add_output_options(parser: argparse.ArgumentParser, *, has_answer: bool = True) -> None:
    """Add the options of a run that prints the result of a turn; `has_answer`: it waits for the answer."""
    group = parser.add_argument_group("headless output")
    add_format_options(group)
    if has_answer:
        group.add_argument("-o", "--output", metavar="FILE", help="also save the answer to FILE, a new one")
        group.add_argument("--force", action="store_true", help="overwrite FILE")
    group.add_argument("-q", "--quiet", action="store_true", help="no receipt and no ids on stderr")
    group.add_argument(
        "--timeout", type=_parse_seconds, metavar="SECONDS", help="stop watching after SECONDS"
    )


def add_format_options(group: argparse._ActionsContainer) -> None:
    """Add the options that choose how turns are printed."""
    group.add_argument("--output-format", choices=FORMATS, metavar="FORMAT", help="text, json or stream-json")
    group.add_argument(
        "--json",
        dest="output_format",
        action="store_const",
        const="json",
        help="same as --output-format json",
    )
    group.add_argument("--raw", action="store_true", help="keep control characters (never on a terminal)")


def add_limit_options(parser: argparse._ActionsContainer, reached: str) -> None:
    """Add spending limits; `reached` is the help: what happens when one is reached."""
    parser.add_argument("--max-cost", type=_parse_amount, metavar="USD", help=reached)
    parser.add_argument("--max-credits", type=_parse_amount, metavar="N", help="the same, in credits")


def add_message_options(group: argparse._ActionsContainer) -> None:
    """Add what goes with a message."""
    group.add_argument("-b", "--budget", choices=BUDGETS, help="budget of the turn")
    group.add_argument(
        "-f",
        "--file",
        action="append",
        default=[],
        metavar="PATH",
        help="attach a file (repeatable); - attaches standard input",
    )
    add_limit_options(group, "stop sending once the session has cost this much")
    group.add_argument(
        "--allow-unmeasured", action="store_true", help="send even if a limit cannot be enforced"
    )
    group.add_argument(
        "--allow-unshared", action="store_true", help="send even if shared limits cannot be checked"
    )


def add_screen_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("screen")
    group.add_argument(
        "--plain",
        "--screen-reader",
        action="store_true",
        default=None,
        help="talk in lines, for screen readers (or ACCESSIBLE)",
    )
    group.add_argument("--no-plain", dest="plain", action="store_false", help="use the screen all the same")
    group.add_argument("--no-color", action="store_true", help="no colors (or NO_COLOR)")
    group.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    group.add_argument(
        "--print-on-exit",
        choices=("answer", "transcript", "nothing"),
        metavar="WHAT",
        help="what to leave in the terminal: answer (the last one), transcript or nothing (default)",
    )


def _parse_amount(text: str) -> Decimal:
    from handinger_tui.settings.table import amount_in  # the core, 45 ms, not for --help

    try:
        return amount_in(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _parse_seconds(text: str) -> float:
    return parse_number(text, "it must be a number of seconds above 0", least=MIN_SECONDS)


def parse_number(text: str, rule: str, least: float = 0.0) -> float:
    """A finite number from `least` on.

    Raises:
        ArgumentTypeError: with `rule` as its text; for a ValueError argparse would print a function name.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value < math.inf:
        raise argparse.ArgumentTypeError(rule)
    return value


def parse_integer(text: str, rule: str, least: int, most: int) -> int:
    """A whole number of at most nine digits. Raises ArgumentTypeError with `rule` as its text."""
    if text.isascii() and text.isdecimal() and len(text) <= 9 and least <= int(text) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(rule)


# -- prompts that look like commands -----------------------------------------------------------
_ACTIONS: Final = {
    **{command.name: command.actions for command in SUBCOMMANDS.values()},
}
_APP_COMMANDS: Final = (
    "archive", "attach", "budget", "budgets", "clear", "config", "continue", "copy", "cost", "costs", "data",
    "detach", "details", "doctor", "download", "edit", "editor", "email", "exit", "export", "file", "files",
    "find", "fork", "help", "history", "keys", "ledger", "limit", "limits", "new", "pager", "palette",
    "panels", "preview", "project", "quit", "reading", "receipt", "redraw", "rename",
    "resume", "retry", "runs", "schedule", "schedules", "search", "sessions", "settings", "sources",
    "spending", "stats", "tag", "theme", "untag", "usage", "webhook",
)  # fmt: skip
"""Commands of the app."""
_ADVICE: Final = {
    **{name: f"In the app, use /{name}." for name in _APP_COMMANDS},
    "logout": "Did you mean `handinger-tui key rm`?",
    "pin": "In the app, F4 in the list of sessions pins one.",
    "profile": "Did you mean `handinger-tui --profile NAME`?",
    **dict.fromkeys(("usage", "version"), "Did you mean `handinger-tui --help`?"),
    **{
        word: f"Did you mean `handinger-tui {command}`?"
        for command, words in (
            ("files", ("file", "download", "get")),
            ("sessions", ("history", "list", "rename", "rm", "search", "show", "tag", "untag")),
        )
        for word in words
    },
    **{name: f"Did you mean `handinger-tui {name}`?" for name in SUBCOMMANDS},
}
"""Advice for each word that is a command, of the shell or of the app."""
COMMAND_WORDS: Final = frozenset(_ADVICE)


def suggestion(words: Sequence[str]) -> str | None:
    """Return advice if `words` look like a command; None if they are an ordinary prompt.

    A single word may contain spaces if the prompt was quoted. Then it is only taken for a command if an
    action of that command follows ("session list").
    """
    is_quoted = len(words) == 1
    pieces = words[0].split() if is_quoted else list(words)
    if not pieces:
        return None
    name = nearest(pieces[0])
    if name is None:
        return None
    if is_quoted and len(pieces) > 1:
        actions = _ACTIONS.get(name, ())
        if len(pieces) > 3 or not any(is_near(_normalize(pieces[1]), action) for action in actions):
            return None
    # A subcommand as the first word would have been accepted: this one follows options.
    order_hint = " Options go after the command." if pieces[0] in SUBCOMMANDS and len(pieces) == 1 else ""
    return _ADVICE[name] + order_hint


def nearest(word: str) -> str | None:
    """Return the command that `word` equals or resembles, ignoring case and punctuation, or None."""
    plain = _normalize(word)
    if plain in COMMAND_WORDS:
        return plain
    near = [name for name in COMMAND_WORDS if is_near(plain, name)]
    # The fewest typing errors win; then subcommands of the shell, which are more likely.
    return min(near, key=lambda name: (distance(plain, name), name not in SUBCOMMANDS, name), default=None)


def is_near(word: str, name: str) -> bool:
    """Return whether `word` is a misspelling or an abbreviation of `name`.

    A name of three letters has no misspellings: they could be other words. Two typing errors are accepted in
    a name of six letters or more whose first letter is correct.
    """
    if word == name:
        return True
    if len(name) < 4 or not word:
        return False
    if len(word) >= 4 and name.startswith(word):
        return True
    errors = distance(word, name)
    return errors == 1 or (errors == 2 and len(name) >= 6 and word[0] == name[0])


def distance(word: str, name: str) -> int:
    """Return the edit distance: insertions, deletions, replacements and swaps of neighbors.

    It returns 3 at once if the lengths differ by more than 2.
    """
    if abs(len(word) - len(name)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(name) + 1))
    for at, letter in enumerate(word, 1):
        before, last, row = row, before, [at]
        for to, wanted in enumerate(name, 1):
            errors = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != wanted))
            if at > 1 and to > 1 and letter == name[to - 2] and word[at - 2] == wanted:
                errors = min(errors, last[to - 2] + 1)
            row.append(errors)
    return row[-1]


def _normalize(word: str) -> str:
    """Return only letters and digits, in lower case: `Costs.`, `/costs` and `log-in` give costs and login."""
    return "".join(char for char in word.casefold() if char.isalnum())


# -- parsers -----------------------------------------------------------------------------------
PROGRAM: Final = "handinger-tui"
_COMMAND_LINES: Final = "\n".join(
    f"  {f'{command.name} {command.takes}'.strip():<17} {command.summary}" for command in SUBCOMMANDS.values()
)
EXAMPLES: Final = (
    "",
    "--local",
    '-p "Summarize this table" -f sales.csv',
    '-p "Compare three heat pumps" --max-cost 0.50 --json',
    "-c",
)
"""Of the program without a subcommand."""
EXIT_CODES: Final = """exit codes:
  0 completed              1 failed                 2 usage or settings
  3 rejected               4 key rejected           5 cost limit or payment
  6 rate limited           7 not sent: safe to send again
  8 delivery unknown       9 still running         10 local input or output
 11 incomplete           130 interrupt            131 quit      143 terminated"""
EPILOG: Final = f"""commands:
{_COMMAND_LINES}

Run `handinger-tui COMMAND --help` for details.
To send one of these words as a prompt, put it after --.

{EXIT_CODES}"""


def main_parser() -> Parser:
    """Return the parser of `handinger-tui [PROMPT] …`."""
    parser = Parser(
        prog="handinger-tui",
        description="Talk to Handinger workers in the terminal and see what they cost as they work.",
        epilog=f"{_examples_text(EXAMPLES)}\n\n{EPILOG}",
    )
    parser.consequence = NOTHING_SENT
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="message to send right away")
    parser.add_argument("--version", action="version", version=f"handinger-tui {__version__}")
    session = parser.add_argument_group("session")
    session.add_argument(
        "-w", "--worker", metavar="ID", help="continue with this worker, or start a task of it"
    )
    session.add_argument("--task", metavar="ID", help="continue this task (tasks generation)")
    session.add_argument(
        "-c", "--continue", dest="last", action="store_true", help="continue the last session"
    )
    session.add_argument(
        "-r", "--resume", nargs="?", const="", metavar="ID", help="resume a session (without ID: choose one)"
    )
    turn = parser.add_argument_group("turn")
    add_message_options(turn)
    turn.add_argument("--detach", action="store_true", help="send, print the ids and exit")
    turn.add_argument("--dry-run", action="store_true", help="show the request and its typical cost only")
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


def implementation(name: str) -> Implementation:
    """Import what a subcommand does."""
    module = import_module(f"handinger_tui.cli.commands.{SUBCOMMANDS[name].module or name}")
    commands: Mapping[str, Implementation] = module.COMMANDS
    return commands[name]


def command_parser(name: str) -> Parser:
    """Return the parser of a subcommand."""
    command = implementation(name)
    parser = Parser(
        prog=f"{PROGRAM} {name}",
        description=command.description,
        epilog=_examples_text(command.examples),
    )
    if name == "send":
        parser.consequence = NOTHING_SENT
    command.add_arguments(parser)
    for action in parser._actions:
        inner = action.choices if isinstance(action, argparse._SubParsersAction) else {}
        for word, page in inner.items():
            page.epilog = _examples_text([one for one in command.examples if one.split()[1:2] == [word]])
    return parser


def _examples_text(examples: Sequence[str]) -> str:
    return "\n".join(
        [f"example{'s' if len(examples) > 1 else ''}:", *(f"  {PROGRAM} {one}" for one in examples)]
    )


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse the command line; `command` is the subcommand, "" for a turn or the app."""
    if argv[:2] == ["completion", "--words"]:
        return argparse.Namespace(command="completion", shell=None, words=argv[2:])
    if argv and argv[0] in SUBCOMMANDS:
        parser = command_parser(argv[0])
        args = parser.parse_args(argv[1:])
        _check_common_options(parser, args)
        refuse_lost(parser, args, implementation(argv[0]).takes or {})
        args.command = argv[0]
        return args
    parser = main_parser()
    _refuse_commands(parser, argv[:2])
    args = parser.parse_args(argv)
    args.command = ""
    args.prompt, args.headless = (_text_of(parser, typed) for typed in (args.prompt, args.headless))
    literal = argv[argv.index("--") + 1 :] if "--" in argv else []
    if args.headless == STANDARD_STREAM or (args.prompt == STANDARD_STREAM and not literal):
        # Standard input is always read by a run without a screen.
        args.headless, args.prompt = "", args.prompt if args.headless else None
    if args.headless:
        _refuse_key(parser, [args.headless])
    elif args.prompt and args.prompt not in literal:
        _refuse_commands(parser, [args.prompt])
    _check_conflicts(parser, args)
    return args


def typed_prompt(argv: list[str]) -> str | None:
    """Return the prompt on a command line that is not valid: all words that are no option; None for none.

    An API key that was typed as a prompt is not returned.
    """
    if argv and argv[0] in SUBCOMMANDS:
        return None
    parser = main_parser()
    parser.takes_empty = True
    for action in parser._actions:
        if action.option_strings and action.nargs is None:
            action.nargs = "?"
        action.choices = action.type = None
    try:
        args, extras = parser.parse_known_args(argv)
    except SystemExit:
        return None
    words = [*parser.given.get("headless", ()), args.prompt, *extras]
    text = " ".join(word for word in words if word and not word.startswith("-"))
    return None if KEY_PREFIX in text else text or None


def shows_screen(args: argparse.Namespace) -> bool:
    """Return whether the command line asks for the screen: a turn or a worker to watch, without output."""
    if args.command and not SUBCOMMANDS[args.command].has_screen:
        return False
    is_headless = args.headless is not None or args.output_format is not None or bool(args.output)
    return not (is_headless or args.detach or args.dry_run)


def run_command(args: argparse.Namespace) -> int:
    """Run a subcommand that does not show the screen, and return the exit code."""
    command = implementation(args.command)
    if not SUBCOMMANDS[args.command].watches_turn:
        # The modules of the command are imported: from here on Python's own signal handling suffices.
        signals.release()
    return command.run(args)


def _refuse_commands(parser: Parser, words: list[str]) -> None:
    """Exit with an error if the words are, or resemble, a command: sent as a prompt they would cost money."""
    if any(word.startswith("-") for word in words):
        return
    _refuse_key(parser, words)
    advice = suggestion(words)
    if advice is not None:
        typed = " ".join(words)
        send = f'handinger-tui -- "{typed}"' if " " in typed else f"handinger-tui -- {typed}"
        parser.error(f"{typed!r} looks like a command", f"{advice} To send it as a message: {send}")


def _refuse_key(parser: Parser, words: list[str]) -> None:
    if any(word.strip().startswith(KEY_PREFIX) for word in words):
        parser.error("this looks like an API key", "Run handinger-tui login, or set HANDINGER_API_KEY.")


KEY_PREFIX: Final = "hdg_"
"""How API keys begin: as a prompt, a key would go to a worker, and into the history."""
STANDARD_STREAM: Final = "-"
"""What is typed for standard input or output in place of a text or a file."""


def _text_of(parser: Parser, typed: str | None) -> str | None:
    """Return a prompt whose bytes Python could not decode, as in the locale C, as the UTF-8 text that it is.

    Exit with an error if it is none: its letters would be lost on the way.
    """
    try:
        (typed or "").encode()
    except UnicodeEncodeError:
        with suppress(UnicodeError):
            return os.fsencode(typed or "").decode()
        parser.error("the prompt is not UTF-8 text", "Attach it as a file: -f FILE")
    return typed


def _check_conflicts(parser: Parser, args: argparse.Namespace) -> None:
    flags = {"-w": args.worker, "--task": args.task, "-c": args.last, "-r": args.resume is not None}
    session_flags = [flag for flag, is_given in flags.items() if is_given]
    if len(session_flags) > 1:
        parser.error(f"{' and '.join(session_flags)} select different sessions; use only one")
    if args.no_history and (args.last or args.resume is not None):
        parser.error("--no-history cannot continue a session; use -w ID")
    if args.headless is not None and args.headless and args.prompt:
        parser.error("two prompts given; put the prompt in quotes")
    if STANDARD_STREAM in args.file and shows_screen(args):
        parser.error("-f - needs a run without a screen", 'Use: handinger-tui -p "…" -f -')
    if args.detach and args.output:
        parser.error("--detach does not wait for the answer, so -o cannot save it")
    if args.detach and args.local:
        parser.error("--detach cannot be used with --local: the local worker ends with this program")
    _check_common_options(parser, args)


def _check_common_options(parser: Parser, args: argparse.Namespace) -> None:
    if getattr(args, "raw", False) and sys.stdout.isatty():
        parser.error("--raw cannot be used when stdout is a terminal")
    if getattr(args, "local", False) and getattr(args, "base_url", None):
        parser.error("--local and --base-url name different services; use only one")
    if getattr(args, "output", None) == STANDARD_STREAM:
        _print_only(parser, args)


def refuse_lost(parser: Parser, args: argparse.Namespace, takes: Mapping[str, str]) -> None:
    """Exit with an error for an argument that has no effect beside another one (`Implementation.takes`)."""
    service = next((one._group_actions for one in parser._action_groups if one.title == SERVICE), ())
    given = [
        one.option_strings[-1] if one.option_strings else str(one.metavar or one.dest.upper())
        for one in parser._actions
        if (one.option_strings or one.nargs in ("?", "*"))
        and one.dest != "action"
        and one not in service
        and getattr(args, one.dest, one.default) not in (one.default, None, [])
    ]
    action = getattr(args, "action", None) or ""
    for name in [one for one in (*given, action) if one and one in takes] or [""]:
        left = takes.get(name, " ".join(given)).split()
        lost = next((one for one in given if one not in (name, *left)), None)
        if lost is not None:
            command = "" if name.startswith("-") else f"{parser.prog.split()[-1]} "
            owners = " or ".join(owner for owner, words in takes.items() if lost in words.split())
            problem = f"{command}{name} takes no {lost}" if name else f"{lost} needs {owners}"
            parser.error(problem, f"Omit {lost}.")


def _print_only(parser: Parser, args: argparse.Namespace) -> None:
    """Let `-o -` mean standard output, where the answer goes without -o, too."""
    output_format = getattr(args, "output_format", None) or "text"
    if output_format != "text":
        parser.error("-o - and JSON output would both print to stdout", "Omit -o -: the JSON has the answer.")
    args.output, args.output_format = None, output_format
