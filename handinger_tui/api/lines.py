"""Lines: bytes split at CR, LF and CRLF, without delay and in bounded memory.

Only these three end a line. `str.splitlines` and httpx's `iter_lines` also split
at U+2028, U+0085, VT and FF, which may occur unescaped in JSON strings. Splitting
before decoding is safe: no UTF-8 sequence contains CR or LF.
"""

from __future__ import annotations

from typing import Final

from handinger_tui.core.stream.frames import Framing, RawFrame

BOM: Final = b"\xef\xbb\xbf"


class LineSplitter:
    """Splits chunks into lines. A line longer than `limit` bytes becomes None."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer: list[bytes] = []
        self._size = 0
        self._after_cr = False

    @property
    def at_start(self) -> bool:
        """Whether the next byte is the first of a line."""
        return not self._size and not self._after_cr

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """The lines that this chunk completes.

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
        rest = lines.pop()
        if lines and self._size:
            lines[0] = self._finish(lines[0] or b"")
        self._append(rest or b"")
        return lines

    def end(self) -> bytes | None:
        """The unfinished last line; b"" when there is none."""
        return self._finish(b"")

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


class LineReader:
    """Reads a line-delimited body (NDJSON, AI SDK 4): each line that is not empty is a frame."""

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._lines = LineSplitter(max_line_bytes)
        self._is_past_bom = False
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
        if not self._is_past_bom:
            self._is_past_bom = True
            line = line.removeprefix(BOM)
        return RawFrame(Framing.LINES, line.decode("utf-8", "replace")) if line.strip() else None
