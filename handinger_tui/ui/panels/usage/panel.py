"""The usage panel: tokens, credits and cost of this turn and this worker, as the service reported them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.amounts import Total, credits_words, short_total_text, usd_text
from handinger_tui.core.formatting import NOT_REPORTED, PENDING, number
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.lists.virtual_list import ListRows
from handinger_tui.ui.panels.panel import Key, Panel, PanelEntry, TurnMemo
from handinger_tui.ui.panels.usage.lines import gauge_words, usage_lines
from handinger_tui.ui.panels.usage.view import (
    CATEGORIES,
    Figure,
    UsageView,
    WorkerTotals,
    usage_view,
)

WIDEST: Final = 64
"""Cells of the lines of figures, in a wider panel, too: figures far from their names are hard to read."""


class UsageRows(ListRows):
    """Lines without items: figures, charts and notes, computed again when the figures or the width change.

    `zone`: the time zone of "as of"; None is the local one.
    """

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
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
            self._lines = usage_lines(self.view, width, self._zone, self.now_ms, self.gauges)
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
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"usage--{name}" for name in (*CATEGORIES, "rest", "reached")}
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PANELS, Where.USAGE)

    def __init__(self, zone: tzinfo | None = None) -> None:
        """`zone`: as for `UsageRows`."""
        super().__init__(UsageRows(zone), id="panel-usage", classes="panel")
        self.tooltip = "Figures come from the service. Unreported values are never shown as zero."
        self.totals = WorkerTotals()
        self._view = TurnMemo(_key, lambda session: usage_view(session, self.totals))

    def show(self, session: Session) -> None:
        """Show the figures of the session; the clock starts again with another turn."""
        view, before = self._view(session), self.rows.view
        self.rows.simulated = session.base_url == LOCAL
        if view != before:
            if before is None or before.began_ms != view.began_ms:
                self.rows.now_ms = None
            self.rows.view = view
            self.update()

    def gauges(self, gauges: Sequence[Gauge]) -> None:
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
    totals: WorkerTotals | None = None,
) -> str:
    """One line for narrow screens: "turn $0.0123 · 8 credits · worker $0.05 +2".

    The limit nearest to being reached follows when the line fits `room` cells with it. A line longer
    than `most` cells loses tokens, then credits, but never an amount of money. `totals`: see `usage_view`.
    """
    view = usage_view(session, totals)
    if view.status is None:
        return ""
    turn, worker = _turn_pieces(view), _worker_piece(view)
    if (turn, worker) == ([f"turn {PENDING}"], f"worker {PENDING}"):
        turn, worker = [], f"cost {PENDING}"
    nearest = max(gauges, key=lambda gauge: (gauge.state, gauge.percent or 0), default=None)
    if nearest is not None:
        longer = " · ".join([*turn, worker, gauge_words(nearest)])
        if room is None or len(longer) <= room:
            return longer
    choices = ([*turn, worker], [*turn[:-1], worker], [*turn[:1], worker])
    lines = [" · ".join(pieces) for pieces in choices]
    return next((line for line in lines if most is None or len(line) <= most), lines[-1])


def _turn_pieces(view: UsageView) -> list[str]:
    cost, credit, tokens = (view.this_turn(name) for name in ("cost", "credits", "total"))
    pieces = [f"turn {_word(cost) or cost.sign + usd_text(Decimal(cost.value or 0))}"]
    if credit.value is not None:
        pieces.append(credit.sign + credits_words(Decimal(credit.value)))
    if tokens.value is not None:
        pieces.append(f"{number(int(tokens.value))} tokens")
    return pieces


def _worker_piece(view: UsageView) -> str:
    total = view.this_worker("cost")
    if total.value is None:
        return f"worker {_word(total)}"
    return f"worker {short_total_text(Total(Decimal(total.value), total.missing, bool(total.sign)))}"


def _word(figure: Figure) -> str:
    """The word for a figure without a value; "" when it has a value."""
    return "" if figure.value is not None else PENDING if figure.pending else NOT_REPORTED


def _key(turn: Turn) -> Key:
    """The memo key of a turn: everything that its figures depend on, which does not include its text."""
    readings = tuple((read.usage, read.costs, read.busy) for read in (turn.before, turn.snapshot) if read)
    source = (turn.before is None, turn.snapshot is None, turn.order.worker_id, turn.worker_id)
    return turn.status, source, readings, turn.read_ms, turn.ended_ms, turn.order.created_ms


USAGE: Final = PanelEntry("usage", UsagePanel)
