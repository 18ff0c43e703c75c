"""The conversation that a fork carries over: delivered messages, with sources and names of files."""

from __future__ import annotations

from handinger_tui.core.prompts import MAX_FORK, fork_text
from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Rope, TextPart, Turn, TurnRequest, TurnStatus


def turn(number: int, prompt: str, answer: str, status: TurnStatus = TurnStatus.COMPLETED) -> Turn:
    parts = (
        TextPart(Rope(tail=answer), open=False),
        SourcePart("s", f"https://{number}.test", "Title"),
        FilePart("https://x.test/secret-link", "text/csv", f"{number}.csv"),
    )
    return Turn(TurnRequest(f"t{number}", prompt, number), status, parts=parts)


def test_only_what_was_delivered_up_to_the_turn_is_carried() -> None:
    turns = (
        turn(1, "first", "one"),
        turn(2, "refused", "", TurnStatus.REJECTED),
        turn(3, "third", "three"),
        turn(4, "later", "four"),
    )
    text = fork_text(Session("s", 0, turns=turns), turns[2])
    assert text.index("first") < text.index("one") < text.index("third") < text.index("three")
    assert "refused" not in text
    assert "later" not in text
    assert "- Title https://1.test" in text
    assert "1.csv" in text
    assert "secret-link" not in text


def test_without_delivered_messages_there_is_no_text() -> None:
    refused = turn(1, "refused", "", TurnStatus.REJECTED)
    assert fork_text(Session("s", 0, turns=(refused,)), refused) == ""


def test_of_a_long_conversation_the_newest_messages_are_carried_and_the_gap_is_named() -> None:
    turns = tuple(turn(number, f"prompt {number}", "x" * (MAX_FORK // 4)) for number in range(1, 9))
    text = fork_text(Session("s", 0, turns=turns), turns[-1])
    assert len(text) <= MAX_FORK + 200
    assert "prompt 8" in text
    assert "prompt 1\n" not in text
    assert "The first 5 of 8 messages are left out." in text
