"""Compared: which turns of a session the record holds already as they are known now."""

from __future__ import annotations

import sqlite3
from typing import Final

from handinger_tui.core.money_index import MoneyIndex
from handinger_tui.core.readings import TurnMoney
from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn

KEPT: Final = 16
"""Sessions that are remembered; of others everything is compared once more."""

Pair = tuple[Turn, TurnMoney]


class Compared:
    """Spares a long session the comparison of turns that nothing is new about.

    Only `agreed`, told after the record itself was read and had nothing to add,
    makes a turn sure: whatever was written is read back once, so a write that
    failed or was rolled back is never taken for done. For one thread.
    """

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._held: dict[str, _Held] = {}

    def unsure(self, connection: sqlite3.Connection, session: Session) -> list[Pair]:
        """The turns that have to be compared, each with what it took; in order."""
        if connection is not self._connection:
            # Another database, as after damage, holds none of it.
            self._connection, self._held = connection, {}
        held = self._held.pop(session.session_id, None) or _Held()
        while len(self._held) >= KEPT:
            del self._held[next(iter(self._held))]
        self._held[session.session_id] = held
        return held.unsure(session)

    def agreed(self, session: Session) -> None:
        """The record has everything that `unsure` just told of the session."""
        self._held[session.session_id].agree()


class _Held:
    def __init__(self) -> None:
        self._index = MoneyIndex()
        self._pairs: list[Pair] = []
        self._sure: list[Pair] = []

    def unsure(self, session: Session) -> list[Pair]:
        self._pairs = list(zip(session.turns, self._index(session.turns), strict=True))
        known = len(self._sure)
        return [
            (turn, money)
            for at, (turn, money) in enumerate(self._pairs)
            if at >= known or self._sure[at][0] is not turn or self._sure[at][1] is not money
        ]

    def agree(self) -> None:
        self._sure = self._pairs
