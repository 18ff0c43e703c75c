"""Receipt page: everything about what one turn took, for a screen, as Markdown and as JSON. Pure.

Remote text is cleaned on the way in, so no form of it carries control characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.jsontext import Json
from handinger_tui.core.money import decimal_text, tidy
from handinger_tui.core.outcome import fault_object
from handinger_tui.core.receipt_facts import Change, Facts, Times, facts_of, utc_text
from handinger_tui.core.receipt_rows import Section, sections_of
from handinger_tui.core.safety import clean_json, clean_line
from handinger_tui.core.session import Session, title_from
from handinger_tui.core.snapshot import Snapshot
from handinger_tui.core.turn import Turn
from handinger_tui.core.usage import Costs, Usage
from handinger_tui.core.usual import Spread, Usual

JsonObject = dict[str, Json]
SCHEMA: Final = "handinger-tui/receipt/1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """`title` is the first line of the prompt; `sections` are for people, `facts` for programs."""

    title: str
    sections: tuple[Section, ...]
    facts: Facts


def receipt_page(
    session: Session, turn: Turn, usual: Usual | None = None, times: Times | None = None
) -> Receipt:
    """The receipt of one turn. `times` as `receipt_facts.times_of` reads them from the turn's frames."""
    facts = facts_of(session, turn, usual, times)
    title = clean_line(title_from(turn.order.prompt), 100) or "a turn without a prompt"
    return Receipt(title, sections_of(facts), facts)


# -- Markdown --------------------------------------------------------------------------
_MARKS: Final = re.compile(r"([\\`*\[\]<>|~]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|&(?=#?\w+;))")


def receipt_markdown(receipt: Receipt) -> str:
    """A document of lists; no value can make a link, a tag or emphasis of its own."""
    lines = [f"# Receipt: {_plain(receipt.title)}", ""]
    for section in receipt.sections:
        lines += [f"## {section.title}", ""]
        for row in section.rows:
            note = f" ({_plain(row.note)})" if row.note else ""
            lines.append(f"- **{row.label}:** {_plain(row.value)}{note}")
        lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)


# -- JSON ------------------------------------------------------------------------------
def receipt_json(receipt: Receipt) -> JsonObject:
    """Every figure; money as exact decimal text, counts as integers, unknown as null, times in UTC."""
    facts = receipt.facts
    found: JsonObject = {
        "schema": SCHEMA,
        "title": receipt.title,
        **_identity(facts),
        **_figures(facts),
        "change": _change_object(facts.change),
        "usual": _usual_object(facts.usual),
        **_evidence(facts),
        "times": {
            "asked": utc_text(facts.asked_ms),
            "sent": utc_text(facts.times.sent_ms),
            "first_answer": utc_text(facts.times.answered_ms),
            "ended": utc_text(facts.turn.ended_ms),
            "figures_read": utc_text(facts.turn.read_ms),
        },
        "error": fault_object(facts.turn.fault),
    }
    return {name: clean_json(value) for name, value in found.items()}


def _identity(facts: Facts) -> JsonObject:
    turn = facts.turn
    return {
        "simulated": facts.simulated,
        "status": str(turn.status),
        "worker_id": turn.worker_id or turn.order.worker_id,
        "session_id": facts.session.session_id,
        "turn_id": turn.turn_id,
        "message_id": turn.message_id,
        "budget": turn.order.budget,
        "trigger": str(turn.order.trigger),
        "posts_sent": turn.posts,
    }


def _figures(facts: Facts) -> JsonObject:
    money = facts.money
    return {
        "cost_usd": _exact(money.usd),
        "credits": _exact(money.usage.credits),
        "final": money.known,
        "reading": str(money.reading),
        "usage": _members(money.usage),
        "costs": _members(money.costs),
        "elapsed_ms": facts.elapsed_ms,
        "before": _reading(facts.turn.before),
        "after": _reading(facts.turn.snapshot),
    }


def _reading(read: Snapshot | None) -> JsonObject | None:
    """Usage and costs as the worker gave them; None where it was not read."""
    return None if read is None else {"usage": _members(read.usage), "costs": _members(read.costs)}


def _members(group: Usage | Costs) -> JsonObject:
    values = {field.name: getattr(group, field.name) for field in fields(group)}
    return {name: value if isinstance(value, int) else _exact(value) for name, value in values.items()}


def _change_object(change: Change) -> JsonObject:
    return {
        "percent": change.percent,
        "median": _exact(change.median),
        "unit": str(change.unit),
        "turns": change.turns,
    }


def _usual_object(usual: Usual | None) -> JsonObject | None:
    if usual is None:
        return None
    return {
        "budget": usual.budget,
        "other_workers": usual.everywhere,
        "usd": _spread_object(usual.usd),
        "credits": _spread_object(usual.credits),
    }


def _spread_object(of: Spread) -> JsonObject:
    return {
        "turns": of.known,
        "not_reported": of.unknown,
        "low": _exact(of.low),
        "median": _exact(of.median),
        "high": _exact(of.high),
        "p90": _exact(of.p90),
        "most": _exact(of.most),
    }


def _evidence(facts: Facts) -> JsonObject:
    return {
        "sources": [{"title": one.title, "url": one.url} for one in sources_of_turn(facts.turn)],
        "files": [
            {"filename": one.filename, "media_type": one.media_type, "size": one.size, "url": one.url}
            for one in files_of_turn(facts.turn)
        ],
    }


def _exact(value: Decimal | None) -> str | None:
    value = tidy(value)
    return None if value is None else decimal_text(value)
