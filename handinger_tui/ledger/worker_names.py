"""Worker names: the first frame of a turn that says which new worker it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.ledger.rows import TurnFrame

KEPT: Final = 64
"""Turns of unnamed workers that are followed at once."""


class WorkerNames:
    """Follows turns that were ordered from a new worker until a frame names it. For one thread.

    The frames may be given again after a commit that failed: what was taken is not taken twice.
    """

    def __init__(self) -> None:
        self._following: dict[str, tuple[Fold, int]] = {}

    def named(
        self, workers: Mapping[str, str | None], frames: Iterable[TurnFrame]
    ) -> Iterator[tuple[str, str]]:
        """Turn and worker where `frames` name one. `workers`: what is stored of the turns until now."""
        for item in frames:
            if workers.get(item.turn_id, "") is None:
                self._take(item)
        for turn_id, known in workers.items():
            if known is not None:
                self._following.pop(turn_id, None)
            elif turn_id in self._following:
                worker_id = self._following[turn_id][0].turn.worker_id
                if worker_id is not None:
                    yield turn_id, worker_id

    def _take(self, item: TurnFrame) -> None:
        fresh = (Fold(TurnRequest(item.turn_id, "", 0)), 0)
        folding, next_seq = self._following.pop(item.turn_id, fresh)
        while len(self._following) >= KEPT:
            del self._following[next(iter(self._following))]
        if item.frame.seq >= next_seq:
            next_seq = item.frame.seq + 1
            if folding.turn.worker_id is None:
                folding.take(item.frame)
        self._following[item.turn_id] = folding, next_seq
