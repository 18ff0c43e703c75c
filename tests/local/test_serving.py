"""Starting, stopping, and the state that the server does not change."""

from __future__ import annotations

import ast
import json
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

import handinger_tui.local
from handinger_tui.local.connections import REPORT_EVERY_S
from handinger_tui.local.server import LocalServer
from tests.local.conftest import connect

Events = Callable[[Iterable[str]], Iterator[Any]]
QUICK_SECONDS = 30.0
PATIENCE_S = 60.0


def test_start_listens_on_loopback_only(server: LocalServer) -> None:
    assert server.base_url.startswith("http://127.0.0.1:")
    assert not server.base_url.endswith("/")


def test_stop_is_final_and_may_be_repeated() -> None:
    server = LocalServer.start(pace=0)
    server.stop()
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.base_url, trust_env=False)


def test_a_port_in_use_is_an_error(server: LocalServer) -> None:
    port = int(server.base_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        LocalServer.start(port=port)


def test_a_given_port_is_used() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with LocalServer.start(port=port, pace=0) as server:
        assert server.base_url == f"http://127.0.0.1:{port}"


def test_stop_cuts_an_open_stream_quickly_and_silently(
    events_of: Events, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    server = LocalServer.start(pace=1)
    headers = {"authorization": f"Bearer {server.api_key}"}
    body = {"input": "long 500", "stream": True}
    with httpx.stream(
        "POST", f"{server.base_url}/api/workers", json=body, headers=headers, trust_env=False
    ) as answer:
        events = events_of(answer.iter_lines())
        next(events)
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < QUICK_SECONDS
        remaining = list(events)
    # A turn that was cut has no end of any kind.
    assert all(event != "[DONE]" and event["type"] != "finish" for event in remaining)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_nothing_of_a_request_is_logged(server: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"authorization": f"Bearer {server.api_key}"}
    url = f"{server.base_url}/api/workers"
    httpx.post(
        url, json={"input": "echo my-secret-words"}, headers=headers, trust_env=False
    ).raise_for_status()
    httpx.post(url, json={"input": ""}, headers=headers, trust_env=False)
    assert "my-secret-words" not in caplog.text
    assert server.api_key not in caplog.text


def test_signal_handlers_are_unchanged() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with LocalServer.start(pace=0):
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


FOREGROUND = """
import sys
from handinger_tui.local.server import serve_foreground
sys.exit(serve_foreground(0, lambda url, _tasks_url, key: print(url, key, flush=True), 1.0, print))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_foreground_ends_cleanly_on_a_signal(number: signal.Signals, events_of: Events) -> None:
    root = Path(handinger_tui.local.__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", FOREGROUND],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        url, key = process.stdout.readline().split()
        headers = {"authorization": f"Bearer {key}"}
        body = {"input": "tour", "stream": True}
        with httpx.stream(
            "POST", f"{url}/api/workers", json=body, headers=headers, trust_env=False
        ) as answer:
            next(events_of(answer.iter_lines()))
            process.send_signal(number)
            assert process.wait(PATIENCE_S) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""


def test_the_fast_pace_has_no_pauses() -> None:
    """An answer that would otherwise take an hour arrives immediately, for use in tests of other projects."""
    process = subprocess.Popen(
        [sys.executable, "-m", "handinger_tui", "local", "--pace", "fast", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(handinger_tui.local.__file__).parents[2])},
    )
    with process:
        assert process.stdout is not None
        at = json.loads(process.stdout.readline())
        headers = {"authorization": f"Bearer {at['api_key']}"}
        url = f"{at['tasks_url']}/api/tasks"
        answer = httpx.post(
            url, json={"input": "silent 3600"}, headers=headers, trust_env=False, timeout=60
        ).json()
        assert "3,600 seconds" in answer["output_text"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is of Linux")
def test_without_descriptors_it_says_so_once_and_answers_when_connections_close(tmp_path: Path) -> None:
    log, begun = tmp_path / "log", time.monotonic()
    with (
        log.open("w") as sink,
        subprocess.Popen(
            [sys.executable, "-m", "handinger_tui", "local", "--pace", "fast", "--json"],
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(handinger_tui.local.__file__).parents[2])},
        ) as process,
    ):
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["base_url"]
        used = len(os.listdir(f"/proc/{process.pid}/fd"))
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (used + 5, used + 5))
        with ExitStack() as held:
            for _ in range(50):
                place = ("127.0.0.1", int(url.rpartition(":")[2]))
                held.enter_context(socket.create_connection(place))
            while not log.stat().st_size:
                assert time.monotonic() < begun + PATIENCE_S
                time.sleep(0.01)
        assert httpx.get(f"{url}/api/workers/none", trust_env=False, timeout=PATIENCE_S).status_code == 401
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    lines = log.read_text().splitlines()
    assert {line.partition(":")[0] for line in lines} == {"Too many open connections"}
    assert len(lines) <= 1 + (time.monotonic() - begun) // REPORT_EVERY_S


def test_the_local_worker_imports_only_allowed_modules() -> None:
    allowed = {"PIL", "cronsim", "msgspec", "starlette", "uvicorn", *sys.stdlib_module_names}
    folder = Path(handinger_tui.local.__file__).parent
    files = sorted(folder.rglob("*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.partition(".")[0] in allowed or name.startswith("handinger_tui.local"), (
                    file.name,
                    name,
                )


def test_answers_do_not_wait_for_acknowledgements(server: LocalServer) -> None:
    # Nagle's algorithm would delay each of them by 40 ms; the fastest of many is independent of load.
    with connect(server) as client:
        path = client.post("/api/workers", json={"input": "echo x"}).headers["location"]
        seconds = []
        for _ in range(20):
            started = time.perf_counter()
            client.get(path)
            seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.03
