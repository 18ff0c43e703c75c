"""Doors: every call of the engine to a port passes one, waits there, and may be refused."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Final

from handinger_tui.core.errors import (
    BrokenContract,
    Doubtful,
    HandingerError,
    Locked,
    NoRoom,
    Refused,
    ServerFault,
    StreamLost,
    Unreachable,
)
from handinger_tui.core.turns.turn import ErrorKind


class Door(StrEnum):
    """A call of a port that may take time."""

    CONNECT = "start_turn, before the first byte"
    START = "start_turn, on its way"
    ANSWER = "start_turn, on its way back"
    READ = "read_worker"
    FOLLOW = "follow"
    PIECE = "pieces"
    OPEN_TURN = "open_turn"
    START_TURN = "start_turn of a queued turn"
    RELEASE_TURN = "release_turn"
    FLUSH = "flush"
    CLOSE_TURN = "close_turn"
    CHARGE = "charge"
    MOVE_LAST = "move_last"
    ADOPT = "adopt"
    FRAMES = "frames"
    CLAIM = "claim"
    LOAD = "load"
    UNSETTLED = "unsettled"
    GAUGES = "gauges"
    SLEEP = "sleep"


HISTORY: Final = (
    Door.OPEN_TURN,
    Door.START_TURN,
    Door.RELEASE_TURN,
    Door.FLUSH,
    Door.CLOSE_TURN,
    Door.CHARGE,
    Door.MOVE_LAST,
    Door.ADOPT,
    Door.FRAMES,
    Door.CLAIM,
    Door.LOAD,
    Door.UNSETTLED,
    Door.GAUGES,
)
"""Calls that wait while another process holds the history."""

STUMBLES: Final = (
    ServerFault(ErrorKind.GATEWAY, "502", http_status=502),
    Doubtful(ErrorKind.NETWORK, "The connection was reset."),
    Unreachable(ErrorKind.CONNECT, "refused"),
    Refused(ErrorKind.RATE_LIMITED, "slow down", http_status=429, retry_after_s=3),
)
FAULTS: Final[dict[Door, tuple[HandingerError, ...]]] = {
    # Proof that nothing was sent.
    Door.CONNECT: (Unreachable(ErrorKind.CONNECT, "refused"),),
    # A definite refusal.
    Door.START: (
        Refused(ErrorKind.PAYMENT, "no credits", http_status=402),
        Refused(ErrorKind.RATE_LIMITED, "slow down", http_status=429, retry_after_s=3),
        # Lost on its way: the outcome is in doubt.
        Doubtful(ErrorKind.NETWORK, "The connection was reset."),
        ServerFault(ErrorKind.GATEWAY, "502", http_status=502),
    ),
    # The service has the message; its answer is lost.
    Door.ANSWER: (
        Doubtful(ErrorKind.TIMEOUT, "No answer came."),
        ServerFault(ErrorKind.SERVER, "500", http_status=500),
        BrokenContract(ErrorKind.UNEXPECTED_CONTENT, "HTML"),
    ),
    Door.READ: (
        *STUMBLES,
        BrokenContract(ErrorKind.DECODE, "HTML"),
        Refused(ErrorKind.NOT_FOUND, "no such worker", http_status=404),
    ),
    Door.FOLLOW: (
        Refused(ErrorKind.NOT_FOUND, "no stream", http_status=404),
        ServerFault(ErrorKind.GATEWAY, "502", http_status=502),
    ),
    Door.PIECE: (
        StreamLost(ErrorKind.NETWORK, "The connection was cut."),
        BrokenContract(ErrorKind.ENCODING, "br"),
    ),
    **{door: (Locked("The history is busy."), NoRoom("The disk is full.")) for door in HISTORY},
}
"""The errors with which each door may answer a call."""


class Doors:
    """The doors of one world."""

    def __init__(self) -> None:
        self.held: dict[Door, asyncio.Event] = {}
        self.next_fault: dict[Door, HandingerError] = {}
        """The error of the next call."""
        self.locked = False
        """Another process holds the history: every call that needs it fails."""

    async def go_through(self, door: Door) -> None:
        """Wait at least once.

        Raises:
            HandingerError: this door is refused.
        """
        await asyncio.sleep(0)
        while (gate := self.held.get(door)) is not None:
            await gate.wait()
        if self.locked and door in HISTORY:
            raise Locked("The history is in use by another process.")
        fault = self.next_fault.pop(door, None)
        if fault is not None:
            # A new one for each call: a raised error keeps its traceback.
            raise copied(fault)

    def hold(self, door: Door) -> None:
        """From now on this door is slow: no call passes."""
        self.held.setdefault(door, asyncio.Event())

    def let_go(self) -> None:
        """All doors are fast again."""
        for gate in self.held.values():
            gate.set()
        self.held.clear()

    def mend(self) -> None:
        """Remove every error and delay."""
        self.locked = False
        self.next_fault.clear()
        self.let_go()


def copied(error: HandingerError) -> HandingerError:
    """A copy of the error without a traceback."""
    fresh = error.__class__.__new__(error.__class__, *error.args)
    fresh.__dict__.update(error.__dict__)
    return fresh
