"""Responses: judged by status and content type, unpacked in bounds, read as pieces."""

from __future__ import annotations

import asyncio
import codecs
import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import unquote, urlsplit

from handinger_tui.api import errors as faults
from handinger_tui.api.limits import Limits
from handinger_tui.api.lines import LineReader
from handinger_tui.api.read_ahead import Drain, pace
from handinger_tui.core.errors import ApiError
from handinger_tui.core.jsontext import Json, NotJson, parse
from handinger_tui.core.stream.frames import Framing, RawFrame, StreamRoute
from handinger_tui.core.stream.worker_snapshot import reason_text, worker_in

if TYPE_CHECKING:
    import httpx


PIECE: Final = 64 << 10
"""Bytes per piece: small enough that the event loop breathes between two of them."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_MAGIC: Final = b"\x1f"


class BadGzip(ValueError):
    """The bytes are no gzip. `started`: some of them were."""

    def __init__(self, *, started: bool) -> None:
        super().__init__("not gzip")
        self.started = started


class Gunzip:
    """One gzip body; members may follow each other, padding after the last is ignored."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP)
        self._started = False

    @property
    def complete(self) -> bool:
        """The last member has its trailer."""
        return self._inflater.eof

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """Pieces of at most `PIECE` bytes.

        Raises:
            BadGzip: for bytes that are no gzip, or have a wrong checksum. What
                the same chunk held before them is lost: zlib keeps it back.
        """
        full = False
        while raw or full:
            if self._inflater.eof:
                if not raw.startswith(_MAGIC):
                    return
                self._inflater = zlib.decompressobj(_GZIP)
            try:
                piece = self._inflater.decompress(raw, PIECE)
            except zlib.error:
                raise BadGzip(started=self._started) from None
            # A full piece may leave more inside the inflater even when all input is taken.
            full = len(piece) == PIECE
            raw = self._inflater.unconsumed_tail or self._inflater.unused_data
            if piece:
                self._started = True
                yield piece


_PLAIN: Final = frozenset({"", "identity"})
_GZIPPED: Final = frozenset({"gzip", "x-gzip"})


def unpacker(response: httpx.Response) -> Gunzip | None:
    """What undoes the body's encoding; None when there is none.

    Raises:
        BrokenContract: an encoding that we never asked for.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in _PLAIN:
        return None
    if encoding in _GZIPPED:
        return Gunzip()
    raise faults.unusable_encoding(encoding)


async def chunks(response: httpx.Response, idle: float, cap: int) -> AsyncGenerator[bytes, None]:
    """The body in pieces of at most 64 KiB or so; at most `cap` bytes, before and after unpacking.

    Raises:
        StreamLost: cut, silent for `idle` seconds, larger than `cap`, gzip without its end.
        BrokenContract: an encoding that cannot be undone.
    """
    gunzip = unpacker(response)
    arrived = 0
    given = 0
    # aiter_raw: aiter_bytes would unpack without bound and pass unknown encodings on.
    raw = cast("AsyncGenerator[bytes, None]", response.aiter_raw())
    async with aclosing(raw), aclosing(Drain(raw, idle)) as drain:
        while (chunk := await drain.next()) is not None:
            arrived += len(chunk)
            for number, piece in enumerate(_unpacked(gunzip, chunk)):
                given += len(piece)
                if max(arrived, given) > cap:
                    raise faults.too_much(cap)
                if number:
                    # One small chunk may unpack to thousands of pieces; let others run in between.
                    await asyncio.sleep(0)
                yield piece
            if arrived > cap:
                raise faults.too_much(cap)
    if gunzip is not None and not gunzip.complete:
        raise faults.cut_short("the packed answer ended before its end")


def _unpacked(gunzip: Gunzip | None, chunk: bytes) -> Iterable[bytes]:
    if gunzip is None:
        yield chunk
        return
    try:
        yield from gunzip.feed(chunk)
    except BadGzip as problem:
        raise faults.bad_gzip(started=problem.started) from None


async def whole(response: httpx.Response, idle: float, cap: int) -> bytes:
    """The whole body.

    Raises:
        StreamLost, BrokenContract: as `chunks`.
    """
    async with aclosing(chunks(response, idle, cap)) as pieces:
        return b"".join([piece async for piece in pieces])


_ERROR_BODY: Final = 2 << 20
_ERROR_SECONDS: Final = 10.0


async def refused(response: httpx.Response, idle: float) -> ApiError:
    """The error that a response outside 2xx stands for; its body is read as far as it is sensible."""
    found = bytearray()
    try:
        async with asyncio.timeout(min(idle, _ERROR_SECONDS)):
            async with aclosing(chunks(response, idle, _ERROR_BODY)) as pieces:
                async for piece in pieces:
                    found += piece
    except (ApiError, TimeoutError):
        pass  # The status alone decides; the text is a courtesy.
    headers = {**response.headers, "location": location_of(response)}
    return faults.refusal(response.status_code, headers, bytes(found))


def location_of(response: httpx.Response) -> str:
    """Where a redirect points to; "" for nowhere. `Connection` keeps it out of httpx's sight."""
    return str(response.extensions.get("location") or response.headers.get("location", ""))


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

    def __init__(self, response: httpx.Response, via: StreamRoute, limits: Limits) -> None:
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
            unpacker(response)

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

    async def pieces(self) -> AsyncGenerator[RawFrame, None]:
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
                await whole(self._response, self._limits.idle_timeout, self._limits.max_json_bytes)
            )
            if found is not None:
                yield found
            return
        pace(self._response)
        raw_chunks = chunks(self._response, self._limits.idle_timeout, self._limits.max_turn_bytes)
        async with aclosing(raw_chunks):
            read = {_Form.EVENTS: self._events, _Form.LINES: self._lines}.get(self._form, self._text)
            # Every generator is closed in the task that reads it, also when that is cancelled.
            async with aclosing(read(raw_chunks)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _events(self, raw_chunks: AsyncIterator[bytes]) -> AsyncGenerator[RawFrame, None]:
        from handinger_tui.api.sse import SseReader  # noqa: PLC0415 - httpx-sse, with httpx

        reader = SseReader(self._limits.max_event_bytes)
        async for chunk in raw_chunks:
            pieces = reader.feed(chunk)
            self._dropped = reader.dropped
            for piece in pieces:
                yield piece
        # An event without its blank line is thrown away, as the standard wants.

    async def _lines(self, raw_chunks: AsyncIterator[bytes]) -> AsyncGenerator[RawFrame, None]:
        reader = LineReader(self._limits.max_event_bytes)
        async for chunk in raw_chunks:
            pieces = reader.feed(chunk)
            self._dropped = reader.dropped
            for piece in pieces:
                yield piece
        for piece in reader.end():
            yield piece
        self._dropped = reader.dropped

    async def _text(self, raw_chunks: AsyncIterator[bytes]) -> AsyncGenerator[RawFrame, None]:
        # Incremental: a chunk may end inside a character. The charset is ignored, as for events.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        async for chunk in raw_chunks:
            if not self.content_type and chunk.strip():
                raise faults.unexpected_content("")
            if text := decoder.decode(chunk):
                yield RawFrame(Framing.TEXT, text)
        if text := decoder.decode(b"", final=True):
            yield RawFrame(Framing.TEXT, text)

    def _json(self, raw: bytes) -> RawFrame | None:
        text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
        if not text.strip():
            return None
        parsed_answer(text, self.http_status)
        return RawFrame(Framing.JSON, text)


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
