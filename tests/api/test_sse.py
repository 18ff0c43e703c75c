"""The standard's cases (data/sse_cases.json): uncut, byte by byte, cut in two, and in time."""

from __future__ import annotations

import base64
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.api.frame_readers import LineReader, SseReader
from handinger_tui.core.stream import Framing, RawFrame

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "sse_cases.json").read_text())[
    "cases"
]
BODIES = [case for case in CASES if case["opens"]]
MANY = 8 << 20


def as_cases(pieces: list[RawFrame]) -> list[dict[str, str]]:
    return [{"type": p.event or "message", "data": p.data, "lastEventId": p.id or ""} for p in pieces]


def read(chunks: list[bytes]) -> tuple[list[RawFrame], SseReader]:
    reader = SseReader(MANY)
    return [piece for chunk in chunks for piece in reader.feed(chunk)], reader


def test_the_set_of_cases_is_complete() -> None:
    assert len(CASES) == 85
    assert len(BODIES) == 75


@pytest.mark.parametrize("case", BODIES, ids=lambda case: str(case["id"]))
def test_events_do_not_depend_on_how_bytes_arrive(case: dict[str, Any]) -> None:
    body = base64.b64decode(case["input_b64"])
    ways = [[body]]
    if len(body) < 4096:
        ways.append([body[at : at + 1] for at in range(len(body))])
        ways += [[body[:at], body[at:]] for at in range(1, len(body))]
    for chunks in ways:
        pieces, _ = read(chunks)
        assert as_cases(pieces) == case["events"], chunks[:2]


@pytest.mark.parametrize("cut", [0, 5, 6, 65_536, 300_005, 300_007])
def test_a_line_may_be_long(cut: int) -> None:
    text = "y" * 300_000
    body = f"data: {text}\n\n".encode()
    pieces, _ = read([body[:cut], body[cut:]])
    assert as_cases(pieces) == [{"type": "message", "data": text, "lastEventId": ""}]


@pytest.mark.parametrize("case", [c for c in BODIES if "chunks_b64" in c], ids=lambda case: str(case["id"]))
def test_an_event_is_delivered_with_its_last_byte(case: dict[str, Any]) -> None:
    reader = SseReader(MANY)
    count, after = 0, []
    for chunk in case["chunks_b64"]:
        count += len(reader.feed(base64.b64decode(chunk)))
        after.append(count)
    assert after == case["events_after_chunk"]


@given(
    st.lists(
        st.sampled_from([b"data: a", b"id: 1", b":", b"\n", b"\r", b"\r\n", b"event: e", "é\u2028".encode()])
    )
)
def test_any_cut_gives_the_same_events(parts: list[bytes]) -> None:
    body = b"".join(parts)
    assert read([body])[0] == read([body[at : at + 1] for at in range(len(body))])[0]


def test_a_piece_carries_no_default_name_and_no_empty_id() -> None:
    pieces, _ = read([b"event: message\ndata: x\n\nevent: done\nid: 7\ndata: {}\n\n"])
    assert pieces == [RawFrame(Framing.SSE, "x"), RawFrame(Framing.SSE, "{}", "done", "7")]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "big", [b"data: " + b"x" * 400, b"data: aaaa\n" * 40], ids=["one-line", "many-lines"]
)
def test_an_event_over_the_limit_is_dropped_counted_and_forgotten(big: bytes, size: int) -> None:
    reader = SseReader(100)
    body = b"data: before\n\n" + big + b"\n\ndata: after\n\n"
    pieces = [piece for at in range(0, len(body), size) for piece in reader.feed(body[at : at + size])]
    assert [piece.data for piece in pieces] == ["before", "after"]
    assert reader.dropped == 1


@pytest.mark.parametrize("field", [b"data: ", b"event: ", b"id: ", b": ", b""])
def test_the_buffer_of_a_huge_line_is_bounded(field: bytes) -> None:
    reader = SseReader(1000)
    tracemalloc.start()
    try:
        reader.feed(field)
        for _ in range(1000):
            reader.feed(b"x" * 1000)
        assert tracemalloc.get_traced_memory()[1] < 50_000
    finally:
        tracemalloc.stop()
    assert [piece.data for piece in reader.feed(b"\n\ndata: y\n\n")] == ["y"]


def test_an_id_of_a_block_without_data_holds_for_the_next_event() -> None:
    pieces, _ = read([b"id: 7\n\n: keep-alive\n\ndata: a\n\n:\n\ndata: b\n\nid\ndata: c\n\n"])
    assert [(piece.data, piece.id) for piece in pieces] == [("a", "7"), ("b", "7"), ("c", None)]


def test_a_long_id_is_not_repeated_with_every_event() -> None:
    pieces, _ = read([b"id: " + b"x" * 5000 + b"\ndata: a\n\n" + b"data: b\n\n" * 3])
    assert [(piece.data, piece.id) for piece in pieces] == [("a", None), *[("b", None)] * 3]


def test_an_id_of_an_event_over_the_limit_still_holds() -> None:
    reader = SseReader(100)
    pieces = reader.feed(b"id: 1\ndata: " + b"x" * 400 + b"\n\ndata: after\n\n")
    assert [(piece.data, piece.id) for piece in pieces] == [("after", "1")]


def test_comments_without_end_drop_nothing() -> None:
    reader = SseReader(100)
    for _ in range(100):
        assert reader.feed(b": keep-alive\n") == []
    assert [piece.data for piece in reader.feed(b"data: x\n\n")] == ["x"]
    assert reader.dropped == 0


def test_an_event_of_exactly_the_limit_is_accepted() -> None:
    reader = SseReader(100)
    line = b"data:" + b"x" * 94
    assert len(line) < 100
    assert len(reader.feed(line + b"\n\n")) == 1


def lines(chunks: list[bytes], limit: int = MANY) -> tuple[list[str], int]:
    reader = LineReader(limit)
    data = [piece.data for chunk in chunks for piece in reader.feed(chunk)]
    data += [piece.data for piece in reader.end()]
    return data, reader.dropped


def test_lines_end_only_at_line_breaks() -> None:
    body = '\ufeff{"a":"\u2028\u0085"}\n\n{"b":"é"}\r\n{"c":1}'.encode()
    wanted = ['{"a":"\u2028\u0085"}', '{"b":"é"}', '{"c":1}']
    assert lines([body]) == (wanted, 0)
    assert lines([body[at : at + 1] for at in range(len(body))]) == (wanted, 0)


def test_a_line_over_the_limit_is_dropped_and_counted() -> None:
    assert lines([b"a\n", b"b" * 50, b"b" * 60, b"\nc\n" + b"d" * 200 + b"\n"], limit=100) == (["a", "c"], 2)
    assert lines([b"a\n" + b"e" * 200], limit=100) == (["a"], 1)
