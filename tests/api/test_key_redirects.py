"""The key and redirects: real servers record the headers that they receive along every redirect."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from handinger_tui.api.download import save
from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import ApiError
from handinger_tui.core.turns.turn import ErrorKind
from tests.api.conftest import KEY, Clients
from tests.api.server import Request, Script, Server, respond

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.api.client import WorkerClient

ROUTE = "/api/workers/w1/files/report.txt"
BODY = b"body\n"


def keyed(requests: list[Request]) -> list[bool]:
    return [request.header("authorization") == f"Bearer {KEY}" for request in requests]


def prepare(server: Server, other: Server, hops: list[str]) -> None:
    """Make the servers redirect along the hops; the one after the last hop has the file."""
    here = server
    answers: dict[Server, list[Script]] = {server: [], other: []}
    for hop in hops:
        port = urlsplit(server.url).port
        place = hop.format(api=server.url, port=port, other=other.url, host=urlsplit(other.url).netloc)
        answers[here].append(respond(302, b"", {"Location": place}))
        if "{other}" in hop or "{host}" in hop:
            here = other
        elif "{api}" in hop or "{port}" in hop:
            here = server
    for host, scripts in answers.items():
        host.answer(*scripts, respond(200, BODY))


@pytest.fixture
def servers(server: Server, other: Server) -> tuple[Server, Server]:
    """The API, and a host that must never see the key."""
    return server, other


@pytest.mark.parametrize(
    ("hops", "at_home", "elsewhere"),
    [
        (["{other}/x"], "k", 1),
        (["//{host}/x"], "k", 1),
        (["{other}/x", "/y", "?z=1"], "k", 3),
        (["/y", "{other}/x"], "kk", 1),
        (["/y", "?z", "HTTP://127.0.0.1:{port}/a"], "kkkk", 0),
        (["http://localhost:{port}/x"], "k-", 0),
        (["http://localhost:{port}/x", "{api}/y"], "k--", 0),
        (["{other}/x", "{api}/y"], "k-", 1),
        (["{other}/x", "{api}/y", "/z"], "k--", 1),
        (["{other}/x", "{api}/y", "{other}/z"], "k-", 2),
    ],
)
async def test_a_redirect_drops_the_key_for_good(
    hops: list[str],
    at_home: str,
    elsewhere: int,
    servers: tuple[Server, Server],
    client: WorkerClient,
    tmp_path: Path,
) -> None:
    server, other = servers
    prepare(server, other, hops)
    path = await save(client, ROUTE, tmp_path)
    assert path.read_bytes() == BODY
    with_key = [sign == "k" for sign in at_home]
    assert keyed(server.requests) == with_key
    assert len(other.requests) == elsewhere
    without = [r for r, ours in zip(server.requests, with_key, strict=True) if not ours]
    assert KEY not in repr([other.requests, without])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_any_kind_of_redirect_drops_it(
    server: Server, other: Server, client: WorkerClient, tmp_path: Path, status: int
) -> None:
    server.answer(respond(status, b"", {"Location": f"{other.url}/x"}))
    other.answer(respond(200, BODY))
    await save(client, ROUTE, tmp_path)
    assert KEY not in repr(other.requests)
    assert keyed(server.requests) == [True]


async def test_a_foreign_host_cannot_use_our_key_by_redirecting_back(
    server: Server, other: Server, client: WorkerClient, tmp_path: Path
) -> None:
    other.answer(respond(302, b"", {"Location": f"{server.url}/api/workers/w2"}))
    server.answer(respond(401, b""))
    with pytest.raises(ApiError) as caught:
        await save(client, f"{other.url}/x", tmp_path)
    assert caught.value.kind is ErrorKind.AUTH
    assert keyed(server.requests) == [False]
    assert KEY not in repr(other.requests)


@pytest.mark.parametrize(
    "location",
    [
        "http://user@127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}@{host}/x",
        "http://127.0.0.1:{port}\\@{host}/x",
        "http:\\\\{host}\\x",
        "http://127.0.0.1.:{port}/x",
        "http://2130706433:{port}/x",
        "http://0x7f.1:{port}/x",
        "http://127.1:{port}/x",
        "http://api.127.0.0.1:{port}/x",
        "http://w.localhost:{port}/x",
        "http://127.0.0.1%2f:{port}/x",
        "http://[::ffff:127.0.0.1]:{port}/x",
        "http://0.0.0.0:{port}/x",
        "http://10.0.0.1/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ],
)
async def test_redirects_that_are_not_followed(
    server: Server, other: Server, client: WorkerClient, tmp_path: Path, location: str
) -> None:
    prepare(server, other, [location])
    with pytest.raises(ApiError) as caught:
        await save(client, ROUTE, tmp_path)
    assert caught.value.kind is ErrorKind.UNSAFE_URL
    assert keyed(server.requests) == [True]
    assert other.requests == []
    assert os.listdir(tmp_path) == []


async def test_another_scheme_is_another_origin(server: Server, connect: Clients, tmp_path: Path) -> None:
    # A server without TLS never answers a TLS handshake.
    client = await connect(server.url, ResponseLimits(connect_timeout=0.5))
    secure = server.url.replace("http:", "https:")
    assert not client.transport.authorized(f"{secure}/x")
    server.answer(respond(302, b"", {"Location": f"{secure}/x"}))
    with pytest.raises(ApiError):
        await save(client, ROUTE, tmp_path)
    assert keyed(server.requests) == [True]
