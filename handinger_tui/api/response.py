"""HTTP responses, read within limits of time and size: answers, streams and refusals."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from handinger_tui.api import errors
from handinger_tui.api.deadline import Deadline, Silence
from handinger_tui.api.frame_readers import JsonReader, NewWorkerReader, reader_for
from handinger_tui.core.errors import ApiError, BrokenContract, StreamLost
from handinger_tui.core.jsontext import NotJson, as_object, parse, text_at
from handinger_tui.core.stream import RawFrame, StreamRoute, worker_in

if TYPE_CHECKING:
    import httpx


class ResponseLimits(Struct, frozen=True):
    """Timeouts in seconds, sizes in bytes; the code that creates a client sets them."""

    connect_timeout: float = 10.0
    first_byte_timeout: float = 60.0
    """Until all response headers have arrived, from when the request was sent."""
    turn_timeout: float = 300.0
    """Until a turn shows up whose POST is answered only when the turn is over (tasks generation)."""
    idle_timeout: float = 60.0
    """The longest time without any byte of a body."""
    max_event_bytes: int = 8 << 20
    max_turn_bytes: int = 64 << 20
    max_json_bytes: int = 32 << 20
    max_file_bytes: int = 2 << 30


# -- bytes -------------------------------------------------------------------------------
PIECE: Final = 64 << 10
"""Bytes of a decompressed piece: small enough that other tasks can run between two pieces."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_MAGIC: Final = b"\x1f"


class Gunzip:
    """Decompresses one gzip body, which may have several members. Padding after the last one is ignored."""

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
            BrokenContract, StreamLost: not gzip, or a wrong checksum. Valid data before it in the same chunk
                is lost, since zlib does not return it.
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
                raise errors.bad_gzip(started=self._started) from None
            # After a full piece, the inflater may hold more data even when it has consumed all input.
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
"""Seconds between two small reads; less than a frame of the screen, so nobody sees the delay."""
SMALL_READ: Final = 8 << 10
"""A read of fewer bytes is small; less than a full TLS record."""
APART_S: Final = 0.003
"""Seconds between two small reads of different bodies: a key waits for one of them, not for those of twenty
sessions. Many streams are thus read more rarely, each a little more at a time."""
MOST_APART_S: Final = 0.1
"""So long a small read waits for those of others."""


async def body_chunks(response: httpx.Response, idle: float, cap: int) -> AsyncGenerator[bytes, None]:
    """The decompressed body in chunks of about 64 KiB.

    `idle`: see `ResponseLimits.idle_timeout`. `cap`: maximum bytes, before and after decompression.

    Raises:
        StreamLost: the connection was lost or idle, the body is larger than `cap`, or gzip without its end.
        BrokenContract: an encoding that cannot be decoded.
    """
    gunzip = decompressor_for(response)
    arrived = 0
    yielded = 0
    async with aclosing(_BodyReader(response, idle)) as reader:
        while (chunk := await reader.take()) is not None:
            arrived += len(chunk)
            for number, piece in enumerate([chunk] if gunzip is None else gunzip.feed(chunk)):
                yielded += len(piece)
                if max(arrived, yielded) > cap:
                    raise errors.body_too_large(cap)
                if number:
                    # One small chunk may decompress to thousands of pieces: let other tasks run.
                    await asyncio.sleep(0)
                yield piece
            if arrived > cap:
                raise errors.body_too_large(cap)
    if gunzip is not None and not gunzip.complete:
        raise errors.broken_off("the compressed answer ended early")


MAX_READ_AHEAD: Final = 64 << 10
"""Bytes."""


class _BodyReader:
    """Reads a body ahead in a separate task, and joins what arrives in one network read into one chunk.

    A stream of small events then needs fewer, larger reads. Close the reader before the response.
    """

    def __init__(self, response: httpx.Response, idle: float) -> None:
        self._idle = idle
        self._silence = Silence(idle)
        self._chunks: list[bytes] = []
        self._size = 0
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        # Not aiter_bytes: it decompresses without a limit, and passes unknown encodings through.
        raw = cast("AsyncGenerator[bytes, None]", response.aiter_raw())
        # Last: an eager task reads what has arrived before this line ends.
        self._task = asyncio.create_task(self._read(raw))

    async def take(self) -> bytes | None:
        """Wait for at least one byte, and return all that has arrived; None at the end.

        Raises:
            StreamLost: the connection was idle for too long, or lost (after the last bytes).
        """
        if not self._arrived.is_set():
            try:
                await self._silence.end(self._arrived)
            except TimeoutError:
                raise errors.idle_timeout(self._idle) from None
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._has_room.set()
        if not self._task.done():
            self._arrived.clear()
        elif not data:
            try:
                self._task.result()
            except errors.transport_errors().all as problem:
                raise errors.translate(problem, errors.Phase.BODY) from problem
            return None
        return data

    async def aclose(self) -> None:
        """Cancel the task, and wait for its end."""
        self._silence.cancel()
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            # Mark an error as retrieved: it came after the last bytes that were wanted.
            self._task.exception()

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
                    if pacer.needs_pause(len(chunk)) and (wait_s := pacer.take_turn()):
                        await asyncio.sleep(wait_s)
                    if self._chunks:
                        # Not what was taken during the wait: whoever reads would wake for nothing.
                        self._arrived.set()
                    if self._size >= MAX_READ_AHEAD:
                        self._has_room.clear()
                        await self._has_room.wait()
        finally:
            self._arrived.set()


