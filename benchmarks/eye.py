"""Eye: determines when a text became visible on the screen, from the recorded chunks of a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.screen import Screen
from benchmarks.terminal import Terminal


@dataclass
class Eye:
    """Observes one terminal, forwards only.

    *Visible* means: the read is stamped after which the text is on the screen
    outside a synchronized update.
    """

    terminal: Terminal
    screen: Screen = field(default_factory=Screen)
    _next: int = 0

    def visible_at(self, text: str, until: float | None = None) -> float | None:
        """When `text` was visible; None: not in what was read (or not before `until`).

        Continues from the chunk where the previous call ended, and reads no further than needed.
        """
        chunks = self.terminal.chunks
        rows = range(self.screen.lines)
        if self._next and self._shows(text, rows):
            return chunks[self._next - 1].at
        while self._next < len(chunks):
            at, data = chunks[self._next]
            if until is not None and at > until:
                return None
            self.screen.feed(data)
            self._next += 1
            if self._shows(text, self.screen.dirty):
                return at
        return None

    def _shows(self, text: str, rows: Iterable[int]) -> bool:
        if self.screen.is_updating:
            # Changes of an open update are checked when it ends.
            return False
        is_visible = any(text in self.screen.row(y) for y in rows)
        self.screen.dirty.clear()
        return is_visible

    def await_text(self, text: str, patience_s: float = 30.0) -> float | None:
        """Read and check alternately until `text` is visible."""
        end = time.monotonic() + patience_s
        while True:
            at = self.visible_at(text)
            if at is not None or self.terminal.ended or time.monotonic() > end:
                return at
            self.terminal.read(0.1)

    def forget(self) -> None:
        """Process the remaining chunks and discard them: a long conversation would fill the memory."""
        for _at, data in self.terminal.chunks[self._next :]:
            self.screen.feed(data)
        self.terminal.chunks.clear()
        self.screen.dirty.clear()
        self._next = 0
