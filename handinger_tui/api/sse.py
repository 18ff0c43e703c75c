"""Event streams: bytes to pieces, by httpx-sse behind a guard.

Source: HTML standard, section 9.2.6. The library (0.4.3) parses one line well;
what it gets wrong at that version is done here, before or after it:

* A byte order mark becomes part of the first field name. Stripped here, once.
* Its line splitter holds a lone CR back until more arrives, so an event comes
  late. Lines are cut by `LineSplitter`, never by the library.
* `EventSource` obeys `charset=` and compares the media type by substring.
  Lines are always decoded as UTF-8 here; `reply` judges status and type.
* Once an `id:` was seen, every blank line yields an event without data, which
  breaks whoever reads JSON. Here only a block with a data field is an event.
* `retry` goes through `int()`, which takes +5, 1_000 and digits of any script.
  The field is read here and never reaches the library.
* It bounds nothing. A block with too much data is dropped and counted here.

Its decoder of single lines is not exported, hence the dependency on one minor
version; `sse_cases.json` in the tests tells when that changes.
"""

from __future__ import annotations

from typing import Final

from httpx_sse._decoders import SSEDecoder

from handinger_tui.api.lines import BOM, LineSplitter
from handinger_tui.core.stream.frames import Framing, RawFrame

DEFAULT_EVENT: Final = "message"
"""The type of an event that names none; pieces carry "" for it."""

DATA: Final = b"data:"
BLANK: Final = b"\n\n"
_MAX_RETRY_DIGITS: Final = 12


class SseReader:
    """One event stream. `dropped`: events left out for their size; `retry_ms`: None until told."""

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._lines = LineSplitter(max_event_bytes)
        self._decoder = SSEDecoder()
        self._begun = False
        self._open = False
        self._has_data = False
        self._size = 0
        self._only: str | None = None
        """The one line of the block so far, when it is a data field, and no event ever had an id."""
        self._plain = True
        self.dropped = 0
        self.retry_ms: int | None = None

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """The events that this chunk completes, each as soon as its blank line is there."""
        if b"\r" in chunk or not self._begun:
            return self._by_lines(chunk)
        found: list[RawFrame] = []
        # Nearly every block of an answer is one data field: it is taken as it is, in a fifth of the time.
        *blocks, rest = chunk.split(BLANK)
        whole, limit = self._at_start, self._limit
        for block in blocks:
            if whole and block[:5] == DATA and b"\n" not in block and len(block) <= limit:
                data = block[6 if block[5:6] == b" " else 5 :].decode("utf-8", "replace")
                found.append(RawFrame(Framing.SSE, data))
            else:
                found += self._by_lines(block + BLANK)
                whole = self._at_start
        return found + self._by_lines(rest) if rest else found

    @property
    def _at_start(self) -> bool:
        """The next byte is the first of a block, and no event ever had an id."""
        return self._plain and not self._open and self._lines.at_start

    def _by_lines(self, chunk: bytes) -> list[RawFrame]:
        found: list[RawFrame] = []
        for cut in self._lines.feed(chunk):
            line = cut
            if not self._begun:
                self._begun = True
                line = line.removeprefix(BOM) if line else line
            if line:
                self._field(line)
            elif line is None:
                self._hand_on()
                self._open, self._size = True, self._limit + 1
            elif self._open and (piece := self._dispatch()):
                found.append(piece)
        return found

    def _field(self, line: bytes) -> None:
        if line.startswith(b":"):
            return
        if line.startswith(b"data") and (len(line) == 4 or line[4] == 58):  # 58 is the colon
            self._size += len(line) - 4
            if self._plain and not self._open and line[4:] and self._size <= self._limit:
                self._open = self._has_data = True
                self._only = line.decode("utf-8", "replace")
                return
            self._has_data = True
        elif line.startswith((b"retry:", b"retry")):
            self._retry(line)
            return
        self._open = True
        self._plain = self._plain and not line.startswith(b"id")
        self._hand_on()
        if self._size <= self._limit:
            self._decoder.decode(line.decode("utf-8", "replace"))

    def _retry(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        digits = value.removeprefix(b" ")
        # bytes.isdigit knows ASCII digits only, unlike str.isdigit.
        if name == b"retry" and digits.isdigit():
            self.retry_ms = int(digits[:_MAX_RETRY_DIGITS])

    def _hand_on(self) -> None:
        """The block has more than one line: the library reads it."""
        if self._only is not None:
            self._decoder.decode(self._only)
            self._only = None

    def _dispatch(self) -> RawFrame | None:
        if self._only is not None:
            # Nearly every block of an answer. The library takes six times as long for it.
            data, self._only = self._only[5:].removeprefix(" "), None
            self._open, self._has_data, self._size = False, False, 0
            return RawFrame(Framing.SSE, data)
        event = self._decoder.decode("")
        has_data, too_large = self._has_data, self._size > self._limit
        self._open, self._has_data, self._size = False, False, 0
        if too_large:
            self.dropped += 1
            return None
        if event is None or not has_data:
            return None
        name = "" if event.event == DEFAULT_EVENT else event.event
        return RawFrame(Framing.SSE, event.data, name, event.id or None)
