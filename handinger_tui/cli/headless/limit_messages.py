"""Messages of headless commands about spending limits, before, during and after a turn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from handinger_tui.cli.output import say
from handinger_tui.core.money.limits import (
    STILL,
    Gauge,
    Limit,
    LimitReached,
    Origin,
    State,
    Unit,
    near_text,
    raise_hint,
    reached_text,
)
from handinger_tui.core.turns.turn import Fault, Kind

UNKNOWN: Final = {
    Unit.USD: "the cost was not fully reported",
    Unit.CREDITS: "the credits were not fully reported",
}


class LimitMessages:
    """Prints for each limit at most once that it is near and at most once that it is reached."""

    def __init__(self) -> None:
        self._reported: dict[Limit, State] = {}

    def update(self, gauges: Iterable[Gauge], *, running: bool) -> None:
        """Print messages for limits whose state has risen since the last call."""
        for gauge in gauges:
            if gauge.state <= self._reported.get(gauge.limit, State.BELOW):
                continue
            self._reported[gauge.limit] = gauge.state
            if gauge.state is State.NEAR:
                say(near_text(gauge))
            else:
                say(reached_text(gauge) + (f" {STILL}" if running else ""))
                say(f"Nothing more is sent under it. {raise_hint(gauge.limit)}")

    def mark_reached(self, gauge: Gauge) -> None:
        """Record that a refusal has already reported this limit as reached."""
        self._reported[gauge.limit] = State.REACHED

    def is_flag_limit_reached(self, gauges: Iterable[Gauge]) -> bool:
        """Return whether a limit given as a flag of this command is reached."""
        flagged = [gauge for gauge in gauges if gauge.limit.origin is Origin.FLAG]
        for gauge in flagged:
            if gauge.spent.missing_turns and gauge.state is not State.REACHED:
                say(f"Whether the limit was kept is not known: {UNKNOWN[gauge.limit.unit]}.")
        return any(gauge.state is State.REACHED for gauge in flagged)


def refusal(problem: LimitReached) -> Fault:
    """Return the fault of a message that is stored and not sent because a limit is reached."""
    return Fault(Kind.COST_LIMIT, f"{problem.summary} {problem.hint}", may_have_been_charged=False)
