"""The vendor's own Python client drives the local worker, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from handinger_tui.local.server import LocalServer

pytestmark = [pytest.mark.official_client, pytest.mark.timeout(300)]
JOURNEY = Path(__file__).with_name("official_journey.py")


@pytest.fixture(scope="module", params=["0.2.2", "0.6.0"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a journey through the whole client saw."""
    home = tmp_path_factory.mktemp("official")
    venv.create(home, with_pip=True)
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"handinger=={request.param}"], check=True)
    with LocalServer.start(pace=0) as server:
        ran = subprocess.run(
            [python, JOURNEY, server.base_url, server.api_key],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert found["version"] == request.param
    return found


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
