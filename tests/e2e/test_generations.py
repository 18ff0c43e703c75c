"""Dashboard addresses instead of ids, and a wrong generation, which costs nothing."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from handinger_tui.cli.connection import connection
from handinger_tui.cli.local_files import Paths
from handinger_tui.cli.wiring import open_services
from handinger_tui.core.safety import Secret
from handinger_tui.core.turns.session import Session
from handinger_tui.local.server import LocalServer
from handinger_tui.settings import Settings
from tests.e2e.runner import Ran, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer.start(pace=0) as running:
        yield running


def do(server: LocalServer, home: Path, *argv: str, setting: str = "tasks", served: str = "tasks") -> Ran:
    url = server.tasks_url if served == "tasks" else server.base_url
    return run(*argv, home=home, base_url=url, key=server.api_key, HANDINGER_GENERATION=setting)


def store(server: LocalServer, **members: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {server.api_key}"}
    answer = httpx.post(
        f"{server.tasks_url}/api/workers", json=members, headers=headers, trust_env=False, timeout=60
    )
    return dict(answer.json())


def test_dashboard_addresses_are_accepted_as_ids(server: LocalServer, tmp_path: Path) -> None:
    stored = store(server, title="Prices", outputSchema={"properties": {"answer": {"type": "string"}}})
    first = do(server, tmp_path, "-p", "echo one", "-w", stored["url"], "--json").result
    assert (first["worker_id"], first["structured_output"]) == (stored["id"], {"answer": "one"})
    address = f"https://v3.handinger.com/worker/{stored['id']}/task/{first['task_id']}"
    second = do(server, tmp_path, "-p", "echo two", "--task", address, "--json").result
    resumed = do(server, tmp_path, "-p", "echo three", "-r", address, "--json").result
    for later in (second, resumed):
        assert (later["task_id"], later["session_id"]) == (first["task_id"], first["session_id"])
    attached = do(server, tmp_path / "other", "attach", address, "--json").result
    assert (attached["text"], attached["turn_usage"]["credits"]) == (
        "three",
        resumed["turn_usage"]["credits"],
    )
    assert stored["id"].lower() in do(server, tmp_path, "email", address).out
    # The worker starts another task.
    again = do(server, tmp_path, "-p", "echo four", "-w", stored["id"], "--json").result
    assert again["worker_id"] == stored["id"]
    assert again["task_id"] != first["task_id"]


def test_every_turn_of_another_client_has_its_own_credits(server: LocalServer, tmp_path: Path) -> None:
    first = do(server, tmp_path / "a", "-p", "echo one", "--json").result
    second = do(server, tmp_path / "a", "-p", "sources about json", "-c", "--json").result
    do(server, tmp_path / "b", "attach", first["task_id"], "--json")
    costs = json.loads(do(server, tmp_path / "b", "costs", "--by", "turn", "--json").out)
    reported = sorted((row["credits"] for row in costs["groups"]), key=int)
    assert reported == [one["turn_usage"]["credits"] for one in (first, second)]
    # With the user's price of a credit, every sum without USD has an approximate price.
    (tmp_path / "b" / "config.toml").write_text("[spending]\ncredit_usd = 0.01\n")
    priced = json.loads(do(server, tmp_path / "b", "costs", "--json").out)
    credited = sum(map(int, reported))
    assert Decimal(priced["total_usd_at_your_price"]) == Decimal(credited) / 100
    assert f"about ${Decimal(credited) / 100:.2f} at your price" in do(server, tmp_path / "b", "costs").out
    ran = do(server, tmp_path / "b", "-p", "echo three", "--task", first["task_id"])
    assert "4 credits so far (about $0.04)" in ran.err


@pytest.mark.parametrize(
    ("setting", "served", "argv"),
    [
        ("workers", "tasks", ("-p", "echo x")),
        ("workers", "tasks", ("-p", "echo x", "-w", "wrk_1")),
        ("tasks", "workers", ("-p", "echo x")),
    ],
)
def test_the_wrong_generation_starts_nothing_and_names_the_setting(
    server: LocalServer, tmp_path: Path, setting: str, served: str, argv: tuple[str, ...]
) -> None:
    ran = do(server, tmp_path, *argv, "--json", setting=setting, served=served)
    assert ran.result["status"] == "rejected"
    assert not ran.result["error"]["may_have_been_charged"]
    assert f"the {served} generation" in ran.result["error"]["message"]
    doctor = do(server, tmp_path, "doctor", setting=setting, served=served)
    assert f"--generation {served}" in doctor.out


def test_a_task_that_does_not_exist_is_not_started(server: LocalServer, tmp_path: Path) -> None:
    ran = do(server, tmp_path, "-p", "echo x", "--task", "tsk_none", "--json")
    assert (ran.code, ran.result["status"]) == (3, "rejected")
    headers = {"Authorization": f"Bearer {server.api_key}"}
    url = f"{server.tasks_url}/api/tasks/tsk_none"
    assert httpx.get(url, headers=headers, trust_env=False, timeout=60).status_code == 404


def test_a_session_of_one_generation_is_not_continued_in_the_other(
    server: LocalServer, tmp_path: Path
) -> None:
    do(server, tmp_path, "-p", "echo one")
    # The same address: a service may offer both generations.
    ran = do(server, tmp_path, "-p", "echo two", "-c", setting="workers")
    assert ran.code == 2
    assert "Start with --generation tasks" in ran.err


def test_a_dry_run_shows_the_request_and_sends_nothing(server: LocalServer, tmp_path: Path) -> None:
    new = do(server, tmp_path, "-p", "echo x", "-w", "wrk_1", "--dry-run", "--json").result["request"]
    assert new["url"].endswith("/api/tasks")
    # The id of a task is derived from that of its turn, and there is no turn.
    assert new["body"] == {"input": "echo x", "budget": "standard", "taskId": "tsk_…", "workerId": "wrk_1"}
    first = do(server, tmp_path, "-p", "echo one", "--json").result
    more = do(server, tmp_path, "-p", "echo x", "-c", "--dry-run", "--json").result["request"]
    assert (more["body"]["taskId"], more["body"]["workerId"]) == (first["task_id"], first["worker_id"])
    # The estimate of a new task is the cost of the others of its worker.
    usual = do(server, tmp_path, "-p", "echo x", "-w", first["worker_id"], "--dry-run", "--json").result[
        "usual"
    ]
    assert (usual["credits"]["turns"], usual["of_other_workers"]) == (1, False)


def test_the_worker_of_a_session_is_the_stored_one(server: LocalServer, tmp_path: Path) -> None:
    stored = store(server, title="Prices")
    task = do(server, tmp_path, "-p", "echo one", "-w", stored["id"], "--json").result["task_id"]
    settings = Settings(base_url=server.tasks_url, key=Secret(server.api_key), generation="tasks")
    sessions = (Session("s", 0), Session("s", 0, stored_worker_id="wrk_new"), Session("s", 0, worker_id=task))

    async def workers() -> list[str | None]:
        paths = Paths(tmp_path, tmp_path / "history.db", tmp_path)
        async with open_services(settings, paths, keep_history=False) as services:
            worker_of = connection(services).worker_of_session
            return [await worker_of(session) for session in sessions]

    assert asyncio.run(workers()) == [None, "wrk_new", stored["id"]]
