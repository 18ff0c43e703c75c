"""Turn: one prompt and all that came back. Immutable values, no behaviour of their own.

A part is identified by its position in `Turn.parts`; wire ids may repeat and
are used only while a part is open. An untouched part keeps its identity (`is`)
from one turn value to the next: views find changes that way.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Final

from handinger_tui.core.jsontext import Json
from handinger_tui.core.record import dataclass
from handinger_tui.core.stream.worker_snapshot import Snapshot
from handinger_tui.core.turns.rope import Rope

JsonObject = dict[str, Json]


class TurnStatus(StrEnum):
    """Where a turn stands. The last nine are settled and are the headless `status`."""

    QUEUED = "queued"
    """On disk, not yet on the wire."""
    SENDING = "sending"
    """The request may have left; no answer yet."""
    ACCEPTED = "accepted"
    """The service answers; text may be streaming."""
    CHECKING = "checking"
    """The connection was lost or is doubtful; GETs are finding out."""
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    RUNNING = "running"
    """Accepted and not finished while we watched; the worker may go on and spend."""
    REJECTED = "rejected"
    """The service said no; nothing started."""
    NOT_SENT = "not_sent"
    """Never reached a server."""
    NOT_DELIVERED = "not_delivered"
    """Doubtful at first; GETs showed no trace."""
    UNKNOWN = "unknown"
    """Doubtful and stays so."""


LIVE: Final = frozenset({TurnStatus.QUEUED, TurnStatus.SENDING, TurnStatus.ACCEPTED, TurnStatus.CHECKING})
"""Somebody is working on the turn right now."""
DRAFT: Final = frozenset(
    {TurnStatus.REJECTED, TurnStatus.NOT_SENT, TurnStatus.NOT_DELIVERED, TurnStatus.UNKNOWN}
)
"""The prompt was not surely delivered: it can still be edited and sent."""
FREE: Final = frozenset({TurnStatus.REJECTED, TurnStatus.NOT_SENT, TurnStatus.NOT_DELIVERED})
"""Nothing can have been charged."""


class Kind(StrEnum):
    """What went wrong, as scripts read it (product.md, section 3)."""

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


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a turn did not simply complete."""

    kind: Kind
    message: str
    http_status: int | None = None
    retry_after_s: float | None = None
    may_have_been_charged: bool = True


WITHDRAWN: Final = Fault(Kind.CONFLICT, "Withdrawn.", may_have_been_charged=False)
"""Why a turn was not sent that the person took back, or put another message in the place of."""


class ToolState(StrEnum):
    """States of a tool call, spelled as the AI SDK does."""

    INPUT_STREAMING = "input-streaming"
    INPUT_AVAILABLE = "input-available"
    APPROVAL_REQUESTED = "approval-requested"
    APPROVAL_RESPONDED = "approval-responded"
    OUTPUT_AVAILABLE = "output-available"
    OUTPUT_ERROR = "output-error"
    OUTPUT_DENIED = "output-denied"


@dataclass(frozen=True, slots=True)
class TextPart:
    """Answer text (Markdown). `open` while deltas may still come."""

    body: Rope = Rope()
    open: bool = True

    @property
    def text(self) -> str:
        """The whole text; joins the rope, so keep it out of per-delta paths."""
        return str(self.body)


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """What the worker thought aloud."""

    body: Rope = Rope()
    open: bool = True

    @property
    def text(self) -> str:
        """The whole text."""
        return str(self.body)


@dataclass(frozen=True, slots=True)
class ToolPart:
    """One tool call. `input` is final from INPUT_AVAILABLE on; until then `input_text` grows."""

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
    """The approval that was asked for, where one was."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file the worker made; `size` in bytes."""

    url: str
    media_type: str
    filename: str | None = None
    size: int | None = None
    in_reasoning: bool = False


@dataclass(frozen=True, slots=True)
class SourcePart:
    """A source the worker used; `url` None for documents."""

    source_id: str
    url: str | None
    title: str | None = None
    media_type: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class DataPart:
    """Structured data; `name` is the type as on the wire."""

    name: str
    data: Json
    data_id: str | None = None


@dataclass(frozen=True, slots=True)
class CustomPart:
    """A part of a kind we keep but do not interpret."""

    kind: str
    raw: JsonObject


@dataclass(frozen=True, slots=True)
class StepPart:
    """The border between two model calls."""


