"""Exact decimal amounts of money, their sums, and their texts. None means not reported, never 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import reduce
from typing import Final

from msgspec import Struct

from handinger_tui.core.formatting import NOT_REPORTED, number, plural

EXACT: Final = Context(prec=400, rounding=ROUND_HALF_EVEN)
"""A context in which sums and differences of tidy amounts are never rounded."""

PLACES: Final = 60
"""Decimal places that are kept."""

INT64_MAX: Final = 2**63 - 1
_FINEST: Final = Decimal(1).scaleb(-PLACES)
LARGE: Final = tuple(
    (Decimal(10) ** power, unit) for power, unit in ((12, "T"), (9, "G"), (6, "M"), (3, "k"))
)


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
    """The sum of the reported amounts, and the number of turns without one.

    `value`: None if no amount was reported, but 0 without turns. `doubtful`: an amount in it is not certain:
    it depends on the meaning of a worker's figures, or on a price that the person set.
    """

    value: Decimal | None
    missing_turns: int = 0
    doubtful: bool = False

    @property
    def complete(self) -> bool:
        """Whether no turn is missing, so that `value` is exact, not a lower bound."""
        return self.missing_turns == 0

    def __add__(self, other: Total) -> Total:
        if self.value is None or other.value is None:
            value = self.value if other.value is None else other.value
        else:
            value = EXACT.add(self.value, other.value)
        missing_turns = self.missing_turns + other.missing_turns
        return Total(value, missing_turns, self.doubtful or other.doubtful)


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


def excess_text(excess: Decimal | None) -> str:
    """The note on categories that exceed their total: "split exceeds the total by $0.05"; "" for none."""
    return f"split exceeds the total by {usd_text(excess)}" if excess else ""


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


def usd_text(value: Decimal | None) -> str:
    """An amount to show: "$0.0123", "$1,234.56"; at least 2 decimals, 4 significant digits below $1."""
    return _display_text(value, sign="$", at_least=2)


def credits_text(value: Decimal | None) -> str:
    """A number of credits to show, without the unit: "8", "12.5", "0.0004"."""
    return _display_text(value, sign="", at_least=0)


def credits_words(value: Decimal | None) -> str:
    """A number of credits to show, with the unit: "1 credit", "12.5 credits", "not reported"."""
    text = credits_text(value)
    return text if tidy(value) is None else f"{text} {'credit' if text == '1' else 'credits'}"


def at_price(credits_used: Decimal | None, credit_usd: Decimal | None) -> Decimal | None:
    """The cost of credits at the price that the person gave; None if either is unknown."""
    return None if credits_used is None or credit_usd is None else EXACT.multiply(credits_used, credit_usd)


def price_text(credits_used: Decimal | None, credit_usd: Decimal | None) -> str:
    """The cost of credits at the person's price, "~$0.04"; "" if unknown."""
    value = at_price(credits_used, credit_usd)
    return "" if value is None else f"~{usd_text(value)}"


# Notation of sums: "$1.23 + 2 turns unknown", "$1.23 +2" in little space, "~$1.23" with a doubtful amount.
def total_text(amount: Total, write: Callable[[Decimal | None], str] = usd_text) -> str:
    """A total to show: "$1.23", "~$1.23 + 2 turns unknown", "not reported"."""
    gaps = "" if amount.value is None else gap_text(amount.missing_turns)
    return f"{value_text(amount, write)} {gaps}".rstrip()


def short_total_text(amount: Total, write: Callable[[Decimal | None], str] = usd_text) -> str:
    """A total to show in little space: "$1.23", "~$1.23 +2", "not reported"."""
    gaps = "" if amount.value is None else gap_mark(amount.missing_turns)
    return f"{value_text(amount, write)} {gaps}".rstrip()


def value_text(amount: Total, write: Callable[[Decimal | None], str] = usd_text) -> str:
    """The value of a total to show: "$1.23", "~$1.23", "not reported"."""
    return doubt_mark(amount.doubtful and amount.value is not None) + write(amount.value)


