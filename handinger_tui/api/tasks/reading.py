"""A task, its turns and its worker as one Worker object, the only form of a reading beyond this package.

The object describes the conversation: its `id` is that of the task, `messages` are the turns, and the last
message of each turn has the `usage` that the service reports for that turn alone. Every member may be
missing, null or of another type.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct, field

from handinger_tui.core.jsontext import Json, JsonObject, as_list, as_object, as_text
from handinger_tui.core.stream.worker_snapshot import count

BUSY: Final = ("pending", "running")
OVER: Final = ("completed", "error", "aborted")
_FIGURES: Final = ("credits", "inputTokens", "outputTokens", "durationMs")


class TaskReading(Struct, frozen=True):
    """What the service says of a task. `worker`: the state of its worker, empty where that was not read."""

    task_id: str
    task: JsonObject = field(default_factory=dict)
    turns: tuple[JsonObject, ...] = ()
    worker: JsonObject = field(default_factory=dict)

    @property
    def worker_id(self) -> str | None:
        """The stored worker that the task belongs to."""
        return as_text(self.task.get("workerId"))

    @property
    def running(self) -> bool | None:
        """Whether the task runs; None for an unknown status, or none."""
        status = as_text(self.task.get("status"))
        if status in BUSY:
            return True
        return False if status in OVER else None


def turns_in(items: Json) -> tuple[JsonObject, ...]:
    """The turns of a list, in the order of their numbers where all have one."""
    turns = tuple(item for item in as_list(items) if isinstance(item, dict))
    numbers = [count(turn.get("seq")) for turn in turns]
    if any(number is None for number in numbers):
        return turns
    return tuple(turn for _, turn in sorted(zip(numbers, turns, strict=True), key=lambda pair: pair[0] or 0))


def worker_object(reading: TaskReading, pending: str | None = None) -> JsonObject:
    """The Worker object of a reading. `pending`: the prompt of a running turn that is not listed yet."""
    task, turns = reading.task, reading.turns
    status, running = as_text(task.get("status")), reading.running
    state = reading.worker if _is_state_of(reading) else {}
    newest = turns[-1] if turns and pending is None else {}
    messages = [message for turn in turns for message in _messages_of(turn)]
    if pending is not None:
        messages.append(_message("user", None, [_text(pending)]))
    growing = as_text(reading.worker.get("output_text")) if running else None
    text = as_text(newest.get("outputText")) or growing or as_text(state.get("output_text"))
    if running and growing and (not messages or messages[-1].get("role") == "user"):
        messages.append(_message("assistant", None, [_text(growing)]))
    worker: JsonObject = {
        "id": reading.task_id,
        "object": "worker",
        "created_at": _milliseconds(task.get("createdAt")),
        "status": status,
        "error": state.get("error"),
        "messages": list(messages),
        "output_text": text,
        "files": _files_of(reading, state),
        "sources": state.get("sources"),
        "structured_output": newest.get("structuredOutput") or state.get("structured_output"),
        "title": as_text(task.get("title")),
        "url": as_text(task.get("url")),
        "template": reading.worker_id,
        "totals": as_object(task.get("totals")),
        "trigger": as_text(task.get("triggeredBy")),
    }
    if running is not None:
        worker["running"] = running
    return worker


def answer_object(task_id: str, worker: JsonObject) -> JsonObject:
    """The Worker object of the answer to a POST, which says nothing of other turns.

    Its `id` may be that of the worker or of the task: that of the task is taken. What its usage counts is
    not documented, and it lists no turns, so neither is taken.
    """
    left_out = ("id", "messages", "usage", "costs")
    return {"id": task_id} | {name: value for name, value in worker.items() if name not in left_out}


def _is_state_of(reading: TaskReading) -> bool:
    """Whether the state of the worker is known to be that of this task, at the end of its newest turn.

    A service that does not know the query member `taskId` (before 0.24.0) answers with its latest task.
    """
    if not reading.worker or reading.running is not False or not reading.turns:
        return False
    return (as_text(reading.worker.get("output_text")) or "") == (
        as_text(reading.turns[-1].get("outputText")) or ""
    )


def _files_of(reading: TaskReading, state: JsonObject) -> Json:
    """The files of all turns (listed from 0.25.0 on), else those of the worker."""
    if not any("files" in turn for turn in reading.turns):
        return state.get("files")
    return [file for turn in reading.turns for file in as_list(turn.get("files"))]


def _messages_of(turn: JsonObject) -> list[JsonObject]:
    """The message of a turn and its answer; a running turn has none yet."""
    turn_id, prompt, text = as_text(turn.get("id")), as_text(turn.get("input")), turn.get("outputText")
    messages = []
    if prompt is not None:
        messages.append(_message("user", turn_id, [_text(prompt)]))
    has_ended = turn.get("completedAt") is not None or turn.get("status") in OVER
    if not has_ended and not text:
        return messages
    parts: list[Json] = [_text(text)] if isinstance(text, str) and text else []
    parts += [{**file, "type": "file"} for file in as_list(turn.get("files")) if isinstance(file, dict)]
    answer = _message("assistant", None if turn_id is None else f"{turn_id}.answer", parts)
    answer["usage"] = {name: turn[name] for name in _FIGURES if name in turn}
    if isinstance(turn.get("structuredOutput"), dict):
        answer["structured_output"] = turn["structuredOutput"]
    return [*messages, answer]


def _message(role: str, message_id: str | None, parts: list[Json]) -> JsonObject:
    message: JsonObject = {"role": role, "parts": parts}
    return message if message_id is None else {"id": message_id, **message}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _milliseconds(value: Json) -> int | None:
    """Unix milliseconds of a time such as 2026-05-11T09:14:22.000Z."""
    try:
        moment = datetime.fromisoformat(as_text(value) or "")
    except ValueError:
        return None
    return int(moment.timestamp() * 1000) if moment.tzinfo is not None else None
