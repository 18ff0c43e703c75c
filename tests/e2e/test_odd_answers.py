"""Undocumented answers: wrapped, without names, silent, outdated, or of another worker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runner import Ran, run
from tests.web import Handler, serving

Reply = tuple[int, str, bytes]
"""Status, content type, body."""
QUICK = {"HANDINGER_RECOVERY_WINDOW": "0.5", "HANDINGER_MAX_WAIT": "4", "HANDINGER_IDLE_TIMEOUT": "1"}
ERROR_500: Reply = (500, "application/json", b"{}")


def message(role: str, text: str) -> dict[str, Any]:
    return {"id": f"{role}-{text}", "role": role, "parts": [{"type": "text", "text": text}]}


def worker(text: str | None = "Hello", **members: Any) -> dict[str, Any]:
    """A worker with the user message "hi"."""
    messages = [message("user", "hi"), *([message("assistant", text)] if text else [])]
    ended = {"id": "w1", "object": "worker", "status": "completed", "running": False}
    return {**ended, "messages": messages, "output_text": text or "", **members}


BUSY: dict[str, Any] = {"status": "running", "running": True}
BEFORE = worker(messages=[], output_text="", status="pending")


def reply(value: object, status: int = 200) -> Reply:
    return status, "application/json", json.dumps(value).encode()


def stream(*events: object, done: bool = True) -> Reply:
    lines = [json.dumps(event) for event in events] + (["[DONE]"] if done else [])
    return 200, "text/event-stream", "".join(f"data: {line}\n\n" for line in lines).encode()


def answer(text: str, *, ends: bool = True, text_id: object = "t") -> list[dict[str, Any]]:
    begun: list[dict[str, Any]] = [
        {"type": "start", "messageId": "m1"},
        {"type": "text-start", "id": text_id},
    ]
    delta = {"type": "text-delta", "id": text_id, "delta": text}
    return [*begun, delta, *([{"type": "finish"}] if ends else [])]


class Service:
    """Answers each kind of request in the given order; the last answer repeats."""

    def __init__(self, answers: Mapping[str, list[Reply]]) -> None:
        self.answers = {kind: list(given) for kind, given in answers.items()}
        self.requests: list[str] = []

    def reply(self, method: str, target: str) -> Reply:
        path, _, query = target.partition("?")
        kind = "post" if method == "POST" else "replay" if query else path.rpartition("/")[2]
        kind = "get" if kind not in {"post", "replay", "stream"} else kind
        if kind == "get" and "post" in self.answers and "post" not in self.requests:
            kind = "before"
        self.requests.append(kind)
        given = self.answers.get(kind) or ([reply(BEFORE)] if kind == "before" else [reply({}, 404)])
        return given.pop(0) if len(given) > 1 else given[0]


def ask(home: Path, *argv: str, **answers: list[Reply]) -> tuple[Ran, Service]:
    service = Service(answers)

    class Answering(Handler):
        def answer(self) -> None:
            self.body()
            status, kind, body = service.reply(self.command, self.path)
            self.reply(status, body, kind)

    with serving(Answering) as url:
        return run(*(argv or ("-p", "hi", "-w", "w1", "--json")), home=home, base_url=url, **QUICK), service


ENDS: dict[str, tuple[dict[str, list[Reply]], str, str]] = {
    "a finished Worker needs no reading": (
        {"post": [reply(worker())], "get": [ERROR_500]}, "completed", "Hello"
    ),
    "a failed Worker needs no reading": (
        {"post": [reply(worker("Hel", status="failed", error="boom"))], "get": [ERROR_500]}, "failed", "Hel"
    ),
    "a wrapped Worker": (
        {"post": [reply({"worker": worker("Hel", **BUSY)})], "get": [reply({"data": worker()})]},
        "completed",
        "Hello",
    ),
    "a busy Worker that is behind the finished stream": (
        {"post": [stream(*answer("Hello"))], "get": [reply(worker("Hel", **BUSY))]}, "completed", "Hello"
    ),
    "another worker's id": (
        {"post": [stream(*answer("Hello"))], "get": [reply(worker(id="OTHER"))]}, "completed", "Hello"
    ),
    "objects that are no worker": (
        {"post": [stream(*answer("Hello", ends=False), done=False)], "get": [reply({"id": "w1"})]},
        "unknown",
        "Hello",
    ),
    "empty objects": (
        {"post": [stream(*answer("Hello", ends=False), done=False)], "get": [reply({})]}, "unknown", "Hello"
    ),
    "a replay where the live route is missing and readings fail": (
        {
            "post": [stream(*answer("He", ends=False), done=False)],
            "get": [reply(worker("He", **BUSY)), ERROR_500],
            "replay": [stream(message("user", "hi"), *answer("Hello"))],
        },
        "completed",
        "Hello",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_how_a_turn_ends(name: str, tmp_path: Path) -> None:
    answers, status, text = ENDS[name]
    ran, service = ask(tmp_path, **answers)
    assert (ran.result["status"], ran.result["text"]) == (status, text)
    assert ran.result["worker_id"] == "w1"
    assert service.requests.count("post") == 1


def test_a_new_worker_that_has_finished_needs_no_id(tmp_path: Path) -> None:
    nameless = worker()
    del nameless["id"]
    ran, service = ask(tmp_path, "-p", "hi", "--json", post=[reply(nameless)])
    assert (ran.code, ran.result["status"], ran.result["text"]) == (0, "completed", "Hello")
    assert service.requests == ["post"]


def test_an_unknown_outcome_stays_unknown_after_the_watch_ends(tmp_path: Path) -> None:
    ran, _ = ask(
        tmp_path, "-p", "hi", "-w", "w1", "--json", "--timeout", "0.3", post=[ERROR_500], get=[ERROR_500]
    )
    assert (ran.code, ran.result["status"], ran.result["draft"]) == (8, "unknown", "hi")


@pytest.mark.parametrize(("sent", "stored"), [("  hi \n", "hi"), ("a\r\nb", "a\nb"), ("e\u0301", "\u00e9")])
def test_a_prompt_that_the_service_normalized_counts_as_delivered(
    sent: str, stored: str, tmp_path: Path
) -> None:
    kept = worker(messages=[message("user", stored), message("assistant", "Hello")])
    ran, _ = ask(tmp_path, "-p", sent, "-w", "w1", "--json", post=[ERROR_500], get=[reply(kept)])
    assert (ran.result["status"], ran.result["text"]) == ("completed", "Hello")


def test_messages_in_the_format_of_the_model_are_read_too(tmp_path: Path) -> None:
    user_message = {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    assistant_message = {"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
    ran, _ = ask(tmp_path, post=[ERROR_500], get=[reply(worker(messages=[user_message, assistant_message]))])
    assert (ran.result["status"], ran.result["text"]) == ("completed", "Hello")


def test_a_worker_that_reports_only_its_last_step_removes_no_text(tmp_path: Path) -> None:
    steps = [*answer("First. ", ends=False), {"type": "start-step"}, *answer("Second.", text_id="u")]
    ran, _ = ask(tmp_path, post=[stream(*steps)], get=[reply(worker("Second.", messages=[{}]))])
    assert ran.result["texts"] == ["First. ", "Second."]


def test_raw_text_has_no_lone_surrogates(tmp_path: Path) -> None:
    saved = tmp_path / "saved.txt"
    argv = ("-p", "hi", "-w", "w1", "--raw", "-o", str(saved))
    ran, _ = ask(tmp_path, *argv, post=[reply(worker("a\ud800b"))], get=[ERROR_500])
    assert ran.out == "a\ufffdb\n"
    assert saved.read_text("utf-8") == ran.out


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    events = [
        {"type": "text-start", "id": 1},
        {"type": "text-start", "id": 2},
        {"type": "text-delta", "id": 1, "delta": "one"},
        {"type": "text-delta", "id": 2, "delta": "two"},
        *({"type": "tool-input-available", "toolCallId": n, "toolName": "t", "input": n} for n in (1, 2)),
        *({"type": "tool-output-available", "toolCallId": n, "output": n} for n in (1, 2)),
        {"type": "finish"},
    ]
    ran, _ = ask(tmp_path, post=[stream(*events)], get=[ERROR_500])
    assert ran.result["texts"] == ["one", "two"]
    assert [tool["output"] for tool in ran.result["tools"]] == [1, 2]


# -- attaching ---------------------------------------------------------------------------
NAMELESS: dict[str, Any] = {"messages": [{}]}
"""As in the published sample of a worker."""
WATCHED: dict[str, tuple[list[Reply], int, str, str]] = {
    "failed": ([reply(worker(status="failed", error="boom"))], 1, "failed", "Hello"),
    "incomplete": ([reply(worker(status="incomplete"))], 11, "incomplete", "Hello"),
    "no messages, ended": ([reply(worker(**NAMELESS))], 0, "completed", "Hello"),
    "no messages, failed": ([reply(worker(None, status="error", error="boom", **NAMELESS))], 1, "failed", ""),
    "no messages, running": (
        [reply(worker("Hel", **NAMELESS, **BUSY))] * 3 + [reply(worker(**NAMELESS))], 0, "completed", "Hello"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WATCHED)
def test_attach_reports_how_the_newest_turn_ended(name: str, tmp_path: Path) -> None:
    readings, code, status, text = WATCHED[name]
    ran, service = ask(tmp_path, "attach", "w1", "--json", get=readings)
    assert (ran.code, ran.result["status"], ran.result["text"]) == (code, status, text)
    assert "post" not in service.requests


def test_a_run_without_messages_is_one_turn_in_every_attach(tmp_path: Path) -> None:
    first = [reply(worker(**NAMELESS))]
    again = [reply(worker("Hel", **NAMELESS, **BUSY))] * 3 + [reply(worker("Hello again", **NAMELESS))]
    texts = [
        ask(tmp_path, "attach", "w1", "--json", get=list(given))[0].result["text"] for given in (first, again)
    ]
    assert texts == ["Hello", "Hello again"]


@pytest.mark.parametrize("trouble", [ERROR_500, reply({}, 429), reply({}, 503)])
def test_attach_reads_again_after_a_server_error(trouble: Reply, tmp_path: Path) -> None:
    ran, service = ask(tmp_path, "attach", "w1", "--json", get=[trouble, trouble, reply(worker())])
    assert (ran.code, ran.result["text"]) == (0, "Hello")
    ran, service = ask(tmp_path, "attach", "w2", "--json", get=[trouble])
    assert (ran.result["status"], len(ran.out.splitlines())) == ("unknown", 1)
    assert service.requests == ["get"] * 4


def test_attach_to_a_worker_that_never_ran_is_reported(tmp_path: Path) -> None:
    ran, _ = ask(tmp_path, "attach", "w1", "--json", get=[reply(BEFORE)])
    assert (ran.code, ran.result["status"], len(ran.out.splitlines())) == (2, "unknown", 1)
    assert "no turns yet" in ran.err


# -- files ------------------------------------------------------------------------------------
def file(name: str | None, text: str, media_type: str = "text/plain") -> dict[str, Any]:
    return {"filename": name, "mediaType": media_type, "url": f"data:,{text}"}


def test_every_file_of_a_name_is_downloaded_and_one_without_a_name_by_its_address(tmp_path: Path) -> None:
    files = [file("a.txt", "one"), file("a.txt", "two"), file(None, "three")]
    folder = tmp_path / "files"
    argv = ("files", "get", "w1", "a.txt", "data:,three", "--dir", str(folder), "--json")
    ran, _ = ask(tmp_path, *argv, get=[reply(worker(files=files))])
    assert ran.code == 0
    assert {path.read_text() for path in folder.iterdir()} == {"one", "two", "three"}


def test_hostile_file_names_are_cleaned_in_the_list(tmp_path: Path) -> None:
    hostile = file("a\x1b[2Jb", "x", "text/\x1b]0;title\x07plain")
    ran, _ = ask(tmp_path, "files", "list", "w1", get=[reply(worker(files=[hostile]))])
    assert ran.code == 0
    assert ran.out.replace("\n", "").isprintable()


def test_a_hostile_title_is_cleaned_in_a_stored_session(tmp_path: Path) -> None:
    named = worker(id="w\x1b]0;title\x07")
    ran, _ = ask(tmp_path, "-p", "hi", "--json", post=[reply(named)], get=[reply(named)])
    shown = run("sessions", "show", ran.result["session_id"], home=tmp_path)
    assert "Hello" in shown.out
    assert shown.out.replace("\n", "").isprintable()
