"""Walks over all turns of a session: asked at every paint, where mostly the last turn alone has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import compress, count
from operator import attrgetter, is_not
from typing import Final

from handinger_tui.core.turn import Turn, TurnStatus

_STATUS: Final = attrgetter("status")


def same_front(old: Sequence[object], new: Sequence[object]) -> int:
    """How many values from the first on are the very same objects in both."""
    return next(compress(count(), map(is_not, old, new)), min(len(old), len(new)))


def with_status(turns: Sequence[Turn], statuses: Collection[TurnStatus]) -> Iterator[Turn]:
    """Those of the turns that are in one of these, in order."""
    return compress(turns, map(statuses.__contains__, map(_STATUS, turns)))


def any_with_status(turns: Sequence[Turn], statuses: frozenset[TurnStatus]) -> bool:
    """Whether one of the turns is in one of these; the newest are asked first."""
    return not statuses.isdisjoint(map(_STATUS, reversed(turns)))
