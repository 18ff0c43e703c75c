"""Dialect: what one way of speaking must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from handinger_tui.core.jsontext import Json
from handinger_tui.core.stream.events import StreamEvent

Events = Sequence[StreamEvent]

NOTHING: tuple[StreamEvent, ...] = ()
"""Understood, and there is nothing to say about it."""


class Dialect(Protocol):
    """Reads the events of one body; an instance may remember what it heard.

    Both methods are total and answer None for what is not theirs. `kind` is the
    SSE event name ("" without one), `raw` the text of the event.
    """

    name: ClassVar[str]
    """For people and for `encoding` of the headless result; "" leaves it as it is."""
    weak: ClassVar[bool] = False
    """True: believed only while no other dialect was heard in this body."""

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The meaning of an event that is JSON."""
        return None

    def read_text(self, kind: str, raw: str) -> Events | None:
        """The meaning of an event that is not JSON."""
        return None
