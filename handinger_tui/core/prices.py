"""Prices with dates: what a credit costs, and what a dollar is in another currency. The person gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from msgspec import Struct

from handinger_tui.core.decimals import EXACT, decimal_text
from handinger_tui.core.formatting import local_time

DOLLAR: Final = "USD"


class Prices(Struct, frozen=True):
    """What one unit costs from which day on. `steps`: (first local day, price), the oldest first.

    The first day "" is before all others. `currency`: of the prices.
    """

    steps: tuple[tuple[str, Decimal], ...] = ()
    currency: str = DOLLAR

    def __bool__(self) -> bool:
        return bool(self.steps)

    def on(self, day: str) -> Decimal | None:
        """The price of a local day ("2026-11-25"), "" for one that is not known; None where there is none."""
        if not day and len(self.steps) > 1:
            return None
        return next((price for since, price in reversed(self.steps) if since <= day), None)

    def at(self, at_ms: int | None) -> Decimal | None:
        """The price of the local day of a time."""
        try:
            return self.on("" if at_ms is None else local_time(at_ms).date().isoformat()) if self else None
        except (OverflowError, OSError, ValueError):
            return self.on("")

    def over(self, first_ms: int | None, last_ms: int | None) -> Decimal | None:
        """The price of all days from one time to another; None where it changed between them."""
        first, last = self.at(first_ms), self.at(last_ms)
        return first if first == last else None

    def spans(self) -> Iterator[tuple[str, str, Decimal]]:
        """Each price with its first day and that of the next one; "" without one."""
        ends = [since for since, _ in self.steps[1:]] + [""]
        yield from ((since, end, price) for (since, price), end in zip(self.steps, ends, strict=True))

    def cost(self, parts: Iterable[tuple[int | None, Decimal | None]]) -> Decimal | None:
        """What amounts cost, each at the price of its time; None if one has no price, or there are none."""
        total: Decimal | None = None
        for at_ms, amount in parts:
            if amount is None:
                continue
            price = self.at(at_ms) if amount else Decimal(0)
            if price is None:
                return None
            total = EXACT.add(total or Decimal(0), EXACT.multiply(amount, price))
        return total

    @property
    def text(self) -> str:
        """As it is written in the config file: "0.01, 0.012 from 2026-07-01"; "" for none."""
        unit = "" if self.currency == DOLLAR else f" {self.currency}"
        return ", ".join(
            f"{decimal_text(price)}{unit}{f' from {since}' if since else ''}" for since, price in self.steps
        )


NO_PRICES: Final = Prices()
_STEP: Final = re.compile(r"(\S{1,30})(?: ([A-Za-z]{3}))?(?: from ([0-9]{4}-[0-9]{2}-[0-9]{2}))?", re.ASCII)


def prices_in(text: str, read: Callable[[str], Decimal], *, of_dollar: bool = False) -> Prices:
    """The prices in a text such as "0.01, 0.012 from 2026-07-01"; `of_dollar`: "0.92 EUR, 0.95 EUR from …".

    `read`: reads an amount.

    Raises:
        ValueError: its text is for people.
    """
    steps: dict[str, Decimal] = {}
    currencies: set[str] = set()
    for part in text.split(","):
        match = _STEP.fullmatch(" ".join(part.split()))
        if match is None:
            example = "0.92 EUR" if of_dollar else "0.01"
            forms = f"use {example}, or {example} from 2026-07-01"
            raise ValueError(f"{part.strip()[:40]!r} is not a price ({forms})")
        since = match[3] or ""
        try:
            date.fromisoformat(since or "2026-07-01")
        except ValueError:
            raise ValueError(f"{since} is not a day") from None
        if since in steps:
            raise ValueError(f"two prices begin {f'on {since}' if since else 'without a day'}")
        steps[since] = read(match[1])
        currencies.add((match[2] or DOLLAR).upper())
    if len(currencies) > 1 or (currencies == {DOLLAR}) is of_dollar:
        raise ValueError(
            "each rate needs the same currency, such as 0.92 EUR" if of_dollar else "the prices are in USD"
        )
    return Prices(tuple(sorted(steps.items())), currencies.pop())
