"""Streamed rows equal the rows of the complete text, for every split."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handinger_tui.core.safety import clean
from handinger_tui.ui.transcript import blocks, document
from handinger_tui.ui.transcript.blocks import RowBuilder, parse
from handinger_tui.ui.transcript.document import LiveMarkdown, render
from handinger_tui.ui.transcript.painting import broken
from tests.ui.transcript.documents import DOCUMENTS, LARGE
from tests.ui.transcript.screen import look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handinger_tui.ui.transcript.painting import Row


def looks(rows: list[Row]) -> list[tuple[object, ...]]:
    return [look(row) for row in rows]


def chunks(text: str, dice: random.Random, longest: int) -> Iterator[str]:
    at = 0
    while at < len(text):
        at += dice.randint(1, longest)
        yield text[:at]


def stream(text: str, dice: random.Random, longest: int, width: int = 60) -> LiveMarkdown:
    """Every prefix in order; rows that `update` reports as unchanged must be unchanged."""
    live = LiveMarkdown(width)
    before: list[Row] = []
    for prefix in chunks(text, dice, longest):
        kept = live.update(prefix, done=False)
        assert all(old is new for old, new in zip(before[:kept], live.rows[:kept], strict=True))
        before = list(live.rows)
    kept = live.update(text, done=True)
    assert all(old is new for old, new in zip(before[:kept], live.rows[:kept], strict=True))
    if live.definitions:
        live = live.with_references()
        live.update(text, done=True)
    return live


@pytest.mark.parametrize("name", DOCUMENTS)
def test_streamed_rows_equal_rows_of_the_complete_text(name: str) -> None:
    text = DOCUMENTS[name]
    expected = looks(render(text, 60))
    for seed in range(6):
        dice = random.Random(f"{name}{seed}")
        assert looks(stream(text, dice, dice.choice((1, 3, 9, 40))).rows) == expected


@pytest.mark.parametrize("name", LARGE)
def test_large_texts_stream_alike(name: str) -> None:
    text = LARGE[name]
    expected = looks(render(text, 60))
    assert looks(stream(text, random.Random(name), 1_000).rows) == expected


@pytest.mark.parametrize(
    "before", ["", "A paragraph.\n\n", "| a | b |\n|---|---|\n" + "| x | y |\n" * 80 + "\n"]
)
def test_definitions_are_not_parsed_again_with_each_piece(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []

    def counting(text: str, **options: bool) -> object:
        parsed.append(len(text))
        return parse(text, **options)

    monkeypatch.setattr(document, "parse", counting)
    text = before + "".join(f"[r{at}]: https://example.com/{at}\n" for at in range(1_500))
    stream(text, random.Random(1), 4_000)
    assert sum(parsed) < 8 * len(text)


def test_documents_one_after_another_stream_alike() -> None:
    for seed in range(40):
        dice = random.Random(seed)
        text = "\n".join(dice.sample(list(DOCUMENTS.values()), 4))
        assert looks(stream(text, dice, 30).rows) == looks(render(text, 60)), seed


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not name.startswith("reference")])
def test_borders_do_not_change_what_one_parse_gives(name: str) -> None:
    text = clean(DOCUMENTS[name])
    tokens, borders = parse(text)
    assert not borders
    builder = RowBuilder(text, 60)
    assert looks(render(text, 60)) == looks(builder.rows(builder.units(tokens)))


BLOCKS = ("- a", "  - b", "1. x", "2. y", "> q", "```", "~~~", "    i", "text", "# h", "---", "===", "", "")
ODD = (
    "|a|b|",
    "|-|-|",
    "|1|2|",
    "[r]: /u",
    "[r]",
    "-",
    "*",
    "  text",
    "   - c",
    "\t",
    "``` x",
    "[r]: /u 't",
    "t'",
    ">",
)
LINES = st.sampled_from(BLOCKS + ODD)


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(LINES, max_size=14), seed=st.integers(0, 10**6))
@example(lines=["[r]: /u 't", "===", "    i", "text", "t'"], seed=7)
@example(lines=["- [r]: /u 't", "  ===", "text", "t'"], seed=7)
@example(lines=["> [r]: /u 't", "> ===", "", "text", "t'"], seed=7)
def test_any_mix_of_lines_streams_alike(lines: list[str], seed: int) -> None:
    text = "\n".join(lines)
    assert looks(stream(text, random.Random(seed), 6, 40).rows) == looks(render(text, 40))


def test_a_replaced_text_starts_again() -> None:
    live = LiveMarkdown(60)
    live.update("one\n\ntwo\n\nthree\n\n", done=False)
    assert live.update("other", done=False) == 0
    assert [row.content.plain for row in live.rows] == ["other"]


def test_finished_rows_are_not_rendered_again() -> None:
    text = "".join(f"Paragraph {n} of an answer.\n\n" for n in range(300))
    live = LiveMarkdown(60)
    live.update(text, done=False)
    assert len(live.rows) - live.update(text + "more", done=False) <= 6


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.tuples(LINES, st.integers(1, 6)), max_size=12),
    seed=st.integers(0, 10**6),
)
def test_the_limits_for_huge_texts_stream_alike(lines: list[tuple[str, int]], seed: int) -> None:
    text = "\n".join(line for line, times in lines for _ in range(times))
    with pytest.MonkeyPatch.context() as patch:
        for module, limits in LIMITS.items():
            for name, value in limits.items():
                patch.setattr(module, name, value)
        assert looks(stream(text, random.Random(seed), 9, 40).rows) == looks(render(text, 40))


UNITS = ("x", " ", "word ", "> ", "    ", "|", "| a ", "- ", "\t", "漢")


@given(
    units=st.lists(st.tuples(st.sampled_from(UNITS), st.sampled_from((1, 5, 900, 9_000))), max_size=12),
    seed=st.integers(0, 10**6),
)
def test_a_long_line_is_broken_at_the_same_places_while_it_grows(
    units: list[tuple[str, int]], seed: int
) -> None:
    text, dice = "".join(unit * times for unit, times in units), random.Random(seed)
    grown, at = "", 0
    while at < len(text):
        arrived = text[at : at + dice.choice((7, 3_000, 9_000))]
        at += len(arrived)
        last = grown.rfind("\n") + 1
        grown = grown[:last] + broken(grown[last:] + arrived)
    assert grown == broken(text)


LIMITS = {
    document: {"PARAGRAPH": 60, "BLOCK": 90, "SAMPLE": 3, "SLICE": 50},
    blocks: {"SAMPLE": 3},
}


HEAD = "| Town | Note |\n|---|---|\n"


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        ("| Oslo | **bo", "bo"),
        ("| Oslo | **bold** and `co", "bold and co"),
        ("| Oslo | see [the list](https://ex", "see the list"),
        ("| **Os", "Os"),
        ("| Oslo | **bold** |", "bold"),
    ],
)
@pytest.mark.parametrize("rows", [0, 40])
def test_a_cell_that_is_still_arriving_shows_no_marks(cells: str, shown: str, rows: int) -> None:
    live = LiveMarkdown(60)
    live.update(HEAD + "| Graz | fine |\n" * rows + cells, done=False)
    last = live.rows[-1].content.plain
    assert shown in last
    assert not set("*`[") & set(last)
