"""Clients that send nothing, or one byte at a time, hold no connection; other sites' names are refused."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from handinger_tui.local.connections import REPORT_EVERY_S, handler_of_failures
from handinger_tui.local.http import RequestLimits
from handinger_tui.local.server import LocalServer
from tests.local.conftest import connect

HEAD = b"POST /api/workers HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\n"


@pytest.fixture(scope="module")
def impatient() -> Iterator[LocalServer]:
    with LocalServer.start(pace=0, limits=RequestLimits(request_seconds=0.2)) as server:
        yield server


def opened(server: LocalServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.base_url.rpartition(":")[2])), timeout=30)


def is_closed_after(connection: socket.socket, data: bytes) -> bool:
    """Send byte by byte, with pauses that alone would not be too long, until the other side closes."""
    connection.settimeout(0.03)
    pieces = iter(data)
    with connection:
        while True:
            try:
                if (piece := next(pieces, None)) is not None:
                    connection.sendall(bytes([piece]))
                if connection.recv(1000) == b"":
                    return True
            except TimeoutError:
                continue
            except ConnectionError:
                return True


@pytest.mark.parametrize("data", [b"", HEAD, HEAD + b"\r\n" + b" " * 90])
def test_a_request_that_does_not_arrive_ends_its_connection(impatient: LocalServer, data: bytes) -> None:
    begun = len(data) - 40 if data else 0
    connection = opened(impatient)
    connection.sendall(data[:begun])
    assert is_closed_after(connection, data[begun:])


def test_an_answer_takes_longer_than_a_request_may(impatient: LocalServer) -> None:
    with (
        LocalServer.start(pace=1, limits=RequestLimits(request_seconds=0.2)) as server,
        connect(server) as client,
    ):
        answer = client.post("/api/workers", json={"input": "sleep 1"})
        assert answer.status_code == 200
        assert client.get("/api/workers/" + answer.json()["id"]).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:127", "", "127.0.0.1@evil"]
)
def test_another_host_is_refused_also_with_the_right_key(server: LocalServer, host: str) -> None:
    headers = {"authorization": f"Bearer {server.api_key}", "host": host}
    answer = httpx.post(
        f"{server.base_url}/api/workers", json={"input": "hi"}, headers=headers, trust_env=False
    )
    assert answer.status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:5"])
def test_the_names_of_this_computer_are_accepted(server: LocalServer, host: str) -> None:
    headers = {"authorization": f"Bearer {server.api_key}", "host": host}
    answer = httpx.get(f"{server.base_url}/api/workers/none", headers=headers, trust_env=False)
    assert answer.status_code == 404


START = b"POST /api/workers HTTP/1.1\r\n"
BODY = b"content-type: application/json\r\n"
ODD_REQUESTS = {
    "two lengths": START + BODY + b"host: localhost\r\ncontent-length: 2\r\ncontent-length: 30\r\n",
    "a length and pieces": START + BODY + b"host: localhost\r\ncontent-length: 2\r\n"
    b"transfer-encoding: chunked\r\n",
    "two codings": START + BODY + b"host: localhost\r\ntransfer-encoding: chunked\r\n"
    b"transfer-encoding: identity\r\n",
    "no host": START + BODY + b"content-length: 2\r\n",
    "two hosts": START + BODY + b"host: localhost\r\nhost: evil.example\r\ncontent-length: 2\r\n",
    "HTTP/0.9": b"GET /api/workers/none\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
    "another protocol": b"GET /api/workers/none HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n"
    b"upgrade: websocket\r\n",
    "two keys": START + BODY + b"host: localhost\r\nauthorization: Bearer x\r\ncontent-length: 2\r\n",
}


@pytest.mark.parametrize("head", ODD_REQUESTS.values(), ids=ODD_REQUESTS)
def test_an_odd_request_starts_nothing(server: LocalServer, head: bytes) -> None:
    key = f"authorization: Bearer {server.api_key}\r\n\r\n".encode()
    with opened(server) as connection:
        connection.sendall(head + key + b"{}GET /api/workers/none HTTP/1.1\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]
    assert all(400 <= status < 500 for status in statuses), answer
    assert b"x-worker-id" not in answer.lower()
    assert b"wrk_" not in answer


def test_exhausted_descriptors_are_reported_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    handle = handler_of_failures(lines.append, lambda: False)
    loop = asyncio.new_event_loop()
    try:
        now = 0.0
        monkeypatch.setattr(loop, "time", lambda: now)
        for _ in range(1000):
            handle(loop, {"message": "accept", "exception": OSError(errno.EMFILE, "Too many open files")})
        assert lines == ["Too many open connections: new ones wait until others are closed."]
        now = REPORT_EVERY_S
        handle(loop, {"message": "accept", "exception": OSError(errno.ENFILE, "Too many open files")})
        assert len(lines) == 2
    finally:
        loop.close()