def doubt_mark(is_doubtful: bool | None) -> str:
    """The prefix of an amount: "~" if it is not certain."""
    return "~" if is_doubtful else ""


def gap_text(missing_turns: int) -> str:
    """The suffix of a sum: "+ 2 turns unknown"; "" if no turn is missing."""
    return f"+ {plural(missing_turns, 'turn')} unknown" if missing_turns else ""


def gap_mark(missing_turns: int) -> str:
    """The short form of `gap_text`: "+2"; "" if no turn is missing."""
    return f"+{missing_turns:,}" if missing_turns else ""


# The marks of sums, explained below tables.
MARK_EXPLAINED: Final = "+n: not including n turns of unknown cost"
DOUBT_EXPLAINED: Final = "~: depends on what the worker's figures mean, which is not decided yet"


def _display_text(value: Decimal | None, *, sign: str, at_least: int) -> str:
    value = tidy(value)
    if value is None:
        return NOT_REPORTED
    places = 4 if value == 0 or value.adjusted() >= 0 else 3 - value.adjusted()
    if value and places > 15:
        return f"{'-' if value < 0 else ''}<{sign}0.{'0' * 11}1"
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, EXACT)
    units, _, decimals = format(rounded.copy_abs(), ",f").partition(".")
    decimals = decimals.rstrip("0").ljust(at_least, "0")
    minus = "-" if rounded < 0 else ""
    return f"{minus}{sign}{units}.{decimals}" if decimals else f"{minus}{sign}{units}"


# -- texts of a limited width ---------------------------------------------------------
def usd_within(value: Decimal | int, width: int) -> str:
    """US dollars in at most `width` cells: with fewer digits if needed, but never as zero."""
    amount = Decimal(value)
    text = usd_text(amount)
    if len(text) <= width:
        return text
    if amount >= 1000:
        return short_number(amount, width, "$")
    for places in range(15, 1, -1):
        rounded = round(amount, places)
        text = f"${rounded:,.{places}f}"
        if len(text) <= width and rounded:
            return text
    return f"${amount:,.0f}" if amount >= 1 else "<$0.01" if width > 5 else "<$.01"


def credits_within(value: Decimal | int, width: int) -> str:
    """Credits in at most `width` cells."""
    text = credits_text(Decimal(value))
    return text if len(text) <= width else short_number(Decimal(value), width)


def count_within(value: Decimal | int, width: int) -> str:
    """A count in at most `width` cells: "1,234,567", "1.23M"."""
    text = number(int(value))
    return text if len(text) <= width else short_number(Decimal(value), width)


def two_digits(value: Decimal | int) -> Decimal:
    """An estimate, rounded to two significant digits."""
    amount = Decimal(value)
    return round(amount, 1 - amount.adjusted()) if amount else amount


def short_number(value: Decimal, width: int, sign: str = "") -> str:
    """A number in at most `width` cells if possible: "1.23M", "$12.3k"; beyond all units "1e+45"."""
    for size, unit in LARGE:
        if size <= value < size * 1000:
            for places in (2, 1, 0):
                text = f"{sign}{value / size:.{places}f}{unit}"
                if len(text) <= width:
                    return text
    if value >= 1000:
        return f"{sign}{value:.0e}"
    for places in range(6, -1, -1):
        text = f"{sign}{value:.{places}f}"
        if len(text) <= width and Decimal(text.removeprefix(sign)):
            return text
    return f"{sign}{value:.0e}"


def decimal_places(text: str) -> int:
    """The number of digits after the decimal point; 0 for "$1.2k"."""
    fraction = text.partition(".")[2]
    return len(fraction) if fraction.isdigit() else 0


def pad_decimals(text: str, places: int, width: int) -> str:
    """Pad an amount with blanks to the width of `places` decimals, up to `width` cells.

    Zeros would change its digits, which are the same wherever it is shown.
    """
    if text.startswith("<") or not decimal_places(text):
        return text
    return text + " " * min(places - decimal_places(text), width - len(text))
