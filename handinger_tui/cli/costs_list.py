"""Turn by turn for people: one line each, the newest first, in pages so that any number can be printed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.columns import Column, clip, fitting, in_line, lines_of
from handinger_tui.cli.costs_text import amount_text
from handinger_tui.cli.output import put
from handinger_tui.core.money import Total, credits_text, credits_words, usd_text
from handinger_tui.core.safety import clean_line
from handinger_tui.core.spending import Bucket
from handinger_tui.core.words import number, plural
from handinger_tui.ledger.costs_rows import COLUMNS, Book
from handinger_tui.ledger.rows import Row, unpack

if TYPE_CHECKING:
    from handinger_tui.cli.costs import Asked

PAGE: Final = 500
"""Turns that share one set of widths."""


def put_turns(book: Book, asked: Asked, whole: Bucket, width: int) -> None:
    """A table of turns, and their total. A turn that was not known to its end wears "+"."""
    titles = book.titles()
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in book.rows(asked.which))
    for page in _pages(rows):
        listed = fitting(
            [
                Column("when", [when(row["at_ms"]) for row in page], left=True),
                Column("cost", in_line([amount(row, "usd_pico", 12, 0) for row in page])),
                Column("credits", in_line([amount(row, "micro_credits", 6, 1) for row in page]), spare=3),
                Column("tokens", [number(row["total_tokens"]) for row in page], spare=4),
                Column("status", [_text(row["status"]) for row in page], left=True),
                Column("budget", [_text(row["budget"]) or "not set" for row in page], left=True, spare=2),
                Column("turn", [_text(row["turn_id"]) for row in page], left=True, spare=1),
                Column(
                    "", [clip(clean_line(titles.get(row["session_id"], "")), 30) for row in page], True, 5
                ),
            ],
            width,
        )
        put("\n".join(line.rstrip() for line in lines_of(listed)))
    for line in textwrap.wrap(f"total: {' · '.join(_total(whole))}", width, break_on_hyphens=False):
        put(line)


def _total(whole: Bucket) -> list[str]:
    cost, credited = whole.total("usd"), whole.total("credits")
    usd = amount_text(cost, usd_text)
    pieces = [plural(whole.turns, "turn"), usd if cost.value is not None else f"cost {usd}"]
    return [*pieces, amount_text(credited, credits_words)] if credited.value is not None else pieces


def _pages(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while page := list(islice(rows, PAGE)):
        yield page


def when(at_ms: int) -> str:
    """Local time, to the minute; a time beyond the calendar as it is stored."""
    try:
        moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return str(at_ms)
    return moment.strftime("%Y-%m-%d %H:%M")


def amount(row: Row, name: str, places: int, bit: int) -> str:
    """One amount; "+1" where it is only what was known before the end."""
    stored = row[name]
    write = usd_text if places == 12 else credits_text
    value = None if stored is None else Decimal(stored).scaleb(-places)
    return amount_text(Total(value, 1 - (row["told"] >> bit & 1)), write)


def _text(stored: str | bytes | None) -> str:
    return "" if stored is None else clean_line(unpack(stored), 80)
