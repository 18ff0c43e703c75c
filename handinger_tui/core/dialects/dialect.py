"""The protocol that every dialect implements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Protocol

from handinger_tui.core.jsontext import Json
from handinger_tui.core.stream.events import StreamEvent

Events = Sequence[StreamEvent]

NOTHING: tuple[StreamEvent, ...] = ()
"""The result for an event that is understood and means nothing."""

UNNAMED_ERROR: Final = "The service reports an error and does not say which."


class Dialect(Protocol):
    """Decodes the events of one body; an instance may keep state between events.

    Both methods never raise and return None for events of another dialect. `kind` is
    the SSE event name ("" without one), `raw` the text of the event.
    """

    name: ClassVar[str]
    """The name for people and for `encoding` of the headless result; "" keeps the current name."""
    weak: ClassVar[bool] = False
    """Whether it is used only while no other dialect is recognized in this body."""

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of a JSON event."""
        return None

    def read_text(self, kind: str, raw: str) -> Events | None:
        """The events of an event that is not JSON."""
        return None
