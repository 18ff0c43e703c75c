"""A session as one JSON document, schema `handinger-tui/session/1`: cleaned, exact, unknown is null."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.export.result import result_object
from handinger_tui.core.jsontext import Json, JsonObject, dump
from handinger_tui.core.money.attribution import turn_money
from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.safety.cleaning import clean_json, clean_line
from handinger_tui.core.turns.session import Session

SCHEMA: Final = "handinger-tui/session/1"


def session_json(session: Session) -> str:
    """Return the session with all its turns as one line of JSON."""
    head: JsonObject = {
        "schema": SCHEMA,
        "session_id": session.session_id,
        "worker_id": session.worker_id,
        "task_id": session.task_id,
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
            **result_object(session, turn, money=money),
        }
        for turn, money in zip(session.turns, turn_money(session.turns, session.elsewhere), strict=True)
    ]
