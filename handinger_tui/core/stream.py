"""What arrived from the service: frames (pieces of responses exactly as they arrived) and worker snapshots.

A turn is stored as a list of frames. Frames from the wire keep their raw text. Markers are our own frames,
for what no server sends: a stream was opened, a connection was lost, how the turn was settled.
`core.turns.fold` computes every view of a turn from its frames.

A snapshot is one Worker as read at one moment, with usage and costs (`core.figures`). Any member may be
absent, null or of the wrong type; then it is None or empty, and nothing is raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct, field

from handinger_tui.core.figures import (
    FIGURES,
    NO_COSTS,
    NO_USAGE,
    Costs,
    Usage,
    amount,
    cost_of,
    costs_of,
    count,
    usage_of,
)
from handinger_tui.core.formatting import LATEST_MS, moment_of
from handinger_tui.core.jsontext import (
    Json,
    JsonObject,
    NotJson,
    as_list,
    as_object,
    as_text,
    dump,
    parse,
    parse_exact,
)


# -- frames ------------------------------------------------------------------------------------
class Framing(StrEnum):
    """How a frame was cut out of a body."""

    SSE = "sse"
    """One event of an event stream; `event` and `id` are its fields."""
    LINES = "lines"
    """One line of a line-delimited body (NDJSON, AI SDK 4 data stream)."""
    TEXT = "text"
    """A piece of a plain text body."""
    JSON = "json"
    """A complete JSON body; `event` is a `ReadReason`."""
    NOTE = "note"
    """A frame of our own; `event` is a `Marker`, `data` a JSON object."""


FRAMINGS: Final = {str(framing): framing for framing in Framing}
STREAMED: Final = frozenset({Framing.SSE, Framing.LINES, Framing.TEXT})
"""Pieces of a body that arrives bit by bit. The others are complete JSON values."""


class StreamRoute(StrEnum):
    """The request to which a stream or body is the response."""

    POST = "post"
    REPLAY = "replay"
    """GET …?stream=true"""
    SUBSCRIBE = "subscribe"
    """GET …/stream"""


class ReadReason(StrEnum):
    """Why a Worker was read (the `event` of a JSON frame)."""

    BEFORE = "before"
    """To know the worker before this turn."""
    ANSWER = "answer"
    """It is the answer to our POST."""
    DURING = "during"
    """A poll during the turn."""
    MONEY = "money"
    """A poll for usage and costs during a stream; its text is not used."""
    AFTER = "after"
    """To settle the turn; it wins over the stream."""


class Marker(StrEnum):
    """Types of our own frames."""

    OPENED = "opened"
    """{via, status, content_type, encoding, worker_id}: a response began.

    The body of a replay or a subscription replaces the answer so far."""
    CLOSED = "closed"
    """{clean: bool, kind, detail, worker_id}: the response ended (clean) or was lost.

    `worker_id`: a new worker that the lost response names."""
    SENDING = "sending"
    """{worker_id, begun}: from now on, the POST that starts the turn may have left.

    `begun`: the target that it creates, if we chose its id."""
    ASKED = "asked"
    """{times}: how many messages of the worker had exactly this prompt before we sent it, as read, or, where
    it could not be read, as earlier turns show."""
    RETRYING = "retrying"
    """{attempt, wait_ms, reason}: a GET will be repeated."""
    SETTLED = "settled"
    """{status, recovered, fault}: how the turn ended; see `TurnStatus`."""
    WATCHING = "watching"
    """{}: a settled turn is watched again."""


# Named tuples, since one of each is created for every token, and frozen dataclasses are slower.
class RawFrame(NamedTuple):
    """A frame from `api`, before the engine adds its number and time."""

    framing: Framing
    data: str
    event: str = ""
    id: str | None = None


class Frame(NamedTuple):
    """A stored frame. `seq`: from 0 within its turn; `at_ms`: Unix milliseconds."""

    seq: int
    at_ms: int
    framing: Framing
    data: str
    event: str = ""
    id: str | None = None


UNREADABLE: Final = "(unreadable)"
"""Replaces a damaged text: SQLite has no checksums, and a bad byte must not make everything unreadable.

