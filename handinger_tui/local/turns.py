"""A turn: a log of chunks that any number of readers can follow from its start."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import Struct

from handinger_tui.local import formats, prices, stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from handinger_tui.local.workspace import StoredFile

_NANOSECONDS_PER_MS = 1_000_000


class Instruction(Struct, frozen=True):
    """The instruction of a request to a worker."""

    text: str
    budget: str
    uploads: tuple[tuple[str, bytes], ...] = ()
    """File names as sent, and bytes."""

    @property
    def fingerprint(self) -> str:
        """A digest that is equal for equal instructions, whatever the encoding of the request."""
        digest = sha256()
        for piece in (
            self.text.encode(),
            self.budget.encode(),
            *(item for name, content in self.uploads for item in (name.encode(), content)),
        ):
            digest.update(len(piece).to_bytes(8, "big"))
            digest.update(piece)
        return digest.hexdigest()


class LocalTurn:
    """The log, the growing message and the usage counts of one turn. Used only on the server's event loop.

    Chunks are added only with `emit`. It wakes readers by replacing an event, so a slow or disconnected
    reader neither delays the turn nor loses a chunk.
    """

    def __init__(self, worker_id: str, instruction: Instruction, attachments: tuple[StoredFile, ...]) -> None:
        self.id = formats.new_id("trn_")
        self.worker_id = worker_id
        self.instruction = instruction
        self.attachments = attachments
        self.builder = stream.MessageBuilder(formats.new_id("msg_"))
        self.counts = prices.Counts()
        self.running = True
        self.is_complete = False
        """True once the turn has ended by itself; False if the server stopped it."""
        self.ended = asyncio.Event()
        self._frames: list[str] = []
        self._changed = asyncio.Event()
        self._started_ns = time.monotonic_ns()

    def emit(self, chunk: stream.Chunk) -> None:
        """Log one chunk, apply it to the message, and wake the readers."""
        self.builder.fold(chunk)
        self._frames.append(stream.frame(chunk))
        self._wake()

    def close(self, *, is_complete: bool) -> None:
        """End the log; a second call changes nothing."""
        if self.running:
            self.counts.duration_ms = self._elapsed_ms()
            self.running = False
            self.is_complete = is_complete
            self.ended.set()
            self._wake()

    def counts_now(self) -> prices.Counts:
        """Return a copy of the counts, with the duration so far."""
        return replace(self.counts, duration_ms=self._elapsed_ms()) if self.running else replace(self.counts)

    async def follow(self, keep_alive_seconds: float) -> AsyncIterator[str]:
        """Yield all logged events and then new ones, until the turn ends.

        A comment is yielded after each `keep_alive_seconds` without an event. `[DONE]` is yielded only
        if the turn ended by itself: a stream without it was cut.
        """
        sent = 0
        while True:
            # Read before the check: a change between check and wait sets this same event.
            changed = self._changed
            if sent < len(self._frames):
                new_frames = self._frames[sent:]
                sent += len(new_frames)
                yield "".join(new_frames)
            elif not self.running:
                break
            else:
                try:
                    await asyncio.wait_for(changed.wait(), keep_alive_seconds)
                except TimeoutError:
                    yield stream.KEEP_ALIVE
        if self.is_complete:
            yield stream.DONE

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _elapsed_ms(self) -> int:
        return (time.monotonic_ns() - self._started_ns) // _NANOSECONDS_PER_MS
