"""The HTML page of a session, for readers."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.core.safety import Verdict, clean_line, html_page, judge_link

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    from handinger_tui.core.turns.session import Session
from handinger_tui.core.export.session_document import (
    SIMULATED_SESSION,
    Contents,
    DocumentTurn,
    session_document,
)

POLICY: Final = "base-uri 'none'; form-action 'none'"
MAX_MARKDOWN: Final = 400_000
"""A passage with more characters is not rendered, but shown as written."""


def session_html(session: Session, contents: Contents) -> str:
    """The session as an HTML page."""
    document = session_document(session, contents)
    facts = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in document.facts)
    banner = f'<p class="banner" role="note">{escape(SIMULATED_SESSION)}</p>\n' if document.simulated else ""
    turns = "\n".join(map(_turn, document.turns))
    head = f'<h1 dir="auto">{escape(document.title)}</h1>\n{banner}<dl>{facts}</dl>'
    return html_page(document.title, STYLE, f"<header>\n{head}\n</header>\n{turns}", POLICY)


def _turn(turn: DocumentTurn) -> str:
    head = f'<h2><a href="#turn-{turn.number}">{turn.number}</a> · <time>{escape(turn.at)}</time></h2>'
    origin = f'<p class="note">{escape(turn.origin)}</p>' if turn.origin else ""
    prompt = f'<div class="prompt" dir="auto">{escape(turn.prompt)}</div>'
    attached = _list("attached", (f"attached: {' · '.join(file)}" for file in turn.attachments))
    passages = "\n".join(_passage(passage.title, passage.text) for passage in turn.passages)
    ending = ""
    if turn.ending is not None:
        words = ": ".join(filter(None, (turn.ending.status, turn.ending.reason)))
        ending = f'<p class="ending">{escape(words)}</p>'
    sources = "".join(
        f'<li value="{one.number}">{_source(one.title, one.url)}'
        f"{_small(one.host, f'accessed {one.accessed}' if one.accessed else '')}</li>"
        for one in turn.sources
    )
    sources = f'<section class="sources"><h3>Sources</h3><ol>{sources}</ol></section>' if sources else ""
    files = _list("files", (" · ".join(file) for file in turn.files), "Files")
    receipt = f'<p class="receipt">{escape(turn.receipt)}</p>' if turn.receipt else ""
    pieces = (head, origin, prompt, attached, passages, ending, sources, files, receipt)
    return f'<article id="turn-{turn.number}">\n{chr(10).join(filter(None, pieces))}\n</article>'


def _passage(title: str, text: str) -> str:
    if title:
        return f"<details open><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"
    return f'<div class="answer" dir="auto">\n{markdown_html(text)}</div>'


def _list(name: str, entries: Iterable[str], heading: str = "") -> str:
    lines = "".join(f'<li dir="auto">{escape(entry)}</li>' for entry in entries)
    title = f"<h3>{heading}</h3>" if heading else ""
    return f'<section class="{name}">{title}<ul>{lines}</ul></section>' if lines else ""


def _source(title: str, url: str | None) -> str:
    if url is None or judge_link(url, title).verdict is not Verdict.OPEN:
        return escape(title)
    return f'<a href="{escape(url)}" rel="noopener noreferrer">{escape(title)}</a>'


def _small(*facts: str) -> str:
    words = " · ".join(filter(None, facts))
    return f" <small>{escape(words)}</small>" if words else ""


def markdown_html(text: str) -> str:
    """Markdown as HTML without scripts, forms, pictures or anything else that a page would load."""
    if len(text) > MAX_MARKDOWN:
        return f"<pre>{escape(text)}</pre>\n"
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.children:
            token.children = _safe_links(token.children)
    html: str = parser.renderer.render(tokens, parser.options, {})
    return html


@lru_cache(1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # 40 ms, so not at startup

    return MarkdownIt("gfm-like", {"html": False, "linkify": False})


def _safe_links(children: Sequence[Token]) -> list[Token]:
    """Replace unsafe links and all pictures by text."""
    tokens_out: list[Token] = []
    opened: list[str | None] = []
    """For each open link the text that follows in place of its end; None: it stays a link."""
    for at, token in enumerate(children):
        if token.type == "image":
            tokens_out.append(
                _words(token, f"{token.content or 'picture'} ({_shown(token.attrs.get('src'))})")
            )
        elif token.type == "link_open":
            address = str(token.attrs.get("href", ""))
            if judge_link(address, _text_of(children[at + 1 :])).verdict is Verdict.OPEN:
                token.attrs = {"href": address, "rel": "noopener noreferrer"}
                opened.append(None)
                tokens_out.append(token)
            else:
                opened.append(f" ({_shown(address)})")
        elif token.type == "link_close":
            instead = opened.pop() if opened else None
            tokens_out.append(token if instead is None else _words(token, instead))
        else:
            tokens_out.append(token)
    return tokens_out


def _text_of(children: Sequence[Token]) -> str:
    """The text of the link with these first children."""
    texts = []
    for token in children:
        if token.type == "link_close":
            break
        texts.append(token.content)
    return "".join(texts)


def _shown(address: Any) -> str:
    return clean_line(str(address or "no address"), 200)


def _words(token: Token, text: str) -> Token:
    return token.copy(type="text", tag="", nesting=0, attrs={}, content=text, children=None)


STYLE: Final = """
:root{color-scheme:light dark;--ground:#fff;--text:#1c1f24;--muted:#5b6470;--card:#f4f6f8;--edge:#d5dae0;
--link:#0b57b0;--warn:#8a4b00}
@media (prefers-color-scheme:dark){:root{--ground:#15181c;--text:#e4e7eb;--muted:#a3acb8;--card:#1f242a;
--edge:#39414b;--link:#8ab8ff;--warn:#f0b45c}
}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.55 system-ui,-apple-system,'Segoe UI',
'Noto Sans',Helvetica,Arial,sans-serif}
main{max-width:50rem;margin:0 auto;padding:2rem 1.25rem}
h1{font-size:1.8rem;line-height:1.25;margin:0 0 .75rem;overflow-wrap:anywhere}
h2{font-size:1rem;font-weight:600;color:var(--muted);margin:0 0 .75rem}
h2 a{color:inherit;text-decoration:none}
h3{font-size:.95rem;margin:1rem 0 .25rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0;color:var(--muted);
font-size:.9rem}
dt{font-weight:600}
dd{margin:0;overflow-wrap:anywhere}
article{border-top:1px solid var(--edge);margin-top:2rem;padding-top:1.25rem}
a{color:var(--link)}
small,.note{color:var(--muted)}
.prompt{background:var(--card);border-left:4px solid var(--link);border-radius:4px;padding:.75rem 1rem;
white-space:pre-wrap;overflow-wrap:anywhere;margin-bottom:1rem}
.answer{border-left:4px solid var(--edge);padding-left:1rem;overflow-wrap:anywhere}
.answer h1{font-size:1.4rem}
.answer h2{font-size:1.2rem;color:inherit}
.answer h3{font-size:1.05rem}
pre{background:var(--card);border:1px solid var(--edge);border-radius:4px;padding:.75rem 1rem;
overflow-x:auto;white-space:pre-wrap}
code{font:.9em ui-monospace,'Cascadia Mono','DejaVu Sans Mono',Menlo,Consolas,monospace}
blockquote{border-left:3px solid var(--edge);margin:1rem 0;padding:0 1rem;color:var(--muted)}
table{border-collapse:collapse;display:block;overflow-x:auto;overflow-wrap:break-word}
th,td{border:1px solid var(--edge);padding:.3rem .6rem;text-align:left;vertical-align:top}
th{background:var(--card)}
details{margin:.5rem 0}
summary{color:var(--muted);cursor:pointer}
.sources ol,.files ul,.attached ul{margin:.25rem 0;padding-left:1.75rem;overflow-wrap:anywhere}
.ending{color:var(--warn);font-style:italic}
.receipt{color:var(--muted);font-size:.9rem;border-top:1px dotted var(--edge);padding-top:.5rem}
.banner{border:2px dashed var(--warn);color:var(--warn);border-radius:8px;padding:.5rem 1rem;
font-weight:600}
@media print{:root{--ground:#fff;--text:#000;--muted:#444;--card:#f6f6f6;--edge:#bbb;--link:#000;
--warn:#000}
main{max-width:none;padding:0}
body{font-size:11pt}
h2,h3,.prompt{break-after:avoid}
pre,tr,.receipt{break-inside:avoid}
.answer a[href^=http]::after{content:" (" attr(href) ")";font-size:.85em;overflow-wrap:anywhere}
}
"""
