"""Open turns of an earlier program: the worker of a detached turn, and turns settled by another program."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.chaos.processes import ended
from tests.money.paid_service import PaidService
from tests.money.programs import Person


@pytest.mark.parametrize(("plain", "late"), [(False, None), (True, None), (False, 0.0), (True, 0.2)])
def test_a_detached_turn_names_its_worker_and_the_next_one_continues_it(
    service: PaidService, tmp_path: Path, *, plain: bool, late: float | None
) -> None:
    person = Person(service, tmp_path)
    service.plain, service.late = plain, late
    sent = ended(person.start("-p", "one", "--json", "--detach"))
    assert (sent.code, sent.result["worker_id"]) == (0, "wrk_1")
    service.late = 0.0
    service.finish()
    again = person.run("-p", "two", "-c", "--json")
    assert (again.code, again.result["worker_id"]) == (0, "wrk_1")
    assert (len(service.posts), len(service.workers)) == (2, 1)


def test_the_last_session_is_that_of_the_last_message(service: PaidService, tmp_path: Path) -> None:
    """Not that of the last reading: a message that goes to another worker costs money for nothing."""
    person = Person(service, tmp_path)
    service.late = None
    assert person.run("-p", "one", "--detach").code == 0
    service.late = 0.0
    assert person.run("-p", "two", "--json").result["worker_id"] == "wrk_2"
    service.finish()
    assert person.run("costs", "--settle").code == 0
    again = person.run("-p", "three", "-c", "--json")
    assert (again.code, again.result["worker_id"]) == (0, "wrk_2")


def test_costs_settle_reads_running_turns_and_sends_nothing(
    service: PaidService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(service, tmp_path)
    service.late = None
    assert person.run("-p", "one", "--detach").code == 0
    still = person.run("costs", "--json", "--settle")
    assert "1 turn still open" in still.err
    service.finish()
    settled = person.run("costs", "--json", "--settle")
    assert "all turns are finished" in settled.err
    total = settled.result["total"]
    assert (Decimal(total["cost_usd"]), total["unpriced_turns"], len(service.posts)) == (Decimal(1), 0, 1)
    # A service may report costs some time after the end.
    assert "Some amounts may still grow" in person.run("costs", "--settle").err
    # Act as if half a minute had passed.
    for module in ("core.money.timeline", "core.turns.turn", "engine.settling"):
        monkeypatch.setattr(f"handinger_tui.{module}.SETTLE_MS", 1)
    confirmed = person.run("costs", "--settle").err
    assert ("Read 1 worker" in confirmed, "may still grow" in confirmed) == (True, False)
    assert person.json_of("costs", "--by", "turn")["groups"][0]["state"] == "settled"
    # A service may report costs later than that.
    service.cost_usd = Decimal("1.5")
    person.run("costs", "--settle")
    late = person.json_of("costs")
    assert (late["total"]["cost_usd"], len(late["restatements"])) == ("1.5", 1)


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("by", [("costs", "--settle"), ("-p", "another")])
def test_costs_reported_after_the_end_are_read_by_the_next_program(
    service: PaidService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by: tuple[str, ...],
    *,
    waiting: bool,
) -> None:
    """A headless run does not wait for them. They are a correction of the turn, once.

    A message behind it that was never sent changes nothing.
    """
    person = Person(service, tmp_path)
    service.cost_usd = Decimal("0.10")
    assert person.run("-p", "one").code == 0
    if waiting:
        assert person.run("-p", "too much", "-c", "--max-cost", "0.05").code == 5
    service.cost_usd = Decimal("0.25")
    assert person.run(*by).code == 0
    (first, *_) = person.json_of("costs", "--by", "turn")["groups"][::-1]
    assert Decimal(first["cost_usd"]) == Decimal("0.25")


@pytest.mark.parametrize("tasks", [False, True], ids=["workers", "tasks"])
@pytest.mark.parametrize("by", [("costs", "--settle"), ("-p", "another"), ("attach", "-p")], ids=" ".join)
def test_late_costs_are_provisional_until_a_later_reading_confirms_them(
    service: PaidService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: tuple[str, ...], *, tasks: bool
) -> None:
    """4.3 credits at the end, 12.9 a second later, and nobody sends another message."""
    service.tasks, service.cost_usd = tasks, None
    person = Person(service, tmp_path)

    def first() -> tuple[str, str]:
        row = person.json_of("costs", "--by", "turn")["groups"][-1]
        return row["credits"], row["state"]

    service.credits = 4.3
    sent = person.run("-p", "one", "--json")
    assert first() == ("4.3", "provisional")
    service.credits = 12.9
    target = sent.result["task_id" if tasks else "worker_id"]
    program = (*by, target) if by[0] == "attach" else by
    assert person.run(*program).code == 0
    assert first() == ("12.9", "provisional")
    (restated,) = person.json_of("costs")["restatements"]
    assert (restated["old_credits"], restated["new_credits"]) == ("4.3", "12.9")
    # Act as if half a minute had passed.
    for module in ("core.money.timeline", "core.turns.turn", "engine.settling"):
        monkeypatch.setattr(f"handinger_tui.{module}.SETTLE_MS", 1)
    for module in ("core.money.timeline", "core.turns.turn"):
        monkeypatch.setattr(f"handinger_tui.{module}.EARLY_MS", 1)
    assert person.run("costs", "--settle").code == 0
    assert first() == ("12.9", "settled")
    assert len(person.json_of("costs")["restatements"]) == 1
    assert len(service.posts) == 1 + (by[0] == "-p")


LIMIT = {"HANDINGER_LIMIT_DAY_USD": "5"}
LATER = {"HANDINGER_RECOVERY_WINDOW": "0.1"}
"""Act as if the recovery window had passed."""


def test_a_cost_of_zero_right_after_the_end_is_a_gap_that_limits_count(
    service: PaidService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service may not have counted the turn yet, so it is no reason to let the next one start."""
    person = Person(service, tmp_path)
    service.cost_usd = Decimal(0)
    sent = [person.run("-p", "one", "--json") for _ in range(2)]
    assert [" · $0.00 so far\n" in one.err for one in sent] == [True, True]
    amounts = [(one.result["turn_usage"]["cost_usd"], one.result["turn_cost_usd_at_most"]) for one in sent]
    assert amounts == [("0", None)] * 2
    assert person.json_of("costs")["total"]["unpriced_turns"] == 2
    refused = person.run("-p", "two", **LIMIT)
    assert (refused.code, len(service.posts)) == (5, 2)
    assert "The cost of 2 earlier turns is unknown" in refused.err
    # Act as if some seconds had passed.
    monkeypatch.setattr("handinger_tui.core.money.timeline.EARLY_MS", 0)
    assert person.run("-p", "three", **LIMIT).code == 0
    total = person.json_of("costs")["total"]
    assert (total["cost_usd"], total["unpriced_turns"]) == ("0", 1)


