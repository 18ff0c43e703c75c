"""A session as a Markdown document: prompts, answers, sources, files and receipts.

Text of the service stands in block quotes: none of it can end a quote, so it cannot pass for a
heading, a source or a receipt of this program, and a code fence that is never closed ends with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from handinger_tui.core.evidence.sources_and_files import (
    files_of_turn,
    source_key,
    sources_of,
    sources_of_turn,
)
from handinger_tui.core.export.sources import markdown_list, markdown_text, read_days
from handinger_tui.core.formatting import plural, size, utc_text
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.receipts.facts import receipt_line
from handinger_tui.core.safety.cleaning import clean, clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnStatus

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
    lines += [f"- Worker: {_id(session.worker_id)}"] if session.worker_id else []
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
