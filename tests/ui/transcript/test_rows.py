"""Rows: links, tables, wrapping, error cards, and the cost of huge or hostile texts."""

from __future__ import annotations

import gc
import re
import time
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.content import Content
from textual.style import Style

from handinger_tui.core.evidence import one_line
from handinger_tui.core.turns.turn import ErrorKind, Fault, TurnStatus
from handinger_tui.ui.transcript.blocks import inline
from handinger_tui.ui.transcript.document import LiveMarkdown, render
from handinger_tui.ui.transcript.painting import LINE, broken, width_of, wrapped
from handinger_tui.ui.transcript.rows import (
    ERROR_TITLES,
    ProgressLine,
    RowOptions,
    TurnEnd,
    ending_rows,
    pretty,
    progress_rows,
    slot_rows,
    slots_of,
)
from tests.ui.pilot import running
from tests.ui.transcript.documents import DOCUMENTS
from tests.ui.transcript.sample import COMPLETE, FAILED, LIVE, RECEIPT
from tests.ui.transcript.screen import Stage, session, text_part, turn


def plain(text: str, width: int = 60) -> list[str]:
    return [(row.first + row.content).plain for row in render(text, width)]


def hrefs(content: Content) -> list[str]:
    styles = [span.style for span in content.spans if isinstance(span.style, Style)]
    return [style.meta["@click"][1][0] for style in styles if style.meta]


@pytest.mark.parametrize(
    ("source", "shown", "href"),
    [
        ("[here](https://e.example/a%2Fb?s=x%2By%3D)", "here", "https://e.example/a%2Fb?s=x%2By%3D"),
        ("[https://bank.example](https://evil.example/)", "https://bank.example (evil.example)", "https://evil.example/"),
        ("<https://bank.example@evil.example/>", "https://bank.example@evil.example/ (leads to evil.example)",
         "https://bank.example@evil.example/"),
        ("![chart](https://e.example/c.png)", "▣ chart", "https://e.example/c.png"),
        ("![](https://e.example/c.png)", "▣ e.example", "https://e.example/c.png"),
        ("[x](vscode://open)", "x", "vscode://open"),
    ],
)  # fmt: skip
def test_links_keep_their_address_and_show_where_they_lead(source: str, shown: str, href: str) -> None:
    content = inline(source)
    assert content.plain == shown
    assert hrefs(content) == [href]
    assert not any(isinstance(span.style, Style) and span.style.link for span in content.spans)


def test_decoded_escapes_are_cleaned_too() -> None:
    content = inline("http://e.example/%1b%5D52;c;x%07 and &#27;]0;t&#x9b;m &#8238;x")
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or char == "\u202e" for char in content.plain)


def test_addresses_are_links_and_file_names_are_not() -> None:
    content = inline("See setup.py and README.md, https://e.example/x or me@example.com.")
    assert hrefs(content) == ["https://e.example/x", "mailto:me@example.com"]


def test_html_is_shown_as_text() -> None:
    assert plain("a <b>bold</b>\n\n<script>x</script>\n") == ["a <b>bold</b>", "", "<script>x</script>"]


def test_tables_fit_the_width_and_wrap_their_cells() -> None:
    text = "| name | what |\n|---|---|\n| a | " + "many words " * 12 + "|\n| 東京 | 値 |\n"
    lines = plain(text, 40)
    assert {width_of(line) for line in lines} == {40}
    assert lines[0].startswith("name │ what")
    assert len(lines) > 5


def streamed(text: str) -> list[str]:
    """The rows of an unfinished text."""
    live = LiveMarkdown(60)
    live.update(text, done=False)
    return [(row.first + row.content).plain for row in live.rows]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A **bold wo", "A bold wo"),
        ("A **", "A"),
        ("A **bold*", "A bold"),
        ("**a** and **b", "a and b"),
        ("see `code wi", "see code wi"),
        ("~~gone", "gone"),
        ("Read [the docs](https://docs.example/a/b", "Read the docs"),
        ("- one\n- **two", "• two"),
        ("## A **title", "A title"),
        # No marks.
        ("5*3 is 15", "5*3 is 15"),
        ("a * b * c", "a * b * c"),
        ("snake_case and __init__", "snake_case and __init__"),
        (r"\**a", "*a"),
        ("[1", "[1"),
        ("`a` and b", "a and b"),
        ("**" + "long " * 80, "**" + "long " * 11),
    ],
)
def test_a_half_open_mark_is_not_shown_while_more_may_come(text: str, shown: str) -> None:
    assert any(line.rstrip().startswith(shown.rstrip()) for line in streamed(text))
    assert not [line for line in streamed(text) if line.count("**") > shown.count("**")]


