from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.safety import Secret
from tests.api.server import Server

KEY = "hdg_live_0123456789abcdef"


class Pauses:
    """Replaces the waits between two connection attempts, and records them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    running = Server()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def other() -> AsyncIterator[Server]:
    """A second origin, which must never see the key."""
    running = Server()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of downloads, which does not exist yet."""
    return tmp_path / "downloads"


def listing(folder: Path) -> list[str]:
    """The names in a folder; none if it does not exist."""
    return sorted(item.name for item in folder.iterdir()) if folder.exists() else []


class Clients:
    """Makes clients and closes them at the end."""

    def __init__(self, pauses: Pauses) -> None:
        self._stack = AsyncExitStack()
        self._pauses = pauses

    async def __call__(
        self,
        url: str,
        limits: ResponseLimits = ResponseLimits(),  # noqa: B008 - never changes
        headers: dict[str, str] | None = None,
    ) -> WorkerClient:
        client = WorkerClient(url, Secret(KEY), limits, headers, pause=self._pauses)
        return await self._stack.enter_async_context(client)

    async def aclose(self) -> None:
        await self._stack.aclose()


@pytest.fixture
async def connect(pauses: Pauses) -> AsyncIterator[Clients]:
    clients = Clients(pauses)
    yield clients
    await clients.aclose()


@pytest.fixture
async def client(server: Server, connect: Clients) -> WorkerClient:
    return await connect(server.url)
