"""Source lists for other programs: golden texts, and titles that try to break out of them."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from handinger_tui.core.evidence import Source, sources_of
from handinger_tui.core.export.exporters import SOURCE_EXPORTERS
from handinger_tui.core.safety import rows_to_csv
from handinger_tui.core.stream import SourcePart
from tests.core.evidence_samples import session, turn, web

RENDER = {exporter.name: exporter.render for exporter in SOURCE_EXPORTERS}
DAYS = {"turn_1": "2026-11-25"}
PLAIN = (
    web("https://www.a.example/3/csv", "csv: files"),
    web("http://bü.example/()?{}", "50% {b} [x] \\ a_b^"),
    SourcePart("doc_1", None, "1. Report", "application/pdf", "report.pdf"),
    web("javascript:alert(1)", "Not opened"),
)


def sources_from(*parts: SourcePart) -> tuple[Source, ...]:
    return sources_of(session(turn(1, *parts)))


GOLDEN = {
    "markdown": r"""1. [csv: files](<https://www.a.example/3/csv>) · www\.a.example · accessed 2026-11-25
2. [50% \{b\} \[x\] \\ a\_b\^](<http://xn--b-eha.example/%28%29?%7B%7D>) · xn--b-eha.example · accessed 2026-11-25
3. 1\. Report
4. Not opened
""",  # noqa: E501 - a line of the document
    "footnotes": r"""[^1]: csv: files. www\.a.example. <https://www.a.example/3/csv>
[^2]: 50% \{b\} \[x\] \\ a\_b\^. xn--b-eha.example. <http://xn--b-eha.example/%28%29?%7B%7D>
[^3]: 1\. Report.
[^4]: Not opened.
""",
    "bibtex": r"""@misc{aexample-1,
  title = {{csv: files}},
  howpublished = {www.a.example},
  url = {https://www.a.example/3/csv},
  urldate = {2026-11-25},
}

@misc{xnbehaexample-2,
  title = {{50\% \textbraceleft{}b\textbraceright{} [x] \textbackslash{} a\_b\textasciicircum{}}},
  howpublished = {xn--b-eha.example},
  url = {http://xn--b-eha.example/%28%29?%7B%7D},
  urldate = {2026-11-25},
}

@misc{source-3,
  title = {{1. Report}},
}

@misc{source-4,
  title = {{Not opened}},
}
""",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_every_format_has_its_golden_text(name: str) -> None:
    assert RENDER[name](sources_from(*PLAIN), DAYS) == GOLDEN[name]


def test_csl_json_has_its_golden_value() -> None:
    items = json.loads(RENDER["csl"](sources_from(*PLAIN), DAYS))
    assert items[0] == {
        "id": "source-1",
        "type": "webpage",
        "title": "csv: files",
        "container-title": "www.a.example",
        "URL": "https://www.a.example/3/csv",
        "accessed": {"date-parts": [[2026, 11, 25]]},
    }
    assert items[2] == {"id": "source-3", "type": "document", "title": "1. Report"}


def test_an_unknown_day_is_omitted() -> None:
    for render in RENDER.values():
        assert "2026" not in render(sources_from(*PLAIN), {})
        assert "accessed" not in render(sources_from(*PLAIN), {})


def test_every_format_without_sources_is_empty() -> None:
    assert [render((), {}) for render in RENDER.values()] == ["", "", "[]\n", ""]


HOSTILE = [
    "](https://evil.example) [x",
    "a\n\n# heading\n2. more",
    "}},\n}\n@misc{evil,\n title={x}",
    "\\} } { {{ \\\\ \\textbf{x}",
    "<script>alert(1)</script> <https://evil.example> &lt; &#91;",
    "`code` ``` ~~~ | pipe || ![i](http://evil.example/i.png)",
    "www.evil.example and https://evil.example and me@evil.example",
    "\x1b]52;c;AAAA\x07 \u202e right \u2028 line",
    "[^2]: other\r\n[^3]",
    "- item",
    "1) item",
    "+ item",
    "=======",
    "#hash",
    "> quote",
    "\ud800",
]
ANY_TITLE = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.sampled_from("[]()<>{}\\`*_#+-=.!|~&;:/\"'@%$^ \n\r\t1ax\u202e\x1b"), max_size=30),
    st.text(max_size=30),
)
MARKDOWN = MarkdownIt("gfm-like")


@settings(max_examples=100, deadline=None)
@given(ANY_TITLE, st.booleans())
def test_a_title_cannot_leave_the_markdown_list(title: str, with_url: bool) -> None:
    part = web("https://a.example/", title) if with_url else SourcePart("d", None, title)
    text = RENDER["markdown"](sources_from(part), {})
    assert text.count("\n") == 1
    tokens = MARKDOWN.parse(text)
    kinds = [token.type for token in tokens if token.nesting >= 0]
    assert kinds == ["ordered_list_open", "list_item_open", "paragraph_open", "inline"]
    inner = next(token for token in tokens if token.type == "inline").children or []
    links = [token.attrs["href"] for token in inner if token.type == "link_open"]
    assert {token.type for token in inner} <= {"text", "link_open", "link_close", "text_special"}
    if with_url:
        # A lax reader may detect the host after the link as a bare link; never the title.
        assert links[0] == "https://a.example/"
        assert all("evil" not in str(link) for link in links)
    else:
        assert not [link for link in links if "evil" in str(link)]


@settings(max_examples=100, deadline=None)
@given(st.lists(ANY_TITLE, min_size=1, max_size=4))
def test_a_title_cannot_leave_any_form(titles: list[str]) -> None:
    listed = sources_from(*(web(f"https://h.example/{at}", title) for at, title in enumerate(titles)))
    assert len(RENDER["footnotes"](listed, DAYS).splitlines()) == len(titles)
    assert all(line.startswith("[^") for line in RENDER["footnotes"](listed, DAYS).splitlines())
    assert len(json.loads(RENDER["csl"](listed, DAYS))) == len(titles)
    bibtex = RENDER["bibtex"](listed, DAYS)
    keys = re.findall(r"^@misc\{([^,]+),$", bibtex, re.MULTILINE)
    assert len(set(keys)) == len(keys) == len(titles)
    depth = 0
    for entry in bibtex.split("\n\n"):
        for sign in entry:
            depth += {"{": 1, "}": -1}.get(sign, 0)
            assert 0 <= depth < 6
        assert depth == 0
    assert bibtex.count("\n") == 7 * len(titles) - 1
    for render in RENDER.values():
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", render(listed, DAYS))


# -- tables ----------------------------------------------------------------------
def test_a_table_becomes_csv_without_formulas() -> None:
    rows = [("=1+1", "-5", "a,b"), ('say "x"', "+1e3", " =2"), ("two\nlines", "@SUM(A1)", "")]
    assert rows_to_csv(("k", "n", "t"), rows) == (
        'k,n,t\r\n\'=1+1,-5,"a,b"\r\n"say ""x""",+1e3,\' =2\r\n"two\nlines",\'@SUM(A1),\r\n'
    )
    assert rows_to_csv((), [("-12.5%", "-x")]) == "-12.5%,'-x\r\n"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=4))
def test_csv_can_be_read_back(rows: list[list[str]]) -> None:
    text = rows_to_csv(("a", "b"), rows)
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert len(read) == len(rows) + 1
    assert all(len(row) == 2 for row in read)
    for cell in (cell for row in read for cell in row):
        assert not cell.lstrip().startswith(("=", "@"))
