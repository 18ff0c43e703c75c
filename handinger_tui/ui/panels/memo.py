"""Memo: a selection over all turns of a session, computed again only when it can have changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn
from handinger_tui.core.walks import same_front

Value = TypeVar("Value")
Key = tuple[object, ...]


class Memo(Generic[Value]):
    """Calls `compute(session)` only when the `key` of some turn differs from last time.

    Turns that are the same objects keep their keys unasked, so that a long session
    costs hardly more than a short one while its last turn streams.
    """

    def __init__(self, key: Callable[[Turn], Key], compute: Callable[[Session], Value]) -> None:
        self._key = key
        self._compute = compute
        self._turns: tuple[Turn, ...] = ()
        self._keys: list[Key] = []
        self._session: Hashable = None
        self._value: Value | None = None
        self.computed = 0
        """How often `compute` ran."""

    def __call__(self, session: Session) -> Value:
        """The value for `session`: the very same object when no key changed."""
        front = same_front(self._turns, session.turns)
        keys = [(turn.turn_id, *self._key(turn)) for turn in session.turns[front:]]
        same = self._session == session.session_id and keys == self._keys[front:]
        self._turns, self._session = session.turns, session.session_id
        self._keys[front:] = keys
        if self._value is None or not same:
            self._value = self._compute(session)
            self.computed += 1
        return self._value
