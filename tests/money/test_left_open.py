"""What a program leaves behind: the worker of a detached turn, and turns that somebody else settles."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.money.paid_service import PaidService, paid_service
from tests.money.programs import Person, ended


@pytest.fixture
def service() -> Iterator[PaidService]:
    with paid_service() as serving:
        yield serving


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("late", [None, 0.0, 0.2])
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


def test_costs_settle_reads_what_was_left_running_and_sends_nothing(
    service: PaidService, tmp_path: Path
) -> None:
    person = Person(service, tmp_path)
    service.late = None
    assert person.run("-p", "one", "--detach").code == 0
    still = person.run("costs", "--json", "--settle")
    assert "1 turn still open" in still.err
    service.finish()
    settled = person.run("costs", "--json", "--settle")
    assert "all turns have ended" in settled.err
    total = settled.result["total"]
    assert (Decimal(total["cost_usd"]), total["unpriced_turns"], len(service.posts)) == (Decimal(1), 0, 1)
    assert "No turn is left open" in person.run("costs", "--settle").err


@pytest.mark.parametrize("by", [("costs", "--settle"), ("-p", "another")])
def test_costs_reported_after_the_end_are_read_by_the_next_program(
    service: PaidService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: tuple[str, ...]
) -> None:
    """A headless run does not wait for them. They are a correction of the turn, once."""
    monkeypatch.setattr("handinger_tui.ledger.turns.EARLY_MS", 0)
    person = Person(service, tmp_path)
    service.cost_usd = Decimal("0.10")
    assert person.run("-p", "one").code == 0
    service.cost_usd = Decimal("0.25")
    assert person.run(*by).code == 0
    (first, *_) = person.json_of("costs", "--by", "turn")["groups"][::-1]
    assert Decimal(first["cost_usd"]) == Decimal("0.25")
