"""Suspense: a row per worker, counted in every total, assigned and unassigned by the person."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.processes import ended
from tests.money.opened_app import opened_app
from tests.money.paid_service import PaidService
from tests.money.programs import Person

WORKER = "wrk_1"


@pytest.fixture
def person(service: PaidService, tmp_path: Path) -> Person:
    """A user with two turns of one worker, of $1 each, and a turn of another client between them."""
    user = Person(service, tmp_path)
    assert user.run("-p", "first").code == 0
    service.start_turn(WORKER, "theirs")
    service.finish()
    assert user.run("-p", "second", "-w", WORKER).code == 0
    return user


def suspense(person: Person, *argv: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = person.json_of("costs", *argv)["suspense"]
    return rows


def turns(person: Person) -> dict[str, Decimal]:
    """The cost of each turn."""
    groups = person.json_of("costs", "--by", "turn")["groups"]
    return {group["turn_id"]: Decimal(group["cost_usd"]) for group in groups}


@pytest.mark.parametrize("by", ["day", "worker", "session", "budget", "trigger", "turn"])
def test_suspense_is_in_the_total_and_in_its_own_row(service: PaidService, person: Person, by: str) -> None:
    report = person.json_of("costs", "--by", by)
    (row,) = report["suspense"]
    assert (row["key"], row["turns"], row["cost_usd"], row["suspense_usd"]) == (WORKER, 0, "1", "1")
    groups = sum(Decimal(group["cost_usd"]) for group in report["groups"])
    assert (groups, groups + 1) == (2, service.truth)
    assert (Decimal(report["total"]["cost_usd"]), report["total"]["suspense_usd"]) == (service.truth, "1")
    assert report["total"]["title"] == ""
    assert report["total"]["turns"] == 2
    *records, last = csv.DictReader(io.StringIO(person.run("costs", "--by", by, "--csv").out))
    assert (last["key"], last["title"], last["cost_usd"]) == (WORKER, "suspense", "1")
    # No sum over columns doubles it.
    assert (last["suspense_usd"], last["suspense_credits"]) == ("", "")
    assert sum(Decimal(record["cost_usd"]) for record in records) == 2
    text = person.run("costs", "--by", by).out
    assert "Unassigned cost wrk_1" in text
    assert "$3.00" in text


def test_suspense_in_credits_is_shown_with_that_in_usd(service: PaidService, person: Person) -> None:
    service.cost_usd, service.credits = None, 5
    assert person.run("-p", "third").code == 0
    (worker_id,) = {*service.workers} - {WORKER}
    service.start_turn(worker_id, "theirs")
    service.finish()
    assert person.run("-p", "fourth", "-w", worker_id).code == 0
    report = person.json_of("costs", "--worker", worker_id)
    (row,) = report["suspense"]
    assert (row["suspense_usd"], row["suspense_credits"], row["credits"]) == ("0", "5", "5")
    assert (report["total"]["suspense_credits"], report["total"]["credits"]) == ("5", "15")
    (first, *_) = person.json_of("costs", "--by", "turn")["groups"]
    assert first["reading"] == "lifetime"


def test_the_likely_owners_of_suspense_are_named_by_the_readings(person: Person) -> None:
    ((rise,),) = [row["rises"] for row in suspense(person)]
    assert (rise["messages_of_others"], rise["refused_turn_ids"], rise["doubtful"]) == (1, [], True)
    assert rise["after_turn_id"] in turns(person)
    text = " ".join(person.run("costs").out.split())
    owners = "1 message from others (another key or person, a schedule or an email)."
    assert rise["likely_owners"] in owners
    assert f"{rise['number']}: about $1.00, wrk_1, read 20" in text
    assert owners in text
    report = person.home / "report.html"
    assert person.run("costs", "--report", str(report)).code == 0
    assert "suspense <small>wrk_1" in report.read_text("utf-8")
    assert owners in report.read_text("utf-8")


def test_suspense_belongs_to_no_session_and_no_budget(person: Person) -> None:
    (session,) = {group["session_id"] for group in person.json_of("costs", "--by", "turn")["groups"]}
    for which in (("--session", session), ("--budget", "standard")):
        assert suspense(person, *which) == []
    assert len(suspense(person, "--worker", WORKER, "--since", "today")) == 1
    assert suspense(person, "--until", "2020-01-01") == []


def test_suspense_is_assigned_to_a_turn_and_unassigned(service: PaidService, person: Person) -> None:
    ((rise,),) = [row["rises"] for row in suspense(person)]
    number, before = rise["number"], turns(person)
    for turn_id in before:
        ran = person.run("costs", "--assign", f"{number}={turn_id}")
        assert "you decided which turn an unassigned cost belongs to" in ran.err
        assert f"Unassigned cost {number} belongs to {turn_id}, as you decided." in " ".join(ran.out.split())
        report = person.json_of("costs")
        assert (report["suspense"], report["total"]["suspense_usd"]) == ([], "0")
        assert turns(person) == before | {turn_id: Decimal(2)}
        assert Decimal(report["total"]["cost_usd"]) == service.truth
        assert report["assigned"] == [{"number": number, "worker_id": WORKER, "turn_id": turn_id}]
    assert person.run("costs", "--assign", f"{number}=none").code == 0
    assert turns(person) == before
    assert (suspense(person)[0]["cost_usd"], suspense(person)[0]["rises"][0]["number"]) == ("1", number)
    restated = person.json_of("costs")["restatements"]
    assert sorted((one["old_usd"], one["new_usd"]) for one in restated) == [("1", "2")] * 2 + [("2", "1")] * 2
    assert len({one["number"] for one in restated}) == 4
    # Later figures of the worker do not change it.
    assert person.run("-p", "third", "-w", WORKER).code == 0
    assert Decimal(person.json_of("costs")["total"]["cost_usd"]) == service.truth
    assert len(suspense(person)) == 1


def test_a_pinned_meaning_without_suspense_hides_it_until_unpinned(
    service: PaidService, person: Person
) -> None:
    ((rise,),) = [row["rises"] for row in suspense(person)]
    first, *_ = turns(person)
    assert person.run("costs", "--reading", f"{WORKER}=per-turn").code == 0
    assert suspense(person) == []
    # 1 at the end of the first turn, 3 at the end of the second.
    assert sorted(turns(person).values()) == [1, 3]
    assert person.run("costs", "--assign", f"{rise['number']}={first}").code == 2
    assert person.run("costs", "--reading", f"{WORKER}=lifetime").code == 0
    assert sorted(turns(person).values()) == [1, 1]
    assert len(suspense(person)) == 1


@pytest.mark.parametrize("value", ["1", "1=", "=none", "x=none", "99=none", "1=none", "1=turn_none"])
def test_only_suspense_is_assigned_and_only_to_a_turn(person: Person, value: str) -> None:
    ran = person.run("costs", "--assign", value)
    assert ran.code == 2
    assert len(suspense(person)) == 1


def test_suspense_is_not_assigned_to_a_turn_of_another_worker(service: PaidService, person: Person) -> None:
    before = turns(person)
    assert person.run("-p", "elsewhere").code == 0
    (other,) = turns(person).keys() - before.keys()
    ran = person.run("costs", "--assign", f"1={other}")
    assert ran.code == 2
    assert f"Unassigned cost 1 cannot belong to {other}." in ran.err
    assert turns(person) == before | {other: Decimal(1)}
    assert len(suspense(person)) == 1


def test_suspense_counts_for_the_limits_of_its_worker_and_day(person: Person) -> None:
    refused = person.run("-p", "third", "-w", WORKER, "--json", HANDINGER_LIMIT_DAY_USD="3")
    assert (refused.code, refused.result["error"]["kind"]) == (5, "cost_limit")


async def test_suspense_assigned_in_the_app_is_the_same_everywhere(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = turns(person)
    async with opened_app(person, monkeypatch) as opened:
        await opened.shows("$1.00", "today about $3.00")
        await opened.pilot.press("f9")
        await opened.shows("Unassigned cost wrk_1", "about $1.00, wrk_1: 1 message from others")
        await opened.pilot.press("end", "enter")
        await opened.shows("Which turn cost about $1.00?")
        await opened.pilot.press("enter")
        await opened.shows("was assigned to", "Press a to undo")
        await opened.pilot.press("escape")
        await opened.shows("about $2.00")
        await opened.until(lambda: "you decided which turn an unassigned cost belongs to" in opened.notices)
        program = person.start("costs", "--by", "turn", "--json")
        report = json.loads((await asyncio.to_thread(ended, program)).out)
    assert (report["suspense"], report["total"]["cost_usd"]) == ([], "3")
    assert sorted(Decimal(group["cost_usd"]) for group in report["groups"]) == [1, 2]
    assert len(before) == len(report["groups"])
