"""One turn as it happens: a log of chunks that any number of readers follow from its start."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from handinger_tui.local import ids, prices, stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from handinger_tui.local.workspace import StoredFile

_NANOSECONDS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a request asks of a worker."""

    text: str
    budget: str
    uploads: tuple[tuple[str, bytes], ...] = ()
    """File names as sent, and bytes."""

    @property
    def fingerprint(self) -> str:
        """A digest that two equal instructions share, however they were encoded."""
        digest = sha256()
        for piece in (
            self.text.encode(),
            self.budget.encode(),
            *(item for name, content in self.uploads for item in (name.encode(), content)),
        ):
            digest.update(len(piece).to_bytes(8, "big"))
            digest.update(piece)
        return digest.hexdigest()


class Turn:
    """The log, the growing message and the counts of one turn. Belongs to the server's event loop.

    `emit` is the only way in. Readers are woken by replacing an event, so a slow or vanished
    reader can neither hold up the turn nor lose a chunk.
    """

    def __init__(self, worker_id: str, instruction: Instruction, attachments: tuple[StoredFile, ...]) -> None:
        """Begin an empty log; the clock of the turn runs from here."""
        self.id = ids.fresh("trn_")
        self.worker_id = worker_id
        self.instruction = instruction
        self.attachments = attachments
        self.builder = stream.MessageBuilder(ids.fresh("msg_"))
        self.counts = prices.Counts()
        self.running = True
        self.whole = False
        """True once the turn came to an end of its own, false when the server left it."""
        self.ended = asyncio.Event()
        self._frames: list[str] = []
        self._changed = asyncio.Event()
        self._started_ns = time.monotonic_ns()

    def emit(self, chunk: stream.Chunk) -> None:
        """Log one chunk, fold it into the message, wake the readers."""
        self.builder.fold(chunk)
        self._frames.append(stream.frame(chunk))
        self._wake()

    def close(self, *, whole: bool) -> None:
        """End the log; a second call changes nothing."""
        if self.running:
            self.counts.duration_ms = self._elapsed_ms()
            self.running = False
            self.whole = whole
            self.ended.set()
            self._wake()

    def counts_now(self) -> prices.Counts:
        """Return a copy of the counts with the duration up to this moment."""
        return replace(self.counts, duration_ms=self._elapsed_ms()) if self.running else replace(self.counts)

    async def follow(self, keep_alive_seconds: float) -> AsyncIterator[str]:
        """Yield everything logged from the start, then what comes, until the turn ends.

        A comment is yielded after each silence of that many seconds, `[DONE]` only after an end
        of the turn's own: a stream that lacks it was cut.
        """
        sent = 0
        while True:
            # Taken before looking: a change between looking and waiting has set this very event.
            changed = self._changed
            if sent < len(self._frames):
                fresh = self._frames[sent:]
                sent += len(fresh)
                yield "".join(fresh)
            elif not self.running:
                break
            else:
                try:
                    await asyncio.wait_for(changed.wait(), keep_alive_seconds)
                except TimeoutError:
                    yield stream.KEEP_ALIVE
        if self.whole:
            yield stream.DONE

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _elapsed_ms(self) -> int:
        return (time.monotonic_ns() - self._started_ns) // _NANOSECONDS_PER_MS
