"""Drawing: a figure in few cells, one stacked bar, one sparkline. Pure; readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from handinger_tui.core.money import credits_text, tidy, usd_text
from handinger_tui.core.words import NOT_REPORTED, PENDING, duration, number
from handinger_tui.ui.panels.figures import Figure
from handinger_tui.ui.panels.members import Amount

SIGNS: Final = {"—": NOT_REPORTED, "…": PENDING}
"""Stand for the words where these do not fit; the panel says so below."""
BLOCKS: Final = ("█", "▓", "▒", "░")
"""One for each cost category, told apart by their density."""
REST: Final = "·"
"""The part of a bar, or the turn of a sparkline, that nobody reported."""
USED, LEFT, FULL = "━", "┄", 100
STEPS: Final = "▁▂▃▄▅▆▇█"
_SHORT: Final = tuple(
    (Decimal(10) ** power, unit) for power, unit in ((12, "T"), (9, "G"), (6, "M"), (3, "k"))
)


def usd(value: Amount, width: int) -> str:
    """US dollars in at most `width` cells: fewer digits where there is no room, but never a false zero."""
    amount = Decimal(value)
    text = usd_text(amount)
    if len(text) <= width:
        return text
    if amount >= 1000:
        return short(amount, width, "$")
    for places in range(15, 1, -1):
        rounded = round(amount, places)
        text = f"${rounded:,.{places}f}"
        if len(text) <= width and rounded:
            return text
    return f"${amount:,.0f}" if amount >= 1 else "<$0.01" if width > 5 else "<$.01"


def seconds(value: Amount, width: int) -> str:
    """A duration that a clock counts: whole seconds without decimals, else as `milliseconds`."""
    whole = int(value)
    return f"{whole // 1000} s" if whole % 1000 == 0 and whole < 60_000 else milliseconds(value, width)


def rough_usd(value: Amount, width: int) -> str:
    """US dollars of an estimate: two digits tell as much as it knows."""
    return usd(_rough(value), width)


def rough_credits(value: Amount, width: int) -> str:
    """Credits of an estimate."""
    return credits_short(_rough(value), width)


def _rough(value: Amount) -> Decimal:
    amount = Decimal(value)
    return round(amount, 1 - amount.adjusted()) if amount else amount


def decimals(text: str) -> int:
    """How many digits stand behind the point; 0 for "$1.2k"."""
    behind = text.partition(".")[2]
    return len(behind) if behind.isdigit() else 0


def even(text: str, places: int, width: int) -> str:
    """An amount with zeros added up to `places` decimals, as far as there is room."""
    if text.startswith("<") or not decimals(text):
        return text
    return text + "0" * min(places - decimals(text), width - len(text))


def credits_short(value: Amount, width: int) -> str:
    """Credits in at most `width` cells."""
    text = credits_text(Decimal(value))
    return text if len(text) <= width else short(Decimal(value), width, "")


def count(value: Amount, width: int) -> str:
    """A count in at most `width` cells: "1,234,567", "1.23M"."""
    text = number(int(value))
    return text if len(text) <= width else short(Decimal(value), width, "")


def milliseconds(value: Amount, width: int) -> str:
    """A duration in at most `width` cells: "1 m 35 s", "1m35s"; days without the rest."""
    text = duration(int(value))
    if len(text) > width:
        text = text.replace(" ", "")
    return text if len(text) <= width else short(Decimal(value) / 86_400_000, max(2, width - 1), "") + "d"


def short(value: Decimal, width: int, sign: str) -> str:
    """In at most `width` cells where it can be: "1.23M", "$12.3k"; beyond every unit "1e+45"."""
    for size, unit in _SHORT:
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


def unknown(figure: Figure, width: int) -> str:
    """The word for a figure without a value."""
    word = PENDING if figure.pending else NOT_REPORTED
    return word if width >= len(word) else next(sign for sign, full in SIGNS.items() if full == word)


def bar(parts: Sequence[Amount | None], total: Amount | None, width: int) -> list[tuple[int, int]]:
    """A stacked bar as (category, cells); category -1 is the rest that nobody split up.

    Whatever cost something gets a cell. Empty when nothing is known or nothing was spent.
    """
    known = [Decimal(part) if part is not None else Decimal(0) for part in parts]
    whole = max(Decimal(total if total is not None else 0), sum(known, Decimal(0)))
    shares = [*known, whole - sum(known, Decimal(0))]
    if whole <= 0 or all(part is None for part in parts):
        return []
    exact = [share * width / whole for share in shares]
    cells = [max(1, int(share)) if share > 0 else 0 for share in exact]
    while sum(cells) < width:
        cells[max(range(len(cells)), key=lambda at: exact[at] - cells[at])] += 1
    while sum(cells) > width:
        cells[max(range(len(cells)), key=lambda at: cells[at] - exact[at] if cells[at] > 1 else -width)] -= 1
    return [(at if at < len(parts) else -1, cell) for at, cell in enumerate(cells) if cell]


def level(percent: int | None, width: int) -> str:
    """How far a limit is used up: heavy where it is, light where not, points where nobody knows.

    One percent shows already, and only a limit that is reached is full.
    """
    if percent is None:
        return REST * width
    filled = min(max(percent * width // 100, int(percent > 0)), width - int(percent < FULL))
    return USED * filled + LEFT * (width - filled)


def sparkline(values: Sequence[Decimal | None], width: int) -> str:
    """One character for each of the newest values; what is not known is `REST`, never the lowest step."""
    newest = [tidy(value) for value in values[-width:]] if width > 0 else []
    highest = max((value for value in newest if value is not None), default=Decimal(0))
    return "".join(REST if value is None else _step(value, highest) for value in newest)


def _step(value: Decimal, highest: Decimal) -> str:
    if value <= 0 or highest <= 0:
        return STEPS[0]
    return STEPS[1 + int(value / highest * (len(STEPS) - 2))]
