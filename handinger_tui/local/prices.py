"""The price table and the budget levels of the local worker: simulated money, exact arithmetic."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from decimal import ROUND_CEILING, Decimal

from msgspec import Struct

TOOL_CALLS: dict[str, int | None] = {"low": 1, "standard": 6, "high": 24, "unlimited": None}
"""Maximum tool calls of a turn by budget level; None is unlimited."""


CHARACTERS_PER_TOKEN = 4
USD_PER_CREDIT = Decimal("0.0001")
TOKEN_KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")


class UnitPrice(Struct, frozen=True):
    """What `per` of the count `member` of `Counts` cost in US dollars, and the category of that cost."""

    unit: str
    usd: Decimal
    category: str
    member: str
    per: int = 1


PRICES = (
    UnitPrice("1,000 input tokens", Decimal("0.0020"), "model", "input_tokens", 1000),
    UnitPrice("1,000 output tokens", Decimal("0.0080"), "model", "output_tokens", 1000),
    UnitPrice("1,000 reasoning tokens", Decimal("0.0080"), "model", "reasoning_tokens", 1000),
    UnitPrice("1,000 cache read tokens", Decimal("0.0002"), "model", "cache_read_tokens", 1000),
    UnitPrice("1,000 cache write tokens", Decimal("0.0025"), "model", "cache_write_tokens", 1000),
    UnitPrice("tool call", Decimal("0.0010"), "tool", "tool_calls"),
    UnitPrice("sandbox second", Decimal("0.0005"), "sandbox", "sandbox_tenths", 10),
    UnitPrice("step (internal fee)", Decimal("0.0002"), "internal", "steps"),
)


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

    def __add__(self, other: Counts) -> Counts:
        """Return the sum, member by member."""
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def total_tokens(self) -> int:
        """The sum of all five kinds of tokens."""
        return sum(getattr(self, f"{kind}_tokens") for kind in TOKEN_KINDS)


def usd_by_category(counts: Counts) -> dict[str, Decimal]:
    """Return the exact costs of usage in US dollars by category."""
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for price in PRICES:
        costs[price.category] += getattr(counts, price.member) * price.usd / price.per
    return costs


def credits_of(counts: Counts) -> int:
    """Return the costs of usage in credits, rounded up."""
    usd = sum(usd_by_category(counts).values(), Decimal(0))
    return int((usd / USD_PER_CREDIT).to_integral_value(rounding=ROUND_CEILING))


def usage_members(counts: Counts) -> dict[str, object]:
    """Return `Worker.usage`: token counts, steps, whole credits, exact USD, milliseconds."""
    return {
        "cacheReadTokens": counts.cache_read_tokens,
        "cacheWriteTokens": counts.cache_write_tokens,
        "costUsd": sum(usd_by_category(counts).values(), Decimal(0)),
        "inputTokens": counts.input_tokens,
        "outputTokens": counts.output_tokens,
        "reasoningTokens": counts.reasoning_tokens,
        "steps": counts.steps,
        "totalTokens": counts.total_tokens,
        "credits": credits_of(counts),
        "durationMs": counts.duration_ms,
    }


def costs_members(counts: Counts) -> dict[str, object]:
    """Return `Worker.costs`: exact US dollars of the four categories."""
    return {f"{category}CostUsd": usd for category, usd in usd_by_category(counts).items()}
