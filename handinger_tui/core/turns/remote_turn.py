"""Remote turn: a turn that a worker has and we have not, ready to be entered."""

from __future__ import annotations

from typing import NamedTuple

from handinger_tui.core.stream.frames import Frame
from handinger_tui.core.turns.turn import TurnRequest


class RemoteTurn(NamedTuple):
    """`order.prompt` and `order.seen_before` say which of the worker's messages it is.

    `message_id` is the service's own name for that message; None where it gives none of its own.
    """

    order: TurnRequest
    frames: tuple[Frame, ...]
    message_id: str | None = None
