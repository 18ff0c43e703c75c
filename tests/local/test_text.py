"""Cutting text, and quoting arbitrary text inside Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.local import stream
from handinger_tui.local.formats import cell, names_path, table
from handinger_tui.local.repertoire import MOST_PARAGRAPHS, REPERTOIRE, USUAL_PARAGRAPHS, number_in


@given(st.text(max_size=300))
def test_pieces_join_to_the_text(text: str) -> None:
    cut = list(stream.pieces(text))
    assert "".join(cut) == text
    assert all(0 < len(piece) <= 13 for piece in cut)
    assert cut == list(stream.pieces(text))


@given(st.text(max_size=300))
def test_a_cell_never_leaves_its_row(text: str) -> None:
    row = table(["a", "b"], [(text, text)]).split("\n")[2]
    bare = row.replace("\\\\", "").replace("\\|", "")
    assert bare.count("|") == 3
    assert len(cell(text)) <= 120


@given(st.text(max_size=60))
def test_an_event_is_one_line_of_data(text: str) -> None:
    framed = stream.frame({"type": "text-delta", "id": "t", "delta": text})
    assert framed.endswith("\n\n")
    assert framed.count("\n") == 2
    assert "\r" not in framed


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("read a.csv", True),
        ("a.csv, please", True),
        ("`a.csv`?", True),
        ("what of data.csv", False),
        ("a.csv.bak", False),
        ("see a.csv.", True),
        ("x/a.csv", False),
        ("a.csvs", False),
    ],
)
def test_a_file_is_named_by_itself(text: str, named: bool) -> None:
    assert names_path(text, "a.csv") is named


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("long", USUAL_PARAGRAPHS),
        ("long 3", 3),
        ("long 0", 1),
        ("slow please 7 or 8", 7),
        ("long 99999", MOST_PARAGRAPHS),
        ("long " + "9" * 5000, MOST_PARAGRAPHS),
        ("long ²", USUAL_PARAGRAPHS),
    ],
)
def test_how_many_paragraphs(text: str, count: int) -> None:
    assert number_in(text, USUAL_PARAGRAPHS, MOST_PARAGRAPHS) == count


def test_every_rule_is_named_once_and_the_last_matches_everything() -> None:
    names = [rule.name for rule in REPERTOIRE]
    assert len(set(names)) == len(names)
    assert names[-1] == "other"
