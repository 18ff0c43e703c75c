"""The usage panel: tokens, credits and cost of this turn and this worker, as the service reported them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content

from handinger_tui.core.amounts import credits_words, usd_text
from handinger_tui.core.formatting import NOT_REPORTED, PENDING, number
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.panels.panel import Panel, PanelEntry
from handinger_tui.ui.panels.usage.lines import BLANK, gap_text, gauge_words, usage_lines
from handinger_tui.ui.panels.usage.totals import CATEGORIES, Key, TurnMemo, WorkerTotals
from handinger_tui.ui.panels.usage.view import Figure, UsageView, usage_view


class UsagePanel(Panel[UsageView]):
    """Figures in two columns, the cost split, the cost of each turn, and notes on their source.

    `zone`: the time zone of "as of"; None is the local one.
    """

    name_of_panel = "usage"
    BORDER_TITLE = "Usage & cost"
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"usage--{name}" for name in (*CATEGORIES, "rest", "reached")}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "Up", show=False, tooltip="Scroll up", id="usage.up"),
        Binding("down", "scroll_down", "Down", show=False, tooltip="Scroll down", id="usage.down"),
        Binding("pageup", "page_up", "Page up", show=False, tooltip="A page up", id="usage.page_up"),
        Binding(
            "pagedown", "page_down", "Page down", show=False, tooltip="A page down", id="usage.page_down"
        ),
        Binding("home", "scroll_home", "Top", show=False, tooltip="To the top", id="usage.top"),
        Binding("end", "scroll_end", "End", show=False, tooltip="To the end", id="usage.end"),
    ]

    def __init__(self, zone: tzinfo | None = None) -> None:
        super().__init__()
        self.tooltip = "Figures come from the service. What it did not report is never shown as zero."
        self._zone = zone
        self.totals = WorkerTotals()
        self._view = TurnMemo(_key, lambda session: usage_view(session, self.totals))
        self._gauges: tuple[Gauge, ...] = ()
        self._now_ms: int | None = None
        self._lines: list[Content] = []
        self._lines_key: tuple[object, ...] = ()

    def select(self, session: Session) -> UsageView:
        """The figures of the session."""
        return self._view(session)

    def changed(self, before: UsageView | None, now: UsageView) -> None:
        """Reset the clock when another turn starts."""
        if before is None or before.began_ms != now.began_ms:
            self._now_ms = None

    def gauges(self, gauges: Sequence[Gauge]) -> None:
        """Show these limits and how far each is used."""
        if tuple(gauges) != self._gauges:
            self._gauges = tuple(gauges)
            self.redraw()

    def tick(self, now_ms: int) -> None:
        """Advance the clock of the running turn: once a second, redrawing only the lines that show it."""
        began = self._selection.began_ms if self._selection is not None else None
        if began is None:
            return
        # Whole seconds since the start, so that the clock never skips one.
        second = began + max(0, now_ms - began) // 1000 * 1000
        if second == self._now_ms:
            return
        self._now_ms = second
        self.redraw()

    def line_count(self, width: int) -> int:
        """The number of lines at `width`; computes the lines when the figures or the width changed."""
        if self._selection is None:
            return 0
        key = (self._selection, width, self._now_ms, self._gauges)
        if key != self._lines_key:
            self._lines = usage_lines(self._selection, width, self._zone, self._now_ms, self._gauges)
            self._lines_key = key
        return len(self._lines)

    def line(self, y: int, width: int) -> Content:
        """Line `y` of the panel; blank after the last one."""
        return self._lines[y] if y < self.line_count(width) else BLANK


def compact_line(
    session: Session,
    gauges: Sequence[Gauge] = (),
    room: int | None = None,
    most: int | None = None,
    totals: WorkerTotals | None = None,
) -> str:
    """One line for narrow screens: "turn $0.0123 · 8 credits · worker $0.05+ (2 turns not reported)".

    The limit nearest to being reached follows when the line fits `room` cells with it. A line longer
    than `most` cells loses the reason of the plus sign, then tokens, then credits, but never an
    amount of money. `totals`: see `usage_view`.
    """
    view = usage_view(session, totals)
    if view.status is None:
        return ""
    turn, worker = _turn_pieces(view), _worker_piece(view)
    nearest = max(gauges, key=lambda gauge: (gauge.state, gauge.percent or 0), default=None)
    if nearest is not None:
        longer = " · ".join([*turn, worker, gauge_words(nearest)])
        if room is None or len(longer) <= room:
            return longer
    brief = worker.partition(" (")[0]
    choices = ([*turn, worker], [*turn, brief], [*turn[:-1], brief], [turn[0], brief])
    lines = [" · ".join(pieces) for pieces in choices]
    return next((line for line in lines if most is None or len(line) <= most), lines[-1])


def _turn_pieces(view: UsageView) -> list[str]:
    cost, credit, tokens = (view.this_turn(name) for name in ("cost", "credits", "total"))
    pieces = [f"turn {_word(cost) or usd_text(Decimal(cost.value or 0))}"]
    if credit.value is not None:
        pieces.append(credits_words(Decimal(credit.value)))
    if tokens.value is not None:
        pieces.append(f"{number(int(tokens.value))} tokens")
    return pieces


def _worker_piece(view: UsageView) -> str:
    total = view.this_worker("cost")
    if total.value is None:
        return f"worker {_word(total)}"
    gap = gap_text(UsageView(worker=(total,), so_far=view.so_far))
    return f"worker {usd_text(Decimal(total.value))}{gap}"


def _word(figure: Figure) -> str:
    """The word for a figure without a value; "" when it has a value."""
    return "" if figure.value is not None else PENDING if figure.pending else NOT_REPORTED


def _key(turn: Turn) -> Key:
    """The memo key of a turn: everything that its figures depend on, which does not include its text."""
    readings = tuple((read.usage, read.costs, read.busy) for read in (turn.before, turn.snapshot) if read)
    source = (turn.before is None, turn.snapshot is None, turn.order.worker_id, turn.worker_id)
    return turn.status, source, readings, turn.read_ms, turn.ended_ms, turn.order.created_ms


USAGE: Final = PanelEntry("usage", UsagePanel)
