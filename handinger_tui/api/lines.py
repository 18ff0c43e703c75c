"""Lines: bytes cut at CR, LF and CRLF, at once and in bounded memory.

Only these three end a line. `str.splitlines` and httpx's `iter_lines` also cut
at U+2028, U+0085, VT and FF, which stand raw inside JSON strings. Cutting the
bytes before decoding is safe: no UTF-8 sequence contains CR or LF.
"""

from __future__ import annotations

from typing import Final

from handinger_tui.core.stream.frames import Framing, RawFrame

BOM: Final = b"\xef\xbb\xbf"


class LineSplitter:
    """Chunks in, whole lines out. A line longer than `limit` bytes comes as None."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: list[bytes] = []
        self._size = 0
        self._after_cr = False

    @property
    def at_start(self) -> bool:
        """The next byte is the first of a line."""
        return not self._size and not self._after_cr

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """The lines that this chunk completes.

        A CR completes its line at once; the LF that may follow in the next
        chunk is swallowed then. Waiting for it would hold back an event.
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
        self._hold(rest or b"")
        return lines

    def end(self) -> bytes | None:
        """The unfinished last line, b"" for none."""
        return self._finish(b"")

    def _hold(self, part: bytes) -> None:
        # A list, joined once: adding to a string would be quadratic for a long line in small chunks.
        self._size += len(part)
        if self._size > self._limit:
            self._held.clear()
        elif part:
            self._held.append(part)

    def _finish(self, part: bytes) -> bytes | None:
        self._hold(part)
        line = b"".join(self._held) if self._size <= self._limit else None
        self._held.clear()
        self._size = 0
        return line


class LineReader:
    """A line-delimited body (NDJSON, AI SDK 4): each line that is not empty is a piece."""

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._lines = LineSplitter(max_line_bytes)
        self._begun = False
        self.dropped = 0

    def feed(self, chunk: bytes) -> list[RawFrame]:
        """The pieces that this chunk completes."""
        return [piece for line in self._lines.feed(chunk) if (piece := self._piece(line))]

    def end(self) -> list[RawFrame]:
        """The last line: many writers of NDJSON leave its line end out."""
        piece = self._piece(self._lines.end())
        return [piece] if piece else []

    def _piece(self, line: bytes | None) -> RawFrame | None:
        if line is None or len(line) > self._limit:
            self.dropped += 1
            return None
        if not self._begun:
            self._begun = True
            line = line.removeprefix(BOM)
        return RawFrame(Framing.LINES, line.decode("utf-8", "replace")) if line.strip() else None
