"""Ceilings at the command line: figures move, warnings, refusals, and other programs' spending."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.money.limits import Scope, Unit
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.turns.session import Session
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.local.server import LocalServer
from tests.e2e.runner import Ran, run
from tests.ledger.charge_rows import charges

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REPORT = "Write a report about tea"


class Desk:
    """One person with one home and one service that takes its time."""

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
def desk(tmp_path: Path) -> Iterator[Desk]:
    with LocalServer.start(pace=0.1) as server:
        yield Desk(server, tmp_path)


def test_figures_move_while_a_turn_runs(desk: Desk) -> None:
    ran = desk.do("-p", REPORT, "--output-format", "stream-json", "--max-cost", "5")
    figures = [line["usage"]["cost_usd"] for line in ran.lines if line["type"] == "usage"]
    end = next(at for at, line in enumerate(ran.lines) if line["type"] == "finish")
    early = [line["usage"]["cost_usd"] for line in ran.lines[:end] if line["type"] == "usage"]
    assert len(set(early)) >= 3, early
    known = [Decimal(figure) for figure in figures if figure is not None]
    assert known == sorted(known)
    assert (ran.code, ran.result["usage"]["cost_usd"]) == (0, str(known[-1]))


def test_a_ceiling_warns_then_blocks_and_says_what_it_cannot_do(desk: Desk) -> None:
    first = desk.do("-p", REPORT, "--json", "--max-cost", "0.005")
    assert (first.code, first.result["status"]) == (5, "completed")
    assert first.err.count("Session limit near") == 1
    assert first.err.count("Session limit reached") == 1
    assert "cannot be stopped" in first.err
    again = desk.do("-c", "-p", "more", "--json", "--max-cost", "0.005")
    assert (again.code, again.result["status"], again.result["posts_sent"]) == (5, "not_sent", 0)
    assert again.result["error"]["kind"] == "cost_limit"
    assert again.result["error"]["may_have_been_charged"] is False
    assert again.result["draft"] == "more"
    assert desk.do("-c", "-p", "echo more", "--max-cost", "1").code == 0


def test_credits_have_ceilings_of_their_own(desk: Desk) -> None:
    assert desk.do("-p", REPORT, "--max-credits", "20").code == 5
    assert desk.do("-c", "-p", "more", "--max-credits", "20").code == 5
    assert desk.do("-c", "-p", "echo more", "--max-credits", "5000").code == 0


def test_a_configured_day_counts_every_session(desk: Desk) -> None:
    assert desk.do("-p", REPORT, HANDINGER_LIMIT_DAY_USD="0.005").code == 0
    refused = desk.do("-p", "a new session", "--json", HANDINGER_LIMIT_DAY_USD="0.005")
    assert (refused.code, refused.result["posts_sent"]) == (5, 0)
    assert "Daily limit reached" in refused.result["error"]["message"]


def test_a_turn_limit_holds_however_often_one_tries(desk: Desk) -> None:
    limit = {"HANDINGER_LIMIT_TURN_USD": "0.001"}
    assert desk.do("-p", REPORT, **limit).code == 0
    for _ in range(3):
        refused = desk.do("-c", "-p", "more", "--json", **limit)
        assert (refused.code, refused.result["posts_sent"]) == (5, 0)
        assert refused.err.count("Turn limit reached") == 1


def test_attaching_tells_of_the_run_and_not_of_a_message_that_was_never_sent(desk: Desk) -> None:
    worker_id = desk.do("-p", "echo hello", "--json").result["worker_id"]
    assert desk.do("-c", "-p", "more", "--max-cost", "0.000001").code == 5
    seen = desk.do("attach", worker_id, "--json")
    assert (seen.code, seen.result["status"], seen.result["text"]) == (0, "completed", "hello")
    assert desk.do("attach", worker_id, "-p").out == "hello\n"


def test_a_limit_typed_in_the_app_counts_here_too(desk: Desk) -> None:
    assert desk.do("-p", "echo one").code == 0

    async def type_limit() -> None:
        ledger = Ledger(desk.database)
        await ledger.start()
        purse = ledger.limits
        (row,) = await ledger.history.sessions(1)
        session = await ledger.load(row.session_id) or Session("", 0)
        await purse.set_limit(session, Scope.WORKER, Unit.USD, Decimal("0.0001"))
        await ledger.aclose()

    asyncio.run(type_limit())
    refused = desk.do("-c", "-p", "echo two", "--json")
    assert (refused.code, refused.result["posts_sent"]) == (5, 0)
    # Another worker is not concerned.
    assert desk.do("-p", "echo three").code == 0


def test_attached_runs_start_with_what_they_have(desk: Desk) -> None:
    sent = desk.do("-p", REPORT, "--json", "--detach")
    worker_id = sent.result["worker_id"]
    ended = desk.do("attach", worker_id, "--json", "--max-cost", "0.001")
    assert (ended.code, ended.result["posts_sent"]) == (5, 1)
    assert "Worker limit reached" in ended.err


def test_another_program_sees_the_spending_within_a_second(desk: Desk) -> None:
    desk.do("-p", "echo begin")

    async def watch() -> tuple[int, list[Decimal]]:
        ledger = Ledger(desk.database)
        await ledger.start()
        await ledger.charges.news()
        running = desk.process("-p", REPORT, "--json", "--max-cost", "5")
        seen: list[Decimal] = []
        late = 0
        while running.poll() is None:
            await asyncio.sleep(0.05)
            if await ledger.charges.news() is None:
                continue
            (whole,) = await ledger.charges.buckets(GroupBy.TRIGGER, ChargeFilter())
            rows = await charges(ledger, ChargeFilter())
            late = max(late, time.time_ns() // 1_000_000 - rows[-1].at_ms)
            seen.append(whole.usd.value or Decimal(0))
        running.communicate()
        await ledger.aclose()
        return late, seen

    late_ms, seen = asyncio.run(watch())
    assert len(set(seen)) >= 3, seen
    assert late_ms < 1000


def test_a_dry_run_sends_nothing(desk: Desk) -> None:
    told = desk.do("-p", "hello", "--dry-run", "--json", "-b", "high")
    shown = json.loads(told.out)
    assert (told.code, shown["sent"], shown["would_send"]) == (0, False, True)
    assert shown["request"]["body"] == {"input": "hello", "budget": "high", "stream": True}
    assert desk.server.api_key not in told.out + told.err
    assert "no cost history" in desk.do("-p", "hello", "--dry-run", "-b", "high").out
    assert json.loads(desk.do("sessions", "--json").out) == {"sessions": []}
    desk.do("-p", REPORT)
    again = desk.do("-c", "-p", "hello", "--dry-run", "--max-cost", "0.001")
    assert (again.code, "would be blocked" in again.out) == (5, True)


@pytest.mark.parametrize("amount", ["0", "-1", "much", "1e3", "nan", "0.0000000000001"])
def test_no_amount_no_run(desk: Desk, amount: str) -> None:
    refused = desk.do("-p", "hello", f"--max-cost={amount}")
    assert (refused.code, refused.out) == (2, "")
    assert "--max-cost" in refused.err
