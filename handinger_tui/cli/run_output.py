"""What a run prints, its errors included: text, one JSON object, or one per event."""

from __future__ import annotations

import errno
import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TextIO

from msgspec.structs import replace

from handinger_tui.cli import signals
from handinger_tui.cli.args import NOTHING_SENT, UsageExit, parse, shows_screen, typed_prompt
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.exit_codes import Exit, exit_of_kind
from handinger_tui.cli.output import conceal_keys, discard, say, sentence
from handinger_tui.core.amounts import Unit
from handinger_tui.core.documents import (
    UNSET,
    Document,
    Failure,
    Part,
    Problem,
    UnsetType,
    members,
    problem_of,
)
from handinger_tui.core.errors import ApiError, AttachmentProblem, HandingerError, LedgerError, LocalFileError
from handinger_tui.core.export.event_lines import StatusLine, UsageLine, event_object
from handinger_tui.core.export.result import result_object
from handinger_tui.core.figures import reported_figures
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.limits import Gauge, LimitNotices, LimitReached
from handinger_tui.core.safety import clean_json, clean_slice, cleanable_length, encodable
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import ErrorKind, Fault, Turn, TurnRequest, TurnStatus

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from handinger_tui.core.dialects.events import StreamEvent


def _encodable_slice(text: str, start: int, end: int) -> str:
    return encodable(text[start:end])


class Printer(ABC):
    """Prints the turns of a run in one output format."""

    prints_events = False
    """Whether it prints events: `event` is called only then."""
    index: MoneyIndex | None = None
    """Shared by the printers of a session whose turns are printed one after another."""

    def __init__(self, out: TextIO, raw: bool) -> None:
        self._out = out
        self._raw = raw

    def event(self, event: StreamEvent) -> None:
        """Print an event of the stream."""
        raise NotImplementedError

    def turn(self, turn: Turn) -> None:  # noqa: B027 - a format may print the result alone
        """Print what changed in a new value of the turn."""

    @abstractmethod
    def result(self, session: Session, turn: Turn) -> None:
        """Print the result of the finished turn."""


class TextPrinter(Printer):
    """Prints plain text as it arrives.

    Printed text cannot be withdrawn: if the server replaces it, the final text is
    printed in full at the end, with a note on stderr.
    """

    def __init__(self, out: TextIO, raw: bool) -> None:
        super().__init__(out, raw)
        self._clean = _encodable_slice if raw else clean_slice
        self._printed = ""
        self._parts: tuple[object, ...] = ()

    def turn(self, turn: Turn) -> None:
        """Print the text that was added."""
        if turn.parts is self._parts:
            return
        self._parts = turn.parts
        text = turn.text
        if text.startswith(self._printed):
            end = max(cleanable_length(text), len(self._printed))
            self._write(self._clean(text, len(self._printed), end))
            self._printed = text[:end]

    def result(self, session: Session, turn: Turn) -> None:
        """Print the rest of the text, or all of it if it was replaced. The session is not used."""
        del session
        text = turn.text
        if text.startswith(self._printed):
            self._write(self._clean(text, len(self._printed), len(text)))
        else:
            say("The final answer differs from the streamed text. Here is the final answer:")
            self._write("\n" + self._clean(text, 0, len(text)))
        if text and not text.endswith("\n"):
            self._write("\n")
        self._out.flush()

    def _write(self, text: str) -> None:
        if not text:
            return
        self._out.write(text)
        self._out.flush()


class JsonPrinter(Printer):
    """Prints one JSON object at the end."""

    def result(self, session: Session, turn: Turn) -> None:
        """Print the result object."""
        money = (self.index or MoneyIndex()).of(session, turn)
        self.put(result_object(session, turn, raw=self._raw, money=money))

    def put(self, result: JsonObject) -> None:
        """Print a result object."""
        self._print_line(result)

    def _print_line(self, value: JsonObject) -> None:
        self._out.write(dump(value) + "\n")
        self._out.flush()


