"""Memo: a selection over all turns of a session, computed again only when it can have changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn

Value = TypeVar("Value")
Key = tuple[object, ...]


class Memo(Generic[Value]):
    """Calls `compute(session)` only when the `key` of some turn differs from last time.

    A turn that is the same object keeps its key unasked, so that a long session
    costs one identity check per settled turn while its last turn streams.
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
        keys = [self._key_at(at, turn) for at, turn in enumerate(session.turns)]
        same = self._session == session.session_id and keys == self._keys
        self._turns, self._keys, self._session = session.turns, keys, session.session_id
        if self._value is None or not same:
            self._value = self._compute(session)
            self.computed += 1
        return self._value

    def _key_at(self, at: int, turn: Turn) -> Key:
        if at < len(self._turns) and self._turns[at] is turn:
            return self._keys[at]
        return (turn.turn_id, *self._key(turn))