class ReadTurns:
    """The small reads of all bodies, one after the other."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def take(self, now: float) -> float:
        """The seconds until one that begins a pause now may be made; others come later."""
        wait_s = min(max(READ_EVERY_S, self._free_at - now), MOST_APART_S)
        self._free_at = min(max(self._free_at, now + wait_s) + APART_S, now + MOST_APART_S)
        return wait_s


_turns = ReadTurns()


class _Pacer:
    """Decides whether to pause after a network read.

    Only the first chunk of a network read makes the loop wait; the others are there at once.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_scheduled = False
        self._read_size = SMALL_READ
        self._read_at = self._loop.time()

    def begin_read(self) -> None:
        """Watch whether the loop runs before the chunk arrives."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._loop_ran)

    def needs_pause(self, size: int) -> bool:
        """Whether a chunk of `size` bytes begins a network read after a small one."""
        if self._is_scheduled:
            self._read_size += size
            return False
        was_small = self._read_size < SMALL_READ
        self._read_size = size
        return was_small

    def take_turn(self) -> float:
        """The seconds to wait for more data before the chunk is delivered.

        0 for a slow stream: its next chunk waits instead, if it comes soon. Not where others wait, too: an
        event often arrives in two reads, and each would be worked on.
        """
        now, before = self._loop.time(), self._read_at
        wait_s = _turns.take(now)
        is_slow = wait_s <= READ_EVERY_S and now - before > 2 * READ_EVERY_S
        self._read_at = now if is_slow else now + wait_s
        return 0.0 if is_slow else wait_s

    def _loop_ran(self) -> None:
        self._is_scheduled = False


async def read_all(response: httpx.Response, idle: float, cap: int) -> bytes:
    """The complete body. Arguments and errors: see `body_chunks`."""
    async with aclosing(body_chunks(response, idle, cap)) as chunks:
        return b"".join([chunk async for chunk in chunks])


_ERROR_BODY: Final = 2 << 20
_ERROR_SECONDS: Final = 10.0
_SEE_OTHER: Final = 303
"""After a request that changes something: it was carried out, and its result is at another address."""


async def read_refusal(response: httpx.Response, idle: float) -> ApiError:
    """The error for a response outside 2xx. Its body is read within limits of size and time."""
    raw = bytearray()
    try:
        chunks = body_chunks(response, idle, _ERROR_BODY)
        async with Deadline(min(idle, _ERROR_SECONDS)), aclosing(chunks):
            async for chunk in chunks:
                raw += chunk
    except (ApiError, TimeoutError):
        pass  # The body only adds a reason to the status.
    headers = {**response.headers, "location": location_of(response)}
    problem = errors.refusal(response.status_code, headers, bytes(raw))
    if response.status_code == _SEE_OTHER and response.request.method != "GET":
        problem = errors.in_doubt(problem, errors.MAY_COST)
    problem.worker_id = _worker_id(headers) or _worker_id_in(bytes(raw))
    return problem


def _worker_id_in(body: bytes) -> str | None:
    """The id of the Worker in an error body."""
    try:
        worker = worker_in(as_object(parse(body.decode("utf-8", "replace"))))
    except NotJson:
        return None
    return text_at(worker, "id") or None


def location_of(response: httpx.Response) -> str:
    """The target of a redirect, "" without one. `transport` moves it from the headers to an extension."""
    return str(response.extensions.get("location") or response.headers.get("location", ""))


# -- the reply ---------------------------------------------------------------------------
_PROTOCOL_HEADERS: Final = {"x-vercel-ai-ui-message-stream": "ai-ui", "x-vercel-ai-data-stream": "ai4"}
_WORKER_PATH: Final = re.compile(r"(?:^|/)workers/([^/]+)(?:/stream)?/?$")
_WORKER_ID: Final = re.compile(r"[A-Za-z0-9_.:~-]{1,200}")


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
        """Choose the reader of the body. `names_worker`: see `reader_for`.

        Raises:
            BrokenContract: a content type or encoding that this API does not use.
        """
        self.via = via
        self.http_status = response.status_code
        self.content_type = media_type(response)
        headers, status = response.headers, response.status_code
        self.encoding = next((name for header, name in _PROTOCOL_HEADERS.items() if header in headers), "")
        self.worker_id = _worker_id(headers)
        self._response = response
        self._limits = limits
        self._reader = None
        """None: the response has no body."""
        if status not in {204, 205} and headers.get("content-length") != "0":
            self._reader = reader_for(
                self.content_type, self.encoding, status, limits.max_event_bytes, names_worker=names_worker
            )
            # Raises for an unknown encoding.
            decompressor_for(response)

    @property
    def dropped(self) -> int:
        """How many events were omitted because they exceeded the size limit."""
        return self._reader.dropped if self._reader is not None else 0

    async def pieces(self) -> AsyncGenerator[RawFrame, None]:
        """The frames of the body, up to the proper end of the HTTP body.

        The answer may be incomplete even then: see `engine.turn_run`.

        Raises:
            StreamLost: see `body_chunks`.
            BrokenContract, Refused: see `frame_readers.parsed_answer`.
        """
        reader, limits = self._reader, self._limits
        if reader is None:
            return
        cap = limits.max_json_bytes if isinstance(reader, JsonReader) else limits.max_turn_bytes
        try:
            # Every generator is closed in the task that reads it, even when that task is canceled.
            async with aclosing(body_chunks(self._response, limits.idle_timeout, cap)) as chunks:
                async for chunk in chunks:
                    for frame in reader.feed(chunk):
                        yield frame
            for frame in reader.end():
                yield frame
        except (StreamLost, BrokenContract) as problem:
            if isinstance(reader, NewWorkerReader):
                problem.worker_id = reader.worker_id
            raise


def media_type(response: httpx.Response) -> str:
    """The media type in lower case, without parameters."""
    content_type: str = response.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower()


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
