"""Limits at the command line: moving figures, warnings, refusals, and the spending of other programs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.amounts import Unit
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.turns.session import Session
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.local.server import LocalServer
from tests.e2e.runner import Ran, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REPORT = "Write a report about tea"


class User:
    """One user with a home and a slow service."""

    def __init__(self, server: LocalServer, home: Path) -> None:
        self.server = server
        self.home = home

    def do(self, *argv: str, **environ: str) -> Ran:
        server = self.server
        return run(*argv, home=self.home, base_url=server.base_url, key=server.api_key, **environ)

    def process(self, *argv: str) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HANDINGER_")}
        environ |= {
            "HANDINGER_TUI_HOME": str(self.home),
            "HANDINGER_BASE_URL": self.server.base_url,
            "HANDINGER_API_KEY": self.server.api_key,
            "HANDINGER_POLL_INTERVAL": "0.05",
        }
        command = [sys.executable, "-m", "handinger_tui", *argv]
        return subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )

    @property
    def database(self) -> Path:
        return next(self.home.rglob("*.db"))


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    with LocalServer.start(pace=0.1) as server:
        yield User(server, tmp_path)


def test_figures_move_while_a_turn_runs(user: User) -> None:
    ran = user.do("-p", REPORT, "--output-format", "stream-json", "--max-cost", "5")
    figures = [line["usage"]["cost_usd"] for line in ran.lines if line["type"] == "usage"]
    end = next(at for at, line in enumerate(ran.lines) if line["type"] == "finish")
    early = [line["usage"]["cost_usd"] for line in ran.lines[:end] if line["type"] == "usage"]
    assert len(set(early)) >= 3, early
    costs = [Decimal(figure) for figure in figures if figure is not None]
    assert costs == sorted(costs)
    assert (ran.code, ran.result["usage"]["cost_usd"]) == (0, str(costs[-1]))


def test_a_limit_warns_then_blocks_and_names_what_it_cannot_do(user: User) -> None:
    # Whether a reading falls between near and reached depends on the speed of the machine, so: one of each.
    near = user.do("-p", REPORT, "--json", "--max-cost", "0.0098")
    assert (near.code, near.result["status"]) == (0, "completed")
    assert near.err.count("Session limit near") == 1
    assert "Session limit reached" not in near.err
    first = user.do("-p", REPORT, "--json", "--max-cost", "0.005")
    assert (first.code, first.result["status"]) == (5, "completed")
    assert first.err.count("Session limit reached") == 1
    assert "cannot be stopped" in first.err
    again = user.do("-c", "-p", "more", "--json", "--max-cost", "0.005")
    assert (again.code, again.result["status"], again.result["posts_sent"]) == (5, "not_sent", 0)
    assert again.result["error"]["kind"] == "cost_limit"
    assert again.result["error"]["may_have_been_charged"] is False
    assert again.result["draft"] == "more"
    assert user.do("-c", "-p", "echo more", "--max-cost", "1").code == 0


def test_credits_have_their_own_limits(user: User) -> None:
    assert user.do("-p", REPORT, "--max-credits", "20").code == 5
    assert user.do("-c", "-p", "more", "--max-credits", "20").code == 5
    assert user.do("-c", "-p", "echo more", "--max-credits", "5000").code == 0


def test_a_configured_day_limit_counts_every_session(user: User) -> None:
    assert user.do("-p", REPORT, HANDINGER_LIMIT_DAY_USD="0.005").code == 0
    refused = user.do("-p", "a new session", "--json", HANDINGER_LIMIT_DAY_USD="0.005")
    assert (refused.code, refused.result["posts_sent"]) == (5, 0)
    assert "Daily limit reached" in refused.result["error"]["message"]


def test_a_turn_limit_blocks_every_attempt(user: User) -> None:
    limit = {"HANDINGER_LIMIT_TURN_USD": "0.001"}
    assert user.do("-p", REPORT, **limit).code == 0
    for _ in range(3):
        refused = user.do("-c", "-p", "more", "--json", **limit)
        assert (refused.code, refused.result["posts_sent"]) == (5, 0)
        assert refused.err.count("Turn limit reached") == 1


def test_attach_reports_the_run_and_not_a_message_that_was_never_sent(user: User) -> None:
    worker_id = user.do("-p", "echo hello", "--json").result["worker_id"]
    assert user.do("-c", "-p", "more", "--max-cost", "0.000001").code == 5
    attached = user.do("attach", worker_id, "--json")
    assert (attached.code, attached.result["status"], attached.result["text"]) == (0, "completed", "hello")
    assert user.do("attach", worker_id, "-p").out == "hello\n"


def test_a_limit_set_in_the_app_applies_here_too(user: User) -> None:
    assert user.do("-p", "echo one").code == 0

    async def type_limit() -> None:
        ledger = Ledger(user.database)
        await ledger.start()
        limits = ledger.limits
        (row,) = await ledger.history.sessions(1)
        session = await ledger.load(row.session_id) or Session("", 0)
        await limits.set_limit(session, Scope.WORKER, Unit.USD, Decimal("0.0001"))
        await ledger.aclose()

    asyncio.run(type_limit())
    refused = user.do("-c", "-p", "echo two", "--json")
    assert (refused.code, refused.result["posts_sent"]) == (5, 0)
    # Another worker is not affected.
    assert user.do("-p", "echo three").code == 0


def test_an_attached_run_starts_with_the_amounts_so_far(user: User) -> None:
    sent = user.do("-p", REPORT, "--json", "--detach")
    worker_id = sent.result["worker_id"]
    ended = user.do("attach", worker_id, "--json", "--max-cost", "0.001")
    assert (ended.code, ended.result["posts_sent"]) == (5, 1)
    assert "Worker limit reached" in ended.err


def test_another_program_sees_the_spending_while_the_turn_runs(user: User) -> None:
    user.do("-p", "echo begin")

    async def watch() -> list[Decimal]:
        ledger = Ledger(user.database)
        await ledger.start()
        await ledger.charges.news()
        running = user.process("-p", REPORT, "--json", "--max-cost", "5")
        costs: list[Decimal] = []
        while running.poll() is None:
            await asyncio.sleep(0.05)
            if await ledger.charges.news() is None:
                continue
            (group,) = await ledger.charges.buckets(GroupBy.TRIGGER, ChargeFilter())
            costs.append(group.usd.value or Decimal(0))
        running.communicate()
        await ledger.aclose()
        return costs

    costs = asyncio.run(watch())
    assert len(set(costs)) >= 2, costs


def test_a_dry_run_sends_nothing(user: User) -> None:
    dry_run = user.do("-p", "hello", "--dry-run", "--json", "-b", "high")
    shown = json.loads(dry_run.out)
    assert (dry_run.code, shown["sent"], shown["would_send"]) == (0, False, True)
    assert shown["request"]["body"] == {"input": "hello", "budget": "high", "stream": True}
    assert user.server.api_key not in dry_run.out + dry_run.err
    assert "no cost history" in user.do("-p", "hello", "--dry-run", "-b", "high").out
    assert json.loads(user.do("sessions", "--json").out)["sessions"] == []
    user.do("-p", REPORT)
    again = user.do("-c", "-p", "hello", "--dry-run", "--max-cost", "0.001")
    assert (again.code, "would be blocked" in again.out) == (5, True)


@pytest.mark.parametrize("amount", ["0", "-1", "much", "1e3", "nan", "0.0000000000001"])
def test_a_limit_without_an_amount_is_refused(user: User, amount: str) -> None:
    refused = user.do("-p", "hello", f"--max-cost={amount}")
    assert (refused.code, refused.out) == (2, "")
    assert "--max-cost" in refused.err
