"""The lines of the usage panel, computed from its figures and a width."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Final

from rich.style import Style
from textual.content import Content
from textual.renderables.digits import Digits

from handinger_tui.core.amounts import (
    count_within,
    credits_within,
    decimal_places,
    pad_decimals,
    short_number,
    two_digits,
    usd_text,
    usd_within,
)
from handinger_tui.core.charts.bars import BLOCKS, NO_VALUE, percent_level, sparkline, stacked_bar
from handinger_tui.core.formatting import NOT_REPORTED, PENDING, duration, plural
from handinger_tui.core.money.attribution import Reading
from handinger_tui.core.money.limits import Gauge, State, amount_text, exact_text
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.panels.panel import ACCENT, FAINT, MARK, STRONG, with_right
from handinger_tui.ui.panels.usage.view import AT, CATEGORIES, Amount, Figure, Pair, UsageView
from handinger_tui.ui.widgets.limit_bar import WORD

BLANK: Final = Content("")
SIGNS: Final = {"—": NOT_REPORTED, "…": PENDING}
"""One-cell signs for words that do not fit; the panel explains them below."""
Write = Callable[[Amount, int], str]
"""Formats a figure in at most so many cells."""


def rough_usd(value: Amount, width: int) -> str:
    """An estimate in US dollars, rounded to two significant digits."""
    return usd_within(two_digits(value), width)


def rough_credits(value: Amount, width: int) -> str:
    """An estimate in credits, rounded to two significant digits."""
    return credits_within(two_digits(value), width)


def milliseconds(value: Amount, width: int) -> str:
    """A duration in ms: "1 m 35 s", "1m35s", or days only."""
    text = duration(int(value))
    if len(text) > width:
        text = text.replace(" ", "")
    return text if len(text) <= width else short_number(Decimal(value) / 86_400_000, max(2, width - 1)) + "d"


def seconds(value: Amount, width: int) -> str:
    """A running duration in ms: whole seconds below a minute without decimals, else as `milliseconds`."""
    ms = int(value)
    return f"{ms // 1000} s" if ms % 1000 == 0 and ms < 60_000 else milliseconds(value, width)


ROWS: Final[tuple[tuple[str, str, str, Write], ...]] = (
    ("cost", "cost", "cost", usd_within),
    ("credits", "credits", "credits", credits_within),
    ("rate", "cost/min", "cost/min", rough_usd),
    ("credit_rate", "credits/min", "cred/min", rough_credits),
    ("", "tokens", "tokens", count_within),
    ("input", "input", "input", count_within),
    ("output", "output", "output", count_within),
    ("reasoning", "reasoning", "reasoning", count_within),
    ("cache_read", "cache read", "cache r.", count_within),
    ("cache_write", "cache write", "cache w.", count_within),
    ("total", "total", "total", count_within),
    ("", "", "", count_within),
    ("steps", "steps", "steps", count_within),
    ("duration", "duration", "duration", milliseconds),
    ("elapsed", "elapsed", "elapsed", seconds),
)
"""(figure, label, narrow label, formatter) per row; a row without a figure is a caption."""

SIGN_WIDTH: Final = 28
"""Width from which the title has room for the sign of the amount."""
WIDE_LABEL: Final = 12
"""Width of the full labels, in cells, with a space after them."""
READINGS: Final = {
    Reading.TOTAL: "read as totals of the worker",
    Reading.PER_TURN: "read as reported per turn",
    Reading.NONE: "no figures reported",
}
EMPTY: Final = "No turn yet. What each turn costs will be told here, as the service reports it."
STATUS: Final = {
    TurnStatus.QUEUED: "queued",
    TurnStatus.SENDING: "sending",
    TurnStatus.ACCEPTED: "running",
    TurnStatus.CHECKING: "being checked",
    TurnStatus.RUNNING: "still running",
    TurnStatus.REJECTED: "refused, nothing taken",
    TurnStatus.NOT_SENT: "not sent, nothing taken",
    TurnStatus.NOT_DELIVERED: "not delivered",
    TurnStatus.COMPLETED: "completed",
    TurnStatus.INCOMPLETE: "incomplete",
    TurnStatus.FAILED: "failed",
    TurnStatus.UNKNOWN: "outcome unknown",
}


@dataclass(frozen=True, slots=True)
class _Table:
    """The figures of the table: those of the view, and those measured by the local clock."""

    view: UsageView
    width: int
    clocked: Mapping[str, Pair]

    def pair(self, name: str) -> Pair:
        """One row: the figures of this turn and of this worker."""
        return self.clocked.get(name) or (self.view.this_turn(name), self.view.this_worker(name))

    @property
    def pairs(self) -> list[Pair]:
        """All rows."""
        return [*zip(self.view.turn, self.view.worker, strict=True), *self.clocked.values()]


def usage_lines(
    view: UsageView,
    width: int,
    zone: tzinfo | None = None,
    now_ms: int | None = None,
    gauges: Sequence[Gauge] = (),
) -> list[Content]:
    """All lines of the panel at `width` cells. `now_ms`: the present time, for locally measured figures."""
    limits = gauge_lines(gauges, width)
    if view.status is None:
        return [*_wrap(EMPTY, width), *limits]
    name, rate = view.rate()
    table = _Table(view, width, {name: rate, "elapsed": view.elapsed(now_ms)})
    return [
        *_headline(view, width),
        *_bar(view.turn, width),
        *limits,
        BLANK,
        *_table(table),
        BLANK,
        *_split(table),
        *_history(view, width),
        BLANK,
        *_remarks(table, zone, gauges),
    ]


def unknown_text(figure: Figure, width: int) -> str:
    """The word for a figure without a value, or its sign where the word does not fit."""
    word = PENDING if figure.pending else NOT_REPORTED
    return word if width >= len(word) else next(sign for sign, full in SIGNS.items() if full == word)


def _headline(view: UsageView, width: int) -> list[Content]:
    """The status of this turn and its cost in large digits."""
    figure = view.this_turn("cost")
    status = STATUS[view.status] if view.status is not None else ""
    status += ", so far" if view.so_far and figure.value is not None else ""
    sign = f"{figure.sign} " if figure.sign and width >= SIGN_WIDTH else ""
    title = Content.assemble((f"this turn {sign}· ", FAINT), (status, MARK if view.so_far else FAINT))
    if figure.value is None:
        word = PENDING if figure.pending else NOT_REPORTED
        return [title, Content.assemble(("cost ", FAINT), (word, STRONG))]
    text = usd_text(Decimal(figure.value))
    if Digits.get_width(text) > width:
        return [title, Content.styled(usd_within(figure.value, width), STRONG)]
    return [title, *(Content.styled(row, ACCENT) for row in large_digits(text))]


def large_digits(text: str) -> list[str]:
    """An amount in large digits, line by line; `Digits.get_width` has their width."""
    rendered = Digits(text).render(Style(bold=True))
    return [segment.text for segment in rendered if segment.text != "\n"]  # type: ignore[union-attr]  # it yields segments only


# -- the two columns -----------------------------------------------------------------
def _columns(width: int) -> tuple[int, int, int]:
    """Cells of the label, turn and worker columns; the worker's is one cell wider, for its plus sign."""
    label = WIDE_LABEL if width >= 30 else width // 3 + 1
    turn = (width - label - 1) // 2
    return width - 2 * turn - 1, turn, turn + 1


