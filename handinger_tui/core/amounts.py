"""Exact decimal amounts of money and their sums. None is unknown, never 0. `core.money.words` writes them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from functools import reduce
from typing import Final

from msgspec import Struct

EXACT: Final = Context(prec=400, rounding=ROUND_HALF_EVEN)
"""A context in which sums and differences of tidy amounts are never rounded."""

PLACES: Final = 60
"""Decimal places that are kept."""

INT64_MAX: Final = 2**63 - 1
_FINEST: Final = Decimal(1).scaleb(-PLACES)


class Unit(StrEnum):
    """The unit of an amount."""

    USD = "usd"
    CREDITS = "credits"


def tidy(value: Decimal | None) -> Decimal | None:
    """`value` without digits beyond `PLACES`; None if it is not finite, or 10^60 or more."""
    if value is None or not value.is_finite() or value.adjusted() >= PLACES:
        return None
    exponent = value.as_tuple().exponent
    is_too_fine = isinstance(exponent, int) and exponent < -PLACES
    return value.quantize(_FINEST, context=EXACT) if is_too_fine else value


def in_units(value: Decimal | None, places: int) -> int | None:
    """An amount as an integer of its `places`-th decimals, rounded half to even; None as for `pico_usd`."""
    value = tidy(value)
    if value is None:
        return None
    units = int(value.scaleb(places, EXACT).to_integral_value(ROUND_HALF_EVEN, EXACT))
    return units if abs(units) <= INT64_MAX else None


def pico_usd(value: Decimal | None) -> int | None:
    """USD as integer pico-dollars (1e-12 USD), rounded half to even; None if unknown or beyond 64 bits."""
    return in_units(value, 12)


def micro_credits(value: Decimal | None) -> int | None:
    """Credits as integer micro-credits; None if unknown or beyond 64 bits."""
    return in_units(value, 6)


class Total(Struct, frozen=True):
    """An amount of one or several turns: the sum of what is known.

    `value`: None if nothing is known, but 0 without turns. `missing_turns`: how many turns have no final
    amount; `open_turns`: how many of these have one so far, which is in `value`. `doubtful`: an amount
    depends on the meaning of a worker's figures, or on a price that the person set. `unsettled`: a later
    reading may change an amount. `shared`: `value` is a maximum, of which a part belongs to others.
    """

    value: Decimal | None
    missing_turns: int = 0
    doubtful: bool = False
    open_turns: int = 0
    unsettled: bool = False
    shared: bool = False

    @property
    def complete(self) -> bool:
        """Whether no turn is missing, so that `value` is exact, not a lower bound."""
        return self.missing_turns == 0

    @property
    def unknown_turns(self) -> int:
        """How many turns are not in `value` at all."""
        return self.missing_turns - self.open_turns

    @property
    def so_far(self) -> bool:
        """Whether `value` may still change."""
        return self.unsettled or self.open_turns > 0

    def __add__(self, other: Total) -> Total:
        if self.value is None or other.value is None:
            value = self.value if other.value is None else other.value
        else:
            value = EXACT.add(self.value, other.value)
        return Total(
            value,
            self.missing_turns + other.missing_turns,
            self.doubtful or other.doubtful,
            self.open_turns + other.open_turns,
            self.unsettled or other.unsettled,
        )


def total(values: Iterable[Decimal | None]) -> Total:
    """The total of one value per turn, in any order."""
    amounts = [tidy(value) for value in values]
    reported = [amount for amount in amounts if amount is not None]
    missing = len(amounts) - len(reported)
    return Total(None if missing and not reported else _sum(reported), missing)


def _sum(values: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, values, Decimal(0))


ROUNDING: Final = Decimal("1e-9")
"""Categories that exceed their total by at most this, in USD or as a share of it, were rounded."""


def split_excess(cost: Decimal | None, parts: Iterable[Decimal | None]) -> Decimal | None:
    """By how much the reported parts of a cost exceed it: 0 if they do not, None if that is unknown."""
    reported = [part for part in parts if part is not None]
    if cost is None or not reported:
        return None
    excess = EXACT.subtract(_sum(reported), cost)
    return excess if excess > max(ROUNDING, EXACT.multiply(abs(cost), ROUNDING)) else Decimal(0)


def json_amount(value: Decimal | None) -> str | None:
    """An amount in JSON: decimal text, None if unknown."""
    value = tidy(value)
    return None if value is None else decimal_text(value)


def decimal_text(value: Decimal) -> str:
    """An amount in plain digits, without exponent or trailing zeros ("0.0123", "1000").

    Raises:
        ValueError: NaN, infinity, or an absurdly large number.
    """
    if not value.is_finite() or value.adjusted() >= 10 * PLACES:
        raise ValueError("not an amount of money")
    rounded = value.quantize(_FINEST, context=EXACT) if value.adjusted() < -PLACES else value
    text = format(rounded, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def scaled_text(number: int, places: int) -> str:
    """`decimal_text` of `number` * 10^-`places` (1 or more), but much faster."""
    # The width includes the sign.
    digits = f"{number:0{places + 1 + (number < 0)}}"
    return f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")


def at_price(credits_used: Decimal | None, credit_usd: Decimal | None) -> Decimal | None:
    """The cost of credits at the price that the person gave; None if either is unknown."""
    return None if credits_used is None or credit_usd is None else EXACT.multiply(credits_used, credit_usd)
