"""Holds: why the queue of a session does not go on by itself."""

from __future__ import annotations

from enum import StrEnum, auto

from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.turn import TurnStatus

CONTINUABLE = frozenset({TurnStatus.COMPLETED, TurnStatus.INCOMPLETE})
"""Ends of a turn after which the next queued one may start by itself."""


class HoldReason(StrEnum):
    """What stopped the queue. Only a person's `resume`, or coming back to a detached turn, ends a hold."""

    LIMIT = auto()
    """A spending limit is reached."""
    UNREADABLE = auto()
    """The history could not be read or written, so nobody can tell whether a limit is reached."""
    DETACHED = auto()
    """The person stopped watching the running turn."""
    UNFINISHED = auto()
    """The turn before did not complete."""
    RESTORED = auto()
    """The program ended before these messages were sent."""


@dataclass(frozen=True, slots=True)
class Hold:
    """`gauge` is the reached limit, for LIMIT alone; `detail` is a sentence about the cause, or empty."""

    reason: HoldReason
    gauge: Gauge | None = None
    detail: str = ""


def hold_after(status: TurnStatus) -> Hold | None:
    """The hold that the end of a turn brings; None where the queue may go on."""
    if status in CONTINUABLE:
        return None
    return Hold(HoldReason.DETACHED if status is TurnStatus.RUNNING else HoldReason.UNFINISHED)
