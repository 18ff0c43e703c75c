"""A message to a worker that still works on one of the same session: nothing is sent, nothing is paid."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.accounts import Account
from tests.e2e.held import held_worker
from tests.e2e.runner import run

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


def test_a_script_sends_nothing_to_a_busy_worker_and_does_so_once_it_is_idle(tmp_path: Path) -> None:
    with held_worker() as (server, may_end):
        account = Account(server, "workers")
        url, key = server.base_url, server.api_key
        first = run("-p", "long 40", "--detach", "--json", home=tmp_path, base_url=url, key=key)
        assert first.code == 0
        refused = run("-c", "-p", "echo two", "--json", home=tmp_path, base_url=url, key=key)
        assert refused.result["status"] == "not_sent"
        assert refused.result["posts_sent"] == 0
        assert "still running an earlier message" in refused.result["error"]["message"]
        assert refused.result["error"]["may_have_been_charged"] is False
        assert account.prompts(tmp_path) == ["long 40"]
        may_end.set()
        watched = run("attach", first.result["worker_id"], "-p", home=tmp_path, base_url=url, key=key)
        assert watched.code == 0
        sent = run("-c", "-p", "echo two", "--json", home=tmp_path, base_url=url, key=key)
        assert sent.result["status"] == "completed"
        assert account.prompts(tmp_path) == ["long 40", "echo two"]


def test_a_script_sends_nothing_while_another_program_watches_a_turn(tmp_path: Path) -> None:
    with held_worker() as (server, _may_end):
        account = Account(server, "workers")
        url, key = server.base_url, server.api_key
        with streaming(tmp_path, account, "long 200") as first:
            refused = run("-c", "-p", "echo two", "--json", home=tmp_path, base_url=url, key=key)
            assert (refused.result["status"], refused.result["posts_sent"]) == ("not_sent", 0)
            first.kill()
        # The turn of a killed program is read, and its worker still runs.
        refused = run("-c", "-p", "echo two", "--json", home=tmp_path, base_url=url, key=key)
        assert (refused.result["status"], refused.result["posts_sent"]) == ("not_sent", 0)
        assert account.prompts(tmp_path) == ["long 200"]


@contextmanager
def streaming(home: Path, account: Account, prompt: str) -> Iterator[subprocess.Popen[str]]:
    """A program whose answer has begun to come."""
    environ = {**os.environ, **account.environ, "HANDINGER_TUI_HOME": str(home)}
    command = [sys.executable, "-m", "handinger_tui", "-p", prompt]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        yield program
        program.kill()
