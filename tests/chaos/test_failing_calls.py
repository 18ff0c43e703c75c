"""A seeded sample of the commands and calls of `python -m tests.chaos.failing_calls`."""

from __future__ import annotations

import random
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.chaos.failing_bench import (
    CHANGING,
    CODES,
    COMMANDS,
    DRY_RUN,
    FIRST_STARTS,
    JOURNEYS,
    KILLED,
    LOGIN,
    OF_WORKERS,
    PAYING,
    Bench,
    Case,
    Kind,
    crash_reports,
    judged,
)
from tests.chaos.failing_remote import OF_TASKS
from tests.e2e.runner import Ran

if TYPE_CHECKING:
    from collections.abc import Iterator

DICE: Final = random.Random(33)
WITHOUT_SCREEN: Final = [one for one in COMMANDS if one not in {*JOURNEYS, *OF_TASKS, *OF_WORKERS}]
REPAIR: Final = ("doctor", "--repair", "--yes", "--json")
FAILING: Final = (
    *(Case(PAYING, kind, DICE.randint(1, 4), DICE.choice(CODES[kind])) for kind in (Kind.WRITE, Kind.SYNC)),
    *(Case(argv, Kind.SYNC, 1, CODES[Kind.SYNC][0]) for argv in (FIRST_STARTS[0], LOGIN)),
    *(
        Case(DICE.choice(WITHOUT_SCREEN), kind, DICE.randint(1, 9), DICE.choice(CODES[kind]))
        for kind in DICE.choices([*Kind], k=4)
    ),
)
KILLING: Final = (
    *(Case(PAYING, kind, DICE.randint(1, 4), KILLED) for kind in (Kind.WRITE, Kind.SEND, Kind.RECEIVE)),
    *(Case(journey, Kind.WRITE, 40, KILLED) for journey in JOURNEYS),
    *(
        Case(DICE.choice(WITHOUT_SCREEN), kind, DICE.randint(1, 9), KILLED)
        for kind in DICE.choices(CHANGING, k=3)
    ),
)


@pytest.fixture(scope="module", params=[False, True], ids=["workers", "tasks"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("needs Linux and a C compiler")
    with ExitStack() as stack:
        yield Bench(stack, tmp_path_factory.mktemp("bench"), tasks=request.param)


@pytest.mark.parametrize("bench", [False], indirect=True, ids=["workers"])
@pytest.mark.parametrize("case", FAILING, ids=str)
def test_a_command_whose_call_fails_says_so_and_loses_nothing(bench: Bench, case: Case) -> None:
    assert bench.tried(case).wrong == ()


@pytest.mark.parametrize(
    ("bench", "case"),
    [
        pytest.param(at % 2 == 1, case, id=f"{('workers', 'tasks')[at % 2]}-{case}")
        for at, case in enumerate(KILLING)
    ],
    indirect=["bench"],
)
def test_a_command_that_is_killed_at_a_call_loses_nothing(bench: Bench, case: Case) -> None:
    assert bench.tried(case).wrong == ()


@pytest.mark.parametrize("bench", [False], indirect=True, ids=["workers"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_repair_is_killed_between_the_names_of_two_files(bench: Bench, at: int) -> None:
    outcome = bench.tried(Case(REPAIR, Kind.RENAME, at, KILLED))
    assert (outcome.failed, outcome.wrong) == (1, ())


def test_a_full_disk_really_is_one(bench: Bench) -> None:
    """What is tried reaches the history: with no write to it nothing is sent."""
    outcome = bench.tried(Case(PAYING, Kind.WRITE, 1, CODES[Kind.WRITE][0], lasting=True))
    assert outcome.failed > 1
    assert outcome.wrong == ()


def test_the_judge_sees_what_is_wrong() -> None:
    def wrong(ran: Ran, posts: int) -> list[str]:
        return [*judged(Case(PAYING, Kind.OPEN, 1, 0), ran, posts, failed=True)]

    assert wrong(Ran(1, "", "Traceback"), 0) == ["a traceback: Traceback"]
    assert wrong(Ran(0, "handinger-tui crashed.", ""), 0) == ["a traceback: handinger-tui crashed."]
    assert wrong(Ran(10, '{"error": null}', ""), 0) == ["exit code 10 without a reason"]
    assert "nothing was sent" in wrong(Ran(10, '{"error": {"may_have_been_charged": true}}', "No."), 0)[0]
    assert "it was sent" in wrong(Ran(10, '{"error": {"may_have_been_charged": false}}', "No."), 1)[0]


def test_a_crash_report_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "crash-20261201T233024.000Z.txt").write_text("KeyError: ''")
    assert [*crash_reports(tmp_path)] == ["a crash report: KeyError: ''"]


@pytest.mark.parametrize(
    ("would_send", "reason", "faults"), [("false", "No history.", 0), ("false", "", 1), ("true", "No.", 1)]
)
def test_a_dry_run_that_would_send_nothing_fails_with_the_reason(
    would_send: str, reason: str, faults: int
) -> None:
    shown = f'{{"schema": "handinger-tui/dry-run/1", "would_send": {would_send}, "sent": false}}'
    case = Case(DRY_RUN, Kind.OPEN, 1, 0)
    assert len([*judged(case, Ran(10, shown, reason), 0, failed=True)]) == faults
