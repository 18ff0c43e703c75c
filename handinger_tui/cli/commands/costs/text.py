"""Costs for people: a table with bars, the shares, and what the figures mean. Reads without color."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.commands.costs.query import midnight
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.cli.output import put
from handinger_tui.cli.text_table import GAP, Column, cells_of, clip, fitting, in_line, lines_of, pad
from handinger_tui.core.charts.data import SIMULATED, percent_text, shares
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.formatting import middle_cut, number, plural
from handinger_tui.core.money.amounts import EXACT, Total, credits_text, credits_words, usd_text
from handinger_tui.core.money.forecast import WINDOW, daily, forecast, forecast_text
from handinger_tui.core.money.limits import Limit, Scope, spent_text
from handinger_tui.core.money.reconciliation import reconcile, reconciliation_text
from handinger_tui.core.money.spending import Bucket, GroupBy
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.ledger.cost_rows import COLUMNS, CostRows
from handinger_tui.ledger.rows import Row, unpack

if TYPE_CHECKING:
    from handinger_tui.cli.commands.costs.query import CostsQuery, CostsResult


def remarks(book: CostRows, asked: CostsQuery) -> list[str]:
    """Those that fit what is asked; each may have two lines."""
    which, told = asked.which, []
    if asked.by is GroupBy.DAY and asked.until is None:
        told.append(forecast_line(book, asked))
    session = book.newest_session(which.worker_id) if which.worker_id else None
    if session is not None:
        reconciled = reconciliation_text(reconcile(session))
        told.append(f"Session {session.session_id}, the newest of this worker: {reconciled}")
    if session is None and which.session_id is not None:
        session = book.session(which.session_id)
    told.append(limits_line(book, asked, session))
    return [text for text in told if text]


def forecast_line(book: CostRows, asked: CostsQuery) -> str:
    """What the month comes to, and how that is known."""
    today = midnight(asked.now.date())
    first = min(midnight(today.date().replace(day=1)), midnight(today.date() - timedelta(days=WINDOW)))
    which = replace(asked.which, since_ms=round(first.timestamp() * 1000), until_ms=None)
    found = forecast(daily(book.buckets(GroupBy.DAY, which)), today.date(), _share_of(asked.now, today))
    text = forecast_text(found)
    return text if text == found.method else f"Forecast: {text}.\n{found.method}"


def _share_of(now: datetime, today: datetime) -> Decimal:
    tomorrow = midnight(today.date() + timedelta(days=1))
    return Decimal(int((now - today).total_seconds())) / Decimal(int((tomorrow - today).total_seconds()))


def limits_line(book: CostRows, asked: CostsQuery, session: Session | None) -> str:
    """The limit of the day, and those of the session or worker that is asked for; "" where there is none."""
    scopes = {Scope.DAY}
    scopes |= {Scope.SESSION} if asked.which.session_id else set()
    scopes |= {Scope.WORKER} if asked.which.worker_id else set()
    since_ms = round(midnight(asked.now.date()).timestamp() * 1000)
    gauges = book.gauges(session, _configured(), since_ms, simulated=asked.simulated)
    told = [
        f"{gauge.limit.scope.capitalize()} limit: {spent_text(gauge)}."
        for gauge in gauges
        if gauge.limit.scope in scopes
    ]
    return "\n".join(told)


def _configured() -> tuple[Limit, ...]:
    try:
        return settings_for(argparse.Namespace()).spending
    except SettingsError:
        # Whoever only looks at the past is not stopped by it; the next turn tells what is wrong.
        return ()


PAGE: Final = 500
"""Turns that share one set of widths."""


def put_turns(book: CostRows, asked: CostsQuery, whole: Bucket, width: int) -> None:
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


_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_LEAST_BAR: Final = 10


def put_text(book: CostRows, asked: CostsQuery, found: CostsResult) -> None:
    """Print everything that is told about `asked`."""
    if not found.whole.turns:
        put(_nothing(asked))
        return
    width = columns()
    put(heading(asked) + (f"\n{SIMULATED}" if asked.simulated else "") + "\n")
    if asked.by is GroupBy.TURN:
        from handinger_tui.cli.commands.costs.text import put_turns  # noqa: PLC0415 - only turn by turn

        put_turns(book, asked, found.whole, width)
    else:
        put(table(found.groups, found.whole, asked.by, width))
    for block in (gaps_line(found.whole), share_lines(found.whole, width), *remarks(book, asked)):
        if block:
            put("\n" + "\n".join(_wrapped(line, width) for line in block.split("\n")))


def _wrapped(line: str, width: int) -> str:
    # Indented lines are tables, which fit already.
    return line if line.startswith(" ") else textwrap.fill(line, width, break_on_hyphens=False)


def columns() -> int:
    """The width of the terminal, 80 when there is none."""
    return max(30, shutil.get_terminal_size((80, 24)).columns) if sys.stdout.isatty() else 80


def heading(asked: CostsQuery) -> str:
    """The first line: "Costs by day · since 7d · worker wrk_1"."""
    which = asked.which
    pieces = [
        f"Costs by {asked.by}",
        f"since {asked.since}" if asked.since else "",
        f"until {asked.until}" if asked.until else "",
        f"worker {which.worker_id}" if which.worker_id else "",
        f"session {which.session_id}" if which.session_id else "",
        f"budget {which.budget}" if which.budget else "",
        "simulated" if asked.simulated else "",
    ]
    return " · ".join(clean_line(piece) for piece in pieces if piece)


def _nothing(asked: CostsQuery) -> str:
    filtered = any(
        (asked.since, asked.until, asked.which.worker_id, asked.which.session_id, asked.which.budget)
    )
    what = "simulated costs" if asked.simulated else "costs"
    if filtered:
        return f"No {what} in this selection."
    return f"No {what} yet. They are kept from the first turn on: handinger-tui"


# -- the table ---------------------------------------------------------------------------
def table(groups: Sequence[Bucket], whole: Bucket, by: GroupBy, width: int) -> str:
    """One line per group and one for all, with bars beside them, or below where there is no room."""
    most = max((bucket.usd.known or Decimal(0) for bucket in groups), default=Decimal(0))
    titled = [f"{key_of(bucket)}  {clean_line(bucket.title)}".rstrip() for bucket in groups]
    longest = max(12, width // 2)
    keys = [clip(middle_cut(key_of(bucket), longest), longest) for bucket in groups]
    for names in (titled, keys):
        lines = lines_of(_columns(names, groups, whole, by))
        room = width - cells_of(lines[0]) - len(GAP)
        if room >= _LEAST_BAR:
            drawn = ["", *(bar(bucket, most, room) for bucket in groups), ""]
            return "\n".join(f"{line}{GAP}{mark}".rstrip() for line, mark in zip(lines, drawn, strict=True))
    lines = lines_of(fitting(_columns(keys, groups, whole, by), width))
    names = [clip(clean_line(bucket.title), longest) or key for bucket, key in zip(groups, keys, strict=True)]
    beside = max(map(cells_of, names))
    room = width - beside - len(GAP)
    drawn = [f"{pad(name, beside)}{GAP}{bar(b, most, room)}" for name, b in zip(names, groups, strict=True)]
    return "\n".join([*lines, "", *(line.rstrip() for line in drawn)])


def _columns(names: Sequence[str], groups: Sequence[Bucket], whole: Bucket, by: GroupBy) -> list[Column]:
    every = [*groups, whole]
    return [
        Column(str(by), [*names, "total"], left=True),
        Column("turns", [number(bucket.turns) for bucket in every]),
        Column("cost", _amounts(every, "usd", usd_text)),
        Column("credits", _amounts(every, "credits", credits_text), spare=2),
        Column("tokens", _amounts(every, "tokens", _count), spare=3),
        Column("incomplete", [incomplete_text(bucket) for bucket in every], spare=1),
    ]


def _amounts(every: Sequence[Bucket], member: str, write: Callable[[Decimal | None], str]) -> list[str]:
    return in_line([amount_text(bucket.total(member), write) for bucket in every])


def key_of(bucket: Bucket) -> str:
    """What a group is called."""
    return clean_line(bucket.key) or "not known"


def amount_text(amount: Total, write: Callable[[Decimal | None], str]) -> str:
    """One figure: "$1.23", "$1.23 +2" with two turns missing, "not reported"."""
    told = write(amount.value)
    return told if amount.value is None or amount.whole else f"{told} +{amount.missing_turns:,}"


def _count(value: Decimal | None) -> str:
    return number(None if value is None else int(value))


def incomplete_text(bucket: Bucket) -> str:
    """With its share of the turns: "2 (17 %)"."""
    if not bucket.incomplete:
        return "0"
    return f"{bucket.incomplete:,} ({percent_text(EXACT.divide(bucket.incomplete, bucket.turns))})"


def bar(bucket: Bucket, most: Decimal, room: int) -> str:
    """A bar of at most `room` cells; "▒" stands for turns whose cost is not known."""
    gap = "▒" if bucket.usd.gaps else ""
    known = bucket.usd.known
    if not known or most <= 0 or known < 0:
        return gap
    eighths = max(1, int(EXACT.divide(EXACT.multiply(known, Decimal(8 * (room - 1))), most)))
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "") + gap


# -- below it ----------------------------------------------------------------------------
def gaps_line(whole: Bucket) -> str:
    """What "+n" means, where it stands somewhere."""
    gaps = max(whole.usd.gaps, whole.credits.gaps, whole.tokens.gaps)
    if not gaps:
        return ""
    told = plural(whole.usd.gaps, "turn")
    return (
        f"+n: n turns not fully reported, whose amount comes on top. Cost of {told} missing."
        if whole.usd.gaps
        else "+n: n turns not fully reported, whose amount comes on top."
    )


def share_lines(whole: Bucket, width: int) -> str:
    """The four categories, each with a bar, a percentage and an amount."""
    found = shares(whole)
    if not any(share.usd is not None for share in found):
        return "Share by category: not reported."
    amounts = in_line([amount_text(Total(share.usd, share.gaps), usd_text) for share in found])
    texts = [
        (share.name, percent_text(share.part), amount) for share, amount in zip(found, amounts, strict=True)
    ]
    beside = [max(len(row[at]) for row in texts) for at in range(3)]
    room = max(4, min(40, width - sum(beside) - 8))
    lines = []
    for share, (name, percent, usd) in zip(found, texts, strict=True):
        length = round((share.part or Decimal(0)) * room)
        mark = ("░" if share.name == "not split" else "█") * max(length, 1 if share.part else 0)
        lines.append(f"  {name:<{beside[0]}}  {percent:>{beside[1]}}  {usd:>{beside[2]}}  {mark}".rstrip())
    return "\n".join(["Share by category:", *lines])
