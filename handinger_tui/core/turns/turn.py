"""A turn as an immutable value: one prompt, everything that came back, and how it ended.

A part is identified by its position in `Turn.parts`. Ids on the wire may repeat, and are used only while a
part is open. An unchanged part keeps its identity (`is`) from one turn value to the next, so that views can
detect changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import reduce
from itertools import compress, repeat, takewhile
from operator import is_
from typing import Final, NamedTuple, TypeVar, cast

from msgspec import Struct, field

from handinger_tui.core.figures import Costs, Usage, cost_of
from handinger_tui.core.jsontext import Json, JsonObject, string_at, text_at
from handinger_tui.core.stream import CustomPart, FilePart, Snapshot, SourcePart


class StartPolicy(StrEnum):
    """Under which limits a turn may start."""

    MEASURED = "measured"
    """Only if all limits will probably hold."""
    UNMEASURED = "unmeasured"
    """Also if that is unknown: a unit is not reported, or turns of unknown cost may have used it up."""


SEAL: Final = 8192
"""The length at which the tail of a `Rope` is sealed. One append never copies more characters."""


def join(first: str, second: str) -> str:
    """Concatenate as JavaScript does: two halves of a surrogate pair become one character.

    If a delta ends inside an emoji, `JSON.stringify` writes the half as an escape (tests/wire/README.md).
    """
    if _ends_in_half_pair(first) and "\udc00" <= second[:1] <= "\udfff":
        pair = (first[-1] + second[0]).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        return first[:-1] + pair + second[1:]
    return first + second


def _ends_in_half_pair(text: str) -> bool:
    return "\ud800" <= text[-1:] <= "\udbff"


def join_all(pieces: list[str]) -> str:
    """`join` for many pieces."""
    if any(map(_ends_in_half_pair, pieces)):
        return reduce(join, pieces, "")
    return "".join(pieces)


class Rope(Struct, frozen=True):
    """An immutable text of sealed blocks and a short tail: appending copies at most `SEAL` characters."""

    sealed: tuple[str, ...] = ()
    tail: str = ""

    def __add__(self, delta: str) -> Rope:
        grown = join(self.tail, delta)
        if len(grown) < SEAL or _ends_in_half_pair(grown):
            return Rope(self.sealed, grown)
        return Rope((*self.sealed, grown), "")

    def __str__(self) -> str:
        return "".join(self.sealed) + self.tail if self.sealed else self.tail

    def __bool__(self) -> bool:
        return bool(self.sealed or self.tail)

    def __len__(self) -> int:
        return sum(map(len, self.sealed)) + len(self.tail)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rope) and (self is other or str(self) == str(other))

    def __hash__(self) -> int:
        return hash(str(self))


class TurnStatus(StrEnum):
    """The state of a turn. The last eight are settled, and are the headless `status`."""

    QUEUED = "queued"
    """Stored, not sent yet."""
    SENDING = "sending"
    """The request may have left; there is no answer yet."""
    ACCEPTED = "accepted"
    """The service is answering; text may be streaming."""
    CHECKING = "checking"
    """The connection was lost or is in doubt; GETs will show what happened."""
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    RUNNING = "running"
    """Accepted, and unfinished when we stopped watching; the worker may still run and spend."""
    REJECTED = "rejected"
    """The service refused; nothing started."""
    NOT_SENT = "not_sent"
    """Never reached a server."""
    NOT_DELIVERED = "not_delivered"
    """Delivery was in doubt; GETs showed that the prompt did not arrive."""
    UNKNOWN = "unknown"
    """Delivery is in doubt, which could not be resolved."""


STATUS_WORDS: Final = {
    TurnStatus.QUEUED: "queued",
    TurnStatus.SENDING: "sending",
    TurnStatus.ACCEPTED: "working",
    TurnStatus.CHECKING: "checking",
    TurnStatus.COMPLETED: "completed",
    TurnStatus.INCOMPLETE: "incomplete",
    TurnStatus.FAILED: "failed",
    TurnStatus.RUNNING: "still running",
    TurnStatus.REJECTED: "rejected",
    TurnStatus.NOT_SENT: "not sent",
    TurnStatus.NOT_DELIVERED: "not delivered",
    TurnStatus.UNKNOWN: "delivery unknown",
}
"""The status of a turn in words."""
LIVE: Final = frozenset({TurnStatus.QUEUED, TurnStatus.SENDING, TurnStatus.ACCEPTED, TurnStatus.CHECKING})
"""Statuses in which this program is working on the turn."""
UNENDED: Final = LIVE | {TurnStatus.RUNNING}
"""Statuses of turns that have not ended, as far as is known."""
AT_WORK: Final = UNENDED - {TurnStatus.QUEUED}
"""Statuses of turns on which a worker may be at work."""
UNDECIDED: Final = frozenset({TurnStatus.RUNNING, TurnStatus.UNKNOWN})
"""Statuses of turns that may continue unwatched: a later reading may show their end."""
DRAFT: Final = frozenset(
    {TurnStatus.REJECTED, TurnStatus.NOT_SENT, TurnStatus.NOT_DELIVERED, TurnStatus.UNKNOWN}
)
"""Statuses in which delivery is not certain: the prompt can be edited and sent again."""
REFUSED: Final = frozenset({TurnStatus.REJECTED, TurnStatus.NOT_DELIVERED})
"""Statuses of turns whose request left, although nothing of it can have been charged."""
FREE: Final = REFUSED | {TurnStatus.NOT_SENT}
"""Statuses in which nothing can have been charged."""
UNSENT: Final = frozenset({TurnStatus.QUEUED, TurnStatus.NOT_SENT})
"""Statuses of messages that were not sent: they are no turns in any count, sum, limit or forecast."""


class ErrorKind(StrEnum):
    """The kinds of errors: `error.kind` of the headless result."""

    CONNECT = "connect"
    NETWORK = "network"
    TIMEOUT = "timeout"
    IDLE_TIMEOUT = "idle_timeout"
    AUTH = "auth"
    PAYMENT = "payment"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    RATE_LIMITED = "rate_limited"
    SERVER = "server"
    GATEWAY = "gateway"
    REDIRECT = "redirect"
    UNEXPECTED_CONTENT = "unexpected_content"
    ENCODING = "encoding"
    DECODE = "decode"
    TOO_LARGE = "too_large"
    STREAM_ERROR = "stream_error"
    INCOMPLETE = "incomplete"
    UNSAFE_URL = "unsafe_url"
    DISK = "disk"
    COST_LIMIT = "cost_limit"
    SETTINGS = "settings"
    INTERRUPTED = "interrupted"
    INTERNAL = "internal"


class Fault(Struct, frozen=True):
    """Why a turn did not complete."""

    kind: ErrorKind
    message: str
    http_status: int | None = None
    retry_after_s: float | None = None
    may_have_been_charged: bool = True


WITHDRAWN: Final = Fault(ErrorKind.CONFLICT, "Withdrawn.", may_have_been_charged=False)
"""The fault of a turn that the person withdrew or replaced before it was sent."""


class ToolState(StrEnum):
    """The states of a tool call, as in the AI SDK."""

    INPUT_STREAMING = "input-streaming"
    INPUT_AVAILABLE = "input-available"
    APPROVAL_REQUESTED = "approval-requested"
    APPROVAL_RESPONDED = "approval-responded"
    OUTPUT_AVAILABLE = "output-available"
    OUTPUT_ERROR = "output-error"
    OUTPUT_DENIED = "output-denied"


_TOOL_WORDS: Final = {
    ToolState.INPUT_STREAMING: "preparing…",
    ToolState.INPUT_AVAILABLE: "running…",
    ToolState.APPROVAL_REQUESTED: "needs approval",
    ToolState.APPROVAL_RESPONDED: "approval answered",
    ToolState.OUTPUT_AVAILABLE: "",
    ToolState.OUTPUT_ERROR: "failed",
    ToolState.OUTPUT_DENIED: "denied",
}


class _TextBody(Struct, frozen=True):
    """`open`: deltas may still come."""

    body: Rope = Rope()
    open: bool = True

    @property
    def text(self) -> str:
        """The complete text. This joins the rope, so do not call it for every delta."""
        return str(self.body)


class TextPart(_TextBody, frozen=True):
    """Text of the answer, in Markdown."""


class ReasoningPart(_TextBody, frozen=True):
    """Text of what the worker thought before it answered."""


class ToolPart(Struct, frozen=True):
    """One tool call. Until INPUT_AVAILABLE, `input_text` grows; then `input` is final."""

    call_id: str
    name: str
    state: ToolState = ToolState.INPUT_STREAMING
    input_text: str = ""
    input: Json = None
    output: Json = None
    preliminary: bool = False
    error: str | None = None
    title: str | None = None
    approval_id: str | None = None
    """The id of the approval request, if there was one."""

    @property
    def unfinished(self) -> bool:
        """Whether its result is still to come."""
        # A preliminary output is replaced by later ones.
        return self.preliminary or self.state in (ToolState.INPUT_STREAMING, ToolState.INPUT_AVAILABLE)

    def words(self, *, may_end: bool = True) -> str:
        """Its state in words; "" for a call with its output. `may_end`: whether a result may still come."""
        if self.unfinished and not may_end:
            return "result unknown"
        return _TOOL_WORDS[ToolState.INPUT_AVAILABLE if self.preliminary else self.state]


class DataPart(Struct, frozen=True):
    """Structured data; `name` is the part type on the wire."""

    name: str
    data: Json
    data_id: str | None = None


class StepPart(Struct, frozen=True):
    """The boundary between two model calls."""


Part = TextPart | ReasoningPart | ToolPart | FilePart | SourcePart | DataPart | CustomPart | StepPart
_Kind = TypeVar("_Kind", TextPart, ReasoningPart, ToolPart, FilePart, SourcePart, DataPart)


def parts_of(parts: Sequence[Part], kind: type[_Kind]) -> Iterator[_Kind]:
    """The parts of one kind, in order. It must be fast: every paint calls it, for up to 100,000 parts."""
    return cast("Iterator[_Kind]", compress(parts, map(is_, map(type, parts), repeat(kind))))


class Attachment(Struct, frozen=True):
    """A file to send with the prompt, as it was when chosen. `size`: in bytes."""

    path: str
    name: str
    size: int
    media_type: str
    sha256: str = ""


class Trigger(StrEnum):
    """What started a turn."""

    APP = "app"
    """Typed into the screen."""
    HEADLESS = "headless"
    """Sent with `handinger-tui -p`."""
    ELSEWHERE = "elsewhere"
    """Read from the worker: another program, a schedule or an email started it; it is unknown which."""
    API = "api"
    EMAIL = "email"
    SCHEDULE = "schedule"
    DASHBOARD = "dashboard"
    UNKNOWN = "unknown"
    """Charged before triggers were recorded."""

    @property
    def elsewhere(self) -> bool:
        """Whether the turn was read from the worker, so that its time and budget are not recorded."""
        return self in TRIGGER_WORDS


TRIGGER_WORDS: Final = {
    Trigger.ELSEWHERE: "sent elsewhere",
    Trigger.API: "sent by another program",
    Trigger.EMAIL: "sent by email",
    Trigger.SCHEDULE: "started by a schedule",
    Trigger.DASHBOARD: "sent in the dashboard",
}
"""The origin of a turn that was not started here, in words."""


DEFAULT_BUDGET: Final = "standard"
"""The budget level of a turn without one, as the service documents it."""


LEVELS: Final = ("low", "standard", "high", "unlimited")
"""The budget levels that the service documents."""


def level_of(budget: str | None, trigger: Trigger) -> str:
    """The budget level of a turn; "" if unknown, since the turn was started elsewhere."""
    return budget or ("" if trigger.elsewhere else DEFAULT_BUDGET)


class LineageKind(StrEnum):
    """How a message was made from an earlier one."""

    EDIT = "edit"
    RETRY = "retry"
    FORK = "fork"
    """The earlier conversation was copied to a new worker."""


class Lineage(Struct, frozen=True):
    """The earlier message from which a message was made.

    `number`: its position in its session, from 1. `title`: the title of that session, if it is another one.
    """

    kind: LineageKind
    session_id: str
    turn_id: str
    number: int
    title: str = ""


NO_DAY: Final = -(2**63)
"""The time of a turn that was over when this history first saw its worker, and whose time is not known.

