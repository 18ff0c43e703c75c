"""`handinger-tui workers`: the gallery in scripts, over the local server of the tasks generation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.cli.program import run_on
from tests.e2e.runner import KEY, Ran, run
from tests.web import Handler, serving

if TYPE_CHECKING:
    from pathlib import Path


def test_a_worker_is_created_used_changed_and_deleted(server: LocalServer, tmp_path: Path) -> None:
    def do(*argv: str, home: str = "a") -> Ran:
        return run_on(server, tmp_path / home, *argv)

    schema = tmp_path / "schema.json"
    schema.write_text('{"properties": {"answer": {"type": "string"}}}')
    created = do(
        "workers", "new", "Read prices.", "--title", "Prices", "--schema", str(schema), "--json"
    ).result
    assert (created["instructions"], created["visibility"], created["tasks"]) == (
        "Read prices.",
        "private",
        0,
    )
    turn = do("-p", "echo one", "-w", created["url"], "--json").result
    assert turn["structured_output"] == {"answer": "one"}
    changed = do(
        "workers", "edit", created["url"], "--instructions", "Other.", "--no-schema", "--json"
    ).result
    assert (changed["instructions"], changed["output_schema"], changed["title"]) == ("Other.", None, "Prices")
    [task] = changed["task_list"]
    assert (task["task_id"], task["session_id"]) == (turn["task_id"], turn["session_id"])
    # Another history learns of the worker by an update without changes, which reads it.
    assert do("workers", "show", created["worker_id"], "--json", home="b").result["instructions"] is None
    assert "instructions were not read yet" in do("workers", "show", created["worker_id"], home="b").out
    assert do("workers", "edit", created["worker_id"], "--json", home="b").result["instructions"] == "Other."
    address = f"{created['url']}/task/{turn['task_id']}"
    archived = do("workers", "archive", address, "-y", "--json").result
    assert (archived["id"], archived["done"]) == (turn["task_id"], True)
    refused = do("workers", "rm", created["worker_id"])
    assert (refused.code, refused.out) == (2, "")
    assert do("workers", "rm", created["worker_id"], "--yes").out == "Deleted.\n"
    [row] = json.loads(do("workers", "--json").out)["workers"]
    assert (row["gone"], row["title"], row["tasks"]) == (True, "Prices", 1)
    assert do("workers", "show", created["worker_id"]).code == 3


def test_title_address_and_times_of_worker_and_task_are_where_people_look(
    server: LocalServer, tmp_path: Path
) -> None:
    def do(*argv: str) -> Ran:
        return run_on(server, tmp_path, *argv)

    worker = do("workers", "new", "Read prices.", "--title", "Prices", "--json").result
    assert (worker["created"][:2], worker["updated"][:2]) == ("20", "20")
    turn = do("-p", "echo one", "-w", worker["url"], "--json").result
    text = do("workers", "show", worker["worker_id"]).out
    assert f"created {worker['created'][:13]}" in text
    assert worker["url"] in text
    (listed,) = json.loads(do("sessions", "--json").out)["sessions"]
    about = listed["about"]
    assert about["url"].endswith(turn["task_id"])
    assert about["title"]
    assert (about["created"][:2], about["completed"][:2]) == ("20", "20")
    assert about["title"] in do("sessions").out
    assert json.loads(do("sessions", "show", listed["session_id"], "--json").out)["about"] == about
    for command in (("sessions", "show"), ("export", "--format", "text"), ("export", "--format", "html")):
        shown = do(*command, listed["session_id"]).out
        for value in (about["title"], about["url"], "Task created", "Task completed"):
            assert value in shown
    assert json.loads(do("export", "--format", "json", listed["session_id"]).out)["about"] == about


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("new",), "needs a prompt or instructions"),
        (("new", "x", "--summary", "y" * 81), "the maximum is 80"),
        (("new", "x", "--schema", "none.json"), "Cannot read none.json"),
        (("new", "x", "--instructions", "@/dev/zero"), "not a regular file"),
        (("new", "--instructions", "x", "--generation", "workers"), "part of the tasks generation"),
    ],
)
def test_an_invalid_worker_sends_nothing(
    tmp_path: Path, server: LocalServer, argv: tuple[str, ...], why: str
) -> None:
    # No service listens there.
    ran = run(
        "workers", *argv, home=tmp_path, base_url="http://127.0.0.1:9", key=server.api_key,
        HANDINGER_GENERATION="tasks",
    )  # fmt: skip
    assert (ran.code in (2, 10), ran.out) == (True, "")
    assert why in ran.err


class Refusing(Handler):
    """A service that deletes nothing, and says so."""

    def answer(self) -> None:
        self.reply(200, b'{"deleted": false, "archived": false}')


@pytest.mark.parametrize("action", ["rm", "archive"])
def test_what_the_service_did_not_do_is_a_failure(action: str, tmp_path: Path) -> None:
    with serving(Refusing) as url:
        words = ("workers", action, "x1", "--yes")
        ran = run(*words, home=tmp_path, base_url=url, key=KEY, HANDINGER_GENERATION="tasks")
    assert (ran.code, ran.out) == (1, "The service did not do it.\n")
