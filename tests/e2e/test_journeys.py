"""A day at the command line: turns continued, resumed, saved, listed and watched, on the local worker."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.runner import Ran, run

if TYPE_CHECKING:
    from collections.abc import Iterator


GENERATIONS = ("workers", "tasks")


class User:
    """One user with a home and a service. `target`: the member of a result that names the conversation."""

    def __init__(self, server: LocalServer, home: Path, generation: str) -> None:
        self.server = server
        self.home = home
        self.generation = generation
        has_tasks = generation == "tasks"
        self.base_url = server.tasks_url if has_tasks else server.base_url
        self.target, self.option = ("task_id", "--task") if has_tasks else ("worker_id", "-w")

    def do(self, *argv: str, stdin: str = "", **environ: str) -> Ran:
        """Run one command, which must succeed."""
        server = self.server
        ran = run(
            *argv,
            home=self.home,
            base_url=self.base_url,
            key=server.api_key,
            stdin=stdin,
            HANDINGER_GENERATION=self.generation,
            **environ,
        )
        assert ran.code == 0, ran
        assert server.api_key not in ran.out + ran.err
        return ran


@pytest.fixture(params=GENERATIONS)
def user(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[User]:
    with LocalServer.start(pace=0) as server:
        yield User(server, tmp_path, request.param)


def test_text_output_is_the_answer_alone(user: User) -> None:
    ran = user.do("-p", "echo one two")
    assert ran.out == "one two\n"
    receipt = ran.err.splitlines()[0]
    amount = r"\d[\d.,]* credits?" if user.generation == "tasks" else r"\$\d[\d.,]*"
    assert re.fullmatch(rf"\d+\.\d s · {amount}( so far)?", receipt)


def test_standard_input_is_appended_to_the_prompt(user: User) -> None:
    assert user.do("-p", "echo first", stdin="and this").out == "first\n\nand this\n"


def test_continue_and_resume_use_the_same_worker(user: User) -> None:
    first = user.do("-p", "echo one", "--json").result
    second = user.do("-p", "echo two", "-c", "--json").result
    third = user.do("-p", "echo three", "-r", first["session_id"][:-3], "--json").result
    fourth = user.do("-p", "echo four", user.option, first[user.target], "--json").result
    for later in (second, third, fourth):
        assert (later["worker_id"], later["session_id"]) == (first["worker_id"], first["session_id"])
        assert (later["task_id"], later["generation"]) == (first["task_id"], user.generation)
    listed = user.do("sessions", "--json").result["sessions"]
    assert [row["turns"] for row in listed] == [4]
    assert int(listed[0]["credits"]) > 0


def test_the_amounts_of_the_turns_add_up_to_those_of_the_worker(user: User) -> None:
    results = [
        user.do("-p", f"echo {word}", *flags, "--json").result
        for word, flags in (("a", ()), ("bcd", ("-c",)))
    ]
    turns = [Decimal(result["turn_usage"]["credits"]) for result in results]
    (row,) = user.do("sessions", "--json").result["sessions"]
    assert Decimal(row["credits"]) == sum(turns)
    worker = results[-1]["usage"]
    if worker is None:
        # A task reports each turn alone, and no USD.
        assert row["cost_usd"] is None
        return
    assert worker["total_tokens"] == sum(result["turn_usage"]["total_tokens"] for result in results)
    assert Decimal(worker["credits"]) == sum(Decimal(result["turn_usage"]["credits"]) for result in results)
    assert results[0]["turn_costs"] == results[0]["costs"]


def test_stream_json_prints_events_and_then_the_same_result(user: User) -> None:
    lines = user.do("-p", "report on primes", "--output-format", "stream-json").lines
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    kinds = [line["type"] for line in lines]
    assert kinds[-1] == "result"
    if "text-delta" not in kinds:
        # A task is answered without a stream.
        assert user.generation == "tasks"
        return
    assert {"status", "text-delta", "tool-input", "tool-output", "usage", "finish"} <= set(kinds)
    deltas = "".join(line["delta"] for line in lines if line["type"] == "text-delta")
    assert deltas == lines[-1]["text"]


def test_an_attachment_is_read_and_files_are_returned(user: User) -> None:
    table = user.home / "orders.csv"
    table.write_text("item,price\nbread,2.5\nmilk,1.5\n")
    saved = user.home / "answer.md"
    result = user.do("-p", "summarise", "-f", str(table), "-o", str(saved), "--json").result
    assert "2 rows" in result["text"]
    assert saved.read_text() == result["text"] + "\n"
    names = [file["filename"] for file in result["files"]]
    assert names
    got = user.do(
        "files", "get", result[user.target], "--all", "--dir", str(user.home / "dl"), "--json"
    ).result
    assert [file["status"] for file in got["files"]] == ["saved"] * len(names)
    assert sorted(path.name for path in (user.home / "dl").iterdir()) == sorted(
        Path(name).name for name in names
    )


def test_attach_watches_without_a_post(user: User) -> None:
    sent = user.do("-p", "report on primes", "--json").result
    again = User(user.server, user.home / "elsewhere", user.generation)
    attached = again.do("attach", sent[user.target], "--json").result
    assert (attached["text"], attached["status"], attached["posts_sent"]) == (sent["text"], "completed", 0)
    assert [tool["id"] for tool in attached["tools"]] == [tool["id"] for tool in sent["tools"]]
    assert (attached["usage"], attached["costs"]) == (sent["usage"], sent["costs"])


@pytest.mark.parametrize("generation", GENERATIONS)
def test_detach_prints_ids_and_the_turn_still_completes(tmp_path: Path, generation: str) -> None:
    with LocalServer.start(pace=0.2) as server:
        user = User(server, tmp_path, generation)
        detached = user.do("-p", "long 20", "--detach", "--json").result
        assert detached["status"] == "running"
        done = user.do("attach", detached[user.target], "--json").result
    assert "Paragraph 20." in done["text"]
    assert done["turn_id"] == detached["turn_id"]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_turn_may_be_silent_for_five_minutes(tmp_path: Path, generation: str) -> None:
    """All times are a hundredth of real ones: the silence, and the limits, each of which is shorter."""
    scaled = {
        "HANDINGER_FIRST_BYTE_TIMEOUT": "0.6",
        "HANDINGER_IDLE_TIMEOUT": "1.2",
        "HANDINGER_POLL_INTERVAL": "0.1",
    }
    with LocalServer.start(pace=0.01) as server:
        user = User(server, tmp_path, generation)
        silent = user.do("-p", "silent 300", "--json", **scaled).result
        after = user.do("-p", "echo more", "-c", "--json", **scaled).result
    assert (silent["status"], silent["posts_sent"]) == ("completed", 1)
    assert "300 seconds" in silent["text"]
    assert (after["text"], after[user.target]) == ("more", silent[user.target])


def test_email_and_schedules(user: User) -> None:
    worker = user.do("-p", "echo x", "--json").result["worker_id"]
    assert "@" in user.do("email", worker).out
    added = user.do("schedules", "add", worker, "cite sources", "--every", "3600", "--yes", "--json").result
    assert [row["id"] for row in user.do("schedules", "list", worker, "--json").result["schedules"]] == [
        added["id"]
    ]
    assert user.do("schedules", "cancel", worker, added["id"], "--json").result["cancelled"] is True


def test_sessions_are_shown_renamed_searched_and_forgotten(user: User) -> None:
    session = user.do("-p", "echo a rare word: quokka", "--json").result["session_id"]
    assert "quokka" in user.do("sessions", "show", session).out
    user.do("sessions", "rename", session, "Animals")
    matches = user.do("sessions", "search", "quokka", "--json").result["sessions"]
    assert [(row["session_id"], row["title"]) for row in matches] == [(session, "Animals")]
    user.do("sessions", "rm", session, "--yes")
    assert user.do("sessions", "list", "--json").result["sessions"] == []


def test_doctor_and_config_never_show_the_key(user: User) -> None:
    assert "history" in user.do("doctor").out
    assert user.do("config", "show", "--json").result["settings"]["budget"]["origin"] == "default"
    assert str(user.home) in user.do("config", "path").out
