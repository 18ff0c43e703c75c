"""The vendor's own Python client drives the local worker, in a separate environment."""

from __future__ import annotations

from typing import Any

import pytest

from handinger_tui.local.server import LocalServer
from tests.local.official import FOLDER, journey, python_with

pytestmark = pytest.mark.official_client


@pytest.fixture(scope="module", params=["0.2.2", "0.6.0"])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of a journey through the complete client."""
    python = python_with(tmp_path_factory.mktemp("official"), request.param)
    with LocalServer.start(pace=0) as server:
        values = journey(python, FOLDER / "official_journey.py", server.base_url, server.api_key)
    assert values["version"] == request.param
    return values


def test_every_method_was_called(results: dict[str, Any]) -> None:
    assert results["methods"]["missing"] == []
    assert len(results["methods"]["existing"]) == (9 if results["version"] == "0.2.2" else 7)


def test_create_and_retrieve(results: dict[str, Any]) -> None:
    assert results["created"]["object"] == "worker"
    assert results["created"]["text"]
    assert results["files"]
    assert results["usage"] > 0


def test_continue(results: dict[str, Any]) -> None:
    assert results["continued"]["id"] == results["created"]["id"]
    assert results["continued"]["text"] != results["created"]["text"]
    assert results["continued"]["messages"] == 4
    assert all(url.startswith("https://") for url in results["sources"])
    assert results["sources"]


def test_streams(results: dict[str, Any]) -> None:
    if "stream" in results:
        assert [message["role"] for message in results["stream"]] == ["user", "assistant"] * 2
    heading = results["continued"]["text"].splitlines()[0]
    assert heading in results["raw_stream"]
    assert '"type":"finish"' in results["posted_stream"].replace(" ", "")


def test_files(results: dict[str, Any]) -> None:
    if "file_bytes" in results:
        assert results["file_bytes"] > 0


def test_email(results: dict[str, Any]) -> None:
    assert "@" in results["email"]


def test_schedules(results: dict[str, Any]) -> None:
    assert results["schedules"] == {"made": "interval", "listed": True, "cancelled": True, "left": 0}


@pytest.mark.parametrize("status", ["401", "404", "422"])
def test_refusals(results: dict[str, Any], status: str) -> None:
    assert results[status]["status"] == int(status)
    assert isinstance(results[status]["body"]["error"], str)
