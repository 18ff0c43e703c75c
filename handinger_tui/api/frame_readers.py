"""Readers that cut the body of a response into frames: plain text, lines, events, or one JSON document."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from handinger_tui.api import errors
from handinger_tui.core.jsontext import Json, NotJson, member_of_cut, parse
from handinger_tui.core.stream import Framing, RawFrame, reason_text, worker_in

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

BOM: Final = b"\xef\xbb\xbf"
DEFAULT_EVENT: Final = "message"
"""The type of an event that does not name one; its frame has "" instead."""


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

        A CR completes its line at once, since waiting for an LF would delay an event; an LF at the start of
        the next chunk is then dropped.
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
    """Reads plain text as UTF-8, whatever charset the response names."""

    dropped = 0

    def __init__(self) -> None:
        # A chunk may end inside a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, chunk: bytes) -> list[RawFrame]:
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
"""Bytes of the line of an id. Longer ids are ignored, since every later event repeats the id."""


class SseReader:
    """Reads an event stream. `dropped` counts the events with more data than the limit.

    httpx-sse parses the events (HTML standard, section 9.2.6). It gets only complete events, in a form that
    avoids these faults of version 0.4.3; `sse_cases.json` in the tests detects a change:

    * It keeps a byte order mark as a part of the first field name: the mark is removed.
    * It holds back a lone CR until more bytes arrive, which delays the event: the CR becomes LF.
    * After an `id:`, every blank line yields an event without data, which is not valid JSON: a block without
      data is not passed on.
    * It parses `retry` with `int()`, which accepts +5, 1_000 and digits of any script. This program never
      reconnects automatically: the field is omitted, as are unknown fields.
    * It obeys `charset=`, and compares the media type by substring: it gets fixed headers.
    * It has no size limit: a block with too much data is dropped and counted.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._lines = LineSplitter(max_event_bytes)
        self._data: list[bytes] = []
        self._size = 0
        self._event = b""
        self._last_id = b""
        """The `id` line that applies to all events from here on."""
        self._complete: list[bytes] = []
        """Complete events that are to be parsed."""
        self._events: Iterator[ServerSentEvent] | None = None
        """What parses them; made with the first one."""
        self.dropped = 0

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """The events that this chunk completes, each as soon as its blank line has arrived."""
        blocks: list[bytes] = []
        for line in self._lines.feed(chunk):
            if line:
                self._take_field(line)
            elif line is None:
                # An oversized line: its field is unknown, so its event is dropped.
                self._add_size(self._limit + 1)
            elif block := self._end_block():
                blocks.append(block)
        return self._parse(blocks) if blocks else []

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

    def _parse(self, blocks: list[bytes]) -> list[RawFrame]:
        """The event of each block. No more is asked for: that would be the end of the stream."""
        if self._events is None:
            self._events = _events(iter(self._complete.pop, None))
        self._complete.append(b"".join(blocks))
        return [
            RawFrame(
                Framing.SSE, event.data, "" if event.event == DEFAULT_EVENT else event.event, event.id or None
            )
            for event in islice(self._events, len(blocks))
        ]


def _events(blocks: Iterator[bytes]) -> Iterator[ServerSentEvent]:
    """The events of all blocks. One response for all of them: to make one took longer than to parse."""
    import httpx  # loaded with the first request
    from httpx_sse import EventSource

    # The public API of httpx-sse takes a response.
    headers = {"Content-Type": "text/event-stream; charset=utf-8"}
    return EventSource(httpx.Response(200, headers=headers, content=blocks)).iter_sse()


class JsonReader:
    """Reads a JSON body as one frame."""

    dropped = 0

    def __init__(self, status: int) -> None:
        self._status = status
        self._raw = bytearray()

    @property
    def text(self) -> str:
        """The text received so far."""
        return self._raw.decode("utf-8", "replace").removeprefix("\ufeff")

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """Nothing before the end."""
        self._raw += chunk
        return []

    def end(self) -> list[RawFrame]:
        """The frame of the body; none for an empty body.

        Raises:
            BrokenContract, Refused: see `parsed_answer`; Refused also for a stored worker of the tasks
                generation.
        """
        text = self.text
        if not text.strip():
            return []
        answer = parsed_answer(text, self._status)
        if answer.keys() >= _STORED_WORKER and worker_in(answer) is None:
            # In the tasks generation, this request only stores a worker; nothing has run.
            raise errors.other_generation("The service only stored a worker.", "tasks", self._status)
        return [RawFrame(Framing.JSON, text)]


_STORED_WORKER: Final = {"id", "instructions", "visibility"}
"""Members of a stored worker of the tasks generation."""


