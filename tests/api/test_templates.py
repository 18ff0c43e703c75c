"""Stored workers over HTTP: one POST, only the members that change,
and doubts that name the possible outcome.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.api.stored_workers import TemplateClient
from handinger_tui.core.errors import ApiError, BrokenContract, Doubtful, Refused
from handinger_tui.core.stored_workers import StoredWorker, WorkerMembers
from tests.api.server import Peer, Script, Server, as_json, raw
from tests.api.tasks import worker

if TYPE_CHECKING:
    from handinger_tui.api.client import WorkerClient

TEMPLATE: dict[str, Any] = {
    "id": "wrk_1",
    "title": "Prices",
    "summary": "",
    "instructions": "Read the prices.",
    "outputSchema": {"type": "object"},
    "visibility": "private",
    "url": "https://x.example/worker/wrk_1",
}
READ = StoredWorker(
    "wrk_1", "Prices", "", "Read the prices.", {"type": "object"}, False, TEMPLATE["url"], read_ms=7
)


@pytest.fixture
def templates(client: WorkerClient) -> TemplateClient:
    return TemplateClient(client, lambda: 7)


async def cut_off(peer: Peer) -> None:
    """The request arrives, and the connection ends without an answer."""
    peer.rst()


async def test_a_worker_is_stored_with_one_post(server: Server, templates: TemplateClient) -> None:
    server.answer(as_json(json.dumps(TEMPLATE)))
    new = WorkerMembers(title="Prices", prompt="Read \ud800", schema={"type": "object"}, is_public=False)
    assert await templates.store(new, "wrk_a") == READ
    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/api/workers")
    assert request.header("idempotency-key") == "wrk_a"
    assert json.loads(request.body) == {
        "title": "Prices",
        "prompt": "Read \ufffd",
        "outputSchema": {"type": "object"},
        "visibility": "private",
    }


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        (cut_off, Doubtful, "Nothing is resent"),
        (as_json("{}", 503), Doubtful, "may be stored"),
        (as_json("{}"), Doubtful, "may be stored"),
        # The other generation, which immediately runs a stored worker.
        (as_json(json.dumps(worker())), Doubtful, "may be stored"),
        (as_json('{"error": "Too long."}', 422), Refused, "Too long"),
    ],
)
async def test_a_failed_post_is_never_repeated(
    server: Server, templates: TemplateClient, script: Script, kind: type[ApiError], words: str
) -> None:
    server.answer(script)
    with pytest.raises(kind) as caught:
        await templates.store(WorkerMembers(prompt="x"), "wrk_a")
    assert words in f"{caught.value.summary} {caught.value.hint}"
    assert len(server.requests) == 1


async def test_a_change_sends_what_changes_and_null_clears_the_schema(
    server: Server, templates: TemplateClient
) -> None:
    server.answer(as_json(json.dumps(TEMPLATE)))
    assert await templates.change("wrk_1", WorkerMembers(text="Other", schema=None)) == READ
    assert await templates.change("wrk_1") == READ
    assert [(one.method, json.loads(one.body)) for one in server.requests] == [
        ("PATCH", {"instructions": "Other", "outputSchema": None}),
        ("PATCH", {}),
    ]
    server.answer(cut_off)
    with pytest.raises(Doubtful, match="lost") as caught:
        await templates.change("wrk_1")
    assert "repeat it" in caught.value.hint


async def test_a_worker_is_read_from_the_answer(server: Server, templates: TemplateClient) -> None:
    server.answer(as_json(json.dumps(worker(url="https://x.example/worker/wrk_1"))))
    assert await templates.read("wrk_1") == StoredWorker("wrk_1", url="https://x.example/worker/wrk_1")
    # A service that answers with the worker itself.
    server.answer(as_json(json.dumps(TEMPLATE | {"visibility": 3, "outputSchema": []})))
    assert (await templates.read("wrk_1")).is_public is None
    server.answer(as_json(json.dumps(TEMPLATE)))
    with pytest.raises(BrokenContract):
        await templates.read("wrk_2")


async def test_the_outcome_of_deleting_and_archiving_is_reported(
    server: Server, templates: TemplateClient
) -> None:
    answers = (as_json('{"deleted": true}'), as_json('{"deleted": false}'), as_json("{}"))
    outcomes = []
    for script in (*answers, raw(b"HTTP/1.1 204 No Content\r\n\r\n")):
        server.answer(script)
        outcomes.append(await templates.delete("wrk_1"))
    server.answer(as_json('{"archived": true}'))
    assert [*outcomes, await templates.archive("tsk_1")] == [True, False, None, None, True]
    assert server.requests[-1].target == "/api/tasks/tsk_1"
    with pytest.raises(Refused, match="usable"):
        await templates.archive("..")
