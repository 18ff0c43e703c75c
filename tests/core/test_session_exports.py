"""A session as a document: complete, with unknown amounts marked, and text that cannot break out of it."""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from handinger_tui.core.export.exporters import SESSION_EXPORTERS
from handinger_tui.core.export.session_document import Contents
from handinger_tui.core.export.session_file import SCHEMA
from handinger_tui.core.figures import Usage
from handinger_tui.core.money import attribution
from handinger_tui.core.safety import Verdict, judge_link
from handinger_tui.core.stream import FilePart, Snapshot
from handinger_tui.core.tags import Labels
from handinger_tui.core.turns.session import PerTurn, Session
from handinger_tui.core.turns.turn import (
    WITHDRAWN,
    Attachment,
    ErrorKind,
    Fault,
    Lineage,
    LineageKind,
    ReasoningPart,
    Rope,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    TurnStatus,
)
from tests.core.evidence_samples import session, turn, web
from tests.core.scaling import many_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

RENDER = {exporter.name: exporter.text for exporter in SESSION_EXPORTERS}
HEADINGS = [
    "h1 Untitled session",
    "h2 1. 2026-11-25 10:00 UTC",
    "h3 Prompt",
    "h3 Answer",
    "h3 Receipt",
]


def with_prompt(base: Turn, prompt: str = "Why?", **members: Any) -> Turn:
    request = replace(base.request, prompt=prompt, created_ms=1_795_600_800_000, budget="standard")
    return replace(base, request=request, **{"status": TurnStatus.COMPLETED, **members})


def headings(text: str) -> list[str]:
    """The headings outside of quotes."""
    tokens, depth, result = MarkdownIt().parse(text), 0, []
    for token, inside in pairwise(tokens):
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type == "heading_open" and not depth:
            result.append(f"{token.tag} {inside.content}")
    return result


def test_the_origin_of_a_message_cannot_break_out_of_its_line() -> None:
    lineage = Lineage(LineageKind.FORK, "ses_0", "turn_0", 3, "*Old*\n# heading")
    sample = with_prompt(turn(1, "Because."))
    forked = replace(sample, request=replace(sample.request, lineage=lineage))
    text = RENDER["md"](session(forked))
    assert "\n*forked from “\\*Old\\* \\# heading”, message 3*\n" in text
    assert headings(text) == HEADINGS
    read = json.loads(RENDER["json"](session(forked)))["turns"][0]["lineage"]
    assert (read["kind"], read["number"], read["title"]) == ("fork", 3, "*Old* # heading")


def test_each_text_of_an_answer_begins_a_paragraph() -> None:
    tool = ToolPart("call", "search", ToolState.OUTPUT_AVAILABLE)
    parts = (TextPart(Rope() + "Let me search."), tool, TextPart(Rope() + "# Results\n\nNone.\n"))
    sample = replace(with_prompt(turn(1)), parts=parts)
    assert sample.text == "Let me search.# Results\n\nNone.\n"
    assert "> Let me search.\n>\n> # Results\n>\n> None.\n" in RENDER["md"](session(sample))
    assert "\n  Let me search.\n\n  # Results\n\n  None.\n" in RENDER["text"](session(sample))
    assert "<p>Let me search.</p>\n<h1>Results</h1>\n" in RENDER["html"](session(sample))


def test_every_form_has_the_tags_and_the_project() -> None:
    labels = Labels(("client-a",), ("w",), (), "acme")
    sample = session(with_prompt(turn(1, "Because.")))
    read = json.loads(RENDER["json"](sample, Contents(labels=labels)))
    assert (read["tags"], read["project"]) == (["client-a", "w"], "acme")
    assert "- Tags: client-a, w\n- Project: acme\n" in RENDER["md"](sample, Contents(labels=labels))
    for form in ("text", "html"):
        assert "client-a, w" in RENDER[form](sample, Contents(labels=labels))
    bare = RENDER["md"](sample)
    assert "Tags" not in bare
    assert "Project" not in bare
    read = json.loads(RENDER["json"](sample))
    assert (read["tags"], read["project"]) == ([], None)


def test_a_session_in_markdown() -> None:
    source = web("https://a.example/x", "The *source*")
    file = FilePart("https://files.example/secret", "text/csv", "prices.csv", 2048)
    first = with_prompt(turn(1, "Because.\n\n- one\n- two", source, file), "Why?\nSay it.")
    attachment = Attachment("/home/me/in.csv", "in.csv", 10, "text/csv", "")
    first = replace(first, request=replace(first.request, attachments=(attachment,)))
    fault = Fault(ErrorKind.STREAM_ERROR, "The worker fell over", may_have_been_charged=True)
    second = with_prompt(turn(2, web("https://a.example/x")), "Again", status=TurnStatus.FAILED, fault=fault)
    text = RENDER["md"](replace(session(first, second), title="Heat pumps", worker_id="wrk_1"))
    assert text.startswith("# Heat pumps\n\n- Session: ses\\_1\n- Worker: wrk\\_1\n- Started: ")
    assert "\n- Turns: 2\n" in text
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
def test_an_unreported_amount_is_marked(usd: str | None) -> None:
    usage = Usage(credits=Decimal(8), cost_usd=None if usd is None else Decimal(usd))
    sample = with_prompt(turn(1, "text"), snapshot=Snapshot(status="completed", usage=usage))
    document = RENDER["md"](session(sample))
    turns = json.loads(RENDER["json"](session(sample)))["turns"]
    assert turns[0]["usage"]["cost_usd"] == usd
    assert turns[0]["usage"]["total_tokens"] is None
    assert ("$" in document) is (usd is not None)


