"""Schedules: their shapes, their refusals, and that they really run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.local import triggers
from handinger_tui.local.http import Instruction, RefusedError, RequestLimits
from handinger_tui.local.registry import WorkerRegistry
from handinger_tui.local.triggers import StoredSchedule
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
        ({"type": "delayed", "delayInSeconds": 60.0}, {"delayInSeconds": 60}),
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
        (None, "object"),
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
        ({"type": "scheduled"}, "ISO 8601"),
        ({"type": "scheduled", "date": "tomorrow"}, "ISO 8601"),
        ({"type": "scheduled", "date": "2099-01-01T00:00:00"}, "offset"),
        ({"type": "scheduled", "date": "2001-01-01T00:00:00Z"}, "past"),
        ({"type": "scheduled", "date": "9999-12-31T23:59:59-23:59"}, "ISO 8601"),
        ({"type": "cron"}, "string"),
        ({"type": "cron", "cron": "* * * *"}, "five fields"),
        ({"type": "cron", "cron": "@daily"}, "five fields"),
        ({"type": "cron", "cron": "0 0 30 2 *"}, "not understood"),
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


def registry_of(turns: asyncio.Queue[str], **limits: int) -> WorkerRegistry:
    """Return a registry whose only rule puts each instruction into `turns`;
    `wait` then waits for its gate.
    """

    async def perform(context: TurnContext) -> None:
        await turns.put(context.text)
        if context.text == "wait":
            await GATES[turns].wait()

    GATES[turns] = asyncio.Event()
    rule = Rule("note", "always", "It notes the instruction", "x", lambda _context: True, perform)
    return WorkerRegistry("http://127.0.0.1:1", TurnConfig(0, (rule,)), RequestLimits(**limits))


GATES: dict[asyncio.Queue[str], asyncio.Event] = {}


def soon(text: str, following: Callable[[datetime], datetime] | None = None) -> StoredSchedule:
    return StoredSchedule("interval", text, "low", datetime.now(UTC) + SOON, following, {})


async def test_a_due_schedule_starts_a_turn_and_is_removed() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns)
    started = registry.start("", Instruction("first", "standard"), None)
    async with asyncio.timeout(60):
        await started.turn.ended.wait()
        registry.add_schedule(started.record, soon("second"))
        assert [await turns.get(), await turns.get()] == ["first", "second"]
    assert started.record.turn is not None
    assert started.record.turn.instruction == Instruction("second", "low")
    assert started.record.schedules == {}
    await registry.close()


async def test_an_interval_runs_repeatedly() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns)
    started = registry.start("", Instruction("first", "standard"), None)
    schedule = soon("tick", lambda moment: moment + SOON)
    registry.add_schedule(started.record, schedule)
    first_run = schedule.next_run
    async with asyncio.timeout(60):
        assert [await turns.get() for _ in range(4)] == ["first", "tick", "tick", "tick"]
    assert schedule.next_run >= first_run + 3 * SOON
    assert list(started.record.schedules) == [schedule.id]
    registry.cancel_schedule(started.record, schedule.id)
    assert started.record.schedules == {}
    await registry.close()


async def test_a_due_schedule_waits_for_the_running_turn() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns)
    started = registry.start("", Instruction("wait", "standard"), None)
    registry.add_schedule(
        started.record, StoredSchedule("delayed", "after", "low", datetime.now(UTC), None, {})
    )
    async with asyncio.timeout(60):
        assert await turns.get() == "wait"
        assert started.record.turn is started.turn
        GATES[turns].set()
        assert await turns.get() == "after"
    assert started.turn.is_complete
    await registry.close()


async def test_a_run_beyond_the_limit_is_skipped(caplog: pytest.LogCaptureFixture) -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns)
    registry.limits = RequestLimits(turns=1)
    started = registry.start("", Instruction("first", "standard"), None)
    runs: asyncio.Queue[datetime] = asyncio.Queue()

    def following(moment: datetime) -> datetime:
        runs.put_nowait(moment)
        return moment + SOON

    schedule = soon("never", following)
    registry.add_schedule(started.record, schedule)
    async with asyncio.timeout(60):
        assert await turns.get() == "first"
        # The interval continues.
        assert await runs.get() < await runs.get()
    assert list(started.record.schedules) == [schedule.id]
    registry.cancel_schedules(started.record)
    assert started.record.schedules == {}
    await registry.close()
    assert turns.empty()
    assert caplog.records == []


async def test_a_cancelled_schedule_does_not_run() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()
    registry = registry_of(turns)
    started = registry.start("", Instruction("first", "standard"), None)
    cancelled, kept = soon("cancelled"), soon("kept")
    registry.add_schedule(started.record, cancelled)
    registry.add_schedule(started.record, kept)
    registry.cancel_schedule(started.record, cancelled.id)
    async with asyncio.timeout(60):
        assert [await turns.get(), await turns.get()] == ["first", "kept"]
    await registry.close()
    assert turns.empty()


async def test_a_worker_has_a_maximum_number_of_schedules() -> None:
    registry = registry_of(asyncio.Queue(), schedules=1)
    started = registry.start("", Instruction("echo first", "standard"), None)
    when = {"type": "delayed", "delayInSeconds": 60}
    registry.add_schedule(started.record, triggers.from_when(when, "x", "low", datetime.now(UTC)))
    with pytest.raises(RefusedError, match="1 schedules") as refused:
        registry.add_schedule(started.record, triggers.from_when(when, "x", "low", datetime.now(UTC)))
    assert refused.value.status == 422
    await registry.close()


def test_missed_runs_are_skipped() -> None:
    past = datetime.now(UTC) - timedelta(seconds=1000.5)
    schedule = StoredSchedule("interval", "x", "low", past, lambda moment: moment + timedelta(seconds=60), {})
    following = triggers.next_after_now(schedule)
    assert following is not None
    assert timedelta(0) < following - datetime.now(UTC) <= timedelta(seconds=60)
    assert ((following - past) / timedelta(seconds=60)).is_integer()
