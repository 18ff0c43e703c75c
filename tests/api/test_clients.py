"""What a request does not do: look for modules that are not there."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

import pytest

from handinger_tui.api.lean import httpx
from handinger_tui.engine.ports import WorkerApi
from tests.api.hearing import WORKER, posted
from tests.api.server import Server, as_json


class Searches(MetaPathFinder):
    """Notes the names of modules that Python has to search for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, fullname: str, *_rest: object) -> None:
        self.names.append(fullname)


async def test_a_request_searches_for_no_module(
    server: Server, client: WorkerApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert httpx.__name__ == "httpx"
    server.answer(as_json(WORKER), as_json(WORKER))
    await posted(client)
    searches = Searches()
    monkeypatch.setattr(sys, "meta_path", [searches, *sys.meta_path])
    await posted(client)
    assert searches.names == []
