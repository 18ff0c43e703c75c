"""A day at the command line: turns continued, resumed, saved, listed and watched, on the local worker."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.runner import Ran, run

if TYPE_CHECKING:
    from collections.abc import Iterator


GENERATIONS = ("workers", "tasks")


class Desk:
    """One person with one home and one service. `target`: what an answer names for the next message."""

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
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with LocalServer.start(pace=0) as server:
        yield Desk(server, tmp_path, request.param)


def test_text_is_the_answer_and_nothing_else(desk: Desk) -> None:
    ran = desk.do("-p", "echo one two")
    assert ran.out == "one two\n"
    assert "credits" in ran.err


def test_standard_input_is_appended_to_the_prompt(desk: Desk) -> None:
    assert desk.do("-p", "echo first", stdin="and this").out == "first\n\nand this\n"


def test_continue_and_resume_go_on_with_the_same_worker(desk: Desk) -> None:
    first = desk.do("-p", "echo one", "--json").result
    second = desk.do("-p", "echo two", "-c", "--json").result
    third = desk.do("-p", "echo three", "-r", first["session_id"][:-3], "--json").result
    fourth = desk.do("-p", "echo four", desk.option, first[desk.target], "--json").result
    for later in (second, third, fourth):
        assert (later["worker_id"], later["session_id"]) == (first["worker_id"], first["session_id"])
        assert (later["task_id"], later["generation"]) == (first["task_id"], desk.generation)
    listed = desk.do("sessions", "--json").result["sessions"]
    assert [row["turns"] for row in listed] == [4]
    assert int(listed[0]["credits"]) > 0


def test_what_a_turn_took_adds_up_to_what_the_worker_took(desk: Desk) -> None:
    results = [
        desk.do("-p", f"echo {word}", *flags, "--json").result
        for word, flags in (("a", ()), ("bcd", ("-c",)))
    ]
    turns = [Decimal(result["turn_usage"]["credits"]) for result in results]
    (row,) = desk.do("sessions", "--json").result["sessions"]
    assert Decimal(row["credits"]) == sum(turns)
    worker = results[-1]["usage"]
    if worker is None:
        # A task reports each turn, and no USD.
        assert row["cost_usd"] is None
        return
    assert worker["total_tokens"] == sum(result["turn_usage"]["total_tokens"] for result in results)
    assert Decimal(worker["credits"]) == sum(Decimal(result["turn_usage"]["credits"]) for result in results)
    assert results[0]["turn_costs"] == results[0]["costs"]


def test_stream_json_tells_events_and_then_the_same_result(desk: Desk) -> None:
    lines = desk.do("-p", "report on primes", "--output-format", "stream-json").lines
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    kinds = [line["type"] for line in lines]
    assert kinds[-1] == "result"
    if "text-delta" not in kinds:
        # A task is answered without a stream.
        assert desk.generation == "tasks"
        return
    assert {"status", "text-delta", "tool-input", "tool-output", "usage", "finish"} <= set(kinds)
    deltas = "".join(line["delta"] for line in lines if line["type"] == "text-delta")
    assert deltas == lines[-1]["text"]


def test_an_attachment_is_read_and_files_come_back(desk: Desk) -> None:
    table = desk.home / "orders.csv"
    table.write_text("item,price\nbread,2.5\nmilk,1.5\n")
    saved = desk.home / "answer.md"
    result = desk.do("-p", "summarise", "-f", str(table), "-o", str(saved), "--json").result
    assert "2 rows" in result["text"]
    assert saved.read_text() == result["text"] + "\n"
    names = [file["filename"] for file in result["files"]]
    assert names
    got = desk.do(
        "files", "get", result[desk.target], "--all", "--dir", str(desk.home / "dl"), "--json"
    ).result
    assert [file["status"] for file in got["files"]] == ["saved"] * len(names)
    assert sorted(path.name for path in (desk.home / "dl").iterdir()) == sorted(
        Path(name).name for name in names
    )


def test_attach_watches_without_a_post(desk: Desk) -> None:
    sent = desk.do("-p", "report on primes", "--json").result
    again = Desk(desk.server, desk.home / "elsewhere", desk.generation)
    seen = again.do("attach", sent[desk.target], "--json").result
    assert (seen["text"], seen["status"], seen["posts_sent"]) == (sent["text"], "completed", 0)
    assert [tool["id"] for tool in seen["tools"]] == [tool["id"] for tool in sent["tools"]]
    assert (seen["usage"], seen["costs"]) == (sent["usage"], sent["costs"])


@pytest.mark.parametrize("generation", GENERATIONS)
def test_detach_prints_ids_and_the_turn_ends_by_itself(tmp_path: Path, generation: str) -> None:
    with LocalServer.start(pace=0.2) as server:
        desk = Desk(server, tmp_path, generation)
        left = desk.do("-p", "long 20", "--detach", "--json").result
        assert left["status"] == "running"
        done = desk.do("attach", left[desk.target], "--json").result
    assert "Paragraph 20." in done["text"]
    assert done["turn_id"] == left["turn_id"]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_turn_that_is_silent_for_five_minutes_is_waited_for(tmp_path: Path, generation: str) -> None:
    """All times are a hundredth: the silence, and the limits, of which each is shorter."""
    scaled = {
        "HANDINGER_FIRST_BYTE_TIMEOUT": "0.6",
        "HANDINGER_IDLE_TIMEOUT": "1.2",
        "HANDINGER_POLL_INTERVAL": "0.1",
    }
    with LocalServer.start(pace=0.01) as server:
        desk = Desk(server, tmp_path, generation)
        silent = desk.do("-p", "silent 300", "--json", **scaled).result
        after = desk.do("-p", "echo more", "-c", "--json", **scaled).result
    assert (silent["status"], silent["posts_sent"]) == ("completed", 1)
    assert "300 seconds" in silent["text"]
    assert (after["text"], after[desk.target]) == ("more", silent[desk.target])


def test_email_and_schedules(desk: Desk) -> None:
    worker = desk.do("-p", "echo x", "--json").result["worker_id"]
    assert "@" in desk.do("email", worker).out
    made = desk.do("schedules", "add", worker, "cite sources", "--every", "3600", "--yes", "--json").result
    assert [row["id"] for row in desk.do("schedules", "list", worker, "--json").result["schedules"]] == [
        made["id"]
    ]
    assert desk.do("schedules", "cancel", worker, made["id"], "--json").result == {"cancelled": True}


def test_sessions_are_shown_renamed_searched_and_forgotten(desk: Desk) -> None:
    session = desk.do("-p", "echo a rare word: quokka", "--json").result["session_id"]
    assert "quokka" in desk.do("sessions", "show", session).out
    desk.do("sessions", "rename", session, "Animals")
    found = desk.do("sessions", "search", "quokka", "--json").result["sessions"]
    assert [(row["session_id"], row["title"]) for row in found] == [(session, "Animals")]
    desk.do("sessions", "rm", session, "--yes")
    assert desk.do("sessions", "list", "--json").result == {"sessions": []}


def test_doctor_and_config_never_show_the_key(desk: Desk) -> None:
    assert "history" in desk.do("doctor").out
    assert desk.do("config", "show", "--json").result["budget"]["origin"] == "default"
    assert str(desk.home) in desk.do("config", "path").out
