"""What happens to a worker, in order of receipt: a turn is sent, the worker is read, a turn has ended."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

Amount = Decimal | int
Key = int | str
"""Identifies a turn: by its position in the session, or by its id if it belongs to another session."""


class Sent(NamedTuple):
    """The request of a turn may have left.

    `creates`: it creates the worker, whose meters then start at zero. `read_before`: the worker was read just
    before. `refused`: the service refused or never received it, so the turn is free; but a rise in the same
    window has no certain owner. `counted`: its message is assumed to be among those of the worker. `adopted`:
    it was read from the worker, so its message may have been counted as that of a stranger before. `last`:
    the worker had no later message then.
    """

    turn: Key
    creates: bool = False
    read_before: bool = True
    refused: bool = False
    counted: bool = True
    adopted: bool = False
    last: bool = True


class Read(NamedTuple):
    """One reading. `meters`: a figure for each meter, None if not reported.

    `prompts`: how many user messages the worker has, None if unknown.
    """

    meters: Sequence[Amount | None]
    busy: bool
    prompts: int | None = None


class Ended(NamedTuple):
    """The turn has ended. `left_running`: it is only unwatched, and ends when the worker is idle."""

    turn: Key
    left_running: bool = False


Event = Sent | Read | Ended
