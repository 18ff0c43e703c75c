"""Sources: equality, numbers, groups and marks; files of a turn."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.evidence import (
    SourceIndex,
    address_marks,
    cached_host,
    canonical_url,
    document_url,
    file_name,
    files_of_turn,
    host_marks,
    sources_of,
    unicode_host,
)
from handinger_tui.core.safety import judge_link
from handinger_tui.core.stream import FilePart, Snapshot
from handinger_tui.core.turns.turn import Turn
from tests.core.evidence_samples import session, turn, web


# -- addresses -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://Example.COM", "https://example.com"),
        ("http://example.com/", "https://example.com"),
        ("HTTPS://example.com:443/a/", "https://example.com/a"),
        ("http://example.com:80/a#part", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://example.com/a#:~:text=words", "https://example.com/a"),
        ("https://example.com/?utm_source=x&q=1&fbclid=2&UTM_Medium=y", "https://example.com?q=1"),
        ("https://example.com/a?gclid=1", "https://example.com/a"),
        ("https://example.com/a?ref_src=t&&b=2&a=1", "https://example.com/a?b=2&a=1"),
        ("https://example.com/%7euser/%41%2f%c3%a9 é", "https://example.com/~user/A%2F%C3%A9%20%C3%A9"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://example.com/a/./b/../c", "https://example.com/a/c"),
        ("https://bücher.example/", "https://xn--bcher-kva.example"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://user@example.com/", "https://user@example.com"),
        ("https://[::1]:80/x", "https://[::1]/x"),
        (" https://exam\nple.com/ ", "https://example.com"),
        ("MAILTO:a@b.c", "mailto:a@b.c"),
        ("no address", "no address"),
        ("https://[broken", "https://[broken"),
        ("https://example.com:99999/", "https://example.com:99999/"),
    ],
)
def test_one_source_has_one_address(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


PIECES = st.sampled_from(
    [
        *(
            "http://",
            "https://",
            "//",
            "/",
            "?",
            "#",
            "@",
            ":",
            "80",
            "443",
            "%",
            "%2",
            "%41",
            "%2e",
            ".",
            "..",
        ),
        *(
            "[",
            "]",
            "a",
            "É",
            "ß",
            "。",
            "％",
            "&",
            "=",
            "utm_x",
            "xn--",
            "::1",
            "\ud800",
            "\u202e",
            " ",
            "\t",
        ),
    ]
)
URLS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=40),
    st.builds("http://{}".format, st.text(st.characters(exclude_categories=()), max_size=20)),
    st.lists(PIECES, max_size=12).map("".join),
    st.lists(PIECES, max_size=9).map(lambda pieces: "https://example.com/" + "".join(pieces)),
)


@settings(max_examples=100, deadline=None)
@given(URLS)
@example("http://x:443/")
@example("https://x/%%41%4%31")
@example("http://İ.com/")
def test_a_canonical_address_is_its_own(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once


@settings(max_examples=100, deadline=None)
@given(URLS)
def test_a_written_address_ends_no_link_and_no_field(url: str) -> None:
    written = document_url(url)
    if written is not None:
        assert written.isascii()
        assert not set(written.partition("://")[2]) & set(' \n\\<>"(){}|`^')
        assert written.startswith(("http://", "https://"))
        assert document_url(written) == written
    assert isinstance(address_marks(url), tuple)


def test_a_refused_address_is_not_exported() -> None:
    assert document_url("javascript:alert(1)") is None
    assert document_url("mailto:a@example.com") is None
    assert document_url("https://exa\u202emple.com/") is None


@pytest.mark.parametrize(
    ("url", "marks"),
    [
        ("https://example.com/", ()),
        ("http://example.com/", ("not encrypted",)),
        ("http://localhost:8080/", ("this machine", "port 8080")),
        ("https://192.168.0.1/", ("IP address",)),
        ("https://0x7f.1/", ("IP address",)),
        ("https://bücher.example/", ("punycode",)),
        ("https://\u0440aypal.com/", ("punycode", "mixed scripts")),
        ("https://xn--aypal-uye.com/", ("punycode", "mixed scripts")),
        ("https://日本ひらカナ.jp/", ("punycode",)),
        ("https://google.com@evil.example/", ("user info",)),
        ("mailto:a@example.com", ("e-mail",)),
        ("file:///etc/passwd", ("not opened",)),
        (None, ()),
    ],
)
def test_unusual_addresses_are_marked(url: str | None, marks: tuple[str, ...]) -> None:
    assert address_marks(url) == marks


def test_a_host_in_its_own_letters_is_for_people() -> None:
    assert unicode_host("xn--bcher-kva.example") == "bücher.example"
    assert unicode_host("xn--\udc00.example")
    assert host_marks("xn--bcher-kva.example") == ("punycode",)


# -- numbers ---------------------------------------------------------------------
def test_sources_are_numbered_once_in_order_of_appearance() -> None:
    first = turn(1, web("https://a.example/x", "A"), web("http://A.example/x/?utm_source=y"), "text")
    second = turn(2, web("https://b.example/"), listed=["https://a.example/x", "https://c.example/"])
    listed = sources_of(session(first, second))
    assert [(s.number, s.key, s.turn_id) for s in listed] == [
        (1, "https://a.example/x", "turn_1"),
        (2, "https://b.example", "turn_2"),
        (3, "https://c.example", "turn_2"),
    ]


def test_a_title_that_comes_later_is_kept() -> None:
    index = SourceIndex()
    assert index(session(turn(1, web("https://a.example/"))))[0].part.title is None
    listed = index(session(turn(1, web("https://a.example/"), web("https://a.example", "Late"))))
    assert [(s.number, s.part.title) for s in listed] == [(1, "Late")]


def test_a_number_never_changes() -> None:
    index = SourceIndex()
    one = turn(1, web("https://a.example/"), listed=["https://a.example/", "https://listed.example/"])
    before = index(session(one))
    grown = replace(one, parts=(*one.parts, web("https://b.example/")))
    after = index(session(grown, turn(2, web("https://c.example/"))))
    assert after[: len(before)] == before
    late = replace(grown, parts=(*grown.parts, web("https://d.example/")))
    last = index(session(late, turn(2, web("https://c.example/"))))
    assert [s.host for s in last] == [f"{name}.example" for name in ("a", "listed", "b", "c", "d")]
    assert [s.number for s in last] == [1, 2, 3, 4, 5]


def test_a_replayed_stream_has_the_same_numbers() -> None:
    index = SourceIndex()
    parts = tuple(web(f"https://{name}.example/") for name in "abc")
    complete = index(session(turn(1, *parts)))
    assert index(session(turn(1))) == ()
    assert [s.number for s in index(session(turn(1, parts[1])))] == [2]
    assert index(session(turn(1, *parts))) == complete


def test_another_session_starts_at_one() -> None:
    index = SourceIndex()
    index(session(turn(1, web("https://a.example/"))))
    other = index(session(turn(9, web("https://b.example/")), session_id="ses_2"))
    assert [s.number for s in other] == [1]


def test_an_unchanged_session_gives_the_same_tuple() -> None:
    index = SourceIndex()
    one = turn(1, web("https://a.example/"), "text")
    listed = index(session(one))
    assert index(session(replace(one, parts=(*one.parts, *turn(2, "more").parts)))) is listed


ADDRESS = st.sampled_from([f"https://{name}.example/" for name in "abcdef"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(ADDRESS, max_size=6), max_size=4))
def test_the_incremental_list_equals_a_single_pass(named: list[list[str]]) -> None:
    index, turns = SourceIndex(), list[Turn]()
    for number, urls in enumerate(named):
        turns.append(turn(number))
        for url in urls:
            turns[-1] = replace(turns[-1], parts=(*turns[-1].parts, web(url)))
            index(session(*turns))
    assert index(session(*turns)) == sources_of(session(*turns))


def test_one_more_source_reads_one_turn() -> None:
    parts = tuple(web(f"https://h{at % 97}.example/{at}?utm_source=x") for at in range(10_000))
    index, first = SourceIndex(), turn(1, *parts)
    index(session(first))
    times = []
    for at in range(5):
        grown = session(first, turn(2, *(web(f"https://new.example/{new}") for new in range(at + 1))))
        start = time.process_time()
        listed = index(grown)
        times.append(time.process_time() - start)
        assert len(listed) == 10_001 + at
    # Measured at 2 ms; a full recount takes more than 10.
    assert min(times) < 0.008


def test_only_new_sources_are_unread() -> None:
    index, one = SourceIndex(), turn(1, web("https://a.example/"))
    assert index.new_sources(session(one)) == list(one.parts)
    index(session(one))
    grown = turn(1, web("https://a.example/"), web("https://b.example/"))
    assert index.new_sources(session(grown)) == [web("https://b.example/")]
    assert index.new_sources(session(one, session_id="ses_2")) == list(one.parts)


def test_marks_agree_with_the_link_policy() -> None:
    for url in ("https://exämple.com/", "https://a@b.example/", "https://example.com/", "data:x"):
        needs_consent = judge_link(url).verdict != "open"
        assert bool(address_marks(url)) is needs_consent


@given(
    st.text("abcxn-1.0", min_size=1, max_size=20),
    st.text("abc/?#@:%[]\\~é ._-", max_size=30),
)
def test_the_fast_path_of_ordinary_addresses_equals_the_general_one(host: str, remainder: str) -> None:
    short, long = f"https://{host}/{remainder}", f"HTTPS://{host}/{remainder}"
    assert address_marks(short) == address_marks(long)
    assert cached_host(short) == cached_host(long)


# -- files -----------------------------------------------------------------------------------
ABSOLUTE, RELATIVE = "https://api.example/api/workers/w/files/a.csv?v=1", "/api/workers/w/files/a.csv?v=1"


@pytest.mark.parametrize(("streamed", "listed"), [(ABSOLUTE, RELATIVE), (RELATIVE, ABSOLUTE)])
def test_a_file_with_an_absolute_and_a_relative_address_is_one_file(streamed: str, listed: str) -> None:
    worker = Snapshot(files=(FilePart(listed, "text/csv", "a.csv", 7),))
    shown = replace(turn(1), parts=(FilePart(streamed, "text/csv"),), snapshot=worker)
    assert files_of_turn(shown) == (FilePart(streamed, "text/csv", "a.csv", 7),)
    earlier = Snapshot(files=(FilePart(streamed, "text/csv", "a.csv"),))
    assert files_of_turn(replace(shown, parts=(), before=earlier)) == ()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://other.example/api/workers/w/files/a.csv?v=1", "a.csv"),
        (RELATIVE.replace("v=1", "v=2"), "a.csv"),
        (RELATIVE, "b.csv"),
        ("data:text/csv,a", "a.csv"),
        ("https://[broken", "a.csv"),
        ("", "a.csv"),
    ],
)
def test_files_with_different_addresses_or_names_are_two(url: str, name: str) -> None:
    worker = Snapshot(files=(FilePart(url, "text/csv", name),))
    shown = replace(turn(1), parts=(FilePart(ABSOLUTE, "text/csv", "a.csv"),), snapshot=worker)
    assert [file.url for file in files_of_turn(shown)] == [ABSOLUTE, url]


@pytest.mark.parametrize(
    ("name", "url", "shown"),
    [
        ("a.csv", "/files/b.csv", "a.csv"),
        ("a\x1b[2J\n.csv", "/files/b.csv", "a[2J .csv"),
        (None, "https://files.example/charts/%E6%BC%A2.png?sign=x/y#z", "漢.png"),
        ("\u200b", "/files/b.csv", "b.csv"),
        ("", "data:text/csv;base64,AAAA/BBBB", "unnamed file"),
        (None, "https://files.example/", "unnamed file"),
    ],
)
def test_a_file_without_a_name_is_named_by_its_address(name: str | None, url: str, shown: str) -> None:
    assert file_name(FilePart(url, "text/csv", name)) == shown
