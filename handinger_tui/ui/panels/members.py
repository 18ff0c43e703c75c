"""Members: the figures that a worker reports, by name, and how each is read. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Final

from handinger_tui.core.money import EXACT
from handinger_tui.core.record import dataclass
from handinger_tui.core.usage import Costs, Usage

Amount = Decimal | int


@dataclass(frozen=True, slots=True)
class Member:
    """One figure that a worker reports: its name in `UsageView` and how to read it."""

    name: str
    read: Callable[[Usage, Costs], Amount | None]


def cost_of(usage: Usage, costs: Costs) -> Decimal | None:
    """The cost in USD: as reported, else the sum of all four categories."""
    with localcontext(EXACT):
        return usage.cost_usd if usage.cost_usd is not None else costs.total()


MEMBERS: Final = (
    Member("cost", cost_of),
    Member("credits", lambda usage, _: usage.credits),
    Member("input", lambda usage, _: usage.input_tokens),
    Member("output", lambda usage, _: usage.output_tokens),
    Member("reasoning", lambda usage, _: usage.reasoning_tokens),
    Member("cache_read", lambda usage, _: usage.cache_read_tokens),
    Member("cache_write", lambda usage, _: usage.cache_write_tokens),
    Member("total", lambda usage, _: usage.total_tokens),
    Member("steps", lambda usage, _: usage.steps),
    Member("duration", lambda usage, _: usage.duration_ms),
    Member("model", lambda _, costs: costs.model_usd),
    Member("tool", lambda _, costs: costs.tool_usd),
    Member("sandbox", lambda _, costs: costs.sandbox_usd),
    Member("internal", lambda _, costs: costs.internal_usd),
)
CATEGORIES: Final = ("model", "tool", "sandbox", "internal")
AT: Final = {member.name: at for at, member in enumerate(MEMBERS)}
