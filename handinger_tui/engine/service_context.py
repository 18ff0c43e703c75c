"""Home: which service the engine talks to, and the refusals and words that follow from it."""

from __future__ import annotations

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.turn import Fault, Kind, Trigger, TurnStatus

CONTINUABLE = frozenset({TurnStatus.COMPLETED, TurnStatus.INCOMPLETE})
"""Ends after which a queued turn may start by itself."""


NOT_YET_SENT = Fault(
    Kind.CONFLICT, "The program ended before this message was sent.", may_have_been_charged=False
)
LOCAL_ENDED = Fault(Kind.INCOMPLETE, "The local worker ended together with the program.")


class Busy(HandingerError):
    """The session is not in a state for what was asked."""


class Elsewhere(HandingerError):
    """The session's worker lives at another service than the one we talk to."""

    def __init__(self, base_url: str) -> None:
        place = "the local worker" if base_url == "local" else base_url or "another service"
        super().__init__(
            f"This session belongs to {place}; nothing was sent.",
            "Start with --local for it."
            if base_url == "local"
            else f"Start with --base-url {base_url} for it.",
        )


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """The service we talk to, and who we are to it.

    `forgetful`: its workers do not outlive the program (local worker). `trigger`: what starts
    our turns.
    """

    base_url: str = ""
    forgetful: bool = False
    trigger: Trigger = Trigger.APP
