"""`handinger-tui schedules`: a price first, explicit words before paid runs, and one POST."""

from __future__ import annotations

import json
import re
import signal
import threading
from typing import TYPE_CHECKING, Final

import pytest

from handinger_tui.cli import signals
from handinger_tui.local.server import LocalServer
from tests.cli.program import environ, run_on, start
from tests.e2e.runner import KEY, Ran, run
from tests.web import Handler, serving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("generation", "unit"), [("workers", "usd"), ("tasks", "credits")])
def test_a_price_comes_first_and_only_yes_adds(
    server: LocalServer, tmp_path: Path, generation: str, unit: str
) -> None:
    def schedules(*argv: str) -> Ran:
        return run_on(server, tmp_path, "schedules", *argv, generation=generation)

    worker = run_on(server, tmp_path, "-p", "sources", "--json", generation=generation).result["worker_id"]
    address = f"https://v3.handinger.com/worker/{worker}"
    offer = schedules("add", address, "Report", "--cron", "0 9 * * 1-5", "--json")
    assert (offer.code, offer.result["added"]) == (2, False)
    assert "Add --yes to add it" in offer.err
    price = offer.result["price"]
    assert (price["unit"], price["turns"], price["of_other_workers"]) == (unit, 1, False)
    assert float(price["per_month"]) == pytest.approx(
        float(price["per_run"]) * price["runs_per_month"], rel=0.01
    )
    assert len(offer.result["next_runs"]) == 3
    words = schedules("add", worker, "Report", "--cron", "0 9 * * 1-5")
    assert "a month (21 runs a month)" in words.out
    assert "Its limits do not stop them" in words.out
    assert schedules("list", worker).out == "No schedules.\n"

    added = schedules("add", worker, "Report", "--every", "1d", "--yes", "--json").result
    assert (added["added"], added["interval_seconds"]) == (True, 86_400)
    [row] = schedules("list", address, "--json").result["schedules"]
    assert (row["id"], row["input"], row["price"]["runs_per_month"]) == (added["id"], "Report", 30.0)
    head, first, below, total, *_ = schedules("list", worker).out.splitlines()
    assert head.split() == ["Next", "run", "Rule", "Price", "ID"]
    assert ("every 1 d" in first, added["id"] in first, below) == (True, True, "  standard · Report")
    amount = r"\$\d[\d,.]*" if unit == "usd" else r"\d[\d,.]* credits"
    assert re.fullmatch(rf"1 schedule · about {amount} a month", total)
    assert schedules("cancel", worker, added["id"]).out == "The schedule was canceled.\n"
    assert schedules("list", worker, "--json").result["schedules"] == []


def test_without_history_the_price_is_unknown(server: LocalServer, tmp_path: Path) -> None:
    def elsewhere(*argv: str) -> Ran:
        return run_on(server, tmp_path / "b", *argv, generation="workers")

    worker = run_on(server, tmp_path / "a", "-p", "echo x", "--json", generation="workers").result[
        "worker_id"
    ]
    offer = elsewhere("schedules", "add", worker, "Report", "--in", "2h")
    assert "Cost unknown: no cost history at standard yet." in offer.out
    price = elsewhere("schedules", "add", worker, "Report", "--in", "2h", "--json").result["price"]
    assert (price["per_run"], price["per_month"], price["runs_per_month"]) == (None, None, None)


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("Report",), "When should it run?"),
        (("--every", "1d"), "What should the worker do?"),
        (("Report", "--every", "soon"), "not a duration"),
        (("Report", "--at", "2020-01-01 00:00"), "in the past"),
        (("Report", "--cron", "daily"), "not a cron expression"),
    ],
)
def test_an_invalid_schedule_sends_nothing(
    server: LocalServer, tmp_path: Path, argv: tuple[str, ...], why: str
) -> None:
    ran = run_on(server, tmp_path, "schedules", "add", "wrk_none", *argv, "--yes", generation="workers")
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err


def test_a_worker_that_does_not_exist(server: LocalServer, tmp_path: Path) -> None:
    ran = run_on(
        server, tmp_path, "schedules", "add", "wrk_none", "x", "--in", "1h", "--yes", generation="tasks"
    )
    assert (ran.code, ran.out) == (3, "")
    assert "Nothing was charged" in ran.err
    assert json.loads(run_on(server, tmp_path, "costs", "--json", generation="tasks").out)["groups"] == []


class Silent(Handler):
    """A service that lists no schedules and never answers a POST."""

    has_posted = threading.Event()
    is_over = threading.Event()

    def answer(self) -> None:
        if self.command == "GET":
            self.reply(200, b'{"schedules": []}')
        else:
            self.wait()

    def wait(self) -> None:
        self.has_posted.set()
        self.is_over.wait(60)


class Mute(Silent):
    """A service that answers nothing."""

    def answer(self) -> None:
        self.wait()


class Lost(Silent):
    """A service that closes the connection after a POST, and lists no schedules."""

    def wait(self) -> None:
        self.close_connection = True


def interrupted(
    handler: type[Silent], home: Path, *argv: str, by: signal.Signals = signal.SIGINT
) -> tuple[str, str]:
    """What a command prints that is interrupted while the service is silent."""
    Silent.has_posted.clear()
    Silent.is_over.clear()
    with serving(handler) as url:
        program = start(environ(home, url), *argv)
        assert Silent.has_posted.wait(60)
        program.send_signal(by)
        out, err = program.communicate(timeout=60)
        Silent.is_over.set()
    assert program.returncode == signals.CODES[by]
    return out, err


ADD: Final = ("schedules", "add", "w1", "x", "--in", "2h", "--yes")
DOUBT: Final = "The schedule may have been added: list the schedules before you add it again."


@pytest.mark.parametrize("by", signals.CODES)
def test_an_interrupt_says_that_the_schedule_may_have_been_added(by: signal.Signals, tmp_path: Path) -> None:
    out, err = interrupted(Silent, tmp_path, *ADD, by=by)
    assert out == ""
    assert err.count(DOUBT) == 1


def test_the_json_of_an_interrupt_says_whether_money_may_have_been_spent(tmp_path: Path) -> None:
    out, err = interrupted(Silent, tmp_path, *ADD, "--json")
    error = json.loads(out)["error"]
    assert (error["kind"], error["message"]) == ("interrupted", f"Interrupted. {DOUBT}")
    assert error["may_have_been_charged"] is True
    assert err.count(DOUBT) == 1
    for argv in (("schedules", "list", "w1"), ADD, ("files", "get", "w1", "--all")):
        out, _err = interrupted(Mute, tmp_path, *argv, "--json")
        error = json.loads(out)["error"]
        assert (error["kind"], error["message"]) == ("interrupted", "Interrupted.")
        assert error["may_have_been_charged"] is False


def test_a_lost_answer_is_an_error_object_too(tmp_path: Path) -> None:
    with serving(Lost) as url:
        ran = run(*ADD, "--json", home=tmp_path, base_url=url, key=KEY)
    assert ran.code == 8
    assert ran.result["added"] is None
    assert ran.result["error"]["may_have_been_charged"] is True
    assert ran.result["error"]["message"] in ran.err
