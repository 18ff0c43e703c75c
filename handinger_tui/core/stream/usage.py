"""Usage and costs as the service reports them: exact numbers, and None where it reports none.

Unknown is not zero: every member is None until a valid number arrived, and
arithmetic with None stays None. Source of the members: the seed page
"Continue a worker" (nine usage members, four cost categories); durationMs
since Python SDK 0.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any, Final, Self

from msgspec import Struct
from msgspec.structs import astuple

from handinger_tui.core.amounts import EXACT, PLACES, tidy
from handinger_tui.core.jsontext import Json


def amount(value: Json) -> Decimal | None:
    """A reported amount (USD, credits): a finite number from 0, see `amounts.tidy`, else None.

    Strings, booleans, NaN, infinities and negatives are not numbers here.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    number_or_none = tidy(number)
    return None if number_or_none is None or number_or_none < 0 else number_or_none


TOO_MANY: Final = 10**PLACES
"""Counts from here on are ignored as noise."""


def count(value: Json) -> int | None:
    """A reported count (tokens, steps, milliseconds): a whole number from 0, else None."""
    if type(value) is int:
        # A fast path for plain integers, with the same rule as below.
        return value if 0 <= value < TOO_MANY else None
    number = amount(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


class _Numbers(Struct, frozen=True):
    """Member-wise arithmetic shared by `Usage` and `Costs`; a difference with None is None."""

    @property
    def members(self) -> tuple[Any, ...]:
        """Every number, in order."""
        return astuple(self)

    def __sub__(self, other: Self) -> Self:
        pairs = zip(self.members, other.members, strict=True)
        with localcontext(EXACT):
            return type(self)(*[None if a is None or b is None else a - b for a, b in pairs])

    @property
    def reported(self) -> bool:
        """Whether any member was reported."""
        return any(value is not None for value in self.members)

    def filled_from(self, earlier: Self) -> Self:
        """The same numbers; a missing member is taken from `earlier`."""
        pairs = zip(self.members, earlier.members, strict=True)
        return type(self)(*[old if new is None else new for new, old in pairs])


class Usage(_Numbers, frozen=True):
    """The usage that a Worker reports. Tokens and steps are counts; `cost_usd` is in USD."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    total_tokens: int | None = None
    steps: int | None = None
    credits: Decimal | None = None
    cost_usd: Decimal | None = None
    duration_ms: int | None = None


class Costs(_Numbers, frozen=True):
    """The four cost categories in USD."""

    model_usd: Decimal | None = None
    tool_usd: Decimal | None = None
    sandbox_usd: Decimal | None = None
    internal_usd: Decimal | None = None

    def total(self) -> Decimal | None:
        """The sum of all four; None unless all four are known."""
        model, tool, sandbox, internal = self.model_usd, self.tool_usd, self.sandbox_usd, self.internal_usd
        if model is None or tool is None or sandbox is None or internal is None:
            return None
        return EXACT.add(EXACT.add(model, tool), EXACT.add(sandbox, internal))


def cost_of(usage: Usage, costs: Costs) -> Decimal | None:
    """The cost in USD: as reported, else the sum of the four categories."""
    return usage.cost_usd if usage.cost_usd is not None else costs.total()


NO_USAGE: Final = Usage()
NO_COSTS: Final = Costs()
ZERO_USAGE: Final = Usage(0, 0, 0, 0, 0, 0, 0, Decimal(0), Decimal(0), 0)
"""The usage of a worker before its first turn: real zeros, not unknown values."""
ZERO_COSTS: Final = Costs(Decimal(0), Decimal(0), Decimal(0), Decimal(0))

_USAGE_COUNTS: Final = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "reasoning_tokens": "reasoningTokens",
    "cache_read_tokens": "cacheReadTokens",
    "cache_write_tokens": "cacheWriteTokens",
    "total_tokens": "totalTokens",
    "steps": "steps",
    "duration_ms": "durationMs",
}


def usage_of(wire: Mapping[str, Json]) -> Usage:
    """Read the `usage` member of a Worker; invalid values become None."""
    counts = {name: count(wire.get(wire_name)) for name, wire_name in _USAGE_COUNTS.items()}
    return Usage(**counts, credits=amount(wire.get("credits")), cost_usd=amount(wire.get("costUsd")))


def costs_of(wire: Mapping[str, Json]) -> Costs:
    """Read the `costs` member of a Worker; invalid values become None."""
    return Costs(
        model_usd=amount(wire.get("modelCostUsd")),
        tool_usd=amount(wire.get("toolCostUsd")),
        sandbox_usd=amount(wire.get("sandboxCostUsd")),
        internal_usd=amount(wire.get("internalCostUsd")),
    )
