"""The local worker understands the suggestions of the screen, and gives short inputs short answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from handinger_tui.local.repertoire import NOT_UNDERSTOOD, REPERTOIRE
from handinger_tui.ui.widgets.welcome import FOR_LOCAL

Run = Callable[[str], tuple[dict[str, Any], list[Any]]]

EXAMPLES = [rule.example for rule in REPERTOIRE if rule.example and "attached" not in rule.example]


@pytest.mark.parametrize("text", [*FOR_LOCAL, *EXAMPLES])
def test_every_suggestion_is_understood(run_turn: Run, text: str) -> None:
    answer = run_turn(text)[0]["output_text"]
    assert NOT_UNDERSTOOD not in answer
    assert "None match your words" not in answer
    assert "I can only report on" not in answer


@pytest.mark.parametrize(("text", "opening"), [("x", NOT_UNDERSTOOD), ("hello", "Hello!")])
def test_short_inputs_get_a_short_answer_with_things_to_try(run_turn: Run, text: str, opening: str) -> None:
    answer = run_turn(text)[0]["output_text"]
    assert answer.startswith(opening)
    assert len(answer) < 300
    assert all(example in answer for example in EXAMPLES)


def test_the_tour_is_given_on_request(run_turn: Run) -> None:
    for text in ("tour", "help", "Show me around"):
        assert "local worker, built into" in run_turn(text)[0]["output_text"]