def _table(table: _Table) -> list[Content]:
    label, turn, worker = _columns(table.width)
    heads = ("this turn" if turn > 9 else "turn", "this worker" if worker > 12 else "worker")
    head = f"{'':{label}}{heads[0]:>{turn}}{heads[1]:>{worker - 1}} "
    lines = [Content.styled(head, FAINT)]
    for name, full, narrow, write in ROWS:
        title = full if label >= WIDE_LABEL else narrow
        caption = Content.styled(title, FAINT)
        if not name:
            lines += [BLANK, *([caption] if title else [])]
        elif name in AT or name in table.clocked:
            lines.append(_row(table, name, caption, write))
    return lines


def _row(table: _Table, name: str, title: Content, write: Write) -> Content:
    label, turn, worker = _columns(table.width)
    style = STRONG if name in ("cost", "total") else ""
    finest = _places(table.view.turn, turn - 1), _places(table.view.worker, worker - 2)
    of_turn, of_worker = table.pair(name)
    return Content.assemble(
        title.truncate(label, pad=True),
        _right(_cell(of_turn, write, turn - 1, style, places=finest[0]), turn),
        _right(_cell(of_worker, write, worker - 2, style, plus=True, places=finest[1]), worker),
    )


def _right(cell: Content, width: int) -> Content:
    return cell.pad_left(max(0, width - cell.cell_length))


