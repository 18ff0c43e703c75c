"""Gzip undone in bounded pieces.

httpx would hand over 64 MiB for 63 KiB of gzip in one piece, pass a body
without its end as complete, and pass an unknown encoding on as text.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

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
