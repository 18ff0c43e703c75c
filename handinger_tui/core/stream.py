"""What arrived from the service: frames, pieces of a response exactly as they arrived; snapshots of workers.

A turn is stored as a list of frames. Frames from the wire keep their raw text. Markers are frames of our own
that record what no server says (a stream was opened, a connection was lost, how the turn was settled). Every
view of a turn is computed from its frames by `core.turns.fold`.

A snapshot is one Worker as it was read at one moment, with its usage and costs. Unknown is not zero: every
member is None until a valid number arrived, and arithmetic with None stays None. Every member may be absent,
null, unknown or of the wrong type: what cannot be read becomes None or empty, and never raises. Source of the
members: the seed page "Continue a worker" (nine usage members, four cost categories); durationMs since Python
SDK 0.3.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from msgspec import Struct, field
from msgspec.structs import astuple

from handinger_tui.core.amounts import EXACT, PLACES, json_amount, tidy
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
    """A piece of a plain text body; `data` is appended to the text so far."""
    JSON = "json"
    """A complete JSON body; `event` is a `ReadReason`."""
    NOTE = "note"
    """Written by this program; `event` is a `Marker`, `data` a JSON object."""


class StreamRoute(StrEnum):
    """The kind of request that a stream or body answers."""

    POST = "post"
    REPLAY = "replay"
    """GET …?stream=true"""
    SUBSCRIBE = "subscribe"
    """GET …/stream"""
    GET = "get"


class ReadReason(StrEnum):
    """Why a Worker was read (the `event` of a JSON frame)."""

    BEFORE = "before"
    """The worker as it was before this turn."""
    ANSWER = "answer"
    """The Worker is the answer to our POST."""
    DURING = "during"
    """A poll while the turn is running."""
    MONEY = "money"
    """A poll for usage and costs during a stream; its text is not used."""
    AFTER = "after"
    """The snapshot that settles the turn: it wins over the stream."""


class Marker(StrEnum):
    """Types of our own frames between the frames of the wire."""

    OPENED = "opened"
    """{via, status, content_type, encoding, worker_id}: a response began. The body
    of a replay or subscription replaces the answer so far."""
    CLOSED = "closed"
    """{clean: bool, kind, detail, worker_id}: the response ended (clean) or was lost.

    `worker_id`: a new worker that the lost response names all the same."""
    SENDING = "sending"
    """{worker_id, begun}: from here on, the one POST that starts the turn may have left.

    `begun`: the target that it begins, where that is known before the answer."""
    ASKED = "asked"
    """{times}: how many messages of the worker had exactly this prompt before we sent it, as read, or, where
    it could not be read, as earlier turns show."""
    RETRYING = "retrying"
    """{attempt, wait_ms, reason}: a GET will be repeated."""
    SETTLED = "settled"
    """{status, recovered, fault}: how the turn ended for us; see `TurnStatus`."""
    WATCHING = "watching"
    """{}: a settled turn is being watched again."""


# Named tuples, since one of each is made for every token and frozen dataclasses are slower to create.
class RawFrame(NamedTuple):
    """A frame as `api` yields it, before the engine adds its number and time."""

    framing: Framing
    data: str
    event: str = ""
    id: str | None = None


class Frame(NamedTuple):
    """A stored frame. `seq` counts from 0 within its turn; `at_ms` is Unix time in milliseconds."""

    seq: int
    at_ms: int
    framing: Framing
    data: str
    event: str = ""
    id: str | None = None


UNREADABLE: Final = "(unreadable)"
"""Replaces a damaged text: SQLite has no checksums, and one bad byte must not make everything unreadable.
A damaged frame becomes a JSON frame with this text, which the fold skips."""


# -- compaction ---------------------------------------------------------------------
# Compaction makes a second list of frames, in which each run of deltas to one text is one delta, so that a
# long session opens quickly; `fold` computes the same turn from both. The ledger stores both, compressed.
COMPACTION_RULE: Final = 1
"""Version of the compaction rule. Stored compactions of another version are not read."""
DELTAS: Final = ("text-delta", "reasoning-delta")
_HALF_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_DELTA_FIELDS: Final = {"type", "id", "delta"}


def compacted(frames: Iterable[Frame]) -> list[Frame]:
    """The frames with each run of deltas joined into one, which has number and time of the run's first."""
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
    """The fields of a plain delta, else None. A delta with half a surrogate pair is never joined."""
    if (
        frame.framing is not Framing.SSE
        or frame.event
        or frame.id is not None
        or "-delta" not in frame.data[:40]
    ):
        return None
    data = frame.data
    # ASCII without \u escapes cannot hold half a pair; this check is cheaper than the search.
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
def amount(value: Json) -> Decimal | None:
    """A reported amount (USD, credits): a finite number from 0, see `amounts.tidy`, else None.

    Strings, booleans, NaN, infinities and negatives are not numbers here.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    number_or_none = tidy(number)
    return None if number_or_none is None or number_or_none < 0 else number_or_none


TOO_MANY: Final = 10**PLACES
"""Counts from here on are ignored as noise."""


def count(value: Json) -> int | None:
    """A reported count (tokens, steps, milliseconds): a whole number from 0, else None."""
    if type(value) is int:
        # A fast path for plain integers, with the same rule as below.
        return value if 0 <= value < TOO_MANY else None
    number = amount(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


class _Numbers(Struct, frozen=True):
    """Member-wise arithmetic shared by `Usage` and `Costs`; a difference with None is None."""

    @property
    def members(self) -> tuple[Any, ...]:
        """Every number, in order."""
        return astuple(self)

    def __sub__(self, other: Self) -> Self:
        pairs = zip(self.members, other.members, strict=True)
        with localcontext(EXACT):
            return type(self)(*[None if a is None or b is None else a - b for a, b in pairs])

    @property
    def reported(self) -> bool:
        """Whether any member was reported."""
        return any(value is not None for value in self.members)

    def filled_from(self, earlier: Self) -> Self:
        """The same numbers; a missing member is taken from `earlier`."""
        pairs = zip(self.members, earlier.members, strict=True)
        return type(self)(*[old if new is None else new for new, old in pairs])


class Usage(_Numbers, frozen=True):
    """The usage that a Worker reports. Tokens and steps are counts; `cost_usd` is in USD."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    total_tokens: int | None = None
    steps: int | None = None
    credits: Decimal | None = None
    cost_usd: Decimal | None = None
    duration_ms: int | None = None


