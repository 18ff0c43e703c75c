"""The kind of a file, and its text: the content decides, and omissions are reported."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.core.previews.files import (
    MAX_COLUMNS,
    SNIFFED_BYTES,
    PreviewKind,
    Shape,
    decode,
    read_text,
    sniff,
)

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@pytest.mark.parametrize(
    ("name", "media_type", "head", "shape", "detail"),
    [
        ("a.txt", "text/plain", b"hello\n", Shape.TEXT, ""),
        ("a.md", "", b"# Title\n", Shape.MARKDOWN, ""),
        ("report", "text/markdown; charset=utf-8", b"# Title\n", Shape.MARKDOWN, ""),
        ("a.py", "text/plain", b"import os\n", Shape.CODE, "python"),
        ("Makefile", "", b"all:\n", Shape.CODE, "make"),
        ("a.json", "", b' {"a": 1}', Shape.JSON, ""),
        ("a.json", "", b"true", Shape.JSON, ""),
        ("a.json", "", b"Not found", Shape.TEXT, ""),
        ("unnamed", "", b'[{"a": 1}]', Shape.JSON, ""),
        ("x", "application/vnd.api+json", b'{"a": 1}', Shape.JSON, ""),
        ("a.csv", "", b"a,b\n1,2\n", Shape.CSV, ""),
        ("a.tiff", "", b"II*\0\x08\0\0\0", Shape.BINARY, "TIFF image"),
        ("a.avif", "", b"\0\0\0\x20ftypavif\0\0", Shape.BINARY, "AVIF image"),
        ("a.csv", "", b"[a],b\n1,2\n", Shape.CSV, ""),
        ("a.csv", "", b'{"error": "no"}', Shape.JSON, ""),
        ("a.csv", "", b"<!DOCTYPE html><p>", Shape.CODE, "html"),
        ("a.tsv", "", b"a\tb\n", Shape.TSV, ""),
        ("data", "text/tab-separated-values", b"a\tb\n", Shape.TSV, ""),
        ("a.svg", "image/svg+xml", b"<svg xmlns='x'>", Shape.CODE, "xml"),
        ("a.png", "image/png", PNG, Shape.IMAGE, "png"),
        ("a.jpg", "", b"\xff\xd8\xff\xe0", Shape.IMAGE, "jpeg"),
        ("a.gif", "", b"GIF89a\1\0\1\0", Shape.IMAGE, "gif"),
        ("a.webp", "", b"RIFF\0\0\0\0WEBPVP8 ", Shape.IMAGE, "webp"),
        ("a.bmp", "", b"BM\0\0\0\0\0\0\0\0" + bytes(20), Shape.IMAGE, "bmp"),
        ("bm.txt", "", b"BM is a text", Shape.TEXT, ""),
        ("a.pdf", "", b"%PDF-1.7\n%\xe2\xe3", Shape.BINARY, "PDF"),
        ("a.xlsx", "", b"PK\x03\x04", Shape.BINARY, "ZIP archive"),
        ("a.bin", "", bytes(range(256)), Shape.BINARY, ""),
        ("a.txt", "", "\ufeffhé".encode(), Shape.TEXT, ""),
        ("a.txt", "", "héllo\n".encode("utf-16"), Shape.TEXT, ""),
        ("a.txt", "", "héllo\n".encode("utf-16-le"), Shape.BINARY, ""),
        ("a.txt", "", "Gr\xfc\xdfe aus K\xf6ln\n".encode("latin-1"), Shape.TEXT, ""),
        ("a.log", "", b"\x1b[31mred\x1b[0m\n" * 20, Shape.TEXT, ""),
        ("a.txt", "", b"", Shape.EMPTY, ""),
        ("a.txt", "", ("é" * SNIFFED_BYTES).encode()[: SNIFFED_BYTES + 1], Shape.TEXT, ""),
    ],
)
def test_the_content_decides(name: str, media_type: str, head: bytes, shape: Shape, detail: str) -> None:
    kind = sniff(name, media_type, head)
    assert (kind.shape, kind.detail) == (shape, detail)


@pytest.mark.parametrize(
    ("name", "head", "note"),
    [
        ("a.txt", bytes(64), "its name says text, its content is binary data"),
        ("a.txt", PNG, "its name says text, its content is an image"),
        ("a.png", b"<html>", "its name says an image, its content is text"),
        ("a.jpg", PNG, ""),
        ("a.bin", bytes(64), ""),
        ("a.csv", b'{"a": 1}', "its name says csv, its content is JSON"),
    ],
)
def test_a_name_that_disagrees_with_the_content_is_reported(name: str, head: bytes, note: str) -> None:
    assert sniff(name, "", head).note == note


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12), st.binary(max_size=80))
def test_any_file_has_a_kind(name: str, media_type: str, head: bytes) -> None:
    assert isinstance(sniff(name, media_type, head), PreviewKind)
    model = read_text(head)
    assert len(model.lines) <= max(1, model.total)


# -- text ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "lines", "counted", "encoding"),
    [
        (b"", (), "0 lines", "UTF-8"),
        (b"one", ("one",), "1 line", "UTF-8"),
        (b"one\ntwo\r\nthree\rfour\n", ("one", "two", "three", "four"), "4 lines", "UTF-8"),
        (b"\n\n", ("", ""), "2 lines", "UTF-8"),
        ("\ufeffhé\n".encode(), ("hé",), "1 line", "UTF-8"),
        ("hé\n".encode("utf-16"), ("hé",), "1 line", "UTF-16"),
        ("hé\x80".encode("latin-1"), ("hé€",), "1 line", "Windows-1252"),
        (b"a\x1b]0;x\x07b\x0bc", ("a]0;xb c",), "1 line", "UTF-8"),
    ],
)
def test_text_is_read(data: bytes, lines: tuple[str, ...], counted: str, encoding: str) -> None:
    model = read_text(data)
    assert (model.lines, model.counted, model.encoding) == (lines, counted, encoding)


def test_a_long_text_reports_its_missing_part() -> None:
    data = b"line\n" * 120_000
    assert read_text(data).counted == "first 5,000 of 120,000 lines"
    assert len(read_text(data).lines) == 5000
    assert read_text(data[:-3], complete=False).counted == "first 5,000 of at least 120,000 lines"
    assert read_text(b"line\n" * 5000).counted == "5,000 lines"
    assert read_text(b"line\n" * 5000 + b"x").counted == "first 5,000 of 5,001 lines"


def test_a_cut_line_is_reported() -> None:
    model = read_text(b"x" * 1_000_000 + b"\nshort")
    assert [len(line) for line in model.lines] == [MAX_COLUMNS + 1, 5]
    assert model.notes == ("1 line is cut after 4,000 characters",)


def test_a_guessed_encoding_is_reported() -> None:
    assert read_text(b"K\xf6ln").notes == ("not UTF-8; read as Windows-1252, so some letters may be wrong",)
    late = decode(b"a" * 70_000 + b"\xff\xfe\0\x80")
    assert late.note == "binary data shown as text"
    assert decode("é".encode() * 40_000 + b"\0\0").note == ""
    assert decode(bytes(64)).note == "binary data shown as text"
    assert decode("é".encode()[:1], complete=False).note == ""


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_utf_8_is_read_as_it_is(text: str) -> None:
    data = text.encode()
    if "\0" not in text and sniff("a.txt", "", data).shape is not Shape.BINARY:
        assert decode(data).text == text.removeprefix("\ufeff")
