"""`handinger-tui webhook`: real deliveries of the local worker, a hidden token, --yes before a break."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.cli.program import run_on
from tests.e2e.runner import Ran, run
from tests.web import receiving

if TYPE_CHECKING:
    from pathlib import Path


def test_deliveries_have_reasons_and_the_token_is_a_secret(server: LocalServer, tmp_path: Path) -> None:
    with receiving(500, 204) as receiver:
        check(server, tmp_path, receiver.url, receiver.tokens)


def check(server: LocalServer, tmp_path: Path, address: str, tokens: list[str]) -> None:
    worker = run_on(server, tmp_path, "-p", "echo one", "--json").result["worker_id"]

    def webhook(action: str, *argv: str) -> Ran:
        return run_on(server, tmp_path, "webhook", action, f"https://handinger.com/worker/{worker}", *argv)

    assert webhook("show").out == "No webhook.\n"
    for bad in ("http://receiver.example", "https://x.example/" + "y" * 2048):
        assert (webhook("set", bad).code, webhook("show").out) == (2, "No webhook.\n")
    first = webhook("set", address)
    assert "Token: hidden, ends in " in first.out
    shown = webhook("show", "--show-token", "--json").result
    assert webhook("show", "--json").result == {**shown, "token": None}
    assert shown["token"].startswith("whk_")
    assert shown["token"] not in first.out + first.err

    for prompt in ("echo two", "echo three"):
        run_on(server, tmp_path, "-p", prompt, "-w", worker)
    page = webhook("deliveries", "--json").result
    while page["count"] < 2:
        page = webhook("deliveries", "--json").result
    delivered = [(row["delivered"], row["http_status"]) for row in page["deliveries"]]
    assert sorted(delivered) == [(False, 500), (True, 204)]
    assert tokens == [shown["token"]] * 2
    assert "✗ 500" in webhook("deliveries").out
    assert "The receiver responded with status 500." in webhook("deliveries").out

    for action in ("token", "clear"):
        refused = webhook(action)
        assert (refused.code, "Add --yes" in refused.err) == (2, True)
    assert webhook("show", "--show-token", "--json").result == shown
    renewed = webhook("token", "--yes", "--show-token", "--json").result["token"]
    assert renewed not in (None, shown["token"])
    assert webhook("clear", "--yes").out == "No webhook.\n"


def test_a_webhook_that_fails_needs_the_person_until_its_address_is_another(
    server: LocalServer, tmp_path: Path
) -> None:
    worker = run_on(server, tmp_path, "-p", "echo one", "--json").result["worker_id"]
    with receiving(500) as receiver:
        run_on(server, tmp_path, "webhook", "set", worker, receiver.url)
        run_on(server, tmp_path, "-p", "echo two", "-w", worker)
        while run_on(server, tmp_path, "webhook", "deliveries", worker, "--json").result["count"] < 1:
            assert attention(server, tmp_path) == [], "a webhook without deliveries does not fail"
    ((reason, text, act),) = attention(server, tmp_path)
    command = f"handinger-tui webhook deliveries {worker} lists them (free)."
    assert (reason, act) == ("webhook failing", command)
    assert text.startswith("The last delivery of its webhook failed, most recently on ")
    assert text.endswith(": The receiver responded with status 500.")
    assert "needs you" in run_on(server, tmp_path, "runs").out.splitlines()[0]
    run_on(server, tmp_path, "webhook", "set", worker, f"{receiver.url}/2")
    assert attention(server, tmp_path) == []


def attention(server: LocalServer, home: Path) -> list[tuple[str, str, str]]:
    """Reason, text and act of what needs the person."""
    value = run_on(server, home, "runs", "--json", "--attention").result
    assert value["needs_you"] == len(value["needs"])
    assert sum(len(one["needs"]) for one in value["runs"]) == len(value["needs"])
    return [(one["reason"], one["text"], one["act"]) for one in value["needs"]]


def test_the_workers_generation_has_no_webhooks(server: LocalServer, tmp_path: Path) -> None:
    ran = run_on(server, tmp_path, "webhook", "show", "w1", generation="workers")
    assert (ran.code, ran.out) == (2, "")
    assert "tasks generation" in ran.err


@pytest.mark.parametrize("page", ["x", "0", "-1", "1.5", "9" * 5000])
def test_an_invalid_page_is_a_usage_error(page: str, tmp_path: Path) -> None:
    ran = run("webhook", "deliveries", "wrk_1", "--page", page, home=tmp_path)
    assert (ran.code, "the page must be a number from 1" in ran.err) == (2, True)


def test_a_missing_worker_of_a_new_task_is_named(server: LocalServer, tmp_path: Path) -> None:
    ran = run_on(server, tmp_path, "-w", "wrk_missing", "-p", "hi")
    assert (ran.code, "Check the worker id and the base URL" in ran.err) == (3, True)
    ran = run_on(server, tmp_path, "--task", "tsk_missing", "-p", "hi")
    assert (ran.code, "Check the task id and the base URL" in ran.err) == (3, True)
