"""Packed bodies: undone in bounded pieces, at once, and never past a missing end."""

from __future__ import annotations

import gzip
import zlib

import pytest

from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import BrokenContract, StreamLost
from handinger_tui.core.turns.turn import Kind
from handinger_tui.engine.ports import WorkerApi
from tests.api.conftest import Clients
from tests.api.hearing import hear
from tests.api.server import END, Peer, Server, chunk, head, raw, respond

GZIP_HEAD = head(
    200, {"Content-Type": "text/event-stream", "Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
)


async def test_a_flushed_gzip_event_is_out_at_once(server: Server, client: WorkerApi) -> None:
    packer = zlib.compressobj(wbits=31)

    async def script(peer: Peer) -> None:
        await peer.send(GZIP_HEAD)
        for text in (b"data: a\n\n", b"data: b\n\n"):
            await peer.send(chunk(packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)))
            await peer.server.taken.wait()
            peer.server.taken.clear()
        await peer.send(chunk(packer.flush()) + END)

    heard = await hear(client, server, script)
    assert heard.data == ["a", "b"]


async def test_members_after_each_other_and_padding(server: Server, client: WorkerApi) -> None:
    packed = gzip.compress(b"data: a\n\n") + gzip.compress(b"data: b\n\n") + b"\0" * 20
    for body in ([packed], [packed[at : at + 1] for at in range(len(packed))]):
        server.requests.clear()
        heard = await hear(client, server, raw(GZIP_HEAD + b"".join(map(chunk, body)) + END))
        assert heard.trouble is None
        assert heard.data == ["a", "b"]


async def test_gzip_without_its_end_is_a_cut(server: Server, client: WorkerApi) -> None:
    packed = gzip.compress(b"data: a\n\n")
    for length in (len(packed) - 4, 0):
        server.requests.clear()
        body = chunk(packed[:length]) if length else b""
        heard = await hear(client, server, raw(GZIP_HEAD + body + END))
        assert isinstance(heard.trouble, StreamLost)
        assert heard.trouble.kind is Kind.NETWORK


async def test_gzip_that_is_none(server: Server, client: WorkerApi) -> None:
    heard = await hear(client, server, raw(GZIP_HEAD + chunk(b"data: a\n\n") + END))
    assert isinstance(heard.trouble, BrokenContract)
    assert heard.trouble.kind is Kind.ENCODING
    assert heard.pieces == []


async def test_damaged_gzip_keeps_what_came(server: Server, client: WorkerApi) -> None:
    packer = zlib.compressobj(wbits=31)
    good = packer.compress(b"data: a\n\n") + packer.flush(zlib.Z_FULL_FLUSH)

    async def script(peer: Peer) -> None:
        await peer.send(GZIP_HEAD + chunk(good))
        await peer.server.taken.wait()
        await peer.send(chunk(b"\xff" * 30) + END)

    heard = await hear(client, server, script)
    assert heard.data == ["a"]
    assert isinstance(heard.trouble, StreamLost)
    assert heard.trouble.kind is Kind.ENCODING


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x-unknown"])
async def test_other_encodings_are_never_shown(server: Server, client: WorkerApi, encoding: str) -> None:
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": encoding}
    heard = await hear(client, server, respond(200, b"data: a\n\n", headers))
    assert heard.pieces == []
    assert isinstance(heard.trouble, BrokenContract)
    assert heard.trouble.kind is Kind.ENCODING


async def test_a_gzip_bomb_stops_at_the_cap(server: Server, connect: Clients) -> None:
    client = await connect(server.url, ResponseLimits(max_turn_bytes=1 << 20, max_event_bytes=1 << 18))
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(64)) + packer.flush()
    assert len(bomb) < 100_000
    heard = await hear(client, server, raw(GZIP_HEAD + chunk(bomb) + END))
    assert heard.trouble is not None
    assert heard.trouble.kind is Kind.TOO_LARGE
