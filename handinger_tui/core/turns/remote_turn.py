"""A remote turn: a turn of a worker that our history does not have yet."""

from __future__ import annotations

from typing import NamedTuple

from handinger_tui.core.stream.frames import Frame
from handinger_tui.core.turns.turn import TurnRequest


class RemoteTurn(NamedTuple):
    """A turn to add to the history.

    `order.prompt` and `order.seen_before` identify its message among the worker's messages.
    `message_id` is the service's id of that message; None where it has none.
    """

    order: TurnRequest
    frames: tuple[Frame, ...]
    message_id: str | None = None
