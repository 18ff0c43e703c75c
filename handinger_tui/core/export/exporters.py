"""The forms of a session (Markdown, JSON) and of its sources: a function and a line in a table each.

In Markdown, text of the service stands in block quotes: none of it can end a quote, so it cannot pass for a
heading, a source or a receipt of this program, and a code fence that is never closed ends with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.evidence.sources import Source, files_of_turn, source_key, sources_of, sources_of_turn
from handinger_tui.core.export.bibliography import (
    Days,
    bibtex,
    csl_json,
    footnotes,
    markdown_list,
    markdown_text,
    read_days,
)
from handinger_tui.core.export.result import result_object
from handinger_tui.core.formatting import plural, size, utc_text
from handinger_tui.core.jsontext import Json, JsonObject, dump
from handinger_tui.core.money.attribution import MoneyIndex, turn_money
from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.prompts import lineage_words
from handinger_tui.core.receipts.facts import receipt_line
from handinger_tui.core.safety import clean, clean_json, clean_line
from handinger_tui.core.turns.session import ids_of
from handinger_tui.core.turns.turn import Turn, TurnStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from handinger_tui.core.turns.session import Session
    from handinger_tui.core.turns.turn import Lineage

SCHEMA: Final = "handinger-tui/session/1"


def session_json(session: Session) -> str:
    """Return the session with all its turns as one line of JSON."""
    head: JsonObject = {
        "schema": SCHEMA,
        "session_id": session.session_id,
        **ids_of(session, session.worker_id),
        "generation": session.generation,
        "base_url": session.base_url,
        "title": clean_line(session.title),
        "created_ms": session.created_ms,
        "updated_ms": session.updated_ms,
        "simulated": session.base_url == LOCAL,
    }
    turns: list[Json] = [
        {
            **answered,
            "budget": turn.order.budget,
            "trigger": str(turn.order.trigger),
            "attachments": [
                clean_json({"name": file.name, "size": file.size, "media_type": file.media_type})
                for file in turn.order.attachments
            ],
        }
        for turn, answered in zip(session.turns, turn_objects(session), strict=True)
    ]
    return dump({**{name: clean_json(value) for name, value in head.items()}, "turns": turns}) + "\n"


def turn_objects(session: Session) -> list[JsonObject]:
    """Return each turn with its prompt and its result object."""
    return [
        {
            "prompt": clean_json(turn.order.prompt),
            "created_ms": turn.order.created_ms,
            "lineage": lineage_object(turn.order.lineage),
            **result_object(session, turn, money=money),
        }
        for turn, money in zip(session.turns, turn_money(session.turns, session.elsewhere), strict=True)
    ]


def lineage_object(lineage: Lineage | None) -> Json:
    """Return the earlier message that a message was made from; `number` is its position in its session."""
    if lineage is None:
        return None
    return {
        "kind": str(lineage.kind),
        "session_id": lineage.session_id,
        "turn_id": lineage.turn_id,
        "number": lineage.number,
        "title": clean_line(lineage.title) or None,
    }


SIMULATED: Final = "Simulated: the local worker answered. Nothing was charged."


def session_markdown(session: Session) -> str:
    """Return the session with all its turns but those that were withdrawn before they were sent."""
    sources = {source.key: source for source in sources_of(session)}
    money, days = MoneyIndex(), read_days(session)
    turns = [turn for turn in session.turns if not turn.withdrawn]
    blocks = [
        f"# {markdown_text(clean_line(session.title)) or 'Untitled session'}",
        _head(session, len(turns)),
    ]
    for number, turn in enumerate(turns, 1):
        blocks.append(f"## {number}. {_minute(turn.order.created_ms)}")
        blocks += _request(turn)
        blocks += _answer(turn)
        keys = dict.fromkeys(map(source_key, sources_of_turn(turn)))
        if keys:
            blocks += ["### Sources", markdown_list((sources[key] for key in keys), days).rstrip()]
        blocks += _files(turn)
        receipt = receipt_line(session, turn, money)
        if receipt:
            blocks += ["### Receipt", markdown_text(clean_line(receipt))]
    return "\n\n".join(blocks) + "\n"


def _head(session: Session, turns: int) -> str:
    lines = [f"- Session: {_id(session.session_id)}"]
    lines += [f"- {session.kind.capitalize()}: {_id(session.worker_id)}"] if session.worker_id else []
    lines += [f"- Begun: {_minute(session.created_ms)}", f"- {plural(turns, 'turn')}"]
    lines += [f"- {SIMULATED}"] if session.base_url == LOCAL else []
    return "\n".join(lines)


def _id(text: str) -> str:
    return markdown_text(clean_line(text))


def _minute(ms: int) -> str:
    """Return a time as "2026-11-25 10:00 UTC"."""
    text = utc_text(ms)
    return "unknown time" if text is None else f"{text[:10]} {text[11:16]} UTC"


def _request(turn: Turn) -> Iterator[str]:
    yield "### Prompt"
    if turn.order.lineage is not None:
        yield f"*{markdown_text(lineage_words(turn.order.lineage))}*"
    yield _quote(turn.order.prompt)
    if turn.order.attachments:
        yield "\n".join(
            f"- attached: {markdown_text(clean_line(file.name))} · {size(file.size)}"
            for file in turn.order.attachments
        )


def _answer(turn: Turn) -> Iterator[str]:
    yield "### Answer"
    if turn.text.strip():
        yield _quote(turn.text)
    if turn.status is not TurnStatus.COMPLETED:
        reason = f": {markdown_text(clean_line(turn.fault.message))}" if turn.fault is not None else ""
        yield f"*{str(turn.status).replace('_', ' ')}*{reason}"
    elif not turn.text.strip():
        yield "*no text*"


def _files(turn: Turn) -> Sequence[str]:
    lines = [
        " · ".join(
            fact
            for fact in (
                f"- {markdown_text(clean_line(file.filename or 'unnamed'))}",
                markdown_text(clean_line(file.media_type or "unknown type")),
                size(file.size),
            )
            if fact
        )
        for file in files_of_turn(turn)
    ]
    return ["### Files", "\n".join(lines)] if lines else []


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" if line else ">" for line in clean(text).strip("\n").split("\n"))


class SourceExporter(Struct, frozen=True):
    """One form of a source list. `title` is shown to the user; `suffix` ends the file name."""

    name: str
    title: str
    suffix: str
    render: Callable[[Sequence[Source], Days], str]

    def text(self, sources: Sequence[Source], session: Session) -> str:
        """The text of these sources of a session."""
        return self.render(sources, read_days(session))


class SessionExporter(Struct, frozen=True):
    """One form of a session. `title` is shown to the user; `suffix` ends the file name."""

    name: str
    title: str
    suffix: str
    render: Callable[[Session], str]


SOURCE_EXPORTERS: Final = (
    SourceExporter("markdown", "Markdown list", ".md", markdown_list),
    SourceExporter("footnotes", "Footnotes", ".md", footnotes),
    SourceExporter("csl", "CSL-JSON", ".json", csl_json),
    SourceExporter("bibtex", "BibTeX", ".bib", bibtex),
)
"""All forms in which sources can be copied and saved. Commands and their choices follow from this table."""

SESSION_EXPORTERS: Final = (
    SessionExporter("md", "Markdown", ".md", session_markdown),
    SessionExporter("json", "JSON", ".json", session_json),
)
"""All forms of a session; the first is the default. Commands and their choices follow from this table."""
