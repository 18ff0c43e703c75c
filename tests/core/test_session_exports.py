"""A session as a document: complete, with unknown amounts as such, and text that cannot break out of it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from handinger_tui.core.export.exporters import SESSION_EXPORTERS
from handinger_tui.core.stream.worker_snapshot import Snapshot, Usage
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import (
    WITHDRAWN,
    Attachment,
    Fault,
    FilePart,
    Kind,
    Lineage,
    LineageKind,
    Turn,
    TurnStatus,
)
from tests.core.evidence_made import session, turn, web

RENDER = {exporter.name: exporter.render for exporter in SESSION_EXPORTERS}
HEADINGS = [
    "h1 Untitled session",
    "h2 1. 2026-11-25 10:00 UTC",
    "h3 Prompt",
    "h3 Answer",
    "h3 Receipt",
]


def asked(made: Turn, prompt: str = "Why?", **members: Any) -> Turn:
    order = replace(made.order, prompt=prompt, created_ms=1_795_600_800_000, budget="standard")
    return replace(made, order=order, **{"status": TurnStatus.COMPLETED, **members})


def headings(text: str) -> list[str]:
    """The headings that stand in no quote."""
    tokens, depth, seen = MarkdownIt().parse(text), 0, []
    for token, inside in pairwise(tokens):
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type == "heading_open" and not depth:
            seen.append(f"{token.tag} {inside.content}")
    return seen


def test_the_origin_of_a_message_cannot_break_out_of_its_line() -> None:
    lineage = Lineage(LineageKind.FORK, "ses_0", "turn_0", 3, "*Old*\n# heading")
    made = asked(turn(1, "Because."))
    forked = replace(made, order=replace(made.order, lineage=lineage))
    text = RENDER["md"](session(forked))
    assert "\n*forked from “\\*Old\\* \\# heading”, message 3*\n" in text
    assert headings(text) == HEADINGS
    read = json.loads(RENDER["json"](session(forked)))["turns"][0]["lineage"]
    assert (read["kind"], read["number"], read["title"]) == ("fork", 3, "*Old* # heading")


def test_a_session_in_markdown() -> None:
    source = web("https://a.example/x", "The *source*")
    file = FilePart("https://files.example/secret", "text/csv", "prices.csv", 2048)
    first = asked(turn(1, "Because.\n\n- one\n- two", source, file), "Why?\nSay it.")
    attachment = Attachment("/home/me/in.csv", "in.csv", 10, "text/csv", "")
    first = replace(first, order=replace(first.order, attachments=(attachment,)))
    fault = Fault(Kind.STREAM_ERROR, "The worker fell over", may_have_been_charged=True)
    second = asked(turn(2, web("https://a.example/x")), "Again", status=TurnStatus.FAILED, fault=fault)
    text = RENDER["md"](replace(session(first, second), title="Heat pumps", worker_id="wrk_1"))
    assert text.startswith("# Heat pumps\n\n- Session: ses\\_1\n- Worker: wrk\\_1\n- Begun: ")
    assert "\n- 2 turns\n" in text
    assert (
        "\n## 1. 2026-11-25 10:00 UTC\n\n### Prompt\n\n> Why?\n> Say it.\n\n- attached: in.csv · 10 B\n"
        in text
    )
    assert (
        "\n### Answer\n\n> Because.\n>\n> - one\n> - two\n\n### Sources\n\n1. [The \\*source\\*](<https:"
        in text
    )
    assert "\n### Files\n\n- prices.csv · text/csv · 2.0 kB\n" in text
    assert "\n*failed*: The worker fell over\n\n### Sources\n\n1. [" in text
    assert "/home/me" not in text
    assert "secret" not in text, "addresses of files are signed"


@pytest.mark.parametrize("usd", [None, "0.5"])
def test_an_amount_that_was_not_reported_is_called_so(usd: str | None) -> None:
    usage = Usage(credits=Decimal(8), cost_usd=None if usd is None else Decimal(usd))
    made = asked(turn(1, "text"), snapshot=Snapshot(status="completed", usage=usage))
    document = RENDER["md"](session(made))
    turns = json.loads(RENDER["json"](session(made)))["turns"]
    assert turns[0]["usage"]["cost_usd"] == usd
    assert turns[0]["usage"]["total_tokens"] is None
    assert ("cost not reported" in document) is (usd is None)


def test_simulated_money_is_called_so() -> None:
    made = replace(session(asked(turn(1, "text"))), base_url="local")
    assert "- Simulated: " in RENDER["md"](made)
    assert json.loads(RENDER["json"](made))["simulated"] is True


def test_a_message_that_was_withdrawn_is_no_turn_of_the_document() -> None:
    gone = asked(turn(1), status=TurnStatus.NOT_SENT, fault=WITHDRAWN)
    text = RENDER["md"](session(gone, asked(turn(2, "text"))))
    assert "- 1 turn\n" in text
    assert "## 1. " in text
    assert "## 2. " not in text


HOSTILE = (
    "```\nnever closed",
    "<!-- never closed",
    "<script>\nnever closed",
    "text\n\n## 2. 2026-11-25 10:00 UTC\n\n### Receipt\n\n$0",
    "text\r## 2. forged\u2028# forged\x85# forged\x0b# forged\x0c# forged",
    "[a]: https://evil.example\n> > quote\n1. item\n\n   # heading",
    "\x1b]0;title\x07\x9b2J\u202e\ud800",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_breaks_out_of_its_place(hostile: str) -> None:
    made = session(asked(turn(1, hostile), hostile))
    text = RENDER["md"](made)
    assert headings(text) == HEADINGS
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)


@example("\U0001f3fb")
@given(st.text())
def test_whatever_is_written_the_parts_of_the_document_are_ours(text: str) -> None:
    made = asked(turn(1, text), text)
    named = replace(session(made), title=text)
    first, *others = headings(RENDER["md"](named))
    assert first.startswith("h1 ")
    assert others == HEADINGS[1:]
    (read,) = json.loads(RENDER["json"](named))["turns"]
    assert read["prompt"] == read["text"]


def test_json_names_what_it_is_and_all_that_was_asked() -> None:
    made = asked(turn(1, "Because."))
    document = RENDER["json"](Session("ses_1", 5, "wrk_1", turns=(made,), updated_ms=6, title="T\x1b"))
    assert document.isascii()
    read = json.loads(document)
    assert {name: read[name] for name in ("schema", "session_id", "worker_id", "title", "created_ms")} == {
        "schema": "handinger-tui/session/1",
        "session_id": "ses_1",
        "worker_id": "wrk_1",
        "title": "T",
        "created_ms": 5,
    }
    (only,) = read["turns"]
    assert (only["prompt"], only["text"], only["budget"], only["attachments"]) == (
        "Why?",
        "Because.",
        "standard",
        [],
    )
