"""Schedules: their shapes, their refusals, and that they really run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.local.http import Instruction, RequestLimits
from handinger_tui.local.registry import Registry
from handinger_tui.local.triggers import Delayed, Interval, ScheduleBody, StoredSchedule, When
from handinger_tui.local.turn_context import Rule, TurnConfig, TurnContext

if TYPE_CHECKING:
    import httpx

Run = Callable[..., tuple[dict[str, Any], list[Any]]]
SOON = timedelta(milliseconds=30)


def later(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("when", "own"),
    [
        ({"type": "delayed", "delayInSeconds": 3600}, {"delayInSeconds": 3600}),
        ({"type": "interval", "intervalSeconds": 60}, {"intervalSeconds": 60}),
        ({"type": "cron", "cron": "*/5 * * * *"}, {"cron": "*/5 * * * *"}),
        ({"type": "scheduled"}, {}),
    ],
)
def test_each_type_is_stored_listed_and_cancelled(
    client: httpx.Client, run_turn: Run, when: dict[str, object], own: dict[str, object]
) -> None:
    worker, _ = run_turn("echo x")
    path = f"/api/workers/{worker['id']}/schedules"
    # Relative to now: a date computed during collection may be past when this test runs.
    when = when | {"date": later(90)} if when["type"] == "scheduled" else when
    created = client.post(path, json={"input": "echo later", "when": when, "budget": "low"})
    assert created.status_code == 200
    shown = created.json()
    due = datetime.fromisoformat(shown.pop("nextRunAt"))
    assert shown.pop("id").startswith("sch_")
    assert shown == {"budget": "low", "input": "echo later", "type": when["type"], **own}
    assert due.utcoffset() == timedelta(0)
    assert timedelta(0) < due - datetime.now(UTC) <= timedelta(seconds=3600)
    assert client.get(path).json() == {"schedules": [created.json()], "workerId": worker["id"]}
    one = f"{path}/{created.json()['id']}"
    assert client.delete(one).json() == {"cancelled": True}
    assert client.get(path).json()["schedules"] == []
    assert client.delete(one).status_code == 404


@pytest.mark.parametrize(
    ("when", "word"),
    [
        (None, "when"),
        ("soon", "object"),
        ({}, "type"),
        ({"type": "yearly"}, "type"),
        ({"type": ["delayed"]}, "type"),
        ({"type": "delayed"}, "delayInSeconds"),
        ({"type": "delayed", "delayInSeconds": 0}, "delayInSeconds"),
        ({"type": "delayed", "delayInSeconds": True}, "delayInSeconds"),
        ({"type": "delayed", "delayInSeconds": 1.5}, "delayInSeconds"),
        ({"type": "delayed", "delayInSeconds": 31_536_001}, "31536000"),
        ({"type": "interval", "intervalSeconds": "60"}, "intervalSeconds"),
        ({"type": "scheduled"}, "date"),
        ({"type": "scheduled", "date": "tomorrow"}, "RFC3339"),
        ({"type": "scheduled", "date": "2099-01-01T00:00:00"}, "timezone"),
        ({"type": "scheduled", "date": "2001-01-01T00:00:00Z"}, "past"),
        ({"type": "scheduled", "date": "9999-12-31T23:59:59-23:59"}, "time"),
        ({"type": "cron"}, "cron"),
        ({"type": "cron", "cron": "* * * *"}, "cron"),
        ({"type": "cron", "cron": "@daily"}, "cron"),
        ({"type": "cron", "cron": "0 0 30 2 *"}, "names no time"),
    ],
)
def test_invalid_schedules_are_refused(client: httpx.Client, run_turn: Run, when: object, word: str) -> None:
    worker, _ = run_turn("echo x")
    path = f"/api/workers/{worker['id']}/schedules"
    answer = client.post(path, json={"input": "echo later", "when": when})
    assert answer.status_code == 422
    assert word in answer.json()["error"]
    assert client.get(path).json()["schedules"] == []


def test_the_other_members_have_the_rules_of_a_turn(client: httpx.Client, run_turn: Run) -> None:
    worker, _ = run_turn("echo x")
    path = f"/api/workers/{worker['id']}/schedules"
    when = {"type": "delayed", "delayInSeconds": 60}
    assert client.post(path, json={"when": when}).status_code == 422
    assert client.post(path, json={"input": "", "when": when}).status_code == 422
    assert client.post(path, json={"input": "x", "when": when, "budget": "all"}).status_code == 422
    assert client.post(path, content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert client.post(path, data={"input": "x"}).status_code == 415
    assert client.post(path, json={"input": "x", "when": when}).json()["budget"] == "standard"


def registry_of(turns: asyncio.Queue[str], *, has_tasks: bool = False) -> Registry:
    """Return a registry whose only rule puts each instruction into `turns`;
    `wait` then waits for its gate.
    """

    async def perform(context: TurnContext) -> None:
        await turns.put(context.text)
        if context.text == "wait":
            await GATES[turns].wait()

    GATES[turns] = asyncio.Event()
    rule = Rule("note", "always", "It notes the instruction", "x", lambda _context: True, perform)
    return Registry("http://127.0.0.1:1", TurnConfig(0, (rule,)), RequestLimits(), has_tasks=has_tasks)


GATES: dict[asyncio.Queue[str], asyncio.Event] = {}


def soon(text: str, when: When | None = None) -> StoredSchedule:
    """A schedule that is due in a moment, whatever its own form says."""
    return StoredSchedule(ScheduleBody(text, when or Delayed(1), "low"), datetime.now(UTC) + SOON)


async def test_a_due_schedule_starts_a_turn_and_is_removed() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns)
    conversation, turn = registry.start(Instruction("first"))
    async with asyncio.timeout(60):
        await turn.ended.wait()
        registry.add_schedule(conversation.worker, soon("second"))
        assert [await turns.get(), await turns.get()] == ["first", "second"]
    assert conversation.turns[-1].instruction == Instruction("second", "low")
    assert conversation.worker.schedules == {}
    await registry.close()


async def test_an_interval_runs_repeatedly() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns)
    conversation, _ = registry.start(Instruction("first"))
    schedule = soon("tick", Interval(1))
    registry.add_schedule(conversation.worker, schedule)
    first_run = schedule.next_run
    async with asyncio.timeout(60):
        assert [await turns.get() for _ in range(3)] == ["first", "tick", "tick"]
    assert schedule.next_run >= first_run + timedelta(seconds=1)
    assert list(conversation.worker.schedules) == [schedule.id]
    registry.cancel_schedule(conversation.worker, schedule.id)
    assert conversation.worker.schedules == {}
    await registry.close()


async def test_a_due_schedule_waits_for_the_running_turn() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns)
    conversation, turn = registry.start(Instruction("wait"))
    registry.add_schedule(conversation.worker, soon("after"))
    async with asyncio.timeout(60):
        assert await turns.get() == "wait"
        assert conversation.running_turn is turn
        GATES[turns].set()
        assert await turns.get() == "after"
    assert turn.is_complete
    await registry.close()


async def test_a_cancelled_schedule_does_not_run() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns)
    conversation, _ = registry.start(Instruction("first"))
    cancelled, kept = soon("cancelled"), soon("kept")
    registry.add_schedule(conversation.worker, cancelled)
    registry.add_schedule(conversation.worker, kept)
    registry.cancel_schedule(conversation.worker, cancelled.id)
    async with asyncio.timeout(60):
        assert [await turns.get(), await turns.get()] == ["first", "kept"]
    await registry.close()
    assert turns.empty()


def test_missed_runs_are_skipped() -> None:
    past = datetime.now(UTC) - timedelta(seconds=1000.5)
    schedule = StoredSchedule(ScheduleBody("x", Interval(60)), past)
    assert schedule.advance()
    assert timedelta(0) < schedule.next_run - datetime.now(UTC) <= timedelta(seconds=60)
    assert ((schedule.next_run - past) / timedelta(seconds=60)).is_integer()


async def test_a_schedule_of_a_task_worker_starts_tasks() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns, has_tasks=True)
    worker = registry.store()
    registry.add_schedule(worker, soon("later"))
    async with asyncio.timeout(60):
        assert await turns.get() == "later"
    task = registry.newest(worker)
    assert (task.triggered_by, len(task.turns)) == ("schedule", 1)
    await registry.close()
