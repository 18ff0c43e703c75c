"""The export formats of sessions (Markdown, HTML, JSON, text) and of sources: a function and a line each.

In Markdown, text of the service is in block quotes. It cannot end its quote, so it cannot imitate a heading,
a source or a receipt of this program; an unclosed code fence ends with the quote. In plain text it is
indented, and every line of this program begins at the left margin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import asdict

from handinger_tui.core.documents import About, AnyJson, Document, Millis, Origin, Part, members
from handinger_tui.core.evidence import Citable, Days, Source, citables, read_days
from handinger_tui.core.export.result import RESULT, Result, results_of
from handinger_tui.core.export.session_document import (
    SIMULATED_SESSION,
    USUAL,
    Contents,
    DocumentTurn,
    session_document,
)
from handinger_tui.core.export.session_file import SCHEMA, without_costs
from handinger_tui.core.export.session_html import session_html
from handinger_tui.core.figures import numbered
from handinger_tui.core.formatting import utc_text
from handinger_tui.core.jsontext import Json, JsonObject, as_list, as_object, dump
from handinger_tui.core.safety import clean_json, clean_line, markdown_text
from handinger_tui.core.stream import Frame
from handinger_tui.core.turns.session import LOCAL, Session, about, ids_of
from handinger_tui.core.turns.session import About as AboutTarget
from handinger_tui.core.turns.turn import NO_DAY, Lineage, Trigger, TurnRequest


# -- sessions ----------------------------------------------------------------------------------
class SessionTurn(Result, frozen=True, tag=RESULT):
    """A message and its result."""

    prompt: str
    created_ms: Millis
    began_ms: Millis | None
    lineage: Origin | None
    imported: bool


class SentFile(Part, frozen=True):
    """A file that was attached. `size`: in bytes."""

    name: str
    size: int
    media_type: str


class Record(Part, frozen=True):
    """What an import reads: the request, and what came."""

    prompt: str
    target: str | None
    seen_before: int | None
    frames: list[list[AnyJson]]
    """Time, kind, event, id and data of each."""


class FileTurn(SessionTurn, frozen=True, tag=RESULT):
    """A turn of an exported session."""

    budget: str | None
    trigger: Trigger
    attachments: list[SentFile]
    record: Record | None


class SessionFile(Document, frozen=True, tag=SCHEMA):
    """What `export --format json` writes, and `import` reads."""

    session_id: str
    worker_id: str | None
    task_id: str | None
    generation: str
    target: str | None
    """The worker or task that messages go to."""
    template: str | None
    """The stored worker of its tasks."""
    base_url: str
    title: str
    about: About
    created_ms: Millis
    updated_ms: Millis
    simulated: bool
    tags: list[str]
    project: str | None
    with_costs: bool
    turns: list[FileTurn]


class ShownSession(Document, frozen=True, tag=numbered("shown-session", 1)):
    """What `sessions show` prints."""

    session_id: str
    worker_id: str | None
    task_id: str | None
    title: str
    about: About
    turns: list[SessionTurn]


def session_json(session: Session, contents: Contents) -> str:
    """The session as one line of JSON, which can be imported; always with reasoning and tool calls."""
    frames = contents.frames
    if not contents.costs:
        session, frames = without_costs(session, frames)
    ids = ids_of(session, session.worker_id)
    document = SessionFile(
        session_id=session.session_id,
        worker_id=ids.worker_id,
        task_id=ids.task_id,
        generation=session.generation,
        target=session.worker_id,
        template=session.stored_worker_id,
        base_url=session.base_url,
        title=clean_line(session.title),
        about=about_part(about(session.turns)),
        created_ms=session.created_ms,
        updated_ms=session.updated_ms,
        simulated=session.base_url == LOCAL,
        tags=[*contents.labels.tags],
        project=contents.labels.project or None,
        with_costs=contents.costs,
        turns=[
            FileTurn(
                **asdict(turn),
                budget=stored.request.budget,
                trigger=stored.request.trigger,
                attachments=[
                    SentFile(name=file.name, size=file.size, media_type=file.media_type)
                    for file in stored.request.attachments
                ],
                record=_record(stored.request, frames.get(stored.turn_id)),
            )
            for stored, turn in zip(session.turns, session_turns(session), strict=True)
        ],
    )
    head = members(document)
    # The records are read again, so they stay as they are.
    turns: list[Json] = [
        {name: item if name == "record" else clean_json(item) for name, item in as_object(turn).items()}
        for turn in as_list(head.pop("turns"))
    ]
    return dump({**as_object(clean_json(head)), "turns": turns}) + "\n"


def _record(turn_request: TurnRequest, frames: Sequence[Frame] | None) -> Record | None:
    """The record of a turn; null if its frames are not available."""
    if frames is None:
        return None
    rows: list[list[Json]] = [[one.at_ms, str(one.framing), one.event, one.id, one.data] for one in frames]
    return Record(
        prompt=turn_request.prompt,
        target=turn_request.target_id,
        seen_before=turn_request.seen_before,
        frames=rows,
    )


def session_turns(session: Session) -> list[SessionTurn]:
    """Each turn with its prompt and its result, their texts as they came."""
    return [
        SessionTurn(
            **asdict(result),
            prompt=turn.request.prompt,
            created_ms=turn.request.created_ms,
            began_ms=None if turn.request.service_ms == NO_DAY else turn.began_ms,
            lineage=origin_part(turn.request.lineage),
            imported=turn.imported,
        )
        for turn, result in zip(session.turns, results_of(session), strict=True)
    ]


def shown_session(session: Session) -> ShownSession:
    """The session for `sessions show`."""
    ids = ids_of(session, session.worker_id)
    return ShownSession(
        session_id=session.session_id,
        worker_id=ids.worker_id,
        task_id=ids.task_id,
        title=clean_line(session.title),
        about=about_part(about(session.turns)),
        turns=session_turns(session),
    )


def about_part(about_target: AboutTarget) -> About:
    """What the service says of a target."""
    return About(
        title=clean_line(about_target.title) if about_target.title else None,
        url=clean_line(about_target.url) if about_target.url else None,
        created=utc_text(about_target.created_ms),
        completed=utc_text(about_target.completed_ms),
    )


def origin_part(lineage: Lineage | None) -> Origin | None:
    """The earlier message from which a message was made."""
    if lineage is None:
        return None
    return Origin(
        kind=str(lineage.kind),
        session_id=lineage.session_id,
        turn_id=lineage.turn_id,
        number=lineage.number,
        title=clean_line(lineage.title) or None,
    )


def session_markdown(session: Session, contents: Contents = USUAL) -> str:
    document = session_document(session, contents)
    facts = [f"- {label}: {markdown_text(value)}" for label, value in document.facts]
    facts += [f"- {SIMULATED_SESSION}"] if document.simulated else []
    blocks = [f"# {markdown_text(document.title)}", "\n".join(facts)]
    for turn in document.turns:
        blocks += [f"## {turn.number}. {turn.at}", *_request(turn), *_answer(turn)]
        if turn.sources:
            blocks += ["### Sources", "".join(map(list_entry, turn.sources)).rstrip()]
        if turn.files:
            blocks += ["### Files", "\n".join(f"- {_joined(file)}" for file in turn.files)]
        if turn.receipt:
            blocks += ["### Receipt", markdown_text(turn.receipt)]
    return "\n\n".join(blocks) + "\n"


def _request(turn: DocumentTurn) -> Iterator[str]:
    yield "### Prompt"
    if turn.origin:
        yield f"*{markdown_text(turn.origin)}*"
    yield _quote(turn.prompt)
    if turn.attachments:
        yield "\n".join(f"- attached: {_joined(file)}" for file in turn.attachments)


def _answer(turn: DocumentTurn) -> Iterator[str]:
    yield "### Answer"
    for passage in turn.passages:
        if passage.title:
            yield f"*{markdown_text(passage.title)}*"
        yield _quote(passage.text)
    if turn.ending is not None:
        yield f"*{turn.ending.status}*" + (
            f": {markdown_text(turn.ending.reason)}" if turn.ending.reason else ""
        )


def _joined(facts: Sequence[str]) -> str:
    return markdown_text(" · ".join(facts))


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))


def session_text(session: Session, contents: Contents) -> str:
    """The session as plain text: messages with the prefix "> ", what the worker wrote indented."""
    document = session_document(session, contents)
    lines = [document.title, *(f"{label}: {value}" for label, value in document.facts)]
    lines += [SIMULATED_SESSION] if document.simulated else []
    for turn in document.turns:
        lines += ["", f"── {turn.number}. {turn.at} ──", *([f"({turn.origin})"] if turn.origin else [])]
        lines += [f"> {line}" for line in turn.prompt.split("\n")]
        lines += [f"attached: {' · '.join(file)}" for file in turn.attachments]
        for passage in turn.passages:
            lines += ["", *([f"[{passage.title}]"] if passage.title else [])]
            lines += [f"  {line}".rstrip() for line in passage.text.split("\n")]
        if turn.ending is not None:
            lines += ["", ": ".join(filter(None, (turn.ending.status, turn.ending.reason)))]
        cited = (f"{one.number}. {one.title}" + (f" {one.url}" if one.url else "") for one in turn.sources)
        files = (f"- {' · '.join(file)}" for file in turn.files)
        for heading, entries in (("Sources", cited), ("Files", files)):
            listed = list(entries)
            lines += ["", heading, *listed] if listed else []
        lines += ["", turn.receipt] if turn.receipt else []
    return "\n".join(lines) + "\n"


# -- sources -----------------------------------------------------------------------------------
def footnotes(sources: Iterable[Source], days: Days) -> str:
    """Markdown footnotes, one per line: `[^1]: Title. Host. <address>`."""
    lines = []
    for one in citables(sources, days):
        pieces = [f"{markdown_text(one.title).rstrip('.')}."]
        pieces += [f"{markdown_text(one.host)}."] if one.host else []
        pieces += [f"<{one.url}>"] if one.url else []
        lines.append(f"[^{one.number}]: {' '.join(pieces)}\n")
    return "".join(lines)


_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{char: f"\\{char}" for char in "#$%&_"},
}
_ESCAPE: Final = str.maketrans(_SPECIAL)
_NOT_IN_KEY: Final = re.compile(r"[^a-z0-9]+")


def bibtex(sources: Iterable[Source], days: Days) -> str:
    """BibTeX: one `@misc` entry per source. Keys are unique: the host and the number of the source."""
    return "\n".join(_entry(one) for one in citables(sources, days))


def _entry(one: Citable) -> str:
    key = _NOT_IN_KEY.sub("", one.host.removeprefix("www.")) or "source"
    fields = {"title": f"{{{one.title.translate(_ESCAPE)}}}"}
    if one.url is not None:
        fields |= {"howpublished": one.host.translate(_ESCAPE), "url": one.url}
        if one.accessed is not None:
            fields["urldate"] = one.accessed
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@misc{{{key}-{one.number},\n{lines}}}\n"


def csl_json(sources: Iterable[Source], days: Days) -> str:
    """CSL-JSON: an array of items of type webpage, or of type document without a web address."""
    return json.dumps([_item(one) for one in citables(sources, days)], indent=2, ensure_ascii=True) + "\n"


def _item(one: Citable) -> JsonObject:
    item: JsonObject = {"id": f"source-{one.number}", "type": "webpage", "title": one.title}
    if one.url is None:
        return item | {"type": "document"}
    item |= {"container-title": one.host, "URL": one.url}
    if one.accessed is not None:
        item["accessed"] = {"date-parts": [[int(piece) for piece in one.accessed.split("-")]]}
    return item


def markdown_list(sources: Iterable[Source], days: Days) -> str:
    """A Markdown list: `1. [Title](<address>) · host`. The numbers are those of the sources, with gaps."""
    return "".join(map(list_entry, citables(sources, days)))


def list_entry(one: Citable) -> str:
    """One line of `markdown_list`, with its line end."""
    title = markdown_text(one.title)
    if one.url is None:
        return f"{one.number}. {title}\n"
    accessed = f" · accessed {one.accessed}" if one.accessed else ""
    return f"{one.number}. [{title}](<{one.url}>) · {markdown_text(one.host)}{accessed}\n"


# -- the tables -------------------------------------------------------------------------------
class SourceExporter(Struct, frozen=True):
    """One format of a source list. `title`: shown to the user; `suffix`: of the file name."""

    name: str
    title: str
    suffix: str
    render: Callable[[Sequence[Source], Days], str]

    def text(self, sources: Sequence[Source], session: Session) -> str:
        """The text of these sources of a session."""
        return self.render(sources, read_days(session))


class SessionExporter(Struct, frozen=True):
    """One format of a session. `suffix`: of the file name."""

    name: str
    suffix: str
    render: Callable[[Session, Contents], str]
    has_frames: bool = False
    """Whether it needs `Contents.frames`."""

    def text(self, session: Session, contents: Contents = USUAL) -> str:
        """The text of a session; by default with costs, without reasoning and tool calls."""
        return self.render(session, contents)


SOURCE_EXPORTERS: Final = (
    SourceExporter("markdown", "Markdown list", ".md", markdown_list),
    SourceExporter("footnotes", "Footnotes", ".md", footnotes),
    SourceExporter("csl", "CSL-JSON", ".json", csl_json),
    SourceExporter("bibtex", "BibTeX", ".bib", bibtex),
)
"""The formats in which sources can be copied and saved. Commands derive their choices from this table."""

SESSION_EXPORTERS: Final = (
    SessionExporter("md", ".md", session_markdown),
    SessionExporter("html", ".html", session_html),
    SessionExporter("json", ".json", session_json, has_frames=True),
    SessionExporter("text", ".txt", session_text),
)
"""The formats of a session; the first is the default. Commands derive their choices from this table."""


ExporterT = TypeVar("ExporterT", SourceExporter, SessionExporter)


def find_exporter(exporters: Sequence[ExporterT], text: str) -> ExporterT | None:
    """The exporter with this name, or the first one with the suffix of this file name; None without one."""
    word = text.lower()
    named = next((one for one in exporters if one.name == word), None)
    return named or next((one for one in exporters if word.endswith(one.suffix)), None)


def export_name(exporter: SourceExporter | SessionExporter, text: str, stem: str) -> str:
    """The file name in `text`; if `text` is only the name of the format, a file name with `stem`."""
    return f"{stem}{exporter.suffix}" if text.lower() == exporter.name else text