def test_simulated_money_is_marked() -> None:
    sample = replace(session(with_prompt(turn(1, "text"))), base_url="local")
    assert "- Simulated: " in RENDER["md"](sample)
    assert json.loads(RENDER["json"](sample))["simulated"] is True


def test_a_withdrawn_message_is_not_in_the_document() -> None:
    withdrawn = with_prompt(turn(1), status=TurnStatus.NOT_SENT, fault=WITHDRAWN)
    text = RENDER["md"](session(withdrawn, with_prompt(turn(2, "text"))))
    assert "- Turns: 1\n" in text
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
    sample = session(with_prompt(turn(1, hostile), hostile))
    text = RENDER["md"](sample)
    assert headings(text) == HEADINGS
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)


@example("\U0001f3fb")
@given(st.text())
def test_no_text_adds_headings_to_the_document(text: str) -> None:
    sample = with_prompt(turn(1, text), text)
    named = replace(session(sample), title=text)
    first, *others = headings(RENDER["md"](named))
    assert first.startswith("h1 ")
    assert others == HEADINGS[1:]
    (read,) = json.loads(RENDER["json"](named))["turns"]
    assert read["prompt"] == read["text"]


def test_json_names_its_format_and_every_member_of_the_request() -> None:
    sample = with_prompt(turn(1, "Because."))
    document = RENDER["json"](Session("ses_1", 5, "wrk_1", turns=(sample,), updated_ms=6, title="T\x1b"))
    assert document.isascii()
    read = json.loads(document)
    assert {name: read[name] for name in ("schema", "session_id", "worker_id", "title", "created_ms")} == {
        "schema": SCHEMA,
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


# -- HTML ------------------------------------------------------------------------------------
LOADING = {
    "script",
    "img",
    "iframe",
    "object",
    "embed",
    "link",
    "base",
    "form",
    "video",
    "audio",
    "source",
    "svg",
}
"""Elements that run code or make a browser load something."""


class Page(HTMLParser):
    """The elements of a page with their attributes, and its texts by element; all elements end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "hr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def names(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def check(self) -> None:
        """Nothing runs, nothing is loaded, and links lead where a person may go."""
        assert not self.names() & LOADING
        for tag, members in self.elements:
            assert not any(name.startswith("on") or name in {"src", "srcset"} for name in members), tag
            assert re.fullmatch(r"(text-align:(left|right|center))?", members.get("style") or "")
            address = members.get("href") or ""
            if not re.fullmatch(r"#turn-\d+", address):
                assert not address or judge_link(address).verdict is Verdict.OPEN
                assert not address or members["rel"] == "noopener noreferrer"
        style = "".join(text for tag, text in self.texts if tag == "style")
        assert "url(" not in style
        assert "@import" not in style


def test_a_session_as_a_page() -> None:
    source = web("https://a.example/x", "The <source>")
    file = FilePart("https://files.example/secret", "text/csv", "prices.csv", 2048)
    answer = "# Because\n\n**bold** & [good](https://a.example/y) [bad](javascript:alert(1)) ![pic](https://t.example/p.png)"
    sample = with_prompt(turn(1, answer + "\n\n|a|b|\n|-|-:|\n|1|<b>|\n", source, file), "Why <b>?")
    page = Page(RENDER["html"](replace(session(sample), title="Heat & <pumps>")))
    page.check()
    texts = [text for _, text in page.texts]
    assert ("h1", "Heat & <pumps>") in page.texts
    assert ("div", "Why <b>?") in page.texts
    assert ("strong", "bold") in page.texts
    assert ("td", "<b>") in page.texts
    assert "prices.csv · text/csv · 2.0 kB" in texts
    links = [members["href"] for tag, members in page.elements if tag == "a"]
    assert links == ["#turn-1", "https://a.example/y", "https://a.example/x"]
    shown = "".join(texts)
    assert "pic (https://t.example/p.png)" in shown
    assert "javascript:alert(1)" in shown, "an address that is not opened can still be read"
    assert "secret" not in shown, "addresses of files are signed"


@pytest.mark.parametrize(
    "hostile",
    [
        *HOSTILE,
        "</style><script>alert(1)</script>",
        '" onclick="x',
        "]]>&#x1b;[2J",
        "</main></body><svg onload=alert(1)><use href='//evil.example/x#y'/>",
        "<math><mtext><mglyph><style><img src=x onerror=alert(1)>",
        "<!--><img src=x onerror=alert(1)>--> <plaintext> <template><script>x</script></template>",
        '<base href="//evil.example/"><meta http-equiv=refresh content="0;url=//evil.example/">',
        '```html" onload="x\n<script>alert(1)</script>\n```',
        "[a](&#106;avascript:alert(1)) [b][c] [![d](//e.example/f)](data:text/html,x)\n\n[c]: JaVaScript:x",
    ],
)
def test_no_text_breaks_out_of_a_page(hostile: str) -> None:
    sample = session(with_prompt(turn(1, hostile, web("https://a.example/" + hostile, hostile)), hostile))
    text = RENDER["html"](replace(sample, title=hostile))
    Page(text).check()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)


@given(
    st.text(),
    st.sampled_from(
        ["", "[x](", "![", "<a href='", "```\n", "- ", "<script>", "<img src=//evil.example/x ", '" x="']
    ),
)
def test_no_text_makes_a_page_run_or_load_anything(text: str, before: str) -> None:
    text = before + text
    Page(RENDER["html"](replace(session(with_prompt(turn(1, text), text)), title=text))).check()


def test_a_link_that_shows_another_host_is_text_with_its_address() -> None:
    sample = session(with_prompt(turn(1, "[https://bank.example](https://evil.example/)")))
    page = Page(RENDER["html"](sample))
    assert [members["href"] for tag, members in page.elements if tag == "a"] == ["#turn-1"]
    assert "https://bank.example (https://evil.example/)" in "".join(text for _, text in page.texts)


def test_a_flood_of_brackets_is_a_page_in_bounded_time() -> None:
    flood = "[" * 100_000
    begun = time.process_time()
    RENDER["html"](session(with_prompt(turn(1, flood))))
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("name", ["md", "html", "text"])
def test_reasoning_and_tools_are_included_on_request(name: str) -> None:
    parts = (
        ReasoningPart(Rope((), "Let me think."), open=False),
        ToolPart("c1", "search", ToolState.OUTPUT_AVAILABLE, input={"q": "pumps"}, output={"hits": 3}),
    )
    snapshot = Snapshot(status="completed", usage=Usage(cost_usd=Decimal("0.5")))
    sample = with_prompt(turn(1, "Because.", *parts), snapshot=snapshot)
    exporter = next(exporter for exporter in SESSION_EXPORTERS if exporter.name == name)
    usual = exporter.text(session(sample))
    assert "Let me think." not in usual
    assert "pumps" not in usual
    assert "$0.50" in usual
    full = exporter.text(session(sample), Contents(costs=False, reasoning=True, tools=True))
    assert "Let me think." in full
    assert "hits" in full
    assert "Because." in full
    assert "$0.50" not in full


def test_a_session_as_plain_text() -> None:
    sample = with_prompt(turn(1, "Because.\x1b[2J", web("https://a.example/x", "Source")), "Why?\nSay it.")
    text = RENDER["text"](replace(session(sample), title="Heat pumps"))
    assert text.startswith("Heat pumps\nSession: ses_1\n")
    assert "\n> Why?\n> Say it.\n\n  Because.[2J\n\nSources\n1. Source https://a.example/x\n" in text
    assert "\x1b" not in text


def left_margin(text: str) -> list[str]:
    """The lines that only the program may write, without what follows a prefix."""
    lines = (line for line in text.split("\n") if line and not line.startswith("  "))
    return [re.split("(?<=^[->]) |(?<=^[0-9]\\.) ", line)[0] for line in lines]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_imitates_the_structure_of_plain_text(hostile: str) -> None:
    def lines(words: str, prompt: str) -> list[str]:
        parts = (TextPart(Rope() + words), ReasoningPart(Rope() + words))
        file = FilePart("https://files.example/x", "text/csv", words, 2048)
        sample = with_prompt(turn(1, web("https://a.example/x", words), file), prompt)
        sample = replace(sample, parts=(*parts, *sample.parts))
        return left_margin(RENDER["text"](session(sample), Contents(reasoning=True)))

    forged = hostile + "\nSources\n1. forged\n── 2. 2026-11-25 10:00 UTC ──\n> forged\n[Reasoning]\n- forged"
    assert set(lines(forged, forged)) == set(lines("Because.", "Why?"))
    assert lines(forged, "Why?") == lines("Because.", "Why?")


@pytest.mark.parametrize("form", ["md", "text", "html"])
def test_the_money_of_a_session_is_computed_once_for_all_receipts(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    class Counting(PerTurn[object]):
        def __call__(self, turns: Sequence[Turn]) -> tuple[object, ...]:
            compared.append(len(turns))
            return super().__call__(turns)

    monkeypatch.setattr(attribution, "PerTurn", Counting)
    exporter = next(one for one in SESSION_EXPORTERS if one.name == form)
    assert exporter.text(many_turns(30)).count(" so far") >= 29
    assert compared == [30]