def test_a_mark_without_an_end_is_shown_once_the_text_is_complete() -> None:
    assert plain("A **bold wo") == ["A **bold wo"]
    # It cannot continue after an empty line.
    assert streamed("A **bold wo\n\nNext **b")[0] == "A **bold wo"


COUNTS = (
    "| column | type | missing | smallest |\n|---|---|---|---|\n"
    "| order_number | integer | 0 | Aaron Something Very Long |\n"
)


@pytest.mark.parametrize("width", range(20, 90, 3))
def test_no_word_of_a_table_is_broken_before_it_becomes_records(width: int) -> None:
    lines = plain(COUNTS, width)
    words = {word for line in lines for word in re.split(r"[ │┆─┼:]+", line)} - {""}
    assert {"column", "type", "missing", "smallest", "order_number", "integer", "Something"} <= words
    assert max(map(width_of, lines)) <= width or lines[0] == "column: order_number"


def test_a_line_that_continues_a_row_of_a_table_shows_it() -> None:
    lines = plain(COUNTS, 56)
    assert lines[2].startswith("order_number │ integer │ 0       │ Aaron")
    assert lines[3].startswith("             ┆         ┆         ┆ ")
    assert "│" not in lines[3]


def test_tables_of_too_many_columns_become_records() -> None:
    columns = [f"c{n}" for n in range(20)]
    text = f"|{'|'.join(columns)}|\n|{'-|' * 20}\n" + f"|{'|'.join(str(n) for n in range(20))}|\n" * 2
    lines = plain(text, 60)
    assert lines[:2] == ["c0: 0", "c1: 1"]
    assert lines[20] == ""
    assert len(lines) == 41


def test_lines_break_between_wide_characters_but_not_before_closing_marks() -> None:
    lines = [line.plain for line in wrapped(Content("見出しの文章は、「同じように」折り返します。"), 10)]
    assert all(width_of(line) <= 10 for line in lines)
    assert not any(line[0] in "、。」" for line in lines)


@settings(max_examples=100, deadline=None)
@given(
    letters=st.lists(
        st.sampled_from([*"ab 東、。é-\n", "👍🏽", "👨\u200d👩\u200d👧", "e\u0301"]), max_size=80
    ),
    width=st.integers(2, 30),
)
def test_wrapping_loses_no_visible_character(letters: list[str], width: int) -> None:
    text = "".join(letters)
    lines = [line.plain for line in wrapped(Content(text), width)]
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(width_of(line) <= width for line in lines)


def test_long_lines_are_broken_where_there_is_a_space() -> None:
    text = "word " * 2_000
    assert broken(text).replace("\n", "") == text
    assert max(map(len, broken(text).split("\n"))) <= LINE


@pytest.mark.parametrize("width", [24, 60, 140])
async def test_every_line_fills_the_width_exactly(width: int) -> None:
    app = Stage(session(*(turn(n, text_part(text)) for n, text in enumerate(DOCUMENTS.values()))))
    async with running(app, size=(width, 30)) as pilot:
        await pilot.pause()
        layout = app.transcript.transcript_layout
        for number in range(len(layout.turns)):
            layout.measure(number)
            for y in range(layout.start(number), layout.start(number) + layout.turns[number].height):
                strip = app.transcript.line(y)
                assert sum(width_of(segment.text) for segment in strip) == width, strip.text


@pytest.mark.parametrize("status", sorted(ERROR_TITLES))
def test_a_turn_that_came_to_nothing_is_one_line(status: TurnStatus) -> None:
    for kind, charged in product([None, *ErrorKind], [True, False]):
        fault = Fault(kind, "It broke.", 503, may_have_been_charged=charged) if kind else None
        (row,) = ending_rows(TurnEnd(status, fault, (), None, next_step="Enter to resend."), 200)
        text = row.content.plain
        assert text.endswith("Enter to resend.")
        assert kind is None or text.count("It broke (503).") == 1, text
        assert ("not charged" in text) is (status in (TurnStatus.REJECTED, TurnStatus.NOT_DELIVERED)), text
        is_charged = kind is None or charged
        assert ("you may be charged." in text) is (status is TurnStatus.RUNNING and is_charged), text
        assert ("What arrived is saved." in text) is (status is TurnStatus.INCOMPLETE and is_charged), text