It counts in totals, and in no day, week or month.
"""


class TurnRequest(Struct, frozen=True):
    """What the person wants to send.

    `target_id`: the *target*, to which the message is sent and from which the answer is read; None: a new
    one. Only `api` knows what it means, elsewhere it is an opaque text.
    """

    turn_id: str
    prompt: str
    created_ms: int
    target_id: str | None = None
    budget: str | None = None
    attachments: tuple[Attachment, ...] = ()
    seen_before: int | None = None
    """How many earlier messages of the worker have exactly this prompt; None: unknown."""
    trigger: Trigger = Trigger.UNKNOWN
    lineage: Lineage | None = None
    stored_worker_id: str | None = None
    """The stored worker for a new target; None: the service creates one from the message.

    It is stored with the session, not with the turn.
    """
    begins: bool = False
    """Nothing that was sent to the target before has arrived, so this request may have to begin it.

    It is computed when the turn is sent, and not stored.
    """
    service_ms: int | None = None
    """When the service says that a turn of others began, or `NO_DAY`; None: `created_ms` is right."""
    imported_ms: int | None = None
    """When the turn was imported from a file; None: it was not. See `Turn.imported`."""


class Retry(Struct, frozen=True):
    """A failed GET that will be repeated `wait_ms` after `at_ms`. `number`: from 1."""

    number: int
    wait_ms: int
    at_ms: int
    reason: str


class FigureRead(NamedTuple):
    """The figures of one reading, received at `at_ms`. `prompts`: see `Snapshot.prompts`."""

    at_ms: int
    usage: Usage
    costs: Costs
    busy: bool
    prompts: int | None = None

    @property
    def reported(self) -> bool:
        """Whether any figure was reported."""
        return self.usage.reported or self.costs.reported


SETTLE_MS: Final = 30_000
"""How long the figures of an idle worker must stand still until the amounts before it are settled."""
EARLY_MS: Final = 5_000
"""The same for figures that a service reports of one turn alone, and until a cost of zero is complete."""
LATE_MS: Final = 3_600_000
"""How late a service may report costs: until then workers are read, and a cost of zero is not settled."""
MOST_READS: Final = 64
"""How many readings of a turn are kept; beyond that, a new one replaces the newest."""


class Turn(Struct, frozen=True):
    """One turn, computed from its request and its frames."""

    request: TurnRequest
    status: TurnStatus = TurnStatus.QUEUED
    parts: tuple[Part, ...] = ()
    message_id: str | None = None
    metadata: JsonObject = field(default_factory=dict)
    finish_reason: str | None = None
    incomplete: str | None = None
    finished: bool = False
    """A finish event, a terminator or a finished Worker was received."""
    aborted: bool = False
    abort_reason: str | None = None
    errors: tuple[str, ...] = ()
    """Errors of the answer, as the service words them."""
    late_errors: tuple[str, ...] = ()
    """Errors after the answer had ended well; the turn does not fail because of them."""
    stream_fault: str | None = None
    """Why the stream broke off; not an error of the answer."""
    fault: Fault | None = None
    recovered: bool = False
    worker_id: str | None = None
    before: Snapshot | None = None
    before_ms: int | None = None
    """When `before` was read."""
    earlier_evidence: Snapshot | None = None
    """The files and sources of earlier turns, where the worker could not be read before this one."""
    sent_ms: int | None = None
    """When the request may have left; None for a turn that another program started."""
    was_last: bool = True
    """Of such a turn: the worker had no later message when it was adopted."""
    reads: tuple[FigureRead, ...] = ()
    """The readings since this turn began with other figures than the previous one."""
    own_usage: Usage | None = None
    """What the service reports for this turn alone; None: it reports figures of the worker."""
    own_usage_is_partial: bool = False
    """`own_usage` was read while the turn ran."""
    own_reads: tuple[int, ...] = ()
    """The times of the first and the newest reading after the end that showed `own_usage` as it is."""
    snapshot: Snapshot | None = None
    """The newest snapshot of the worker since this turn began."""
    read_ms: int | None = None
    """When `snapshot` was read, in Unix milliseconds."""
    encoding: str | None = None
    """The dialect of the stream: `encoding` of the headless result."""
    activity: str | None = None
    """What the worker last reported to be doing (transient data)."""
    retry: Retry | None = None
    """The pending retry, while the service does not answer."""
    replaced_text: str | None = None
    """Streamed text that is missing in the service's final text."""
    skipped: int = 0
    """How many events could not be decoded."""
    posts: int = 0
    """How many POSTs may have started this turn."""
    ended_ms: int | None = None
    open_text: tuple[tuple[str, int], ...] = ()
    """Open wire ids → positions of text parts."""
    open_reasoning: tuple[tuple[str, int], ...] = ()
    part_ms: tuple[int, ...] = ()
    """When each of the first parts began. A part that our own request did not stream has no such time."""

    @property
    def elapsed_ms(self) -> int | None:
        """Milliseconds from sending to the end, by our own clock.

        None while the turn runs, if it was never sent, if the clock went back, and for a turn that another
        program started.
        """
        if self.ended_ms is None or self.live or self.request.trigger.elsewhere:
            return None
        if self.sent_ms is None and self.status is TurnStatus.NOT_SENT:
            return None
        milliseconds = self.ended_ms - self.began_ms
        return milliseconds if milliseconds >= 0 else None

    @property
    def turn_id(self) -> str:
        """The id of the turn, created here."""
        return self.request.turn_id

    @property
    def target(self) -> str | None:
        """The target (see `TurnRequest`): the one that answered, else the requested one; None: unknown."""
        return self.worker_id or self.request.target_id

    @property
    def imported(self) -> bool:
        """Whether it was imported from a file: then it is charged nowhere, and never read or resumed."""
        return self.request.imported_ms is not None

    @property
    def own_usage_is_confirmed(self) -> bool:
        """Whether a later reading had the same figures of this turn alone."""
        return bool(self.own_reads) and self.own_reads[-1] - self.own_reads[0] >= self.own_settle_ms

    @property
    def own_settle_ms(self) -> int:
        """How much later that reading has to be."""
        has_cost = self.own_usage is not None and (self.own_usage.cost_usd or self.own_usage.credits)
        return EARLY_MS if has_cost else LATE_MS

    @property
    def may_spend(self) -> bool:
        """Whether the request may have left, so that the turn may be charged."""
        return self.status not in FREE and self.status is not TurnStatus.QUEUED

    @property
    def unsent(self) -> bool:
        """Whether its request cannot have left; see `UNSENT`.

        The request of a turn that was started elsewhere has left, whatever is stored of that turn here.
        """
        return self.status in UNSENT and not self.request.trigger.elsewhere and not self.reads

    @property
    def began_ms(self) -> int:
        """When it was sent, or began by the service's clock; if neither is known, when it was stored.

        A queued message may wait for hours before it is sent.
        """
        request = self.request
        stored_ms = request.created_ms if request.service_ms in (None, NO_DAY) else request.service_ms
        return stored_ms if self.sent_ms is None else self.sent_ms

    @property
    def withdrawn(self) -> bool:
        """Whether the person withdrew it before it was sent; such a turn is not listed."""
        return self.status is TurnStatus.NOT_SENT and self.fault == WITHDRAWN

    @property
    def live(self) -> bool:
        """Whether this program is working on the turn."""
        return self.status in LIVE

    @property
    def texts(self) -> tuple[str, ...]:
        """The text parts, in order."""
        return tuple(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def text(self) -> str:
        """All text parts joined: `text` of the headless result."""
        return "".join(self.texts)

    @property
    def answer(self) -> str:
        """The text as people read it: each part begins a paragraph, as on the screen."""
        texts = self.texts
        if len(texts) == 1:
            return texts[0]
        return "\n\n".join(text.strip("\n") for text in texts if text.strip())

    @property
    def draft(self) -> str | None:
        """The prompt if its delivery is not certain, else None."""
        return self.request.prompt if self.status in DRAFT else None


CUT_SHORT: Final = frozenset(
    {"length", "content-filter", "interrupted", "max_output_tokens", "content_filter"}
)
"""Finish reasons of an incomplete answer."""


# -- readings ----------------------------------------------------------------------------
def with_read(turn: Turn, read: FigureRead) -> tuple[FigureRead, ...]:
    """The readings of `turn` with one more; the same object if it brings nothing new.

    Of readings with the same figures the first and one more are kept: the second shows that fallen figures do
    not come from a lagging replica, and that those of an idle worker stand still, so it is replaced until it
    is `SETTLE_MS` younger than the first, or `LATE_MS` where they show no cost of the turn.
    """
    reads = turn.reads
    if not read.reported:
        return reads
    equal = len([*takewhile(lambda one: one[1:] == read[1:], reversed(reads))])
    if equal == 0 or (equal == 1 and (not read.busy or (len(reads) > 1 and _has_fallen(*reads[-2:])))):
        return (*reads[: MOST_READS - 1], read)
    settle_ms = LATE_MS if _is_without_cost(turn, read) else SETTLE_MS
    if read.busy or equal == 1 or reads[-1].at_ms - reads[-equal].at_ms >= settle_ms:
        return reads
    return (*reads[:-1], read)


def own_reads(before: Turn, now: Turn, at_ms: int) -> tuple[int, ...]:
    """`Turn.own_reads` of `now`, which is `before` with one more reading at `at_ms`."""
    if now.own_usage is None or now.own_usage_is_partial:
        return ()
    if now.own_usage is before.own_usage:
        # The reading says nothing about this turn.
        return before.own_reads
    is_repeated = bool(before.own_reads) and now.own_usage == before.own_usage
    return (before.own_reads[0], at_ms) if is_repeated else (at_ms, at_ms)


def _has_fallen(earlier: FigureRead, later: FigureRead) -> bool:
    pairs = ((earlier.usage, later.usage), (earlier.costs, later.costs))
    figures = (both for one, other in pairs for both in zip(one.members, other.members, strict=True))
    return any(old is not None and new is not None and new < old for old, new in figures)


def can_confirm(turn: Turn, now_ms: int) -> bool:
    """Whether a reading with the same figures confirms the amount of a turn that has ended."""
    if turn.own_usage is not None:
        own = turn.own_reads
        return bool(own) and now_ms - own[0] >= turn.own_settle_ms > own[-1] - own[0]
    if not turn.reads:
        return False
    newest = turn.reads[-1]
    if newest.busy:
        return True
    first = [*takewhile(lambda one: one[1:] == newest[1:], reversed(turn.reads))][-1]
    return now_ms - first.at_ms >= SETTLE_MS > newest.at_ms - first.at_ms


def shows_no_cost(turn: Turn) -> bool:
    """Whether the worker was idle at the newest reading, with the amounts from before the turn."""
    if not turn.reads or turn.reads[-1].busy:
        return False
    return _is_without_cost(turn, turn.reads[-1])


def _is_without_cost(turn: Turn, read: FigureRead) -> bool:
    before = turn.before
    earlier = (None, None) if before is None else (before.cost_usd, before.usage.credits)
    pairs = zip((cost_of(read.usage, read.costs), read.usage.credits), earlier, strict=True)
    return all(not now or now == then for now, then in pairs)


def judge(turn: Turn) -> tuple[TurnStatus, Fault | None]:
    """The status and the fault of a turn whose answer has ended. The fault quotes the service."""
    failure = failure_text(turn)
    if failure is not None:
        return TurnStatus.FAILED, Fault(ErrorKind.STREAM_ERROR, failure)
    reason = incomplete_reason(turn)
    if reason is not None:
        return TurnStatus.INCOMPLETE, Fault(ErrorKind.INCOMPLETE, reason)
    return TurnStatus.COMPLETED, None


def failure_text(turn: Turn) -> str | None:
    """The service's reason why a turn failed; None when it did not fail."""
    if turn.errors:
        return turn.errors[-1]
    if turn.aborted:
        return turn.abort_reason or "The run was aborted on the server."
    snapshot = turn.snapshot
    if snapshot is not None and snapshot.failed and not snapshot.busy:
        return snapshot.error or f"The worker reports the status {snapshot.status}."
    if turn.finish_reason == "error":
        return "The answer ended with an error."
    return None


def ended_well(turn: Turn) -> bool:
    """Whether the stream reported that the answer is complete, and no failure."""
    return turn.finished and not (turn.errors or turn.aborted or turn.finish_reason == "error")


def incomplete_reason(turn: Turn) -> str | None:
    """Why an answer that has ended is incomplete; None when it is complete."""
    if turn.incomplete is not None:
        return turn.incomplete
    snapshot = turn.snapshot
    if snapshot is not None and not snapshot.busy:
        if snapshot.incomplete is not None:
            return snapshot.incomplete
        if snapshot.status == "incomplete":
            return "The worker marked its answer as incomplete."
    if turn.finish_reason in CUT_SHORT:
        return f"The answer was cut short ({turn.finish_reason})."
    if any(part.state is ToolState.APPROVAL_REQUESTED for part in parts_of(turn.parts, ToolPart)):
        return "A tool call needs an approval that cannot be given here."
    return None


def fault_of(fields: JsonObject) -> Fault | None:
    """The inverse of `fault_object`; None without a fault."""
    kind = text_at(fields, "kind")
    if kind is None:
        return None
    status, wait = fields.get("http_status"), fields.get("retry_after_s")
    return Fault(
        kind=ErrorKind(kind),
        message=string_at(fields, "message"),
        http_status=status if isinstance(status, int) else None,
        retry_after_s=float(wait) if isinstance(wait, int | float) else None,
        may_have_been_charged=fields.get("may_have_been_charged") is not False,
    )


def fault_object(fault: Fault | None) -> JsonObject | None:
    """A fault as JSON: the `error` of a document, see `documents.Problem`."""
    if fault is None:
        return None
    return {
        "kind": str(fault.kind),
        "message": fault.message,
        "http_status": fault.http_status,
        "retry_after_s": fault.retry_after_s,
        "may_have_been_charged": fault.may_have_been_charged,
    }


def outcome_object(status: TurnStatus, fault: Fault | None, *, recovered: bool = False) -> JsonObject:
    """How a turn ended, as JSON: the data of a `SETTLED` marker frame."""
    return {"status": status, "recovered": recovered, "fault": fault_object(fault)}
