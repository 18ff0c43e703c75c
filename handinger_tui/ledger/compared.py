"""Compared: which turns of a session the record holds already as they are known now."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import compress, count
from operator import is_not
from typing import Final

from handinger_tui.core.money_index import MoneyIndex
from handinger_tui.core.readings import TurnMoney
from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn

KEPT: Final = 16
"""Sessions that are remembered; of others everything is compared once more."""

Pair = tuple[Turn, TurnMoney]
_Seen = tuple[tuple[Turn, ...], tuple[TurnMoney, ...]]


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
        self._now: _Seen = ((), ())
        self._sure: _Seen = ((), ())

    def unsure(self, session: Session) -> list[Pair]:
        self._now = turns, money = session.turns, self._index(session.turns)
        sure = self._sure
        known = min(len(sure[0]), len(turns))
        # Nearly all of a long session is sure, and none of that is looked at one by one.
        other = {at for old, new in zip(sure, self._now, strict=True) for at in _others(old, new)}
        return [(turns[at], money[at]) for at in (*sorted(other), *range(known, len(turns)))]

    def agree(self) -> None:
        self._sure = self._now


def _others(old: Sequence[object], new: Sequence[object]) -> Iterator[int]:
    """Where another object stands."""
    return compress(count(), map(is_not, old, new))
