"""Adopting: turns of a worker that were made elsewhere become turns of the session."""

from __future__ import annotations

from handinger_tui.core.frames import Frame, Framing, Look, Note
from handinger_tui.core.jsontext import Json, NotJson, as_object, dump, parse_exact
from handinger_tui.core.messages import role_of, text_of
from handinger_tui.core.session import Session
from handinger_tui.core.snapshot import snapshot_of
from handinger_tui.core.turn import Order, TurnStatus
from handinger_tui.engine.ports import Ids

JsonObject = dict[str, Json]
Adopted = tuple[Order, tuple[Frame, ...]]

NEVER_THERE = (TurnStatus.NOT_SENT, TurnStatus.REJECTED, TurnStatus.NOT_DELIVERED)
"""Ends of turns that the Worker has never heard of."""


def adopted_turns(session: Session, body: str, now_ms: int, ids: Ids) -> list[Adopted]:
    """An order and frames for each turn of the Worker after those that the session holds.

    Turns are told apart by prompt and how often it was asked. Only the newest
    one carries usage and costs: nobody knows what the older ones took.
    """
    try:
        worker = as_object(parse_exact(body))
    except NotJson:
        return []
    snapshot = snapshot_of(worker)
    groups = _groups(list(snapshot.messages))
    held = _held(session)
    adopted: list[Adopted] = []
    asked: dict[str, int] = {}
    for at, group in enumerate(groups):
        prompt = text_of(group[0])
        times = asked.get(prompt, 0)
        asked[prompt] = times + 1
        if (prompt, times) in held:
            # A session is in order: what stands before a turn of ours can no longer join it.
            adopted.clear()
            continue
        last = at == len(groups) - 1
        order = Order(
            ids.new("turn"), prompt, now_ms, snapshot.worker_id or session.worker_id, seen_before=times
        )
        adopted.append((order, _frames(worker, group, times, now_ms, busy=last and snapshot.busy, last=last)))
    return adopted


def _held(session: Session) -> set[tuple[str, int]]:
    """The turns of the session as the Worker tells them apart: a prompt, and how often it came before."""
    held: set[tuple[str, int]] = set()
    asked: dict[str, int] = {}
    for turn in session.turns:
        if turn.status in NEVER_THERE:
            continue
        prompt = turn.order.prompt
        times = max(asked.get(prompt, 0), turn.order.seen_before or 0)
        asked[prompt] = times + 1
        held.add((prompt, times))
    return held


def _groups(messages: list[JsonObject]) -> list[list[JsonObject]]:
    """Each user message with what follows it, up to the next."""
    groups: list[list[JsonObject]] = []
    for message in messages:
        if role_of(message) == "user":
            groups.append([message])
        elif groups and role_of(message) == "assistant":
            groups[-1].append(message)
    return groups


def _frames(
    worker: JsonObject, group: list[JsonObject], times: int, now_ms: int, *, busy: bool, last: bool
) -> tuple[Frame, ...]:
    older: list[Json] = [group[0]] * times
    told = dict(worker)
    told["messages"] = [*older, *group]
    if not last:
        for member in (
            "usage",
            "costs",
            "output",
            "output_text",
            "error",
            "incomplete_details",
            "files",
            "sources",
        ):
            told.pop(member, None)
        told |= {"status": "completed", "running": False}
    look = Frame(0, now_ms, Framing.JSON, dump(told), Look.DURING if busy else Look.AFTER)
    status = TurnStatus.RUNNING if busy else TurnStatus.COMPLETED
    note = Frame(
        1, now_ms, Framing.NOTE, dump({"status": status, "recovered": False, "fault": None}), Note.SETTLED
    )
    return look, note
