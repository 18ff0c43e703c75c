"""One action, one POST: what is sent, when it is sent again, and what a failure proves."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import time
import weakref
from contextlib import AsyncExitStack, aclosing

import pytest

from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import (
    Doubtful,
    Refused,
    Unreachable,
)
from handinger_tui.core.stream import StreamRoute
from handinger_tui.core.turns.turn import ErrorKind, TurnRequest
from handinger_tui.engine.ports import WorkerApi
from tests.api.conftest import KEY, Clients, Pauses
from tests.api.reply import ORDER, WORKER, failure, posted
from tests.api.server import Peer, Server, as_json, chunk, fin, head, raw, respond, stream


async def test_the_request_of_a_turn(server: Server, client: WorkerApi) -> None:
    server.answer(stream(b"data: a\n\n", b"data: [DONE]\n\n"))
    assert await posted(client) == ["a", "[DONE]"]
    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/api/workers/w1")
    assert request.body == b'{"input":"ping","budget":"low","stream":true}'
    wanted = {
        "authorization": f"Bearer {KEY}",
        "accept": "text/event-stream, application/json",
        "accept-encoding": "gzip",
        "content-type": "application/json",
        "idempotency-key": "turn_1",
        "connection": "close",
        "cookie": None,
    }
    assert {name: request.header(name) for name in wanted} == wanted
    assert (request.header("user-agent") or "").startswith("handinger-tui/")


async def test_create_has_no_id_and_no_unset_members(server: Server, client: WorkerApi) -> None:
    server.answer(as_json(WORKER, 201))
    await posted(client, TurnRequest("turn_2", "héllo \ud83d\ude00 \ud83d \u2028", 0))
    [request] = server.requests
    assert request.target == "/api/workers"
    assert json.loads(request.body) == {"input": "héllo 😀 \ufffd \u2028", "stream": True}


@pytest.mark.parametrize("via", [StreamRoute.REPLAY, StreamRoute.SUBSCRIBE])
async def test_following(server: Server, client: WorkerApi, via: StreamRoute) -> None:
    server.answer(stream(b"data: a\n\n"))
    async with client.follow("w/1?", via) as reply:
        assert [piece.data async for piece in reply.pieces()] == ["a"]
        assert reply.via is via
    wanted = {
        StreamRoute.REPLAY: "/api/workers/w%2F1%3F?stream=true",
        StreamRoute.SUBSCRIBE: "/api/workers/w%2F1%3F/stream",
    }
    assert server.requests[0].target == wanted[via]
    assert server.requests[0].header("authorization") == f"Bearer {KEY}"


async def test_readings_need_no_new_connection_while_many_streams_are_open(
    server: Server, client: WorkerApi
) -> None:
    streams = 6
    opening = chunk(b"data: a\n\n")
    event_stream = head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
    server.answer(*[raw(event_stream + opening, close=False)] * streams, as_json(WORKER, close=False))
    async with AsyncExitStack() as stack:
        for _ in range(streams):
            reply = await stack.enter_async_context(client.follow("w1", StreamRoute.REPLAY))
            pieces = await stack.enter_async_context(aclosing(reply.pieces()))
            assert (await anext(pieces)).data == "a"
        for _ in range(3):
            await client.read_worker("w1")
    assert [request.connection for request in server.requests] == [0, 1, 2, 3, 4, 5, 6, 6, 6]


@pytest.mark.parametrize("worker_id", ["", ".", "..", "\ud800"])
async def test_ids_that_are_not_a_path_segment_are_not_sent(
    server: Server, client: WorkerApi, worker_id: str
) -> None:
    with pytest.raises(Refused) as caught:
        await client.read_worker(worker_id)
    assert caught.value.kind is ErrorKind.INVALID
    await failure(client, TurnRequest("t", "x", 0, target_id=worker_id))
    assert server.requests == []


async def test_an_id_cannot_change_the_path(server: Server, client: WorkerApi) -> None:
    server.answer(as_json('{"status": "completed"}'))
    await client.read_worker("../../admin")
    assert server.requests[0].target == "/api/workers/..%2F..%2Fadmin"


# -- nothing was sent ------------------------------------------------------------------
def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


async def test_refused_connections_are_tried_three_times_and_nothing_is_sent(
    connect: Clients, pauses: Pauses
) -> None:
    client = await connect(f"http://127.0.0.1:{closed_port()}")
    trouble = await failure(client)
    assert isinstance(trouble, Unreachable)
    assert trouble.kind is ErrorKind.CONNECT
    assert not trouble.fault().may_have_been_charged
    assert len(pauses.seconds) == 2
    assert all(0 < seconds < 1 for seconds in pauses.seconds)


async def test_a_connection_that_succeeds_at_last_sends_one_post(
    server: Server, connect: Clients, pauses: Pauses
) -> None:
    port = closed_port()
    client = await connect(f"http://127.0.0.1:{port}")
    late = Server()

    async def open_late(seconds: float) -> None:
        pauses.seconds.append(seconds)
        late.answer(as_json(WORKER))
        running = await asyncio.start_server(late._serve, "127.0.0.1", port)
        late._server = running

    client.transport.pause = open_late
    assert await posted(client) == [WORKER]
    assert len(late.requests) == len(pauses.seconds) == 1
    await late.stop()


async def test_a_read_connects_once(connect: Clients, pauses: Pauses) -> None:
    client = await connect(f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(Unreachable):
        await client.read_worker("w1")
    assert pauses.seconds == []


# -- in doubt ----------------------------------------------------------------------------
async def rst(peer: Peer) -> None:
    peer.rst()


@pytest.mark.parametrize(
    "script",
    [
        fin,
        rst,
        raw(b"HTTP/1.1 200 O"),
        raw(b"\0\1\xff\xfehello\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n"),
    ],
    ids=["fin", "rst", "half-a-status", "garbage", "huge-header", "bad-length"],
)
async def test_broken_before_headers_is_doubtful_and_never_resent(
    server: Server, client: WorkerApi, pauses: Pauses, script: object
) -> None:
    assert callable(script)
    server.answer(script)
    trouble = await failure(client)
    assert isinstance(trouble, Doubtful)
    assert trouble.kind is ErrorKind.NETWORK
    assert trouble.fault().may_have_been_charged
    assert len(server.requests) == 1
    assert pauses.seconds == []


async def test_a_reset_while_the_body_is_sent(server: Server, client: WorkerApi) -> None:
    server.read_bodies = False
    server.answer(rst)
    trouble = await failure(client, TurnRequest("t", "x" * 5_000_000, 0, target_id="w1"))
    assert isinstance(trouble, Doubtful)
    assert len(server.requests) == 1


async def drip_interim(peer: Peer) -> None:
    while not peer._writer.is_closing():
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        await asyncio.sleep(0)


async def silence(peer: Peer) -> None:
    await peer.wait_for_close()


@pytest.mark.parametrize("script", [silence, drip_interim], ids=["silence", "1xx-for-ever"])
async def test_headers_have_one_deadline(server: Server, connect: Clients, script: object) -> None:
    client = await connect(server.url, ResponseLimits(first_byte_timeout=0.15))
    assert callable(script)
    server.answer(script)
    trouble = await failure(client)
    assert isinstance(trouble, Doubtful)
    assert trouble.kind is ErrorKind.TIMEOUT
    assert len(server.requests) == 1


async def test_an_answer_is_read_although_the_program_was_stopped_for_longer_than_the_deadline(
    server: Server, connect: Clients
) -> None:
    async def script(peer: Peer) -> None:
        # Ctrl+Z and fg: nothing of the program runs meanwhile.
        time.sleep(0.6)  # noqa: ASYNC251 - the program is stopped
        await respond(200, b'{"id":1}', {"Content-Type": "application/json"})(peer)

    client = await connect(server.url, ResponseLimits(first_byte_timeout=0.1))
    server.answer(script)
    assert await posted(client) == ['{"id":1}']


async def test_interim_answers_are_ignored(server: Server, client: WorkerApi) -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    body = b'{"id":1}'
    server.answer(
        raw(interim + head(200, {"Content-Type": "application/json", "Content-Length": "8"}) + body)
    )
    assert await posted(client) == ['{"id":1}']


async def test_posts_use_no_kept_alive_connection(server: Server, client: WorkerApi) -> None:
    server.answer(respond(200, WORKER.encode(), {"Content-Type": "application/json"}, close=False))
    await client.read_worker("w1")
    await client.read_worker("w1")
    await posted(client)
    await posted(client)
    assert [request.connection for request in server.requests] == [0, 0, 1, 2]


async def test_detaching_closes_the_connection(server: Server, client: WorkerApi) -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.send(stream_head() + chunk(b"data: a\n\n"))
        await peer.wait_for_close()
        closed.set()

    server.answer(script)
    async with client.start_turn(ORDER) as reply:
        async for piece in reply.pieces():
            assert piece.data == "a"
            break
    async with asyncio.timeout(60):
        await closed.wait()


class Turn:
    """An object of the turn that is notified when its request is sent."""

    def __init__(self) -> None:
        self.departures = 0

    def depart(self) -> None:
        self.departures += 1


async def test_an_ended_request_does_not_keep_its_turn(server: Server, client: WorkerApi) -> None:
    """Otherwise each answer would hold the worker's complete text until a full garbage collection,
    which is rare.
    """
    server.answer(stream(b"data: a\n\n", b"data: [DONE]\n\n"))
    turn = Turn()
    gc.disable()
    try:
        async with client.start_turn(ORDER, turn.depart) as reply:
            assert [piece.data async for piece in reply.pieces()] == ["a", "[DONE]"]
        assert turn.departures == 1
        remains = weakref.ref(turn)
        del turn, reply
        assert remains() is None
    finally:
        gc.enable()


def stream_head() -> bytes:
    return head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})


# -- the key ------------------------------------------------------------------------------
@pytest.mark.parametrize("location", ["http://[bad", "data:,x", "http://e.example:port/", "http://\xff\xfe/"])
async def test_a_redirect_to_an_invalid_address_is_still_a_redirect(
    server: Server, client: WorkerApi, location: str
) -> None:
    server.answer(respond(307, b"", {"Location": location}))
    assert (await failure(client)).kind is ErrorKind.REDIRECT


async def test_a_request_answered_by_see_other_may_have_been_carried_out(
    server: Server, client: WorkerApi
) -> None:
    server.answer(respond(303, b"", {"Location": "/api/workers/w1"}))
    assert isinstance(await failure(client), Doubtful)
    with pytest.raises(Refused):
        await client.read_worker("w1")
    assert [request.method for request in server.requests] == ["POST", "GET"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_named_and_not_followed(
    server: Server, other: Server, client: WorkerApi, status: int
) -> None:
    server.answer(respond(status, b"", {"Location": f"{other.url}/steal"}))
    trouble = await failure(client)
    assert isinstance(trouble, Refused)
    assert trouble.kind is ErrorKind.REDIRECT
    assert other.url.removeprefix("http://") in trouble.summary
    with pytest.raises(Refused):
        await client.read_worker("w1")
    assert other.requests == []


async def test_cookies_are_not_stored(server: Server, client: WorkerApi) -> None:
    server.answer(as_json(WORKER, headers={"Set-Cookie": "a=b; Path=/"}))
    await client.read_worker("w1")
    await client.read_worker("w1")
    assert server.requests[1].header("cookie") is None


async def test_custom_headers_are_sent(server: Server, connect: Clients) -> None:
    client = await connect(server.url, headers={"X-Team": "blue"})
    server.answer(as_json(WORKER))
    await client.read_worker("w1")
    assert server.requests[0].header("x-team") == "blue"


async def test_nothing_of_a_request_is_logged(
    server: Server, client: WorkerApi, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer(as_json('{"id": "secret-id", "status": "completed"}'))
    with caplog.at_level(logging.INFO):
        await client.read_worker("secret-id")
    assert "secret-id" not in caplog.text
    assert KEY not in caplog.text
    assert KEY not in repr(vars(client)) + repr(vars(client.transport))  # type: ignore[attr-defined]  # looks inside
