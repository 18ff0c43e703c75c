"""The address of a worker, and what a request leaves out."""

from __future__ import annotations

import pytest

from handinger_tui.api.client import WorkerClient
from handinger_tui.core.errors import BrokenContract, Refused
from handinger_tui.core.turns.turn import TurnRequest
from tests.api.server import Script, Server, as_json, respond


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
async def test_an_email_address_in_every_form(server: Server, client: WorkerClient, script: Script) -> None:
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
async def test_an_answer_without_an_address(server: Server, client: WorkerClient, script: Script) -> None:
    server.answer(script)
    with pytest.raises(BrokenContract) as caught:
        await client.email("w1")
    assert "may cost money" not in caught.value.text, "it is only read"


async def test_an_error_in_place_of_an_address(server: Server, client: WorkerClient) -> None:
    server.answer(as_json('{"error":"no mail here"}'))
    with pytest.raises(Refused, match="no mail here"):
        await client.email("w1")


async def test_a_request_leaves_out_what_is_unset(server: Server, client: WorkerClient) -> None:
    server.answer(as_json('{"object":"worker","id":"w1"}'))
    async with client.start_turn(TurnRequest("turn_1", "x", 0)):
        pass
    [request] = server.requests
    assert request.body == b'{"input":"x","stream":true}'
