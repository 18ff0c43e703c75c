"""Exact decimal numbers: never rounded on the way, as texts, in JSON and as integers of the history."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import reduce
from typing import Final

EXACT: Final = Context(prec=400, rounding=ROUND_HALF_EVEN)
"""A context in which sums and differences of tidy numbers are never rounded."""

PLACES: Final = 60
"""Decimal places that are kept."""

INT64_MAX: Final = 2**63 - 1
_FINEST: Final = Decimal(1).scaleb(-PLACES)


def tidy(value: Decimal | None) -> Decimal | None:
    """`value` without digits beyond `PLACES`; None if it is not finite, or 10^60 or more."""
    if value is None or not value.is_finite() or value.adjusted() >= PLACES:
        return None
    exponent = value.as_tuple().exponent
    is_too_fine = isinstance(exponent, int) and exponent < -PLACES
    return value.quantize(_FINEST, context=EXACT) if is_too_fine else value


def in_units(value: Decimal | None, places: int) -> int | None:
    """A number as an integer of its `places`-th decimals, rounded half to even; None if beyond 64 bits."""
    value = tidy(value)
    if value is None:
        return None
    units = int(value.scaleb(places, EXACT).to_integral_value(ROUND_HALF_EVEN, EXACT))
    return units if abs(units) <= INT64_MAX else None


def exact_sum(values: Iterable[Decimal]) -> Decimal:
    """The sum of tidy numbers."""
    return reduce(EXACT.add, values, Decimal(0))


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
