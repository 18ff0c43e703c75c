"""Tables: counts that are true, and large or broken files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.core.previews.tables import (
    KEEP_CELLS,
    KEEP_COLUMNS,
    STEP,
    TableModel,
    TableReader,
    is_number,
    table_of_value,
)
from handinger_tui.core.previews.trees import tree_of_json
from tests.core.table_samples import read_table, table_of_rows


def test_a_table_is_read() -> None:
    table = read_table(b'name,n\r\n"Doe, J.",1\r\n"two\nlines","say ""x"""\r\n')
    assert table.header == ("name", "n")
    assert table.rows == [("Doe, J.", "1"), ("two\nlines", 'say "x"')]
    assert (table.counted, table.exact, table.notes) == ("2 rows × 2 columns", True, ())


@pytest.mark.parametrize(
    ("data", "delimiter"),
    [
        (b"a,b\n", ","),
        (b"a;b,c;d\n", ";"),
        (b'"x;y;z",b\n', ","),
        (b"a\tb\n", "\t"),
        (b"title\na|b\n", "|"),
        (b"", ","),
        (b"sep=^\r\na^b\r\n", "^"),
        (b"sep=a\na,b\n", ","),
    ],
)
def test_the_delimiter_is_detected(data: bytes, delimiter: str) -> None:
    assert TableReader(data).delimiter == delimiter


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_a_line_that_names_the_delimiter_is_not_a_header(start: bytes) -> None:
    table = read_table(start + b"sep=;\r\na;b\r\n1,5;2\r\n")
    assert (table.header, table.rows, table.total) == (("a", "b"), [("1,5", "2")], 1)


def test_ragged_rows_are_counted_and_kept() -> None:
    table = read_table(b"a,b\n1\n1,2,3\n\n1,2\n")
    assert table.header == ("a", "b", "3")
    assert table.rows == [("1",), ("1", "2", "3"), ("1", "2")]
    assert table.counted == "3 rows × 3 columns, 2 rows uneven"


def test_rows_of_numbers_only_have_no_header() -> None:
    table = read_table(b"1,2\n3,4\n")
    assert (table.header, table.total) == (("1", "2"), 2)
    assert table.notes == ("no header (the first row has only numbers)",)
    assert read_table(b"country,1990,1991\nx,1,2\n").header == ("country", "1990", "1991")


def test_columns_of_numbers_are_known() -> None:
    assert read_table(b"n,t\n10,b\n9.5,A\n,c\n1e2,\n-3%,a\n").numeric == (True, False)


@pytest.mark.parametrize("text", ["1,000", "nan", "Infinity", "0x1f", "1e99999", "", ".", "-", "١", "1_0"])
def test_cells_that_are_not_plain_numbers_are_text(text: str) -> None:
    assert not is_number(text)


def test_cells_are_cleaned_and_encodings_detected() -> None:
    assert read_table("a,b\x1b[2J\r\nx\u2028y,\u202ez\r\n".encode()).rows == [("x y", "z")]
    assert read_table("é,b\n1,x\n".encode("utf-16")).header == ("é", "b")
    latin = read_table("é,b\n1,x\n".encode("latin-1"))
    assert latin.header == ("é", "b")
    assert latin.notes


def test_an_empty_file_is_an_empty_table() -> None:
    for data in (b"", b"\n\n", b"\xef\xbb\xbf"):
        assert read_table(data).counted == "0 rows × 0 columns"


def test_a_quote_that_never_ends_stops_the_reading() -> None:
    table = read_table(b'a,b\n1,2\n3,"' + b"x,y\n" * 100_000)
    assert table.rows == [("1", "2")]
    assert not table.exact
    assert table.notes[0].startswith("reading stopped at line ")


def test_the_count_of_a_partial_file_is_a_minimum() -> None:
    assert read_table(b"a,b\n1,2\n3,", complete=False).counted == "first 2 of at least 2 rows × 2 columns"


def test_many_columns_are_cut_and_counted() -> None:
    wide = ",".join(map(str, range(2000)))
    table = read_table(f"c{wide}\nx{wide}\n".encode())
    assert len(table.header) == len(table.rows[0]) == KEEP_COLUMNS
    assert table.counted == "1 row × first 500 of 2,000 columns"


def test_a_large_table_is_read_in_steps_and_counted_completely() -> None:
    rows = 300_000
    data = b"id,name,value,kind\r\n" + b"".join(b"%d,name %d,%d.5,x\r\n" % (n, n, n) for n in range(rows))
    assert len(data) > 5_000_000
    reader = TableReader(data)
    steps = 1
    # Measured: 5 ms for a step.
    while reader.step():
        assert reader.total <= steps * STEP
        steps += 1
    assert steps > rows / STEP
    table = reader.model()
    assert (table.total, len(table.rows)) == (rows, KEEP_CELLS // 4)
    assert table.counted == "first 250,000 of 300,000 rows × 4 columns"
    assert not reader.step()


def test_a_model_between_two_steps_is_consistent() -> None:
    reader = TableReader(b"a\n" + b"x\n" * 10)
    assert reader.step(5)
    assert reader.model().counted == "first 4 of at least 4 rows × 1 column"
    assert reader.total == 4


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_make_a_table(data: bytes, complete: bool) -> None:
    table = read_table(data, complete=complete)
    assert table.total == len(table.rows)


# -- JSON ------------------------------------------------------------------------
def of_json(text: str) -> TableModel | None:
    root = tree_of_json(text.encode()).root
    assert root is not None
    return table_of_value(root.value)


def test_objects_are_a_table_of_all_their_keys() -> None:
    table = of_json('[{"a": 1.50, "b": "x\\u001b"}, {"c": null, "a": [1, {"d": 2.0}]}, {}]')
    assert table is not None
    assert table.header == ("a", "b", "c")
    assert table.rows == [("1.50", "x", ""), ('[ 1, { "d": 2.0 } ]', "", "null"), ("", "", "")]
    assert (table.counted, table.numeric) == ("3 rows × 3 columns, 3 rows uneven", (False, False, False))


def test_arrays_are_a_table_without_names() -> None:
    table = of_json("[[1, 2], [3]]")
    assert table is not None
    assert (table.header, table.rows, table.numeric) == (("1", "2"), [("1", "2"), ("3",)], (True, True))


@pytest.mark.parametrize("text", ["[]", "{}", "[1, 2]", '[{"a": 1}, 2]', "[{}, {}]", "[[], []]", '"x"'])
def test_other_values_are_not_a_table(text: str) -> None:
    assert of_json(text) is None


def test_rows_that_are_clean_make_a_table() -> None:
    assert table_of_rows(("a",), [("1",), ("2", "3")]).counted == "2 rows × 1 column, 1 row uneven"
