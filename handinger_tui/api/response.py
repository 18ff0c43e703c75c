"""HTTP responses: they are judged by status and content type, decompressed within limits, cut into frames."""

from __future__ import annotations

import asyncio
import codecs
import re
import zlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, TypeAlias, cast
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from handinger_tui.api import errors
from handinger_tui.core.errors import ApiError, BrokenContract, StreamLost
from handinger_tui.core.jsontext import Json, NotJson, as_object, as_text, member_of_cut, parse
from handinger_tui.core.stream import Framing, RawFrame, StreamRoute, reason_text, worker_in

if TYPE_CHECKING:
    import httpx


class ResponseLimits(Struct, frozen=True):
    """Timeouts in seconds, sizes in bytes, injected by the code that creates a client."""

    connect_timeout: float = 10.0
    first_byte_timeout: float = 60.0
    """For all response headers, counted from when the request was sent."""
    turn_timeout: float = 300.0
    """For any sign of a turn whose POST is answered only when the turn is over (tasks generation)."""
    idle_timeout: float = 60.0
    """Time without any byte in a body."""
    max_event_bytes: int = 8 << 20
    max_turn_bytes: int = 64 << 20
    max_json_bytes: int = 32 << 20
    max_file_bytes: int = 2 << 30


# -- bytes -------------------------------------------------------------------------------
PIECE: Final = 64 << 10
"""Bytes per piece: small enough to let other tasks run between two pieces."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_MAGIC: Final = b"\x1f"


class BadGzip(ValueError):
    """The bytes are not gzip. `started`: the beginning was valid."""

    def __init__(self, *, started: bool) -> None:
        super().__init__("not gzip")
        self.started = started


class Gunzip:
    """Decompresses one gzip body. It may have several members; padding after the last is ignored."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP)
        self._started = False

    @property
    def complete(self) -> bool:
        """Whether the last member is complete, with its trailer."""
        return self._inflater.eof

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """Decompress more bytes into pieces of at most `PIECE` bytes.

        Raises:
            BadGzip: for bytes that are not gzip, or have a wrong checksum. Valid
                data before them in the same chunk is lost, since zlib does not return it.
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


def decompressor_for(response: httpx.Response) -> Gunzip | None:
    """The decompressor for the body's encoding; None when the body is not encoded.

    Raises:
        BrokenContract: an encoding that we did not accept.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in _PLAIN:
        return None
    if encoding in _GZIPPED:
        return Gunzip()
    raise errors.unusable_encoding(encoding)


READ_EVERY_S: Final = 0.016
"""Seconds between two small reads; shorter than the screen's frame time, so it is not visible."""
SMALL_READ: Final = 8 << 10
"""Bytes below which a read is small; less than a full TLS record."""


async def chunks(response: httpx.Response, idle: float, cap: int) -> AsyncGenerator[bytes, None]:
    """The body in pieces of about 64 KiB; at most `cap` bytes, before and after decompression.

    Raises:
        StreamLost: lost, silent for `idle` seconds, larger than `cap`, gzip without its end.
        BrokenContract: an encoding that cannot be decoded.
    """
    gunzip = decompressor_for(response)
    arrived = 0
    yielded = 0
    async with aclosing(_BodyReader(response, idle)) as reader:
        while (chunk := await reader.take()) is not None:
            arrived += len(chunk)
            for number, piece in enumerate(_decompress(gunzip, chunk)):
                yielded += len(piece)
                if max(arrived, yielded) > cap:
                    raise errors.body_too_large(cap)
                if number:
                    # One small chunk may decompress to thousands of pieces; let other tasks run in between.
                    await asyncio.sleep(0)
                yield piece
            if arrived > cap:
                raise errors.body_too_large(cap)
    if gunzip is not None and not gunzip.complete:
        raise errors.broken_off("the compressed answer ended early")


MAX_JOINED: Final = 64 << 10
"""Bytes that are read ahead at most."""


