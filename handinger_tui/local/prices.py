"""The price table and the budget levels of the local worker: simulated money, exact arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import ROUND_CEILING, Decimal

from msgspec import Struct

STANDARD = "standard"

TOOL_CALLS: dict[str, int | None] = {"low": 1, STANDARD: 6, "high": 24, "unlimited": None}
"""Maximum tool calls of a turn by budget level; None is unlimited."""


CHARACTERS_PER_TOKEN = 4
USD_PER_1K_INPUT = Decimal("0.0020")
USD_PER_1K_OUTPUT = Decimal("0.0080")
USD_PER_1K_REASONING = Decimal("0.0080")
USD_PER_1K_CACHE_READ = Decimal("0.0002")
USD_PER_1K_CACHE_WRITE = Decimal("0.0025")
USD_PER_TOOL_CALL = Decimal("0.0010")
USD_PER_SANDBOX_SECOND = Decimal("0.0005")
USD_PER_STEP = Decimal("0.0002")
USD_PER_CREDIT = Decimal("0.0001")

PRICE_ROWS: tuple[tuple[str, Decimal], ...] = (
    ("1,000 input tokens", USD_PER_1K_INPUT),
    ("1,000 output tokens", USD_PER_1K_OUTPUT),
    ("1,000 reasoning tokens", USD_PER_1K_REASONING),
    ("1,000 cache read tokens", USD_PER_1K_CACHE_READ),
    ("1,000 cache write tokens", USD_PER_1K_CACHE_WRITE),
    ("tool call", USD_PER_TOOL_CALL),
    ("sandbox second", USD_PER_SANDBOX_SECOND),
    ("step (internal fee)", USD_PER_STEP),
)
"""The charged units and their prices in US dollars."""


def tokens(characters: int) -> int:
    """Return the number of tokens for a number of characters, rounded up."""
    return -(-characters // CHARACTERS_PER_TOKEN)


@dataclass(slots=True)
class Counts:
    """Usage of one turn, or of all turns of a worker, in whole numbers, so that sums are exact."""

    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    tool_calls: int = 0
    sandbox_tenths: int = 0
    steps: int = 0
    duration_ms: int = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sum, member by member."""
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def total_tokens(self) -> int:
        """The sum of all five kinds of tokens."""
        return (
            self.input_tokens
            + self.output_tokens
            + self.reasoning_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
        )


class TurnCosts(Struct, frozen=True):
    """US dollars by category, exact."""

    model: Decimal
    tool: Decimal
    sandbox: Decimal
    internal: Decimal

    @property
    def total(self) -> Decimal:
        """The sum of all four categories."""
        return self.model + self.tool + self.sandbox + self.internal

    @property
    def credits(self) -> int:
        """The total in credits, rounded up."""
        return int((self.total / USD_PER_CREDIT).to_integral_value(rounding=ROUND_CEILING))


def costs_of(counts: Counts) -> TurnCosts:
    """Return the costs of usage by the price table."""
    per_thousand = (
        counts.input_tokens * USD_PER_1K_INPUT
        + counts.output_tokens * USD_PER_1K_OUTPUT
        + counts.reasoning_tokens * USD_PER_1K_REASONING
        + counts.cache_read_tokens * USD_PER_1K_CACHE_READ
        + counts.cache_write_tokens * USD_PER_1K_CACHE_WRITE
    )
    return TurnCosts(
        model=per_thousand / 1000,
        tool=counts.tool_calls * USD_PER_TOOL_CALL,
        sandbox=counts.sandbox_tenths * USD_PER_SANDBOX_SECOND / 10,
        internal=counts.steps * USD_PER_STEP,
    )


def usage_members(counts: Counts) -> dict[str, object]:
    """Return `Worker.usage`: token counts, steps, whole credits, exact USD, milliseconds."""
    costs = costs_of(counts)
    return {
        "cacheReadTokens": counts.cache_read_tokens,
        "cacheWriteTokens": counts.cache_write_tokens,
        "costUsd": costs.total,
        "inputTokens": counts.input_tokens,
        "outputTokens": counts.output_tokens,
        "reasoningTokens": counts.reasoning_tokens,
        "steps": counts.steps,
        "totalTokens": counts.total_tokens,
        "credits": costs.credits,
        "durationMs": counts.duration_ms,
    }


def costs_members(counts: Counts) -> dict[str, object]:
    """Return `Worker.costs`: exact US dollars of the four categories."""
    costs = costs_of(counts)
    return {
        "internalCostUsd": costs.internal,
        "modelCostUsd": costs.model,
        "sandboxCostUsd": costs.sandbox,
        "toolCostUsd": costs.tool,
    }