class Costs(_Numbers, frozen=True):
    """The four cost categories in USD."""

    model_usd: Decimal | None = None
    tool_usd: Decimal | None = None
    sandbox_usd: Decimal | None = None
    internal_usd: Decimal | None = None

    def total(self) -> Decimal | None:
        """The sum of all four; None unless all four are known."""
        model, tool, sandbox, internal = self.model_usd, self.tool_usd, self.sandbox_usd, self.internal_usd
        if model is None or tool is None or sandbox is None or internal is None:
            return None
        return EXACT.add(EXACT.add(model, tool), EXACT.add(sandbox, internal))


def cost_of(usage: Usage, costs: Costs) -> Decimal | None:
    """The cost in USD: as reported, else the sum of the four categories."""
    return usage.cost_usd if usage.cost_usd is not None else costs.total()


def figures_object(group: Usage | Costs) -> JsonObject:
    """Usage or costs in JSON: amounts as decimal text, counts as numbers, null where not reported."""
    pairs = zip(group.__struct_fields__, group.members, strict=True)
    return {name: value if isinstance(value, int) else json_amount(value) for name, value in pairs}


NO_USAGE: Final = Usage()
NO_COSTS: Final = Costs()
ZERO_USAGE: Final = Usage(0, 0, 0, 0, 0, 0, 0, Decimal(0), Decimal(0), 0)
"""The usage of a worker before its first turn: real zeros, not unknown values."""
ZERO_COSTS: Final = Costs(Decimal(0), Decimal(0), Decimal(0), Decimal(0))

_USAGE_COUNTS: Final = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "reasoning_tokens": "reasoningTokens",
    "cache_read_tokens": "cacheReadTokens",
    "cache_write_tokens": "cacheWriteTokens",
    "total_tokens": "totalTokens",
    "steps": "steps",
    "duration_ms": "durationMs",
}


