"""A body in chunks: what is there comes in one piece, before any trouble, and nothing is left half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import httpx
import pytest

from handinger_tui.api.response import MAX_JOINED, READ_EVERY_S, SMALL_READ, chunks
from handinger_tui.core.errors import StreamLost

IDLE = 60.0
CAP = 1 << 30
Body = Callable[[], AsyncIterator[bytes]]


class Stream(httpx.AsyncByteStream):
    def __init__(self, body: Body) -> None:
        self.body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.body()


def read(body: Body, idle: float = IDLE) -> AsyncGenerator[bytes, None]:
    return chunks(httpx.Response(200, stream=Stream(body)), idle, CAP)


async def test_what_is_there_comes_together_and_what_is_not_is_waited_for() -> None:
    more = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"
        await more.wait()
        yield b"c"

    async with aclosing(read(body)) as pieces:
        assert await anext(pieces) == b"ab"
        waiting = asyncio.create_task(anext(pieces, None))
        await asyncio.sleep(0)
        assert not waiting.done()
        more.set()
        assert await waiting == b"c"
        assert await anext(pieces, None) is None


async def test_a_cut_comes_after_all_that_was_before_it() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"
        raise httpx.RemoteProtocolError("cut")

    async with aclosing(read(body)) as pieces:
        assert await anext(pieces) == b"ab"
        with pytest.raises(StreamLost):
            await anext(pieces)


async def test_silence_ends_a_wait_and_the_reading() -> None:
    ended = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        yield b""

    with pytest.raises(StreamLost):
        await anext(read(body, 0.001))
    assert ended.is_set()


async def test_a_slow_taker_is_not_a_silent_sender() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(MAX_JOINED)

    async with aclosing(read(body, 0.01)) as pieces:
        async for _ in pieces:
            await asyncio.sleep(0.03)


async def test_a_body_that_is_left_ends_as_if_its_reading_were_cancelled() -> None:
    seen: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            # As httpcore does: it closes its connection before it gives up.
            await asyncio.sleep(0)
            seen.append("cancelled")
            raise

    async with aclosing(read(body)) as pieces:
        assert await anext(pieces) == b"a"
    assert seen == ["cancelled"]


async def test_a_cancellation_while_waiting_ends_the_reading_too() -> None:
    reading, seen = asyncio.Event(), []

    async def body() -> AsyncIterator[bytes]:
        try:
            reading.set()
            await asyncio.Event().wait()
            yield b""
        finally:
            seen.append("ended")

    async def take() -> None:
        async with aclosing(read(body)) as pieces:
            await anext(pieces)

    task = asyncio.create_task(take())
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["ended"]


async def test_a_cancellation_goes_on_through_a_closing_that_takes_long() -> None:
    closing = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        try:
            await asyncio.Event().wait()
        finally:
            closing.set()
            await asyncio.Event().wait()

    async def take() -> None:
        async with aclosing(read(body)) as pieces:
            await anext(pieces)

    task = asyncio.create_task(take())
    await closing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_flood_comes_in_parts_and_is_not_read_far_ahead() -> None:
    made: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(40):
            made.append(number)
            yield bytes(8192)

    sizes = []
    async with aclosing(read(body)) as pieces:
        async for piece in pieces:
            sizes.append(len(piece))
            assert len(made) * 8192 - sum(sizes) <= 2 * MAX_JOINED
    assert sum(sizes) == 40 * 8192
    assert max(sizes) <= 2 * MAX_JOINED


class Network:
    """A body of network reads, each of which may bring several chunks at once."""

    def __init__(self, *reads: tuple[bytes, ...]) -> None:
        self.reads = reads
        self.read_at: list[float] = []

    async def body(self) -> AsyncIterator[bytes]:
        for chunks_of_read in self.reads:
            self.read_at.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0)
            for chunk in chunks_of_read:
                yield chunk


async def test_small_reads_are_spread_out_after_the_first() -> None:
    network = Network((b"one",), (b"two",), (b"three",), (b"four",))
    assert b"".join([piece async for piece in read(network.body)]) == b"onetwothreefour"
    _, second, third, fourth = network.read_at
    assert third - second >= READ_EVERY_S * 0.9
    assert fourth - third >= READ_EVERY_S * 0.9


async def test_all_that_came_with_one_read_costs_one_pause() -> None:
    network = Network((b"0",), (b"1", b"2", b"3", b"4"), (b"5",))
    pauses = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal pauses
        async for chunk in network.body():
            before = asyncio.get_running_loop().time()
            yield chunk
            pauses += asyncio.get_running_loop().time() - before >= READ_EVERY_S * 0.9

    assert b"".join([piece async for piece in read(body)]) == b"012345"
    assert pauses == 2


async def test_a_chunk_of_a_slow_stream_is_out_before_the_pause() -> None:
    sent = asyncio.Queue[bytes]()

    async def body() -> AsyncIterator[bytes]:
        while chunk := await sent.get():
            yield chunk

    async with aclosing(read(body)) as pieces:
        for chunk in (b"1", b"2", b"3"):
            await asyncio.sleep(3 * READ_EVERY_S)
            begun = asyncio.get_running_loop().time()
            sent.put_nowait(chunk)
            assert await anext(pieces) == chunk
            assert asyncio.get_running_loop().time() - begun < READ_EVERY_S
        sent.put_nowait(b"")


async def test_a_body_that_comes_in_large_reads_is_read_as_fast_as_it_comes() -> None:
    network = Network(*[(b"x" * SMALL_READ,)] * 40)
    assert len(b"".join([piece async for piece in read(network.body)])) == 40 * SMALL_READ
    assert network.read_at[-1] - network.read_at[0] < 20 * READ_EVERY_S


async def test_a_body_of_one_read_waits_for_nothing() -> None:
    begun = asyncio.get_running_loop().time()
    assert [piece async for piece in read(Network((b"{", b"}")).body)] == [b"{}"]
    assert asyncio.get_running_loop().time() - begun < READ_EVERY_S
