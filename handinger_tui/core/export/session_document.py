"""A session for readers: the common content of its Markdown, HTML and text exports; the HTML page.

All texts are clean. They may contain markup of the worker, so each format writes them in such a way that they
cannot imitate text of this program.

The page is printable, has a light and a dark style, and makes no requests. Markdown of the worker becomes
HTML, in which raw HTML is shown as text and pictures as text with their addresses. A link that is disguised
or unsafe becomes text, followed by its address.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from handinger_tui.core.evidence import (
    Citable,
    Days,
    Source,
    citables,
    file_name,
    files_of_turn,
    read_days,
    source_key,
    sources_of,
    sources_of_turn,
)
from handinger_tui.core.formatting import plural, size, spaced, utc_text
from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.prompts import lineage_words
from handinger_tui.core.receipts import receipt_line
from handinger_tui.core.safety import Verdict, clean, clean_json, clean_line, html_page, judge_link
from handinger_tui.core.tags import NO_LABELS, Labels
from handinger_tui.core.turns.session import about
from handinger_tui.core.turns.turn import NO_DAY, ReasoningPart, TextPart, ToolPart, Turn, TurnStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    from handinger_tui.core.stream import Frame
    from handinger_tui.core.turns.session import Session


SIMULATED_SESSION: Final = "Simulated: the local worker answered. Nothing was charged."


class Contents(Struct, frozen=True):
    """What an export contains in addition to messages, answers, sources and files."""

    costs: bool = True
    reasoning: bool = False
    tools: bool = False
    labels: Labels = NO_LABELS
    """Tags and project of the session."""
    frames: Mapping[str, Sequence[Frame]] = {}
    """Turn id → frames; only for the format that can be imported."""


USUAL: Final = Contents()


class Passage(Struct, frozen=True):
    """A part of an answer: Markdown of the worker; with a title, plain text of reasoning or a tool call."""

    text: str
    title: str = ""


class Ending(Struct, frozen=True):
    """Why an answer is incomplete, or a note that it has no text."""

    status: str
    reason: str = ""


class DocumentTurn(Struct, frozen=True):
    """One message and its answer. `number`: from 1; `receipt`: may be ""."""

    number: int
    at: str
    prompt: str
    origin: str
    """"forked from …", or ""."""
    attachments: tuple[tuple[str, str], ...]
    """Name and size of each."""
    passages: tuple[Passage, ...]
    ending: Ending | None
    sources: tuple[Citable, ...]
    files: tuple[tuple[str, ...], ...]
    """Name, media type and, if reported, size of each."""
    receipt: str


class SessionDocument(Struct, frozen=True):
    """A session without the turns that were withdrawn before they were sent."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """Label and value of each."""
    simulated: bool
    turns: tuple[DocumentTurn, ...]


def session_document(session: Session, contents: Contents) -> SessionDocument:
    """The document of a session."""
    sources = {source.key: source for source in sources_of(session)}
    money, days = MoneyIndex(), read_days(session)
    sent = [turn for turn in session.turns if not turn.withdrawn]
    facts = [("Session", clean_line(session.session_id))]
    facts += [(session.kind.capitalize(), clean_line(session.worker_id))] if session.worker_id else []
    facts += about_facts(session)
    facts += [("Started", minute(session.created_ms)), ("Turns", str(sum(not turn.unsent for turn in sent)))]
    facts += [("Tags", ", ".join(contents.labels.tags))] if contents.labels.tags else []
    facts += [("Project", contents.labels.project)] if contents.labels.project else []
    imported = len(session.turns) - len(session.ours)
    facts += [("Imported", f"{plural(imported, 'turn')}, not charged here")] if imported else []
    turns = tuple(
        DocumentTurn(
            number,
            "time unknown" if turn.request.service_ms == NO_DAY else minute(turn.began_ms),
            clean(turn.request.prompt).strip("\n"),
            lineage_words(turn.request.lineage) if turn.request.lineage is not None else "",
            tuple((clean_line(file.name), size(file.size)) for file in turn.request.attachments),
            tuple(_passages(turn, contents)),
            _ending(turn),
            _cited(turn, sources, days),
            tuple(_files(turn)),
            clean_line(receipt_line(session, turn, money)) if contents.costs else "",
        )
        for number, turn in enumerate(sent, 1)
    )
    title = clean_line(session.title) or "Untitled session"
    return SessionDocument(title, tuple(facts), session.base_url == LOCAL, turns)


def about_facts(session: Session) -> list[tuple[str, str]]:
    """What the service says of the target: its title, its address, and when it was created and completed."""
    target, kind = about(session.turns), session.kind.capitalize()
    texts = ((f"{kind} title", target.title), (f"{kind} address", target.url))
    times = ((f"{kind} created", target.created_ms), (f"{kind} completed", target.completed_ms))
    facts = [(label, clean_line(text)) for label, text in texts if text]
    return facts + [(label, minute(moment)) for label, moment in times if moment is not None]


def minute(ms: int) -> str:
    """A time as "2026-11-25 10:00 UTC"."""
    text = utc_text(ms)
    return "unknown time" if text is None else f"{text[:10]} {text[11:16]} UTC"


def _passages(turn: Turn, contents: Contents) -> Iterator[Passage]:
    if not (contents.reasoning or contents.tools):
        if turn.text.strip():
            yield Passage(clean(turn.answer).strip("\n"))
        return
    for part in turn.parts:
        match part:
            case TextPart() if part.text.strip():
                yield Passage(clean(part.text).strip("\n"))
            case ReasoningPart() if contents.reasoning and part.text.strip():
                yield Passage(clean(part.text).strip("\n"), "Reasoning")
            case ToolPart() if contents.tools:
                state = f" · {part.state.words}" if part.state.words else ""
                yield Passage(_tool_text(part), f"Tool {clean_line(part.name)}{state}")


def _tool_text(tool: ToolPart) -> str:
    values: tuple[tuple[str, Json], ...] = (("input", tool.input), ("output", tool.output))
    lines = [f"{name}: {dump(clean_json(value))}" for name, value in values if value is not None]
    if tool.input is None and tool.input_text:
        lines.insert(0, f"input: {clean(tool.input_text)}")
    return "\n".join([*lines, *([f"error: {clean(tool.error)}"] if tool.error else [])])


def _ending(turn: Turn) -> Ending | None:
    if turn.status is not TurnStatus.COMPLETED:
        reason = clean_line(turn.fault.message) if turn.fault is not None else ""
        return Ending(spaced(turn.status), reason)
    return None if turn.text.strip() else Ending("no text")


def _cited(turn: Turn, sources: dict[str, Source], days: Days) -> tuple[Citable, ...]:
    keys = dict.fromkeys(map(source_key, sources_of_turn(turn)))
    return tuple(citables((sources[key] for key in keys), days))


def _files(turn: Turn) -> Iterator[tuple[str, ...]]:
    for file in files_of_turn(turn):
        facts = (file_name(file), clean_line(file.media_type or "unknown type"))
        yield tuple(fact for fact in (*facts, size(file.size)) if fact)


# -- HTML --------------------------------------------------------------------------------------
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


# -- Markdown --------------------------------------------------------------------------------
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
