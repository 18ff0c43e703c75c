"""The journey through the tasks generation, once in each size: by keys, in a real terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.accounts import Account
from tests.e2e.runner import run
from tests.e2e.task_journey import SILENCE_S, listener, travel
from tests.e2e.terminal import terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.terminal


def test_from_a_new_worker_to_the_deliveries_of_its_webhook(tmux: str, tmp_path: Path) -> None:
    with LocalServer.start(pace=0.01) as server, listener() as hook, terminal(tmux, 120, 40) as window:
        account = Account(server, "tasks")
        window.run(home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **account.environ)
        travel(window, account, tmp_path, hook.url)
        window.press("C-d")
        window.shows("exit=0")
        # One turn for each message, despite the silence.
        sessions = run("sessions", "list", "--json", home=tmp_path).result["sessions"]
        assert [(one["turns"], one["trigger"]) for one in sessions] == [(1, "schedule"), (3, "app")]
        turns = account.get(f"/api/tasks/{sessions[1]['task_id']}/turns").json()["items"]
        assert [turn["input"] for turn in turns] == [
            "echo one pump is cheaper",
            "report on prices",
            f"silent {SILENCE_S}",
        ]
