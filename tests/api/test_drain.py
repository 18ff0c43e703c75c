"""Draining: what is there is handed over in one go, before any trouble, and nothing is left half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import httpx
import pytest

from handinger_tui.api.read_ahead import Drain
from handinger_tui.core.errors import StreamLost

IDLE = 60.0


async def test_what_is_there_comes_together_and_what_is_not_is_waited_for() -> None:
    more = asyncio.Event()

    async def raw() -> AsyncGenerator[bytes, None]:
        yield b"a"
        yield b"b"
        await more.wait()
        yield b"c"

    drain = Drain(raw(), IDLE)
    assert await drain.next() == b"ab"
    waiting = asyncio.create_task(drain.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    more.set()
    assert await waiting == b"c"
    assert await drain.next() is None
    assert await drain.next() is None


async def test_a_cut_comes_after_all_that_was_before_it() -> None:
    async def raw() -> AsyncGenerator[bytes, None]:
        yield b"a"
        yield b"b"
        raise httpx.RemoteProtocolError("cut")

    drain = Drain(raw(), IDLE)
    assert await drain.next() == b"ab"
    with pytest.raises(StreamLost):
        await drain.next()


async def test_silence_ends_a_wait() -> None:
    ended = asyncio.Event()

    async def raw() -> AsyncGenerator[bytes, None]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        yield b""

    with pytest.raises(StreamLost):
        await Drain(raw(), 0.001).next()
    assert ended.is_set()


async def test_a_step_that_was_set_aside_ends_as_if_it_were_cancelled() -> None:
    told: list[str] = []

    async def raw() -> AsyncGenerator[bytes, None]:
        yield b"a"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            # As httpcore does: it closes its connection before it gives up.
            await asyncio.sleep(0)
            told.append("cancelled")
            raise

    steps = raw()
    drain = Drain(steps, IDLE)
    assert await drain.next() == b"a"
    await drain.aclose()
    assert told == ["cancelled"]
    await steps.aclose()
    await drain.aclose()


async def test_a_cancellation_of_ours_goes_on_through_the_closing() -> None:
    closing = asyncio.Event()

    async def raw() -> AsyncGenerator[bytes, None]:
        yield b"a"
        try:
            await asyncio.Event().wait()
        finally:
            closing.set()
            await asyncio.Event().wait()

    async def read() -> None:
        drain = Drain(raw(), IDLE)
        await drain.next()
        await drain.aclose()

    reading = asyncio.create_task(read())
    await closing.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_a_flood_is_handed_over_in_parts() -> None:
    async def raw() -> AsyncGenerator[bytes, None]:
        for _ in range(40):
            yield bytes(8192)

    drain, sizes = Drain(raw(), IDLE), []
    while (chunk := await drain.next()) is not None:
        sizes.append(len(chunk))
    assert sum(sizes) == 40 * 8192
    assert max(sizes) <= 2 * 65536
