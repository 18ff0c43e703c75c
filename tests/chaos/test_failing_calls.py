"""A seeded sample of the commands and calls of `python -m tests.chaos.failing_calls`."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import pytest

from tests.chaos.failing_calls import CODES, COMMANDS, PAYING, SENDS, judged, tried
from tests.e2e.runner import Ran

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES: Final = 6
DICE: Final = random.Random(33)
CASES: Final = (
    *((PAYING, at, DICE.choice(CODES)) for at in DICE.sample(range(1, 13), 3)),
    *((DICE.choice(COMMANDS), DICE.randint(1, 10), DICE.choice(CODES)) for _ in range(SAMPLES)),
)


@pytest.mark.parametrize(("argv", "at", "code"), CASES)
def test_a_command_whose_call_fails_says_so_and_loses_nothing(
    argv: tuple[str, ...], at: int, code: int, tmp_path: Path
) -> None:
    assert tried(argv, at, code, tmp_path).wrong == ()


def test_the_judge_sees_what_is_wrong() -> None:
    assert PAYING in SENDS
    assert [*judged(PAYING, Ran(1, "", "Traceback"), 0, ["open"])] == ["a traceback: Traceback"]
    silent = Ran(10, '{"error": null}', "")
    assert [*judged(PAYING, silent, 0, ["open"])] == ["exit code 10 without a reason"]
    claims = Ran(10, '{"error": {"may_have_been_charged": true}}', "No.")
    assert "nothing was sent" in next(judged(PAYING, claims, 0, ["open"]))
    assert "2 messages were sent" in [*judged(PAYING, claims, 2, ["open"])]
