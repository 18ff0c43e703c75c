"""A seeded sample of the commands and calls of `python -m tests.chaos.failing_system_calls`."""

from __future__ import annotations

import random
import shutil
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest

from tests.chaos.failing_calls import PAYING
from tests.chaos.failing_system_calls import ALL, CODES, Bench, Case, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

DICE: Final = random.Random(33)
CASES: Final = (
    *(Case(PAYING, kind, DICE.randint(1, 4), DICE.choice(CODES[kind])) for kind in (Kind.WRITE, Kind.SYNC)),
    *(
        Case(DICE.choice(ALL), kind, DICE.randint(1, 9), DICE.choice(CODES[kind]))
        for kind in DICE.choices([*Kind], k=4)
    ),
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("needs Linux and a C compiler")
    with ExitStack() as stack:
        yield Bench(stack, tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize("case", CASES)
def test_a_command_whose_system_call_fails_says_so_and_loses_nothing(bench: Bench, case: Case) -> None:
    assert bench.tried(case).wrong == ()


def test_a_full_disk_really_is_one(bench: Bench) -> None:
    """What is tried reaches the history: with no write to it nothing is sent."""
    outcome = bench.tried(Case(PAYING, Kind.WRITE, 1, CODES[Kind.WRITE][0], lasting=True))
    assert outcome.failed > 1
    assert outcome.wrong == ()
