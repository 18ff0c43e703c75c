"""The vendor's clients of the tasks generation, Python and npm, drive the local worker with all they have."""

from __future__ import annotations

from typing import Any

import pytest

from handinger_tui.local.server import LocalServer
from tests.local.official import FOLDER, journey, npm_with, python_with
from tests.local.receiver import receiving

pytestmark = [pytest.mark.official_client, pytest.mark.timeout(300)]

CLIENTS = {
    "python-sync": ("0.18.0", 16),
    "python-async": ("0.18.0", 16),
    "npm": ("0.14.0", 17),
}
"""Each client with its version and the number of its methods."""


@pytest.fixture(scope="module", params=CLIENTS)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a journey through the whole client saw; `deliveries` is what its webhook received."""
    language, _, kind = request.param.partition("-")
    version, methods = CLIENTS[request.param]
    home = tmp_path_factory.mktemp("official")
    runtime = python_with(home, version) if language == "python" else npm_with(home, version)
    with LocalServer.start(pace=0) as server, receiving() as receiver:
        to = (server.tasks_url, server.api_key)
        if language == "python":
            found = journey(runtime, FOLDER / "official_tasks_journey.py", *to, receiver.url, kind)
        else:
            found = journey(runtime, FOLDER / "official_journey.mjs", *to, receiver.url, folder=home)
        found["deliveries"] = [receiver.deliveries.get_nowait() for _ in range(receiver.deliveries.qsize())]
    assert found["version"] == version
    assert len(found["methods"]["existing"]) == methods
    return found


def test_every_method_was_called(seen: dict[str, Any]) -> None:
    assert seen["methods"]["missing"] == []


def test_a_worker_is_stored_and_changed(seen: dict[str, Any]) -> None:
    assert (seen["stored"]["title"], seen["stored"]["instructions"]) == ("Letters", "Counts letters")
    assert (seen["idle"]["id"], seen["idle"]["messages"]) == (seen["stored"]["id"], [])
    assert (seen["changed"]["summary"], seen["changed"]["title"]) == ("All letters", "Letters")
    assert "@" in seen["email"]
    assert seen["deleted"] is True


def test_a_task_has_two_turns(seen: dict[str, Any]) -> None:
    assert seen["run"]["structured_output"] == {"answer": "one", "length": 3}
    task = seen["task"]["task"]
    assert (task["status"], task["workerId"]) == ("completed", seen["stored"]["id"])
    assert task["totals"]["turnCount"] == 2
    assert seen["state"] == seen["again"]
    assert seen["made_up"] == "without a worker"
    assert seen["archived"] is True


def test_turns_are_listed_and_files_are_read(seen: dict[str, Any]) -> None:
    if "turns" not in seen:
        turns = seen["task"]["turns"]
    else:
        turns = seen["turns"]["items"]
        assert "1 rows" in seen["described"]
        assert seen["listed_files"] == seen["described"]
    assert [turn["input"] for turn in turns] == ["echo one", "report on primes"]
    assert turns[1]["files"]


def test_streams(seen: dict[str, Any]) -> None:
    if "stream" not in seen:
        pytest.skip("this client has no streams")
    assert '"text":"one"' in seen["replay"]
    assert '"delta":"live"' in seen["stream"]


def test_a_webhook_receives_both_turns(seen: dict[str, Any]) -> None:
    first, renewed, read = seen["tokens"]
    assert first != renewed == read
    assert seen["no_webhook"] == seen["removed"] == {"token": None, "url": None}
    assert [one["requestStatus"] for one in seen["executions"]["logs"]] == ["success", "success"]
    assert [one["responseStatus"] for one in seen["executions"]["logs"]] == [200, 200]
    assert [headers["X-Handinger-Token"] for _, headers, _ in seen["deliveries"]] == [renewed, renewed]
    assert [body["turn"]["seq"] for _, _, body in seen["deliveries"]] == [0, 1]


def test_schedules(seen: dict[str, Any]) -> None:
    assert seen["schedules"] == ["scheduled", "delayed", "cron", "interval"]
    assert seen["listed"] is True
    assert (seen["left"]["schedules"], seen["left"]["timezone"]) == ([], "UTC")


@pytest.mark.parametrize("status", ["401", "404", "422"])
def test_refusals(seen: dict[str, Any], status: str) -> None:
    assert seen[status]["status"] == int(status)
    assert isinstance(seen[status]["body"]["error"], str)
