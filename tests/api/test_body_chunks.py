"""A body in chunks: available chunks arrive together, before any error, and no reader stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import httpx
import pytest

from handinger_tui.api import response
from handinger_tui.api.response import (
    APART_S,
    MAX_READ_AHEAD,
    MOST_APART_S,
    READ_EVERY_S,
    SMALL_READ,
    body_chunks,
)
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
    return body_chunks(httpx.Response(200, stream=Stream(body)), idle, CAP)


async def test_available_chunks_arrive_together_and_later_ones_are_awaited() -> None:
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


async def test_a_cut_follows_all_earlier_chunks() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"
        raise httpx.RemoteProtocolError("cut")

    async with aclosing(read(body)) as pieces:
        assert await anext(pieces) == b"ab"
        with pytest.raises(StreamLost):
            await anext(pieces)


async def test_silence_ends_the_read() -> None:
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


async def test_one_timer_serves_the_silence_before_every_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, timers = asyncio.get_running_loop(), list[float]()
    call_at, sent = loop.call_at, asyncio.Queue[bytes]()

    def noted(when: float, *args: Any, **options: Any) -> asyncio.TimerHandle:
        timers.append(when - loop.time())
        return call_at(when, *args, **options)

    async def body() -> AsyncIterator[bytes]:
        while chunk := await sent.get():
            yield chunk

    monkeypatch.setattr(loop, "call_at", noted)
    async with aclosing(read(body)) as pieces:
        for chunk in (b"1", b"2", b"3", b"4"):
            waiting = asyncio.create_task(anext(pieces))
            await asyncio.sleep(0)
            sent.put_nowait(chunk)
            assert await waiting == chunk
    assert len([wait_s for wait_s in timers if wait_s > IDLE / 2]) == 1


async def test_a_slow_consumer_is_not_a_silent_sender() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(MAX_READ_AHEAD)

    async with aclosing(read(body, 0.01)) as pieces:
        async for _ in pieces:
            await asyncio.sleep(0.03)


async def test_closing_a_body_early_cancels_its_reader() -> None:
    events: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            # Like httpcore, which closes its connection when it is cancelled.
            await asyncio.sleep(0)
            events.append("cancelled")
            raise

    async with aclosing(read(body)) as pieces:
        assert await anext(pieces) == b"a"
    assert events == ["cancelled"]


async def test_a_cancellation_while_waiting_ends_the_reader() -> None:
    reading, events = asyncio.Event(), []

    async def body() -> AsyncIterator[bytes]:
        try:
            reading.set()
            await asyncio.Event().wait()
            yield b""
        finally:
            events.append("ended")

    async def take() -> None:
        async with aclosing(read(body)) as pieces:
            await anext(pieces)

    task = asyncio.create_task(take())
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert events == ["ended"]


async def test_a_cancellation_survives_a_slow_close() -> None:
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


async def test_a_flood_arrives_in_parts_and_is_not_read_far_ahead() -> None:
    produced: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(40):
            produced.append(number)
            yield bytes(8192)

    sizes = []
    async with aclosing(read(body)) as pieces:
        async for piece in pieces:
            sizes.append(len(piece))
            assert len(produced) * 8192 - sum(sizes) <= 2 * MAX_READ_AHEAD
    assert sum(sizes) == 40 * 8192
    assert max(sizes) <= 2 * MAX_READ_AHEAD


class Pauses:
    """The pauses between two reads; each lasts until the test ends it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._call_later = loop.call_later
        self._pending: list[asyncio.Future[None]] = []
        self.begun = asyncio.Semaphore(0)
        self.ends_at: list[float] = []
        """When each is to end."""
        self.waits: list[float] = []
        """How long each is."""
        self.are_sure = False
        """A read that comes late on a busy machine is followed by one, too."""

    def call_later(self, delay: float, callback: Callable[..., None], *args: object) -> asyncio.TimerHandle:
        if not READ_EVERY_S <= delay <= MOST_APART_S:
            return self._call_later(delay, callback, *args)
        ended = self._loop.create_future()
        ended.add_done_callback(lambda _: callback(*args))
        self._pending.append(ended)
        self.begun.release()
        return asyncio.TimerHandle(0, callback, args, self._loop)

    @property
    def pending(self) -> int:
        return len(self._pending)

    def end(self) -> None:
        for ended in self._pending:
            ended.set_result(None)
        self._pending.clear()


class NotedTurns(response.ReadTurns):
    """Notes when each pause is to end, by the moment it was asked for: its timer is set a little later."""

    def __init__(self, pauses: Pauses) -> None:
        super().__init__()
        self._pauses = pauses

    def take(self, now: float) -> float:
        wait_s = super().take(now)
        self._pauses.ends_at.append(now + wait_s)
        self._pauses.waits.append(wait_s)
        return max(wait_s, READ_EVERY_S * 1.001) if self._pauses.are_sure else wait_s


