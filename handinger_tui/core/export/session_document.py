"""A session as people read it: what its Markdown, HTML and text forms have in common.

All texts are clean: nothing in them moves a cursor. Their markup, if they have any, is that of the worker,
so each form writes them in a way in which they cannot pass for text of this program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.evidence.sources import Source, files_of_turn, source_key, sources_of, sources_of_turn
from handinger_tui.core.export.bibliography import Citable, Days, citables, read_days
from handinger_tui.core.formatting import plural, size, utc_text
from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.prompts import lineage_words
from handinger_tui.core.receipts.facts import receipt_line
from handinger_tui.core.safety import clean, clean_json, clean_line
from handinger_tui.core.tags import NO_LABELS, Labels
from handinger_tui.core.turns.turn import ReasoningPart, TextPart, ToolPart, Turn, TurnStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from handinger_tui.core.stream.frames import Frame
    from handinger_tui.core.turns.session import Session

SIMULATED: Final = "Simulated: the local worker answered. Nothing was charged."


class Contents(Struct, frozen=True):
    """What a document of a session contains besides messages, answers, sources and files."""

    costs: bool = True
    reasoning: bool = False
    tools: bool = False
    labels: Labels = NO_LABELS
    """Tags and project of the session."""
    frames: Mapping[str, Sequence[Frame]] = {}
    """What arrived for each turn, by turn id: only for the form that can be imported."""


USUAL: Final = Contents()


class Passage(Struct, frozen=True):
    """A piece of an answer: Markdown of the worker; with a title, reasoning or a tool call as plain text."""

    text: str
    title: str = ""


class Ending(Struct, frozen=True):
    """Why an answer is not complete, or that it has no text."""

    status: str
    reason: str = ""


class DocumentTurn(Struct, frozen=True):
    """One message and its answer. `number` counts from 1; `receipt` is "" without a cost to show."""

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
    """Name, media type and, where known, size of each."""
    receipt: str


class SessionDocument(Struct, frozen=True):
    """A session with all its turns but those that were withdrawn before they were sent."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """Label and value of each."""
    simulated: bool
    turns: tuple[DocumentTurn, ...]


def session_document(session: Session, contents: Contents) -> SessionDocument:
    """Return a session as people read it."""
    sources = {source.key: source for source in sources_of(session)}
    money, days = MoneyIndex(), read_days(session)
    sent = [turn for turn in session.turns if not turn.withdrawn]
    facts = [("Session", clean_line(session.session_id))]
    facts += [(session.kind.capitalize(), clean_line(session.worker_id))] if session.worker_id else []
    facts += [("Begun", minute(session.created_ms)), ("Turns", str(len(sent)))]
    facts += [("Tags", ", ".join(contents.labels.tags))] if contents.labels.tags else []
    facts += [("Project", contents.labels.project)] if contents.labels.project else []
    imported = len(session.turns) - len(session.ours)
    facts += [("Imported", f"{plural(imported, 'turn')}, not charged here")] if imported else []
    turns = tuple(
        DocumentTurn(
            number,
            minute(turn.order.created_ms),
            clean(turn.order.prompt).strip("\n"),
            lineage_words(turn.order.lineage) if turn.order.lineage is not None else "",
            tuple((clean_line(file.name), size(file.size)) for file in turn.order.attachments),
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


def minute(ms: int) -> str:
    """Return a time as "2026-11-25 10:00 UTC"."""
    text = utc_text(ms)
    return "unknown time" if text is None else f"{text[:10]} {text[11:16]} UTC"


def _passages(turn: Turn, contents: Contents) -> Iterator[Passage]:
    if not (contents.reasoning or contents.tools):
        if turn.text.strip():
            yield Passage(clean(turn.text).strip("\n"))
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
        return Ending(str(turn.status).replace("_", " "), reason)
    return None if turn.text.strip() else Ending("no text")


def _cited(turn: Turn, sources: dict[str, Source], days: Days) -> tuple[Citable, ...]:
    keys = dict.fromkeys(map(source_key, sources_of_turn(turn)))
    return tuple(citables((sources[key] for key in keys), days))


def _files(turn: Turn) -> Iterator[tuple[str, ...]]:
    for file in files_of_turn(turn):
        facts = (clean_line(file.filename or "unnamed"), clean_line(file.media_type or "unknown type"))
        yield tuple(fact for fact in (*facts, size(file.size)) if fact)
