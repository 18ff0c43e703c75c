"""Mentions: the places of an answer that name a source, and the time to detect them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.citations import MAX_MARKS, CitationReader, MentionIndex, mentions, unmentioned
from handinger_tui.core.evidence import sources_of
from handinger_tui.core.turns.turn import TextPart
from tests.core.evidence_samples import session, turn, web

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session

A, B, C = "https://a.example/x", "https://b.example/wiki/B_(letter)", "https://c.example/"


def places(sample: Session) -> dict[int, list[str]]:
    """Source number → the exact words of its mentions."""
    texts = {
        (each.turn_id, at): part.text
        for each in sample.turns
        for at, part in enumerate(each.parts)
        if isinstance(part, TextPart)
    }
    return {
        number: [texts[m.turn_id, m.position][m.start : m.end] for m in by_source]
        for number, by_source in mentions(sample).items()
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://a.example/x.", {1: ["https://a.example/x"]}),
        ("(https://a.example/x)", {1: ["https://a.example/x"]}),
        ("<http://A.example/x/>", {1: ["http://A.example/x/"]}),
        ("[text](https://a.example/x) end", {1: ["[text](https://a.example/x)"]}),
        ('[t](<https://a.example/x> "title")', {1: ["[t](<https://a.example/x>"]}),
        ("[2](https://a.example/x)", {1: ["[2](https://a.example/x)"]}),
        ("**https://a.example/x**", {1: ["https://a.example/x"]}),
        ("[B](https://b.example/wiki/B_(letter))", {2: ["[B](https://b.example/wiki/B_(letter))"]}),
        ("https://b.example/wiki/B_(letter)", {2: ["https://b.example/wiki/B_(letter)"]}),
        ("https://a.example/x?utm_source=me#part", {1: ["https://a.example/x?utm_source=me#part"]}),
        ("https://a.example/xy and https://other.example/", {}),
        ("So it is [1][3].", {1: ["[1]"], 3: ["[3]"]}),
        ("So it is [1, 3] or [2-3].", {1: ["[1, 3]"], 2: ["[2-3]"], 3: ["[1, 3]", "[2-3]"]}),
        ("So it is 【2】 and 【1†source】.", {1: ["【1†source】"], 2: ["【2】"]}),
        ("So it is.[^3]\n\n[^3]: Somewhere.", {3: ["[^3]"]}),
        ("[1]: https://c.example/", {3: ["https://c.example/"]}),
        ("Known as [src-b].", {2: ["[src-b]"]}),
        ("Not [4] nor [0] nor [x] nor ![1] nor [99999999999].", {}),
        ("`array[1]` and\n```\nrow[2]\n```\nand [3]", {3: ["[3]"]}),
        ("~~~\n[1]\n```\n[2]\n~~~\n[3]", {3: ["[3]"]}),
        ("", {}),
    ],
)
def test_an_answer_mentions_its_sources(text: str, expected: dict[int, list[str]]) -> None:
    assert places(session(turn(1, web(A), web(B, None, "src-b"), web(C), text))) == expected


def test_a_number_means_the_sources_of_its_turn_first() -> None:
    first = turn(1, web(A), web(B), "[1]")
    second = turn(2, web(C), web(A), "[1] [2] [3]")
    by_source = mentions(session(first, second))
    assert [
        (number, [(m.turn_id, m.start) for m in where]) for number, where in sorted(by_source.items())
    ] == [
        (1, [("turn_1", 0), ("turn_2", 4)]),
        (3, [("turn_2", 0), ("turn_2", 8)]),
    ]


def test_an_id_of_the_turn_goes_before_its_order() -> None:
    assert places(session(turn(1, web(A, None, "2"), web(B, None, "1"), "[1]"))) == {2: ["[1]"]}


def test_an_earlier_answer_does_not_mention_later_sources() -> None:
    sample = session(turn(1, "[1] https://a.example/x"), turn(2, web(A), "[1]"))
    assert places(sample) == {1: ["https://a.example/x", "[1]"]}


def test_unmentioned_sources_are_counted() -> None:
    sample = session(turn(1, web(A), web(B), web(C), "Only [2]."))
    assert unmentioned(sources_of(sample), mentions(sample)) == 2


TOKENS = st.sampled_from(
    [
        A,
        "[1]",
        "[2]",
        "【3】",
        "\n",
        "```\n",
        "`",
        "(",
        ")",
        "[t](",
        "]",
        " ",
        "~~~\n",
        "[^1]:",
        "http://",
        "é",
    ]
)


@example(["[1]\n](https://a.example/x", "\n]"])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(TOKENS, max_size=6).map("".join), max_size=6))
def test_a_growing_text_has_the_same_mentions(deltas: list[str]) -> None:
    reader, text = CitationReader(), ""
    for delta in deltas:
        text += delta
        assert reader.marks(text) == CitationReader().marks(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(TOKENS | st.text(st.characters(exclude_categories=()), max_size=20), min_size=1, max_size=8))
def test_any_text_can_be_read(pieces: list[str]) -> None:
    reader = CitationReader()
    for text in ("".join(pieces), f"[1] {''.join(pieces)}", pieces[0]):
        for mark in reader.marks(text):
            assert 0 <= mark.start < mark.end <= len(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["[1] ", "[2]\n", A + " ", "x"]), max_size=8))
def test_the_incremental_index_equals_a_single_pass(deltas: list[str]) -> None:
    index, one = MentionIndex(), turn(1, web(A))
    text = ""
    for at, delta in enumerate(deltas):
        text += delta
        one = turn(1, web(A), text, *([web(B)] if at > 3 else []))
        sample = session(one)
        assert index(sample, sources_of(sample)) == mentions(sample)


def test_an_unchanged_session_gives_the_same_mapping() -> None:
    index, sample = MentionIndex(), session(turn(1, web(A), "[1]"))
    sources = sources_of(sample)
    by_source = index(sample, sources)
    thinking = replace(sample.turns[0], activity="thinking")
    assert index(session(thinking), sources) is by_source


HARD = {
    "sentences": "Text with [a link](https://a.example/x), `code[1]` and marks [1][2].\n",
    "brackets": "[",
    "ticks": "`",
    "lines of ticks": "`\n",
    "fences": "```\n",
    "addresses": "http://a",
    "open links": "](http://a",
    "definitions": "[1]:",
    "parentheses": "(http://a(",
    "words": "lorem ipsum ",
}


@pytest.mark.parametrize("piece", HARD.values(), ids=HARD)
def test_five_megabytes_are_read_quickly(piece: str) -> None:
    text = piece * (5_000_000 // len(piece))
    start = time.process_time()
    marks = CitationReader().marks(text)
    # Measured below 0.5 s each; a backtracking search takes minutes.
    assert time.process_time() - start < 2
    assert len(marks) <= MAX_MARKS
