"""Spending limits in the usage panel: for each limit a line of amounts, then a bar with its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from handinger_tui.core.formatting import NOT_REPORTED, plural
from handinger_tui.core.money.limits import Gauge, State, amount_text, exact_text, percent_text
from handinger_tui.ui.panels.usage import charts

WORDS: Final = {State.BELOW: "", State.NEAR: "near", State.REACHED: "reached"}
STYLES: Final = {State.BELOW: ".panel--accent", State.NEAR: ".panel--mark", State.REACHED: ".usage--reached"}
FAINT: Final = ".panel--faint"


def gauge_lines(gauges: Sequence[Gauge], width: int) -> list[Content]:
    """An empty line, then two lines for each limit; no lines without a limit."""
    lines = [line for gauge in gauges for line in _lines(gauge, width)]
    return [Content(""), *lines] if lines else []


def gauge_words(gauge: Gauge) -> str:
    """The limit in a few words: "day limit 85 %, near"."""
    word = WORDS[gauge.state]
    return f"{gauge.limit.scope} limit {percent_text(gauge)}" + (f", {word}" if word else "")


def gauge_remark(gauge: Gauge) -> str:
    """The explanation of the plus sign after the amount; "" where it has none."""
    if gauge.spent.value is None or gauge.spent.whole:
        return ""
    return f"{gauge.limit.scope} limit: {plural(gauge.spent.missing_turns, 'turn')} not fully known"


def _lines(gauge: Gauge, width: int) -> tuple[Content, Content]:
    style = STYLES[gauge.state]
    words = " ".join(word for word in (percent_text(gauge), WORDS[gauge.state]) if word)
    bar = charts.level(gauge.percent, max(4, width - len(words) - 2))
    amounts = Content.assemble((f"{gauge.limit.scope:<8}", FAINT), _spent(gauge))
    return amounts.truncate(width, ellipsis=True), Content.assemble((bar, style), " ", (words, style))


def _spent(gauge: Gauge) -> str:
    """Spent and limit, "$0.85+ of $1.00"; the plus sign means that turns are missing in the sum."""
    limit = exact_text(gauge.limit.amount, gauge.limit.unit)
    if gauge.spent.value is None:
        return f"{NOT_REPORTED} of {limit}"
    spent = amount_text(gauge.spent.value, gauge.limit.unit).partition(" ")[0]
    return f"{spent}{'' if gauge.spent.whole else '+'} of {limit}"
