"""Server-sent events: bytes to frames, with httpx-sse behind a guard.

Source: HTML standard, section 9.2.6. The library (0.4.3) parses single lines correctly;
its other faults at that version are handled here, before or after it:

* A byte order mark becomes part of the first field name. Stripped here, once.
* Its line splitter holds a lone CR back until more bytes arrive, which delays
  the event. Lines are split by `LineSplitter`, never by the library.
* `EventSource` obeys `charset=` and compares the media type by substring.
  Lines are always decoded as UTF-8 here; `response` checks status and type.
* Once an `id:` was seen, every blank line yields an event without data, which is
  not valid JSON. Here only a block with a data field is an event.
* `retry` goes through `int()`, which takes +5, 1_000 and digits of any script.
  The field is read here and never reaches the library.
* It has no size limit. A block with too much data is dropped and counted here.

Its decoder of single lines is private, hence the dependency on one minor version;
`sse_cases.json` in the tests detects a change.
"""

from __future__ import annotations

from typing import Final

from httpx_sse._decoders import SSEDecoder

from handinger_tui.api.lines import BOM, LineSplitter
from handinger_tui.core.stream.frames import Framing, RawFrame

DEFAULT_EVENT: Final = "message"
"""The type of an event that names none; its frame has "" instead."""

DATA: Final = b"data:"
BLANK: Final = b"\n\n"
_MAX_RETRY_DIGITS: Final = 12


class SseReader:
    """Parses one event stream. `dropped`: events over the size limit; `retry_ms`: None until received."""

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._lines = LineSplitter(max_event_bytes)
        self._decoder = SSEDecoder()
        self._is_past_bom = False
        self._in_block = False
        self._has_data = False
        self._size = 0
        self._single_line: str | None = None
        """The only line of the block so far, if it is a data field and no event has had an id."""
        self._has_no_ids = True
        self.dropped = 0
        self.retry_ms: int | None = None

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """The events that this chunk completes, each as soon as its blank line has arrived."""
        if b"\r" in chunk or not self._is_past_bom:
            return self._feed_lines(chunk)
        frames: list[RawFrame] = []
        # A fast path: nearly every block of an answer is a single data field, which needs no parser.
        *blocks, rest = chunk.split(BLANK)
        at_block_start, limit = self._at_block_start, self._limit
        for block in blocks:
            if at_block_start and block[:5] == DATA and b"\n" not in block and len(block) <= limit:
                data = block[6 if block[5:6] == b" " else 5 :].decode("utf-8", "replace")
                frames.append(RawFrame(Framing.SSE, data))
            else:
                frames += self._feed_lines(block + BLANK)
                at_block_start = self._at_block_start
        return frames + self._feed_lines(rest) if rest else frames

    @property
    def _at_block_start(self) -> bool:
        """Whether the next byte is the first of a block, and no event has had an id."""
        return self._has_no_ids and not self._in_block and self._lines.at_start

    def _feed_lines(self, chunk: bytes) -> list[RawFrame]:
        frames: list[RawFrame] = []
        for raw_line in self._lines.feed(chunk):
            line = raw_line
            if not self._is_past_bom:
                self._is_past_bom = True
                line = line.removeprefix(BOM) if line else line
            if line:
                self._take_field(line)
            elif line is None:
                self._pass_to_library()
                self._in_block, self._size = True, self._limit + 1
            elif self._in_block and (piece := self._dispatch()):
                frames.append(piece)
        return frames

    def _take_field(self, line: bytes) -> None:
        if line.startswith(b":"):
            return
        if line.startswith(b"data") and (len(line) == 4 or line[4] == 58):  # 58 is the colon
            self._size += len(line) - 4
            if self._has_no_ids and not self._in_block and line[4:] and self._size <= self._limit:
                self._in_block = self._has_data = True
                self._single_line = line.decode("utf-8", "replace")
                return
            self._has_data = True
        elif line.startswith((b"retry:", b"retry")):
            self._take_retry(line)
            return
        self._in_block = True
        self._has_no_ids = self._has_no_ids and not line.startswith(b"id")
        self._pass_to_library()
        if self._size <= self._limit:
            self._decoder.decode(line.decode("utf-8", "replace"))

    def _take_retry(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        digits = value.removeprefix(b" ")
        # bytes.isdigit knows ASCII digits only, unlike str.isdigit.
        if name == b"retry" and digits.isdigit():
            self.retry_ms = int(digits[:_MAX_RETRY_DIGITS])

    def _pass_to_library(self) -> None:
        """Pass the first line to the library's decoder, since the block has more than one line."""
        if self._single_line is not None:
            self._decoder.decode(self._single_line)
            self._single_line = None

    def _dispatch(self) -> RawFrame | None:
        if self._single_line is not None:
            # A fast path for nearly every block of an answer; the library is much slower.
            data, self._single_line = self._single_line[5:].removeprefix(" "), None
            self._in_block, self._has_data, self._size = False, False, 0
            return RawFrame(Framing.SSE, data)
        event = self._decoder.decode("")
        has_data, too_large = self._has_data, self._size > self._limit
        self._in_block, self._has_data, self._size = False, False, 0
        if too_large:
            self.dropped += 1
            return None
        if event is None or not has_data:
            return None
        name = "" if event.event == DEFAULT_EVENT else event.event
        return RawFrame(Framing.SSE, event.data, name, event.id or None)
