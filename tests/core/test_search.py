"""The query language of the search, and its matches."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handinger_tui.core.amounts import Total
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.periods import midnight
from handinger_tui.core.search import CostBound, Query, Term, folded, parse_query, snippet_of
from handinger_tui.core.tags import NO_LABELS, Labels
from handinger_tui.core.turns.session import SessionSummary

NOW = datetime.fromisoformat("2026-11-27T12:00").astimezone()
"""Noon wherever the tests run."""


def parsed(text: str, *, typing: bool = False) -> Query:
    return parse_query(text, NOW, typing=typing)


PIECES = (
    *(
        "-",
        '"',
        "*",
        "cost",
        ">",
        "=",
        ":",
        "has:file",
        "status:failed",
        "since:",
        "7d",
        "AND",
        "NOT",
        "(",
        ")",
    ),
    *("word", " ", "\u6771\u4eac", "\ud800", "\x00", "^", "{", "NEAR(", "\u0130", "\U0001f389", "'", ";"),
)
QUERY_TEXT = st.text() | st.lists(st.sampled_from(PIECES)).map("".join)


@given(QUERY_TEXT)
@example('"')
@example("-")
@example("cost>")
@example("-" * 50)
def test_any_text_is_a_query_or_gets_a_message(text: str) -> None:
    query = Query()
    with suppress(SettingsError):
        query = parsed(text)
    for term in (*query.terms, *query.excluded):
        assert term.words
        assert folded(term.words).strip() == term.words


def test_words_phrases_prefixes_and_exclusions() -> None:
    query = parsed('Größe "the river" need* -Draft')
    assert query.terms == (Term("grosse"), Term("the river"), Term("need", prefix=True))
    assert query.excluded == (Term("draft"),)
    assert query.matches("GRÖSSE of the\nriver", "needles")
    assert not query.matches("GRÖSSE of the", "river needles")
    assert not query.matches("GRÖSSE of the river: draft", "needles")


def test_the_last_word_is_not_complete_while_it_is_typed() -> None:
    assert parsed("a need", typing=True).terms == (Term("a"), Term("need", prefix=True))
    assert parsed("need ", typing=True).terms == (Term("need"),)
    assert parsed('"need"', typing=True).terms == (Term("need"),)


def test_filters() -> None:
    query = parsed("worker:wrk_1 status:not-sent budget:low has:file has:source cost>=0.5 cost<2 since:today")
    assert (query.workers, query.statuses, query.budgets) == (("wrk_1",), ("not_sent",), ("low",))
    assert (query.has_file, query.has_source) == (True, True)
    assert query.costs == (CostBound(">=", Decimal("0.5")), CostBound("<", Decimal(2)))
    assert query.since_ms is not None
    assert query.since_ms <= NOW.timestamp() * 1000


@pytest.mark.parametrize(
    ("word", "since", "until"),
    [
        ("today", "2026-11-27", "2026-11-28"),
        ("yesterday", "2026-11-26", "2026-11-27"),
        ("7d", "2026-11-21", "2026-11-21"),
        ("month", "2026-11-01", "2026-12-01"),
    ],
)
def test_times_are_those_of_the_costs(word: str, since: str, until: str) -> None:
    query = parsed(f"since:{word} until:{word}")
    moments = [round(midnight(date.fromisoformat(day)).timestamp() * 1000) for day in (since, until)]
    assert [query.since_ms, query.until_ms] == moments


@pytest.mark.parametrize(
    ("text", "admitted"),
    [
        ("tag:client", True),
        ("tag:Client-A", True),
        ("tag:cli tag:q", True),
        ("tag:lient", False),
        ("tag:cli tag:x", False),
        ("project:ac", True),
        ("project:x project:acme", True),
        ("project:acme2", False),
    ],
)
def test_the_beginning_of_a_tag_suffices(text: str, admitted: bool) -> None:
    labels = Labels(("client-a",), rules=("q4",), project="acme")
    assert parsed(text).admits_labels(labels) is admitted
    assert not parsed(text).admits_labels(NO_LABELS)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("statsu:failed", "status:"),
        ("status:faild", "status:failed"),
        ("has:flie", "has:file"),
        ("costs>1", "cost:"),
        ("x:y", "Filters: worker"),
        ("since:soon", "7d"),
        ("cost>much", "cost>0.5"),
        ("worker:", "worker:"),
        ("-status:failed", "Words"),
        ("-only", "Words"),
    ],
)
def test_a_filter_that_does_not_exist_is_never_ignored(text: str, suggestion: str) -> None:
    with pytest.raises(SettingsError) as problem:
        parsed(text)
    assert suggestion in problem.value.hint


@pytest.mark.parametrize("text", ["https://a.example/b", "std::move", "a>b", '"status:failed"', "12:30"])
def test_text_that_only_looks_like_a_filter_is_text(text: str) -> None:
    query = parsed(text)
    assert query == Query(terms=query.terms)
    assert query.terms


def test_an_unknown_cost_matches_no_bound() -> None:
    row = SessionSummary("ses", None, "", 0, 0, 1, None)
    priced = SessionSummary("ses", None, "", 0, 0, 1, None, usd=Total(Decimal(1)))
    gaps = SessionSummary("ses", None, "", 0, 0, 2, None, usd=Total(Decimal(1), 1))
    bounds = ["cost>0.5", "cost>=1", "cost<2", "cost<=1", "cost=1", "cost>1", "cost<1"]
    assert [parsed(one).admits_cost(row) for one in bounds] == [False] * 7
    assert [parsed(one).admits_cost(priced) for one in bounds] == [True] * 5 + [False] * 2
    assert [parsed(one).admits_cost(gaps) for one in bounds] == [True] * 2 + [False] * 5


def test_a_snippet_marks_the_matches_in_the_original_text() -> None:
    query = parsed("grösse 京の nee*")
    texts = [
        ("prompt", "nothing"),
        ("answer", "x " * 200 + "Die Gro\u0308ße, 東京の天気\n\x1bneedles " + "y" * 300),
    ]
    snippet = snippet_of(query, texts)
    assert snippet.where == "answer"
    assert "[Größe], 東[京の]天気 " in snippet.marked("[", "]")
    assert "[needles]" in snippet.marked("[", "]")
    assert "\x1b" not in snippet.text
    assert "\n" not in snippet.text


def test_a_match_at_the_end_of_a_long_text_is_found_in_it() -> None:
    snippet = snippet_of(parsed("nadel 東京"), [("answer", "größer " * 5_000 + "Nadel 東京 am Ende")])
    assert snippet.marked("[", "]").endswith("größer [Nadel] [東京] am Ende")


@given(st.text(max_size=60), st.integers(0, 30), st.integers(1, 10))
def test_a_piece_of_a_text_in_complete_words_matches_it(text: str, start: int, count: int) -> None:
    words = folded(text).split()[start : start + count]
    if words:
        query = Query(terms=(Term(" ".join(words)),))
        assert query.matches(text)
        assert snippet_of(query, [("answer", text)]).where == "answer"
