"""Schedules over HTTP: one POST, and a list that settles its outcome."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.api.schedules import ScheduleClient, schedule_body
from handinger_tui.core.errors import ApiError, BrokenContract, Doubtful, Refused
from handinger_tui.core.schedules import After, At, Cron, Every, NewSchedule, Rule, Schedule
from tests.api.server import Peer, Script, Server, as_json, head, raw, respond

if TYPE_CHECKING:
    from handinger_tui.api.client import WorkerClient

DAILY = NewSchedule("Report", Every(86_400), "low")
ENTRY: dict[str, Any] = {
    "id": "sch_1",
    "budget": "low",
    "input": "Report",
    "intervalSeconds": 86_400,
    "nextRunAt": "2026-11-28T12:00:00.000Z",
    "type": "interval",
}


async def _at_once(_seconds: float) -> None:
    """Do not pause."""


@pytest.fixture
def schedules(client: WorkerClient) -> ScheduleClient:
    return ScheduleClient(client, lambda: "req_1", _at_once)


class Service:
    """Answers POST with a script, and GET with the lists in their order; the last one repeats."""

    def __init__(self, server: Server, post: Script, *lists: list[dict[str, Any]] | Script) -> None:
        self.posts = 0
        self._post, self._lists, self._reads = post, lists, 0
        server.answer(self._serve)

    async def _serve(self, peer: Peer) -> None:
        if peer.request.method == "GET":
            answer = self._lists[min(self._reads, len(self._lists) - 1)]
            self._reads += 1
            if not callable(answer):
                answer = as_json(json.dumps({"schedules": answer, "workerId": "w1"}))
            await answer(peer)
        else:
            self.posts += 1
            await self._post(peer)


async def test_a_list_with_missing_members_is_read(server: Server, schedules: ScheduleClient) -> None:
    entries = [
        ENTRY,
        None,
        {"id": 7, "delayInSeconds": "soon", "nextRunAt": "never", "type": []},
        {"intervalSeconds": 1e400, "nextRunAt": "0001-01-01T00:00:00Z"},
    ]
    server.answer(as_json(json.dumps({"schedules": entries, "timezone": "Europe/Berlin"})))
    listed = await schedules.schedules("w/1")
    assert server.requests[0].target == "/api/workers/w%2F1/schedules"
    assert listed.schedules == (
        Schedule("sch_1", "Report", "low", "interval", Every(86_400), datetime(2026, 11, 28, 12, tzinfo=UTC)),
        Schedule(),
        Schedule(),
    )
    assert (listed.zone_text, str(listed.cron_zone)) == ("Europe/Berlin", "Europe/Berlin")


@pytest.mark.parametrize("body", ["{}", '{"schedules":null}', '{"schedules":[],"timezone":"../etc"}'])
async def test_an_empty_list_and_no_time_zone(server: Server, schedules: ScheduleClient, body: str) -> None:
    server.answer(as_json(body))
    listed = await schedules.schedules("w1")
    assert (listed.schedules, listed.cron_zone) == ((), UTC)
    assert listed.zone_text.startswith("UTC (assumed")


@pytest.mark.parametrize(
    ("rule", "when"),
    [
        (At(datetime(2026, 12, 1, 8, tzinfo=UTC)), {"type": "scheduled", "date": "2026-12-01T08:00:00Z"}),
        (After(5), {"type": "delayed", "delayInSeconds": 5}),
        (Every(60), {"type": "interval", "intervalSeconds": 60}),
        (Cron("0 9 * * 1"), {"type": "cron", "cron": "0 9 * * 1"}),
    ],
)
def test_rules_on_the_wire(rule: Rule, when: dict[str, Any]) -> None:
    assert json.loads(schedule_body(NewSchedule("x", rule))) == {
        "input": "x",
        "when": when,
        "budget": "standard",
    }


async def test_adding_sends_one_post(server: Server, schedules: ScheduleClient) -> None:
    service = Service(server, as_json(json.dumps(ENTRY), 201), [])
    added = await schedules.add("w1", DAILY)
    assert (added.schedule.schedule_id, added.from_list, service.posts) == ("sch_1", False, 1)
    post = server.requests[-1]
    assert (post.method, post.header("idempotency-key")) == ("POST", "req_1")
    assert json.loads(post.body)["when"] == {"type": "interval", "intervalSeconds": 86_400}


LOST = (raw(b""), respond(500, b"{}"), as_json("{}"), respond(200, b"<p>", {"Content-Type": "text/html"}))


@pytest.mark.parametrize("lost", LOST, ids=["no answer", "500", "no id", "a page"])
async def test_a_lost_answer_is_settled_by_the_list(
    server: Server, schedules: ScheduleClient, lost: Script
) -> None:
    older = {**ENTRY, "id": "sch_0"}
    service = Service(
        server, lost, [older], [older, {**ENTRY, "input": "Other", "id": "sch_2"}], [older, ENTRY]
    )
    added = await schedules.add("w1", DAILY)
    assert (added.schedule.schedule_id, added.from_list, service.posts) == ("sch_1", True, 1)


@pytest.mark.parametrize(
    ("after", "words"), [([{**ENTRY, "id": "sch_0"}], "does not show it"), (respond(503), "cannot be read")]
)
async def test_a_schedule_missing_from_the_list_stays_in_doubt(
    server: Server, schedules: ScheduleClient, after: Any, words: str
) -> None:
    # An equal schedule that existed before is another one.
    service = Service(server, raw(b""), [{**ENTRY, "id": "sch_0"}], after)
    with pytest.raises(Doubtful, match=words) as caught:
        await schedules.add("w1", DAILY)
    assert "may still be added, and its runs would cost money" in caught.value.hint
    assert service.posts == 1


async def test_nothing_is_sent_where_the_list_cannot_be_read(
    server: Server, schedules: ScheduleClient
) -> None:
    service = Service(server, raw(b""), as_json('{"error":"No access."}', 403))
    with pytest.raises(Refused, match="No access"):
        await schedules.add("w1", DAILY)
    assert service.posts == 0


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        (as_json('{"cancelled":true}'), True),
        (as_json('{"cancelled":false}'), False),
        (as_json("{}"), None),
        (raw(head(204, {})), None),
    ],
)
async def test_canceling(server: Server, schedules: ScheduleClient, script: Script, wanted: object) -> None:
    server.answer(script)
    assert await schedules.cancel("w1", "sch/../1") is wanted
    [request] = server.requests
    assert (request.method, request.target) == ("DELETE", "/api/workers/w1/schedules/sch%2F..%2F1")


@pytest.mark.parametrize("listed", ['"x"', '{"sch_1":{}}', "7"])
async def test_what_is_no_list_does_not_count_as_an_empty_one(
    server: Server, schedules: ScheduleClient, listed: str
) -> None:
    server.answer(as_json(f'{{"schedules":{listed}}}'))
    with pytest.raises(BrokenContract):
        await schedules.schedules("w1")


@pytest.mark.parametrize(
    "listed",
    ["{}", '{"schedules":null}', '{"schedules":{}}', '{"schedules":[{"id":7}]}', '{"schedules":[null]}'],
)
async def test_an_unreadable_list_does_not_prove_a_cancellation(
    server: Server, schedules: ScheduleClient, listed: str
) -> None:
    Service(server, raw(b""), as_json(listed))
    with pytest.raises(ApiError) as caught:
        await schedules.cancel("w1", "sch_1")
    assert "may still run" in caught.value.hint


async def test_a_lost_cancellation_is_settled_by_the_list(server: Server, schedules: ScheduleClient) -> None:
    service = Service(server, raw(b""), [])
    assert await schedules.cancel("w1", "sch_1") is True
    Service(server, raw(b""), [ENTRY])
    with pytest.raises(ApiError) as caught:
        await schedules.cancel("w1", "sch_1")
    assert "may still run" in caught.value.hint
    assert service.posts == 1
