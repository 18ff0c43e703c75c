"""Bodies of text, of lines, and of server-sent events, cut into frames. Loads httpx.

Events are parsed by httpx-sse (HTML standard, section 9.2.6). `SseReader` hands it complete events only,
in a form in which the faults of version 0.4.3 cannot show; `sse_cases.json` in the tests detects a change:

* A byte order mark becomes part of the first field name: it is removed.
* A lone CR is held back until more bytes arrive, which delays the event: it becomes LF.
* Once an `id:` was seen, every blank line yields an event without data, which is not valid JSON:
  a block without data is not passed on.
* `retry` goes through `int()`, which takes +5, 1_000 and digits of any script, and this program never
  reconnects by itself: the field is left out, as is every unknown one.
* It obeys `charset=` and compares the media type by substring: `response` judges both.
* It has no size limit: a block with too much data is dropped and counted.
"""

from __future__ import annotations

import codecs
from typing import Final, TypeAlias

import httpx
from httpx_sse import EventSource

from handinger_tui.core.stream.frames import Framing, RawFrame

BOM: Final = b"\xef\xbb\xbf"
DEFAULT_EVENT: Final = "message"
"""The type of an event that names none; its frame has "" instead."""
_HEADERS: Final = httpx.Headers({"Content-Type": "text/event-stream; charset=utf-8"})


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


class SseReader:
    """Reads an event stream. `dropped` counts the events beyond the limit of bytes of data."""

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
                # What it was is not known: its event is incomplete without it.
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
        elif name == b"id" and b"\0" not in line:
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


FrameReader: TypeAlias = TextReader | LineReader | SseReader


def _parse(blocks: bytes) -> list[RawFrame]:
    # EventSource is all that httpx-sse publishes, and it reads a response.
    source = EventSource(httpx.Response(200, headers=_HEADERS, stream=httpx.ByteStream(blocks)))
    return [
        RawFrame(
            Framing.SSE, event.data, "" if event.event == DEFAULT_EVENT else event.event, event.id or None
        )
        for event in source.iter_sse()
    ]
