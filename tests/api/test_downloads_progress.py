"""The progress of a download, and a size that is refused before it is read."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from handinger_tui.api.download import save
from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import ApiError
from handinger_tui.core.turns.turn import ErrorKind
from tests.api.server import Peer, Server, chunk, head, raw, respond
from tests.api.test_resume import BODY, ROUTE, cut, failed, remainder

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.api.client import WorkerClient
    from tests.api.conftest import Clients


# -- sizes -----------------------------------------------------------------------------------
async def test_a_size_beyond_the_limit_is_refused_unread(
    server: Server, connect: Clients, folder: Path
) -> None:
    async def promised(peer: Peer) -> None:
        await peer.send(head(200, {"Content-Length": "101"}))
        await peer.wait_for_close()

    client = await connect(server.url, ResponseLimits(max_file_bytes=100))
    server.answer(promised)
    trouble = await failed(client, folder)
    assert trouble.kind is ErrorKind.TOO_LARGE
    assert "not saved" in trouble.summary
    server.answer(respond(206, b"x", {"Content-Range": "bytes 0-0/101"}))
    server.requests.clear()
    assert (await failed(client, folder)).kind is ErrorKind.TOO_LARGE


async def test_a_body_longer_than_its_expected_size_is_abandoned(
    server: Server, client: WorkerClient, folder: Path
) -> None:
    closed = asyncio.Event()

    async def endless(peer: Peer) -> None:
        await peer.send(head(200, {}) + b"x" * 1000)
        await peer.wait_for_close()
        closed.set()

    server.answer(endless)
    with pytest.raises(ApiError) as caught:
        await save(client, ROUTE, folder, wanted=5)
    assert caught.value.kind is ErrorKind.INCOMPLETE
    assert "larger than the 5 bytes" in caught.value.summary
    async with asyncio.timeout(60):
        await closed.wait()
    assert os.listdir(folder) == []


# -- progress ---------------------------------------------------------------------------------
async def test_progress_is_reported(server: Server, client: WorkerClient, folder: Path) -> None:
    reports: list[tuple[int, int | None]] = []
    server.answer(cut(700), remainder(700))
    await save(client, ROUTE, folder, progress=lambda got, total: reports.append((got, total)))
    assert reports[0] == (0, len(BODY))
    assert reports[-1] == (len(BODY), len(BODY))


async def test_progress_is_reported_at_intervals(
    server: Server, client: WorkerClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handinger_tui.api.download.time.monotonic", lambda: 1.0)
    reports: list[tuple[int, int | None]] = []
    body = b"x" * 3_000_000
    server.answer(raw(head(200, {"Transfer-Encoding": "chunked"}) + chunk(body) + b"0\r\n\r\n"))
    await save(
        client, ROUTE, folder, wanted=len(body), progress=lambda got, total: reports.append((got, total))
    )
    assert reports == [(0, len(body)), (len(body), len(body))]
    server.requests.clear()
    reports.clear()
    await save(client, ROUTE, folder, progress=lambda got, total: reports.append((got, total)))
    assert reports[0] == (0, None)