Part = TextPart | ReasoningPart | ToolPart | FilePart | SourcePart | DataPart | CustomPart | StepPart


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with the prompt: its identity when chosen. `size` in bytes."""

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
    """`handinger-tui -p`: a script, or one line in a shell."""
    ELSEWHERE = "elsewhere"
    """Another program, a schedule or an e-mail; we found it at the worker."""
    UNKNOWN = "unknown"
    """Charged before this was recorded."""


DEFAULT_BUDGET: Final = "standard"
"""What a turn gets that names no budget (published)."""


def level_of(budget: str | None, trigger: Trigger) -> str:
    """The level a turn had: `budget` where one is known; "" where others started it and nobody told us."""
    return budget or ("" if trigger is Trigger.ELSEWHERE else DEFAULT_BUDGET)


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What the person asked for. `worker_id` None means: create a new worker."""

    turn_id: str
    prompt: str
    created_ms: int
    worker_id: str | None = None
    budget: str | None = None
    attachments: tuple[Attachment, ...] = ()
    seen_before: int | None = None
    """How often exactly this prompt already stood in the worker; None when nobody looked."""
    trigger: Trigger = Trigger.UNKNOWN
    """What started it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A GET that failed and will be repeated: from `at_ms`, after `wait_ms`. `number` counts from 1."""

    number: int
    wait_ms: int
    at_ms: int
    reason: str


# Without slots: `replace` copies it in a tenth of the time.
@dataclass(frozen=True)
class Turn:
    """Everything known about one turn, computed from its order and its frames."""

    order: TurnRequest
    status: TurnStatus = TurnStatus.QUEUED
    parts: tuple[Part, ...] = ()
    message_id: str | None = None
    metadata: JsonObject = field(default_factory=dict)
    finish_reason: str | None = None
    incomplete: str | None = None
    finished: bool = False
    """A finish, a terminator or a settled Worker was seen."""
    aborted: bool = False
    abort_reason: str | None = None
    errors: tuple[str, ...] = ()
    """Errors of the answer, by the service's own words."""
    late_errors: tuple[str, ...] = ()
    """Errors that came after the answer had ended well: they undo nothing."""
    stream_fault: str | None = None
    """The service broke the stream off and said why (no error of the message)."""
    fault: Fault | None = None
    recovered: bool = False
    worker_id: str | None = None
    before: Snapshot | None = None
    snapshot: Snapshot | None = None
    """The newest reading of the worker since this turn began."""
    read_ms: int | None = None
    """When `snapshot` was read, Unix time in milliseconds."""
    stream_usage: JsonObject = field(default_factory=dict)
    encoding: str | None = None
    """The dialect seen, for people and for `encoding` of the headless result."""
    activity: str | None = None
    """What the worker last said it is doing (transient data, never stored as a part)."""
    retry: Retry | None = None
    """What we wait for while the service does not answer; None once it has."""
    replaced_text: str | None = None
    """Streamed text that the server's final text did not contain."""
    skipped: int = 0
    """Events that could not be decoded."""
    ignored: int = 0
    """Events of unknown type."""
    posts: int = 0
    """Requests that could have started this turn."""
    ended_ms: int | None = None
    open_text: tuple[tuple[str, int], ...] = ()
    """Open wire ids → positions of text parts."""
    open_reasoning: tuple[tuple[str, int], ...] = ()

    @property
    def turn_id(self) -> str:
        """The turn's own id, made by us."""
        return self.order.turn_id

    @property
    def may_spend(self) -> bool:
        """It left, or may have: what it takes is charged."""
        return self.status not in FREE and self.status is not TurnStatus.QUEUED

    @property
    def withdrawn(self) -> bool:
        """It was taken back before it was sent: nobody needs to see it again."""
        return self.status is TurnStatus.NOT_SENT and self.fault == WITHDRAWN

    @property
    def live(self) -> bool:
        """Somebody is working on it right now."""
        return self.status in LIVE

    @property
    def texts(self) -> tuple[str, ...]:
        """The text parts, in order."""
        return tuple(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def text(self) -> str:
        """All text parts joined, as `text` of the headless result."""
        return "".join(self.texts)

    @property
    def draft(self) -> str | None:
        """The prompt, whenever it was not surely delivered."""
        return self.order.prompt if self.status in DRAFT else None
