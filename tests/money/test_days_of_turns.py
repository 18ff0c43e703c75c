"""The days of turns that others sent, or that are older than this history: by the service's own times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.money.paid_service import RemoteWorker, paid_service
from tests.money.programs import Person

LIMIT = {"HANDINGER_LIMIT_DAY_CREDITS": "9000", "HANDINGER_LIMIT_MONTH_CREDITS": "9000"}


def spent(person: Person) -> list[tuple[str, int]]:
    """What is spent of the limits of today and of this month, and the turns of unknown cost in them."""
    shown = person.json_of("-p", "x", "--dry-run", "--allow-unmeasured", **LIMIT)
    return [(one["spent"], one["missing_turns"]) for one in shown["limits"]]


@pytest.mark.parametrize("name", ["startedAt", "completedAt"])
def test_a_turn_of_the_past_belongs_to_its_own_day_and_to_no_limit_of_today(
    tmp_path: Path, name: str
) -> None:
    with paid_service(tasks=True, cost_usd=None, credits=1908) as service:
        service.times = {"completedAt": None, name: "2026-01-02T09:14:22.000Z"}
        service.finish(service.start_turn("tsk_old", "long ago"))
        person = Person(service, tmp_path)
        assert person.run("attach", "tsk_old", "--output-format", "json").code == 0
        costs = person.json_of("costs")
        assert (costs["total"]["credits"], costs["undated_turns"]) == ("1908", 0)
        assert [one["key"] for one in costs["groups"]] == ["2026-01-02"]
        assert (
            person.json_of("costs", "--since", "2026-01", "--until", "2026-01")["total"]["credits"] == "1908"
        )
        assert person.json_of("costs", "--since", "today")["total"]["turns"] == 0
        assert spent(person) == [("0", 0), ("0", 0)]
        # It was not known here in January.
        assert person.json_of("costs", "--as-of", "2026-02")["total"]["turns"] == 0


def test_a_time_that_is_ahead_is_today(tmp_path: Path) -> None:
    with paid_service(tasks=True, cost_usd=None, credits=8) as service:
        service.times = {"startedAt": "2999-01-02T09:14:22.000Z"}
        service.finish(service.start_turn("tsk_1", "soon"))
        person = Person(service, tmp_path)
        assert person.run("attach", "tsk_1", "--output-format", "json").code == 0
        assert person.json_of("costs", "--since", "today", "--until", "today")["total"]["credits"] == "8"
        assert spent(person) == [("8", 0), ("8", 0)]


def test_a_turn_that_was_over_before_its_worker_was_known_has_no_day(tmp_path: Path) -> None:
    """It is in totals, in no day and in no limit of a day, and every place says so."""
    with paid_service(tasks=True, cost_usd=None, credits=8) as service:
        service.times = {"startedAt": None, "completedAt": None}
        old = service.start_turn("tsk_1", "when?")
        service.finish(old)
        person = Person(service, tmp_path)
        assert person.run("attach", "tsk_1", "--output-format", "json").code == 0
        costs = person.json_of("costs")
        assert (costs["total"]["credits"], costs["undated_turns"]) == ("8", 1)
        for by in ("day", "week", "month"):
            (group,) = person.json_of("costs", "--by", by)["groups"]
            assert (group["key"], group["turns"], group["first_ms"], group["credits"]) == ("", 1, None, "8")
        (turn,) = person.json_of("costs", "--by", "turn")["groups"]
        assert (turn["at_ms"], turn["credits"]) == (None, "8")
        text = person.run("costs").out
        assert "(no known day)" in text
        sentence = "1 turn was over before this history first saw its worker, and the service names no day"
        assert sentence in " ".join(text.split())
        assert "(no known day)" in person.run("costs", "--by", "turn").out
        assert person.json_of("costs", "--since", "2000-01-01")["total"]["turns"] == 0
        assert sentence in " ".join(person.run("costs", "--since", "today").out.split())
        assert spent(person) == [("0", 0), ("0", 0)]
        # Whatever comes from now on belongs to the day on which it is seen.
        service.finish(service.start_turn("tsk_1", "later"))
        assert person.run("attach", "tsk_1", "--output-format", "json").code == 0
        assert person.json_of("costs")["total"]["turns"] == 2
        assert person.json_of("costs", "--since", "today")["total"]["credits"] == "8"
        assert spent(person) == [("8", 0), ("8", 0)]


def test_a_running_turn_of_another_program_counts_today(tmp_path: Path) -> None:
    with paid_service(late=None) as service:
        running: RemoteWorker = service.start_turn(None, "now")
        person = Person(service, tmp_path)
        assert person.run("attach", running.worker_id, "--output-format", "json", "--timeout", "1").code == 9
        total: dict[str, Any] = person.json_of("costs", "--since", "today")["total"]
        assert (total["turns"], person.json_of("costs")["undated_turns"]) == (1, 0)
