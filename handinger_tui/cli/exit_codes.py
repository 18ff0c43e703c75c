"""Exit codes: an interface that scripts rely on (product.md, section 3)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from handinger_tui.core.turns.turn import Kind, Turn, TurnStatus


class Exit(IntEnum):
    """What the process says when it ends."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REJECTED = 3
    KEY = 4
    PAYMENT = 5
    RATE_LIMITED = 6
    NOT_SENT = 7
    UNKNOWN = 8
    RUNNING = 9
    LOCAL_IO = 10
    INCOMPLETE = 11
    INTERRUPTED = 130
    QUIT = 131
    TERMINATED = 143


BY_KIND: Final = {
    Kind.AUTH: Exit.KEY,
    Kind.FORBIDDEN: Exit.KEY,
    Kind.PAYMENT: Exit.PAYMENT,
    Kind.COST_LIMIT: Exit.PAYMENT,
    Kind.RATE_LIMITED: Exit.RATE_LIMITED,
    Kind.DISK: Exit.LOCAL_IO,
    Kind.SETTINGS: Exit.USAGE,
}
"""Kinds that decide for a turn that never started."""

BY_STATUS: Final = {
    TurnStatus.COMPLETED: Exit.OK,
    TurnStatus.INCOMPLETE: Exit.INCOMPLETE,
    TurnStatus.FAILED: Exit.FAILED,
    TurnStatus.RUNNING: Exit.RUNNING,
    TurnStatus.REJECTED: Exit.REJECTED,
    TurnStatus.NOT_SENT: Exit.NOT_SENT,
    TurnStatus.NOT_DELIVERED: Exit.NOT_SENT,
    TurnStatus.UNKNOWN: Exit.UNKNOWN,
}


def exit_of(turn: Turn) -> Exit:
    """The exit code for a settled turn."""
    if turn.fault is not None and turn.status in (TurnStatus.REJECTED, TurnStatus.NOT_SENT):
        special = BY_KIND.get(turn.fault.kind)
        if special is not None:
            return special
    return BY_STATUS.get(turn.status, Exit.FAILED)


def exit_of_kind(kind: Kind) -> Exit:
    """The exit code for a request beside turns (a GET, a download) that failed."""
    plain = {Kind.NOT_FOUND: Exit.REJECTED, Kind.INVALID: Exit.REJECTED, Kind.CONFLICT: Exit.REJECTED}
    return BY_KIND.get(kind) or plain.get(kind, Exit.FAILED)