def usage_of(wire: Mapping[str, Json]) -> Usage:
    """Read the `usage` member of a Worker; invalid values become None."""
    counts = {name: count(wire.get(wire_name)) for name, wire_name in _USAGE_COUNTS.items()}
    return Usage(**counts, credits=amount(wire.get("credits")), cost_usd=amount(wire.get("costUsd")))


def costs_of(wire: Mapping[str, Json]) -> Costs:
    """Read the `costs` member of a Worker; invalid values become None."""
    return Costs(
        model_usd=amount(wire.get("modelCostUsd")),
        tool_usd=amount(wire.get("toolCostUsd")),
        sandbox_usd=amount(wire.get("sandboxCostUsd")),
        internal_usd=amount(wire.get("internalCostUsd")),
    )


BUSY: Final = frozenset({"running", "pending", "queued", "in_progress", "starting"})
FAILED: Final = frozenset({"error", "failed", "aborted", "cancelled", "canceled"})
ENDED: Final = FAILED | {"completed", "incomplete"}


class FilePart(Struct, frozen=True):
    """A file that the worker made. `url` is untrusted: http(s), a data: URL or any other text."""

    url: str
    media_type: str
    filename: str | None = None
    size: int | None = None
    """Bytes."""
    in_reasoning: bool = False


class SourcePart(Struct, frozen=True):
    """A source that the worker used. A document has no `url`, but `media_type` and `filename`."""

    source_id: str
    url: str | None
    title: str | None = None
    media_type: str | None = None
    filename: str | None = None


class CustomPart(Struct, frozen=True):
    """A part of a kind that is stored but not interpreted (custom, steering-message)."""

    kind: str
    raw: JsonObject


class Snapshot(Struct, frozen=True):
    """The readable members of one Worker; amounts are exact decimals."""

    worker_id: str | None = None
    status: str | None = None
    running_flag: bool | None = None
    output_text: str | None = None
    error: str | None = None
    incomplete: str | None = None
    title: str | None = None
    url: str | None = None
    template: str | None = None
    """The stored worker that it was made from, where there are such."""
    trigger: str | None = None
    """What its first turn was started by, where the service says so."""
    messages: tuple[JsonObject, ...] = ()
    lists_messages: bool = False
    """Whether the Worker has a list of messages, even an empty one."""
    prompts: int | None = None
    """How many user messages the Worker has, also where only some are stored; None: unknown."""
    files: tuple[FilePart, ...] = ()
    sources: tuple[SourcePart, ...] = ()
    usage: Usage = NO_USAGE
    costs: Costs = NO_COSTS
    own_usage: Usage | None = None
    """What the service reports for the one turn to which the Worker was reduced, where it does that."""
    by_turn: bool = False
    """Whether it reports the usage of each turn, and `totals` for all of them."""
    totals: Usage = NO_USAGE
    structured_output: Json = None
    metadata: JsonObject = field(default_factory=dict)
    created_at: int | None = None
    """Unix time in milliseconds (seconds on the wire below 1e11)."""

    @property
    def busy(self) -> bool:
        """Whether the worker may still be running: True unless it says that it is done.

        `running` decides where it is a boolean. Without it an unknown status counts as busy, and a
        worker without a status is done when it has an answer or an error to show.
        """
        if self.running_flag is not None:
            return self.running_flag
        if self.status is None:
            return not self.output_text and self.error is None
        return self.status not in ENDED

    @property
    def unfinished(self) -> bool:
        """Whether the status is none of `ENDED` (pending, queued or unknown), even when not busy."""
        return self.status is not None and self.status not in ENDED

    @property
    def unused(self) -> bool:
        """Whether the worker was never used: an empty list of messages, no answer, no error, no usage."""
        has_traces = self.messages or self.output_text or self.error or any(self.usage.members)
        return self.lists_messages and not has_traces

    @property
    def silent(self) -> bool:
        """Whether it says nothing about the worker's state: no status, no text, no error, no messages."""
        values = (self.status, self.running_flag, self.output_text, self.error)
        return all(value is None for value in values) and not self.messages

    @property
    def cost_usd(self) -> Decimal | None:
        """The total cost in USD: as reported, else the sum of the four categories."""
        return cost_of(self.usage, self.costs)

    @property
    def failed(self) -> bool:
        """Whether the service reports that the run failed."""
        return self.error is not None or self.status in FAILED


