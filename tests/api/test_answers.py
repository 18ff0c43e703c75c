"""Error answers, and the reading of a worker."""

from __future__ import annotations

import asyncio

import pytest

from handinger_tui.api import errors
from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import ApiError, BrokenContract, Doubtful, Refused, ServerFault, StreamLost
from handinger_tui.core.stream import body_of
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.engine.ports import WorkerApi
from tests.api.conftest import Clients
from tests.api.reply import WORKER, failure
from tests.api.server import Peer, Server, as_json, fin, head, raw, respond

STATUSES = [
    (400, Refused, ErrorKind.INVALID),
    (401, Refused, ErrorKind.AUTH),
    (402, Refused, ErrorKind.PAYMENT),
    (403, Refused, ErrorKind.FORBIDDEN),
    (404, Refused, ErrorKind.NOT_FOUND),
    (405, Refused, ErrorKind.NOT_FOUND),
    (408, ServerFault, ErrorKind.SERVER),
    (409, Refused, ErrorKind.CONFLICT),
    (410, Refused, ErrorKind.NOT_FOUND),
    (413, Refused, ErrorKind.TOO_LARGE),
    (418, Refused, ErrorKind.INVALID),
    (422, Refused, ErrorKind.INVALID),
    (429, Refused, ErrorKind.RATE_LIMITED),
    (499, ServerFault, ErrorKind.SERVER),
    (500, ServerFault, ErrorKind.SERVER),
    (502, ServerFault, ErrorKind.GATEWAY),
    (503, ServerFault, ErrorKind.GATEWAY),
    (504, ServerFault, ErrorKind.GATEWAY),
    (529, ServerFault, ErrorKind.SERVER),
]


@pytest.mark.parametrize(("status", "family", "kind"), STATUSES)
async def test_the_status_decides_the_kind_of_error(
    server: Server, client: WorkerApi, status: int, family: type[ApiError], kind: ErrorKind
) -> None:
    server.answer(as_json('{"error":{"message":"the reason\\u001b[31m"}}', status, {"Retry-After": "7"}))
    trouble = await failure(client)
    assert isinstance(trouble, family)
    assert (trouble.kind, trouble.http_status, trouble.retry_after_s) == (kind, status, 7.0)
    assert "the reason" in trouble.summary
    assert "\x1b" not in trouble.summary
    assert trouble.fault().may_have_been_charged is (family is ServerFault)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        raw(head(401, {"Content-Type": "application/json", "Content-Length": "900"}) + b'{"error":"x'),
        raw(head(401, {"Content-Type": "application/json", "Content-Encoding": "br"}) + b"\x0b\x02"),
        as_json('{"error":"' + "y" * 3_000_000 + '"}', 401),
    ],
    ids=["cut", "packed", "3 MB"],
)
async def test_an_unreadable_error_body_leaves_the_status(
    server: Server, client: WorkerApi, script: object
) -> None:
    assert callable(script)
    server.answer(script)
    trouble = await failure(client)
    assert (trouble.kind, trouble.http_status) == (ErrorKind.AUTH, 401)
    assert len(trouble.summary.encode()) <= 1024


async def test_a_silent_error_body_delays_nothing(server: Server, connect: Clients) -> None:
    client = await connect(server.url, ResponseLimits(idle_timeout=0.05))

    async def script(peer: Peer) -> None:
        await peer.send(head(402, {"Content-Type": "application/json", "Content-Length": "900"}))
        await peer.wait_for_close()

    server.answer(script)
    assert (await failure(client)).kind is ErrorKind.PAYMENT


# -- reading a worker ----------------------------------------------------------------------------
async def test_read_worker_gives_the_text(server: Server, client: WorkerApi) -> None:
    server.answer(as_json("\ufeff" + WORKER))
    assert await client.read_worker("w1") == body_of(WORKER)
    assert server.requests[0].header("accept") == "application/json"


@pytest.mark.parametrize(
    ("script", "family", "kind"),
    [
        (
            respond(200, b"<html>", {"Content-Type": "text/html"}),
            BrokenContract,
            ErrorKind.UNEXPECTED_CONTENT,
        ),
        (as_json("data: x\n\n"), BrokenContract, ErrorKind.UNEXPECTED_CONTENT),
        (as_json("[]"), BrokenContract, ErrorKind.DECODE),
        (as_json("[" * 1_500), BrokenContract, ErrorKind.DECODE),
        (as_json('{"error":"gone"}'), Refused, ErrorKind.INVALID),
        (
            raw(head(200, {"Content-Type": "application/json", "Content-Length": "9"}) + b"{"),
            StreamLost,
            ErrorKind.NETWORK,
        ),
        (as_json('{"a":"' + "x" * 3000 + '"}'), StreamLost, ErrorKind.TOO_LARGE),
        (respond(500, b""), ServerFault, ErrorKind.SERVER),
        (fin, Doubtful, ErrorKind.NETWORK),
    ],
)
async def test_a_worker_is_requested_once(
    server: Server, connect: Clients, script: object, family: type[ApiError], kind: ErrorKind
) -> None:
    assert callable(script)
    client = await connect(server.url, ResponseLimits(max_json_bytes=2000))
    server.answer(script)
    with pytest.raises(ApiError) as caught:
        await client.read_worker("w1")
    assert isinstance(caught.value, family)
    assert caught.value.kind is kind
    assert "may cost" not in caught.value.hint
    assert family is not StreamLost or caught.value.hint == errors.ONLY_READ
    assert len(server.requests) == 1


async def test_a_slow_reading_has_a_deadline(server: Server, connect: Clients) -> None:
    client = await connect(server.url, ResponseLimits(first_byte_timeout=0.1, idle_timeout=0.1))

    async def drip(peer: Peer) -> None:
        await peer.send(head(200, {"Content-Type": "application/json", "Content-Length": "100000000"}))
        while not peer._writer.is_closing():
            await peer.send(b" ")
            await asyncio.sleep(0)

    server.answer(drip)
    with pytest.raises(StreamLost) as caught:
        await client.read_worker("w1")
    assert caught.value.kind in {ErrorKind.TIMEOUT, ErrorKind.IDLE_TIMEOUT}
    assert caught.value.hint == errors.ONLY_READ
