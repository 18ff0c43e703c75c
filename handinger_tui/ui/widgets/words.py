"""Words of the screen: what a session's state is called, and what to do about a turn that went wrong."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.limits import Gauge, Origin, raise_hint, reached_text
from handinger_tui.core.money import credits_words, usd_text
from handinger_tui.core.readings import money_of
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety import clean_line
from handinger_tui.core.session import Session
from handinger_tui.core.turn import FREE, LIVE, Kind, Turn, TurnStatus
from handinger_tui.core.walks import any_with_status, with_status
from handinger_tui.core.words import duration

STATUS_WORDS: Final = {
    TurnStatus.QUEUED: "waiting to be sent",
    TurnStatus.SENDING: "sending",
    TurnStatus.ACCEPTED: "working",
    TurnStatus.CHECKING: "checking what became of it",
    TurnStatus.COMPLETED: "completed",
    TurnStatus.INCOMPLETE: "incomplete",
    TurnStatus.FAILED: "failed",
    TurnStatus.RUNNING: "still running on the server",
    TurnStatus.REJECTED: "refused",
    TurnStatus.NOT_SENT: "not sent",
    TurnStatus.NOT_DELIVERED: "not delivered",
    TurnStatus.UNKNOWN: "delivery unknown",
}
WORKED_ON: Final = LIVE - {TurnStatus.QUEUED}
GOOD: Final = frozenset({TurnStatus.COMPLETED})
BAD: Final = frozenset({TurnStatus.FAILED, TurnStatus.REJECTED, TurnStatus.UNKNOWN})


def under_way(session: Session) -> Turn | None:
    """The turn to tell about: the one worked on, one that runs on unwatched, or the newest."""
    busy = next(with_status(session.turns, WORKED_ON), None)
    return busy or unwatched(session) or session.current


def unwatched(session: Session) -> Turn | None:
    """The turn that still runs on the server while nobody watches it; later ones never started."""
    for turn in reversed(session.turns):
        if turn.status is TurnStatus.RUNNING:
            return turn
        if turn.status not in FREE:
            return None
    return None


def status_words(session: Session) -> str:
    """One or a few words for the header; "" for a session without turns."""
    turn = under_way(session)
    if turn is None:
        return ""
    doing = clean_line(turn.activity or "", 40) if turn.status is TurnStatus.ACCEPTED else ""
    return doing or STATUS_WORDS[turn.status]


def retry_words(session: Session, now_ms: int) -> str:
    """While a GET waits to be repeated: "retry 3 in 4 s"; else an empty text."""
    turn = under_way(session)
    if turn is None or turn.retry is None:
        return ""
    left = -(-(turn.retry.at_ms + turn.retry.wait_ms - now_ms) // 1000)
    return f"retry {turn.retry.number}" + (f" in {left} s" if left > 0 else "")


def elapsed(session: Session, now_ms: int) -> str:
    """How long the turn has been going, or took."""
    turn = under_way(session)
    if turn is None:
        return ""
    if turn.live:
        seconds = max(0, now_ms - turn.order.created_ms) // 1000
        return f"{seconds} s" if seconds < 60 else duration(seconds * 1000)
    return duration(turn.ended_ms - turn.order.created_ms) if turn.ended_ms is not None else ""


def going_for(turn: Turn, now_ms: int) -> str:
    """How long a run has been going, watched or not, in one unit: "40 s", "4 m", "2 h"."""
    seconds = max(0, now_ms - turn.order.created_ms) // 1000
    unit, length = next(
        ((unit, length) for unit, length in (("d", 86400), ("h", 3600), ("m", 60)) if seconds >= length),
        ("s", 1),
    )
    return f"{seconds // length} {unit}"


def so_far(session: Session, turn: Turn) -> str:
    """What a run took until it was last read: "12 credits so far"."""
    money = money_of(session, turn)
    if money.usage.credits is not None:
        return f"{credits_words(money.usage.credits)} so far"
    return f"{usd_text(money.usd)} so far" if money.usd is not None else "cost not reported yet"


@dataclass(frozen=True, slots=True)
class Advice:
    """The bar above the prompt: what can be done now. What happened stands in the transcript."""

    severity: str
    """ "error", "warning" or "info"."""
    text: str
    wait_until_ms: int | None = None
    """Sending makes no sense before that."""


STILL_RUNNING: Final = (
    "The worker is still running on the server and may keep charging. Enter on an empty prompt watches it."
)
_BACK: Final = "Your text is back in the prompt."
_TODO: Final = {
    Kind.AUTH: "Set the right key (HANDINGER_API_KEY) and start again, then Enter sends it.",
    Kind.FORBIDDEN: "This key may not do that: another key or another worker is needed.",
    Kind.PAYMENT: "Top up the account, then Enter sends it.",
    Kind.NOT_FOUND: "The service does not know this worker: ^N starts a new one.",
    Kind.CONFLICT: "The worker is busy: /attach watches it, and Enter sends once it is done.",
    Kind.INVALID: "Change it, then Enter sends it.",
    Kind.TOO_LARGE: "Make it or its files smaller, then Enter sends it.",
    Kind.CONNECT: "Check the network, then Enter sends it.",
    Kind.DISK: "Make room on the disk, then Enter sends it.",
}


def advice(session: Session) -> Advice | None:
    """What can be done about the newest turn; None when nothing needs doing."""
    turn = session.current
    if turn is None or session.busy:
        return None
    if unwatched(session) is not None:
        return Advice("info", STILL_RUNNING)
    if turn.status is TurnStatus.UNKNOWN:
        look = "the dashboard" if turn.worker_id is None else "the worker (/attach)"
        return Advice(
            "error", f"{_BACK} It was not sent again. Look at {look} first: sending it may cost twice."
        )
    if turn.status in FREE:
        return _free(turn)
    return None


def _free(turn: Turn) -> Advice:
    fault = turn.fault
    severity = "error" if turn.status is TurnStatus.REJECTED else "warning"
    if fault is not None and fault.retry_after_s is not None and turn.ended_ms is not None:
        until = turn.ended_ms + int(min(max(fault.retry_after_s, 0), 3600) * 1000)
        return Advice(severity, f"{_BACK} Nothing was charged, and nothing is sent by itself.", until)
    todo = _TODO.get(fault.kind, "Enter sends it.") if fault is not None else "Enter sends it."
    return Advice(severity, f"{_BACK} Nothing was charged. {todo}")


def held_advice(gauge: Gauge) -> Advice:
    """A limit holds the queue: which, and how it goes on."""
    reached = reached_text(gauge)
    scope = gauge.limit.scope
    how = (
        raise_hint(gauge.limit)
        if gauge.limit.origin is Origin.FLAG
        else f"Enter on an empty prompt raises it, as does /limit {scope} AMOUNT."
    )
    return Advice("warning", f"Queue held: {reached[:1].lower()}{reached[1:]} {how} ↑ takes a message back.")


def queued_turns(session: Session, *, held: bool = False) -> tuple[Turn, ...]:
    """The turns that wait: behind the one under way, or, `held`, for a limit to be raised.

    The first of an idle session whose queue is not held is about to go.
    """
    queued = tuple(with_status(session.turns, {TurnStatus.QUEUED}))
    others = any_with_status(session.turns, WORKED_ON)
    return queued if others or held else queued[1:]
