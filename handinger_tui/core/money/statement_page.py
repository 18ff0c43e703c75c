"""The page of a statement, to be printed. It runs and loads nothing."""

from __future__ import annotations

import re
from decimal import Decimal
from html import escape
from itertools import repeat
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.amounts import (
    Unit,
    amount_text,
    currency_words,
    exact_text,
    in_currency,
    price_words,
)
from handinger_tui.core.columns import aligned
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.formatting import local_time, plural
from handinger_tui.core.money.amount_state import AmountState
from handinger_tui.core.money.journal import JournalEntry
from handinger_tui.core.money.spending import account_name
from handinger_tui.core.safety import clean_line, html_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from handinger_tui.core.prices import Prices

ZERO: Final = Decimal(0)


class Statement(Struct, frozen=True):
    """A closed month. `entries`: what is booked in it, in order; `late`: those about months closed before.

    `hash`: of all entries and what they rest on.
    """

    month: str
    at_ms: int
    entries: tuple[JournalEntry, ...]
    late: tuple[JournalEntry, ...]
    usd: Decimal
    credits: Decimal
    hash: str


def page(statement: Statement, prices: Prices, currency: Prices) -> str:
    """The HTML document. `prices`: of a credit; `currency`: the rates of a dollar."""
    credited = [(one.counted_ms, _amount(one.credits)) for one in statement.entries]
    priced = prices.cost(credited)
    # Where an amount in USD is reported, credits are not counted a second time.
    if statement.usd or priced is None:
        in_usd = ((one.counted_ms, _amount(one.cost_usd)) for one in statement.entries)
        exchanged = in_currency(in_usd, currency)
    else:
        exchanged = in_currency(credited, currency, prices)
    newest = {entry.turn_id: entry for entry in statement.entries if entry.turn_id is not None}
    unsettled = sum(entry.state != AmountState.SETTLED for entry in newest.values())
    groups: tuple[tuple[str, Callable[[JournalEntry], str]], ...] = (
        ("Account", lambda one: account_name(one.profile or "", one.host or "")),
        ("Project", lambda one: one.project or "(no project)"),
        ("Worker", lambda one: one.worker_id or "no worker"),
    )
    notes = [
        f"{plural(unsettled, 'turn')} not settled when the month was closed: what becomes known later is a"
        " correction in a later statement."
        if unsettled
        else "",
        f"{plural(len(statement.late), 'entry', 'entries')} about months that were closed before."
        if statement.late
        else "",
        f"At your price of a credit ({prices.text}), the credits are {price_words(priced)}."
        if priced and not statement.usd
        else "",
        f"In your currency: {currency_words(exchanged, currency.currency)} (a dollar is {currency.text})."
        if exchanged
        else "",
    ]
    main = f"""<h1>Statement {escape(statement.month)}</h1>
<p>Closed on {local_time(statement.at_ms):%Y-%m-%d %H:%M %Z}. {plural(len(newest), "turn")},
{plural(len(statement.entries), "entry", "entries")}.</p>
<p class="total">{_both(statement.usd, statement.credits)}</p>
{"".join(f"<p>{escape(note)}</p>" for note in notes if note)}
{"".join(_groups(title, statement.entries, name) for title, name in groups)}
{_entries("Corrections of closed months", statement.late)}
{_entries("Entries", statement.entries)}
<p class="hash">SHA-256 of all entries and the readings they rest on: {escape(statement.hash)}</p>
<p>To check: python3 check.py, in the folder of this page.</p>"""
    return html_page(f"Statement {statement.month}", _STYLE, main, "img-src data:")


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _both(usd: Decimal, credit: Decimal) -> str:
    parts = [exact_text(usd, Unit.USD)] if usd or not credit else []
    return escape(" · ".join([*parts, *([amount_text(credit, Unit.CREDITS)] if credit else [])]))


def _groups(title: str, entries: Iterable[JournalEntry], name: Callable[[JournalEntry], str]) -> str:
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for one in entries:
        usd, credit = sums.get(name(one), (ZERO, ZERO))
        sums[name(one)] = (
            EXACT.add(usd, Decimal(one.cost_usd or 0)),
            EXACT.add(credit, Decimal(one.credits or 0)),
        )
    names = sorted(sums)
    amounts = aligned([_both(*sums[name]) for name in names])
    rows = zip(map(clean_line, names), amounts, strict=True)
    cells = "".join(f"<tr><td>{escape(name)}</td><td class=n>{amount}</td></tr>" for name, amount in rows)
    head = f"<tr><th>{title}</th><th class=n>Amount</th></tr>"
    return f"<table class=group><thead>{head}</thead><tbody>{cells}</tbody></table>"


_HEADS: Final = ("No.", "Time", "Turn", "Change", "Reason", "State")


def _entries(title: str, entries: Sequence[JournalEntry]) -> str:
    """A table of the entries that change an amount; "" for none."""
    changes = [one for one in entries if any(Decimal(text or 0) for text in (one.cost_usd, one.credits))]
    if not changes:
        return ""
    amounts = aligned([_change(one) for one in changes])
    cells = (_cells(one, amount) for one, amount in zip(changes, amounts, strict=True))
    rows = "".join(f"<tr>{''.join(map(_cell, _HEADS, row))}</tr>" for row in cells)
    heads = "".join(map(_cell, _HEADS, _HEADS, repeat("th")))
    return f"<h2>{title}</h2><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(head: str, text: str, tag: str = "td") -> str:
    of = {"No.": " class=n", "Change": " class=n", "Time": " class=w"}.get(head, "")
    return f"<{tag}{of}>{escape(text)}</{tag}>"


def _change(entry: JournalEntry) -> str:
    amounts = [(entry.cost_usd, Unit.USD), (entry.credits, Unit.CREDITS)]
    return " · ".join(exact_text(Decimal(text), unit) for text, unit in amounts if text not in (None, "0"))


def _cells(entry: JournalEntry, change: str) -> tuple[str, ...]:
    name = entry.turn_id or f"unassigned {entry.unassigned}"
    time = _MILLIS.sub(" ", (entry.time or str(entry.at_ms)).replace("T", " "))
    return (str(entry.number), clean_line(time), clean_line(name, 80), change, entry.reason, entry.state)


_MILLIS: Final = re.compile(r"\.\d+")


_STYLE: Final = """
body{margin:0;color:#111;background:#fff;font:14px/1.45 system-ui,sans-serif}
main{max-width:1000px;margin:0 auto;padding:32px}
.total{font-size:28px;font-weight:600}.hash{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;margin:20px 0;font-variant-numeric:tabular-nums}
th,td{padding:4px 8px;text-align:left;border-bottom:1px solid #ccc;overflow-wrap:anywhere}
.n,.w{white-space:pre}.n{text-align:right}td.n{font-family:ui-monospace,monospace}
@media print{main{padding:0;max-width:none}table{font-size:9.5px;margin:10px 0}th,td{padding:2px 6px}
thead{display:table-header-group}tr,.group{break-inside:avoid}h2{break-after:avoid}
body{font-size:12px}}
@page{margin:15mm;@bottom-right{content:counter(page) " / " counter(pages);font:9px sans-serif}}
"""
