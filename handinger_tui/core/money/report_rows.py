"""The rows of a report: the tables that the Spending page and the text of `costs` draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit, amount_text, count_within, legend
from handinger_tui.core.columns import NO_VALUE, Align, Column, Layout, Row, Tone
from handinger_tui.core.formatting import day_text, duration, local_time, number, plural, spaced
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.money.reconciliation import UNASSIGNED
from handinger_tui.core.money.report import Overview, Report
from handinger_tui.core.money.spending import (
    NO_KNOWN_DAY,
    TIME_GROUPS,
    Bucket,
    GroupBy,
    Rise,
    TurnCharge,
    empty_key_name,
)
from handinger_tui.core.periods import month_days, week_days, week_name
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import NO_DAY, TurnStatus

INCOMPLETE: Final = "Failed or incomplete"
MOST_LISTED: Final = 5
"""So many projects and so many workers are in the overview."""
_LONGEST_NAME: Final = 200
"""Characters of the name of a row."""
_LONGEST_COUNT: Final = 9
_PERIODS: Final = MappingProxyType({Scope.DAY: "Today", Scope.WEEK: "This week", Scope.MONTH: "This month"})
_STATUS: Final = MappingProxyType({TurnStatus.ACCEPTED: "working", TurnStatus.RUNNING: "was running"})

_COST: Final = Column("Cost", Align.POINT, style=Tone.STRONG)
_UNKNOWN: Final = Column("Unknown", Align.RIGHT, rank=2, style=Tone.FAINT)
_CREDITS: Final = Column("Credits", Align.POINT, rank=3)
_BAR: Final = Column("", Align.BAR, rank=8, style=Tone.BAR, least=12)
OVERVIEW_COLUMNS: Final = (
    Column(least=14, ids=True),
    _COST,
    _UNKNOWN,
    Column("Limit", Align.POINT, rank=1),
    Column("Left", Align.POINT),
    Column("Turns", Align.RIGHT, rank=4, style=Tone.FAINT),
    _BAR,
)
TURN_COLUMNS: Final = (
    Column("When"),
    Column("Message", least=12),
    Column("Session", rank=5, least=10, style=Tone.FAINT),
    Column("Status", rank=2),
    Column("Budget", rank=4, style=Tone.FAINT),
    Column("Trigger", rank=6, style=Tone.FAINT),
    Column("Steps", Align.RIGHT, rank=7, style=Tone.FAINT),
    Column("Tokens", Align.RIGHT, rank=6, style=Tone.FAINT),
    Column("Time", Align.RIGHT, rank=5, style=Tone.FAINT),
    Column("Credits", Align.POINT, rank=1),
    _COST,
)


def used_columns(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[Column, ...]:
    """The columns without heads where no row has a text, so that they take no room."""
    used = {at for row in rows for at, cell in enumerate(row.cells) if cell}
    return tuple(
        column if at in used or column.align is Align.BAR else replace(column, head="", least=0)
        for at, column in enumerate(columns)
    )


class Line(Struct, frozen=True):
    """A row, and what can be done with it.

    `key`: its own among all rows. `by`: the grouping whose filter selects its charges, None: no filter does.
    `name`: for titles. `session_id`: the session that it is about. `rises`: of a row of unassigned cost.
    `opens`: the grouping that has the rows which this one stands for.
    """

    row: Row
    key: str
    name: str
    by: GroupBy | None = None
    session_id: str | None = None
    rises: tuple[Rise, ...] = ()
    opens: GroupBy | None = None


# -- groups ------------------------------------------------------------------------------
def group_columns(by: GroupBy, kind: str = "worker", *, in_credits: bool = False) -> tuple[Column, ...]:
    """The columns of groups. `kind`: see `Session`; `in_credits`: the cost is reported in credits alone."""
    last = () if by in TIME_GROUPS else (Column("Last", rank=6, style=Tone.FAINT),)
    return (
        Column((kind if by is GroupBy.WORKER else str(by)).capitalize(), least=14, ids=by is GroupBy.WORKER),
        Column("Turns", Align.RIGHT),
        _COST,
        _UNKNOWN,
        replace(_CREDITS, rank=0, style=Tone.STRONG) if in_credits else _CREDITS,
        Column("Tokens", Align.POINT, rank=5, style=Tone.FAINT),
        Column(INCOMPLETE, Align.RIGHT, rank=7, style=Tone.FAINT),
        *last,
        _BAR,
    )


def _bar_of(bucket: Bucket, cells: Sequence[str], *, in_credits: bool = False) -> dict[int, Decimal]:
    """The value of the bar in the last column."""
    value = bucket.credits.value if in_credits else bucket.usd.value
    return {} if value is None else {len(cells) - 1: value}


def group_line(
    bucket: Bucket, by: GroupBy, year: int, kind: str = "worker", *, in_credits: bool = False
) -> Line:
    """The row of a group. Dates omit `year`, the present one; `kind`: see `Session`."""
    name = unassigned_name(bucket) if bucket.rises else row_name(by, bucket.key, bucket.title, year, kind)
    last = () if by in TIME_GROUPS else (day_of(bucket.last_ms, year),)
    cells = (name, *_sums(bucket, in_credits=in_credits), *last, "")
    briefs = {0: unassigned_name(bucket, "Unassigned")} if bucket.rises else {}
    row = Row(cells, values=_bar_of(bucket, cells, in_credits=in_credits), briefs=briefs)
    session = bucket.key if by is GroupBy.SESSION and not bucket.rises else None
    # The key of the worker belongs to the row of its turns.
    key = name if bucket.rises else bucket.key
    return Line(row, key, name, by, session, bucket.rises)


def _sums(bucket: Bucket, *, in_credits: bool) -> tuple[str, ...]:
    usd, credit, tokens = (bucket.total(member) for member in ("usd", "credits", "tokens"))
    missing = (credit if in_credits else usd).unknown_turns
    return (
        f"{bucket.turns:,}" if bucket.turns else "",
        "" if in_credits else usd.cell(),
        f"{missing:,}" if missing else "",
        credit.cell(Unit.CREDITS),
        NO_VALUE if tokens.value is None else count_within(tokens.value, _LONGEST_COUNT),
        f"{bucket.incomplete:,}" if bucket.incomplete else "",
    )


def unassigned_name(bucket: Bucket, words: str = UNASSIGNED) -> str:
    """The name of a row of suspense."""
    return f"{words} {clean_line(bucket.key, 40)}"


def row_name(by: GroupBy, key: str, title: str, year: int, kind: str = "worker") -> str:
    """The name of a row: cleaned, on one line, never empty. `year`, `kind`: see `group_line`."""
    match by:
        case GroupBy.DAY:
            try:
                day = date.fromisoformat(key)
            except ValueError:
                return clean_line(key, _LONGEST_NAME) or empty_key_name(by)
            return f"{day:%a} {day_text(day, year)}"
        case _ if not key and by in TIME_GROUPS:
            return empty_key_name(by)
        case GroupBy.WEEK:
            return " – ".join(day_text(day, year) for day in week_days(key))
        case GroupBy.MONTH:
            return f"{month_days(key)[0]:%B %Y}"
        case GroupBy.SESSION:
            return clean_line(title, _LONGEST_NAME) or f"deleted {clean_line(key, 40)}"
        case GroupBy.WORKER:
            return clean_line(key, _LONGEST_NAME) or f"no {kind}"
        case _:
            return clean_line(key, _LONGEST_NAME) or empty_key_name(by)


# -- for programs and pipes
def plain_turn_columns(*, in_credits: bool) -> tuple[Column, ...]:
    """The columns of turns under their ids. `in_credits`: the cost is reported in credits alone."""
    cost, credited = _COST, Column("Credits", Align.POINT)
    if in_credits:
        cost = replace(cost, rank=3)
    else:
        credited = replace(credited, rank=3)
    return (
        Column("When"),
        cost,
        credited,
        Column("Tokens", Align.RIGHT, rank=4),
        Column("Status"),
        Column("Budget", rank=2),
        Column("Turn", rank=1),
        Column("Message", rank=5, least=12),
    )


def plain_columns(by: GroupBy, *, in_credits: bool) -> tuple[Column, ...]:
    """The columns of groups under their keys, which other commands take."""
    key, *sums = group_columns(by, in_credits=in_credits)[:7]
    return (replace(key, ids=True), *sums, Column("Title", rank=1, least=12), _BAR)


def plain_row(bucket: Bucket, by: GroupBy, *, in_credits: bool) -> Row:
    """The row of a group under its key."""
    key = clean_line(bucket.key, _LONGEST_NAME) or empty_key_name(by)
    name, title = (unassigned_name(bucket), "") if bucket.rises else (key, bucket.title)
    cells = (name, *_sums(bucket, in_credits=in_credits), clean_line(title, _LONGEST_NAME), "")
    return Row(cells, values=_bar_of(bucket, cells, in_credits=in_credits))


def plain_turn_row(charge: TurnCharge) -> Row:
    """The row of a turn under its id."""
    return Row(
        (
            time_text(charge.at_ms),
            charge.total(Unit.USD).cell(),
            charge.total(Unit.CREDITS).cell(Unit.CREDITS),
            number(charge.usage.total_tokens),
            status_word(charge.status),
            clean_line(charge.budget or "not set", 20),
            clean_line(charge.turn_id, 80),
            clean_line(charge.prompt or charge.title, 80),
        )
    )


def time_text(at_ms: int) -> str:
    """A time as local time to the minute; a time outside the calendar as the stored number."""
    if at_ms == NO_DAY:
        return NO_KNOWN_DAY
    try:
        return f"{local_time(at_ms):%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return str(at_ms)


# -- turn by turn ------------------------------------------------------------------------
def turn_columns(*, in_credits: bool) -> tuple[Column, ...]:
    """The columns of turns. `in_credits`: the cost is reported in credits alone."""
    *others, credited, cost = TURN_COLUMNS
    if not in_credits:
        return TURN_COLUMNS
    return (*others, replace(credited, rank=0, style=Tone.STRONG), replace(cost, head=""))


def turn_line(charge: TurnCharge, year: int, *, in_credits: bool = False) -> Line:
    """The row of a turn. `year`: the present one."""
    when = NO_KNOWN_DAY if charge.at_ms == NO_DAY else moment_text(local_time(charge.at_ms), year)
    title = row_name(GroupBy.SESSION, charge.session_id, charge.title, year)
    cells = (
        when,
        clean_line(charge.prompt, _LONGEST_NAME) or title,
        title,
        status_word(charge.status),
        clean_line(charge.budget or "", 20),
        charge.trigger.value,
        "" if charge.usage.steps is None else number(charge.usage.steps),
        "" if charge.usage.total_tokens is None else count_within(charge.usage.total_tokens, _LONGEST_COUNT),
        "" if charge.elapsed_ms is None else duration(charge.elapsed_ms),
        charge.total(Unit.CREDITS).cell(Unit.CREDITS),
        "" if in_credits else charge.total(Unit.USD).cell(),
    )
    return Line(Row(cells), charge.turn_id, title, GroupBy.SESSION, charge.session_id)


def unassigned_turn_line(bucket: Bucket, year: int, *, in_credits: bool = False) -> Line:
    """The row of suspense among those of turns."""
    name = unassigned_name(bucket)
    when = "" if bucket.last_ms is None else moment_text(local_time(bucket.last_ms), year)
    empty = ("",) * (len(TURN_COLUMNS) - 4)
    cells = (
        when,
        name,
        *empty,
        bucket.total("credits").cell(Unit.CREDITS),
        "" if in_credits else bucket.total("usd").cell(),
    )
    return Line(Row(cells), name, name, rises=bucket.rises)


def status_word(status: TurnStatus) -> str:
    """The status of a turn in the past."""
    return _STATUS.get(status, spaced(status))


def moment_text(when: datetime, year: int) -> str:
    """The times of one year stand in line: "Nov 4  09:00", "Nov 14 09:00"."""
    return f"{day_text(when, year):6} {when:%H:%M}"


def day_of(at_ms: int | None, year: int) -> str:
    """The local day of a time; "" where it is unknown."""
    return "" if at_ms is None else day_text(local_time(at_ms), year)


# -- the overview ------------------------------------------------------------------------
def overview_lines(report: Report, kind: str = "worker") -> list[Line]:
    """The present day, week and month, each project and worker, and what is unassigned.

    `kind`: the word for a worker, see `Session`.
    """
    lines: list[Line] = []
    overview = report.overview
    if overview is None:
        return lines
    today = local_time(report.at_ms).date()
    keys = {
        Scope.DAY: (GroupBy.DAY, str(today)),
        Scope.WEEK: (GroupBy.WEEK, week_name(today)),
        Scope.MONTH: (GroupBy.MONTH, f"{today:%Y-%m}"),
    }
    for period in overview.periods:
        name = _PERIODS[period.scope]
        head = (name, *_spent(period.spent.usd, period.spent.credits), *_limit(period.gauges))
        by, key = keys[period.scope]
        lines.append(Line(Row((*head, f"{period.spent.turns:,}", "")), key, name, by))
    for by, buckets in ((GroupBy.PROJECT, overview.projects), (GroupBy.WORKER, overview.workers)):
        if by is GroupBy.PROJECT and not any(bucket.key for bucket in buckets):
            continue
        named_first = sorted(buckets, key=lambda bucket: not bucket.key)
        word = kind if by is GroupBy.WORKER else str(by)
        lines += [_overview_line(bucket, by, word, overview) for bucket in named_first[:MOST_LISTED]]
        if len(buckets) > MOST_LISTED:
            name = plural(len(buckets) - MOST_LISTED, f"more {word}")
            blank = ("",) * (len(OVERVIEW_COLUMNS) - 1)
            lines.append(Line(Row((name, *blank)), name, name, opens=by))
    for bucket in report.suspense:
        name = unassigned_name(bucket)
        cells = (name, *_spent(bucket.total("usd"), bucket.total("credits")), "", "", "", "")
        row = Row(cells, briefs={0: unassigned_name(bucket, "Unassigned")})
        lines.append(Line(row, name, name, rises=bucket.rises))
    return lines


def _overview_line(bucket: Bucket, by: GroupBy, word: str, overview: Overview) -> Line:
    name = row_name(by, bucket.key, bucket.title, 0, word)
    gauges = overview.project_gauges.get(bucket.key, ()) if by is GroupBy.PROJECT else ()
    spent = _spent(bucket.total("usd"), bucket.total("credits"))
    cells = (f"{word} {name}" if bucket.key else name, *spent, *_limit(gauges), f"{bucket.turns:,}", "")
    # Its name is cut later than the word for what it is.
    return Line(Row(cells, values=_bar_of(bucket, cells), briefs={0: name}), bucket.key, name, by)


def _spent(usd: Total, credit: Total) -> tuple[str, str]:
    """What was spent, in USD if any was reported, and how many turns are missing in it."""
    is_priced = usd.value is not None or credit.value is None
    text = usd.cell() if is_priced else f"{credit.cell(Unit.CREDITS)} credits"
    missing = (usd if is_priced else credit).unknown_turns
    return text, f"{missing:,}" if missing else ""


def _limit(gauges: Sequence[Gauge]) -> tuple[str, str]:
    """The tightest limit, and what is left of it."""
    gauge = Gauge.tightest(gauges)
    if gauge is None:
        return "", ""
    unit = gauge.limit.unit
    if not gauge.reported:
        return gauge.limit.text, "unknown"
    about = "~" if gauge.approximate or gauge.spent.doubtful or gauge.spent.missing_turns else ""
    left = f"{about}{amount_text(gauge.free, unit)}" if gauge.free else "none"
    return gauge.limit.text, left


# -- signs -------------------------------------------------------------------------------
def signs(layout: Layout, rows: Iterable[Row]) -> str:
    """What the signs in the amounts of rows mean, of the columns that have room, see `amounts.legend`."""
    columns = layout.measure.columns
    places = [at for at, _ in layout.visible if columns[at].align is Align.POINT]
    return legend(row.cells[at] for row in rows for at in places)
