"""A person's decision about a worker's figures applies to all programs, and corrects final amounts."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.chaos.processes import ended
from tests.money.opened_app import opened_app
from tests.money.paid_service import PaidService
from tests.money.programs import Person


@pytest.fixture
def person(service: PaidService, tmp_path: Path) -> Person:
    """A user with two turns of one worker: the service reports $1 and then $2."""
    user = Person(service, tmp_path)
    assert user.run("-p", "first").code == 0
    assert user.run("-p", "second", "-w", "wrk_1").code == 0
    return user


def total(person: Person, *argv: str) -> Decimal:
    return Decimal(person.json_of("costs", *argv)["total"]["cost_usd"])


def test_a_pinned_meaning_restates_final_amounts_and_can_be_removed(person: Person) -> None:
    assert total(person) == 2
    set_by_person = person.run("costs", "--reading", "wrk=per-turn")
    (restated,) = person.json_of("costs")["restatements"]
    assert (restated["old_usd"], restated["new_usd"]) == ("1", "2")
    text = f"Corrected {restated['number']}: {restated['turn_id']} $1.00 → $2.00"
    assert f"{text}, you decided what the worker's figures mean." in set_by_person.err
    assert "Pinned by you: this worker's figures are per turn." in set_by_person.err
    assert text in " ".join(set_by_person.out.split())
    assert total(person) == 3
    # It applies to later turns, too.
    assert person.run("-p", "third", "-w", "wrk_1").code == 0
    assert total(person) == 6
    assert person.run("costs", "--reading", "wrk_1=auto").code == 0
    assert total(person) == 3
    assert len(person.json_of("costs")["restatements"]) == 3


def test_a_pinned_meaning_outlives_the_sessions_of_the_worker(person: Person) -> None:
    for session in person.json_of("sessions")["sessions"]:
        assert person.run("sessions", "rm", session["session_id"], "--yes").code == 0
    assert person.run("costs", "--reading", "wrk_1=per-turn").code == 0
    assert total(person) == 3
    assert person.run("-p", "third", "-w", "wrk_1").code == 0
    assert total(person) == 6


@pytest.mark.parametrize("value", ["wrk_1", "wrk_1=sums", "=lifetime", "wrk_9=lifetime"])
def test_a_ruling_names_a_worker_and_a_meaning(person: Person, value: str) -> None:
    ran = person.run("costs", "--reading", value)
    assert ran.code == 2
    assert total(person) == 2


async def test_an_open_session_follows_what_another_program_decides(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened_app(person, monkeypatch) as opened:
        await opened.shows("$1.00", "today about $2.00")
        program = person.start("costs", "--reading", "wrk_1=per-turn", "--json")
        assert (await asyncio.to_thread(ended, program)).code == 0
        await opened.shows("$2.00", "today $3.00 so far")
        await opened.pilot.press("f2")
        await opened.shows("Cost basis: per turn, pinned by")
        await opened.until(lambda: "you decided what the worker's figures mean" in opened.notices)
        assert opened.notices.count("Corrected") == 1


async def test_a_decision_in_the_app_changes_the_costs_of_other_programs(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened_app(person, monkeypatch) as opened:
        await opened.send("/reading")
        await opened.shows("Cost, total tokens: undecided")
        await opened.pilot.press("escape")
        await opened.send("/reading per-turn")
        await opened.shows("$2.00", "Pinned by you: this worker's figures are per turn.")
        page = await opened.read_page("/reading", words="Cost, total tokens")
        plain = " ".join(page.replace("│", " ").split())
        assert "Cost, total tokens: per turn, pinned by you; 3 readings are inconclusive." in plain
        program = person.start("costs", "--json")
        result = await asyncio.to_thread(ended, program)
        assert '"cost_usd":"3"' in result.out
        receipt = await opened.read_page("/receipt", "end", words="Cost basis")
        assert re.search(r"Cost basis +per turn, pinned by you", receipt)
