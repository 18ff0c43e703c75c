"""Several runs on one worker at once, through whole programs: what they took together is entered once."""

from __future__ import annotations

import json
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


def total(person: Person) -> Decimal:
    costs = json.loads(person.run("costs", "--json").out)
    return Decimal(costs["total"]["cost_usd"])


def test_what_a_stranger_takes_in_our_turn_is_shared_with_it(service: PaidService, tmp_path: Path) -> None:
    person = Person(service, tmp_path)
    service.late = None
    program = person.start("-p", "ours", "--json")
    assert service.wait_for_posts(1)
    (worker,) = service.workers.values()
    service.start_turn(worker.worker_id, "theirs")
    service.finish()
    result = json.loads(ended(program).out)
    assert (result["turn_shared_with"], result["turn_cost_usd_at_most"]) == (1, "2")
    assert total(person) == service.truth


def test_two_programs_on_one_worker_enter_what_it_took_once(service: PaidService, tmp_path: Path) -> None:
    person = Person(service, tmp_path)
    assert person.run("-p", "first").code == 0
    (worker,) = service.workers.values()
    service.late = None
    programs = [person.start("-p", f"{name}", "-w", worker.worker_id, "--json") for name in ("a", "b")]
    assert service.wait_for_posts(3)
    service.finish()
    results = [json.loads(ended(program).out) for program in programs]
    assert total(person) == service.truth == Decimal(3)
    assert all(result["turn_cost_usd_at_most"] is not None for result in results)
