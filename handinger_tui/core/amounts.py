"""Amounts of money, their sums, and the only words in which people read them. None is unknown, never 0.

Three words: "so far" (it may still grow), "about" (it is not certain) and "unknown". In cells and chips "…"
stands for "so far", "~" for "about" and "—" for "unknown"; `legend` explains them. Digits depend on the
amount alone, so that it has the same ones everywhere, unless a whole column is too narrow (`fitted`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.decimals import EXACT, decimal_text, exact_sum, in_units, tidy
from handinger_tui.core.formatting import UNKNOWN

if TYPE_CHECKING:
    from handinger_tui.core.prices import Prices


class Unit(StrEnum):
    """The unit of an amount."""

    USD = "usd"
    CREDITS = "credits"


def pico_usd(value: Decimal | None) -> int | None:
    """USD as integer pico-dollars (1e-12 USD), rounded half to even; None if unknown or beyond 64 bits."""
    return in_units(value, 12)


def micro_credits(value: Decimal | None) -> int | None:
    """Credits as integer micro-credits; None if unknown or beyond 64 bits."""
    return in_units(value, 6)


def at_price(credits_used: Decimal | None, credit_usd: Decimal | None) -> Decimal | None:
    """The cost of credits at the price that the person gave; None if either is unknown."""
    return None if credits_used is None or credit_usd is None else EXACT.multiply(credits_used, credit_usd)


def in_currency(
    amounts: Iterable[tuple[int | None, Decimal | None]], currency: Prices, prices: Prices | None = None
) -> Decimal | None:
    """Amounts with their times in the person's currency, each at its own rate; None where one has none.

    `currency`: the rates of a dollar. `prices`: of a credit, for amounts in credits, which all have one.
    """
    if prices is not None:
        amounts = ((at_ms, at_price(one, prices.at(at_ms))) for at_ms, one in amounts)
    return currency.cost(amounts)


# -- an amount in words ------------------------------------------------------------------
Write = Callable[[Decimal | None, Unit], str]

_DIGITS: Final = 4
"""Decimals below $1; smaller amounts have two significant digits."""
_FINEST: Final = 12
"""Decimals of the smallest amount that is shown."""
_LARGE: Final = tuple(
    (Decimal(10) ** power, unit) for power, unit in ((12, "T"), (9, "B"), (6, "M"), (3, "k"))
)


def bare_text(value: Decimal | None, unit: Unit = Unit.USD) -> str:
    """An amount whose unit is clear: "$0.0123", "$1,234.56", "12.5", "unknown"."""
    value = tidy(value)
    if value is None:
        return UNKNOWN
    if value == 0 or value.adjusted() >= 0:
        return _rounded(value, unit, 2)
    places = max(_DIGITS, 1 - value.adjusted())
    return _rounded(value, unit, places) if places <= _FINEST else _below(value, unit, _FINEST)


def amount_text(value: Decimal | None, unit: Unit = Unit.USD) -> str:
    """An amount with its unit: "$0.0123", "1 credit", "12.5 credits", "unknown"."""
    text = bare_text(value, unit)
    if unit is Unit.USD or text == UNKNOWN:
        return text
    return f"{text} {'credit' if text == '1' else 'credits'}"


def range_text(low: Decimal, high: Decimal, unit: Unit = Unit.USD) -> str:
    """A range with its unit once: "$0.02–0.09", "2–9 credits"; one amount if both ends read the same."""
    first, last = amount_text(low, unit), amount_text(high, unit)
    return last if first == last else f"{first.partition(' ')[0]}–{last.removeprefix('$')}"


def exact_text(value: Decimal, unit: Unit) -> str:
    """An amount with its unit and all its digits, as a limit was typed."""
    number = bare_text(value, unit)
    plain = number.lstrip("-<$").replace(",", "")
    if "<" not in number and Decimal(plain) == abs(value):
        return amount_text(value, unit)
    return amount_text(value, unit).replace(number, f"{'$' if unit is Unit.USD else ''}{decimal_text(value)}")


def count_text(value: Decimal | int | None, _unit: Unit = Unit.USD) -> str:
    """A count, such as tokens: "1,234", "unknown"."""
    return UNKNOWN if value is None else f"{int(value):,}"


def count_within(value: Decimal | int, width: int) -> str:
    """A count in at most `width` cells: "1,234,567", "1.23M"."""
    text = count_text(value)
    return text if len(text) <= width else fitted([Decimal(value)], width, Unit.CREDITS)[0]


# -- sums --------------------------------------------------------------------------------
class Total(Struct, frozen=True, gc=False):
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

    # -- in words
    def cost_words(self, credit: Total, priced: Decimal | None = None) -> str:
        """What turns that took this and so many credits cost: in USD, else "8 credits (about $0.08)".

        `priced`: what the credits cost at the person's prices.
        """
        if self.value is not None or credit.value is None:
            return self.words()
        text, price = credit.words(Unit.CREDITS), price_words(priced)
        return f"{text} ({price})" if price else text

    def about(self, unit: Unit = Unit.USD, write: Write = amount_text) -> str:
        """An amount: "$0.0123", "about $0.04", "up to $0.60", "unknown"."""
        prefix = "up to " if self.shared else "about " if self.doubtful else ""
        return f"{prefix if self.value is not None else ''}{write(self.value, unit)}"

    def words(self, unit: Unit = Unit.USD, write: Write = amount_text) -> str:
        """An amount with all that is not certain: "about $1.23 so far + 2 unknown", "unknown so far"."""
        return f"{self.without_gaps(unit, write)} {self.gap_words}".rstrip()

    def without_gaps(self, unit: Unit = Unit.USD, write: Write = amount_text) -> str:
        """The same without what is missing: "about $1.23 so far"."""
        return f"{self.about(unit, write)}{' so far' if self.so_far else ''}"

    def bare_words(self, unit: Unit) -> str:
        """The same where the unit is clear: "8 so far + 2 unknown"."""
        return self.words(unit, bare_text)

    @property
    def gap_words(self) -> str:
        """How many turns are missing in a sum: "+ 2 unknown"; "" for none, and where nothing is known."""
        is_gap = self.value is not None and self.unknown_turns > 0
        return f"+ {self.unknown_turns:,} unknown" if is_gap else ""

    def cell(self, unit: Unit = Unit.USD, write: Write = bare_text) -> str:
        """An amount in little space: "$0.0123", "~$0.04", "$1.23…"; "—" if unknown, "…" if unknown so far."""
        later = "…" if self.so_far else ""
        if self.value is None:
            return later or "—"
        return f"{'~' if self.doubtful or self.shared else ''}{write(self.value, unit)}{later}"


def total(values: Iterable[Decimal | None]) -> Total:
    """The total of one value per turn, in any order."""
    amounts = [tidy(value) for value in values]
    reported = [amount for amount in amounts if amount is not None]
    missing = len(amounts) - len(reported)
    return Total(None if missing and not reported else exact_sum(reported), missing)


ROUNDING: Final = Decimal("1e-9")
"""Categories that exceed their total by at most this, in USD or as a share of it, were rounded."""


def split_excess(cost: Decimal | None, parts: Iterable[Decimal | None]) -> Decimal | None:
    """By how much the reported parts of a cost exceed it: 0 if they do not, None if that is unknown."""
    reported = [part for part in parts if part is not None]
    if cost is None or not reported:
        return None
    excess = EXACT.subtract(exact_sum(reported), cost)
    return excess if excess > max(ROUNDING, EXACT.multiply(abs(cost), ROUNDING)) else Decimal(0)


def price_words(priced: Decimal | None) -> str:
    """What credits cost at the prices that the person gave: "about $0.04"; "" if unknown."""
    return "" if priced is None else Total(priced, doubtful=True).about()


def currency_words(value: Decimal, currency: str) -> str:
    """An amount in another currency, at the person's rate: "about 1.13 EUR"."""
    return f"about {bare_text(value).replace('$', '')} {currency}"


