"""The rows of the ledger's table: one line of texts for each group or turn."""

from __future__ import annotations

from datetime import tzinfo
from types import MappingProxyType
from typing import Final

from handinger_tui.core.amounts import Total, count_within, credits_text, usd_text
from handinger_tui.core.formatting import duration, number
from handinger_tui.core.money.spending import Bucket, GroupBy, TurnCharge
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.ledger.charts import BAR, FAINT, MARK, MORE, STRONG
from handinger_tui.ui.ledger.query import GROUPS, day_text, moment, row_name
from handinger_tui.ui.ledger.table import Align, LedgerColumn, LedgerLine
from handinger_tui.ui.widgets.status_text import STATUS_WORDS

_GAPS: Final = LedgerColumn("", Align.LEFT, style=MARK, close=True)
_SUMS: Final = (
    LedgerColumn("Cost", Align.POINT, style=STRONG),
    _GAPS,
    LedgerColumn("Credits", Align.POINT, rank=2),
    LedgerColumn("Tokens", Align.POINT, rank=4, style=FAINT),
    LedgerColumn("Incomplete", rank=3, style=FAINT),
)
_BAR: Final = LedgerColumn("", Align.BAR, rank=7, style=BAR, least=12)
TURN_COLUMNS: Final = (
    LedgerColumn("When", Align.LEFT),
    LedgerColumn("Session", Align.LEFT, least=12),
    LedgerColumn("Status", Align.LEFT, rank=2),
    LedgerColumn("Budget", Align.LEFT, rank=3, style=FAINT),
    LedgerColumn("Trigger", Align.LEFT, rank=5, style=FAINT),
    LedgerColumn("Steps", rank=7, style=FAINT),
    LedgerColumn("Tokens", rank=6, style=FAINT),
    LedgerColumn("Time", rank=4, style=FAINT),
    LedgerColumn("Credits", Align.POINT, rank=1),
    LedgerColumn("Cost", Align.POINT, style=STRONG),
    _GAPS,
)
_STATUS: Final = MappingProxyType(
    {
        TurnStatus.RUNNING: "left running",
        TurnStatus.CHECKING: "checking",
        TurnStatus.UNKNOWN: "unknown",
        TurnStatus.QUEUED: "waiting",
    }
)


def columns_of(by: GroupBy) -> tuple[LedgerColumn, ...]:
    """The columns of the table for a grouping."""
    if by is GroupBy.TURN:
        return TURN_COLUMNS
    name, turns = (
        LedgerColumn(GROUPS[by][1], Align.LEFT, least=14, ids=by is GroupBy.WORKER),
        LedgerColumn("Turns"),
    )
    last = (LedgerColumn("Last", Align.LEFT, rank=5, style=FAINT),)
    return (name, turns, *_SUMS, *(() if by is GroupBy.DAY else last), _BAR)


def group_line(bucket: Bucket, by: GroupBy, zone: tzinfo | None, year: int) -> LedgerLine:
    """The row of a group. `year`: the present one, which dates leave out."""
    usd, credit, tokens = (bucket.total(member) for member in ("usd", "credits", "tokens"))
    name = row_name(by, bucket.key, bucket.title, year)
    cells = [
        name,
        f"{bucket.turns:,}",
        usd_text(usd.value),
        _gaps(usd),
        _number(credit, credits_text(credit.value)),
        _number(tokens, "" if tokens.value is None else count_within(tokens.value, 9)),
        f"{bucket.incomplete:,}" if bucket.incomplete else "",
    ]
    if by is not GroupBy.DAY:
        cells.append("" if bucket.last_ms is None else day_text(moment(bucket.last_ms, zone), year))
    session = bucket.key if by is GroupBy.SESSION else None
    return LedgerLine(bucket.key, (*cells, ""), session, name, usd.value)


def turn_line(charge: TurnCharge, zone: tzinfo | None, year: int) -> LedgerLine:
    """The row of a turn; figures that may still grow get a plus sign. `year`: the present one."""
    when = moment(charge.at_ms, zone)
    title = row_name(GroupBy.SESSION, charge.session_id, charge.title, year)
    so_far = charge.usd is not None and not charge.final
    credit = Total(charge.credits, int(not charge.final))
    cells = (
        f"{day_text(when, year)} {when:%H:%M}",
        title,
        _STATUS.get(charge.status, STATUS_WORDS[charge.status]),
        clean_line(charge.budget or "", 20),
        charge.trigger.value,
        "" if charge.usage.steps is None else number(charge.usage.steps),
        "" if charge.usage.total_tokens is None else count_within(charge.usage.total_tokens, 9),
        "" if charge.elapsed_ms is None else duration(charge.elapsed_ms),
        _number(credit, credits_text(charge.credits), count=False),
        usd_text(charge.usd),
        MORE if so_far else "",
    )
    return LedgerLine(charge.turn_id, cells, charge.session_id, title, charge.usd)


def _gaps(total: Total) -> str:
    """The number of turns missing in a sum, "+2"; "" when nothing is known, which the sum itself says."""
    return "" if total.value is None or total.complete else f"{MORE}{total.missing_turns:,}"


def _number(total: Total, text: str, *, count: bool = True) -> str:
    """A figure with the sign of an incomplete sum, and with `count` the number of missing turns."""
    if total.value is None:
        return "—"
    return text if total.complete else f"{text} {_gaps(total)}" if count else f"{text}{MORE}"
