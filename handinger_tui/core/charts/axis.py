"""Axis: round numbers beside a chart, and short amounts for tight places. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from handinger_tui.core.money import usd_text

_UNITS: Final = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"))


def ticks(most: Decimal, wanted: int = 4) -> list[Decimal]:
    """Round amounts from 0 to at least `most`, about `wanted` steps apart."""
    if most <= 0:
        return [Decimal(0), Decimal(1)]
    rough = most / wanted
    scale = Decimal(1).scaleb(rough.adjusted())
    step = next((scale * factor for factor in (1, 2, 5, 10) if scale * factor >= rough), scale * 10)
    found = [Decimal(0)]
    while found[-1] < most:
        found.append(found[-1] + step)
    return found


def tick_text(value: Decimal, step: Decimal) -> str:
    """As many decimals as the steps need: "$0.05", "$20"."""
    short = _large(value)
    if short:
        return short
    places = max(0, -step.normalize().adjusted())
    if places == 1:
        places = 2
    if places > 9:
        return f"${value:.0E}" if value else "$0"
    return f"${value:,.{places}f}"


def short_usd(value: Decimal) -> str:
    """At a bar: "$12.35", "$0.0123", "$3.4M"."""
    short = _large(value)
    if short:
        return short
    return f"${value:,.2f}" if value >= 1 else usd_text(value)


def _large(value: Decimal) -> str:
    if value >= Decimal(10) ** 16:
        return f"${value:.1E}"
    unit = next(((size, letter) for size, letter in _UNITS if value >= size), None)
    return f"${value / unit[0]:,.1f}{unit[1]}" if unit else ""
