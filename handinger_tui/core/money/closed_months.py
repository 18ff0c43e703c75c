"""What became known of a month after a statement had closed it, and where those corrections stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby

from msgspec import Struct

from handinger_tui.core.amounts import Unit, exact_text, total
from handinger_tui.core.decimals import decimal_text
from handinger_tui.core.documents import Amount, Part
from handinger_tui.core.formatting import plural


class Booked(Struct, frozen=True, order=True):
    """The month in which an entry stands. `is_closed`: by a statement, so that it stands there for good."""

    month: str
    is_closed: bool


class LateEntry(Struct, frozen=True):
    """An entry about a month that was closed before: it changes an amount by `usd` and `credits`.

    `turn_id` None: it is about a cost that is not assigned to a turn. `counted_ms`: when its turn was sent.
    """

    month: str
    booked: Booked
    counted_ms: int
    turn_id: str | None
    worker_id: str | None
    base_url: str
    usd: Decimal | None
    credits: Decimal | None


class LateCorrection(Part, frozen=True):
    """What was entered about a closed month, and the month in which it is booked."""

    month: str
    booked_in: str
    is_closed: bool
    """Whether a statement closed that one, too."""
    cost_usd: Amount
    credits: Amount
    entries: int


def _summed(entries: Iterable[LateEntry]) -> Iterator[tuple[str, Booked, Decimal, Decimal, int]]:
    """The sums of each closed month and the month in which they are booked."""

    def key(entry: LateEntry) -> tuple[str, Booked]:
        return entry.month, entry.booked

    for (month, booked), group in groupby(sorted(entries, key=key), key):
        own = [*group]
        usd, credited = (total(getattr(one, unit) or Decimal(0) for one in own).value for unit in Unit)
        yield month, booked, usd or Decimal(0), credited or Decimal(0), len(own)


def late_corrections(entries: Iterable[LateEntry]) -> list[LateCorrection]:
    """The sums as they stand in JSON."""
    return [
        LateCorrection(
            month, booked.month, booked.is_closed, decimal_text(usd), decimal_text(credited), count
        )
        for month, booked, usd, credited, count in _summed(entries)
    ]


def late_text(entries: Iterable[LateEntry]) -> str:
    """A sentence for each closed month and place of its corrections; "" for none."""
    return "\n".join(
        f"{month} was closed by a statement. Known since then: {_change(usd, credited)}"
        f" ({plural(count, 'entry', 'entries')}), a correction in the statement of"
        f" {booked.month}{'' if booked.is_closed else ', which is not made yet'}."
        for month, booked, usd, credited, count in _summed(entries)
    )


def _change(usd: Decimal, credited: Decimal) -> str:
    """Both differences with their signs: "+$0.25", "-$0.25 and +3 credits"."""
    pairs = [(usd, Unit.USD), (credited, Unit.CREDITS)]
    changes = [f"{'-' if one < 0 else '+'}{exact_text(abs(one), unit)}" for one, unit in pairs if one]
    return " and ".join(changes) or "no other sum"
