"""Pacing: small reads that had to wait are spread out; whatever is there already never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx

from handinger_tui.api.read_ahead import READ_EVERY_S, SMALL_READ, pace


class Wire:
    """A network stream that hands out `chunks`; None before one: it has to wait for it."""

    def __init__(self, *chunks: bytes | None) -> None:
        self.chunks = list(chunks)
        self.read_at: list[float] = []

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore's
        self.read_at.append(asyncio.get_running_loop().time())
        chunk = self.chunks.pop(0)
        if chunk is None:
            await asyncio.sleep(0)
            chunk = self.chunks.pop(0) or b""
        return chunk[:max_bytes]


def paced(*chunks: bytes | None) -> Wire:
    wire = Wire(*chunks)
    pace(httpx.Response(200, extensions={"network_stream": wire}))
    return wire


def at_once(read: Coroutine[Any, Any, bytes]) -> bytes:
    """The result of a read that waits for nothing."""
    try:
        read.send(None)
    except StopIteration as done:
        return bytes(done.value)
    read.close()
    raise AssertionError("it waited")


async def test_reads_that_wait_and_bring_little_are_spread_out() -> None:
    wire = paced(None, b"one", None, b"two", None, b"three")
    assert [await wire.read(100, None) for _ in range(3)] == [b"one", b"two", b"three"]
    first, second, third = wire.read_at
    assert second - first >= READ_EVERY_S
    assert third - second >= READ_EVERY_S


async def test_what_came_with_the_last_read_is_not_waited_for() -> None:
    wire = paced(None, b"one", b"two", b"three", b"four")
    assert await wire.read(100, None) == b"one"
    assert await wire.read(100, None) == b"two"
    assert [at_once(wire.read(100, None)), at_once(wire.read(100, None))] == [b"three", b"four"]


async def test_a_stream_that_brings_much_is_read_as_fast_as_it_comes() -> None:
    wire = paced(None, b"x" * SMALL_READ, b"more")
    assert await wire.read(1 << 16, None) == b"x" * SMALL_READ
    assert at_once(wire.read(100, None)) == b"more"


async def test_a_response_without_a_network_stream_is_left_alone() -> None:
    pace(httpx.Response(200))
    pace(httpx.Response(200, extensions={"network_stream": object()}))
