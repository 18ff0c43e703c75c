"""The bounds of the local worker: everything it keeps is in memory, so everything has a size.

Nothing is written to disk. What does not fit is refused with a sentence; the only thing that is
let go is the oldest idle worker when there are too many.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, counts, and seconds; the defaults are what `handinger-tui local` uses."""

    body_bytes: int = 64 * MIB
    """A larger request body is answered with 413."""
    input_characters: int = 200_000
    """A longer instruction is answered with 422."""
    uploads: int = 32
    """File parts of one request."""
    workspace_bytes: int = 128 * MIB
    """All files of one worker together."""
    workers: int = 200
    """Above it the oldest idle worker is forgotten."""
    turns: int = 1000
    """Turns of one worker; a further one is answered with 409."""
    schedules: int = 100
    """Pending schedules of one worker."""
    remembered_keys: int = 256
    """Idempotency keys, newest kept."""
    keep_alive_seconds: float = 10.0
    """Silence after which a stream gets a comment."""
