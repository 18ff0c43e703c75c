"""E-mail, schedules and files of the workspace."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.request_body import StartTurn
from handinger_tui.api.schedules import (
    After,
    At,
    Cron,
    Every,
    NewSchedule,
    Schedule,
    ScheduleClient,
    ScheduleList,
)
from handinger_tui.core.errors import ApiError, BrokenContract, Doubtful, Refused
from handinger_tui.core.turns.turn import Kind
from tests.api.server import Script, Server, as_json, head, raw, respond


def text(body: str) -> Script:
    return respond(200, body.encode(), {"Content-Type": "text/plain; charset=utf-8"})


@pytest.mark.parametrize(
    "script",
    [
        text("w@mail.example\n"),
        text('"w@mail.example"'),
        as_json('"w@mail.example"'),
        as_json('{"email":"w@mail.example","new":1}'),
    ],
)
async def test_email_in_every_form(server: Server, client: WorkerClient, script: Script) -> None:
    server.answer(script)
    assert await client.email("w/1") == "w@mail.example"
    assert server.requests[0].target == "/api/workers/w%2F1/email"


@pytest.mark.parametrize(
    "script",
    [
        respond(200, b"<p>a@b", {"Content-Type": "text/html"}),
        text("no address"),
        text("a@b.example, c@d.example"),
        text("a\x1b[31m@b.example"),
        as_json('{"email":null}'),
        as_json("[]"),
        as_json("17"),
        text(""),
    ],
)
async def test_what_is_no_address(server: Server, client: WorkerClient, script: Script) -> None:
    server.answer(script)
    with pytest.raises(BrokenContract):
        await client.email("w1")


async def test_an_error_in_place_of_an_address(server: Server, client: WorkerClient) -> None:
    server.answer(as_json('{"error":"no mail here"}'))
    with pytest.raises(Refused, match="no mail here"):
        await client.email("w1")


async def test_schedules_are_listed_whatever_they_lack(server: Server, client: WorkerClient) -> None:
    server.answer(
        as_json(
            '{"schedules":[{"id":"sch_1","input":"x","nextRunAt":"2026-01-01T00:00:00Z","type":"interval",'
            '"intervalSeconds":60,"new":{}},null,{"id":7,"delayInSeconds":"soon"}],"timezone":null,"workerId":"w1"}'
        )
    )
    first, second = await ScheduleClient(client).schedules("w1")
    assert (first.id, first.interval_seconds, first.next_run_at) == ("sch_1", 60, "2026-01-01T00:00:00Z")
    assert second == Schedule.model_validate({"id": None, "delayInSeconds": None})


@pytest.mark.parametrize("body", ["{}", '{"schedules":null}', '{"schedules":"x","workerId":3}'])
async def test_an_empty_list(server: Server, client: WorkerClient, body: str) -> None:
    server.answer(as_json(body))
    assert await ScheduleClient(client).schedules("w1") == []


async def test_adding_a_schedule_is_one_post(server: Server, client: WorkerClient) -> None:
    server.answer(as_json('{"id":"sch_1"}', 201))
    wanted = NewSchedule(input="x", when=Every(interval_seconds=60), budget="low")
    assert (await ScheduleClient(client).add("w1", wanted, "req_1")).id == "sch_1"
    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/api/workers/w1/schedules")
    assert request.header("idempotency-key") == "req_1"
    assert request.body == b'{"input":"x","when":{"type":"interval","intervalSeconds":60},"budget":"low"}'


async def test_a_schedule_in_doubt_is_not_sent_again(server: Server, client: WorkerClient) -> None:
    server.answer(raw(b""))
    with pytest.raises(Doubtful):
        await ScheduleClient(client).add("w1", NewSchedule(input="x", when=Cron(cron="* * * * *")), "req_1")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        (as_json('{"cancelled":true}'), True),
        (as_json('{"cancelled":false}'), False),
        (as_json("{}"), None),
        (raw(head(204, {})), None),
    ],
)
async def test_cancelling(server: Server, client: WorkerClient, script: Script, wanted: object) -> None:
    server.answer(script)
    assert await ScheduleClient(client).cancel("w1", "sch/../1") is wanted
    [request] = server.requests
    assert (request.method, request.target) == ("DELETE", "/api/workers/w1/schedules/sch%2F..%2F1")


def test_whens_on_the_wire() -> None:
    def body(when: At | After | Cron | Every) -> bytes:
        return NewSchedule(input="x", when=when).body()

    assert body(At(date="2026-01-01T00:00:00Z")).endswith(
        b'{"type":"scheduled","date":"2026-01-01T00:00:00Z"}}'
    )
    assert body(After(delay_seconds=5)).endswith(b'{"type":"delayed","delayInSeconds":5}}')
    assert body(Cron(cron="0 9 * * 1")).endswith(b'{"type":"cron","cron":"0 9 * * 1"}}')
    for seconds in (0, 31_536_001):
        with pytest.raises(ValidationError):
            After(delay_seconds=seconds)


def test_a_request_leaves_out_what_is_unset() -> None:
    assert StartTurn(input="x", stream=False).body() == b'{"input":"x","stream":false}'


def test_answers_keep_what_is_new() -> None:
    assert ScheduleList.model_validate({"new": 1}).model_dump()["new"] == 1


async def test_a_file_of_the_workspace(server: Server, client: WorkerClient) -> None:
    server.answer(respond(200, b"content", {"Content-Type": "application/octet-stream"}))
    async with client.file("w1", "a b/c.txt") as chunks:
        assert b"".join([chunk async for chunk in chunks]) == b"content"
    assert server.requests[0].target == "/api/workers/w1/files/a%20b%2Fc.txt"


@pytest.mark.parametrize("path", ["", "../x", "a/./b", "a//b", "/etc/passwd"])
async def test_paths_that_climb(client: WorkerClient, path: str) -> None:
    with pytest.raises(ApiError) as caught:
        client.file_url("w1", path)
    assert caught.value.kind is Kind.INVALID
