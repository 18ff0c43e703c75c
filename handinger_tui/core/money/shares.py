"""Rises of one meter that several runs may own: what each turn shares, kept as the rises come."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from handinger_tui.core.money.events import Amount, Key


class Shared(NamedTuple):
    """The shared amounts of one turn. `entered`: those entered for it; `part`: those it may own a part of.

    `others`: how many others may own a part, our turns and strangers.
    """

    entered: Amount = 0
    part: Amount = 0
    others: int = 0


class Shares(Mapping[Key, Shared]):
    """What each turn shares. The shares of a turn are consecutive, from its start to its end.

    Each share is entered only for the last of its turns. What a turn shares is computed when it is asked for:
    a long session has many, and a reading changes few.
    """

    def __init__(self, zero: Amount) -> None:
        self._zero = zero
        self._first: dict[Key, int] = {}
        """Turn → the number of its first share."""
        self._last: dict[Key, int] = {}
        self._begins: list[int] = []
        """The numbers in `_first`, which only rise."""
        self._ends: list[int] | None = None
        """The numbers in `_last`, sorted; None: to be sorted again."""
        self._entered: dict[Key, Amount] = {}
        self._amounts: list[Amount] = [zero]
        """The sum of the amounts before each share, and at the end that of all."""
        self._strangers = [0]
        """The same of possible owners that are not turns of ours."""

    def copy(self) -> Shares:
        """An independent copy."""
        other = Shares(self._zero)
        other._first, other._last = self._first.copy(), self._last.copy()
        other._begins, other._entered = self._begins.copy(), self._entered.copy()
        other._amounts, other._strangers = self._amounts.copy(), self._strangers.copy()
        return other

    def add(self, amount: Amount, turns: Sequence[Key], strangers: int) -> None:
        """Add a rise with the possible owners `turns`, in order of sending, and so many `strangers`."""
        number = len(self._amounts) - 1
        new = [turn for turn in dict.fromkeys(turns) if turn not in self._first]
        self._first.update(dict.fromkeys(new, number))
        self._begins += [number] * len(new)
        self._last.update(dict.fromkeys(turns, number))
        self._ends = None
        self._entered[turns[-1]] = self._entered.get(turns[-1], self._zero) + amount
        self._amounts.append(self._amounts[-1] + amount)
        self._strangers.append(self._strangers[-1] + strangers)

    @property
    def strangers(self) -> int:
        """How many possible owners are not turns of ours."""
        return self._strangers[-1]

    def __getitem__(self, turn: Key) -> Shared:
        first, end = self._first[turn], self._last[turn]
        if self._ends is None:
            self._ends = sorted(self._last.values())
        return Shared(
            self._entered.get(turn, self._zero),
            self._amounts[end + 1] - self._amounts[first],
            # All our turns, except this one and those that begin after it or have ended before it.
            bisect_right(self._begins, end) - bisect_left(self._ends, first) - 1
            + self._strangers[end + 1] - self._strangers[first],
        )  # fmt: skip

    def __contains__(self, turn: object) -> bool:
        return turn in self._last

    def __iter__(self) -> Iterator[Key]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)
