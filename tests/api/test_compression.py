"""Compressed bodies: decompressed in bounded pieces, immediately, and a missing end is an error."""

from __future__ import annotations

import gzip
import zlib

import pytest

from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import BrokenContract, StreamLost
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.engine.ports import WorkerApi
from tests.api.conftest import Clients
from tests.api.reply import receive_reply
from tests.api.server import END, Peer, Server, chunk, head, raw, respond

GZIP_HEAD = head(
    200, {"Content-Type": "text/event-stream", "Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
)


async def test_a_flushed_gzip_event_is_delivered_immediately(server: Server, client: WorkerApi) -> None:
    packer = zlib.compressobj(wbits=31)

    async def script(peer: Peer) -> None:
        await peer.send(GZIP_HEAD)
        for text in (b"data: a\n\n", b"data: b\n\n"):
            await peer.send(chunk(packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)))
            await peer.server.received.wait()
            peer.server.received.clear()
        await peer.send(chunk(packer.flush()) + END)

    received = await receive_reply(client, server, script)
    assert received.data == ["a", "b"]


async def test_several_gzip_members_with_padding(server: Server, client: WorkerApi) -> None:
    packed = gzip.compress(b"data: a\n\n") + gzip.compress(b"data: b\n\n") + b"\0" * 20
    for body in ([packed], [packed[at : at + 1] for at in range(len(packed))]):
        server.requests.clear()
        received = await receive_reply(client, server, raw(GZIP_HEAD + b"".join(map(chunk, body)) + END))
        assert received.trouble is None
        assert received.data == ["a", "b"]


async def test_gzip_without_its_end_is_a_cut(server: Server, client: WorkerApi) -> None:
    packed = gzip.compress(b"data: a\n\n")
    for length in (len(packed) - 4, 0):
        server.requests.clear()
        body = chunk(packed[:length]) if length else b""
        received = await receive_reply(client, server, raw(GZIP_HEAD + body + END))
        assert isinstance(received.trouble, StreamLost)
        assert received.trouble.kind is ErrorKind.NETWORK


async def test_a_body_that_is_not_gzip(server: Server, client: WorkerApi) -> None:
    received = await receive_reply(client, server, raw(GZIP_HEAD + chunk(b"data: a\n\n") + END))
    assert isinstance(received.trouble, BrokenContract)
    assert received.trouble.kind is ErrorKind.ENCODING
    assert received.pieces == []


async def test_damaged_gzip_keeps_the_earlier_events(server: Server, client: WorkerApi) -> None:
    packer = zlib.compressobj(wbits=31)
    good = packer.compress(b"data: a\n\n") + packer.flush(zlib.Z_FULL_FLUSH)

    async def script(peer: Peer) -> None:
        await peer.send(GZIP_HEAD + chunk(good))
        await peer.server.received.wait()
        await peer.send(chunk(b"\xff" * 30) + END)

    received = await receive_reply(client, server, script)
    assert received.data == ["a"]
    assert isinstance(received.trouble, StreamLost)
    assert received.trouble.kind is ErrorKind.ENCODING


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x-unknown"])
async def test_other_encodings_are_never_shown(server: Server, client: WorkerApi, encoding: str) -> None:
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": encoding}
    received = await receive_reply(client, server, respond(200, b"data: a\n\n", headers))
    assert received.pieces == []
    assert isinstance(received.trouble, BrokenContract)
    assert received.trouble.kind is ErrorKind.ENCODING


async def test_a_gzip_bomb_stops_at_the_cap(server: Server, connect: Clients) -> None:
    client = await connect(server.url, ResponseLimits(max_turn_bytes=1 << 20, max_event_bytes=1 << 18))
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(64)) + packer.flush()
    assert len(bomb) < 100_000
    received = await receive_reply(client, server, raw(GZIP_HEAD + chunk(bomb) + END))
    assert received.trouble is not None
    assert received.trouble.kind is ErrorKind.TOO_LARGE