A damaged frame becomes a JSON frame with this text, which the fold skips."""


# -- compaction ---------------------------------------------------------------------
# Compaction joins each run of deltas for a text into one delta, so that a long session opens quickly. `fold`
# computes the same turn from the result. The ledger stores both lists of frames, compressed.
COMPACTION_RULE: Final = 1
"""The version of the compaction rule. Stored results of other versions are not read."""
DELTAS: Final = ("text-delta", "reasoning-delta")
_HALF_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_DELTA_FIELDS: Final = {"type", "id", "delta"}


def compacted(frames: Iterable[Frame]) -> list[Frame]:
    """The frames, with each run of deltas joined into one with the number and time of the first."""
    result: list[Frame] = []
    run: list[str] = []
    first: Frame | None = None
    run_key: tuple[Json, Json] | None = None
    for frame in frames:
        delta = _delta(frame)
        key = None if delta is None else (delta["type"], delta["id"])
        if key != run_key and first is not None:
            result.append(_joined_delta(first, run_key, run))
            first, run = None, []
        if delta is None:
            result.append(frame)
            continue
        if first is None:
            first, run_key = frame, key
        run.append(str(delta["delta"]))
    if first is not None:
        result.append(_joined_delta(first, run_key, run))
    return result


def _delta(frame: Frame) -> dict[str, Json] | None:
    """The fields of a delta that may be joined, else None. Half a surrogate pair must not be joined."""
    if (
        frame.framing is not Framing.SSE
        or frame.event
        or frame.id is not None
        or "-delta" not in frame.data[:40]
    ):
        return None
    data = frame.data
    # A fast check: ASCII without \u escapes has no half pair.
    if ("\\u" in data or not data.isascii()) and _HALF_PAIR.search(data):
        return None
    try:
        fields = as_object(parse(data))
    except NotJson:
        return None
    is_plain = fields.keys() == _DELTA_FIELDS and fields["type"] in DELTAS
    return fields if is_plain and isinstance(fields["id"], str) and isinstance(fields["delta"], str) else None


def _joined_delta(first: Frame, run_key: tuple[Json, Json] | None, run: list[str]) -> Frame:
    if len(run) == 1 or run_key is None:
        return first
    data = dump({"type": run_key[0], "id": run_key[1], "delta": "".join(run)})
    return Frame(first.seq, first.at_ms, Framing.SSE, data)


# -- snapshots of the worker -------------------------------------------------------------------
_FIRST_MS: Final = 946_684_800_000
"""The year 2000: no service has a time before it."""
_MILLISECONDS_FROM: Final = 10**11
"""A number from here on is in milliseconds, a smaller one in seconds."""


def time_ms(value: Json) -> int | None:
    """A reported time (ISO 8601, Unix seconds or milliseconds) in Unix milliseconds; None if it is none."""
    if isinstance(value, str):
        moment = moment_of(value)
        number = None if moment is None else Decimal(round(moment.timestamp() * 1000))
    else:
        number = amount(value)
        number = number * 1000 if number is not None and number < _MILLISECONDS_FROM else number
    return int(number) if number is not None and _FIRST_MS <= number <= LATEST_MS else None


FAILED: Final = frozenset({"error", "failed", "aborted", "cancelled", "canceled"})
ENDED: Final = FAILED | {"completed", "incomplete"}


class FilePart(Struct, frozen=True):
    """A file that the worker created. `url` is untrusted: http(s), a data: URL or any other text."""

    url: str
    media_type: str
    filename: str | None = None
    size: int | None = None
    """Bytes."""


class SourcePart(Struct, frozen=True):
    """A source that the worker used. A document has no `url`, but `media_type` and `filename`."""

    source_id: str
    url: str | None
    title: str | None = None
    media_type: str | None = None
    filename: str | None = None


class CustomPart(Struct, frozen=True):
    """A part that is stored but not interpreted (custom, steering-message)."""

    kind: str
    raw: JsonObject


class Snapshot(Struct, frozen=True):
    """The members of one Worker that we use; amounts are exact decimals."""

    worker_id: str | None = None
    status: str | None = None
    running_flag: bool | None = None
    output_text: str | None = None
    error: str | None = None
    incomplete: str | None = None
    title: str | None = None
    url: str | None = None
    """Its address in the dashboard; untrusted."""
    created_ms: int | None = None
    """When it was created, by the service's clock; of a task, when that was."""
    completed_ms: int | None = None
    """When its newest turn ended, by the service's clock."""
    metadata: JsonObject = field(default_factory=dict)
    stored_worker_id: str | None = None
    """The stored worker from which it was created (tasks generation)."""
    trigger: str | None = None
    """What started its first turn, if the service says so."""
    messages: tuple[JsonObject, ...] = ()
    lists_messages: bool = False
    """Whether the Worker has a list of messages, even an empty one."""
    prompts: int | None = None
    """How many user messages the Worker has, including those that were not stored; None: unknown."""
    files: tuple[FilePart, ...] = ()
    sources: tuple[SourcePart, ...] = ()
    usage: Usage = NO_USAGE
    costs: Costs = NO_COSTS
    own_usage: Usage | None = None
    """The usage that the service reports for the turn to which the Worker was reduced, if it does."""
    by_turn: bool = False
    """Whether the service reports the usage of each turn, and `totals` for all of them."""
    totals: Usage = NO_USAGE
    structured_output: Json = None

    @property
    def busy(self) -> bool:
        """Whether the worker may still be running.

        `running` decides if it is a boolean. Otherwise an unknown status counts as busy, and a worker without
        a status is busy unless it has an answer or an error.
        """
        if self.running_flag is not None:
            return self.running_flag
        if self.status is None:
            return not self.output_text and self.error is None
        return self.status not in ENDED

    @property
    def unfinished(self) -> bool:
        """Whether the status is not one of `ENDED` (pending, queued or unknown), even if it is not busy."""
        return self.status is not None and self.status not in ENDED

    @property
    def unused(self) -> bool:
        """Whether the worker was never used: its list of messages is empty; no answer, error or usage."""
        has_traces = self.messages or self.output_text or self.error or any(self.usage.members)
        return self.lists_messages and not has_traces

    @property
    def silent(self) -> bool:
        """Whether it has nothing about the state of the worker: no status, text, error or messages."""
        values = (self.status, self.running_flag, self.output_text, self.error)
        return all(value is None for value in values) and not self.messages

    @property
    def cost_usd(self) -> Decimal | None:
        """The total cost in USD: as reported, or else the sum of the categories."""
        return cost_of(self.usage, self.costs)

    @property
    def failed(self) -> bool:
        """Whether the service reports that the run failed."""
        return self.error is not None or self.status in FAILED


