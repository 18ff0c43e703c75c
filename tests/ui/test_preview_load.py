"""Loading for previews, without a screen: the kind of a file, its counts, and its notes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.core.previews.files import NotDrawn, Picture, Shape
from handinger_tui.ui.background import CancelToken, Stopped
from handinger_tui.ui.pages.page_view import TextView
from handinger_tui.ui.pages.preview import KINDS, LONGEST_MARKDOWN, Loaded, Subject, load
from tests.ui.screens import preview_files

DEEP = b"[" * 100_000 + b"]" * 100_000


def loaded(name: str, body: bytes, *, complete: bool = True, total: int | None = None) -> Loaded:
    return load(Subject(name, "", body, complete, total), CancelToken(), lambda _: None)


def text_of(preview: Loaded, at: int = 0) -> str:
    """The text of the rows of a view."""
    body = preview.facets[at].make()
    assert isinstance(body, TextView)
    return body.source


def test_every_shape_is_in_the_table() -> None:
    assert set(KINDS) == set(Shape)


@pytest.mark.parametrize(
    ("name", "body", "notes", "text"),
    [
        ("deep.json", DEEP, ("nested deeper than 200 levels, shown as text",), "[[[[["),
        ("cut.json", b'{"a": [1, 2', ("not valid JSON",), '{"a": [1, 2'),
        ("broken.png", b"\x89PNG\r\n\x1a\n" + bytes(30), (), "Its header is damaged"),
        (
            "bomb.png",
            preview_files.bomb(),
            (),
            "Not decoded: 60,000 × 60,000 pixels is more than 50 million.",
        ),
        (
            "fake.txt",
            preview_files.BINARY_TXT,
            ("its name says text, its content is binary data",),
            "Save it to open it",
        ),
        ("fake.png", b"just words\n", ("its name says an image, its content is text",), "just words"),
        ("old.txt", "größer\n".encode("latin-1") * 9, ("not UTF-8; read as Windows-1252",), "größer"),
        ("a.pdf", b"%PDF-1.4\nnothing", (), "Save it to open it"),
        ("a.txt", b"%PDF-1.4\nnothing", ("its name says text, its content is a PDF",), "Save it to open it"),
        ("long.py", b"x = 1  # %d\n" % 1 * 9000, ("too long to highlight",), "x = 1"),
        (
            "long.md",
            (b"word " * 20 + b"\n") * (LONGEST_MARKDOWN // 100 + 1),
            ("longer than 300,000 characters, shown as source",),
            "word word",
        ),
    ],
)
def test_a_file_that_cannot_be_shown_has_a_reason(
    name: str, body: bytes, notes: tuple[str, ...], text: str
) -> None:
    preview = loaded(name, body)
    assert len(preview.notes) >= len(notes)
    assert all(any(note in one for one in preview.notes) for note in notes)
    assert text in text_of(preview)


def test_a_partial_file_is_marked_as_its_beginning() -> None:
    preview = loaded("a.txt", b"line\nli", complete=False, total=2_000_000)
    assert preview.notes == ("only the first 7 B of 2.0 MB",)
    assert preview.counted == "first 2 of at least 2 lines"
    assert loaded("a.json", b"[1, 2", complete=False).notes == (
        "only the first 5 B",
        "truncated JSON, shown as text",
    )
    assert "Too large to show here" in text_of(loaded("a.png", preview_files.png(9, 9), complete=False))


def test_json_that_is_a_table_has_both_views_and_its_source() -> None:
    preview = loaded("a.json", b'[{"a": 1}, {"a": 2, "b": 3}]')
    assert [facet.name for facet in preview.facets] == ["tree", "table", "source"]
    assert [facet.name for facet in loaded("a.json", b'{"a": 1}').facets] == ["tree", "source"]


@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_cancelled_work_stops(name: str) -> None:
    bodies = {
        "a.csv": preview_files.large_csv(500_000),
        "a.json": preview_files.large_json(200_000),
    }
    token = CancelToken()
    progress: list[str] = []

    def stop(what: str) -> None:
        progress.append(what)
        token.stop()

    with pytest.raises(Stopped):
        load(Subject(name, "", bodies[name], True), token, stop)
    assert len(progress) == 1


NAMES = ("a.txt", "a.md", "a.py", "a.json", "a.csv", "a.tsv", "a.png", "a.pdf", "a", "a.html")
BEGINNINGS = (
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"%PDF-1.4\n",
    b"GIF89a",
    b"\xff\xd8\xff",
    b"RIFF0000WEBP",
    b"[[",
    b"PK\x03\x04",
    b"BM",
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(BEGINNINGS),
    st.binary(max_size=200) | st.text().map(str.encode),
    st.booleans(),
)
def test_any_bytes_can_be_previewed(name: str, beginning: bytes, remainder: bytes, complete: bool) -> None:
    preview = loaded(name, beginning + remainder, complete=complete)
    assert preview.facets
    for facet in preview.facets:
        body = facet.make()
        if isinstance(body, TextView):
            body.lay_out(40)
        elif isinstance(body, Picture):
            with suppress(NotDrawn):
                body.grid(10, 5, (0, 0, 0))
