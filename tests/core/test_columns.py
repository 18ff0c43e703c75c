"""Lists in columns: every line fits, what matters most is shown, and no row is lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from handinger_tui.core.columns import (
    COMFORT,
    Align,
    Column,
    ColumnMeasure,
    Layout,
    Row,
    cells_of,
    clip,
    in_order,
    text_lines,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=40)
FIGURES = st.sampled_from(("$1.25", "$12", "8 +2", "$0.0012 +1", "—", "not reported", ""))


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[Column], list[Row]]:
    columns = draw(
        st.lists(
            st.builds(
                Column,
                head=TEXTS,
                align=st.sampled_from(Align),
                rank=st.integers(0, 6),
                least=st.sampled_from((0, 0, 4, 12)),
                most=st.sampled_from((0, 0, 24)),
                close=st.booleans(),
                ids=st.booleans(),
            ),
            min_size=1,
            max_size=7,
        )
    )
    rows = []
    for _ in range(draw(st.integers(0, 5))):
        cells = tuple(draw(FIGURES if one.align is Align.POINT else TEXTS) for one in columns)
        values = {at: draw(st.integers(0, 9)) for at, one in enumerate(columns) if one.align is Align.BAR}
        rows.append(Row(cells, draw(TEXTS), briefs={0: "…"}, values=values))
    return columns, rows


@given(lists(), st.integers(20, 200))
def test_lines_are_equally_wide_and_fit(listed: tuple[list[Column], list[Row]], width: int) -> None:
    columns, rows = listed
    layout = Layout.fit(ColumnMeasure.of(columns, rows), width)
    lines = [layout.head(), *map(layout.line, rows)]
    widths = {sum(cells_of(text) for text, _ in line) for line in lines}
    assert len(widths) == 1
    assert widths <= set(range(width + 1))
    always = {at for at, one in enumerate(columns) if not one.rank and layout.measure.least(at)}
    assert always <= {at for at, _ in layout.visible}
    assert [at for at, _ in layout.visible] == sorted(at for at, _ in layout.visible)


def test_a_column_without_a_text_in_any_row_takes_no_room() -> None:
    columns = [Column("Name", least=8, fill=True), Column("Usual", rank=1), Column("Started by", rank=2)]
    rows = [Row(("one", "", "app")), Row(("two", "", ""))]
    assert shown(columns, rows, 24) == ["Name          Started by", "one           app", "two"]
    usual = [Row(("one", "3.1×", "app")), *rows]
    assert shown(columns, usual, 27)[0].split() == ["Name", "Usual", "Started", "by"]
    assert shown(columns, [], 40) == ["Name                   Usual  Started by"]


def test_figures_are_written_shorter_before_names_are_cut_with_their_points_below_one_another() -> None:
    columns = [Column("Title", least=10, fill=True), Column("Cost", Align.POINT)]
    rows = [
        Row(("echo first", "$0.00039 so far"), briefs={1: "$0.00039…"}),
        Row(("echo by night", "about $12"), briefs={1: "~$12"}),
    ]
    assert shown(columns, rows, 27) == [
        "Title                  Cost",
        "echo first        $0.00039…",
        "echo by night   ~$12",
    ]
    # The least cells of the title are reached long before, but it would be cut.
    assert shown(columns, rows, 36)[1:] == [
        "echo first                 $0.00039…",
        "echo by night            ~$12",
    ]
    assert shown(columns, rows, 37)[1:] == [
        "echo first            $0.00039 so far",
        "echo by night  about $12",
    ]


def test_a_long_name_is_not_cut_by_the_letters_that_a_shorter_figure_saves() -> None:
    columns = [Column("Title", least=10, fill=True), Column("Cost", Align.POINT)]
    rows = [Row(("n" * 30, "$0.0039 so far"), briefs={1: "$0.0039…"})]
    assert shown(columns, rows, 44)[1] == f"{'n' * 30}      $0.0039…"
    # Longer ones are cut anyhow: then the figure says all.
    longer = [Row(("n" * 40, "$0.0039 so far"), briefs={1: "$0.0039…"})]
    assert shown(columns, longer, 44)[1] == f"{'n' * 27}…  $0.0039 so far"


EMOJI = (
    "\U0001f44d\U0001f3fd tea",  # a skin tone
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 tea",  # joined
    "\U0001f469\U0001f3fd\u200d\U0001f680",
    "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\u2764\ufe0f",  # a sign that is shown as an emoji
    "\u2764",
    "1\ufe0f\u20e3",
    "\U0001f1e9\U0001f1ea",  # a flag
    "\u6f22\u5b57 e\u0301 \u0634\u0627\u064a",
)


@pytest.mark.parametrize("text", EMOJI)
def test_joined_emoji_take_the_cells_of_one(text: str) -> None:
    """As the app counts, whose library knows more of them."""
    assert cells_of(text) == cell_len(text)
    lines = shown([Column("A"), Column("B")], [Row((text, "end")), Row(("plain text", "end"))], 60)
    assert len({cell_len(line[: line.rindex("end")]) for line in lines[1:]}) == 1
    for width in range(1, 9):
        assert cell_len(clip(text, width)) <= width


def shown(columns: list[Column], rows: list[Row], width: int) -> list[str]:
    return text_lines(columns, rows, width)


def test_the_lowest_rank_gets_room_first_and_a_name_grows_into_the_rest() -> None:
    columns = [Column("Name", least=6), Column("Cost", Align.POINT, rank=1), Column("Note", rank=2)]
    rows = [Row(("A long name", "$1.5", "first")), Row(("B", "$12.25", "second"))]
    assert shown(columns, rows, 40) == [
        "Name           Cost  Note",
        "A long name   $1.5   first",
        "B            $12.25  second",
    ]
    assert shown(columns, rows, 20) == ["Name           Cost", "A long name   $1.5", "B            $12.25"]
    assert shown(columns, rows, 8) == ["Name", "A long…", "B"]
    assert shown([Column(), Column()], [Row(("first", "second word"))], 10) == ["fir…  sec…"]


def test_a_name_is_comfortable_before_an_idle_column_is_shown() -> None:
    columns = [Column("Name", least=6), Column("Idle", rank=3)]
    rows = [Row(("n" * 60, "word"))]
    assert shown(columns, rows, COMFORT + 5)[0] == "Name"
    assert shown(columns, rows, COMFORT + 6)[0].endswith("Idle")


def test_a_column_without_a_text_takes_no_room_and_a_list_without_heads_has_none() -> None:
    assert shown([Column(), Column(), Column(close=True)], [Row(("a", "", "b"), "below")], 20) == [
        "a b",
        "  below",
    ]


def test_the_shorter_text_stands_where_the_full_one_has_no_room() -> None:
    columns = [Column("Price"), Column("ID", rank=5)]
    rows = [Row(("~$0.04 a run, ~$1.20 a month", "sch_1"), briefs={0: "~$1.20 a month"})]
    assert shown(columns, rows, 40)[1] == "~$0.04 a run, ~$1.20 a month  sch_1"
    assert shown(columns, rows, 25)[1] == "~$1.20 a month  sch_1"


def test_a_name_is_comfortable_before_full_texts_stand_for_shorter_ones() -> None:
    columns = [Column(least=4, fill=True), Column()]
    rows = [Row(("n" * 30, "$0.10 simulated"), briefs={1: "$0.10 sim."})]
    assert shown(columns, rows, COMFORT + 2 + 14) == ["n" * 27 + "…  $0.10 sim."]
    assert shown(columns, rows, COMFORT + 2 + 15) == ["n" * 23 + "…  $0.10 simulated"]


def test_bars_are_in_proportion_and_ids_are_cut_in_the_middle() -> None:
    columns = [Column(ids=True, least=5), Column(align=Align.BAR, least=4)]
    rows = [Row(("wrk_0123456789", ""), values={1: Decimal(2)}), Row(("w", ""), values={1: Decimal(1)})]
    assert shown(columns, rows, 11) == ["wr…89  ████", "w      ██"]


def test_rows_are_sorted_by_value_else_by_text_and_unknown_ones_come_last() -> None:
    rows = [Row(("b",), values={0: 2}), Row(("a",)), Row(("c",), values={0: 1}), Row(("D",))]
    assert in_order(rows, 0) == [2, 0, 1, 3]
    assert in_order(rows, 0, descending=True) == [0, 2, 3, 1]


@pytest.mark.parametrize(("words", "has"), [((), True), (("re", "two"), True), (("three",), False)])
def test_a_filter_finds_words_in_both_lines(words: tuple[str, ...], has: bool) -> None:
    assert Row(("Report", "x"), "Line Two").has(words) is has


def test_wide_characters_are_counted_in_cells() -> None:
    assert clip("日本語テキスト", 7) == "日本語…"
    assert shown([Column(), Column()], [Row(("日本", "x")), Row(("ab", "y"))], 20) == ["日本  x", "ab    y"]


def test_an_amount_is_complete_where_a_text_can_be_cut() -> None:
    columns = [Column(least=10, fill=True), Column(align=Align.RIGHT)]
    rows = [Row(("About heat pumps", "$1,234.50 so far")), Row(("About tea", "$12.35"))]
    assert shown(columns, rows, 24) == ["About…  $1,234.50 so far", "About…            $12.35"]


def test_a_heading_stands_above_the_rows_that_begin_with_it() -> None:
    rows = [Row(("a",), above="First"), Row(("b",), below="more"), Row(("c",), above="Second")]
    assert text_lines([Column()], rows, 20) == ["First", "a", "b", "  more", "Second", "c"]
