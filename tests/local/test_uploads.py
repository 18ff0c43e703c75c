"""Multipart bodies, and files in the workspace."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from handinger_tui.local.worker import clean_name

Run = Callable[..., tuple[dict[str, Any], list[Any]]]


@pytest.mark.parametrize("part", ["files", "files[]", "attachment"])
def test_file_parts_of_any_name_reach_the_workspace(
    client: httpx.Client, upload_turn: Run, part: str
) -> None:
    worker, _ = upload_turn("count", [(part, ("a b.txt", b"one two")), (part, ("c.txt", b"three"))])
    shown = worker["messages"][0]["parts"][1:]
    assert [file["filename"] for file in shown] == ["a b.txt", "c.txt"]
    assert [client.get(file["url"]).content for file in shown] == [b"one two", b"three"]
    assert worker["files"] == []


def test_fields_have_the_rules_of_json(client: httpx.Client) -> None:
    file = {"files": ("a.txt", b"x")}
    for fields, word in [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": "x", "budget": "much"}, "budget"),
        ({"input": "x", "stream": "yes"}, "stream"),
    ]:
        answer = client.post("/api/workers", data=fields, files=file)
        assert answer.status_code == 422
        assert word in answer.json()["error"]


def test_stream_false_as_text_gives_json(client: httpx.Client) -> None:
    answer = client.post(
        "/api/workers", data={"input": "x", "stream": "false"}, files={"files": ("a.txt", b"x")}
    )
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_broken_multipart_body_is_400(client: httpx.Client, kind: str) -> None:
    answer = client.post("/api/workers", content=b"--y\r\nnonsense", headers={"content-type": kind})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_too_many_parts_are_400(client: httpx.Client) -> None:
    files = [("files", (f"{number}.txt", b"x")) for number in range(40)]
    assert client.post("/api/workers", data={"input": "x"}, files=files).status_code == 400


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\secret\\plan.txt", "plan.txt"),
        ("..", "attachment"),
        ("", "attachment"),
        ("a\x00b\x1b[31m.txt", "ab[31m.txt"),
        ("pay\u202eexe.txt", "payexe.txt"),
        ("x" * 300, "x" * 200),
        (".hidden", ".hidden"),
    ],
)
def test_names_are_cleaned(sent: str, kept: str) -> None:
    assert clean_name(sent) == kept


def test_a_used_name_is_numbered(client: httpx.Client, upload_turn: Run) -> None:
    worker, _ = upload_turn("count", [("files", ("../a.txt", b"first")), ("files", ("a.txt", b"second"))])
    assert [part["filename"] for part in worker["messages"][0]["parts"][1:]] == ["a.txt", "a-2.txt"]
    assert client.get(f"/api/workers/{worker['id']}/files/a.txt").content == b"first"
    assert client.get(f"/api/workers/{worker['id']}/files/a-2.txt").content == b"second"


def test_nested_paths_come_with_slashes_or_escaped(client: httpx.Client, run_turn: Run) -> None:
    worker, _ = run_turn("report on primes")
    nested = next(file for file in worker["files"] if "/" in file["filename"])
    plain = client.get(nested["url"])
    escaped = client.get(f"/api/workers/{worker['id']}/files/{quote(nested['filename'], safe='')}")
    assert "%2F" in str(escaped.url)
    assert plain.content == escaped.content
    assert plain.content.startswith(b"\x89PNG")
    assert plain.headers["content-type"] == nested["mediaType"] == "image/png"
    assert plain.headers["content-disposition"] == "attachment; filename*=UTF-8''chart.png"


@pytest.mark.parametrize("path", ["..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "a.txt%00", "A.TXT", "%2E%2E"])
def test_no_path_leads_out_of_the_workspace(client: httpx.Client, upload_turn: Run, path: str) -> None:
    worker, _ = upload_turn("count", [("files", ("a.txt", b"x"))])
    answer = client.get(f"/api/workers/{worker['id']}/files/{path}")
    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


def test_a_file_is_named_again_in_a_later_turn(upload_turn: Run, run_turn: Run) -> None:
    worker, _ = upload_turn("count", [("files", ("notes.txt", b"alpha beta beta"))])
    again, _ = run_turn("what is in notes.txt?", worker["id"])
    assert "| words | 3 |" in again["output_text"]


def test_binary_files_are_only_described(upload_turn: Run) -> None:
    worker, events = upload_turn("what is this", [("files", ("blob.bin", b"\x00\x01\x02"))])
    assert "3 bytes" in worker["output_text"]
    assert all(event["type"] != "tool-input-start" for event in events[:-1])


def test_the_columns_of_a_table_are_measured(client: httpx.Client, upload_turn: Run) -> None:
    rows = "city,units,note\nOslo,3,\nOslo,1.5,x|y\nTurku,NA,z\n"
    worker, events = upload_turn("summarize", [("files", ("sales.csv", rows.encode()))])
    files = {file["filename"]: client.get(file["url"]) for file in worker["files"]}
    assert set(files) == {"chart.png", "report.md", "summary.csv"}
    city, units, _ = csv.DictReader(io.StringIO(files["summary.csv"].text))
    assert (city["column"], city["most frequent"]) == ("city", "Oslo (2), Turku (1)")
    assert (units["count"], units["missing"]) == ("2", "1")
    assert "3 rows, 3 columns." in worker["output_text"]
    assert "| city | 3 | 0 |" in worker["output_text"]
    data = next(event for event in events[:-1] if event["type"] == "data-columns")
    assert (data["id"], data["data"][1]["count"]) == ("sales.csv", 2)
    drawn = next(event["output"] for event in events[:-1] if "bars" in event.get("output", ()))
    assert drawn["bars"] == [["Oslo", 2], ["Turku", 1]]


def test_a_table_of_one_row_has_one_row(upload_turn: Run) -> None:
    worker, _ = upload_turn("summarize", [("files", ("one.csv", b"city\nOslo\n"))])
    assert "1 row, 1 column." in worker["output_text"]


@pytest.mark.parametrize("text", ["", "\n\n", 'a\n"' + "x" * 200_000 + '"', "a;b\nnan;inf\n1e999;2\n\n3"])
def test_odd_tables_leave_a_finished_turn(upload_turn: Run, text: str) -> None:
    worker, _ = upload_turn("go", [("files", ("odd.csv", text.encode()))])
    assert worker["error"] is None
    assert len(worker["files"]) == 3


def test_a_low_budget_only_reads_the_file(upload_turn: Run) -> None:
    worker, _ = upload_turn("summarize", [("files", ("a.csv", b"a\n1\n"))], budget="low")
    assert worker["files"] == []
    assert "`low` allowed 1 tool call; not made: `measure_columns`" in worker["output_text"]


def test_text_answers_have_the_counts(upload_turn: Run) -> None:
    worker, _ = upload_turn("count", [("files", ("t.txt", "ein | Wort ü\n".encode() * 5))])
    for row in ("| words | 15 |", "| lines | 5 |"):
        assert row in worker["output_text"]
