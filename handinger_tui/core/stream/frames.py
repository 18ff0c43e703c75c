"""Frames: the pieces of a response, exactly as they arrived.

A turn is stored as a list of frames. Frames from the wire keep their raw text.
Markers are frames of our own that record what no server says (a stream was
opened, a connection was lost, how the turn was settled). Every view of a turn
is computed from its frames by `core.turns.fold`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


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
    """{worker_id}: from here on, the one POST that starts the turn may have left."""
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
