"""A limit as a person types it: "day 5", "session 20 credits", "worker $3", "day off"."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from msgspec import Struct

from handinger_tui.core.amounts import Unit, exact_text
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.money.limits import Gauge, Limit, Scope
from handinger_tui.core.safety import clean_line

CREDIT_DECIMALS: Final = 6
"""The history stores credits in millionths."""
OFF: Final = frozenset({"off", "none"})
USAGE: Final = "Examples: /limit day 5, /limit turn 0.50, /limit session 20 credits, /limit day off"
_SCOPES: Final = ", ".join(Scope)
_AMOUNT: Final = re.compile(r"(\$?)\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(usd|dollars?|credits?)?")


class NotAnAmount(HandingerError):
    """The typed text is not a limit or amount; nothing was set."""


class LimitChange(Struct, frozen=True):
    """A limit to set. `amount` None removes it, with `unit` None in both units."""

    scope: Scope
    unit: Unit | None
    amount: Decimal | None


def parse_limit_change(text: str) -> LimitChange:
    """Parse the argument of `/limit`: "day 5", "session 20 credits", "worker $3", "day off".

    Raises:
        NotAnAmount
    """
    name, _, amount_text = " ".join(text.lower().split()).partition(" ")
    if name not in set(Scope):
        raise NotAnAmount(f"Unknown limit {clean_line(name, 20)}. Use one of: {_SCOPES}.", USAGE)
    scope, words = Scope(name), amount_text.split()
    if words and words[0] in OFF:
        return LimitChange(scope, _removed_unit(words[1:]), None)
    if not words:
        raise NotAnAmount(f"The {scope.limit} needs an amount.", USAGE)
    amount, unit = parse_amount(amount_text)
    return LimitChange(scope, unit, amount)


def parse_amount(text: str, expected: Unit = Unit.USD) -> tuple[Decimal, Unit]:
    """Parse an amount: "5", "$0.50", "20 credits"; without sign or word its unit is `expected`.

    Raises:
        NotAnAmount: not a plain decimal number above 0, too many decimals, or too large. A comma is
            never accepted: half the world writes 0,5 and means a half.
    """
    match = _AMOUNT.fullmatch(text.strip().lower())
    quoted = clean_line(text.strip(), 30)
    if match is None:
        raise NotAnAmount(f"“{quoted}” is not an amount.", f"Use digits and one decimal point. {USAGE}")
    sign, digits, word = match.groups()
    in_credits = (word or "").startswith("credit")
    if sign and in_credits:
        raise NotAnAmount(f"“{quoted}” is both dollars and credits.", USAGE)
    unit = Unit.CREDITS if in_credits else Unit.USD if sign or word else expected
    if unit is Unit.CREDITS and len(digits.partition(".")[2].rstrip("0")) > CREDIT_DECIMALS:
        raise NotAnAmount(f"Credits have at most {CREDIT_DECIMALS} decimals.", USAGE)
    try:
        return Limit.amount_of(digits), unit
    except ValueError as error:
        reason = str(error)
        raise NotAnAmount(f"{reason[:1].upper()}{reason[1:]}.", USAGE) from None


def parse_raised_amount(text: str, gauge: Gauge) -> Decimal:
    """Parse a new amount for a limit that is reached.

    Raises:
        NotAnAmount: as for `parse_amount`, in another unit than the limit, or not above what is spent.
    """
    amount, unit = parse_amount(text, gauge.limit.unit)
    if unit is not gauge.limit.unit:
        unit_name = "dollars" if gauge.limit.unit is Unit.USD else "credits"
        raise NotAnAmount(f"This limit is in {unit_name}.")
    spent = gauge.spent.value or Decimal(0)
    if amount <= spent:
        raise NotAnAmount(f"The limit must be above what is already spent ({exact_text(spent, unit)}).")
    return amount


def _removed_unit(words: list[str]) -> Unit | None:
    """The unit in which "off" removes a limit, from the words after it; None: in both."""
    match words:
        case []:
            return None
        case ["usd" | "dollars"]:
            return Unit.USD
        case ["credits"]:
            return Unit.CREDITS
        case _:
            pass
    raise NotAnAmount("Nothing may follow “off”.", USAGE)
