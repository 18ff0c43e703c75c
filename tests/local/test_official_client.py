"""The vendor's own Python client drives the local worker, in an environment of its own."""

from __future__ import annotations

from typing import Any

import pytest

from handinger_tui.local.server import LocalServer
from tests.local.official import FOLDER, journey, python_with

pytestmark = [pytest.mark.official_client, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=["0.2.2", "0.6.0"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a journey through the whole client saw."""
    python = python_with(tmp_path_factory.mktemp("official"), request.param)
    with LocalServer.start(pace=0) as server:
        found = journey(python, FOLDER / "official_journey.py", server.base_url, server.api_key)
    assert found["version"] == request.param
    return found


def test_every_method_was_called(seen: dict[str, Any]) -> None:
    assert seen["methods"]["missing"] == []
    assert len(seen["methods"]["existing"]) == (9 if seen["version"] == "0.2.2" else 7)


def test_create_and_retrieve(seen: dict[str, Any]) -> None:
    assert seen["created"]["object"] == "worker"
    assert seen["created"]["text"]
    assert seen["files"]
    assert seen["usage"] > 0


def test_continue(seen: dict[str, Any]) -> None:
    assert seen["continued"]["id"] == seen["created"]["id"]
    assert seen["continued"]["text"] != seen["created"]["text"]
    assert seen["continued"]["messages"] == 4
    assert all(url.startswith("https://") for url in seen["sources"])
    assert seen["sources"]


def test_streams(seen: dict[str, Any]) -> None:
    if "stream" in seen:
        assert [message["role"] for message in seen["stream"]] == ["user", "assistant"] * 2
    heading = seen["continued"]["text"].splitlines()[0]
    assert heading in seen["raw_stream"]
    assert '"type":"finish"' in seen["posted_stream"].replace(" ", "")


def test_files(seen: dict[str, Any]) -> None:
    if "file_bytes" in seen:
        assert seen["file_bytes"] > 0


def test_email(seen: dict[str, Any]) -> None:
    assert "@" in seen["email"]


def test_schedules(seen: dict[str, Any]) -> None:
    assert seen["schedules"] == {"made": "interval", "listed": True, "cancelled": True, "left": 0}


@pytest.mark.parametrize("status", ["401", "404", "422"])
def test_refusals(seen: dict[str, Any], status: str) -> None:
    assert seen[status]["status"] == int(status)
    assert isinstance(seen[status]["body"]["error"], str)
