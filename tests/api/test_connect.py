"""When a request counts as sent, and from when its deadline counts."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import closing
from types import SimpleNamespace

import httpx
import pytest

from handinger_tui.api.deadline import LATE_S, Deadline, Silence
from handinger_tui.api.response import ResponseLimits
from handinger_tui.api.transport import ConnectPolicy, SendTrace, send_with_connect_retry
from handinger_tui.core.errors import Doubtful, Unreachable
from tests.api.conftest import Clients, Pauses
from tests.api.server import Server, as_json

STARTED = "http11.send_request_headers.started"


def info(method: bytes) -> dict[str, object]:
    return {"request": SimpleNamespace(method=method)}


class RecordedDeadline(Deadline):
    """Records from when it counts anew: the seconds of each restart."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.restarts: list[float] = []

    def restart(self, seconds: float) -> None:
        self.restarts.append(seconds)
        super().restart(seconds)


async def test_the_headers_of_a_request_and_every_sent_block_restart_the_deadline() -> None:
    deadline = RecordedDeadline(60)
    async with deadline:
        departure = SendTrace(deadline, 30)
        await departure("connection.connect_tcp.complete", {})
        await departure(STARTED, info(b"CONNECT"))
        assert (departure.sent, deadline.restarts) == (False, [])
        await departure(STARTED, info(b"POST"))
        assert (departure.sent, deadline.restarts) == (True, [30])
        departure.progress()
        assert deadline.restarts == [30, 30]


async def wait_for_ever(deadline: Deadline) -> None:
    async with deadline:
        await asyncio.Event().wait()


async def test_a_restart_replaces_the_deadline() -> None:
    deadline = Deadline(60)
    deadline.restart(0)
    with pytest.raises(TimeoutError):
        await wait_for_ever(deadline)


async def test_progress_after_the_end_is_ignored() -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, problem: problems.append(problem))
    deadline = Deadline(0)
    with pytest.raises(TimeoutError):
        await wait_for_ever(deadline)
    SendTrace(deadline, 0).progress()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert problems == []


async def test_what_arrived_while_the_program_was_stopped_comes_before_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    with closing(theirs):
        async with Deadline(0.01):
            answer = asyncio.create_task(reader.readline())
            await asyncio.sleep(0)
            theirs.send(b"answer\n")
            # Nothing of the program runs meanwhile.
            time.sleep(2 * LATE_S)  # noqa: ASYNC251 - the program is stopped
            assert await answer == b"answer\n"
        writer.close()


async def test_after_a_stop_without_an_answer_the_deadline_ends_the_wait() -> None:
    async def wait() -> None:
        async with Deadline(0.01):
            await asyncio.sleep(0)
            time.sleep(2 * LATE_S)  # noqa: ASYNC251 - the program is stopped
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await wait()


async def test_what_arrived_while_the_program_was_stopped_ends_the_silence() -> None:
    ours, theirs = socket.socketpair()
    arrived, silence = asyncio.Event(), Silence(0.01)
    asyncio.get_running_loop().add_reader(ours, arrived.set)
    with closing(ours), closing(theirs):
        waiting = asyncio.create_task(silence.end(arrived))
        await asyncio.sleep(0)
        theirs.send(b"answer")
        time.sleep(2 * LATE_S)  # noqa: ASYNC251 - the program is stopped
        await waiting
        asyncio.get_running_loop().remove_reader(ours)
    silence.cancel()


async def test_after_a_stop_in_which_nothing_arrived_the_silence_is_too_long() -> None:
    waiting = asyncio.create_task(Silence(0.01).end(asyncio.Event()))
    await asyncio.sleep(0)
    time.sleep(2 * LATE_S)  # noqa: ASYNC251 - the program is stopped
    with pytest.raises(TimeoutError):
        await waiting


async def test_each_wait_has_the_whole_time_of_a_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, passed_s = asyncio.get_running_loop(), 0
    real_time = loop.time
    monkeypatch.setattr(loop, "time", lambda: real_time() + passed_s)
    silence = Silence(60)
    for _ in range(3):
        arrived = asyncio.Event()
        waiting = asyncio.create_task(silence.end(arrived))
        await asyncio.sleep(0)
        passed_s += 40
        # The timer of an earlier wait is due in the second and in the third one.
        await asyncio.sleep(LATE_S * 1.1)
        assert not waiting.done()
        arrived.set()
        await waiting
    waiting = asyncio.create_task(silence.end(asyncio.Event()))
    await asyncio.sleep(0)
    passed_s += 61
    with pytest.raises(TimeoutError):
        await waiting


class Transport(httpx.AsyncBaseTransport):
    """Fails with a given error, before or after the headers were sent."""

    def __init__(self, problem: Exception, *, sent: bool) -> None:
        self._problem = problem
        self._sent = sent
        self.calls = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self._sent:
            await request.extensions["trace"](STARTED, info(b"POST"))
        raise self._problem


async def dial(transport: Transport, pauses: Pauses) -> httpx.Response:
    async with httpx.AsyncClient(transport=transport) as client:

        def request(departure: SendTrace) -> httpx.Request:
            return client.build_request("POST", "http://localhost/", extensions={"trace": departure})

        return await send_with_connect_retry(client, request, ConnectPolicy(1, 1, pauses), 3)


@pytest.mark.parametrize("problem", [httpx.ConnectError("dns"), httpx.ConnectTimeout("slow")])
async def test_only_a_failed_connection_attempt_is_repeated(pauses: Pauses, problem: Exception) -> None:
    transport = Transport(problem, sent=False)
    with pytest.raises(Unreachable):
        await dial(transport, pauses)
    assert transport.calls == 3
    assert len(pauses.seconds) == 2


@pytest.mark.parametrize(
    "problem",
    [
        httpx.ReadTimeout("x"),
        httpx.WriteError("x"),
        httpx.ReadError("x"),
        httpx.RemoteProtocolError("x"),
        OSError("x"),
    ],
)
async def test_no_other_failure_is_repeated(pauses: Pauses, problem: Exception) -> None:
    transport = Transport(problem, sent=True)
    with pytest.raises(Doubtful):
        await dial(transport, pauses)
    assert transport.calls == 1
    assert pauses.seconds == []


async def test_a_failure_before_the_headers_were_sent_is_not_in_doubt(pauses: Pauses) -> None:
    transport = Transport(httpx.ProxyError("403 Forbidden"), sent=False)
    with pytest.raises(Unreachable, match="403 Forbidden"):
        await dial(transport, pauses)
    assert transport.calls == 1


async def test_loopback_goes_through_no_proxy(
    server: Server, connect: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.answer(as_json('{"id":"w1"}'))
    client = await connect(server.url, ResponseLimits())
    assert (await client.read_worker("w1")).text == '{"id":"w1"}'
