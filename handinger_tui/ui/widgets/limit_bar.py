"""The use of a limit as a bar that reads without color, and as a mark for the header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from handinger_tui.core.charts.bars import percent_cells
from handinger_tui.core.money.limits import Gauge, Origin, Scope, State, free_text, spent_text

STYLE: Final = {State.BELOW: "$success", State.NEAR: "$warning", State.REACHED: "$error"}
WORD: Final = {State.BELOW: "", State.NEAR: "near", State.REACHED: "reached"}
SHAPE: Final = {State.BELOW: "●", State.NEAR: "▲", State.REACHED: "■"}
"""The shape tells the state without color."""
SET_BY: Final = {
    Origin.FLAG: "from the command line",
    Origin.TYPED: "",
    Origin.CONFIG: "from the config file",
}
BAR: Final = 16


def bar(gauge: Gauge, width: int = BAR) -> Content:
    """A bar of full cells for the spent part; no cell is full while the amount is unknown."""
    full = percent_cells(gauge.percent or 0, width)
    return Content.assemble(("█" * full, STYLE[gauge.state]), ("░" * (width - full), "$text-muted"))


def meter(gauge: Gauge) -> Content:
    """Two lines: name, bar and origin of the limit, then the amounts."""
    limit, style = gauge.limit, STYLE[gauge.state]
    origin = f" · {SET_BY[limit.origin]}" if SET_BY[limit.origin] else ""
    first = Content.assemble(
        (f"{SHAPE[gauge.state]} ", style),
        (f"{limit.scope.capitalize():<8}", "bold $foreground"),
        bar(gauge),
        (f" {WORD[gauge.state]}".rstrip(), f"bold {style}"),
        (origin, "$text-muted"),
    )
    free = f" · {free_text(gauge)}" if gauge.running else ""
    return Content("\n").join([first, Content.styled(f"  {spent_text(gauge)}{free}", "$foreground")])


def worst(gauges: Sequence[Gauge]) -> Gauge | None:
    """The most pressing limit: reached before near, then the widest scope; None when all are below."""
    pressing = [gauge for gauge in gauges if gauge.state is not State.BELOW]
    scopes = list(Scope)
    return max(pressing, key=lambda one: (one.state, scopes.index(one.limit.scope)), default=None)


def mark(gauges: Sequence[Gauge]) -> Content:
    """The mark for the header: "▲ daily limit 85%", "■ daily limit reached"; empty when all are below."""
    gauge = worst(gauges)
    if gauge is None:
        return Content("")
    state = "reached" if gauge.state is State.REACHED else gauge.percent_text
    style = f"bold {STYLE[gauge.state]}"
    return Content.styled(f"{SHAPE[gauge.state]} {gauge.limit.scope.limit} {state}", style)