def _cell(
    figure: Figure, write: Write, room: int, style: str, *, plus: bool = False, places: int = 0
) -> Content:
    """One figure, money with `places` decimals; `plus` reserves a cell for the sign of an incomplete sum."""
    if figure.value is None:
        return Content.assemble((unknown_text(figure, room), FAINT), " " if plus else "")
    sign = figure.sign or ("~" if figure.estimate else "")
    text = sign + write(figure.value, room - len(sign))
    if sign and len(text) > room:
        # In the narrowest panel the sign of an estimate replaces the unit, which the amount above shows.
        text = text.replace("$", "")
    if write is usd_within:
        text = pad_decimals(text, places, room)
    amount, unit = _unit(text, write)
    tail = ("+" if figure.missing else " ") if plus else ""
    return Content.assemble((amount, style) if style else amount, (unit, FAINT), (tail, MARK))


def _places(column: Sequence[Figure], room: int) -> int:
    """Decimals of the finest amount of a column, so that its decimal points line up."""
    money = [column[AT[name]].value for name in ("cost", *CATEGORIES)] if column else []
    return max((decimal_places(usd_within(value, room)) for value in money if value is not None), default=0)


def _unit(text: str, write: Write) -> tuple[str, str]:
    """Split a duration into amount and unit, so that the unit is drawn faint."""
    if write in (milliseconds, seconds) and text.count(" ") == 1:
        amount, _, unit = text.partition(" ")
        return amount, f" {unit}"
    return text, ""


# -- where the cost went ----------------------------------------------------------------
def _split(table: _Table) -> list[Content]:
    """The legend of the bar's four blocks; when this turn has no bar, with the worker's bar above it."""
    view, width = table.view, table.width
    unknown = all(view.this_turn(name).value is None for name in CATEGORIES)
    worker = _bar(view.worker, width) if unknown else []
    styles = [f".usage--{name}" for name in CATEGORIES]
    lines = [Content.styled("cost split" + (" · this worker" if worker else ""), FAINT), *worker]
    gap = " " if _columns(width)[0] > 9 else ""
    for at, name in enumerate(CATEGORIES):
        title = Content.assemble((BLOCKS[at], styles[at]), (gap + name, FAINT))
        lines.append(_row(table, name, title, usd_within))
    if any(NO_VALUE in bar.plain for bar in (*_bar(view.turn, width), *worker)):
        lines.append(Content.styled(f"{NO_VALUE} not split up", FAINT))
    return lines


def _bar(column: Sequence[Figure], width: int) -> list[Content]:
    """The cost as one bar of four blocks; no line when no split was reported."""
    values = {name: column[AT[name]].value for name in ("cost", *CATEGORIES)}
    pieces = stacked_bar([values[name] for name in CATEGORIES], values["cost"], width)
    blocks = (*BLOCKS, NO_VALUE)
    colors = (*(f".usage--{name}" for name in CATEGORIES), ".usage--rest")
    return [Content.assemble(*((blocks[at] * cells, colors[at]) for at, cells in pieces))] if pieces else []


def _history(view: UsageView, width: int) -> list[Content]:
    """A sparkline of the cost of each turn, oldest first; no lines below two turns."""
    if len(view.history) < 2:
        return []
    newest = view.history[-width:]
    known = [value for value in newest if value is not None]
    highest = f"max {usd_within(max(known), 8)}" if known else ""
    title = "cost per turn" if len(newest) == len(view.history) else f"last {len(newest)} turns"
    caption = with_right(Content.styled(title, FAINT), Content.styled(highest, FAINT), width - 1)
    return [
        BLANK,
        caption,
        Content.styled(sparkline(newest, width), ACCENT),
    ]


