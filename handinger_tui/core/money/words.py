"""Amounts in words: the only place that writes an amount for people.

Three words: "so far" (it may still grow), "about" (it is not certain) and "unknown". In cells and chips "…"
stands for "so far", "~" for "about" and "—" for "unknown"; `legend` explains them. Digits depend on the
amount alone, so that it has the same ones everywhere, unless a whole column is too narrow (`fitted`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from handinger_tui.core.amounts import EXACT, Total, Unit, at_price, decimal_text, tidy
from handinger_tui.core.formatting import UNKNOWN

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


def about_text(amount: Total, unit: Unit = Unit.USD, write: Write = amount_text) -> str:
    """An amount: "$0.0123", "about $0.04", "up to $0.60", "unknown"."""
    prefix = "up to " if amount.shared else "about " if amount.doubtful else ""
    return f"{prefix if amount.value is not None else ''}{write(amount.value, unit)}"


def total_words(amount: Total, unit: Unit = Unit.USD, write: Write = amount_text) -> str:
    """An amount with all that is not certain about it: "about $1.23 so far + 2 unknown", "unknown so far"."""
    text = f"{about_text(amount, unit, write)}{' so far' if amount.so_far else ''}"
    return f"{text} {unknown_words(amount)}".rstrip()


def unknown_words(amount: Total) -> str:
    """How many turns are missing in a sum: "+ 2 unknown"; "" for none, and where nothing is known."""
    is_gap = amount.value is not None and amount.unknown_turns > 0
    return f"+ {amount.unknown_turns:,} unknown" if is_gap else ""


def price_words(credits_used: Decimal | None, credit_usd: Decimal | None) -> str:
    """The cost of credits at the price that the person gave: "about $0.04"; "" if unknown."""
    value = at_price(credits_used, credit_usd)
    return "" if value is None else about_text(Total(value, doubtful=True))


def cost_words(usd: Total, credit: Total, credit_usd: Decimal | None = None) -> str:
    """What turns cost, in one phrase: in USD, else in credits and their price: "8 credits (about $0.08)"."""
    if usd.value is not None or credit.value is None:
        return total_words(usd)
    text, price = total_words(credit, Unit.CREDITS), price_words(credit.value, credit_usd)
    return f"{text} ({price})" if price else text


def excess_words(excess: Decimal | None) -> str:
    """The note on categories that exceed their total: "split exceeds the total by $0.05"; "" for none."""
    return f"split exceeds the total by {amount_text(excess)}" if excess else ""


# -- in columns --------------------------------------------------------------------------
def total_cell(amount: Total, unit: Unit = Unit.USD, write: Write = bare_text) -> str:
    """An amount in little space: "$0.0123", "~$0.04", "$1.23…"; "—" if unknown, "…" if unknown so far."""
    later = "…" if amount.so_far else ""
    if amount.value is None:
        return later or "—"
    return f"{'~' if amount.doubtful or amount.shared else ''}{write(amount.value, unit)}{later}"


def legend(amounts: Iterable[Total]) -> str:
    """What the signs in cells mean, those that occur: "~ about · … so far · — unknown"."""
    amounts = list(amounts)
    signs = (
        ("~ about", any(one.value is not None and (one.doubtful or one.shared) for one in amounts)),
        ("… so far", any(one.so_far for one in amounts)),
        ("— unknown", any(one.value is None and not one.so_far for one in amounts)),
    )
    return " · ".join(text for text, occurs in signs if occurs)


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
