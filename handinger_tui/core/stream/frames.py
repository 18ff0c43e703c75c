"""Frames: what arrived, exactly as it arrived, one at a time.

A turn is a list of frames and nothing else. Frames from the wire keep their
raw text; notes are frames of our own that record what no server says (a
stream was opened, a connection was lost, how the turn was settled). Every
view of a turn is computed from its frames by `core.fold`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Framing(StrEnum):
    """How one frame was cut out of a body."""

    SSE = "sse"
    """One event of an event stream; `event` and `id` are its fields."""
    LINES = "lines"
    """One line of a line-delimited body (NDJSON, AI SDK 4 data stream)."""
    TEXT = "text"
    """A run of a plain text body; `data` is to be appended."""
    JSON = "json"
    """A whole JSON body; `event` says which look it was, see `ReadReason`."""
    NOTE = "note"
    """Written by this program; `event` is a `Marker`, `data` a JSON object."""


class StreamRoute(StrEnum):
    """Which request a stream or body answers."""

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
    """The Worker was the answer to our POST."""
    DURING = "during"
    """A poll while the turn was running."""
    MONEY = "money"
    """A poll for usage and costs beside a running stream; says nothing about text."""
    AFTER = "after"
    """The reading that settles the turn: it wins over the stream."""


class Marker(StrEnum):
    """Our own remarks between the frames of the wire."""

    OPENED = "opened"
    """{via, status, content_type, encoding, worker_id}: a response began. A
    body that is not the first of its turn is a replay and replaces the answer."""
    CLOSED = "closed"
    """{clean: bool, kind, detail}: that response ended (clean) or was lost."""
    SENDING = "sending"
    """{worker_id}: the request that starts the turn may leave from here on (one POST)."""
    ASKED = "asked"
    """{times}: how often exactly this prompt already stood in the worker before we sent it."""
    RETRYING = "retrying"
    """{attempt, wait_ms, reason}: a GET will be repeated."""
    SETTLED = "settled"
    """{status, recovered, fault}: how the turn ended for us; see `core.turn`."""
    WATCHING = "watching"
    """{}: a settled turn is being watched again."""


# Tuples: one of each is made for every token, and a frozen dataclass takes three times as long.
class RawFrame(NamedTuple):
    """A frame before the engine has numbered and dated it (what `api` yields)."""

    framing: Framing
    data: str
    event: str = ""
    id: str | None = None


class Frame(NamedTuple):
    """`seq` counts from 0 within its turn; `at_ms` is Unix time in milliseconds."""

    seq: int
    at_ms: int
    framing: Framing
    data: str
    event: str = ""
    id: str | None = None