class EventPrinter(JsonPrinter):
    """Prints one normalized event per line as it happens, and the result as the last line."""

    prints_events = True

    def __init__(self, out: TextIO, raw: bool) -> None:
        super().__init__(out, raw)
        self._seq = 0
        self._status: TurnStatus | None = None
        self._last_usage_and_costs: object = None

    def event(self, event: StreamEvent) -> None:
        """Print the event as one line of JSON."""
        self._print_event(event_object(event, self._seq))

    def turn(self, turn: Turn) -> None:
        """Print a changed status, and changed usage or costs."""
        if turn.status is not self._status:
            self._status = turn.status
            line = StatusLine(seq=self._seq, status=turn.status, worker_id=turn.target, turn_id=turn.turn_id)
            self._print_event(members(line))
        usage_and_costs = (turn.snapshot.usage, turn.snapshot.costs) if turn.snapshot else None
        if usage_and_costs is not None and usage_and_costs != self._last_usage_and_costs:
            self._last_usage_and_costs = usage_and_costs
            usage, costs = usage_and_costs
            usage_line = UsageLine(
                seq=self._seq, usage=reported_figures(usage), costs=reported_figures(costs)
            )
            self._print_event(members(usage_line))

    def put(self, result: JsonObject) -> None:
        """Print a result object with the type `result`."""
        self._print_event({"type": "result", "seq": self._seq, **result})

    def _print_event(self, line: JsonObject) -> None:
        self._seq += 1
        self._print_line(line if self._raw else {name: clean_json(item) for name, item in line.items()})


PRINTERS: Final[dict[str, Callable[[TextIO, bool], Printer]]] = {
    "text": TextPrinter,
    "json": JsonPrinter,
    "stream-json": EventPrinter,
}


UNKNOWN: Final = {Unit.USD: "the cost is unknown", Unit.CREDITS: "the credits are unknown"}


class LimitMessages:
    """Prints for each limit at most once that it is near and at most once that it is reached."""

    def __init__(self, write: Callable[[str], object] = say) -> None:
        self._write = write
        self._shown = LimitNotices()

    def update(self, gauges: Iterable[Gauge], *, running: bool) -> None:
        """Print messages for limits whose state has risen since the last call."""
        for gauge in self._shown.take_new("", [*gauges]):
            if not gauge.reached:
                self._write(gauge.near_text)
            else:
                self._write(gauge.reached_in(running=running))
                self._write(f"New messages are blocked. {gauge.limit.raise_hint}")

    def mark_reached(self, gauge: Gauge) -> None:
        """Record that a refusal has already reported this limit as reached."""
        self._shown.mark_shown("", gauge)

    def is_flag_limit_reached(self, gauges: Iterable[Gauge]) -> bool:
        """Return whether a limit given as a flag of this command is reached."""
        flagged = [gauge for gauge in gauges if gauge.limit.by_flag]
        for gauge in flagged:
            if gauge.spent.missing_turns and not gauge.reached:
                say(f"The limit may have been exceeded: {UNKNOWN[gauge.limit.unit]}.")
        return any(gauge.reached for gauge in flagged)


def refusal(problem: LimitReached) -> Fault:
    """Return the fault of a message that is stored and not sent because a limit is reached."""
    return Fault(ErrorKind.COST_LIMIT, problem.text, may_have_been_charged=False)


DESCRIPTOR_ERRORS = (errno.EMFILE, errno.ENFILE)


class FileProblem(Part, frozen=True):
    """Why a file was not saved."""

    kind: str
    message: str


class SavedFile(Part, frozen=True):
    """A file of `files get`."""

    filename: str | None
    saved_as: str | None
    status: Literal["saved", "refused", "failed"]
    error: FileProblem | None


class SavedFiles(Document, frozen=True, tag="handinger-tui/saved-files/1"):
    """What `files get` did; `error`: only where it ended early."""

    files: list[SavedFile]
    error: Problem | UnsetType | None = UNSET