@pytest.mark.parametrize("killed", [False, True])
def test_a_worker_that_no_longer_exists_leaves_a_gap_that_limits_count(
    service: PaidService, tmp_path: Path, *, killed: bool
) -> None:
    person = Person(service, tmp_path)
    service.late = None
    if killed:
        program = person.start("-p", "one", "--output-format", "stream-json", **LIMIT)
        assert program.stdout is not None
        assert any('"text-delta"' in line for line in program.stdout)
        program.kill()
        ended(program)
    else:
        assert person.run("-p", "one", "--detach", **LIMIT).code == 0
    workers, service.workers = service.workers, {}
    service.late = 0.0
    # It may be the answer of a replica that does not know the worker yet.
    assert "1 turn still open" in person.run("costs", "--settle", "--json").err
    assert person.run("-p", "two", **LIMIT).code == 5
    time.sleep(0.2)
    settled = person.run("costs", "--settle", "--json", **LATER)
    assert "1 turn with unknown outcome" in settled.err
    total = json.loads(settled.out)["total"]
    # The message that a limit refused is in no sum.
    assert (total["unpriced_turns"], total["turns"]) == (1, 1)
    # On a fast machine the worker was read once before it was left: that much is known, and not all.
    assert total["cost_usd"] in {None, "1"}
    (session,) = [one for one in person.json_of("sessions")["sessions"] if one["worker_id"]]
    assert (session["last_status"], session["unpriced_turns"]) == ("unknown", 1)
    shown = person.json_of("-p", "next", "--dry-run", **LIMIT)
    counts = [(one["running"], one["unknown"], one["missing_turns"]) for one in shown["limits"]]
    assert counts == [(0, 1, 1)]
    refused = person.run("-p", "two", **LIMIT)
    assert (refused.code, len(service.posts)) == (5, 1)
    assert "The cost of 1 earlier turn is unknown, so the daily limit of $5.00 may be used up." in refused.err
    assert person.run("-p", "two", "--allow-unmeasured", **LIMIT).code == 0
    # Unknown is not zero: if the worker exists again, its reading counts.
    service.workers |= workers
    service.finish()
    assert person.run("costs", "--settle").code == 0
    total = person.json_of("costs")["total"]
    assert (total["cost_usd"], total["unpriced_turns"]) == ("2", 0)
