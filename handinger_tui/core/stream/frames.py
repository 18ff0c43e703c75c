"""Frames: the pieces of a response, exactly as they arrived.

A turn is stored as a list of frames. Frames from the wire keep their raw text.
Markers are frames of our own that record what no server says (a stream was
opened, a connection was lost, how the turn was settled). Every view of a turn
is computed from its frames by `core.turns.fold`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from handinger_tui.core.jsontext import Json, NotJson, as_object, dump, parse


class Framing(StrEnum):
    """How a frame was cut out of a body."""

    SSE = "sse"
    """One event of an event stream; `event` and `id` are its fields."""
    LINES = "lines"
    """One line of a line-delimited body (NDJSON, AI SDK 4 data stream)."""
    TEXT = "text"
    """A piece of a plain text body; `data` is appended to the text so far."""
    JSON = "json"
    """A whole JSON body; `event` is a `ReadReason`."""
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
    """{clean: bool, kind, detail}: the response ended (clean) or was lost."""
    SENDING = "sending"
    """{worker_id, begun}: from here on, the one POST that starts the turn may have left.

    `begun`: the target that it begins, where that is known before the answer."""
    ASKED = "asked"
    """{times}: how many messages of the worker had exactly this prompt before we sent it."""
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
RULE: Final = 1
"""Version of the compaction rule. Stored compactions of another version are not read."""
DELTAS: Final = ("text-delta", "reasoning-delta")
_HALF_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_DELTA_FIELDS: Final = {"type", "id", "delta"}


def gathered(frames: Iterable[Frame]) -> list[Frame]:
    """The frames with each run of deltas joined into one, which has number and time of the run's first."""
    compacted: list[Frame] = []
    run: list[str] = []
    first: Frame | None = None
    run_key: tuple[Json, Json] | None = None
    for frame in frames:
        delta = _delta(frame)
        key = None if delta is None else (delta["type"], delta["id"])
        if key != run_key and first is not None:
            compacted.append(_joined_delta(first, run_key, run))
            first, run = None, []
        if delta is None:
            compacted.append(frame)
            continue
        if first is None:
            first, run_key = frame, key
        run.append(str(delta["delta"]))
    if first is not None:
        compacted.append(_joined_delta(first, run_key, run))
    return compacted


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
