"""Rulings: what the person decided about the figures of workers, as the timelines take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from handinger_tui.core.money.timeline import Decisions, Key, Meaning
from handinger_tui.core.turns.session import Ruling

AUTO: Final = "auto"
"""The meaning of a ruling by which the readings decide again."""
WORDS: Final = {"lifetime": "lifetime", "per-turn": "per_turn", AUTO: AUTO}
"""What a person types for a meaning, and what is stored for it."""
MEANINGS: Final = {str(meaning): meaning for meaning in (Meaning.LIFETIME, Meaning.PER_TURN)}


def decisions_by(rulings: Sequence[Ruling], keys: Mapping[str, Key]) -> dict[str | None, Decisions]:
    """What is in force for each worker. `keys`: the turns on the timelines, by their ids."""
    meanings: dict[str, Meaning | None] = {}
    owners: dict[str, dict[int, Key]] = {}
    for ruling in rulings:
        if ruling.meaning is not None:
            meanings[ruling.worker_id] = MEANINGS.get(ruling.meaning)
        elif ruling.seen_ms is not None:
            of_worker = owners.setdefault(ruling.worker_id, {})
            of_worker.pop(ruling.seen_ms, None)
            if ruling.turn_id is not None and ruling.turn_id in keys:
                of_worker[ruling.seen_ms] = keys[ruling.turn_id]
    return {
        worker: Decisions(meanings.get(worker), owners.get(worker, {})) for worker in {*meanings, *owners}
    }
