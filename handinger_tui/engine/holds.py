"""Holds: the reasons why the queue of a session does not continue on its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto

from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.turns.turn import TurnStatus

CONTINUABLE = frozenset({TurnStatus.COMPLETED, TurnStatus.INCOMPLETE})
"""Statuses of an ended turn after which the next queued one may start on its own."""


class HoldReason(StrEnum):
    """What stopped the queue. It ends when the user resumes the queue, or watches the detached turn again."""

    LIMIT = auto()
    """A spending limit is reached."""
    UNREADABLE = auto()
    """The history could not be read or written, so it is not known whether a limit is reached."""
    DETACHED = auto()
    """The user stopped watching the running turn."""
    UNFINISHED = auto()
    """The previous turn did not complete."""
    RESTORED = auto()
    """The program ended before these messages were sent."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold. `gauge`: the reached limit, for LIMIT only. `detail`: a sentence about the cause, or ""."""

    reason: HoldReason
    gauge: Gauge | None = None
    detail: str = ""


def hold_after(status: TurnStatus) -> Hold | None:
    """The hold that follows from the end of a turn; None where the queue may continue."""
    if status in CONTINUABLE:
        return None
    return Hold(HoldReason.DETACHED if status is TurnStatus.RUNNING else HoldReason.UNFINISHED)