def is_worker(value: Json) -> bool:
    """Whether a value is a Worker, by its `object` member or by characteristic members."""
    fields = as_object(value)
    if fields.get("object") == "worker":
        return True
    return "status" in fields and ("output_text" in fields or "running" in fields) and "type" not in fields


WRAPPERS: Final = ("worker", "data")
"""Members of an answer or event that may contain the Worker."""


def worker_in(wire: JsonObject) -> JsonObject | None:
    """The Worker that an object is or contains; None if there is none."""
    if is_worker(wire):
        return wire
    inner = (as_object(wire.get(wrapper)) for wrapper in WRAPPERS)
    return next((worker for worker in inner if is_worker(worker)), None)


PROMPTS: Final = "handinger_tui_prompts"
"""A member that we store in a Worker reduced to one turn: how many user messages it had."""
OWN_USAGE: Final = "handinger_tui_turn_usage"
"""A member that we store in a Worker: the usage of the turn to which it is reduced."""
_FIGURES: Final = frozenset(
    {"usage", "totalUsage", "totalTokens", "totals", "costs", OWN_USAGE}
    | {figure.wire for figure in FIGURES if figure.is_amount}
)
"""Members in which services report figures, at any depth."""


def without_figures(value: Json) -> Json:
    """The same value without usage and costs, at any depth."""
    if isinstance(value, list):
        return [*map(without_figures, value)]
    if not isinstance(value, dict):
        return value
    return {name: without_figures(one) for name, one in value.items() if not _is_figure(name, one)}


def _is_figure(name: str, value: Json) -> bool:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return name in _FIGURES and (is_number or isinstance(value, dict))


def own_usage(message: JsonObject) -> Usage | None:
    """The usage of a turn that the service reports in its last message; None if there is none."""
    return usage_of(as_object(message["usage"])) if isinstance(message.get("usage"), dict) else None


def _prompts(wire: JsonObject) -> int | None:
    stored = count(wire.get(PROMPTS))
    messages = wire.get("messages")
    if stored is not None or not isinstance(messages, list):
        return stored
    users = [message for message in map(as_object, messages) if message.get("role") == "user"]
    # A message without an id may be one that we stored in place of several.
    return len(users) if all(as_text(message.get("id")) for message in users) else None


