"""The figures that a worker reports, each described once, and what it has used and cost by them.

Unknown is not zero: a figure that was not reported is None, and arithmetic with None gives None. The service
documents nine usage members and four cost categories; durationMs comes from its Python SDK 0.3.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from enum import StrEnum
from functools import reduce
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Self

from msgspec import Struct, defstruct
from msgspec.structs import astuple

from handinger_tui.core.decimals import EXACT, PLACES, json_amount, tidy
from handinger_tui.core.jsontext import Json, JsonObject, as_object

Number = Decimal | int


class Measure(StrEnum):
    """What a figure counts, in the order in which screens show them."""

    COST = "cost"
    """The cost in USD."""
    CREDITS = "credits"
    CATEGORY = "category"
    """A part of the cost in USD."""
    TOKENS = "tokens"
    STEPS = "steps"
    TIME = "time"
    """Milliseconds."""


_PLACES: Final = {Measure.COST: 12, Measure.CREDITS: 6, Measure.CATEGORY: 12}
"""Decimal places of the integers in which the history stores amounts; all others are counts."""


class Figure(Struct, frozen=True):
    """One figure. `name`: its member in `Usage` or `Costs`, in JSON and in CSV; `wire`: in an answer.

    `column`: of the history. `bit`: its bit in `reported` and `retracted`. `summed`: the history adds
    it up over turns.
    """

    name: str
    wire: str
    label: str
    measure: Measure
    bit: int
    column: str
    summed: bool = False

    @property
    def title(self) -> str:
        """Its label at the beginning of a line."""
        return self.label.capitalize()

    @property
    def zero(self) -> Number:
        """Nothing of it, which is not the same as unknown."""
        return Decimal(0) if self.is_amount else 0

    @property
    def is_amount(self) -> bool:
        """Whether it is an amount of money, which is a Decimal; a count is an int."""
        return self.measure in _PLACES

    @property
    def places(self) -> int:
        """Decimal places of its column."""
        return _PLACES.get(self.measure, 0)

    def read(self, usage: Usage, costs: Costs) -> Number | None:
        """This figure of a turn or worker. The cost is the sum of its categories if it was not reported."""
        if self.measure is Measure.COST:
            return cost_of(usage, costs)
        value: Number | None = getattr(costs if self.measure is Measure.CATEGORY else usage, self.name)
        return value


def _count(name: str, wire: str, label: str, bit: int, measure: Measure = Measure.TOKENS) -> Figure:
    return Figure(name, wire, label, measure, bit, name)


def _category(name: str, bit: int) -> Figure:
    label, column = "tools" if name == "tool" else name, f"{name}_pico"
    return Figure(f"{name}_usd", f"{name}CostUsd", label, Measure.CATEGORY, bit, column, summed=True)


ADDED: Final[tuple[Figure, ...]] = ()
"""The figures that came after the first fourteen, in the order of their migrations, each with the next bit.

