"""Turn by turn: rows of the history → records of JSON or CSV, fast enough for a hundred thousand of them.

A row becomes text at once: value objects in between would take longer than the query itself.
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

WHOSE: Final = ("session_id", "worker_id")
HOW: Final = ("status", "budget", "trigger", "reading", "final")
COLUMNS: Final = ("key", "title", *FIRST, "turn_id", *WHOSE, *HOW, *SECOND)
"""The members of every group (a turn is a group of one), and what a turn tells beside them."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,200}")
"""Ids that need no care, neither in JSON nor in CSV."""
_KEPT: Final = 20_000


class _Kept(dict[Any, str]):
    """Texts made once, since most repeat. Bounded: a history without repetitions stays out of memory."""

    def __init__(self, make: Callable[[Any], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Any) -> str:
        made = self._make(key)
        if len(self) < _KEPT:
            self[key] = made
        return made


class TurnLines:
    """Writes what `Book.records` gives as records of `COLUMNS`."""

    def __init__(self, form: Form, titles: Mapping[str | bytes, str]) -> None:
        self.form = form
        self._quote = json.dumps if form.named else spending.cell
        key, title, turn = (form.pattern((name,)) for name in ("key", "title", "turn_id"))
        record = f"{key},{title},%s,{turn},%s,%s,%s"
        self._template = f"{{{record}}}" if form.named else record
        self._whose = _Kept(lambda ids: form.pattern(WHOSE) % tuple(map(self._text, ids)))
        self._title = _Kept(lambda session: self._quote(clean_line(titles.get(session, ""))))
        self._how = _Kept(self._made_how)

    def line(self, row: Cells) -> str:
        """One record, without a separator or line end."""
        turn_id, session, worker, status, budget, started_by, reading, final, first, second = row
        turn = self._text(turn_id)
        return self._template % (
            turn,
            self._title[session],
            first,
            turn,
            self._whose[session, worker],
            self._how[status, budget, started_by, reading, final],
            second,
        )

    def _made_how(self, cells: Cells) -> str:
        status, budget, started_by, reading, final = cells
        texts = map(self._text, (status, budget, started_by or Trigger.UNKNOWN.value, reading))
        return self.form.pattern(HOW) % (*texts, "true" if final else "false")

    def _text(self, stored: str | bytes | int | None) -> str:
        if stored is None:
            return self.form.null
        text = unpack(stored) if isinstance(stored, bytes) else str(stored)
        if _PLAIN.fullmatch(text):
            return f'"{text}"' if self.form.named else text
        return self._quote(clean_line(text))
