"""A session for readers: the common content of its Markdown, HTML and text exports.

All texts are clean. They may contain markup of the worker, so each format writes them in such a way that they
cannot imitate text of this program.

The page is printable, has a light and a dark style, and makes no requests. Markdown of the worker becomes
HTML, in which raw HTML is shown as text and pictures as text with their addresses. A link that is disguised
or unsafe becomes text, followed by its address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

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
from handinger_tui.core.prompts import lineage_words
from handinger_tui.core.receipts import receipt_lines
from handinger_tui.core.safety import clean, clean_json, clean_line
from handinger_tui.core.stream import Frame
from handinger_tui.core.tags import NO_LABELS, Labels
from handinger_tui.core.turns.session import LOCAL, Session, about
from handinger_tui.core.turns.turn import (
    NO_DAY,
    UNENDED,
    ReasoningPart,
    TextPart,
    ToolPart,
    Turn,
    TurnStatus,
)

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
    sources = {source.key: source for source in sources_of(session)}
    receipts = receipt_lines(session) if contents.costs else {}
    days = read_days(session)
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
            clean_line(receipts.get(turn.turn_id, "")),
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
                words = part.words(may_end=turn.status in UNENDED)
                title = " · ".join(filter(None, (f"Tool {clean_line(part.name)}", words)))
                yield Passage(_tool_text(part), title)


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
