"""`send ID TEXT`: one message, sent once, whoever watches the session."""

from __future__ import annotations

from pathlib import Path

import pytest

from handinger_tui.local.server import LocalServer
from tests.chaos.rawterm import rawterm
from tests.cli.test_busy_worker import streaming
from tests.e2e.accounts import Account
from tests.e2e.runner import run


def newest_session(home: Path) -> str:
    return str(run("sessions", "list", "--json", home=home).result["sessions"][0]["session_id"])


def test_a_message_goes_into_an_idle_session(tmp_path: Path) -> None:
    with LocalServer.start(pace=0) as server:
        account = Account(server, "workers")
        first = run("-p", "echo one", "--json", home=tmp_path, base_url=server.base_url, key=server.api_key)
        sent = run(
            "send",
            first.result["session_id"],
            "echo two",
            "--json",
            home=tmp_path,
            base_url=server.base_url,
            key=server.api_key,
        )
        assert sent.code == 0
        assert sent.result["posts_sent"] == 1
        assert sent.result["session_id"] == first.result["session_id"]
        assert account.prompts(tmp_path) == ["echo one", "echo two"]
        nobody = run(
            "send", "ses_none", "echo three", home=tmp_path, base_url=server.base_url, key=server.api_key
        )
        assert nobody.code == 2
        assert account.prompts(tmp_path) == ["echo one", "echo two"]


def test_a_message_waits_for_a_detached_turn(tmp_path: Path) -> None:
    with LocalServer.start(pace=0.2) as server:
        account = Account(server, "workers")
        first = run(
            "-p", "long 20", "--detach", "--json", home=tmp_path, base_url=server.base_url, key=server.api_key
        )
        sent = run(
            "send",
            first.result["worker_id"],
            "echo two",
            "--json",
            home=tmp_path,
            base_url=server.base_url,
            key=server.api_key,
        )
        assert sent.code == 0
        assert sent.result["status"] in {"running", "completed"}
        assert "still runs an earlier message" in sent.err
        assert account.prompts(tmp_path) == ["long 20", "echo two"]


@pytest.mark.slow
def test_a_program_without_a_queue_leaves_the_message_to_its_sender(tmp_path: Path) -> None:
    with LocalServer.start(pace=0.2) as server:
        account = Account(server, "workers")
        with streaming(tmp_path, account, "long 60"):
            session_id = newest_session(tmp_path)
            sent = run(
                "send",
                session_id,
                "echo two",
                "--json",
                home=tmp_path,
                base_url=server.base_url,
                key=server.api_key,
            )
            assert sent.code == 0, sent.err
            assert sent.result["status"] in {"running", "completed"}
        assert account.prompts(tmp_path) == ["long 60", "echo two"]


@pytest.mark.slow
@pytest.mark.terminal
def test_the_app_that_watches_the_session_sends_the_message(tmp_path: Path) -> None:
    with LocalServer.start(pace=0.2) as server:
        account = Account(server, "workers")
        with rawterm(
            "long 60", home=tmp_path, rows=40, columns=120, in_control=True, **account.environ
        ) as app:
            app.wait_for("Paragraph 1")
            session_id = newest_session(tmp_path)
            left = run(
                "send",
                session_id,
                "echo from the shell",
                "--json",
                home=tmp_path,
                base_url=server.base_url,
                key=server.api_key,
            )
            assert left.code == 0
            assert left.result["status"] == "queued"
            assert left.result["posts_sent"] == 0
            assert "the program that watches this session sends it" in left.err
            app.wait_for("from the shell", "from the shell")
            while account.prompts(tmp_path) != ["long 60", "echo from the shell"]:
                app.drain()
            app.drain()
        assert account.prompts(tmp_path) == ["long 60", "echo from the shell"]
