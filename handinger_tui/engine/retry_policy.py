"""Patience: how long the engine waits for what. Seconds, all settable (failures.md R5)."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import ApiError, BrokenContract, Refused, Unreachable
from handinger_tui.core.record import dataclass
from handinger_tui.core.stream.worker_snapshot import WorkerBody
from handinger_tui.core.turns.turn import Kind

if TYPE_CHECKING:
    from handinger_tui.engine.ports import Clock

READS: Final = 4
"""Attempts at a reading that somebody waits for."""
LONGEST_PAUSE: Final = 60.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_wait` None watches for ever; the worker is never stopped by any of these."""

    poll_interval: float = 2.0
    poll_interval_max: float = 10.0
    recovery_window: float = 120.0
    """How long GETs may fail, or stay without news, before a doubt is called unknown."""
    absence_looks: int = 3
    absence_seconds: float = 15.0
    """An absent turn counts as not delivered after this many looks over this long."""
    max_wait: float | None = None
    money_interval: float | None = 2.0
    """Polls of usage and costs beside a running stream; None: do not poll."""
    before_timeout: float = 4.0
    """For the look before a POST; it is a courtesy and may fail."""

    def pause(self, attempt: int) -> float:
        """The pause before GET number `attempt` (from 1): growing, capped, with jitter."""
        grown = min(
            self.poll_interval * 1.5 ** (attempt - 1), max(self.poll_interval, self.poll_interval_max)
        )
        return grown * random.uniform(0.75, 1.0)  # noqa: S311 - jitter, no secret

    @property
    def absence_span(self) -> float:
        """`absence_seconds`, but never longer than most of the recovery window."""
        return min(self.absence_seconds, self.recovery_window * 0.8)


async def read_again(
    read: Callable[[], Awaitable[WorkerBody]], clock: Clock, patience: RetryPolicy, reads: int = READS
) -> WorkerBody:
    """A reading, tried `reads` times at most where the service stumbles.

    A refusal, or no service at all, is final.

    Raises:
        ApiError: of the last attempt.
    """
    for attempt in range(1, reads):
        try:
            return await read()
        except (BrokenContract, Unreachable):
            raise
        except ApiError as trouble:
            if isinstance(trouble, Refused) and trouble.kind is not Kind.RATE_LIMITED:
                raise
            asked = min(trouble.retry_after_s or 0.0, LONGEST_PAUSE)
            await clock.sleep(max(patience.pause(attempt), asked))
    return await read()
