"""A reading of another worker is refused; one function decides this for every reader."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handinger_tui.api.client import WorkerClient
from handinger_tui.core.errors import BrokenContract
from handinger_tui.core.turns.turn import ErrorKind
from tests.api.server import Server, as_json

WORKER: dict[str, Any] = {"id": "w1", "object": "worker", "status": "completed", "running": False}


@pytest.mark.parametrize("wrapper", [None, "worker", "data"])
async def test_another_worker_is_refused(server: Server, client: WorkerClient, wrapper: str | None) -> None:
    theirs = WORKER | {"id": "w2", "output_text": "theirs", "usage": {"costUsd": 99}}
    server.answer(as_json(json.dumps({wrapper: theirs} if wrapper else theirs)))
    with pytest.raises(BrokenContract) as caught:
        await client.read_worker("w1")
    assert caught.value.kind is ErrorKind.UNEXPECTED_CONTENT
    assert "different worker" in caught.value.summary


@pytest.mark.parametrize(
    "body",
    [
        WORKER,
        {"worker": WORKER},
        {"id": "req_1", "worker": WORKER},
        {key: value for key, value in WORKER.items() if key != "id"},
        WORKER | {"id": None},
        WORKER | {"id": 7},
    ],
)
async def test_its_own_and_one_without_an_id_are_accepted(
    server: Server, client: WorkerClient, body: dict[str, Any]
) -> None:
    server.answer(as_json(json.dumps(body)))
    assert (await client.read_worker("w1")).snapshot.status == "completed"
