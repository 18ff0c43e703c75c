"""Patience: how long the engine waits for what. Seconds, all settable (failures.md R5)."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
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
