"""Worker names: find the first frame of a turn that gives the id of the new worker it created."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.ledger.rows import TurnFrame

KEPT: Final = 64
"""Maximum number of turns without a worker id that are followed at the same time."""


class WorkerNames:
    """Follows the frames of turns that create a worker until a frame gives its id. For one thread.

    After a failed commit the same frames are passed again; a frame is never folded twice.
    """

    def __init__(self) -> None:
        self._following: dict[str, tuple[Fold, int]] = {}

    def named(
        self, workers: Mapping[str, str | None], frames: Iterable[TurnFrame]
    ) -> Iterator[tuple[str, str]]:
        """Pairs of turn id and worker id found in `frames`. `workers`: the stored worker id of each turn."""
        for item in frames:
            if workers.get(item.turn_id, "") is None:
                self._fold(item)
        for turn_id, stored_id in workers.items():
            if stored_id is not None:
                self._following.pop(turn_id, None)
            elif turn_id in self._following:
                worker_id = self._following[turn_id][0].turn.worker_id
                if worker_id is not None:
                    yield turn_id, worker_id

    def _fold(self, item: TurnFrame) -> None:
        fresh = (Fold(TurnRequest(item.turn_id, "", 0)), 0)
        folding, next_seq = self._following.pop(item.turn_id, fresh)
        while len(self._following) >= KEPT:
            del self._following[next(iter(self._following))]
        if item.frame.seq >= next_seq:
            next_seq = item.frame.seq + 1
            if folding.turn.worker_id is None:
                folding.take(item.frame)
        self._following[item.turn_id] = folding, next_seq
