"""Adoption: turns of a worker that another program started become turns of the session."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.stream.frames import Frame, Framing, Marker, ReadReason
from handinger_tui.core.stream.worker_snapshot import PROMPTS, Snapshot, WorkerBody, worker_in
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.messages import LEFT_OUT, id_of, normalized_prompt, role_of, text_of
from handinger_tui.core.turns.session import RemoteTurn, Session
from handinger_tui.core.turns.turn import Trigger, TurnRequest, TurnStatus, judge, outcome_object
from handinger_tui.core.turns.worker_reconciliation import without_newest

if TYPE_CHECKING:
    from handinger_tui.engine.ports import Ids

JsonObject = dict[str, Json]

NEVER_THERE = (TurnStatus.NOT_SENT, TurnStatus.REJECTED, TurnStatus.NOT_DELIVERED)
"""Statuses of turns whose message never reached the worker."""


def adopted_turns(session: Session, body: WorkerBody, now_ms: int, ids: Ids) -> list[RemoteTurn]:
    """A request and frames for each turn of the Worker after the last one that the session holds.

    A turn is identified by its prompt and by the number of earlier turns with the same prompt. Only
    the newest turn gets usage and costs: those of the older ones are not known.
    """
    worker, snapshot = worker_in(body.wire) or body.wire, body.snapshot
    worker_id = session.worker_id or snapshot.worker_id
    groups = _groups(list(snapshot.messages))
    if not groups:
        # Without messages, the number of turns before it stands for its position.
        before = len(session.turns)
        order = TurnRequest(
            ids.new("turn"), "", now_ms, worker_id, seen_before=before, trigger=Trigger.ELSEWHERE
        )
        return _turn_without_messages(session, worker, snapshot, order)
    own_turns = _turn_keys(session)
    message_ids = Counter(id_of(group[0]) for group in groups)
    adopted: list[RemoteTurn] = []
    counts: dict[str, int] = {}
    for at, group in enumerate(groups):
        prompt = text_of(group[0])
        key = normalized_prompt(prompt)
        times = counts.get(key, 0)
        counts[key] = times + 1
        if (key, times) in own_turns:
            # The turns of a session are in order: one before a turn of ours can no longer be inserted.
            adopted.clear()
            continue
        last = at == len(groups) - 1
        order = TurnRequest(
            ids.new("turn"), prompt, now_ms, worker_id, seen_before=times, trigger=Trigger.ELSEWHERE
        )
        worker_then = _worker_at_turn(worker, group, times, snapshot.prompts, last=last)
        message_id = id_of(group[0])
        # An id that several messages share identifies none of them.
        unique_id = message_id if message_ids[message_id] == 1 else None
        adopted.append(RemoteTurn(order, _frames(order, worker_then, busy=last and snapshot.busy), unique_id))
    return adopted


def _turn_without_messages(
    session: Session, worker: JsonObject, snapshot: Snapshot, order: TurnRequest
) -> list[RemoteTurn]:
    """The newest turn of a Worker without messages; none where the session may already hold it."""
    if any(turn.live or turn.status is TurnStatus.RUNNING for turn in session.turns):
        return []
    is_running = snapshot.busy and snapshot.running_flag is not False and not snapshot.silent
    has_ended = not snapshot.busy and not session.turns and (bool(snapshot.output_text) or snapshot.failed)
    return [RemoteTurn(order, _frames(order, worker, busy=is_running))] if is_running or has_ended else []


def _turn_keys(session: Session) -> set[tuple[str, int]]:
    """The keys of the turns of the session: the prompt, and how many earlier turns have the same one."""
    keys: set[tuple[str, int]] = set()
    counts: dict[str, int] = {}
    for turn in session.turns:
        if turn.status in NEVER_THERE:
            continue
        prompt = normalized_prompt(turn.order.prompt)
        times = max(counts.get(prompt, 0), turn.order.seen_before or 0)
        counts[prompt] = times + 1
        keys.add((prompt, times))
    return keys


def _groups(messages: list[JsonObject]) -> list[list[JsonObject]]:
    """Each user message together with the assistant messages up to the next user message."""
    groups: list[list[JsonObject]] = []
    for message in messages:
        if role_of(message) == "user":
            groups.append([message])
        elif groups and role_of(message) == "assistant":
            groups[-1].append(message)
    return groups


def _worker_at_turn(
    worker: JsonObject, group: list[JsonObject], times: int, prompts: int | None, *, last: bool
) -> JsonObject:
    """The Worker as it would be if `group` were its newest turn. `prompts`: see `Snapshot.prompts`."""
    reduced = dict(worker) if prompts is None else {**worker, PROMPTS: prompts}
    reduced["messages"] = [{**group[0], LEFT_OUT: times}, *group[1:]] if times else [*group]
    return reduced if last else without_newest(reduced)


def _frames(order: TurnRequest, worker: JsonObject, *, busy: bool) -> tuple[Frame, ...]:
    """The frames of an adopted turn: one read of the worker, and how the turn ended by it."""
    now_ms = order.created_ms
    read = Frame(0, now_ms, Framing.JSON, dump(worker), ReadReason.DURING if busy else ReadReason.AFTER)
    status, fault = (TurnStatus.RUNNING, None) if busy else judge(fold(order, [read]))
    return read, Frame(1, now_ms, Framing.NOTE, dump(outcome_object(status, fault)), Marker.SETTLED)
