"""Error reports of commands that end without a turn: lines on stderr, a JSON object, and the exit code."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from handinger_tui.cli import signals
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.exit_codes import Exit, exit_of_kind
from handinger_tui.cli.headless.printers import EventPrinter, JsonPrinter
from handinger_tui.cli.options import UsageExit
from handinger_tui.cli.output import say, sentence
from handinger_tui.core.errors import ApiError, HandingerError, LedgerError, LocalFileError
from handinger_tui.core.export.result import result_object
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.safety.cleaning import clean_json
from handinger_tui.core.turns.outcome import fault_object
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Fault, Kind, Turn, TurnRequest, TurnStatus

DESCRIPTOR_ERRORS = (errno.EMFILE, errno.ENFILE)


@dataclass
class RunProgress:
    """The state of a headless run, for the JSON object that is printed if it ends early."""

    draft: str | None = None
    session_id: str | None = None
    turn_id: str | None = None
    """Set once a request may have been sent."""
    reported: bool = False
    """Whether the result object has been printed."""


def progress_of(args: argparse.Namespace | None) -> RunProgress:
    """Return the progress object of a run; a new one holds the typed prompt as draft."""
    if args is None:
        return RunProgress()
    if not hasattr(args, "progress"):
        typed = (getattr(args, name, None) for name in ("headless", "prompt"))
        args.progress = RunProgress(next((text for text in typed if text and isinstance(text, str)), None))
    progress: RunProgress = args.progress
    return progress


def end_early(problem: BaseException, words: Sequence[str], args: argparse.Namespace | None) -> int | None:
    """Report `problem` and return the exit code; return None for exceptions that are not handled here.

    `words` is the command line, `options` the parsed namespace, None before parsing.
    """
    fault, code = None, None
    if isinstance(problem, KeyboardInterrupt):
        # A second signal must not interrupt the report of the first one.
        signals.ignore()
        code = problem.code if isinstance(problem, signals.Interrupted) else Exit.INTERRUPTED
    if isinstance(problem, UsageExit):
        # The SystemExit of argparse propagates. With --raw on a terminal no object is printed.
        if _is_turn(words) and not ("--raw" in words and sys.stdout.isatty()):
            fault = Fault(Kind.SETTINGS, problem.message, may_have_been_charged=False)
            _put_object(words, args, fault)
            sys.stdout.flush()
    elif isinstance(problem, HandingerError):
        fault, code = _fault_of(problem), report(problem)
    elif isinstance(problem, OSError) and problem.errno in DESCRIPTOR_ERRORS:
        descriptor_error = LocalFileError(
            "Too few open files allowed (ulimit -n).", "Raise the limit: ulimit -n 256"
        )
        fault, code = _fault_of(descriptor_error), report(descriptor_error)
    if code is not None:
        _put_object(words, args, fault)
    return code


def report(problem: HandingerError) -> int:
    """Print an error that belongs to no turn and return its exit code."""
    say(sentence(problem.summary))
    if problem.hint:
        say(problem.hint)
    if isinstance(problem, ApiError):
        return exit_of_kind(problem.kind)
    if isinstance(problem, LedgerError | LocalFileError):
        return Exit.LOCAL_IO
    return Exit.USAGE


def _fault_of(problem: HandingerError) -> Fault:
    if isinstance(problem, ApiError):
        return problem.fault()
    kind = Kind.DISK if isinstance(problem, LedgerError | LocalFileError) else Kind.SETTINGS
    message = f"{sentence(problem.summary)} {problem.hint}".strip()
    return Fault(kind, message, may_have_been_charged=False)


# -- JSON ----------------------------------------------------------------------------------
def json_format(words: Sequence[str]) -> str | None:
    """Return `json` or `stream-json` if the command line asks for it, else None.

    It reads the raw words, since a command line that the parser rejects may also ask for JSON.
    """
    output_format = None
    for at, word in enumerate(words):
        if word == "--":
            break
        if word == "--json":
            output_format = "json"
        elif word == "--output-format":
            output_format = words[at + 1] if at + 1 < len(words) else None
        elif word.startswith("--output-format="):
            output_format = word.partition("=")[2]
    return output_format if output_format in ("json", "stream-json") else None


def _is_turn(words: Sequence[str]) -> bool:
    return words[0] not in SUBCOMMANDS or SUBCOMMANDS[words[0]].watches_turn


def _put_object(words: Sequence[str], args: argparse.Namespace | None, fault: Fault | None) -> None:
    """Print the JSON object of a run with JSON output, unless it has been printed already."""
    output_format = json_format(words)
    progress = progress_of(args)
    if output_format is None or progress.reported:
        return
    if _is_turn(words):
        progress.reported = True
        printer = (EventPrinter if output_format == "stream-json" else JsonPrinter)(sys.stdout, raw=False)
        printer.put(_result_without_turn(args, progress, fault))
        return
    value: JsonObject = {"error": fault_object(fault)}
    if list(words[:2]) == ["files", "get"]:
        value = {"files": [], **value}
    sys.stdout.write(dump(clean_json(value)) + "\n")


def _result_without_turn(
    args: argparse.Namespace | None, progress: RunProgress, fault: Fault | None
) -> JsonObject:
    """Return the result object of a run without a turn; missing members are null."""
    is_sent = progress.turn_id is not None
    worker_id = getattr(args, "worker", None)
    if fault is not None and not is_sent:
        # A failed read may claim that it cannot know; but this run has sent nothing that costs.
        fault = replace(fault, may_have_been_charged=False)
    order = TurnRequest(progress.turn_id or "", progress.draft or "", 0, worker_id)
    status = TurnStatus.UNKNOWN if is_sent else TurnStatus.NOT_SENT
    turn = Turn(order, status, fault=fault, posts=1 if is_sent else 0)
    value = result_object(Session("", 0, worker_id, turns=(turn,)), turn)
    ids: JsonObject = {"session_id": progress.session_id, "turn_id": progress.turn_id}
    return {**value, **ids, "draft": value["draft"] or None}
