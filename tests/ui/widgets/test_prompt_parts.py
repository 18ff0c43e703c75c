"""The history and the pasted texts of the prompt, without a widget."""

from __future__ import annotations

from handinger_tui.core.prompts import Draft, chip_text
from handinger_tui.ui.widgets.prompt import PastedTexts, PromptHistory

LONG = "a line of some length\n" * 2_000


def test_the_history_ends_in_what_was_typed_before() -> None:
    history = PromptHistory()
    history.add("one", "two", "two", " ")
    assert history.texts == ["one", "two"]
    assert history.step(1, "draft") is None
    assert [history.step(-1, "draft"), history.step(-1, "two"), history.step(-1, "one")] == [
        "two",
        "one",
        None,
    ]
    assert history.current == "one"
    assert [history.step(1, "one"), history.step(1, "two")] == ["two", "draft"]
    assert history.current is None


def test_older_messages_go_before_those_of_this_run() -> None:
    history = PromptHistory()
    history.add("new")
    history.step(-1, "")
    history.add("old", "older than new", older=True)
    assert history.texts == ["old", "older than new", "new"]
    assert history.current is None


def test_a_place_inside_a_chip_moves_to_one_of_its_ends() -> None:
    pasted = PastedTexts()
    line = f"see {pasted.add(LONG)} now"
    start, end = 4, len(line) - 4
    assert pasted.outside(line, start, forward=True) == start
    assert pasted.outside(line, start + 3, forward=True) == end
    assert pasted.outside(line, end - 1, forward=False) == start


def test_a_draft_gets_new_numbers() -> None:
    pasted = PastedTexts()
    pasted.add(LONG)
    other = LONG + "more"
    text = pasted.add_draft(Draft(f"see {chip_text(other, 1)}", pasted=(other,)))
    assert text == f"see {chip_text(other, 2)}"
    assert pasted.texts == [LONG, other]
