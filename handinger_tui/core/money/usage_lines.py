"""What turns cost, as lines of pieces with their look: at rest a few rows, in full every figure.

The usage panel draws them; they know no screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import Final

from msgspec.structs import replace

from handinger_tui.core.amounts import (
    Total,
    Unit,
    amount_text,
    at_price,
    bare_text,
    count_within,
    excess_words,
    fitted,
    legend,
    price_words,
    split_excess,
)
from handinger_tui.core.bars import PARTS, Look, part_styles, percent_level, sparkline, stacked_bar
from handinger_tui.core.columns import aligned, text_of
from handinger_tui.core.figures import CATEGORIES, FIGURE, SHOWN, Measure, Number
from handinger_tui.core.formatting import (
    UNKNOWN,
    day_text,
    duration,
    fitting,
    moment_at,
    plural,
    wrapped_text,
)
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.basis_text import basis_words
from handinger_tui.core.money.limits import Gauge, GaugeState, Scope
from handinger_tui.core.money.usage_view import UsageView, a_minute
from handinger_tui.core.turns.session import Session

Line = tuple[tuple[str, Look], ...]
_STATES: Final = {GaugeState.BELOW: Look.ACCENT, GaugeState.NEAR: Look.MARK, GaugeState.REACHED: Look.REACHED}


EMPTY: Final = "Nothing spent yet. Costs appear here as the service reports them."
LABEL: Final = 10
"""Cells of the labels at rest."""
NAME: Final = 12
"""Cells of the names in full."""
MOST_ROWS: Final = 8
"""Rows at rest."""


def panel_lines(
    view: UsageView, width: int, gauges: Sequence[Gauge] = (), now_ms: int | None = None, *, full: bool
) -> list[Line]:
    """What the panel shows: at rest a few rows, in full everything that it has."""
    return full_lines(view, width, gauges, now_ms) if full else brief_lines(view, width, gauges)


# -- at rest ------------------------------------------------------------------------------
def brief_lines(view: UsageView, width: int, gauges: Sequence[Gauge] = ()) -> list[Line]:
    """What the panel shows at rest: cost, split, credits, tokens, and what is left of the nearest limit."""
    limit = _nearest_limit(gauges, view.kind, width)
    if view.status is None:
        return [*_wrap(EMPTY, width), *limit]
    return [*_costs(view, width), *_split(view, width), *_credits(view, width), *_tokens(view, width), *limit]


def _unit(view: UsageView) -> Unit:
    """USD if it is reported or may still come; else credits."""
    # The zero of a turn that never started does not make USD look reported.
    is_usd = any(one.money.usd is not None and not one.money.free for one in (view.own, *view.turns))
    return Unit.USD if is_usd or view.session(Unit.CREDITS).value is None else Unit.CREDITS


def _costs(view: UsageView, width: int) -> list[Line]:
    """This turn and the session. With one turn, both are the same."""
    unit = _unit(view)
    session = view.session(unit)
    rows = [("This turn", view.own.money.total(unit), Look.STRONG)]
    if len(view.turns) > 1:
        rows.append(("Session", session, Look.PLAIN))
    texts = [amount.about(unit) for _, amount, _ in rows]
    if max(map(len, texts)) + LABEL + len(" so far") > width:
        texts = [amount.cell(unit) for _, amount, _ in rows]
    lines: list[Line] = [
        (
            (f"{label:<{LABEL}}", Look.FAINT),
            (text, style),
            (" so far" if amount.so_far and "…" not in text else "", Look.MARK),
        )
        for (label, amount, style), text in zip(rows, aligned(texts), strict=True)
    ]
    price = price_words(at_price(session.value, view.session_usd)) if unit is Unit.CREDITS else ""
    if price:
        lines.append(_row("", fitting((f"{price} at your price", price), width - LABEL)))
    gaps = session.gap_words
    if gaps and len(text_of(lines[-1])) + len(gaps) < width:
        lines[-1] = (*lines[-1], (f" {gaps}", Look.MARK))
    elif gaps:
        lines.append(_row("", gaps, Look.MARK))
    return lines


_PARTS: Final = part_styles(PARTS[:-1], PARTS[-1], len(CATEGORIES))


def _split(view: UsageView, width: int) -> list[Line]:
    """The cost of this turn as one bar, with a legend where it has several parts."""
    cost, parts = view.of_turn(FIGURE["cost_usd"]), [view.of_turn(figure) for figure in CATEGORIES]
    pieces = stacked_bar(parts, cost, width)
    if not pieces:
        return []
    names = (*(figure.label for figure in CATEGORIES), "not split")
    lines = [tuple((_PARTS[at][0] * cells, _PARTS[at][1]) for at, cells in pieces)]
    amounts = [None if part is None else Decimal(part) for part in parts]
    excess = excess_words(split_excess(None if cost is None else Decimal(cost), amounts))
    if excess:
        lines += _wrap(excess, width, Look.MARK)
    elif len(pieces) > 1:
        gap = " " if sum(len(names[at]) + 3 for at, _ in pieces) <= width + 1 else ""
        legend = [
            ((" " if number else "") + _PARTS[at][0], _PARTS[at][1], gap + names[at])
            for number, (at, _) in enumerate(pieces)
        ]
        lines.append(
            tuple(chain.from_iterable(((block, part), (name, Look.FAINT)) for block, part, name in legend))
        )
    return lines


def _credits(view: UsageView, width: int) -> list[Line]:
    own, session = view.own.money.total(Unit.CREDITS), view.session(Unit.CREDITS)
    if _unit(view) is Unit.CREDITS or own.value is None:
        return []
    text = own.about(Unit.CREDITS, bare_text)
    of_session = f" · session {session.about(Unit.CREDITS, bare_text)}" if len(view.turns) > 1 else ""
    return [_row("Credits", fitting((text + of_session, text), width - LABEL))]


def _tokens(view: UsageView, width: int) -> list[Line]:
    in_all, tokens_in, tokens_out = (
        view.of_turn(FIGURE[f"{name}_tokens"]) for name in ("total", "input", "output")
    )
    if in_all is None:
        return []
    text = count_within(in_all, width - LABEL)
    if tokens_in is not None and tokens_out is not None:
        longer = f"{text} ({count_within(tokens_in, 9)} in, {count_within(tokens_out, 9)} out)"
        text = longer if LABEL + len(longer) <= width else text
    return [_row("Tokens", text)]


def _nearest_limit(gauges: Sequence[Gauge], kind: str, width: int) -> list[Line]:
    """What is left of the limit that is nearest to being reached."""
    gauge = nearest(gauges)
    if gauge is None:
        return []
    name = f"{_limit_name(gauge, kind)} ".capitalize()
    left = gauge.free_text
    choices = [left, left.partition(", ")[0], gauge.left_text, gauge.bare_left_text]
    if gauge.spent.value is None:
        choices = [gauge.used_text, UNKNOWN]
    text = fitting(choices, width - len(name))
    style = Look.PLAIN if gauge.state is GaugeState.BELOW else _STATES[gauge.state]
    return [_row(name, text, style)]


def nearest(gauges: Sequence[Gauge]) -> Gauge | None:
    """The limit that is nearest to being reached; None without limits."""
    return max(gauges, key=lambda gauge: (gauge.state, gauge.percent or 0), default=None)


def _limit_name(gauge: Gauge, kind: str) -> str:
    return f"{kind} limit" if gauge.limit.scope is Scope.WORKER else gauge.limit.scope.limit


def _row(label: str, text: str, style: Look = Look.PLAIN) -> Line:
    return ((f"{label:<{LABEL}}", Look.FAINT), (text, style))


# -- in full ------------------------------------------------------------------------------
def full_lines(
    view: UsageView, width: int, gauges: Sequence[Gauge] = (), now_ms: int | None = None
) -> list[Line]:
    """All that the panel has: the rows at rest, every figure, the cost of each turn, limits and notes."""
    if view.status is None:
        return brief_lines(view, width, gauges)
    blocks = (
        brief_lines(view, width),
        _table(view, width, now_ms),
        _history(view, width),
        [line for gauge in gauges for line in _limit_lines(gauge, width, view.kind)],
        _notes(view, width),
    )
    return [line for block in blocks if block for line in ((), *block)][1:]


def _table(view: UsageView, width: int, now_ms: int | None) -> list[Line]:
    """Every figure that is known, of this turn and the session; of this turn alone where space is short."""
    room = (width - NAME) // 2 - 1
    columns = 2 if _widest(view) <= room else 1
    room = room if columns == 2 else width - NAME - 1
    rows = [*_figures(view, room), *_measured(view, now_ms, room)]
    label = width - columns * (room + 1)
    lines: list[Line] = []
    for title, texts in (("", ("This turn", "Session")), *rows):
        cells = "".join(f"{text:>{room + 1}}" for text in texts[:columns])
        name = f"{title[:label]:<{label}}"
        lines.append(((name, Look.FAINT), (cells, Look.PLAIN if title else Look.FAINT)))
    signs = legend(text for _, texts in rows for text in texts[:columns])
    return [*lines, *_wrap(signs, width)]


def _widest(view: UsageView) -> int:
    """The most cells of an amount with all its digits and its signs."""
    money = [figure for figure in SHOWN if figure.measure in _MONEY]
    values = [value for figure in money for value in (view.of_turn(figure), view.of_session(figure).value)]
    widest = max(len(bare_text(None if value is None else Decimal(value))) for value in values)
    return widest + _signs_of(_totals(view, Unit.USD))


def _totals(view: UsageView, unit: Unit) -> tuple[Total, Total]:
    """Of this turn and of the session."""
    return view.own.money.total(unit), view.session(unit)


def _signs_of(totals: Iterable[Total]) -> int:
    """The most cells of the signs of an amount."""
    return max(len(replace(one, value=Decimal(0)).cell(write=lambda _value, _unit: "")) for one in totals)


def _figures(view: UsageView, room: int) -> list[tuple[str, Sequence[str]]]:
    """The figures that are known: name, and at most `room` cells for this turn and for the session."""
    values = {figure: (view.of_turn(figure), view.of_session(figure).value) for figure in SHOWN}
    rows: list[tuple[str, Sequence[str]]] = []
    for measures in (_MONEY, (Measure.CREDITS,), _COUNTS):
        of_kind = {
            figure: pair
            for figure, pair in values.items()
            if figure.measure in measures and pair != (None, None)
        }
        amounts = [Decimal(value) for pair in of_kind.values() for value in pair if value is not None]
        if measures is _COUNTS:
            texts, totals = [count_within(amount, room) for amount in amounts], (Total(None), Total(None))
        else:
            unit = Unit.USD if measures is _MONEY else Unit.CREDITS
            totals = _totals(view, unit)
            texts = fitted(amounts, room - _signs_of(totals), unit)
        written = iter(texts)
        cells = [
            [_signed(value, written, total) for value, total in zip(pair, totals, strict=True)]
            for pair in of_kind.values()
        ]
        columns = [aligned([pair[at] for pair in cells]) for at in (0, 1)]
        names = (figure.title.removesuffix(" tokens") for figure in of_kind)
        rows += zip(names, zip(*columns, strict=True), strict=True)
    return rows


def _signed(value: Number | None, written: Iterator[str], total: Total) -> str:
    """The next of the written amounts with the signs of its total; a sign alone where there is none."""
    of_figure = replace(total, value=None if value is None else Decimal(value))
    return of_figure.cell(write=lambda _value, _unit: next(written))


_MONEY: Final = (Measure.COST, Measure.CATEGORY)
_COUNTS: Final = (Measure.TOKENS, Measure.STEPS)


def _measured(view: UsageView, now_ms: int | None, room: int) -> list[tuple[str, Sequence[str]]]:
    """Times: as reported, and from sending to the end, or to now; and the cost per minute."""
    reported = (view.of_turn(FIGURE["duration_ms"]), view.of_session(FIGURE["duration_ms"]).value)
    own = elapsed_to(view, now_ms)
    others = [one.ms for one in view.turns if one is not view.own and one.ms is not None]
    in_all = sum(others) + (own or 0) if others or own is not None else None
    rates = [a_minute(turns, _unit(view)) for turns in ([view.own], view.turns)]
    rows = (
        ("Duration", tuple("—" if ms is None else duration(int(ms)) for ms in reported)),
        ("Elapsed", tuple("—" if ms is None else clock(ms) for ms in (own, in_all))),
        (
            "Per minute",
            tuple("—" if one is None else f"~{fitted([one], room - 1, _unit(view))[0]}" for one in rates),
        ),
    )
    return [row for row in rows if row[1] != ("—", "—")]


def elapsed_to(view: UsageView, now_ms: int | None) -> int | None:
    """Milliseconds of this turn; of a running one until `now_ms`."""
    if view.began_ms is None:
        return view.own.ms
    return None if now_ms is None else max(0, now_ms - view.began_ms)


def clock(ms: int) -> str:
    """A time: whole seconds below a minute, where it is a running one."""
    return f"{ms // 1000} s" if ms % 1000 == 0 and ms < 60_000 else duration(ms)


def _history(view: UsageView, width: int) -> list[Line]:
    """A sparkline of the cost of each turn, oldest first; no lines below two turns."""
    amounts = [one.money.usd for one in view.turns if not one.money.free][-width:]
    reported = [amount for amount in amounts if amount is not None]
    if len(amounts) < 2 or not reported:
        return []
    highest = f"most {amount_text(max(reported))}"
    title = "Cost of each turn" if len(amounts) < width else f"Last {plural(len(amounts), 'turn')}"
    room = max(0, width - 2 - len(highest))
    title = title if len(title) <= room else f"{title[: max(0, room - 1)]}…"
    caption = ((f"{title:<{room}} {highest}", Look.FAINT),)
    return [caption, ((sparkline(amounts, width), Look.ACCENT),)]


def _limit_lines(gauge: Gauge, width: int, kind: str) -> list[Line]:
    """A limit with its bar. Its amounts are wrapped, never cut."""
    style = _STATES[gauge.state]
    words = " ".join(word for word in (gauge.percent_text, gauge.state.word) if word)
    bar = percent_level(gauge.percent, max(4, width - len(words) - 2))
    scope = kind if gauge.limit.scope is Scope.WORKER else gauge.limit.scope
    texts = wrapped_text(gauge.used_text, max(width - LABEL, LABEL))
    labels = (scope.capitalize(), *[""] * (len(texts) - 1))
    return [*map(_row, labels, texts), ((f"{bar} {words}", style),)]


def _notes(view: UsageView, width: int) -> list[Line]:
    """With whom this turn shares its amount, how the figures are read, and when they were read."""
    money = view.own.money
    texts = [money.share_text, f"Cost basis: {basis_words(money)}"]
    if view.credit_usd is not None:
        texts.append(f"{amount_text(view.credit_usd)} a credit is your price.")
    if view.read_ms is not None:
        when = moment_at(view.read_ms).astimezone()
        texts.append(f"As of {day_text(when, when.year)} {when:%H:%M:%S}")
    return [line for text in texts if text for line in _wrap(text, width)]


def _wrap(text: str, width: int, style: Look = Look.FAINT) -> list[Line]:
    return [((line, style),) for line in wrapped_text(text, max(width, 10))]


def compact_line(
    session: Session,
    gauges: Sequence[Gauge] = (),
    room: int | None = None,
    most: int | None = None,
    index: MoneyIndex | None = None,
) -> str:
    """One line for narrow screens: "turn $0.0123 so far · session $0.05 + 2 unknown".

    The nearest limit follows where the line fits `room` cells with it. A line longer than `most` cells loses
    what the session cost, never what the turn does. `index`: see `usage_view`.
    """
    view = UsageView.of(session, index)
    if view.status is None:
        return ""
    turn = f"turn {view.cost or view.own.money.total(Unit.USD).words()}"
    usd, credit = view.session(Unit.USD), view.session(Unit.CREDITS)
    of_session = usd.cost_words(credit, at_price(credit.value, view.session_usd))
    pieces = [turn, f"session {of_session}"] if len(view.turns) > 1 else [turn]
    gauge = nearest(gauges)
    if gauge is not None:
        word = gauge.state.word
        name = f"{_limit_name(gauge, view.kind)} {gauge.percent_text}" + (f", {word}" if word else "")
        longer = " · ".join([*pieces, name])
        if room is None or len(longer) <= room:
            return longer
    line = " · ".join(pieces)
    return line if most is None or len(line) <= most else turn