# -- where the figures come from ------------------------------------------------------------
def _remarks(table: _Table, zone: tzinfo | None, gauges: Sequence[Gauge]) -> list[Content]:
    """Notes on gaps, source and time of the figures, and on the signs that the panel uses."""
    view, width = table.view, table.width
    texts = [gap_text(view), f"≤ {view.share}" if view.share else "", READINGS[view.reading]]
    if view.read_ms is not None:
        moment = datetime.fromtimestamp(view.read_ms / 1000, tz=zone).astimezone(zone)
        texts.append(f"as of {moment:%d %b %H:%M:%S}")
    _, turn, worker = _columns(width)
    figures = [cell for pair in table.pairs for cell in zip(pair, (turn - 1, worker - 2), strict=True)]
    unknown = {unknown_text(figure, room) for figure, room in figures if figure.value is None}
    texts += [f"{sign} {word}" for sign, word in SIGNS.items() if sign in unknown]
    if any(figure.estimate for figure, _ in figures):
        texts.append("~ measured here")
    if any(figure.sign == "~" for figure, _ in figures):
        texts.append("~ not certain yet: totals, or figures of each turn")
    texts += [gauge_remark(gauge) for gauge in gauges]
    return [line for text in texts if text for line in _wrap(text, width)]


def gap_text(view: UsageView) -> str:
    """The explanation of the plus signs: "+ (2 turns not reported)", "+ (this turn is running)"."""
    gaps = [figure for figure in view.worker if figure.value is not None and figure.missing]
    if not gaps:
        return ""
    most = max(figure.missing for figure in gaps)
    running = view.so_far and any(figure.running for figure in gaps)
    unreported = most - running
    up_to = "up to " if len({figure.missing for figure in gaps}) > 1 else ""
    reasons = [f"{up_to}{plural(unreported, 'turn')} not reported"] if unreported else []
    return f"+ ({', '.join(reasons + ['this turn is running'] * running)})"


def _wrap(text: str, width: int) -> list[Content]:
    return [Content.styled(line, FAINT) for line in textwrap.wrap(text, max(width, 10))]


# -- limits -----------------------------------------------------------------------------
STATE_STYLES: Final = {
    State.BELOW: ACCENT,
    State.NEAR: MARK,
    State.REACHED: ".usage--reached",
}


def gauge_lines(gauges: Sequence[Gauge], width: int) -> list[Content]:
    """An empty line, then two lines for each limit; no lines without a limit."""
    lines = [line for gauge in gauges for line in _gauge_lines(gauge, width)]
    return [Content(""), *lines] if lines else []


def gauge_words(gauge: Gauge) -> str:
    """The limit in a few words: "day limit 85 %, near"."""
    word = WORD[gauge.state]
    return f"{gauge.limit.scope} limit {gauge.percent_text}" + (f", {word}" if word else "")


def gauge_remark(gauge: Gauge) -> str:
    """The explanation of the plus sign after the amount; "" where it has none."""
    if gauge.spent.value is None or gauge.spent.complete:
        return ""
    return f"{gauge.limit.scope} limit: {plural(gauge.spent.missing_turns, 'turn')} not fully known"


def _gauge_lines(gauge: Gauge, width: int) -> tuple[Content, Content]:
    style = STATE_STYLES[gauge.state]
    words = " ".join(word for word in (gauge.percent_text, WORD[gauge.state]) if word)
    bar = percent_level(gauge.percent, max(4, width - len(words) - 2))
    amounts = Content.assemble((f"{gauge.limit.scope:<8}", FAINT), _spent(gauge))
    return amounts.truncate(width, ellipsis=True), Content.assemble((bar, style), " ", (words, style))


def _spent(gauge: Gauge) -> str:
    """Spent and limit, "$0.85+ of $1.00"; the plus sign means that turns are missing in the sum."""
    limit = exact_text(gauge.limit.amount, gauge.limit.unit)
    if gauge.spent.value is None:
        return f"{NOT_REPORTED} of {limit}"
    spent = amount_text(gauge.spent.value, gauge.limit.unit).partition(" ")[0]
    return f"{spent}{'' if gauge.spent.complete else '+'} of {limit}"
