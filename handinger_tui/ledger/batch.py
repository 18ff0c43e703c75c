"""Batch: which frames wait for the disk, and when they are due. No clock and no thread of its own."""

from __future__ import annotations

from typing import Final

from handinger_tui.ledger.rows import TurnFrame

MAX_FRAMES: Final = 200
MAX_WAIT_S: Final = 0.05


class Batch:
    """Frames in order of arrival. Times are monotonic seconds, given by the caller."""

    def __init__(self, max_frames: int = MAX_FRAMES, max_wait_s: float = MAX_WAIT_S) -> None:
        self._max_frames = max_frames
        self._max_wait_s = max_wait_s
        self._due_count = max_frames
        self._due_at: float | None = None
        self.frames: list[TurnFrame] = []

    def add(self, item: TurnFrame, now: float) -> None:
        """Take one frame; the first one starts the clock."""
        if not self.frames:
            self._due_at = now + self._max_wait_s
        self.frames.append(item)

    def due(self, now: float) -> bool:
        """Enough frames, or the oldest has waited long enough."""
        late = self._due_at is not None and now >= self._due_at
        return bool(self.frames) and (late or len(self.frames) >= self._due_count)

    def wait(self, now: float) -> float | None:
        """Seconds until the batch is due by time; None when nothing waits for a time."""
        return None if self._due_at is None else max(0.0, self._due_at - now)

    def written(self) -> None:
        """Everything is on disk."""
        self.frames = []
        self._due_at = None
        self._due_count = self._max_frames

    def refused(self) -> None:
        """The disk did not take them: keep all, in order, until asked again or a batch more came."""
        self._due_at = None
        self._due_count = len(self.frames) + self._max_frames
