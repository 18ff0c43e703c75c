"""Exit codes, on which scripts rely."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from handinger_tui.core.turns.turn import ErrorKind, Turn, TurnStatus


class Exit(IntEnum):
    """The exit code of the process."""

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
    ErrorKind.AUTH: Exit.KEY,
    ErrorKind.FORBIDDEN: Exit.KEY,
    ErrorKind.PAYMENT: Exit.PAYMENT,
    ErrorKind.COST_LIMIT: Exit.PAYMENT,
    ErrorKind.RATE_LIMITED: Exit.RATE_LIMITED,
    ErrorKind.DISK: Exit.LOCAL_IO,
    ErrorKind.SETTINGS: Exit.USAGE,
}
"""Kinds of fault that determine the exit code of a turn that never started."""
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
    """Return the exit code of a settled turn."""
    if turn.fault is not None and turn.status in (TurnStatus.REJECTED, TurnStatus.NOT_SENT):
        code = BY_KIND.get(turn.fault.kind)
        if code is not None:
            return code
    return BY_STATUS.get(turn.status, Exit.FAILED)


def exit_of_kind(kind: ErrorKind) -> Exit:
    """Return the exit code of a failed request that is not a turn, such as a GET or a download."""
    other_codes = {
        ErrorKind.NOT_FOUND: Exit.REJECTED,
        ErrorKind.INVALID: Exit.REJECTED,
        ErrorKind.CONFLICT: Exit.REJECTED,
    }
    return BY_KIND.get(kind) or other_codes.get(kind, Exit.FAILED)
