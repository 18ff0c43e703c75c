"""Replies: interpreted by status and content type, read frame by frame; a cut never counts as an end."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import BrokenContract, Refused, StreamLost
from handinger_tui.core.stream import Framing, RawFrame, StreamRoute
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.engine.ports import WorkerApi
from tests.api.conftest import Clients
from tests.api.reply import ORDER, receive_reply
from tests.api.server import END, SSE_HEAD, Peer, Script, Server, as_json, chunk, head, raw, respond, stream

WORKER = '{"object":"worker","id":"w1","status":"running","running":true,"error":null}'


CASES = json.loads((Path(__file__).parent / "data" / "sse_cases.json").read_text())["cases"]


@pytest.mark.parametrize("case", [c for c in CASES if not c["opens"]], ids=lambda case: str(case["id"]))
async def test_a_body_with_another_content_type_is_not_an_event_stream(
    server: Server, client: WorkerApi, case: dict[str, Any]
) -> None:
    body = base64.b64decode(case["input_b64"])
    headers = {"Content-Type": case["content_type"]}
    bare = case["status"] == 204
    received = await receive_reply(
        client, server, raw(head(204, headers)) if bare else respond(case["status"], body, headers)
    )
    assert received.pieces == []
    assert received.trouble is not None or case["status"] in {204, 205}


# -- forms --------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [200, 201, 202])
async def test_an_event_stream(server: Server, client: WorkerApi, status: int) -> None:
    body = b": hi\n\nevent: a\nid: 1\ndata: x\n\ndata: half"
    headers = {"Content-Type": 'Text/Event-Stream;Charset="latin-1"', "x-vercel-ai-ui-message-stream": "v1"}
    received = await receive_reply(client, server, respond(status, body, headers))
    assert received.trouble is None
    assert received.pieces == [RawFrame(Framing.SSE, "x", "a", "1")]
    assert received.reply is not None
    reply = received.reply
    assert (reply.via, reply.http_status, reply.content_type) == (
        StreamRoute.POST,
        status,
        "text/event-stream",
    )
    assert (reply.encoding, reply.worker_id, reply.dropped) == ("ai-ui", None, 0)


NEW = replace(ORDER, target_id=None)
LABELS = ["text/event-stream", "text/html", "application/octet-stream", "", "text/plain"]
EVENT = 'data: {"type":"start"}\n\n'


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("status", [200, 202, 206])
async def test_the_answer_that_names_a_new_worker_is_read_whatever_its_label(
    server: Server, client: WorkerApi, label: str, status: int
) -> None:
    headers = {"Content-Type": label} if label else {}
    received = await receive_reply(client, server, respond(status, f" {WORKER}".encode(), headers), NEW)
    assert (received.trouble, received.pieces) == (None, [RawFrame(Framing.JSON, WORKER)])


@pytest.mark.parametrize("label", [*LABELS, "application/json"])
async def test_events_that_name_a_new_worker_are_read_whatever_their_label(
    server: Server, client: WorkerApi, label: str
) -> None:
    pieces = [bytes([one]) for one in f"\n\ufeff{EVENT}".encode()]
    received = await receive_reply(client, server, stream(*pieces, headers={"Content-Type": label}), NEW)
    assert (received.trouble, received.data) == (None, ['{"type":"start"}'])


@pytest.mark.parametrize("label", ["text/html", "application/octet-stream"])
@pytest.mark.parametrize("body", ["<html>sign in", "", " ", "d", "hello"])
async def test_a_page_names_no_new_worker(server: Server, client: WorkerApi, label: str, body: str) -> None:
    headers = {"Content-Type": label, "Transfer-Encoding": "chunked"}
    script = raw(head(200, headers) + (chunk(body.encode()) if body else b"") + END)
    received = await receive_reply(client, server, script, NEW)
    assert received.pieces == []
    assert isinstance(received.trouble, BrokenContract)


LONG = '{"created_at":1,"error":null,"files":[{"id":"f1"}],"id":"w\\u00371","messages":[{"id":"u1"'


@pytest.mark.parametrize("at", [*range(1, len(LONG), 7), len(LONG)])
@pytest.mark.parametrize("is_clean", [True, False])
async def test_a_cut_answer_names_the_new_worker_once_its_id_has_arrived(
    server: Server, client: WorkerApi, at: int, is_clean: bool
) -> None:
    body = LONG[:at].encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(at if is_clean else 9999)}
    received = await receive_reply(client, server, raw(head(200, headers) + body), NEW)
    assert received.trouble is not None
    is_named = at >= LONG.index('","messages"') + 1
    assert received.trouble.worker_id == ("w71" if is_named else None)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (502, {"X-Worker-Id": "w1"}, "<html>"),
        (500, {"Location": "/api/workers/w1"}, ""),
        (303, {"Location": "/api/workers/w1"}, ""),
        (500, {}, WORKER),
    ],
)
async def test_a_failed_answer_may_name_the_new_worker(
    server: Server, client: WorkerApi, status: int, headers: dict[str, str], body: str
) -> None:
    received = await receive_reply(client, server, as_json(body, status, headers), NEW)
    assert received.trouble is not None
    assert received.trouble.worker_id == "w1"
    assert "object" not in received.trouble.summary


@pytest.mark.parametrize("status", [203, 206, 210, 299])
async def test_an_event_stream_with_an_unusual_status_is_refused(
    server: Server, client: WorkerApi, status: int
) -> None:
    received = await receive_reply(
        client, server, respond(status, b"data: x\n\n", {"Content-Type": "text/event-stream"})
    )
    assert received.pieces == []
    assert isinstance(received.trouble, BrokenContract)


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("application/x-ndjson", {}),
        ("application/jsonl; charset=utf-8", {}),
        ("text/plain", {"x-vercel-ai-data-stream": "v1"}),
    ],
)
async def test_line_delimited_bodies(
    server: Server, client: WorkerApi, kind: str, headers: dict[str, str]
) -> None:
    received = await receive_reply(
        client, server, respond(200, b'0:"a"\n\n0:"b"', {"Content-Type": kind, **headers})
    )
    assert received.pieces == [RawFrame(Framing.LINES, '0:"a"'), RawFrame(Framing.LINES, '0:"b"')]


async def test_plain_text_is_decoded_across_chunks(server: Server, client: WorkerApi) -> None:
    parts = ["é".encode()[:1], "é".encode()[1:] + b"\n\xff", "😀".encode()[:2]]
    start = head(200, {"Content-Type": "text/plain; charset=latin-1", "Transfer-Encoding": "chunked"})

    async def script(peer: Peer) -> None:
        await peer.send(start)
        for part in parts:
            await peer.send(chunk(part))
        await peer.send(END)

    received = await receive_reply(client, server, script)
    assert {piece.framing for piece in received.pieces} == {Framing.TEXT}
    assert "".join(received.data) == "é\n\ufffd\ufffd"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/problem+json", "Application/JSON;charset=utf-8"]
)
async def test_a_worker_is_one_piece(server: Server, client: WorkerApi, kind: str) -> None:
    received = await receive_reply(
        client, server, respond(201, b"\xef\xbb\xbf" + WORKER.encode(), {"Content-Type": kind})
    )
    assert received.pieces == [RawFrame(Framing.JSON, WORKER)]


@pytest.mark.parametrize(
    "script",
    [
        raw(head(204, {})),
        raw(head(205, {"Content-Length": "0"})),
        respond(202),
        respond(200),
        raw(head(202, {"Transfer-Encoding": "chunked"}) + END),
        raw(head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}) + END),
    ],
)
async def test_empty_answers_have_no_pieces(server: Server, client: WorkerApi, script: Script) -> None:
    received = await receive_reply(client, server, script)
    assert received.reply is not None
    assert received.trouble is None
    assert received.pieces == []


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("text/html; charset=utf-8", "sign-in page"),
        ("application/xhtml+xml", "sign-in page"),
        ("image/png", "image/png"),
        ("text/event-stream-x", "text/event-stream-x"),
        ("x bogus", "x bogus"),
        ("", "no content type"),
    ],
)
async def test_other_content_is_not_parsed(server: Server, client: WorkerApi, kind: str, says: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    received = await receive_reply(client, server, respond(200, b'data: {"type":"finish"}\n\n', headers))
    assert received.reply is None
    assert isinstance(received.trouble, BrokenContract)
    assert received.trouble.kind is ErrorKind.UNEXPECTED_CONTENT
    assert says in received.trouble.summary


async def test_an_unlabeled_body_of_202_is_not_guessed(server: Server, client: WorkerApi) -> None:
    received = await receive_reply(client, server, respond(202, b"<html>"))
    assert isinstance(received.trouble, BrokenContract)
    assert received.pieces == []


@pytest.mark.parametrize("text", ["data: x\n\n", '"done"', "{oops", "[1]", "1" * 5000])
async def test_json_that_is_not_an_object_breaks_the_contract(
    server: Server, client: WorkerApi, text: str
) -> None:
    received = await receive_reply(client, server, as_json(text))
    assert isinstance(received.trouble, BrokenContract)
    assert received.pieces == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"error":"no credits"}', "no credits"),
        ('{"error":{"message":"no\\u001b[2J credits"}}', "no"),
        ('{"success":false,"error":{"issues":[{"path":["budget"],"message":"Invalid"}]}}', "budget: Invalid"),
        ('{"success":false}', "rejected"),
        ('{"errors":["a","b"]}', "a; b"),
    ],
)
async def test_an_error_object_with_a_good_status_is_a_refusal(
    server: Server, client: WorkerApi, text: str, reason: str
) -> None:
    received = await receive_reply(client, server, as_json(text))
    assert isinstance(received.trouble, Refused)
    assert reason in received.trouble.summary
    assert "\x1b" not in received.trouble.summary


@pytest.mark.parametrize(
    "text",
    [
        '{"object":"worker","id":"w","status":"error","running":false,"error":{"message":"died"}}',
        '{"id":"w","error":"died"}',
        '{"type":"error","errorText":"died"}',
        '{"worker":{"object":"worker"},"error":"died"}',
        '{"error":null,"queued":true}',
    ],
)
async def test_a_worker_that_ran_and_failed_is_not_a_refusal(
    server: Server, client: WorkerApi, text: str
) -> None:
    received = await receive_reply(client, server, as_json(text))
    assert received.trouble is None
    assert received.data == [text]


@pytest.mark.parametrize(
    ("headers", "worker_id"),
    [
        ({"Location": "/api/workers/w_1-a"}, "w_1-a"),
        ({"Location": "https://h.example/api/workers/w%5F2/?x=1"}, "w_2"),
        ({"x-worker-id": "w3", "Location": "/api/workers/w4"}, "w3"),
        ({"Location": "workers/w5"}, "w5"),
        ({"Location": "/api/workers/w6/stream"}, "w6"),
        ({"Location": "/api/workers/.."}, None),
        ({"Location": "/api/workers/a%2Fb"}, None),
        ({"Location": "/elsewhere/w"}, None),
        ({"Location": "http://[bad/api/workers/w"}, None),
        ({"x-worker-id": "a b\x1b"}, None),
        ({}, None),
    ],
)
async def test_the_id_of_a_new_worker(
    server: Server, client: WorkerApi, headers: dict[str, str], worker_id: str | None
) -> None:
    received = await receive_reply(client, server, as_json(WORKER, 201, headers))
    assert received.reply is not None
    assert received.reply.worker_id == worker_id


# -- cuts and silences ---------------------------------------------------------------------
async def cut(peer: Peer) -> None:
    await peer.send(SSE_HEAD + chunk(b"data: a\n\ndata: ha"))
    peer.fin()


async def reset(peer: Peer) -> None:
    await peer.send(SSE_HEAD + chunk(b"data: a\n\n"))
    await peer.server.received.wait()
    peer.rst()


async def short(peer: Peer) -> None:
    await peer.send(head(200, {"Content-Type": "text/event-stream", "Content-Length": "99"}) + b"data: a\n\n")
    peer.fin()


async def bad_chunk(peer: Peer) -> None:
    await peer.send(SSE_HEAD + chunk(b"data: a\n\n"))
    await peer.server.received.wait()
    await peer.send(b"zz\r\nnonsense\r\n")


@pytest.mark.parametrize("script", [cut, reset, short, bad_chunk])
async def test_a_cut_raises_stream_lost_after_the_received_frames(
    server: Server, client: WorkerApi, script: Script
) -> None:
    received = await receive_reply(client, server, script)
    assert received.data == ["a"]
    assert isinstance(received.trouble, StreamLost)
    assert received.trouble.kind is ErrorKind.NETWORK
    assert received.trouble.fault().may_have_been_charged


async def test_a_close_delimited_body_ends_normally(server: Server, client: WorkerApi) -> None:
    received = await receive_reply(
        client, server, raw(head(200, {"Content-Type": "text/event-stream"}) + b"data: a\n\ndata: b\n")
    )
    assert received.trouble is None
    assert received.data == ["a"]


async def test_silence_raises_an_error(server: Server, connect: Clients) -> None:
    client = await connect(server.url, ResponseLimits(idle_timeout=0.1))

    async def script(peer: Peer) -> None:
        await peer.send(SSE_HEAD + chunk(b"data: a\n\n"))
        await peer.wait_for_close()

    received = await receive_reply(client, server, script)
    assert received.data == ["a"]
    assert received.trouble is not None
    assert received.trouble.kind is ErrorKind.IDLE_TIMEOUT


async def test_any_byte_resets_the_silence_limit(server: Server, connect: Clients) -> None:
    client = await connect(server.url, ResponseLimits(idle_timeout=0.5))
    loop = asyncio.get_running_loop()

    async def script(peer: Peer) -> None:
        await peer.send(SSE_HEAD)
        started = loop.time()
        tick = asyncio.Event()
        while loop.time() - started < 0.8:
            loop.call_later(0.02, tick.set)
            await tick.wait()
            tick.clear()
            await peer.send(chunk(b":"))
        await peer.send(chunk(b"\n\ndata: a\n\n") + END)

    received = await receive_reply(client, server, script)
    assert received.trouble is None
    assert received.data == ["a"]


# -- limits ------------------------------------------------------------------------------------
async def test_a_huge_event_is_dropped_and_the_following_ones_are_read(
    server: Server, connect: Clients
) -> None:
    client = await connect(server.url, ResponseLimits(max_event_bytes=100_000))
    big = b"data: " + b"x" * 1_000_000 + b"\n\n"
    received = await receive_reply(client, server, stream(b"data: a\n\n", big, b"data: b\n\n"))
    assert received.data == ["a", "b"]
    assert received.reply is not None
    assert received.reply.dropped == 1


@pytest.mark.parametrize("kind", ["text/event-stream", "text/plain", "application/x-ndjson"])
async def test_a_turn_has_a_maximum_size(server: Server, connect: Clients, kind: str) -> None:
    client = await connect(server.url, ResponseLimits(max_turn_bytes=500_000))
    closed = asyncio.Event()

    async def endless(peer: Peer) -> None:
        await peer.send(head(200, {"Content-Type": kind}))
        while not peer._writer.is_closing():
            await peer.send(b"data: " + b"x" * 1000 + b"\n\n")
            await asyncio.sleep(0)
        closed.set()

    received = await receive_reply(client, server, endless)
    assert received.trouble is not None
    assert received.trouble.kind is ErrorKind.TOO_LARGE
    assert isinstance(received.trouble, StreamLost)
    assert 0 < sum(map(len, received.data)) <= 500_000
    async with asyncio.timeout(60):
        await closed.wait()
