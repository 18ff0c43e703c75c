"""How a command ends that has no turn to report: its lines on stderr, its JSON object, its exit code."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from handinger_tui.cli import signals
from handinger_tui.cli.args import SUBCOMMANDS, UsageExit
from handinger_tui.cli.exit_codes import Exit, exit_of_kind
from handinger_tui.cli.output import EventPrinter, JsonPrinter, say, sentence
from handinger_tui.core.errors import ApiError, HandingerError, LedgerError, LocalFileError
from handinger_tui.core.export.result import result_object
from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.replacing import replace
from handinger_tui.core.safety.cleaning import clean_json
from handinger_tui.core.turns.outcome import fault_object
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Fault, Kind, Turn, TurnRequest, TurnStatus

JsonObject = dict[str, Json]
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)


@dataclass
class Progress:
    """How far a headless run has come: what its last object has to say when it ends early."""

    draft: str | None = None
    session_id: str | None = None
    turn_id: str | None = None
    """Set once a request may have left."""
    reported: bool = False
    """The result object is on stdout."""


def progress_of(options: argparse.Namespace | None) -> Progress:
    """What is known of a run; at first that is what was typed."""
    if options is None:
        return Progress()
    if not hasattr(options, "progress"):
        typed = (getattr(options, name, None) for name in ("headless", "prompt"))
        options.progress = Progress(next((text for text in typed if text and isinstance(text, str)), None))
    progress: Progress = options.progress
    return progress


def end_early(problem: BaseException, words: Sequence[str], options: argparse.Namespace | None) -> int | None:
    """Report `problem`; returns the exit code, None for what is not ours to report.

    `words` is the command line, `options` what it was parsed to, None before that.
    """
    fault, code = None, None
    if isinstance(problem, KeyboardInterrupt):
        # A second signal must not cut the last words of the first one.
        signals.ignore()
        code = problem.code if isinstance(problem, signals.Interrupted) else Exit.INTERRUPTED
    if isinstance(problem, UsageExit):
        # argparse's own way to end goes on. What asks for --raw on a terminal gets nothing there.
        if _is_turn(words) and not ("--raw" in words and sys.stdout.isatty()):
            fault = Fault(Kind.SETTINGS, problem.message, may_have_been_charged=False)
            _put_object(words, options, fault)
            sys.stdout.flush()
    elif isinstance(problem, HandingerError):
        fault, code = _fault_of(problem), report(problem)
    elif isinstance(problem, OSError) and problem.errno in NO_DESCRIPTORS:
        lack = LocalFileError(
            "The program may not open enough files at once (ulimit -n).", "Raise that limit: ulimit -n 256"
        )
        fault, code = _fault_of(lack), report(lack)
    if code is not None:
        _put_object(words, options, fault)
    return code


def report(problem: HandingerError) -> int:
    """Print an error that is no turn's, and give its exit code."""
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
def json_form(words: Sequence[str]) -> str | None:
    """`json` or `stream-json` where the command line asks for it, else None.

    Reads the words themselves: what the parser refuses was asked for, too.
    """
    form = None
    for at, word in enumerate(words):
        if word == "--":
            break
        if word == "--json":
            form = "json"
        elif word == "--output-format":
            form = words[at + 1] if at + 1 < len(words) else None
        elif word.startswith("--output-format="):
            form = word.partition("=")[2]
    return form if form in ("json", "stream-json") else None


def _is_turn(words: Sequence[str]) -> bool:
    return words[0] == "attach" or words[0] not in SUBCOMMANDS


def _put_object(words: Sequence[str], options: argparse.Namespace | None, fault: Fault | None) -> None:
    """The one object of a run that was asked for JSON, unless it was printed already."""
    form = json_form(words)
    progress = progress_of(options)
    if form is None or progress.reported:
        return
    if _is_turn(words):
        progress.reported = True
        printer = (EventPrinter if form == "stream-json" else JsonPrinter)(sys.stdout, raw=False)
        printer.put(_unsent(options, progress, fault))
        return
    value: JsonObject = {"error": fault_object(fault)}
    if list(words[:2]) == ["files", "get"]:
        value = {"files": [], **value}
    sys.stdout.write(dump(clean_json(value)) + "\n")


def _unsent(options: argparse.Namespace | None, progress: Progress, fault: Fault | None) -> JsonObject:
    """The result object of a run that has no turn; what it does not have is null."""
    sent = progress.turn_id is not None
    worker_id = getattr(options, "worker", None)
    if fault is not None and not sent:
        # A reading that failed may say that it cannot know; this run has sent nothing that costs.
        fault = replace(fault, may_have_been_charged=False)
    order = TurnRequest(progress.turn_id or "", progress.draft or "", 0, worker_id)
    status = TurnStatus.UNKNOWN if sent else TurnStatus.NOT_SENT
    turn = Turn(order, status, fault=fault, posts=1 if sent else 0)
    value = result_object(Session("", 0, worker_id, turns=(turn,)), turn)
    ids: JsonObject = {"session_id": progress.session_id, "turn_id": progress.turn_id}
    return {**value, **ids, "draft": value["draft"] or None}