@dataclass
class RunProgress:
    """The state of a headless run, for the JSON object that is printed if it ends early."""

    draft: str | None = None
    session_id: str | None = None
    turn_id: str | None = None
    """Set once a request may have been sent."""
    reported: bool = False
    """Whether the result object has been printed."""
    files: list[SavedFile] = field(default_factory=list)
    """What `files get` has saved so far, or could not save."""
    doubt: str = ""
    """What a command without a turn may have done already that can cost money; "" for nothing."""


def progress_of(args: argparse.Namespace) -> RunProgress:
    """Return the progress object of a run; a new one holds the typed prompt as draft."""
    if not hasattr(args, "progress"):
        typed = (getattr(args, name, None) for name in ("headless", "prompt"))
        args.progress = RunProgress(next((text for text in typed if text and isinstance(text, str)), None))
    progress: RunProgress = args.progress
    return progress


def end_early(problem: BaseException, words: Sequence[str], args: argparse.Namespace | None) -> int | None:
    """Report `problem` and return the exit code; return None for exceptions that are not handled here.

    `words` is the command line, `args` what the parser made of it, None before that.
    """
    fault, code = None, None
    if isinstance(problem, KeyboardInterrupt):
        # A second signal must not interrupt the report of the first one.
        signals.ignore()
        if args is None and json_format(words) is not None:
            # It came before the command line was parsed: the prompt in it is still a draft.
            with suppress(SystemExit):
                args = parse(list(words))
        code = problem.code if isinstance(problem, signals.Interrupted) else Exit.INTERRUPTED
        progress = RunProgress() if args is None else progress_of(args)
        may_cost = bool(progress.doubt or progress.turn_id)
        fault = Fault(
            ErrorKind.INTERRUPTED, f"Interrupted. {progress.doubt}".rstrip(), may_have_been_charged=may_cost
        )
        if progress.doubt:
            say(fault.message)
    if isinstance(problem, UsageExit):
        say(f"handinger-tui: {problem.message}")
        say(problem.hint)
        fault, code = Fault(ErrorKind.SETTINGS, problem.message, may_have_been_charged=False), Exit.USAGE
    elif (error := _error_of(problem)) is not None:
        if _sends_nothing_more(words, args) and NOTHING_SENT not in error.text:
            error.summary = f"{sentence(error.summary)} {NOTHING_SENT}"
        fault, code = _fault_of(error), report(error)
    elif code is None and isinstance(problem, Exception) and not isinstance(problem, OSError):
        # A defect of ours. Its traceback follows on stderr; whoever reads JSON gets an object all the same.
        fault = Fault(
            ErrorKind.INTERNAL, f"handinger-tui crashed: {type(problem).__name__}. Details: stderr."
        )
    if fault is not None:
        try:
            _put_object(words, args, fault)
            sys.stdout.flush()
        except OSError:
            # What happened is on stderr; the exit code stays that of it.
            discard(sys.stdout)
    return code


def _sends_nothing_more(words: Sequence[str], args: argparse.Namespace | None) -> bool:
    """Whether a run without a screen was to send a message, and ends without a request."""
    if words and words[0] in SUBCOMMANDS and words[0] != "send":
        return False
    if args is None:
        return not {"-p", "--print", "send"}.isdisjoint(words)
    return progress_of(args).turn_id is None and not shows_screen(args)


def _error_of(problem: BaseException) -> HandingerError | None:
    """The error to show, also where the system allows too few open files or threads, else None."""
    if isinstance(problem, HandingerError):
        return problem
    if isinstance(problem, OSError) and problem.errno in DESCRIPTOR_ERRORS:
        return LocalFileError("Too few open files allowed (ulimit -n).", "Raise the limit: ulimit -n 256")
    # The text of Python; the exception has no type or number of its own.
    if isinstance(problem, RuntimeError) and str(problem) == "can't start new thread":
        return LocalFileError(
            "Too few threads allowed (ulimit -u, or the limit of the container).", "Raise the limit."
        )
    return None