@pytest.fixture
async def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    loop = asyncio.get_running_loop()
    pauses = Pauses(loop)
    monkeypatch.setattr(loop, "call_later", pauses.call_later)
    # Those of the tests before may still wait.
    monkeypatch.setattr(response, "_turns", NotedTurns(pauses))
    return pauses


def reads(*bodies: tuple[bytes, ...]) -> Body:
    """A body of network reads, each of which may hold several chunks."""

    async def body() -> AsyncIterator[bytes]:
        for chunks_of_read in bodies:
            await asyncio.sleep(0)
            for chunk in chunks_of_read:
                yield chunk

    return body


async def joined(body: Body) -> bytes:
    return b"".join([piece async for piece in read(body)])


async def test_a_small_read_is_followed_by_a_pause_from_the_second_on(pauses: Pauses) -> None:
    taking = asyncio.create_task(joined(reads((b"1",), (b"2",), (b"3",))))
    for _ in (b"2", b"3"):
        await pauses.begun.acquire()
        assert pauses.pending == 1
        pauses.end()
    assert await taking == b"123"


async def test_one_read_costs_one_pause(pauses: Pauses) -> None:
    taking = asyncio.create_task(joined(reads((b"1",), (b"2", b"3", b"4"))))
    await pauses.begun.acquire()
    pauses.end()
    assert await taking == b"1234"
    assert pauses.pending == 0


async def test_a_late_chunk_waits_for_nothing_and_the_next_one_does_if_it_comes_soon(pauses: Pauses) -> None:
    sent = asyncio.Queue[bytes]()

    async def body() -> AsyncIterator[bytes]:
        while chunk := await sent.get():
            yield chunk

    async with aclosing(read(body)) as pieces:
        for chunk in (b"1", b"2", b"3"):
            # Longer than any pause, so it is none.
            await asyncio.sleep(MOST_APART_S * 1.1)
            sent.put_nowait(chunk)
            assert await anext(pieces) == chunk
        assert pauses.pending == 0
        sent.put_nowait(b"4")
        await pauses.begun.acquire()
        sent.put_nowait(b"5")
        pauses.end()
        assert await anext(pieces) == b"45"


async def paused(pauses: Pauses, bodies: int) -> list[asyncio.Task[bytes]]:
    """So many bodies, each of which pauses before its last read."""
    pauses.are_sure = True
    taking = [asyncio.create_task(joined(reads((b"1",), (b"2",)))) for _ in range(bodies)]
    for _ in taking:
        await pauses.begun.acquire()
    pauses.are_sure = False
    return taking


async def test_the_reads_of_many_bodies_come_one_after_the_other(pauses: Pauses) -> None:
    taking = await paused(pauses, 10)
    moments = pauses.ends_at
    assert min(after - before for before, after in pairwise(moments)) > APART_S * 0.9
    assert moments[-1] - moments[0] < 2 * APART_S * len(moments)
    pauses.end()
    assert {len(text) for text in await asyncio.gather(*taking)} == {2}


async def test_with_any_number_of_bodies_a_read_waits_a_tenth_of_a_second_and_alone_no_longer(
    pauses: Pauses,
) -> None:
    taking = await paused(pauses, 200)
    assert max(pauses.ends_at) <= asyncio.get_running_loop().time() + MOST_APART_S
    pauses.end()
    await asyncio.gather(*taking)
    # Nothing is left over of them after that.
    await asyncio.sleep(MOST_APART_S * 1.1)
    taking = await paused(pauses, 1)
    assert pauses.waits[-1] == READ_EVERY_S
    pauses.end()
    await asyncio.gather(*taking)


async def test_while_others_wait_an_event_of_two_reads_arrives_as_one_chunk(pauses: Pauses) -> None:
    sent = asyncio.Queue[bytes]()

    async def body() -> AsyncIterator[bytes]:
        while chunk := await sent.get():
            yield chunk

    others = await paused(pauses, 20)
    async with aclosing(read(body)) as pieces:
        for chunk in (b"1", b"2"):
            sent.put_nowait(chunk)
            assert await anext(pieces) == chunk
        sent.put_nowait(b"3")
        await pauses.begun.acquire()
        sent.put_nowait(b"4")
        pauses.end()
        assert await anext(pieces) == b"34"
    await asyncio.gather(*others)


async def test_large_reads_are_not_spread_out(pauses: Pauses) -> None:
    body = reads(*[(b"x" * SMALL_READ,)] * 40)
    assert len(b"".join([piece async for piece in read(body)])) == 40 * SMALL_READ
    assert pauses.pending == 0


async def test_a_body_of_one_read_waits_for_nothing(pauses: Pauses) -> None:
    assert [piece async for piece in read(reads((b"{", b"}")))] == [b"{}"]
    assert pauses.pending == 0
