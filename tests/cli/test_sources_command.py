"""`handinger-tui sources`: from a local turn in the history to a list, JSON and other formats."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from handinger_tui.core.export.exporters import SOURCE_EXPORTERS
from tests.e2e.runner import run
from tests.ledger.samples import frame, opened, session, turn_request

FORMS = tuple(exporter.name for exporter in SOURCE_EXPORTERS)


@pytest.fixture
def answered(tmp_path: Path) -> dict[str, Any]:
    """One turn of the local worker that names sources and cites them."""
    ran = run("-p", "sources about csv", "--json", "--local", home=tmp_path)
    assert ran.code == 0, ran.err
    return ran.result


def test_a_list_for_people(answered: dict[str, Any], tmp_path: Path) -> None:
    ran = run("sources", answered["session_id"][:12], home=tmp_path)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "1  csv: CSV file reading and writing"
    assert re.fullmatch(r" +docs\.python\.org · turn 1 · new · mentioned \d times", lines[1])
    assert lines[-1].endswith(" sources, 0 never mentioned")


def test_json_for_scripts(answered: dict[str, Any], tmp_path: Path) -> None:
    result = run("sources", answered["worker_id"], "--json", home=tmp_path).result
    assert list(result) == ["schema", "session_id", "worker_id", "sources", "unmentioned"]
    assert (result["session_id"], result["worker_id"]) == (answered["session_id"], answered["worker_id"])
    assert [source["url"] for source in result["sources"]] == [
        source["url"] for source in answered["sources"]
    ]
    first = result["sources"][0]
    assert first | {"id": "", "mentions": 0} == {
        "number": 1,
        "id": "",
        "title": "csv: CSV file reading and writing",
        "url": "https://docs.python.org/3/library/csv.html",
        "canonical_url": "https://docs.python.org/3/library/csv.html",
        "host": "docs.python.org",
        "marks": [],
        "turn_id": answered["turn_id"],
        "turn": 1,
        "new": True,
        "mentions": 0,
    }
    assert first["mentions"] > 0
    assert result["unmentioned"] == 0


def test_every_format_is_printed(answered: dict[str, Any], tmp_path: Path) -> None:
    starts = {
        "markdown": "1. [csv: ",
        "footnotes": "[^1]: csv: ",
        "csl": "[\n",
        "bibtex": "@misc{",
    }
    assert tuple(starts) == FORMS
    for name, start in starts.items():
        ran = run("sources", answered["session_id"], "--format", name, home=tmp_path)
        assert ran.code == 0
        assert ran.out.startswith(start)
        assert "docs.python.org" in ran.out


def test_the_access_date_is_the_day_of_the_turn(answered: dict[str, Any], tmp_path: Path) -> None:
    ran = run("sources", answered["session_id"], "--format", "bibtex", home=tmp_path)
    assert re.search(r"urldate = \{\d{4}-\d\d-\d\d\}", ran.out)


def test_an_unknown_id_is_a_usage_error(answered: dict[str, Any], tmp_path: Path) -> None:
    del answered
    for unknown in ("nothing", "%"):
        ran = run("sources", unknown, home=tmp_path)
        assert (ran.code, ran.out) == (2, "")
        assert "No session or worker id starts with" in ran.err


def test_two_formats_are_refused(tmp_path: Path) -> None:
    assert run("sources", "x", "--json", "--format", "csl", home=tmp_path).code == 2
    assert run("sources", home=tmp_path).code == 2


def test_an_ambiguous_id_is_refused(tmp_path: Path) -> None:
    for _ in range(2):
        run("-p", "echo hello", "--local", home=tmp_path)
    ran = run("sources", "ses_", home=tmp_path)
    assert ran.code == 2
    assert "2 sessions start with" in ran.err


def test_a_session_without_sources_is_reported(tmp_path: Path) -> None:
    result = run("-p", "echo hello", "--json", "--local", home=tmp_path).result
    ran = run("sources", result["session_id"], home=tmp_path)
    assert (ran.code, ran.out) == (0, "No sources in this session.\n")
    assert run("sources", result["session_id"], "--json", home=tmp_path).result["sources"] == []


HOSTILE = (
    {
        "type": "source-url",
        "sourceId": "1",
        "url": "https://\u0440aypal.com/",
        "title": "\x1b]52;c;AA\x07Pay\nPal",
    },
    {"type": "source-url", "sourceId": "2", "url": "http://a@127.0.0.1:99/\u202e", "title": ""},
    {"type": "source-document", "sourceId": "3", "mediaType": "application/pdf", "title": "\ud800"},
)


async def store(path: Path) -> None:
    """A stored turn with hostile sources in its stream."""
    async with opened(path) as ledger:
        await ledger.open_turn(session("ses_hostile"), turn_request())
        for seq, chunk in enumerate(HOSTILE):
            ledger.append("turn_1", frame(seq, json.dumps(chunk)))
        await ledger.flush()


def test_hostile_sources_are_harmless_and_marked(tmp_path: Path) -> None:
    asyncio.run(store(tmp_path / "history.db"))
    for form in ((), ("--json",), *(("--format", name) for name in FORMS)):
        ran = run("sources", "ses_hostile", *form, home=tmp_path)
        assert ran.code == 0, ran.err
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", ran.out)
    text = run("sources", "ses_hostile", home=tmp_path).out
    assert "! punycode, mixed scripts" in text
    assert "xn--aypal-uye.com (" in text
    assert "! not opened" in text