def end_output(problem: OSError, words: Sequence[str]) -> int:
    """Report that the output cannot be written, and return the exit code."""
    is_closed = isinstance(problem, BrokenPipeError)
    # A closed pipe needs no message; a full disk does.
    if not is_closed:
        what = f"Failed at {problem.filename!r}" if problem.filename else "Cannot write the output"
        say(f"{what}: {problem.strerror or problem}.")
    discard(sys.stdout)
    return Exit.OK if is_closed and only_prints(words) else Exit.LOCAL_IO


def only_prints(words: Sequence[str]) -> bool:
    """Whether a command does nothing but print: a reader that closes the pipe early is then no error."""
    if not PRINTING.isdisjoint(words):
        return True
    command = SUBCOMMANDS.get(words[0]) if words else None
    if command is None or command.only_lists or not command.actions:
        return command is not None and command.only_lists
    action = words[1] if words[1:2] and words[1] in command.actions else command.actions[0]
    return action in FACTS


PRINTING: Final = frozenset({"-h", "--help", "--version", "--dry-run"})
"""Options with which nothing but a text is printed."""
FACTS: Final = frozenset({"list", "show", "path", "schema", "validate", "deliveries"})
"""Actions that change nothing. The first action of a command is what it does without one."""


_OF_THIS_MACHINE: Final = (LedgerError, LocalFileError, AttachmentProblem)


def report(problem: HandingerError) -> int:
    """Print an error that belongs to no turn and return its exit code."""
    say(sentence(problem.summary))
    if problem.hint:
        say(problem.hint)
    if isinstance(problem, ApiError):
        return exit_of_kind(problem.kind)
    if isinstance(problem, _OF_THIS_MACHINE):
        return Exit.LOCAL_IO
    return Exit.USAGE


def _fault_of(problem: HandingerError) -> Fault:
    if isinstance(problem, ApiError):
        return problem.fault()
    kind = ErrorKind.DISK if isinstance(problem, _OF_THIS_MACHINE) else ErrorKind.SETTINGS
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
    progress = RunProgress(typed_prompt([*words])) if args is None else progress_of(args)
    is_raw_terminal = "--raw" in words and sys.stdout.isatty()
    if output_format is None or progress.reported or is_raw_terminal:
        return
    if fault is not None:
        fault = replace(fault, message=conceal_keys(fault.message))
    if _is_turn(words):
        progress.reported = True
        printer = (EventPrinter if output_format == "stream-json" else JsonPrinter)(sys.stdout, raw=False)
        printer.put(_result_without_turn(args, progress, fault, sends=words[0] != "attach"))
        return
    if fault is not None and not progress.doubt:
        # Without a turn nothing costs, except a schedule that may have been added.
        fault = replace(fault, may_have_been_charged=False)
    value: Document = Failure(error=problem_of(fault))
    if list(words[:2]) == ["files", "get"]:
        value = SavedFiles(files=progress.files, error=problem_of(fault))
    sys.stdout.write(dump(clean_json(members(value))) + "\n")


def _result_without_turn(
    args: argparse.Namespace | None, progress: RunProgress, fault: Fault | None, *, sends: bool
) -> JsonObject:
    """Return the result object of a run without a turn; missing members are null.

    `sends`: the run was to send a message; otherwise how the turn that was to be watched stands is unknown.
    """
    is_sent = progress.turn_id is not None
    worker_id = getattr(args, "worker", None)
    if fault is not None:
        # A failed read may claim that it cannot know, and an error of the disk that nothing was sent.
        fault = replace(fault, may_have_been_charged=is_sent)
    request = TurnRequest(progress.turn_id or "", progress.draft or "", 0, worker_id)
    status = TurnStatus.NOT_SENT if sends and not is_sent else TurnStatus.UNKNOWN
    turn = Turn(request, status, fault=fault, posts=1 if is_sent else 0)
    value = result_object(Session(progress.session_id or "", 0, worker_id, turns=(turn,)), turn)
    return {**value, "draft": value["draft"] or None}
