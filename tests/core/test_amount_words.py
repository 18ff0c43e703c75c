"""Amounts in words: exact, about, so far, unknown; one rounding; columns with the same digits."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.amounts import (
    Total,
    Unit,
    amount_text,
    bare_text,
    count_within,
    exact_text,
    fitted,
    legend,
)
from handinger_tui.core.columns import aligned
from handinger_tui.core.decimals import tidy

odd = st.decimals(allow_nan=True, allow_infinity=True)
amounts = st.decimals(0, Decimal(10) ** 50, allow_nan=False, allow_infinity=False, places=12)
units = st.sampled_from(Unit)


@given(odd, units)
def test_any_amount_has_a_text_and_none_is_a_false_zero(value: Decimal, unit: Unit) -> None:
    for text in (amount_text(value, unit), bare_text(value, unit)):
        assert text == "unknown" or "E" not in text
        assert len(text) < 120
        if text != "unknown" and value:
            assert text.startswith(("<", "-<")) or any(digit in "123456789" for digit in text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        ("0", "$0.00"),
        ("0.009216", "$0.0092"),
        ("0.0123", "$0.0123"),
        ("0.00043219", "$0.00043"),
        ("0.000012345678", "$0.000012"),
        ("0.5", "$0.50"),
        ("0.99999", "$1.00"),
        ("1.23456", "$1.23"),
        ("1234.5", "$1,234.50"),
        ("-0.0123", "-$0.0123"),
        ("1E-20", "<$0.000000000001"),
        ("NaN", "unknown"),
        ("Infinity", "unknown"),
    ],
)
def test_usd_for_people(value: str | None, text: str) -> None:
    assert amount_text(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), ("8", "8 credits"), ("1", "1 credit"), ("12.50", "12.5 credits"), ("0", "0 credits")],
)
def test_credits_for_people(value: str | None, text: str) -> None:
    assert amount_text(None if value is None else Decimal(value), Unit.CREDITS) == text


@given(st.integers(10**27, 10**59), st.sampled_from(["", "-"]))
def test_a_large_amount_is_shown_with_all_its_digits(number: int, sign: str) -> None:
    """Also where it has more digits than Python's usual arithmetic keeps."""
    assert amount_text(Decimal(f"{sign}{number}")) == f"{sign}${number:,}.00"


@given(amounts, units)
def test_an_exact_text_has_all_digits(value: Decimal, unit: Unit) -> None:
    number = exact_text(value, unit).split()[0].removeprefix("$").replace(",", "")
    assert Decimal(number) == tidy(value)


SOME = Decimal("1.23")


@pytest.mark.parametrize(
    ("amount", "words", "cell"),
    [
        (Total(SOME), "$1.23", "$1.23"),
        (Total(SOME, doubtful=True), "about $1.23", "~$1.23"),
        (Total(SOME, unsettled=True), "$1.23 so far", "$1.23…"),
        (Total(SOME, shared=True), "up to $1.23", "~$1.23"),
        (Total(SOME, 2), "$1.23 + 2 unknown", "$1.23"),
        (Total(SOME, 1, open_turns=1), "$1.23 so far", "$1.23…"),
        (Total(SOME, 1_203, True, 3), "about $1.23 so far + 1,200 unknown", "~$1.23…"),
        (Total(None, 3), "unknown", "—"),
        (Total(None, 1, unsettled=True), "unknown so far", "…"),
    ],
)
def test_three_words(amount: Total, words: str, cell: str) -> None:
    assert amount.words() == words
    assert amount.cell() == cell


def test_a_legend_explains_the_signs_that_occur() -> None:
    assert legend([Total(SOME).cell()]) == ""
    assert legend([Total(SOME, 1, open_turns=1).cell(), Total(None, 1).cell()]) == "… so far · — unknown"
    assert legend([Total(SOME, shared=True).cell()]) == "~ about"


def test_what_turns_cost_is_in_usd_else_in_credits_and_their_price() -> None:
    credit = Total(Decimal(8), unsettled=True)
    assert Total(SOME).cost_words(credit) == "$1.23"
    assert Total(None).cost_words(credit) == "8 credits so far"
    assert Total(None).cost_words(credit, Decimal("0.08")) == "8 credits so far (about $0.08)"
    assert Total(None, 1).cost_words(Total(None, 1)) == "unknown"


def test_a_column_is_aligned_at_the_point() -> None:
    cells = aligned(["$0.0092…", "~$12.50", "—", "$1,234.00", "8"])
    assert len({one.index(".") for one in cells if "." in one}) == 1
    assert len({len(one) for one in cells if one != "—"}) == 1


@pytest.mark.parametrize(
    ("values", "width", "texts"),
    [
        (["0.0123", "12.5"], 7, ["$0.0123", "$12.50"]),
        (["0.001234", "12.5"], 6, ["$0.001", "$12.50"]),
        (["0.001234", "0.5"], 7, ["$0.0012", "$0.50"]),
        (["1234567"], 6, ["$1.23M"]),
        (["0"], 6, ["$0.00"]),
    ],
)
def test_a_narrow_column_has_fewer_digits_in_every_row(
    values: list[str], width: int, texts: list[str]
) -> None:
    assert fitted([Decimal(value) for value in values], width) == texts


@given(st.lists(amounts, max_size=4), st.integers(7, 20), units)
def test_a_column_fits_and_has_no_false_zero(values: list[Decimal], width: int, unit: Unit) -> None:
    for value, text in zip(values, fitted(values, width, unit), strict=True):
        assert len(text) <= width
        assert not value or text.startswith("<") or any(digit in "123456789" for digit in text)


@given(st.integers(0, 10**60), st.integers(7, 20))
def test_counts_fit(value: int, width: int) -> None:
    assert len(count_within(value, width)) <= width
    assert count_within(value, 100) == f"{value:,}"
