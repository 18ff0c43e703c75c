"""Stream events: what frames mean, in one vocabulary that every dialect speaks.

Names follow the AI SDK UI message stream (see tests/wire/README.md), which is the richest dialect. What no
dialect understands becomes `Unknown`, with its raw text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Protocol

from msgspec import Struct, field

from handinger_tui.core.jsontext import Json, JsonObject
from handinger_tui.core.stream import CustomPart, FilePart, Snapshot, SourcePart


# -- text and reasoning ------------------------------------------------------------------------
class TextStarted(Struct, frozen=True):
    """A text part opens. `key` identifies it until it ends, and may be reused later."""

    key: str


class TextGrew(Struct, frozen=True):
    """`delta` extends the open text `key`, or opens it."""

    key: str
    delta: str


class TextEnded(Struct, frozen=True):
    """The text `key` is complete."""

    key: str


class TextReplaced(Struct, frozen=True):
    """`text` replaces the text of the open part `key`."""

    key: str
    text: str


class ReasoningStarted(Struct, frozen=True):
    """Like `TextStarted`; reasoning keys have their own namespace."""

    key: str


class ReasoningGrew(Struct, frozen=True):
    """Like `TextGrew`, for reasoning."""

    key: str
    delta: str


class ReasoningEnded(Struct, frozen=True):
    """Like `TextEnded`, for reasoning."""

    key: str


# -- tool calls --------------------------------------------------------------------------------
class ToolStarted(Struct, frozen=True):
    """A tool call begins; its input follows in pieces or at once."""

    call_id: str
    name: str
    title: str | None = None


class ToolInputGrew(Struct, frozen=True):
    """A piece of the JSON text of a call's input."""

    call_id: str
    delta: str


class ToolInputReady(Struct, frozen=True):
    """The input is complete. `name` is "" if the dialect does not repeat it."""

    call_id: str
    name: str
    input: Json
    title: str | None = None


class ToolApproval(Struct, frozen=True):
    """An approval request (`approved` None) or its response."""

    call_id: str
    approval_id: str
    approved: bool | None = None


class ToolOutput(Struct, frozen=True):
    """A result of a call. The next one replaces a preliminary one."""

    call_id: str
    output: Json
    preliminary: bool = False


class ToolFailed(Struct, frozen=True):
    """The call failed. `input`: the received input, if that was invalid (`has_input`)."""

    call_id: str
    error: str
    name: str = ""
    input: Json = None
    has_input: bool = False


class ToolDenied(Struct, frozen=True):
    """The user or the service refused the call."""

    call_id: str


# -- data --------------------------------------------------------------------------------------
class DataArrived(Struct, frozen=True):
    """Structured data. `name`: the type on the wire (data-…). Transient data does not become a part."""

    name: str
    data: Json
    data_id: str | None = None
    transient: bool = False


# -- message, step, end ------------------------------------------------------------------------
class MessageStarted(Struct, frozen=True):
    """An assistant message begins or continues. `message_id` None: the id does not change."""

    message_id: str | None = None
    metadata: JsonObject = field(default_factory=dict)


class MessageStored(Struct, frozen=True):
    """A complete stored message in a replay, as on the wire ({id, role, parts|content})."""

    message: JsonObject


class StepStarted(Struct, frozen=True):
    """One model call begins."""


class StepFinished(Struct, frozen=True):
    """One model call ends."""


class StepReset(Struct, frozen=True):
    """Every part since the last `StepStarted` is removed."""


class MetadataMerged(Struct, frozen=True):
    """Metadata to deep-merge into that of the message."""

    metadata: JsonObject


class UsageReported(Struct, frozen=True):
    """Token counts in the stream, with the member names of the dialect.

    They are never used as the usage of the turn, which Workers report.
    """

    usage: JsonObject


class WorkerRead(Struct, frozen=True):
    """A Worker in the stream, which replaces the answer so far."""

    snapshot: Snapshot


class Finished(Struct, frozen=True):
    """The message is complete. `reason`: as on the wire. Open parts stay open."""

    reason: str | None = None
    metadata: JsonObject = field(default_factory=dict)
    incomplete: str | None = None
    """Why the answer is incomplete, by the service."""


class Aborted(Struct, frozen=True):
    """The run was canceled on the server."""

    reason: str | None = None


class Failed(Struct, frozen=True):
    """The service reports an error in the stream; more may follow."""

    text: str
    in_message: bool = True
    """False if the stream failed (cf-streams `event: error`), not the message."""


class StreamDone(Struct, frozen=True):
    """The terminator of the stream ([DONE], event: done)."""


class Unknown(Struct, frozen=True):
    """An event that no dialect understands; it is skipped. `undecodable`: it should be JSON, but is not."""

    kind: str
    raw: str
    undecodable: bool = False


StreamEvent = (
    TextStarted | TextGrew | TextEnded | TextReplaced | ReasoningStarted | ReasoningGrew | ReasoningEnded
    | ToolStarted | ToolInputGrew | ToolInputReady | ToolApproval | ToolOutput | ToolFailed | ToolDenied
    | SourcePart | FilePart | CustomPart | DataArrived
    | MessageStarted | MessageStored | StepStarted | StepFinished | StepReset | MetadataMerged
    | UsageReported | WorkerRead | Finished | Aborted | Failed | StreamDone | Unknown
)  # fmt: skip


# -- dialects ----------------------------------------------------------------------------------
Events = Sequence[StreamEvent]

NO_EVENTS: tuple[StreamEvent, ...] = ()
"""The result for a known event without a meaning."""

UNNAMED_ERROR: Final = "The service reported an error without details."


class Dialect(Protocol):
    """Decodes the events of one body; an instance may have state.

    The methods never raise, and return None for events of other dialects. `kind`: the SSE event name, or "";
    `raw`: the text of the event.
    """

    name: ClassVar[str]
    """`encoding` of the headless result; "": the name of the current dialect does not change."""
    weak: ClassVar[bool] = False
    """Whether it is used only while no other dialect is detected in the body."""

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of a JSON event."""
        return None

    def read_text(self, kind: str, raw: str) -> Events | None:
        """The events of an event that is not JSON."""
        return None