An answer may lack them: the cost is split, and adds up, without a category of these. Each raises the number
of the documents that have it."""
FIGURES: Final = (
    _count("input_tokens", "inputTokens", "input tokens", 7),
    _count("output_tokens", "outputTokens", "output tokens", 8),
    _count("reasoning_tokens", "reasoningTokens", "reasoning tokens", 9),
    _count("cache_read_tokens", "cacheReadTokens", "cache read tokens", 10),
    _count("cache_write_tokens", "cacheWriteTokens", "cache write tokens", 11),
    Figure("total_tokens", "totalTokens", "total tokens", Measure.TOKENS, 6, "total_tokens", summed=True),
    _count("steps", "steps", "steps", 12, Measure.STEPS),
    Figure("credits", "credits", "credits", Measure.CREDITS, 1, "micro_credits", summed=True),
    Figure("cost_usd", "costUsd", "cost", Measure.COST, 0, "usd_pico", summed=True),
    _count("duration_ms", "durationMs", "duration", 13, Measure.TIME),
    _category("model", 2),
    _category("tool", 3),
    _category("sandbox", 4),
    _category("internal", 5),
    *ADDED,
)
"""All figures, in the order in which readings are stored."""
FIGURE: Final = {figure.name: figure for figure in FIGURES}
SHOWN: Final = tuple(sorted(FIGURES, key=lambda figure: [*Measure].index(figure.measure)))
"""All figures in the order in which screens show them."""
CATEGORIES: Final = tuple(figure for figure in FIGURES if figure.measure is Measure.CATEGORY)
TOKENS: Final = tuple(figure for figure in FIGURES if figure.measure is Measure.TOKENS)


def numbered(document: str, number: int, figures: Iterable[Figure] = FIGURES) -> str:
    """The schema of a document that has these figures. `number`: without those that were added."""
    return f"handinger-tui/{document}/{number + sum(figure in ADDED for figure in figures)}"


def with_figures(base: type[Struct], figures: Iterable[Figure], kind: Any, *default: Any) -> type[Struct]:
    """A class that has a member of the type `kind` for each figure, behind those of `base`."""
    members = [(figure.name, kind, *default) for figure in figures]
    return defstruct(base.__name__, members, bases=(base,), frozen=True)


# -- usage and costs -------------------------------------------------------------------
class _Numbers(Struct, frozen=True):
    """Member-wise arithmetic of `Usage` and `Costs`. A difference with None is None."""

    @property
    def members(self) -> tuple[Any, ...]:
        """All numbers, in order."""
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
        """The same numbers, with missing members from `earlier`."""
        pairs = zip(self.members, earlier.members, strict=True)
        return type(self)(*[old if new is None else new for new, old in pairs])


class Usage(_Numbers, frozen=True):
    """The usage that a worker reports."""

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
    """The cost categories in USD."""

    model_usd: Decimal | None = None
    tool_usd: Decimal | None = None
    sandbox_usd: Decimal | None = None
    internal_usd: Decimal | None = None

    def total(self) -> Decimal | None:
        """The sum of all categories; None if one is missing that was not added later."""
        members: tuple[Decimal | None, ...] = self.members
        amounts = [value for value in members if value is not None]
        return None if None in members[:_ALWAYS] else reduce(EXACT.add, amounts)


if TYPE_CHECKING:
    UsageObject = JsonObject
    CostsObject = JsonObject
else:
    # In JSON as `figures_object` writes them; a schema reads the members of a document from its classes.
    UsageObject, CostsObject = Usage, Costs

COST_MEMBERS: Final = Costs.__struct_fields__
_ALWAYS: Final = sum(figure not in ADDED for figure in CATEGORIES)
NO_USAGE: Final = Usage()
NO_COSTS: Final = Costs()
_MEMBERS: Final = (*Usage.__match_args__, *Costs.__match_args__)
_IN_ORDER: Final = itemgetter(*(_MEMBERS.index(figure.name) for figure in FIGURES))
_NAMES: Final = tuple(FIGURE)
_OF_USAGE: Final = itemgetter(*map(_NAMES.index, Usage.__match_args__))
_OF_COSTS: Final = itemgetter(*map(_NAMES.index, Costs.__match_args__))


def numbers_of(usage: Usage, costs: Costs) -> tuple[Number | None, ...]:
    """A number for each of `FIGURES`."""
    numbers: tuple[Number | None, ...] = _IN_ORDER((*usage.members, *costs.members))
    return numbers


def usage_and_costs(numbers: Sequence[Any]) -> tuple[Usage, Costs]:
    """The inverse of `numbers_of`."""
    return Usage(*_OF_USAGE(numbers)), Costs(*_OF_COSTS(numbers))


ZEROS: Final = tuple(figure.zero for figure in FIGURES)
ZERO_USAGE, ZERO_COSTS = usage_and_costs(ZEROS)
"""The figures of a worker before its first turn: zero, not unknown."""


def cost_of(usage: Usage, costs: Costs) -> Decimal | None:
    """The cost in USD: as reported, or else the sum of its categories."""
    return usage.cost_usd if usage.cost_usd is not None else costs.total()


def figures_object(group: Usage | Costs) -> JsonObject:
    """Usage or costs in JSON: amounts as decimal text, counts as numbers, null if not reported."""
    pairs = zip(group.__struct_fields__, group.members, strict=True)
    return {name: value if isinstance(value, int) else json_amount(value) for name, value in pairs}


# -- reading ---------------------------------------------------------------------------
def amount(value: Json) -> Decimal | None:
    """A reported amount (USD, credits): a finite number from 0 (see `amounts.tidy`), else None."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    number_or_none = tidy(number)
    return None if number_or_none is None or number_or_none < 0 else number_or_none


TOO_MANY: Final = 10**PLACES
"""Counts from here on are ignored."""


def count(value: Json) -> int | None:
    """A reported count (tokens, steps, milliseconds): a whole number from 0, else None."""
    if type(value) is int:
        # A fast path with the same rule.
        return value if 0 <= value < TOO_MANY else None
    number = amount(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


def usage_of(wire: Mapping[str, Json]) -> Usage:
    """Read the `usage` member of a Worker; invalid values become None."""
    return Usage(*_read(Usage.__match_args__, wire))


def costs_of(wire: Mapping[str, Json]) -> Costs:
    """Read the `costs` member of a Worker; invalid values become None."""
    return Costs(*_read(Costs.__match_args__, wire))


def _read(names: Sequence[str], wire: Mapping[str, Json]) -> list[Any]:
    figures = (FIGURE[name] for name in names)
    return [(amount if one.is_amount else count)(wire.get(one.wire)) for one in figures]


_IN_STREAMS: Final = {
    "promptTokens": "input_tokens",
    "prompt_tokens": "input_tokens",
    "completionTokens": "output_tokens",
    "completion_tokens": "output_tokens",
    "cachedInputTokens": "cache_read_tokens",
    "cached_tokens": "cache_read_tokens",
    **{name: one.name for one in TOKENS for name in (one.wire, one.name)},
}
"""How streams name the token counts, and their members here."""


def stream_counts(usage: JsonObject) -> dict[str, int]:
    """The token counts of a stream by our names; those that we do not count are left out.

    Details are objects inside.
    """
    inner = (pair for value in usage.values() for pair in as_object(value).items())
    pairs = (pair for pair in (*inner, *usage.items()) if pair[0] in _IN_STREAMS)
    counts = {_IN_STREAMS[name]: count(value) for name, value in pairs}
    return {name: number for name, number in counts.items() if number is not None}


def reported_figures(group: Usage | Costs) -> JsonObject | None:
    """Usage or costs in JSON; None if nothing was reported."""
    return figures_object(group) if group.reported else None
