"""Older turns: what one read of a worker shows about earlier turns of ours that were left unsettled."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.stream.worker_snapshot import Snapshot, WorkerBody, worker_in
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.core.turns.worker_reconciliation import Answer, answer_to, messages_of, without_newest

UNSETTLED: Final = frozenset(
    {
        TurnStatus.SENDING,
        TurnStatus.ACCEPTED,
        TurnStatus.CHECKING,
        TurnStatus.RUNNING,
        TurnStatus.UNKNOWN,
    }
)
"""Statuses of turns that may have been delivered and whose end is not known."""


def unsettled_turns(session: Session, snapshot: Snapshot, *, without: str = "") -> list[Turn]:
    """Turns, except `without`, that are unsettled in the session but have ended by `snapshot`."""
    open_turns = [turn for turn in session.turns if turn.status in UNSETTLED and turn.turn_id != without]
    return [turn for turn in open_turns if _has_ended(answer_to(turn.order, snapshot), snapshot)]


def _has_ended(answer: Answer, snapshot: Snapshot) -> bool:
    if not answer.present:
        return False
    return not answer.last or (not snapshot.busy and (bool(answer.parts) or snapshot.failed))


def own_part(turn: Turn, body: WorkerBody) -> str:
    """The Worker as JSON text, reduced to the part about `turn`.

    Usage and costs are left out where a later turn exists: they include that turn.
    """
    worker: JsonObject = dict(worker_in(body.wire) or body.wire)
    answer = answer_to(turn.order, body.snapshot)
    worker["messages"] = messages_of(turn.order, answer)
    return dump(worker if answer.last else without_newest(worker))