def excess_words(excess: Decimal | None) -> str:
    """The note on categories that exceed their total: "split exceeds the total by $0.05"; "" for none."""
    return f"split exceeds the total by {amount_text(excess)}" if excess else ""


# -- in columns --------------------------------------------------------------------------
def legend(cells: Iterable[str]) -> str:
    """What the signs in cells mean, those that occur: "~ about · … so far · — unknown"."""
    text = "".join(cells)
    return " · ".join(words for words in ("~ about", "… so far", "— unknown") if words[0] in text)


def fitted(values: Sequence[Decimal], width: int, unit: Unit = Unit.USD) -> list[str]:
    """Amounts in at most `width` cells each, with the same digits for all: fewer, never as a false zero."""
    texts = [bare_text(value, unit) for value in values]
    for places in (3, 2, 1, 0):
        if max(map(len, texts), default=0) <= width:
            return texts
        texts = [_short(value, unit, places) for value in values]
    return texts


def _rounded(value: Decimal, unit: Unit, places: int) -> str:
    """At most `places` decimals; in USD two or more, or none."""
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, EXACT)
    units, _, decimals = format(rounded.copy_abs(), ",f").partition(".")
    decimals = decimals.rstrip("0").ljust(min(places, 2) if unit is Unit.USD else 0, "0")
    sign = f"{'-' if rounded < 0 else ''}{'$' if unit is Unit.USD else ''}"
    return f"{sign}{units}.{decimals}" if decimals else f"{sign}{units}"


def _below(value: Decimal, unit: Unit, places: int) -> str:
    """A text for an amount that is too small for `places` decimals: "<$0.01"."""
    sign = f"{'-' if value < 0 else ''}<{'$' if unit is Unit.USD else ''}"
    return f"{sign}0.{'0' * (places - 1)}1" if places else f"{sign}1"


def _short(value: Decimal, unit: Unit, places: int) -> str:
    """With at most `places` decimals, large amounts in thousands: "$0.012", "$1.23k", "<$0.01"."""
    size, letter = next(((size, letter) for size, letter in _LARGE if abs(value) >= size), (Decimal(1), ""))
    if value and abs(value) < Decimal(5).scaleb(-places - 1):
        return _below(value, unit, places)
    if abs(value) >= 1000 * _LARGE[0][0]:
        return f"{'$' if unit is Unit.USD else ''}{value:.0e}"
    return _rounded(EXACT.divide(value, size), unit, places) + letter
