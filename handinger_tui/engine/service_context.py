"""The service that the engine talks to, and the errors and faults that depend on it."""

from __future__ import annotations

from dataclasses import dataclass

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.turns.turn import Fault, Kind, Trigger

NOT_YET_SENT = Fault(
    Kind.CONFLICT, "The program ended before this message was sent.", may_have_been_charged=False
)
LOCAL_ENDED = Fault(Kind.INCOMPLETE, "The local worker ended together with the program.")


class Busy(HandingerError):
    """The request is refused in the current state of the session."""


class Elsewhere(HandingerError):
    """The worker of the session belongs to another service than the one the engine talks to."""

    def __init__(self, base_url: str) -> None:
        service = "the local worker" if base_url == "local" else base_url or "another service"
        super().__init__(
            f"This session belongs to {service}; nothing was sent.",
            "Start with --local for it."
            if base_url == "local"
            else f"Start with --base-url {base_url} for it.",
        )


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """The service that the engine talks to, and how its turns are marked.

    `forgetful`: the workers of the service end with the program (local worker). `trigger`: what
    starts the turns of this program, recorded with each of them.
    """

    base_url: str = ""
    forgetful: bool = False
    trigger: Trigger = Trigger.APP
