"""Ceilings: what headless commands say about the person's limits, before, while and after."""

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
    """Says each thing once: that a limit is near, and that it is reached."""

    def __init__(self) -> None:
        self._told: dict[Limit, State] = {}

    def hear(self, gauges: Iterable[Gauge], *, running: bool) -> None:
        """The limits as they are now."""
        for gauge in gauges:
            if gauge.state <= self._told.get(gauge.limit, State.BELOW):
                continue
            self._told[gauge.limit] = gauge.state
            if gauge.state is State.NEAR:
                say(near_text(gauge))
            else:
                say(reached_text(gauge) + (f" {STILL}" if running else ""))
                say(f"Nothing more is sent under it. {raise_hint(gauge.limit)}")

    def refused(self, gauge: Gauge) -> None:
        """The answer to the message itself tells that this limit is reached."""
        self._told[gauge.limit] = State.REACHED

    def over(self, gauges: Iterable[Gauge]) -> bool:
        """A limit that was given with this very command is reached."""
        flagged = [gauge for gauge in gauges if gauge.limit.origin is Origin.FLAG]
        for gauge in flagged:
            if gauge.spent.missing_turns and gauge.state is not State.REACHED:
                say(f"Whether the limit was kept is not known: {UNKNOWN[gauge.limit.unit]}.")
        return any(gauge.state is State.REACHED for gauge in flagged)


def refusal(problem: LimitReached) -> Fault:
    """Why a message was kept and not sent."""
    return Fault(Kind.COST_LIMIT, f"{problem.summary} {problem.hint}", may_have_been_charged=False)
