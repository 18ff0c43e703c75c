"""Replies: a successful response, judged by status and content type, read as pieces.

What a body is, is decided by its label, never by a look at its bytes: a page
of a captive portal or a mislabelled stream is left alone, and the engine asks
the worker instead.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from enum import Enum, auto
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from handinger_tui.api import body, faults
from handinger_tui.api.limits import Limits
from handinger_tui.api.lines import LineReader
from handinger_tui.api.pacing import pace
from handinger_tui.core.frames import Framing, Piece, Via
from handinger_tui.core.jsontext import Json, NotJson, parse
from handinger_tui.core.snapshot import reason_text, worker_in

if TYPE_CHECKING:
    import httpx

EVENT_STREAM: Final = "text/event-stream"
LINE_TYPES: Final = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
    }
)
STREAM_STATUSES: Final = frozenset({200, 201, 202})
"""An event stream under any other status is none (HTML standard; 201 and 202 are this API's)."""

_HEADERS: Final = {"x-vercel-ai-ui-message-stream": "ai-ui", "x-vercel-ai-data-stream": "ai4"}
_WORKER_PATH: Final = re.compile(r"(?:^|/)workers/([^/]+)(?:/stream)?/?$")
_WORKER_ID: Final = re.compile(r"[A-Za-z0-9_.:~-]{1,200}")


class _Form(Enum):
    NOTHING = auto()
    EVENTS = auto()
    LINES = auto()
    TEXT = auto()
    JSON = auto()


class HttpReply:
    """A 2xx response as the engine reads it (`engine.ports.Reply`)."""

    def __init__(self, response: httpx.Response, via: Via, limits: Limits) -> None:
        """Judge the response by its headers.

        Raises:
            BrokenContract: a content type or encoding that this API does not use.
        """
        self.via = via
        self.http_status = response.status_code
        self.content_type = media_type(response)
        self.encoding = next((name for header, name in _HEADERS.items() if header in response.headers), "")
        self.worker_id = _worker_id(response.headers)
        self._response = response
        self._limits = limits
        self._dropped = 0
        self._form = self._judged()
        if self._form is not _Form.NOTHING:
            body.unpacker(response)

    @property
    def dropped(self) -> int:
        """Events left out because they exceeded the event limit."""
        return self._dropped

    def _judged(self) -> _Form:
        kind, status = self.content_type, self.http_status
        if status in {204, 205} or self._response.headers.get("content-length") == "0":
            return _Form.NOTHING
        if kind == EVENT_STREAM and status in STREAM_STATUSES:
            return _Form.EVENTS
        if kind in LINE_TYPES:
            return _Form.LINES
        if kind == "text/plain":
            return _Form.LINES if self.encoding == "ai4" else _Form.TEXT
        if is_json(kind):
            return _Form.JSON
        if status == 202 and not kind:
            return _Form.TEXT  # Accepted, with no word about a body: it is empty, or judged in `_text`.
        raise faults.unexpected_content(kind)

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """The body, piece by piece; it simply ends where the HTTP body properly ended.

        Whether the answer is complete is not said by that: see `engine.settle`.

        Raises:
            StreamLost: cut, silent for too long, too large.
            BrokenContract: labelled JSON and none.
            Refused: an error object under a good status.
        """
        if self._form is _Form.NOTHING:
            return
        if self._form is _Form.JSON:
            found = self._json(
                await body.whole(self._response, self._limits.idle_timeout, self._limits.max_json_bytes)
            )
            if found is not None:
                yield found
            return
        pace(self._response)
        chunks = body.chunks(self._response, self._limits.idle_timeout, self._limits.max_turn_bytes)
        async with aclosing(chunks):
            read = {_Form.EVENTS: self._events, _Form.LINES: self._lines}.get(self._form, self._text)
            # Every generator is closed in the task that reads it, also when that is cancelled.
            async with aclosing(read(chunks)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _events(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[Piece, None]:
        from handinger_tui.api.sse import SseReader  # noqa: PLC0415 - httpx-sse, with httpx

        reader = SseReader(self._limits.max_event_bytes)
        async for chunk in chunks:
            pieces = reader.feed(chunk)
            self._dropped = reader.dropped
            for piece in pieces:
                yield piece
        # An event without its blank line is thrown away, as the standard wants.

    async def _lines(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[Piece, None]:
        reader = LineReader(self._limits.max_event_bytes)
        async for chunk in chunks:
            pieces = reader.feed(chunk)
            self._dropped = reader.dropped
            for piece in pieces:
                yield piece
        for piece in reader.end():
            yield piece
        self._dropped = reader.dropped

    async def _text(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[Piece, None]:
        # Incremental: a chunk may end inside a character. The charset is ignored, as for events.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        async for chunk in chunks:
            if not self.content_type and chunk.strip():
                raise faults.unexpected_content("")
            if text := decoder.decode(chunk):
                yield Piece(Framing.TEXT, text)
        if text := decoder.decode(b"", final=True):
            yield Piece(Framing.TEXT, text)

    def _json(self, raw: bytes) -> Piece | None:
        text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
        if not text.strip():
            return None
        parsed_answer(text, self.http_status)
        return Piece(Framing.JSON, text)


def parsed_answer(text: str, status: int, read: Callable[[str], Json] = parse) -> dict[str, Json]:
    """A JSON body as an object.

    Raises:
        BrokenContract: no JSON, beyond reason, or no object.
        Refused: an error object.
    """
    try:
        value = read(text)
    except NotJson:
        looks = text.lstrip().startswith(("{", "["))
        raise (faults.undecodable("The answer") if looks else faults.mislabelled()) from None
    if not isinstance(value, dict):
        raise faults.undecodable("The answer")
    why = error_in(value)
    if why is not None:
        raise faults.refused_in_body(status, why)
    return value


def error_in(value: dict[str, Json]) -> str | None:
    """The reason in an error object.

    A Worker that failed is none: it ran, and cost. Nor is anything with an id:
    something may have been started, so it is not called free.
    """
    if worker_in(value) is not None or "type" in value or "id" in value:
        return None
    failed = value.get("success") is False or value.get("ok") is False
    told = reason_text(value.get("error")) or reason_text(value.get("errors"))
    return told or ((reason_text(value) or "no reason given") if failed else None)


def media_type(response: httpx.Response) -> str:
    """The media type in lower case, without parameters."""
    told: str = response.headers.get("content-type", "")
    return told.partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """application/json and its relatives."""
    return kind in {"application/json", "text/json"} or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _worker_id(headers: httpx.Headers) -> str | None:
    """From `x-worker-id`, else from a Location that names a worker or its stream."""
    told = headers.get("x-worker-id")
    if told is None:
        try:
            found = _WORKER_PATH.search(urlsplit(headers.get("location", "")).path)
        except ValueError:
            found = None
        told = unquote(found.group(1)) if found else ""
    told = told.strip()
    return told if _WORKER_ID.fullmatch(told) and told not in {".", ".."} else None
