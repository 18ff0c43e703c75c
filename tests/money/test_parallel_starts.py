"""Programs that start at the same moment under one limit: as many send as the limit allows."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.processes import ended
from tests.e2e.runner import Ran
from tests.money.paid_service import PaidService, paid_service
from tests.money.programs import Person

WARM_TURNS: Final = 5
"""A new worker is estimated by this many turns of others."""


def run_together(person: Person, argvs: Sequence[Sequence[str]], **environ: str) -> list[Ran]:
    """Start all programs; end the turns at the service when no other program is going to send."""
    service = person.service
    sent_before, service.late = len(service.posts), None
    programs = [person.start(*argv, **environ) for argv in argvs]
    deadline = time.monotonic() + 60
    while running(programs) > len(service.posts) - sent_before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    service.late = 0.0
    service.finish()
    return [ended(program) for program in programs]


def running(programs: Sequence[subprocess.Popen[str]]) -> int:
    return sum(program.poll() is None for program in programs)


def argvs(programs: int, *more: str) -> list[list[str]]:
    return [["-p", f"question {number}", "--json", *more] for number in range(programs)]


@pytest.mark.parametrize(
    ("worker", "programs"), [("new", 6), pytest.param("known", 4, marks=pytest.mark.slow)]
)
def test_of_many_programs_two_send_under_a_limit_with_room_for_two(
    service: PaidService, tmp_path: Path, worker: str, programs: int
) -> None:
    person = Person(service, tmp_path)
    # A new worker is estimated by the turns of others, any other by its own.
    warm = WARM_TURNS if worker == "new" else programs
    for number in range(warm):
        assert person.run("-p", f"warm {number}").code == 0
    together = argvs(programs)
    if worker == "known":
        together = [[*argv, "-w", f"wrk_{number}"] for number, argv in enumerate(together, 1)]
    limit = str(warm + Decimal("2.5"))
    runs = run_together(person, together, HANDINGER_LIMIT_DAY_USD=limit)
    assert len(service.posts) == warm + 2
    assert sorted(one.code for one in runs) == [0, 0, *[5] * (programs - 2)]
    for one in runs:
        if one.code == 5:
            assert (one.result["status"], one.result["posts_sent"]) == ("not_sent", 0)
            assert one.result["error"]["kind"] == "cost_limit"
            assert f"$0.50 of ${limit}0 left, 2 running; a turn like this may cost $1.00" in one.err
    total = person.json_of("costs")["total"]
    assert (Decimal(total["cost_usd"]), total["unpriced_turns"]) == (service.truth, 0)
    assert service.truth <= Decimal(limit)


def test_without_a_cost_history_one_sends(service: PaidService, tmp_path: Path) -> None:
    runs = run_together(Person(service, tmp_path), argvs(3), HANDINGER_LIMIT_DAY_USD="1.5")
    assert len(service.posts) == 1
    assert sorted(one.code for one in runs) == [0, 5, 5]
    reasons = [one.result["error"]["message"] for one in runs if one.code == 5]
    assert all("1 running turn has no cost history" in reason for reason in reasons)


def test_with_consent_a_turn_without_a_history_is_sent(service: PaidService, tmp_path: Path) -> None:
    together = argvs(3, "--allow-unmeasured")
    runs = run_together(Person(service, tmp_path), together, HANDINGER_LIMIT_DAY_USD="9")
    assert [one.code for one in runs] == [0, 0, 0]
    assert len(service.posts) == 3


def test_a_detached_turn_counts_until_its_end_is_read(service: PaidService, tmp_path: Path) -> None:
    """The next program that sends reads the worker itself; no attach is needed."""
    person, limit = Person(service, tmp_path), {"HANDINGER_LIMIT_DAY_USD": "5"}
    service.late = None
    assert person.run("-p", "long", "--detach", **limit).code == 0
    refused = person.run("-p", "next", "--json", **limit)
    assert (refused.code, len(service.posts)) == (5, 1)
    assert "1 running turn has no cost history" in refused.err
    shown = person.json_of("-p", "next", "--dry-run", **limit)
    assert shown["would_send"] is False
    assert [(one["free"], one["running"], one["unmeasured"]) for one in shown["limits"]] == [("0", 1, 1)]
    service.late = 0.0
    service.finish()
    assert person.run("-p", "next", **limit).code == 0
    assert len(service.posts) == 2


def test_a_unit_that_the_generation_never_reports_is_refused_for_the_first_turn(tmp_path: Path) -> None:
    with paid_service(tasks=True, cost_usd=None, credits=600) as service:
        person, limit = Person(service, tmp_path), {"HANDINGER_LIMIT_DAY_USD": "0.01"}
        refused = person.run("-p", "one", "--json", **limit)
        assert (refused.code, refused.result["status"], service.posts) == (5, "not_sent", [])
        reason = "This service never reports USD, so the daily limit of $0.01 cannot be enforced."
        assert refused.result["error"]["message"].startswith(reason)
        assert "Set credit_usd, the price of a credit, or use --allow-unmeasured" in refused.err
        assert person.run("-p", "one", "--max-cost", "5").code == 5
        assert person.json_of("-p", "one", "--dry-run", **limit)["would_send"] is False
        assert service.posts == []
        # At a price credits count, and so does what is sent knowingly.
        assert person.run("-p", "one", HANDINGER_CREDIT_USD="0.00001", **limit).code == 0
        assert person.run("-p", "one", "--allow-unmeasured", HANDINGER_LIMIT_DAY_USD="9").code == 0
        assert len(service.posts) == 2


def test_a_unit_that_is_not_reported_is_refused_before_sending(service: PaidService, tmp_path: Path) -> None:
    person = Person(service, tmp_path)
    service.cost_usd, service.credits = None, 600
    # The units of the service are still unknown.
    assert person.run("-p", "one", "--max-cost", "0.01").code == 0
    refused = person.run("-p", "two", "--max-cost", "0.01", "--json")
    assert (refused.code, refused.result["posts_sent"], len(service.posts)) == (5, 0, 1)
    assert "did not report USD in the last turns" in refused.result["error"]["message"]
    assert person.run("-p", "two", "--max-cost", "0.01", "--dry-run").code == 5
    assert person.run("-p", "two", "--max-cost", "0.01", "--allow-unmeasured").code == 0
    assert person.run("-p", "three", "--max-credits", "5000").code == 0
    # With a price the credits count: 1,800 of them are $9.
    price = {"HANDINGER_CREDIT_USD": "0.005", "HANDINGER_LIMIT_DAY_USD": "10"}
    shown = person.run("-p", "four", "--dry-run", **price)
    assert shown.code == 0
    assert "about $9.00 of $10.00" in shown.out
    assert person.run("-p", "four", **price | {"HANDINGER_LIMIT_DAY_USD": "9"}).code == 5
    assert len(service.posts) == 3
