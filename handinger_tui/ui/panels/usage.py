"""The usage panel: tokens, credits and cost of this turn and this worker, as the service reported them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct
from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.amounts import (
    Total,
    count_within,
    credits_within,
    credits_words,
    decimal_places,
    excess_text,
    gap_mark,
    pad_decimals,
    price_text,
    short_number,
    short_total_text,
    split_excess,
    two_digits,
    usd_text,
    usd_within,
)
from handinger_tui.core.bars import BLOCKS, NO_VALUE, percent_level, sparkline, stacked_bar
from handinger_tui.core.formatting import NOT_REPORTED, PENDING, day_text, duration, moment_at, number
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.limits import Gauge, GaugeState, Scope, amount_text, exact_text
from handinger_tui.core.receipts import reading_words
from handinger_tui.core.turns.session import LOCAL
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.panel import (
    ACCENT,
    FAINT,
    MARK,
    STRONG,
    Key,
    Panel,
    PanelEntry,
    TurnMemo,
    with_right,
)
from handinger_tui.ui.panels.usage_view import (
    AT,
    CATEGORIES,
    Amount,
    Figure,
    Pair,
    UsageView,
    decimal_or_none,
    usage_view,
)
from handinger_tui.ui.widgets.status_text import STATUS_WORDS, WORD
from handinger_tui.ui.widgets.virtual_list import ListRows

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session

BLANK: Final = Content("")
SIGNS: Final = {"—": NOT_REPORTED, "…": PENDING}
"""One-cell signs for words that do not fit; the panel explains them below."""
Write = Callable[[Amount, int], str]
"""Formats a figure in at most so many cells."""


def rough(write: Write) -> Write:
    """Format an estimate with `write`, rounded to two significant digits."""
    return lambda value, width: write(two_digits(value), width)


def milliseconds(value: Amount, width: int) -> str:
    """A duration in ms: "1 m 35 s", "1m35s", or days only."""
    text = duration(int(value))
    if len(text) > width:
        text = text.replace(" ", "")
    return text if len(text) <= width else short_number(Decimal(value) / 86_400_000, max(2, width - 1)) + "d"


def seconds(value: Amount, width: int) -> str:
    """A running duration in ms: whole seconds below a minute, else as `milliseconds`."""
    ms = int(value)
    return f"{ms // 1000} s" if ms % 1000 == 0 and ms < 60_000 else milliseconds(value, width)


Row = tuple[str, str, str, Write]
"""(figure, label, narrow label, formatter) of a row."""
MONEY_ROWS: Final[tuple[Row, ...]] = (
    ("cost", "cost", "cost", usd_within),
    ("credits", "credits", "credits", credits_within),
    ("priced", "in USD", "in USD", usd_within),
    ("rate", "cost/min", "cost/min", rough(usd_within)),
    ("credit_rate", "credits/min", "cred/min", rough(credits_within)),
)
TOKEN_ROWS: Final[tuple[Row, ...]] = (
    ("input", "input", "input", count_within),
    ("output", "output", "output", count_within),
    ("reasoning", "reasoning", "reasoning", count_within),
    ("cache_read", "cache read", "cache r.", count_within),
    ("cache_write", "cache write", "cache w.", count_within),
    ("total", "total", "total", count_within),
)
WORK_ROWS: Final[tuple[Row, ...]] = (
    ("steps", "steps", "steps", count_within),
    ("duration", "duration", "duration", milliseconds),
    ("elapsed", "elapsed", "elapsed", seconds),
)
ALWAYS_SHOWN: Final = frozenset({"cost", "elapsed"})
"""Rows that are shown even without a value; others would only repeat “not reported”."""

SIGN_WIDTH: Final = 28
"""Width from which the title has room for the sign of the amount."""
WIDE_LABEL: Final = 12
"""Width of the full labels, in cells, with a space after them."""
MOST_DIGITS: Final = 12
"""Most cells of an amount of money for which a column takes room from the others."""
LEAST_COLUMN: Final = 8
"""Width of a column for the word "pending"."""
NARROW_LABEL: Final = 9
"""Least width of the labels, to which they shrink before an amount of money loses digits."""
EMPTY: Final = "Nothing spent yet. Costs appear here as the service reports them."
STATUS: Final = STATUS_WORDS | {TurnStatus.ACCEPTED: "running"}


class _Table(Struct, frozen=True):
    """The figures of the table: those of the view, and those measured by the local clock.

    `label`, `turn` and `worker`: the widths of its columns in cells; `mark`: that of the gap marks, which are
    at the end of the last one.
    """

    view: UsageView
    width: int
    clocked: Mapping[str, Pair]
    label: int
    turn: int
    worker: int
    mark: int

    @property
    def money(self) -> int:
        """The cells of an amount of money, the same in both columns."""
        rooms = ((self.view.turn, self.turn), (self.view.worker, self.worker - self.mark))
        return min((cells for figures, cells in rooms if _least(figures) > 1), default=self.turn) - 1

    def pair(self, name: str) -> Pair:
        """One row: the figures of this turn and of this worker."""
        return self.clocked.get(name) or (self.view.this_turn(name), self.view.this_worker(name))


def _table_of(view: UsageView, width: int, now_ms: int | None) -> _Table:
    """The table at `width` cells. A column that is too narrow for its amounts takes room from the others."""
    name, rate = view.rate()
    clocked = {"elapsed": view.elapsed(now_ms)} | ({name: rate} if name else {})
    priced = view.at_price()
    if priced is not None:
        clocked["priced"] = priced
    sums = [*view.worker, *(pair[1] for pair in clocked.values())]
    mark = max((len(gap_mark(gap)) + 1 for gap in map(_missing, sums) if gap), default=1)
    label = WIDE_LABEL if width >= 30 else width // 3 + 1
    turn = (width - label - 1) // 2
    label, worker = width - 2 * turn - 1, turn + 1
    least_turn, least_worker = _least(view.turn), _least(view.worker) + mark
    turn, worker = max(turn, least_turn), max(worker, least_worker)
    excess = label + turn + worker - width
    from_label = min(excess, max(0, label - NARROW_LABEL))
    from_turn = min(excess - from_label, max(0, turn - max(least_turn, LEAST_COLUMN)))
    excess -= from_label + from_turn
    turn, worker = turn - from_turn - excess // 2, worker - excess + excess // 2
    return _Table(view, width, clocked, width - turn - worker, turn, worker, mark)


def _missing(figure: Figure) -> int:
    """The number of turns missing in a sum; 0 where there is no sum that could have a mark."""
    return 0 if figure.value is None else figure.missing


def _least(column: Sequence[Figure]) -> int:
    """The width of a column that shows all its amounts of money with all their digits."""
    figures = [column[AT[name]] for name in ("cost", *CATEGORIES)] if column else []
    texts = [one.sign + usd_text(Decimal(one.value)) for one in figures if one.value is not None]
    return 1 + min(MOST_DIGITS, max(map(len, texts), default=0))


def usage_lines(
    view: UsageView,
    width: int,
    now_ms: int | None = None,
    gauges: Sequence[Gauge] = (),
) -> list[Content]:
    """All lines of the panel at `width` cells. `now_ms`: the present time, for locally measured figures."""
    limits = limit_lines(gauges, width, view.kind)
    if view.status is None:
        return [*_wrap(EMPTY, width), *limits]
    table = _table_of(view, width, now_ms)
    blocks = (
        [*_headline(table), *_bar(view.turn, width), *limits],
        [_heads(table), *_rows(table, MONEY_ROWS), *_split(table)],
        _captioned("tokens", _rows(table, TOKEN_ROWS)),
        _rows(table, WORK_ROWS),
        _history(view, width),
        _remarks(table, gauges),
    )
    lines = [line for block in blocks if block for line in (BLANK, *block)]
    return lines[1:]


def unknown_sign(figure: Figure) -> str:
    """The sign in a cell without a value; the panel explains it below."""
    return "…" if figure.pending else "—"


def _headline(table: _Table) -> list[Content]:
    """The status of this turn, and its cost in one line."""
    view, width = table.view, table.width
    figure, credited = view.this_turn("cost"), view.this_turn("credits")
    status = STATUS[view.status] if view.status is not None else ""
    sign = f"{figure.sign} " if figure.sign and width >= SIGN_WIDTH else ""
    title = Content.assemble((f"this turn {sign}· ", FAINT), (status, MARK if view.so_far else FAINT))
    if figure.value is None and figure.pending and credited.value is None:
        return [title, Content.styled("waiting for the first figures…", FAINT)]
    credit_text = "" if credited.value is None else credited.sign + credits_words(Decimal(credited.value))
    if figure.value is not None:
        cost = figure.sign + usd_within(figure.value, width)
        line = Content.assemble((cost, STRONG), (f" · {credit_text}" if credit_text else "", FAINT))
    elif credit_text:
        # Reported figures come before computed ones.
        missing = f"cost {PENDING if figure.pending else NOT_REPORTED}"
        priced = price_text(decimal_or_none(credited.value), view.credit_usd)
        line = Content.assemble((credit_text, STRONG), (f" · {priced or missing}", FAINT))
    else:
        line = Content.assemble(("cost ", FAINT), (PENDING if figure.pending else NOT_REPORTED, STRONG))
    return [title, line.truncate(width, ellipsis=True)]


# -- the two columns -----------------------------------------------------------------
def _heads(table: _Table) -> Content:
    """The names of the two columns."""
    label, turn, worker = table.label, table.turn, table.worker - table.mark
    kind = table.view.kind
    heads = ("this turn" if turn > 9 else "turn", f"this {kind}" if worker > 11 else kind)
    title = f"{'':{label}}{heads[0]:>{turn}}{heads[1]:>{max(worker, len(heads[1]) + 1)}}"
    return Content.styled(f"{title:<{table.width}}"[: table.width], FAINT)


def _rows(table: _Table, rows: Sequence[Row]) -> list[Content]:
    """Those of `rows` that have a value in a column, or are always shown."""
    return [
        _row(table, name, Content.styled(full if table.label >= WIDE_LABEL else narrow, FAINT), write)
        for name, full, narrow, write in rows
        if _is_shown(table, name)
    ]


def _is_shown(table: _Table, name: str) -> bool:
    if name == "cost" and all(one.value is None and not one.pending for one in table.pair(name)):
        # Credits replace the cost where only credits are reported.
        return not _is_shown(table, "credits")
    return name in ALWAYS_SHOWN or (
        (name in AT or name in table.clocked) and any(one.value is not None for one in table.pair(name))
    )


def _captioned(caption: str, lines: list[Content]) -> list[Content]:
    return [Content.styled(caption, FAINT), *lines] if lines else []


def _row(table: _Table, name: str, title: Content, write: Write) -> Content:
    style = (
        STRONG if name in ("cost", "total") or (name == "credits" and not _is_shown(table, "cost")) else ""
    )
    of_turn, of_worker = table.pair(name)
    gaps = gap_mark(_missing(of_worker))
    # A figure without a gap may use the cells of the mark, except the last one.
    rooms = (table.turn - 1, table.worker - 1 - (table.mark if gaps else 1))
    if write is usd_within:
        places = _places(table)
        cells = [_money(figure, table.money, style, places) for figure in (of_turn, of_worker)]
    else:
        cells = [_cell(of_turn, write, rooms[0], style), _cell(of_worker, write, rooms[1], style)]
    right = _right(cells[1], max(table.worker - table.mark, cells[1].cell_length + 1))
    mark = f"{' ' * bool(gaps)}{gaps}".ljust(table.worker - right.cell_length)
    return Content.assemble(
        title.truncate(table.label, pad=True), _right(cells[0], table.turn), right, (mark, MARK)
    )


def _right(cell: Content, width: int) -> Content:
    return cell.pad_left(max(0, width - cell.cell_length))


def _cell(figure: Figure, write: Write, room: int, style: str) -> Content:
    """One figure in at most `room` cells."""
    if figure.value is None:
        return Content.styled("" if figure.hidden else unknown_sign(figure), FAINT)
    sign = figure.sign or ("~" if figure.estimate else "")
    text = sign + write(figure.value, room - len(sign))
    if sign and len(text) > room:
        # In the narrowest panel the sign of an estimate replaces the unit, which the amount above shows.
        text = text.replace("$", "")
    amount, unit = _unit(text, write)
    return Content.assemble((amount, style) if style else amount, (unit, FAINT))


def _money(figure: Figure, room: int, style: str, places: int) -> Content:
    """An amount of money, padded so that decimal points line up."""
    if figure.value is None:
        return _cell(figure, usd_within, room, style)
    text = figure.sign + usd_within(figure.value, room - len(figure.sign))
    text = text if len(text) <= room else text.replace("$", "")
    text = pad_decimals(text, places, room)
    return Content.styled(text, style) if style else Content(text)


def _places(table: _Table) -> int:
    """Decimals of the finest amount of money."""
    figures = [figure for name in ("cost", *CATEGORIES) for figure in table.pair(name)]
    texts = [usd_within(one.value, table.money - len(one.sign)) for one in figures if one.value is not None]
    return max(map(decimal_places, texts), default=0)


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
    if not any(_is_shown(table, name) for name in CATEGORIES):
        return []
    unknown = all(view.this_turn(name).value is None for name in CATEGORIES)
    worker = _bar(view.worker, width) if unknown else []
    styles = [f".usage--{name}" for name in CATEGORIES]
    lines = _captioned(f"cost split · this {view.kind}", worker)
    gap = " " if table.label > 9 else ""
    for at, name in enumerate(CATEGORIES):
        title = Content.assemble((BLOCKS[at], styles[at]), (gap + name, FAINT))
        lines.append(_row(table, name, title, usd_within))
    if any(NO_VALUE in bar.plain for bar in (*_bar(view.turn, width), *worker)):
        lines.append(Content.styled(f"{NO_VALUE} not split up", FAINT))
    return [*lines, *(line for text in _excesses(view) for line in _wrap(text, width, MARK))]


def _excesses(view: UsageView) -> list[str]:
    """The marks of categories that exceed the cost, of this turn and of this worker."""
    turn, worker = (excess_text(_excess(column)) for column in (view.turn, view.worker))
    return [text for text in (turn, f"{view.kind}: {worker}" if worker and worker != turn else "") if text]


def _excess(column: Sequence[Figure]) -> Decimal | None:
    cost, *parts = (column[AT[name]].value for name in ("cost", *CATEGORIES))
    return split_excess(decimal_or_none(cost), map(decimal_or_none, parts))


def _bar(column: Sequence[Figure], width: int) -> list[Content]:
    """The cost as one bar of four blocks; no line when no split was reported."""
    values = {name: column[AT[name]].value for name in ("cost", *CATEGORIES)}
    pieces = stacked_bar([values[name] for name in CATEGORIES], values["cost"], width)
    blocks = (*BLOCKS, NO_VALUE)
    colors = (*(f".usage--{name}" for name in CATEGORIES), ".usage--unsplit")
    return [Content.assemble(*((blocks[at] * cells, colors[at]) for at, cells in pieces))] if pieces else []


def _history(view: UsageView, width: int) -> list[Content]:
    """A sparkline of the cost of each turn, oldest first; no lines below two turns."""
    if len(view.history) < 2:
        return []
    newest = view.history[-width:]
    amounts = [value for value in newest if value is not None]
    if not amounts and view.this_worker("credits").value is not None:
        return []
    highest = f"max {usd_text(max(amounts))}" if amounts else ""
    title = "cost per turn" if len(newest) == len(view.history) else f"last {len(newest)} turns"
    caption = with_right(Content.styled(title, FAINT), Content.styled(highest, FAINT), width - 1)
    return [caption, Content.styled(sparkline(newest, width), ACCENT)]


# -- where the figures come from ------------------------------------------------------------
def _remarks(table: _Table, gauges: Sequence[Gauge]) -> list[Content]:
    """Notes on gaps, source and time of the figures, and on the signs that the panel uses."""
    view, width = table.view, table.width
    gauged = any(gauge.spent.value is not None and gauge.spent.missing_turns for gauge in gauges)
    reading = reading_words(view.reading, pinned=view.pinned)
    texts = [
        gap_words(view, gauged=gauged),
        f"≤ {view.share}" if view.share else "",
        f"{reading.sign} {reading.short}".lstrip(),
    ]
    if view.read_ms is not None:
        when = moment_at(view.read_ms).astimezone()
        texts.append(f"as of {day_text(when, when.year)} {when:%H:%M:%S}")
    names = (*(row[0] for row in (*MONEY_ROWS, *TOKEN_ROWS, *WORK_ROWS)), *CATEGORIES)
    figures = [
        figure for name in names if name != "priced" and _is_shown(table, name) for figure in table.pair(name)
    ]
    unknown = {unknown_sign(figure) for figure in figures if figure.value is None and not figure.hidden}
    texts += [f"{sign} {word}" for sign, word in SIGNS.items() if sign in unknown]
    if any(figure.estimate for figure in figures):
        texts.append("~ estimated")
    if any(figure.sign == "~" for figure in figures):
        texts.append("~ undecided: worker totals or figures per turn")
    if _is_shown(table, "priced") and view.credit_usd is not None:
        texts.append(f"~ in USD: at your price of {usd_text(view.credit_usd)} a credit")
    return [line for text in texts if text for line in _wrap(text, width)]


def gap_words(view: UsageView, *, gauged: bool = False) -> str:
    """The explanation of gap marks; `gauged`: a limit has one. "" where there is none."""
    gaps = list(filter(_missing, view.worker))
    if not gaps and not gauged:
        return ""
    running = view.so_far and any(figure.running for figure in gaps)
    return "+n: n turns unknown" + (", this turn is running" if running else "")


def _wrap(text: str, width: int, style: str = FAINT) -> list[Content]:
    return [Content.styled(line, style) for line in textwrap.wrap(text, max(width, 10))]


# -- limits -----------------------------------------------------------------------------
STATE_STYLES: Final = {
    GaugeState.BELOW: ACCENT,
    GaugeState.NEAR: MARK,
    GaugeState.REACHED: ".usage--reached",
}


def limit_lines(gauges: Sequence[Gauge], width: int, kind: str = "worker") -> list[Content]:
    """An empty line, then two lines for each limit; no lines without a limit. `kind`: see `Session.kind`."""
    lines = [line for gauge in gauges for line in _two_lines(gauge, width, kind)]
    return [BLANK, *lines] if lines else []


def limit_words(gauge: Gauge, kind: str) -> str:
    """The limit in a few words: "daily limit 85%, near"."""
    word = WORD[gauge.state]
    name = f"{kind} limit" if gauge.limit.scope is Scope.WORKER else gauge.limit.scope.limit
    return f"{name} {gauge.percent_text}" + (f", {word}" if word else "")


def _two_lines(gauge: Gauge, width: int, kind: str) -> tuple[Content, Content]:
    style = STATE_STYLES[gauge.state]
    words = " ".join(word for word in (gauge.percent_text, WORD[gauge.state]) if word)
    bar = percent_level(gauge.percent, max(4, width - len(words) - 2))
    scope = kind if gauge.limit.scope is Scope.WORKER else gauge.limit.scope
    amounts = Content.assemble((f"{scope:<8}", FAINT), _spent(gauge))
    return amounts.truncate(width, ellipsis=True), Content.assemble((bar, style), " ", (words, style))


def _spent(gauge: Gauge) -> str:
    """Spent and limit, "$0.85 +1 of $1.00"."""
    limit = exact_text(gauge.limit.amount, gauge.limit.unit)
    if gauge.spent.value is None:
        return f"{NOT_REPORTED} of {limit}"
    spent = amount_text(gauge.spent.value, gauge.limit.unit).partition(" ")[0]
    return f"{short_total_text(gauge.spent, lambda _: spent)} of {limit}"


WIDEST: Final = 64
"""Most cells of a line of figures: figures far from their names are hard to read."""


class UsageRows(ListRows):
    """Lines without items: figures, charts and notes, computed again when the figures or the width change."""

    def __init__(self) -> None:
        self.view: UsageView | None = None
        self.gauges: tuple[Gauge, ...] = ()
        self.now_ms: int | None = None
        self.simulated = False
        """The money is that of the local worker."""
        self._lines: list[Content] = []
        self._lines_key: tuple[object, ...] = ()

    def _lines_at(self, width: int) -> list[Content]:
        if self.view is None:
            return []
        width = min(width, WIDEST)
        key = (self.view, width, self.now_ms, self.gauges)
        if key != self._lines_key:
            self._lines = usage_lines(self.view, width, self.now_ms, self.gauges)
            self._lines_key = key
        return self._lines

    def line_count(self, width: int) -> int:
        """The number of lines at `width` cells."""
        return len(self._lines_at(width))

    def summary(self, width: int) -> str:
        """The mark of money that is not real."""
        return "simulated" if self.simulated and self._lines else ""

    def place_of(self, _y: int) -> None:
        """No line belongs to an item."""

    def other_line(self, y: int, width: int) -> Content:
        """Line `y` of the panel."""
        return self._lines_at(width)[y]


class UsagePanel(Panel[UsageRows]):
    """Figures in two columns, the cost split, the cost of each turn, and notes on their source."""

    BORDER_TITLE = "Usage & cost"
    NEEDS_ITEMS = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"usage--{name}" for name in (*CATEGORIES, "unsplit", "reached")}
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PANELS, Where.USAGE)

    def __init__(self) -> None:
        super().__init__(UsageRows(), id="panel-usage")
        self.tooltip = "Figures come from the service. Unreported values are never shown as zero."
        self.money = MoneyIndex()
        """The money of each turn, which others may share."""
        self._view = TurnMemo(_key, lambda session: usage_view(session, self.money))

    def show(self, session: Session) -> None:
        """Show the figures of the session; the clock starts again with another turn."""
        view, before = self._view(session), self.rows.view
        self.rows.simulated = session.base_url == LOCAL
        if view != before:
            if before is None or before.began_ms != view.began_ms:
                self.rows.now_ms = None
            self.rows.view = view
            self.update()

    def show_limits(self, gauges: Sequence[Gauge]) -> None:
        """Show these limits and how far each is used."""
        if tuple(gauges) != self.rows.gauges:
            self.rows.gauges = tuple(gauges)
            self.update()

    def tick(self, now_ms: int) -> None:
        """Advance the clock of the running turn: once a second, redrawing only the lines that show it."""
        began = self.rows.view.began_ms if self.rows.view is not None else None
        if began is None:
            return
        # Whole seconds since the start, so that the clock never skips one.
        second = began + max(0, now_ms - began) // 1000 * 1000
        if second != self.rows.now_ms:
            self.rows.now_ms = second
            self.update()


def compact_line(
    session: Session,
    gauges: Sequence[Gauge] = (),
    room: int | None = None,
    most: int | None = None,
    index: MoneyIndex | None = None,
) -> str:
    """One line for narrow screens: "turn $0.0123 · 8 credits · worker $0.05 +2".

    The limit nearest to being reached follows when the line fits `room` cells with it. A line longer
    than `most` cells loses tokens, then credits, but never an amount of money. `index`: see `usage_view`.
    """
    view = usage_view(session, index)
    if view.status is None:
        return ""
    turn, worker = _turn_pieces(view), _worker_piece(view)
    if (turn, worker) == ([f"turn {PENDING}"], f"{view.kind} {PENDING}"):
        turn, worker = [], f"cost {PENDING}"
    nearest = max(gauges, key=lambda gauge: (gauge.state, gauge.percent or 0), default=None)
    if nearest is not None:
        longer = " · ".join([*turn, worker, limit_words(nearest, view.kind)])
        if room is None or len(longer) <= room:
            return longer
    choices = ([*turn, worker], [*turn[:-1], worker], [*turn[:1], worker])
    lines = [" · ".join(pieces) for pieces in choices]
    return next((line for line in lines if most is None or len(line) <= most), lines[-1])


def _turn_pieces(view: UsageView) -> list[str]:
    cost, credit, tokens = (view.this_turn(name) for name in ("cost", "credits", "total"))
    credited = [] if credit.value is None else [credit.sign + credits_words(Decimal(credit.value))]
    if cost.value is None and credited:
        # Reported credits replace a cost that is not reported.
        priced = price_text(decimal_or_none(credit.value), view.credit_usd)
        pieces = [f"turn {credited[0]} {priced}".rstrip()]
    else:
        pieces = [f"turn {_word(cost) or cost.sign + usd_text(Decimal(cost.value or 0))}", *credited]
    if tokens.value is not None:
        pieces.append(f"{number(int(tokens.value))} tokens")
    return pieces


def _worker_piece(view: UsageView) -> str:
    total, credited = view.this_worker("cost"), view.this_worker("credits")
    if total.value is None and credited.value is not None:
        in_all = Total(Decimal(credited.value), credited.missing, bool(credited.sign))
        priced = price_text(in_all.value, view.credit_usd)
        return f"{view.kind} {short_total_text(in_all, credits_words)} {priced}".rstrip()
    if total.value is None:
        return f"{view.kind} {_word(total)}"
    return f"{view.kind} {short_total_text(Total(Decimal(total.value), total.missing, bool(total.sign)))}"


def _word(figure: Figure) -> str:
    """The word for a figure without a value; "" when it has a value."""
    return "" if figure.value is not None else PENDING if figure.pending else NOT_REPORTED


def _key(turn: Turn) -> Key:
    """The memo key of a turn: everything that its figures depend on, which does not include its text."""
    readings = tuple((read.usage, read.costs, read.busy) for read in (turn.before, turn.snapshot) if read)
    source = (turn.before is None, turn.snapshot is None, turn.request.target_id, turn.worker_id)
    return turn.status, source, readings, turn.read_ms, turn.ended_ms, turn.began_ms


USAGE: Final = PanelEntry("usage", UsagePanel)
