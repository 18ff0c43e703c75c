"""Costs by turn: converts rows of the history to JSON or CSV records, for up to a hundred thousand turns.

A row is formatted directly to text: intermediate value objects would take longer than the query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from handinger_tui.core.export import spending
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import Trigger
from handinger_tui.ledger.cost_rows import FIRST, SECOND, Cells, Form
from handinger_tui.ledger.rows import unpack

ID_COLUMNS: Final = ("session_id", "worker_id")
STATE_COLUMNS: Final = ("status", "budget", "trigger", "reading", "final")
COLUMNS: Final = ("key", "title", *FIRST, "turn_id", *ID_COLUMNS, *STATE_COLUMNS, *SECOND)
"""The columns of every group (a turn is a group of one) and the columns that only turns have."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,200}")
"""Ids that need no quoting or cleaning, neither in JSON nor in CSV."""
_MAX_CACHED: Final = 20_000


class _TextCache(dict[Any, str]):
    """A cache of formatted texts, since most repeat. It stops growing at `_MAX_CACHED` entries."""

    def __init__(self, format_key: Callable[[Any], str]) -> None:
        super().__init__()
        self._format = format_key

    def __missing__(self, key: Any) -> str:
        text = self._format(key)
        if len(self) < _MAX_CACHED:
            self[key] = text
        return text


class TurnLines:
    """Formats the rows of `CostRows.records` as records of `COLUMNS`."""

    def __init__(self, form: Form, titles: Mapping[str | bytes, str]) -> None:
        self.form = form
        self._quote = json.dumps if form.named else spending.cell
        key, title, turn = (form.pattern((name,)) for name in ("key", "title", "turn_id"))
        record = f"{key},{title},%s,{turn},%s,%s,%s"
        self._template = f"{{{record}}}" if form.named else record
        self._ids = _TextCache(lambda ids: form.pattern(ID_COLUMNS) % tuple(map(self._format_text, ids)))
        self._title = _TextCache(lambda session: self._quote(clean_line(titles.get(session, ""))))
        self._state = _TextCache(self._format_state)

    def line(self, row: Cells) -> str:
        """Format one record, without a separator or line end."""
        turn_id, session, worker, status, budget, started_by, reading, final, first, second = row
        turn = self._format_text(turn_id)
        return self._template % (
            turn,
            self._title[session],
            first,
            turn,
            self._ids[session, worker],
            self._state[status, budget, started_by, reading, final],
            second,
        )

    def _format_state(self, cells: Cells) -> str:
        status, budget, started_by, reading, final = cells
        texts = map(self._format_text, (status, budget, started_by or Trigger.UNKNOWN.value, reading))
        return self.form.pattern(STATE_COLUMNS) % (*texts, "true" if final else "false")

    def _format_text(self, stored: str | bytes | int | None) -> str:
        if stored is None:
            return self.form.null
        text = unpack(stored) if isinstance(stored, bytes) else str(stored)
        if _PLAIN.fullmatch(text):
            return f'"{text}"' if self.form.named else text
        return self._quote(clean_line(text))
