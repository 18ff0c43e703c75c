"""Turns whose program is killed: every place shows the gap immediately, and the next start settles it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.processes import ended
from tests.money.kills import play
from tests.money.paid_service import paid_service
from tests.money.programs import Person

TURNS: Final = int(os.environ.get("HANDINGER_TEST_KILLS", "6"))
SEED: Final = int(os.environ.get("HANDINGER_TEST_SEED", "1"))


@pytest.mark.parametrize("tasks", [False, True])
def test_killed_at_any_moment(tmp_path: Path, *, tasks: bool) -> None:
    moments, posts = play(TURNS, SEED, tmp_path, tasks=tasks)
    assert sum(moments.values()) == TURNS
    assert posts <= TURNS


@pytest.mark.terminal
@pytest.mark.usefixtures("tmux")
@pytest.mark.parametrize("tasks", [False, True])
def test_the_app_killed_at_any_moment(tmp_path: Path, *, tasks: bool) -> None:
    moments, posts = play(2, SEED, tmp_path, tasks=tasks, app=1.0)
    assert sum(moments.values()) == 2 >= posts


@pytest.mark.parametrize("plain", [False, True])
def test_after_a_kill_the_next_turn_continues_the_same_worker(tmp_path: Path, *, plain: bool) -> None:
    with paid_service(plain=plain, late=None) as service:
        person = Person(service, tmp_path)
        process = person.start("-p", "one", "--output-format", "stream-json")
        assert process.stdout is not None
        # Any printed part of the answer names the worker: an event, or the usage of a JSON answer.
        assert any('"usage"' in line or '"text-delta"' in line for line in process.stdout)
        # It is printed as it comes, and on the disk a moment later.
        while person.json_of("sessions")["sessions"][0]["worker_id"] is None:
            assert process.poll() is None
        process.kill()
        ended(process)
        service.late = 0.0
        service.finish()
        again = person.run("-p", "two", "-c", "--json")
        assert (again.code, again.result["worker_id"]) == (0, "wrk_1")
        assert (service.posts, len(service.workers)) == (["one", "two"], 1)
        total = person.json_of("costs")["total"]
        assert (total["cost_usd"], total["unpriced_turns"]) == ("2", 0)


def test_a_killed_start_is_settled_by_the_id_that_was_stored_before_it(tmp_path: Path) -> None:
    """The program was killed before any answer, and the session has its task nevertheless."""
    with paid_service(tasks=True, cost_usd=None, credits=3, late=None) as service:
        person = Person(service, tmp_path)
        process = person.start("-p", "one", "--json")
        assert service.wait_for_posts(1)
        process.kill()
        ended(process)
        service.late = 0.0
        service.finish()
        again = person.run("-p", "two", "-c", "--json")
        (task_id,) = service.workers
        assert (again.code, again.result["task_id"], service.posts) == (0, task_id, ["one", "two"])
        total = person.json_of("costs")["total"]
        assert (total["credits"], total["uncredited_turns"], total["cost_usd"]) == ("6", 0, None)


def test_no_second_worker_is_started_if_the_id_of_the_first_is_unknown(tmp_path: Path) -> None:
    """The request was sent, and the program was killed before the answer: the worker is unknown."""
    with paid_service(silent=True) as service:
        person = Person(service, tmp_path)
        process = person.start("-p", "one", "--json")
        assert service.wait_for_posts(1)
        process.kill()
        ended(process)
        service.silent = False
        refused = person.run("-p", "two", "-c", "--json")
        assert (refused.code, service.posts) == (2, ["one"])
        assert "second worker would cost extra" in refused.err
        assert person.run("-p", "two").code == 0
        assert len(service.posts) == 2
