"""Answers that no description promises: wrapped, nameless, silent, behind, or of another worker."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.e2e.runner import Ran, run

Told = tuple[int, str, bytes]
"""Status, content type, body."""
QUICK = {"HANDINGER_RECOVERY_WINDOW": "0.5", "HANDINGER_MAX_WAIT": "4", "HANDINGER_IDLE_TIMEOUT": "1"}
STUMBLE: Told = (500, "application/json", b"{}")


def says(role: str, text: str) -> dict[str, Any]:
    return {"id": f"{role}-{text}", "role": role, "parts": [{"type": "text", "text": text}]}


def worker(text: str | None = "Hello", **members: Any) -> dict[str, Any]:
    """A Worker that was asked "hi"."""
    messages = [says("user", "hi"), *([says("assistant", text)] if text else [])]
    ended = {"id": "w1", "object": "worker", "status": "completed", "running": False}
    return {**ended, "messages": messages, "output_text": text or "", **members}


BUSY: dict[str, Any] = {"status": "running", "running": True}
BEFORE = worker(messages=[], output_text="", status="pending")


def told(value: object, status: int = 200) -> Told:
    return status, "application/json", json.dumps(value).encode()


def stream(*events: object, done: bool = True) -> Told:
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
    """Answers each kind of request in the order given; the last answer repeats."""

    def __init__(self, answers: Mapping[str, list[Told]]) -> None:
        self.answers = {kind: list(given) for kind, given in answers.items()}
        self.asked: list[str] = []

    def reply(self, method: str, target: str) -> Told:
        path, _, query = target.partition("?")
        kind = "post" if method == "POST" else "replay" if query else path.rpartition("/")[2]
        kind = "get" if kind not in {"post", "replay", "stream"} else kind
        if kind == "get" and "post" in self.answers and "post" not in self.asked:
            kind = "before"
        self.asked.append(kind)
        given = self.answers.get(kind) or ([told(BEFORE)] if kind == "before" else [told({}, 404)])
        return given.pop(0) if len(given) > 1 else given[0]


@contextmanager
def serving(service: Service) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", "0")))
            status, kind, body = service.reply(self.command, self.path)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name is the library's

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def ask(home: Path, *argv: str, **answers: list[Told]) -> tuple[Ran, Service]:
    service = Service(answers)
    with serving(service) as url:
        return run(*(argv or ("-p", "hi", "-w", "w1", "--json")), home=home, base_url=url, **QUICK), service


ENDS: dict[str, tuple[dict[str, list[Told]], str, str]] = {
    "a finished Worker needs no reading": (
        {"post": [told(worker())], "get": [STUMBLE]}, "completed", "Hello"
    ),
    "a failed Worker needs no reading": (
        {"post": [told(worker("Hel", status="failed", error="boom"))], "get": [STUMBLE]}, "failed", "Hel"
    ),
    "a wrapped Worker": (
        {"post": [told({"worker": worker("Hel", **BUSY)})], "get": [told({"data": worker()})]},
        "completed",
        "Hello",
    ),
    "a busy Worker that is behind the finished stream": (
        {"post": [stream(*answer("Hello"))], "get": [told(worker("Hel", **BUSY))]}, "completed", "Hello"
    ),
    "another worker's id": (
        {"post": [stream(*answer("Hello"))], "get": [told(worker(id="OTHER"))]}, "completed", "Hello"
    ),
    "objects that are no worker": (
        {"post": [stream(*answer("Hello", ends=False), done=False)], "get": [told({"id": "w1"})]},
        "unknown",
        "Hello",
    ),
    "empty objects": (
        {"post": [stream(*answer("Hello", ends=False), done=False)], "get": [told({})]}, "unknown", "Hello"
    ),
    "a replay where the live route is missing and readings fail": (
        {
            "post": [stream(*answer("He", ends=False), done=False)],
            "get": [told(worker("He", **BUSY)), STUMBLE],
            "replay": [stream(says("user", "hi"), *answer("Hello"))],
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
    assert service.asked.count("post") == 1


def test_a_new_worker_that_has_finished_needs_no_id(tmp_path: Path) -> None:
    nameless = worker()
    del nameless["id"]
    ran, service = ask(tmp_path, "-p", "hi", "--json", post=[told(nameless)])
    assert (ran.code, ran.result["status"], ran.result["text"]) == (0, "completed", "Hello")
    assert service.asked == ["post"]


def test_a_doubt_that_we_stop_watching_stays_a_doubt(tmp_path: Path) -> None:
    ran, _ = ask(
        tmp_path, "-p", "hi", "-w", "w1", "--json", "--timeout", "0.3", post=[STUMBLE], get=[STUMBLE]
    )
    assert (ran.code, ran.result["status"], ran.result["draft"]) == (8, "unknown", "hi")


@pytest.mark.parametrize(
    ("sent", "stored"), [("  hi \n", "hi"), ("a\r\nb", "a\nb"), ("e\u0301", "\u00e9"), ("a\udcff", "a\ufffd")]
)
def test_a_prompt_that_the_service_tidied_is_not_called_undelivered(
    sent: str, stored: str, tmp_path: Path
) -> None:
    kept = worker(messages=[says("user", stored), says("assistant", "Hello")])
    ran, _ = ask(tmp_path, "-p", sent, "-w", "w1", "--json", post=[STUMBLE], get=[told(kept)])
    assert (ran.result["status"], ran.result["text"]) == ("completed", "Hello")


def test_model_messages_are_found_too(tmp_path: Path) -> None:
    asked = {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
    ran, _ = ask(tmp_path, post=[STUMBLE], get=[told(worker(messages=[asked, said]))])
    assert (ran.result["status"], ran.result["text"]) == ("completed", "Hello")


def test_a_worker_that_tells_its_last_step_alone_takes_no_text_away(tmp_path: Path) -> None:
    steps = [*answer("First. ", ends=False), {"type": "start-step"}, *answer("Second.", text_id="u")]
    ran, _ = ask(tmp_path, post=[stream(*steps)], get=[told(worker("Second.", messages=[{}]))])
    assert ran.result["texts"] == ["First. ", "Second."]


def test_raw_text_has_no_half_characters(tmp_path: Path) -> None:
    saved = tmp_path / "saved.txt"
    argv = ("-p", "hi", "-w", "w1", "--raw", "-o", str(saved))
    ran, _ = ask(tmp_path, *argv, post=[told(worker("a\ud800b"))], get=[STUMBLE])
    assert ran.out == "a\ufffdb\n"
    assert saved.read_text("utf-8") == ran.out


def test_ids_that_are_numbers_tell_parts_apart(tmp_path: Path) -> None:
    events = [
        {"type": "text-start", "id": 1},
        {"type": "text-start", "id": 2},
        {"type": "text-delta", "id": 1, "delta": "one"},
        {"type": "text-delta", "id": 2, "delta": "two"},
        *({"type": "tool-input-available", "toolCallId": n, "toolName": "t", "input": n} for n in (1, 2)),
        *({"type": "tool-output-available", "toolCallId": n, "output": n} for n in (1, 2)),
        {"type": "finish"},
    ]
    ran, _ = ask(tmp_path, post=[stream(*events)], get=[STUMBLE])
    assert ran.result["texts"] == ["one", "two"]
    assert [tool["output"] for tool in ran.result["tools"]] == [1, 2]


# -- attaching ---------------------------------------------------------------------------
NAMELESS: dict[str, Any] = {"messages": [{}]}
"""As in the published sample of a Worker."""
WATCHED: dict[str, tuple[list[Told], int, str, str]] = {
    "failed": ([told(worker(status="failed", error="boom"))], 1, "failed", "Hello"),
    "incomplete": ([told(worker(status="incomplete"))], 11, "incomplete", "Hello"),
    "no messages, ended": ([told(worker(**NAMELESS))], 0, "completed", "Hello"),
    "no messages, failed": ([told(worker(None, status="error", error="boom", **NAMELESS))], 1, "failed", ""),
    "no messages, running": (
        [told(worker("Hel", **NAMELESS, **BUSY))] * 3 + [told(worker(**NAMELESS))], 0, "completed", "Hello"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WATCHED)
def test_attach_tells_how_the_newest_turn_ended(name: str, tmp_path: Path) -> None:
    readings, code, status, text = WATCHED[name]
    ran, service = ask(tmp_path, "attach", "w1", "--json", get=readings)
    assert (ran.code, ran.result["status"], ran.result["text"]) == (code, status, text)
    assert "post" not in service.asked


def test_a_run_without_messages_is_found_again_and_again(tmp_path: Path) -> None:
    first = [told(worker(**NAMELESS))]
    again = [told(worker("Hel", **NAMELESS, **BUSY))] * 3 + [told(worker("Hello again", **NAMELESS))]
    texts = [
        ask(tmp_path, "attach", "w1", "--json", get=list(given))[0].result["text"] for given in (first, again)
    ]
    assert texts == ["Hello", "Hello again"]


@pytest.mark.parametrize("trouble", [STUMBLE, told({}, 429), told({}, 503)])
def test_attach_reads_again_where_the_service_stumbles(trouble: Told, tmp_path: Path) -> None:
    ran, service = ask(tmp_path, "attach", "w1", "--json", get=[trouble, trouble, told(worker())])
    assert (ran.code, ran.result["text"]) == (0, "Hello")
    ran, service = ask(tmp_path, "attach", "w2", "--json", get=[trouble])
    assert (ran.result["status"], len(ran.out.splitlines())) == ("not_sent", 1)
    assert service.asked == ["get"] * 4


def test_attach_to_a_worker_that_never_ran_says_so(tmp_path: Path) -> None:
    ran, _ = ask(tmp_path, "attach", "w1", "--json", get=[told(BEFORE)])
    assert (ran.code, ran.result["status"], len(ran.out.splitlines())) == (2, "not_sent", 1)
    assert "no turns yet" in ran.err


# -- files ------------------------------------------------------------------------------------
def file(name: str | None, text: str, media_type: str = "text/plain") -> dict[str, Any]:
    return {"filename": name, "mediaType": media_type, "url": f"data:,{text}"}


def test_every_file_of_a_name_is_fetched_and_a_nameless_one_by_its_address(tmp_path: Path) -> None:
    files = [file("a.txt", "one"), file("a.txt", "two"), file(None, "three")]
    folder = tmp_path / "files"
    argv = ("files", "get", "w1", "a.txt", "data:,three", "--dir", str(folder), "--json")
    ran, _ = ask(tmp_path, *argv, get=[told(worker(files=files))])
    assert ran.code == 0
    assert {path.read_text() for path in folder.iterdir()} == {"one", "two", "three"}


def test_a_list_of_files_is_clean_whatever_the_worker_calls_them(tmp_path: Path) -> None:
    hostile = file("a\x1b[2Jb", "x", "text/\x1b]0;title\x07plain")
    ran, _ = ask(tmp_path, "files", "list", "w1", get=[told(worker(files=[hostile]))])
    assert ran.code == 0
    assert ran.out.replace("\n", "").isprintable()


def test_a_stored_session_is_clean_whatever_the_worker_calls_itself(tmp_path: Path) -> None:
    named = worker(id="w\x1b]0;title\x07")
    ran, _ = ask(tmp_path, "-p", "hi", "--json", post=[told(named)], get=[told(named)])
    shown = run("sessions", "show", ran.result["session_id"], home=tmp_path)
    assert "Hello" in shown.out
    assert shown.out.replace("\n", "").isprintable()
