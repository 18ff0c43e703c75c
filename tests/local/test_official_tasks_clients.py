"""The vendor's clients of the tasks generation, Python and npm,
drive the local worker with all their methods.
"""

from __future__ import annotations

from typing import Any

import pytest

from handinger_tui.local.server import LocalServer
from tests.local.official import FOLDER, journey, npm_with, python_with
from tests.web import receiving

pytestmark = pytest.mark.official_client

CLIENTS = {
    "python-sync": ("0.18.0", 16),
    "python-async": ("0.18.0", 16),
    "npm": ("0.14.0", 17),
}
"""Each client with its version and the number of its methods."""


@pytest.fixture(scope="module", params=CLIENTS)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of a journey through the complete client; `deliveries` were received by its webhook."""
    language, _, kind = request.param.partition("-")
    version, methods = CLIENTS[request.param]
    home = tmp_path_factory.mktemp("official")
    runtime = python_with(home, version) if language == "python" else npm_with(home, version)
    with LocalServer.start(pace=0) as server, receiving() as receiver:
        to = (server.tasks_url, server.api_key)
        if language == "python":
            values = journey(runtime, FOLDER / "official_tasks_journey.py", *to, receiver.url, kind)
        else:
            values = journey(runtime, FOLDER / "official_journey.mjs", *to, receiver.url, folder=home)
        values["deliveries"] = [receiver.deliveries.get_nowait() for _ in range(receiver.deliveries.qsize())]
    assert values["version"] == version
    assert len(values["methods"]["existing"]) == methods
    return values


def test_every_method_was_called(results: dict[str, Any]) -> None:
    assert results["methods"]["missing"] == []


def test_a_worker_is_stored_and_changed(results: dict[str, Any]) -> None:
    assert (results["stored"]["title"], results["stored"]["instructions"]) == ("Letters", "Counts letters")
    assert (results["idle"]["id"], results["idle"]["messages"]) == (results["stored"]["id"], [])
    assert (results["changed"]["summary"], results["changed"]["title"]) == ("All letters", "Letters")
    assert "@" in results["email"]
    assert results["deleted"] is True


def test_a_task_has_two_turns(results: dict[str, Any]) -> None:
    assert results["run"]["structured_output"] == {"answer": "one", "length": 3}
    task = results["task"]["task"]
    assert (task["status"], task["workerId"]) == ("completed", results["stored"]["id"])
    assert task["totals"]["turnCount"] == 2
    assert results["state"] == results["again"]
    assert results["made_up"] == "without a worker"
    assert results["archived"] is True


def test_turns_are_listed_and_files_are_read(results: dict[str, Any]) -> None:
    if "turns" not in results:
        turns = results["task"]["turns"]
    else:
        turns = results["turns"]["items"]
        assert "1 rows" in results["described"]
        assert results["listed_files"] == results["described"]
    assert [turn["input"] for turn in turns] == ["echo one", "report on primes"]
    assert turns[1]["files"]


def test_streams(results: dict[str, Any]) -> None:
    if "stream" not in results:
        pytest.skip("this client has no streams")
    assert '"text":"one"' in results["replay"]
    assert '"delta":"live"' in results["stream"]


def test_a_webhook_receives_both_turns(results: dict[str, Any]) -> None:
    first, renewed, read = results["tokens"]
    assert first != renewed == read
    assert results["no_webhook"] == results["removed"] == {"token": None, "url": None}
    assert [one["requestStatus"] for one in results["executions"]["logs"]] == ["success", "success"]
    assert [one["responseStatus"] for one in results["executions"]["logs"]] == [200, 200]
    assert [headers["X-Handinger-Token"] for _, headers, _ in results["deliveries"]] == [renewed, renewed]
    assert [body["turn"]["seq"] for _, _, body in results["deliveries"]] == [0, 1]


def test_schedules(results: dict[str, Any]) -> None:
    assert results["schedules"] == ["scheduled", "delayed", "cron", "interval"]
    assert results["listed"] is True
    assert (results["left"]["schedules"], results["left"]["timezone"]) == ([], "UTC")


@pytest.mark.parametrize("status", ["401", "404", "422"])
def test_refusals(results: dict[str, Any], status: str) -> None:
    assert results[status]["status"] == int(status)
    assert isinstance(results[status]["body"]["error"], str)