def snapshot_of(answer: JsonObject) -> Snapshot:
    """Read a Worker, bare or nested, from an object parsed with `parse_exact`."""
    wire = worker_in(answer) or answer
    running = wire.get("running")
    return Snapshot(
        worker_id=as_text(wire.get("id")),
        status=as_text(wire.get("status")),
        running_flag=running if isinstance(running, bool) else None,
        output_text=_output_text(wire),
        error=reason_text(wire.get("error")),
        incomplete=reason_text(wire.get("incomplete_details")),
        title=as_text(wire.get("title")),
        url=as_text(wire.get("url")),
        created_ms=time_ms(wire.get("created_at")),
        completed_ms=time_ms(wire.get("completed_at")),
        metadata=as_object(wire.get("metadata")),
        stored_worker_id=as_text(wire.get("template")),
        trigger=as_text(wire.get("trigger")) if "totals" in wire else None,
        messages=tuple(item for item in as_list(wire.get("messages")) if isinstance(item, dict)),
        lists_messages=isinstance(wire.get("messages"), list),
        prompts=_prompts(wire),
        files=tuple(_files(wire)),
        sources=tuple(_sources(wire)),
        usage=usage_of(as_object(wire.get("usage"))),
        costs=costs_of(as_object(wire.get("costs"))),
        own_usage=usage_of(as_object(wire[OWN_USAGE])) if OWN_USAGE in wire else None,
        by_turn="totals" in wire,
        totals=usage_of(as_object(wire.get("totals"))),
        structured_output=wire.get("structured_output"),
    )


def figures_differ(before: Snapshot | None, now: Snapshot | None) -> bool:
    """Whether usage or costs differ between two reads."""
    if before is None or now is None:
        return before is not now
    return (before.usage, before.costs) != (now.usage, now.costs)


ANOTHER_WORKER: Final = "The service answered for a different worker. The answer was ignored."


def names_another(worker_id: str | None, expected: str | None) -> bool:
    """Whether an answer has the id of another worker than the expected one."""
    return bool(worker_id) and expected is not None and worker_id != expected


class WorkerBody(Struct, frozen=True):
    """A response body with a Worker: its text, the object from `parse_exact`, and the snapshot.

    It is parsed only once, when it arrives. Do not change `wire`.
    """

    text: str
    wire: JsonObject
    snapshot: Snapshot


def body_of(text: str, wire: JsonObject | None = None) -> WorkerBody:
    """The body with a text. `wire`: its object, if parsed. Without a JSON object, the snapshot is empty.

    Raises:
        NotJson: the text is not JSON.
    """
    fields = as_object(parse_exact(text)) if wire is None else wire
    return WorkerBody(text, fields, snapshot_of(fields))


def _output_text(wire: JsonObject) -> str | None:
    text = as_text(wire.get("output_text"))
    if text is not None:
        return text
    pieces = [
        as_text(as_object(piece).get("text"))
        for item in as_list(wire.get("output"))
        for piece in as_list(as_object(item).get("content"))
        if as_object(piece).get("type") == "output_text"
    ]
    texts = [piece for piece in pieces if piece is not None]
    return "".join(texts) if texts else None


def _files(wire: JsonObject) -> list[FilePart]:
    return [
        FilePart(
            url,
            as_text(item.get("mediaType")) or "application/octet-stream",
            as_text(item.get("filename")),
            count(item.get("size")),
        )
        for item in map(as_object, as_list(wire.get("files")))
        if (url := as_text(item.get("url"))) is not None
    ]


def _sources(wire: JsonObject) -> list[SourcePart]:
    return [
        SourcePart(as_text(item.get("id")) or "", url, as_text(item.get("title")))
        for item in map(as_object, as_list(wire.get("sources")))
        if (url := as_text(item.get("url"))) is not None
    ]


REASON_KEYS: Final = ("message", "msg", "reason", "detail", "error", "errors", "issues", "title", "code")


def reason_text(value: Json) -> str | None:
    """The reason in an error of any format, in one line; None for null, false and empty values."""
    if value is False or value in (None, {}, [], ""):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in REASON_KEYS:
            inner = reason_text(value.get(key))
            if inner is not None:
                return inner
    if isinstance(value, list):
        return "; ".join(filter(None, map(_issue_text, value[:5]))) or None
    return dump(value)


def _issue_text(issue: Json) -> str | None:
    text = reason_text(issue)
    path = as_list(as_object(issue).get("path")) or as_list(as_object(issue).get("loc"))
    location = ".".join(str(step) for step in path)
    return f"{location}: {text}" if location and text else text