def parsed_answer(text: str, status: int, read: Callable[[str], Json] = parse) -> dict[str, Json]:
    """A JSON body as an object.

    Raises:
        BrokenContract: not JSON, too deep, or not an object.
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

    A failed Worker is not an error object: it ran and was charged. An object with an id is not one either:
    something may have started, so it must not be reported as free.
    """
    if worker_in(value) is not None or "type" in value or "id" in value:
        return None
    failed = value.get("success") is False or value.get("ok") is False
    reason = reason_text(value.get("error")) or reason_text(value.get("errors"))
    return reason or ((reason_text(value) or "no reason given") if failed else None)


class NewWorkerReader:
    """Reads the answer to a request that creates a worker, by its content if its media type is wrong.

    This answer may be the only place that names the new worker. Other answers with a wrong media type are
    rejected, since their worker can be read.
    """

    def __init__(self, labeled: FrameReader | None, kind: str, status: int, max_event_bytes: int) -> None:
        """`labeled`: the reader for the media type `kind`; None when this API does not use that type."""
        self._labeled = labeled
        self._kind = kind
        self._status = status
        self._limit = max_event_bytes
        self._start = b""
        self._reader: FrameReader | None = None

    @property
    def dropped(self) -> int:
        """How many events were omitted because they exceeded the size limit."""
        return 0 if self._reader is None else self._reader.dropped

    @property
    def worker_id(self) -> str | None:
        """The worker that the received part of a JSON answer names."""
        if not isinstance(self._reader, JsonReader):
            return None
        return member_of_cut(self._reader.text, "id") or None

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """The frames that this chunk completes.

        Raises:
            BrokenContract: neither JSON nor an event stream, and a media type that this API does not use.
        """
        if self._reader is None:
            self._start = chunk = (self._start + chunk).lstrip().removeprefix(BOM).lstrip()
            if any(start.startswith(chunk) for start in (BOM, *_FIELD_STARTS)):
                # Nothing yet, or only a part of the byte order mark or of the first field name.
                return []
            self._reader = self._choose(chunk)
        return self._reader.feed(chunk)

    def end(self) -> list[RawFrame]:
        """The frames of the unfinished rest. Raises: see `feed`, and `end` of the chosen reader."""
        if self._reader is not None:
            return self._reader.end()
        if not self._start and not self._kind:
            return []
        reader = self._choose(self._start)
        return [*reader.feed(self._start), *reader.end()]

    def _choose(self, start: bytes) -> FrameReader:
        labeled = self._labeled
        if start.startswith(_FIELD_STARTS):
            return SseReader(self._limit)
        is_text = isinstance(labeled, TextReader) and not _WORKER_MEMBER.search(start)
        if start.startswith(b"{") and not is_text and not isinstance(labeled, LineReader):
            return JsonReader(self._status)
        if labeled is None:
            raise errors.unexpected_content(self._kind)
        return labeled


_FIELD_STARTS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
"""The starts of an event stream."""
_WORKER_MEMBER: Final = re.compile(rb'"(?:object|output_text|running|created_at)"\s*:')
"""Members that a Worker has, and an object with a piece of text has not."""

FrameReader: TypeAlias = TextReader | LineReader | SseReader | JsonReader


# -- the reader for a media type ---------------------------------------------------------
EVENT_STREAM: Final = "text/event-stream"
STREAM_STATUSES: Final = frozenset({200, 201, 202})
"""Statuses with which a body is an event stream (200 by the HTML standard, 201 and 202 by this API)."""
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


def is_json(kind: str) -> bool:
    """Whether a media type is JSON: application/json, text/json or application/…+json."""
    return kind in {"application/json", "text/json"} or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def reader_for(
    kind: str, encoding: str, status: int, max_event_bytes: int, *, names_worker: bool
) -> FrameReader | NewWorkerReader:
    """The reader for a body of media type `kind` ("" for none).

    `encoding`: see `HttpReply`; `names_worker`: the body may be the only place that names a new worker.

    Raises:
        BrokenContract: a media type that this API does not use.
    """
    labeled: FrameReader | None = None
    if kind == EVENT_STREAM and status in STREAM_STATUSES:
        labeled = SseReader(max_event_bytes)
    elif kind in LINE_TYPES or (kind == "text/plain" and encoding == "ai4"):
        labeled = LineReader(max_event_bytes)
    elif is_json(kind):
        labeled = JsonReader(status)
    elif kind == "text/plain":
        labeled = TextReader()
    # A 202 without a media type may have an empty body.
    if names_worker or (status == 202 and not kind):
        return NewWorkerReader(labeled, kind, status, max_event_bytes)
    if labeled is None:
        raise errors.unexpected_content(kind)
    return labeled