class _BodyReader:
    """Reads a body in a task of its own, so that all that came with one network read is taken in one piece.

    A stream of small events is read in fewer, larger reads. Close the reader before the response.
    """

    def __init__(self, response: httpx.Response, idle: float) -> None:
        self._idle = idle
        self._chunks: list[bytes] = []
        self._size = 0
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        # aiter_raw: aiter_bytes would decompress without limit and pass unknown encodings through.
        raw = cast("AsyncGenerator[bytes, None]", response.aiter_raw())
        self._task = asyncio.create_task(self._read(raw))

    async def take(self) -> bytes | None:
        """Wait for at least one byte; None at the end.

        Raises:
            StreamLost: lost, after all that came before, or silent for too long.
        """
        if not self._arrived.is_set():
            try:
                async with asyncio.timeout(self._idle):
                    await self._arrived.wait()
            except TimeoutError:
                raise errors.idle_timeout(self._idle) from None
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._has_room.set()
        if not self._task.done():
            self._arrived.clear()
        elif not data:
            self._raise_error()
            return None
        return data

    async def aclose(self) -> None:
        """Cancel the reading, and wait until it has ended."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            # An error after the last bytes that anybody wanted.
            self._task.exception()

    def _raise_error(self) -> None:
        try:
            self._task.result()
        except errors.transport_errors().all as problem:
            raise errors.translate(problem, errors.Phase.BODY) from problem

    async def _read(self, raw: AsyncGenerator[bytes, None]) -> None:
        pacer = _Pacer()
        try:
            async with aclosing(raw):
                while True:
                    pacer.begin_read()
                    chunk = await anext(raw, None)
                    if chunk is None:
                        break
                    self._chunks.append(chunk)
                    self._size += len(chunk)
                    if pacer.needs_pause(len(chunk)):
                        if pacer.is_slow_stream():
                            self._arrived.set()
                        await pacer.pause()
                    self._arrived.set()
                    if self._size >= MAX_JOINED:
                        self._has_room.clear()
                        await self._has_room.wait()
        finally:
            self._arrived.set()


class _Pacer:
    """Decides when a network read is followed by a pause.

    All chunks of one network read but the first come without waiting.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_scheduled = False
        self._read_size = SMALL_READ
        self._paused_at = 0.0

    def begin_read(self) -> None:
        """Watch whether the loop runs on before the chunk is there."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._loop_ran)

    def needs_pause(self, size: int) -> bool:
        """Whether a chunk of so many bytes begins a network read, and the one before it was small."""
        if self._is_scheduled:
            self._read_size += size
            return False
        was_small = self._read_size < SMALL_READ
        self._read_size = size
        return was_small

    def is_slow_stream(self) -> bool:
        """Whether the last pause is so long ago that a chunk need not wait for more."""
        return self._loop.time() - self._paused_at > 2 * READ_EVERY_S

    async def pause(self) -> None:
        """Let more arrive."""
        self._paused_at = self._loop.time()
        await asyncio.sleep(READ_EVERY_S)

    def _loop_ran(self) -> None:
        self._is_scheduled = False


def _decompress(gunzip: Gunzip | None, chunk: bytes) -> Iterable[bytes]:
    if gunzip is None:
        yield chunk
        return
    try:
        yield from gunzip.feed(chunk)
    except BadGzip as problem:
        raise errors.bad_gzip(started=problem.started) from None


async def read_all(response: httpx.Response, idle: float, cap: int) -> bytes:
    """Read the whole body.

    Raises:
        StreamLost, BrokenContract: see `chunks`.
    """
    async with aclosing(chunks(response, idle, cap)) as pieces:
        return b"".join([piece async for piece in pieces])


_ERROR_BODY: Final = 2 << 20
_ERROR_SECONDS: Final = 10.0
_SEE_OTHER: Final = 303
"""The answer to a request that changes something: it was carried out, its result is elsewhere."""


async def read_refusal(response: httpx.Response, idle: float) -> ApiError:
    """The error for a response outside 2xx. Its body is read within limits of size and time."""
    raw = bytearray()
    try:
        async with asyncio.timeout(min(idle, _ERROR_SECONDS)):
            async with aclosing(chunks(response, idle, _ERROR_BODY)) as pieces:
                async for piece in pieces:
                    raw += piece
    except (ApiError, TimeoutError):
        pass  # The status is enough; the body only adds a reason.
    headers = {**response.headers, "location": location_of(response)}
    problem = errors.refusal(response.status_code, headers, bytes(raw))
    if response.status_code == _SEE_OTHER and response.request.method != "GET":
        problem = errors.in_doubt(problem, errors.MAY_COST)
    problem.worker_id = _worker_id(headers) or _worker_of(bytes(raw))
    return problem


def _worker_of(body: bytes) -> str | None:
    """The id of the Worker that an error body is."""
    try:
        worker = worker_in(as_object(parse(body.decode("utf-8", "replace"))))
    except NotJson:
        return None
    return as_text(as_object(worker).get("id")) or None


def location_of(response: httpx.Response) -> str:
    """The target of a redirect; "" for none. `transport` moves it out of the headers."""
    return str(response.extensions.get("location") or response.headers.get("location", ""))


# -- frames ------------------------------------------------------------------------------
BOM: Final = b"\xef\xbb\xbf"
DEFAULT_EVENT: Final = "message"
"""The type of an event that names none; its frame has "" instead."""


class LineSplitter:
    """Splits chunks into lines at CR, LF and CRLF. A line longer than `limit` bytes becomes None.

    Only these three end a line: `str.splitlines` also splits at U+2028, U+0085, VT and FF, which may occur
    unescaped in JSON strings. Splitting before decoding is safe: no UTF-8 sequence contains CR or LF.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._is_past_bom = False

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """The lines that this chunk completes, without a byte order mark before the first.

        A CR completes its line at once; an LF at the start of the next chunk is
        dropped then. Waiting for it would delay an event.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines: list[bytes | None] = [*chunk.split(b"\n")]
        unfinished = lines.pop()
        if lines and self._size:
            lines[0] = self._finish(lines[0] or b"")
        self._append(unfinished or b"")
        if lines and not self._is_past_bom:
            self._is_past_bom = True
            lines[0] = lines[0].removeprefix(BOM) if lines[0] else lines[0]
        return lines

    def end(self) -> bytes | None:
        """The unfinished last line; b"" when there is none."""
        line = self._finish(b"")
        return line.removeprefix(BOM) if line and not self._is_past_bom else line

    def _append(self, part: bytes) -> None:
        # A list that is joined once: concatenation would be quadratic for a long line in small chunks.
        self._size += len(part)
        if self._size > self._limit:
            self._buffer.clear()
        elif part:
            self._buffer.append(part)

    def _finish(self, part: bytes) -> bytes | None:
        self._append(part)
        line = b"".join(self._buffer) if self._size <= self._limit else None
        self._buffer.clear()
        self._size = 0
        return line


class TextReader:
    """Reads plain text. The charset is ignored, as for events."""

    dropped = 0

    def __init__(self) -> None:
        # Incremental: a chunk may end inside a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """The text of this chunk."""
        text = self._decoder.decode(chunk)
        return [RawFrame(Framing.TEXT, text)] if text else []

    def end(self) -> list[RawFrame]:
        """A replacement character, if the last character is incomplete."""
        text = self._decoder.decode(b"", final=True)
        return [RawFrame(Framing.TEXT, text)] if text else []


class LineReader:
    """Reads a line-delimited body (NDJSON, AI SDK 4): each line that is not empty is a frame."""

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._lines = LineSplitter(max_line_bytes)
        self.dropped = 0

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """The frames that this chunk completes."""
        return [frame for line in self._lines.feed(chunk) if (frame := self._frame(line))]

    def end(self) -> list[RawFrame]:
        """The frame of the last line: many writers of NDJSON omit its line end."""
        frame = self._frame(self._lines.end())
        return [frame] if frame else []

    def _frame(self, line: bytes | None) -> RawFrame | None:
        if line is None or len(line) > self._limit:
            self.dropped += 1
            return None
        return RawFrame(Framing.LINES, line.decode("utf-8", "replace")) if line.strip() else None


LONGEST_ID: Final = 256
"""Bytes of the line of an id. An id is repeated with every event after it: a long one would multiply them."""


class SseReader:
    """Reads an event stream. `dropped` counts the events beyond the limit of bytes of data.

    Events are parsed by httpx-sse (HTML standard, section 9.2.6), which is handed complete events only, in a
    form in which the faults of version 0.4.3 cannot show; `sse_cases.json` in the tests detects a change:

    * A byte order mark becomes part of the first field name: it is removed.
    * A lone CR is held back until more bytes arrive, which delays the event: it becomes LF.
    * Once an `id:` was seen, every blank line yields an event without data, which is not valid JSON:
      a block without data is not passed on.
    * `retry` goes through `int()`, which takes +5, 1_000 and digits of any script, and this program never
      reconnects by itself: the field is omitted, as is every unknown one.
    * It obeys `charset=` and compares the media type by substring: `HttpReply` judges both.
    * It has no size limit: a block with too much data is dropped and counted.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._lines = LineSplitter(max_event_bytes)
        self._data: list[bytes] = []
        self._size = 0
        self._event = b""
        self._last_id = b""
        """The line of the id that holds for all events from here on."""
        self.dropped = 0

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """The events that this chunk completes, each as soon as its blank line has arrived."""
        blocks = bytearray()
        for line in self._lines.feed(chunk):
            if line:
                self._take_field(line)
            elif line is None:
                # What it was is unknown: its event is incomplete without it.
                self._add_size(self._limit + 1)
            else:
                blocks += self._end_block()
        return _parse(bytes(blocks)) if blocks else []

    def end(self) -> list[RawFrame]:
        """Nothing: an event without its closing blank line is dropped, as the standard requires."""
        return []

    def _take_field(self, line: bytes) -> None:
        name = line.partition(b":")[0]
        if name == b"data":
            self._add_size(len(line) - len(name))
            if self._size <= self._limit:
                self._data.append(line + b"\n")
        elif name == b"event":
            self._event = line + b"\n"
        elif name == b"id" and b"\0" not in line and len(line) <= LONGEST_ID:
            self._last_id = line + b"\n"

    def _add_size(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            self._data.clear()

    def _end_block(self) -> bytes:
        block = b""
        if self._size > self._limit:
            self.dropped += 1
        elif self._data:
            block = self._last_id + self._event + b"".join(self._data) + b"\n"
        self._data.clear()
        self._event, self._size = b"", 0
        return block


class JsonReader:
    """Reads a JSON body, which is one frame."""

    dropped = 0

    def __init__(self, status: int) -> None:
        self._status = status
        self._raw = bytearray()

    @property
    def text(self) -> str:
        """What has arrived."""
        return self._raw.decode("utf-8", "replace").removeprefix("\ufeff")

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """Nothing before the end."""
        self._raw += chunk
        return []

    def end(self) -> list[RawFrame]:
        """The frame of the body; none where it is empty.

        Raises:
            BrokenContract: not JSON.
            Refused: an error object under a good status.
        """
        text = self.text
        if not text.strip():
            return []
        answer = parsed_answer(text, self._status)
        if answer.keys() >= _TEMPLATE and worker_in(answer) is None:
            # It has run nothing: in the tasks generation, this request stores a worker.
            raise errors.other_generation("The service only stored a worker.", "tasks", self._status)
        return [RawFrame(Framing.JSON, text)]


class NewWorkerReader:
    """Reads the answer that may be the only place that names a new worker: by what it is, not by its label.

    Other mislabeled answers are not read: their worker is.
    """

    def __init__(self, labeled: FrameReader | None, label: str, status: int, max_event_bytes: int) -> None:
        """`labeled`: the reader for the label; None: a label that this API does not use."""
        self._labeled = labeled
        self._label = label
        self._status = status
        self._limit = max_event_bytes
        self._start = b""
        self._reader: FrameReader | None = None

    @property
    def dropped(self) -> int:
        """Events left out because they exceeded the event limit."""
        return 0 if self._reader is None else self._reader.dropped

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """The frames that this chunk completes.

        Raises:
            BrokenContract: neither JSON nor an event stream, and a label that this API does not use.
        """
        if self._reader is None:
            self._start = chunk = (self._start + chunk).lstrip().removeprefix(BOM).lstrip()
            if any(start.startswith(chunk) for start in (BOM, *_FIELDS)):
                # Nothing yet, or half a mark or the name of the first field.
                return []
            self._reader = self._choose(chunk)
        return self._reader.feed(chunk)

    @property
    def worker_id(self) -> str | None:
        """The worker that the first part of a JSON answer names."""
        if not isinstance(self._reader, JsonReader):
            return None
        return member_of_cut(self._reader.text, "id") or None

    def end(self) -> list[RawFrame]:
        """The frames of the last, unfinished piece. Raises: as `feed`, and as the reader of the body."""
        if self._reader is not None:
            return self._reader.end()
        if not self._start and not self._label:
            return []
        reader = self._choose(self._start)
        return [*reader.feed(self._start), *reader.end()]

    def _choose(self, start: bytes) -> FrameReader:
        labeled = self._labeled
        if start.startswith(_FIELDS):
            return SseReader(self._limit)
        is_text = isinstance(labeled, TextReader) and not _WORKER_MEMBER.search(start)
        if start.startswith(b"{") and not is_text and not isinstance(labeled, LineReader):
            return JsonReader(self._status)
        if labeled is None:
            raise errors.unexpected_content(self._label)
        return labeled


_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
"""With what an event stream begins."""
_WORKER_MEMBER: Final = re.compile(rb'"(?:object|output_text|running|created_at)"\s*:')
"""Members of a Worker that no piece of text has which is sent as an object."""

FrameReader: TypeAlias = TextReader | LineReader | SseReader | JsonReader


def _parse(blocks: bytes) -> list[RawFrame]:
    import httpx  # as below: with the first answer
    from httpx_sse import EventSource

    # EventSource is all that httpx-sse publishes, and it reads a response.
    headers = {"Content-Type": "text/event-stream; charset=utf-8"}
    source = EventSource(httpx.Response(200, headers=headers, stream=httpx.ByteStream(blocks)))
    return [
        RawFrame(
            Framing.SSE, event.data, "" if event.event == DEFAULT_EVENT else event.event, event.id or None
        )
        for event in source.iter_sse()
    ]


# -- the reply ---------------------------------------------------------------------------
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
"""Statuses under which a body is an event stream (200 by the HTML standard, 201 and 202 by this API)."""

_HEADERS: Final = {"x-vercel-ai-ui-message-stream": "ai-ui", "x-vercel-ai-data-stream": "ai4"}
_WORKER_PATH: Final = re.compile(r"(?:^|/)workers/([^/]+)(?:/stream)?/?$")
_WORKER_ID: Final = re.compile(r"[A-Za-z0-9_.:~-]{1,200}")


_TEMPLATE: Final = {"id", "instructions", "visibility"}
"""Members of a stored worker of the tasks generation."""


class HttpReply:
    """A 2xx response as the engine reads it (`engine.ports.Reply`)."""

    def __init__(
        self,
        response: httpx.Response,
        via: StreamRoute,
        limits: ResponseLimits,
        *,
        names_worker: bool = False,
    ) -> None:
        """Judge the response by its headers.

        `names_worker`: it may be the only place that names the worker, so its body is judged by what it is.

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
        self._reader = self._new_reader(names_worker=names_worker)
        if self._reader is not None:
            decompressor_for(response)

    @property
    def dropped(self) -> int:
        """Events left out because they exceeded the event limit."""
        return self._reader.dropped if self._reader is not None else 0

    def _new_reader(self, *, names_worker: bool) -> FrameReader | NewWorkerReader | None:
        """The reader of the body; None where there is none."""
        kind, status, limit = self.content_type, self.http_status, self._limits.max_event_bytes
        if status in {204, 205} or self._response.headers.get("content-length") == "0":
            return None
        labeled: FrameReader | None = None
        if kind == EVENT_STREAM and status in STREAM_STATUSES:
            labeled = SseReader(limit)
        elif kind in LINE_TYPES or (kind == "text/plain" and self.encoding == "ai4"):
            labeled = LineReader(limit)
        elif is_json(kind):
            labeled = JsonReader(status)
        elif kind == "text/plain":
            labeled = TextReader()
        # Accepted, without a content type: an empty body is allowed.
        if names_worker or (status == 202 and not kind):
            return NewWorkerReader(labeled, kind, status, limit)
        if labeled is None:
            raise errors.unexpected_content(kind)
        return labeled

    async def pieces(self) -> AsyncGenerator[RawFrame, None]:
        """The frames of the body; the iterator ends where the HTTP body properly ends.

        A proper end does not mean that the answer is complete: see `engine.turn_run`.

        Raises:
            StreamLost: lost, silent for too long, too large.
            BrokenContract: labeled JSON and not JSON.
            Refused: an error object under a good status.
        """
        reader, limits = self._reader, self._limits
        if reader is None:
            return
        cap = limits.max_json_bytes if isinstance(reader, JsonReader) else limits.max_turn_bytes
        try:
            # Every generator is closed in the task that reads it, even when that task is canceled.
            async with aclosing(chunks(self._response, limits.idle_timeout, cap)) as raw_chunks:
                async for chunk in raw_chunks:
                    for frame in reader.feed(chunk):
                        yield frame
            for frame in reader.end():
                yield frame
        except (StreamLost, BrokenContract) as problem:
            if isinstance(reader, NewWorkerReader):
                problem.worker_id = reader.worker_id
            raise


def parsed_answer(text: str, status: int, read: Callable[[str], Json] = parse) -> dict[str, Json]:
    """A JSON body as an object.

    Raises:
        BrokenContract: not JSON, beyond our limits, or not an object.
        Refused: an error object.
    """
    try:
        value = read(text)
    except NotJson:
        looks_like_json = text.lstrip().startswith(("{", "["))
        raise (errors.undecodable("The answer") if looks_like_json else errors.not_json()) from None
    if not isinstance(value, dict):
        raise errors.undecodable("The answer")
    why = error_in(value)
    if why is not None:
        raise errors.error_object(status, why)
    return value


def error_in(value: dict[str, Json]) -> str | None:
    """The reason in an error object; None when the object is not an error.

    A failed Worker is not an error object: it ran, and was charged. Nor is an object with an
    id: something may have been started, so it must not be reported as free.
    """
    if worker_in(value) is not None or "type" in value or "id" in value:
        return None
    failed = value.get("success") is False or value.get("ok") is False
    reason = reason_text(value.get("error")) or reason_text(value.get("errors"))
    return reason or ((reason_text(value) or "no reason given") if failed else None)


def media_type(response: httpx.Response) -> str:
    """The media type in lower case, without parameters."""
    content_type: str = response.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type is JSON: application/json, text/json or application/…+json."""
    return kind in {"application/json", "text/json"} or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _worker_id(headers: Mapping[str, str]) -> str | None:
    """The worker's id from `x-worker-id`, else from a Location that names a worker or its stream."""
    worker_id = headers.get("x-worker-id")
    if worker_id is None:
        try:
            match = _WORKER_PATH.search(urlsplit(headers.get("location", "")).path)
        except ValueError:
            match = None
        worker_id = unquote(match.group(1)) if match else ""
    worker_id = worker_id.strip()
    return worker_id if _WORKER_ID.fullmatch(worker_id) and worker_id not in {".", ".."} else None
