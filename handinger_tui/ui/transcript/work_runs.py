"""Runs of tool calls and thoughts as one line each: how many there were, and how long they took."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import ReasoningPart, ToolPart, ToolState, Turn
from handinger_tui.ui.transcript.rows import Slot, WorkRun


def is_work(slot: Slot) -> bool:
    """Whether a slot belongs to a run. What waits for the person, or wrote a file, stands by itself."""
    if isinstance(slot, ToolPart):
        return slot.state is not ToolState.APPROVAL_REQUESTED
    return isinstance(slot, ReasoningPart)


class WorkRuns:
    """The runs among the slots of a turn."""

    def __init__(self, turn: Turn, slots: Sequence[Slot]) -> None:
        self._turn, self._slots = turn, slots
        self._starts: list[int] = []
        self._ends: list[int] = []
        end = 0
        for is_run, group in groupby(map(is_work, slots)):
            start, end = end, end + sum(1 for _ in group)
            if is_run:
                self._starts.append(start)
                self._ends.append(end)

    def start_of(self, number: int) -> int | None:
        """Return the first slot of the run that a slot belongs to; None: it belongs to none."""
        at = bisect_right(self._starts, number) - 1
        return self._starts[at] if at >= 0 and number < self._ends[at] else None

    def run_at(self, start: int) -> WorkRun:
        """Return the run that begins with a slot."""
        slots = self._slots[start : self._ends[bisect_right(self._starts, start) - 1]]
        calls = [slot for slot in slots if isinstance(slot, ToolPart)]
        failed = sum(call.state in _FAILED for call in calls)
        return WorkRun(
            len(calls), len(slots) - len(calls), failed, self._doing(slots[-1]), self._time_of(slots)
        )

    def _doing(self, last: Slot) -> str:
        if not self._turn.live:
            return ""
        if isinstance(last, ReasoningPart):
            return "thinking…" if last.open else ""
        if isinstance(last, ToolPart) and last.state not in _ENDED:
            return f"{clean_line(last.title or last.name, 40) or 'tool'} {last.words()}"
        return ""

    def _time_of(self, slots: Sequence[Slot]) -> int | None:
        """The milliseconds from the first part of a run to what follows it."""
        turn, times = self._turn, self._turn.part_ms
        if len(times) < len(turn.parts) and not turn.live:
            # The parts of a turn that was read again may be others.
            return None
        places = [at for at, part in enumerate(turn.parts) if part is slots[0] or part is slots[-1]]
        first, after = (places[0], places[-1] + 1) if places else (len(times), 0)
        end_ms = times[after] if after < len(times) else None if turn.live else turn.ended_ms
        return end_ms - times[first] if first < len(times) and end_ms is not None else None


_ENDED: Final = frozenset({ToolState.OUTPUT_AVAILABLE, ToolState.OUTPUT_ERROR, ToolState.OUTPUT_DENIED})
_FAILED: Final = _ENDED - {ToolState.OUTPUT_AVAILABLE}
