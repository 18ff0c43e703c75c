"""Adopting: turns of a worker that were made elsewhere become turns of the session."""

from __future__ import annotations

from collections import Counter

from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.stream.frames import Frame, Framing, Marker, ReadReason
from handinger_tui.core.stream.messages import LEFT_OUT, asked_as, id_of, role_of, text_of
from handinger_tui.core.stream.worker_snapshot import Snapshot, WorkerBody, worker_in
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.outcome import fault_object, judge
from handinger_tui.core.turns.remote_turn import RemoteTurn
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Trigger, TurnRequest, TurnStatus
from handinger_tui.engine.ports import Ids

JsonObject = dict[str, Json]

NEVER_THERE = (TurnStatus.NOT_SENT, TurnStatus.REJECTED, TurnStatus.NOT_DELIVERED)
"""Ends of turns that the Worker has never heard of."""


def adopted_turns(session: Session, body: WorkerBody, now_ms: int, ids: Ids) -> list[RemoteTurn]:
    """An order and frames for each turn of the Worker after those that the session holds.

    Turns are told apart by prompt and how often it was asked. Only the newest
    one carries usage and costs: nobody knows what the older ones took.
    """
    worker, snapshot = worker_in(body.wire) or body.wire, body.snapshot
    worker_id = session.worker_id or snapshot.worker_id
    groups = _groups(list(snapshot.messages))
    if not groups:
        # Without messages the number of turns before it tells it from them.
        before = len(session.turns)
        nameless = TurnRequest(
            ids.new("turn"), "", now_ms, worker_id, seen_before=before, trigger=Trigger.ELSEWHERE
        )
        return _nameless(session, worker, snapshot, nameless)
    held = _held(session)
    message_ids = Counter(id_of(group[0]) for group in groups)
    adopted: list[RemoteTurn] = []
    asked: dict[str, int] = {}
    for at, group in enumerate(groups):
        prompt = text_of(group[0])
        known_as = asked_as(prompt)
        times = asked.get(known_as, 0)
        asked[known_as] = times + 1
        if (known_as, times) in held:
            # A session is in order: what stands before a turn of ours can no longer join it.
            adopted.clear()
            continue
        last = at == len(groups) - 1
        order = TurnRequest(
            ids.new("turn"), prompt, now_ms, worker_id, seen_before=times, trigger=Trigger.ELSEWHERE
        )
        seen = _worker_then(worker, group, times, last=last)
        message_id = id_of(group[0])
        # A name that several messages have names none of them.
        own_id = message_id if message_ids[message_id] == 1 else None
        adopted.append(RemoteTurn(order, _frames(order, seen, busy=last and snapshot.busy), own_id))
    return adopted


def _nameless(
    session: Session, worker: JsonObject, snapshot: Snapshot, order: TurnRequest
) -> list[RemoteTurn]:
    """The Worker tells no messages: its newest turn has no prompt, and is taken over when it is news."""
    if any(turn.live or turn.status is TurnStatus.RUNNING for turn in session.turns):
        return []
    runs = snapshot.busy and snapshot.running_flag is not False and not snapshot.silent
    ended = not snapshot.busy and not session.turns and (bool(snapshot.output_text) or snapshot.failed)
    return [RemoteTurn(order, _frames(order, worker, busy=runs))] if runs or ended else []


def _held(session: Session) -> set[tuple[str, int]]:
    """The turns of the session as the Worker tells them apart: a prompt, and how often it came before."""
    held: set[tuple[str, int]] = set()
    asked: dict[str, int] = {}
    for turn in session.turns:
        if turn.status in NEVER_THERE:
            continue
        prompt = asked_as(turn.order.prompt)
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


def _worker_then(worker: JsonObject, group: list[JsonObject], times: int, *, last: bool) -> JsonObject:
    """The Worker as it would be if `group` were its newest turn."""
    seen = dict(worker)
    seen["messages"] = [{**group[0], LEFT_OUT: times}, *group[1:]] if times else [*group]
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
            seen.pop(member, None)
        seen |= {"status": "completed", "running": False}
    return seen


def _frames(order: TurnRequest, told: JsonObject, *, busy: bool) -> tuple[Frame, ...]:
    """One reading, and how the turn ended by it."""
    now_ms = order.created_ms
    look = Frame(0, now_ms, Framing.JSON, dump(told), ReadReason.DURING if busy else ReadReason.AFTER)
    status, fault = (TurnStatus.RUNNING, None) if busy else judge(fold(order, [look]))
    said = {"status": status, "recovered": False, "fault": fault_object(fault)}
    return look, Frame(1, now_ms, Framing.NOTE, dump(said), Marker.SETTLED)
