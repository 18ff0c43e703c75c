"""Eye: finds when a text came to stand on the screen, from the chunks a terminal kept."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.screen import Screen
from benchmarks.terminal import Terminal


@dataclass
class Eye:
    """Looks at one terminal, forwards only.

    *Visible* means: the read is stamped after which the text stands on the screen
    outside a synchronized update.
    """

    terminal: Terminal
    screen: Screen = field(default_factory=Screen)
    _next: int = 0

    def seen(self, text: str, until: float | None = None) -> float | None:
        """When `text` was visible; None: not in what was read (or not before `until`).

        Goes on from the chunk where the look before ended, and no further than needed.
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
            # What changed in an open update is looked at when it closes.
            return False
        found = any(text in self.screen.row(y) for y in rows)
        self.screen.dirty.clear()
        return found

    def await_text(self, text: str, patience_s: float = 30.0) -> float | None:
        """Read and look in turns until `text` is visible."""
        end = time.monotonic() + patience_s
        while True:
            found = self.seen(text)
            if found is not None or self.terminal.ended or time.monotonic() > end:
                return found
            self.terminal.read(0.1)

    def forget(self) -> None:
        """Look at what is left and throw the chunks away: a long conversation would fill the memory."""
        for _at, data in self.terminal.chunks[self._next :]:
            self.screen.feed(data)
        self.terminal.chunks.clear()
        self.screen.dirty.clear()
        self._next = 0
