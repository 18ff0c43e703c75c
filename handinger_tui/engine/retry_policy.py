"""Retry policy: how long the engine waits, and how often it retries. All times are in seconds."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.errors import ApiError, BrokenContract, Refused, Unreachable
from handinger_tui.core.stream.worker_snapshot import WorkerBody
from handinger_tui.core.turns.turn import Kind

if TYPE_CHECKING:
    from handinger_tui.engine.ports import Clock

READS: Final = 4
"""Attempts at a read of the worker whose result a caller waits for."""
LONGEST_PAUSE: Final = 60.0
"""The most seconds to wait because a Retry-After header asks for it."""


class RetryPolicy(Struct, frozen=True):
    """Intervals and timeouts in seconds. None of them ever stops the worker itself."""

    poll_interval: float = 2.0
    poll_interval_max: float = 10.0
    recovery_window: float = 120.0
    """How long GETs may fail, or show no progress, before a turn in doubt is settled as unknown."""
    absence_looks: int = 3
    absence_seconds: float = 15.0
    """A turn that the worker does not list is not delivered after `absence_looks` reads over this time."""
    max_wait: float | None = None
    """How long one turn is watched; None: without end."""
    money_interval: float | None = 2.0
    """Interval at which usage and costs are polled while a stream runs; None: do not poll."""
    late_reads: tuple[float, ...] = ()
    """Pauses after the end of a turn, after each of which the worker is read again for late costs."""
    before_timeout: float = 4.0
    """Timeout of the read before a POST, which is optional and may fail."""

    def pause(self, attempt: int) -> float:
        """Seconds to wait before GET number `attempt` (from 1): exponential backoff, capped, with jitter."""
        backoff = min(
            self.poll_interval * 1.5 ** (attempt - 1), max(self.poll_interval, self.poll_interval_max)
        )
        return backoff * random.uniform(0.75, 1.0)  # noqa: S311 - jitter, no secret

    @property
    def absence_span(self) -> float:
        """`absence_seconds`, but at most 80% of the recovery window."""
        return min(self.absence_seconds, self.recovery_window * 0.8)


async def read_with_retries(
    read: Callable[[], Awaitable[WorkerBody]], clock: Clock, policy: RetryPolicy, reads: int = READS
) -> WorkerBody:
    """The result of `read`, which is repeated after a server or network error: `reads` attempts at most.

    A refusal, a broken contract and an unreachable service are final; a rate limit is not.

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
            retry_after = min(trouble.retry_after_s or 0.0, LONGEST_PAUSE)
            await clock.sleep(max(policy.pause(attempt), retry_after))
    return await read()