def is_worker(value: Json) -> bool:
    """Whether a value is a Worker: by its `object` member, or by the characteristic members of one."""
    fields = as_object(value)
    if fields.get("object") == "worker":
        return True
    return "status" in fields and ("output_text" in fields or "running" in fields) and "type" not in fields


WRAPPERS: Final = ("worker", "data")
"""Members of an answer or event under which the Worker may be nested."""


def worker_in(wire: JsonObject) -> JsonObject | None:
    """The Worker that an object is or contains; None when there is none."""
    if is_worker(wire):
        return wire
    inner = (as_object(wire.get(wrapper)) for wrapper in WRAPPERS)
    return next((worker for worker in inner if is_worker(worker)), None)


PROMPTS: Final = "handinger_tui_prompts"
"""Member of a Worker as we store it, reduced to one turn: how many user messages it had."""


OWN: Final = "handinger_tui_turn_usage"
"""Member of a Worker as we store it: the usage of the turn to which it is reduced."""


_FIGURES: Final = frozenset(
    {"usage", "totalUsage", "totalTokens", "totals", "costs", OWN, "credits", "costUsd"}
    | {"modelCostUsd", "toolCostUsd", "sandboxCostUsd", "internalCostUsd"}
)
"""Members in which services report figures, wherever they stand."""


def without_figures(value: Json) -> Json:
    """What a service sent, as if it had reported no usage and no costs."""
    if isinstance(value, list):
        return [*map(without_figures, value)]
    if not isinstance(value, dict):
        return value
    return {name: without_figures(one) for name, one in value.items() if not _is_figure(name, one)}


def _is_figure(name: str, value: Json) -> bool:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return name in _FIGURES and (is_number or isinstance(value, dict))


def own_usage(message: JsonObject) -> Usage | None:
    """The usage that the service reports for the turn that a message ends; None where it reports none."""
    return usage_of(as_object(message["usage"])) if isinstance(message.get("usage"), dict) else None


def _prompts(wire: JsonObject) -> int | None:
    stored = count(wire.get(PROMPTS))
    messages = wire.get("messages")
    if stored is not None or not isinstance(messages, list):
        return stored
    users = [message for message in map(as_object, messages) if message.get("role") == "user"]
    # A message without an id may be one that we stored, which stands for several.
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
        template=as_text(wire.get("template")),
        trigger=as_text(wire.get("trigger")) if "totals" in wire else None,
        messages=tuple(item for item in as_list(wire.get("messages")) if isinstance(item, dict)),
        lists_messages=isinstance(wire.get("messages"), list),
        prompts=_prompts(wire),
        files=tuple(_files(wire)),
        sources=tuple(_sources(wire)),
        usage=usage_of(as_object(wire.get("usage"))),
        costs=costs_of(as_object(wire.get("costs"))),
        own_usage=usage_of(as_object(wire[OWN])) if OWN in wire else None,
        by_turn="totals" in wire,
        totals=usage_of(as_object(wire.get("totals"))),
        structured_output=wire.get("structured_output"),
        metadata=as_object(wire.get("metadata")),
        created_at=_milliseconds(wire.get("created_at")),
    )


ANOTHER_WORKER: Final = "The service answered for a different worker. The answer was ignored."


def names_another(worker_id: str | None, expected: str | None) -> bool:
    """Whether an answer names another worker than the expected one. An answer without an id does not."""
    return bool(worker_id) and expected is not None and worker_id != expected


class WorkerBody(Struct, frozen=True):
    """A response body with a Worker: its original text, the parsed object, and the snapshot.

    A body is parsed once, where it arrives. `wire` comes from `parse_exact` and must not be changed.
    """

    text: str
    wire: JsonObject
    snapshot: Snapshot


def body_of(text: str, wire: JsonObject | None = None) -> WorkerBody:
    """Read a body; pass `wire` if it is parsed already. JSON that is not an object gives an empty snapshot.

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
    """A one-line reason from an error of any shape; None for null, false and empty values."""
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


def _milliseconds(value: Json) -> int | None:
    number = count(value)
    if number is None or number > 10**15:
        return None
    return number if number >= 10**11 else number * 1000