def test_the_line_omits_the_content_of_the_title_before_it_wraps() -> None:
    ending = TurnEnd(TurnStatus.REJECTED, Fault(ErrorKind.CONFLICT, "The worker is busy.", 409), (), None)
    full = "Rejected, not charged: The worker is busy (409)."
    for width, text in ((50, full), (49, "Rejected: The worker is busy (409).")):
        assert ending_rows(ending, width)[0].content.plain == text


def test_a_turn_whose_answer_began_is_not_of_unknown_delivery() -> None:
    fault = Fault(ErrorKind.INCOMPLETE, "The answer was never finished.")
    for has_begun, title in ((True, "Outcome unknown"), (False, "Delivery unknown")):
        ending = TurnEnd(TurnStatus.UNKNOWN, fault, (), None, has_begun=has_begun)
        assert ending_rows(ending, 80)[0].content.plain == f"{title}: The answer was never finished."


def test_every_live_status_has_a_line() -> None:
    for status in (TurnStatus.QUEUED, TurnStatus.SENDING, TurnStatus.ACCEPTED, TurnStatus.CHECKING):
        assert progress_rows(ProgressLine(status, None, quiet=True))[0].content.plain
    assert progress_rows(ProgressLine(TurnStatus.ACCEPTED, None, quiet=False)) == []
    assert (
        progress_rows(ProgressLine(TurnStatus.ACCEPTED, "reads\x1b a\nfile", quiet=False))[0].content.plain
        == "reads a file"
    )


def test_every_slot_of_a_turn_has_rows() -> None:
    for shown in (COMPLETE, FAILED, LIVE):
        for slot in slots_of(shown, RECEIPT):
            assert slot_rows(slot, RowOptions(40)), slot


def test_values_are_shown_exactly_and_in_short() -> None:
    assert (
        pretty({"a": [Decimal("1.10"), None, True]}) == '{\n  "a": [\n    1.10,\n    null,\n    true\n  ]\n}'
    )
    assert one_line({"query": "two\nlines"}) == "two lines"
    assert one_line({"a": 1, "b": ["x", "y"]}) == "a: 1, b: x, y"
    deep: object = 1
    for _ in range(150):
        deep = [deep]
    assert "…" in pretty(deep)


FLOODS = {
    "long table": "|a|b|\n|-|-|\n" + "|some words|*x*|\n" * 3_000,
    "many items": "- item with words\n" * 10_000,
    "nested items": "- root\n" + "  - child with words\n" * 10_000,
    "deep quote": ">" * 5_000 + " x",
    "deep list": "".join("  " * depth + "- x\n" for depth in range(150)),
    "emphasis": "*a_" * 20_000,
    "brackets": "[" * 50_000,
    "pictures": "![" * 20_000,
    "one line": "A" * 1_000_000,
    "many lines": "line\n" * 40_000,
    "big code": "```python\n" + "def f(x):\n    return x\n" * 6_000 + "```\n",
    "wide table": "|" + "c|" * 300 + "\n|" + "-|" * 300 + "\n" + ("|" + "x|" * 300 + "\n") * 20,
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_are_laid_out_in_bounded_time(name: str) -> None:
    # CPU time of this process, with room for a slow machine (3 s seen): quadratic work would take minutes.
    start = time.process_time()
    assert render(FLOODS[name], 80)
    assert time.process_time() - start < 25


@pytest.fixture
def settled_heap() -> None:
    """As in the app: the garbage collector does not scan earlier objects again."""
    gc.collect()
    gc.freeze()


@pytest.mark.usefixtures("settled_heap")
@pytest.mark.parametrize("name", FLOODS)
def test_floods_never_hold_up_a_paint_for_long(name: str) -> None:
    text = FLOODS[name]
    live, longest = LiveMarkdown(80), 0.0
    step = max(300, len(text) // 20)
    for end in range(step, len(text), step):
        start = time.process_time()
        live.update(text[:end], done=False)
        longest = max(longest, time.process_time() - start)
    assert longest < 0.6


def test_a_refused_turn_during_a_rise_does_not_claim_to_be_free() -> None:
    fault = Fault(ErrorKind.PAYMENT, "No credits.", 402, may_have_been_charged=False)
    ending = TurnEnd(TurnStatus.REJECTED, fault, (), None, "The worker's figures rose.")
    text = ending_rows(ending, 200)[0].content.plain
    assert "not charged" not in text
    assert "figures rose" in text
