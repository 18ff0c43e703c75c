"""The usage panel: at rest what this turn and the session cost, in full every figure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from textual.content import Content

from handinger_tui.core.bars import Look
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.turns.session import LOCAL
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.panel import Key, Panel, PanelEntry, TurnMemo
from handinger_tui.ui.widgets.virtual_list import ListRows

if TYPE_CHECKING:
    from handinger_tui.core.money.attribution import MoneyIndex
    from handinger_tui.core.money.usage_view import UsageView
    from handinger_tui.core.turns.session import Session

_STYLES: Final = {look: f".{'usage' if look.of_usage else 'panel'}--{look}" for look in Look if look}


def contents(
    view: UsageView, width: int, gauges: Sequence[Gauge] = (), now_ms: int | None = None, *, full: bool
) -> list[Content]:
    """The panel at rest, or in full."""
    from handinger_tui.core.money import usage_lines  # no money before the first turn

    return [_drawn(line, width) for line in usage_lines.panel_lines(view, width, gauges, now_ms, full=full)]


def _drawn(line: Sequence[tuple[str, Look]], width: int) -> Content:
    pieces = ((text, _STYLES.get(look, "")) for text, look in line)
    return Content.assemble(*pieces).truncate(width, ellipsis=True)


WIDEST: Final = 64
"""Most cells of a line of figures: figures far from their names are hard to read."""


class UsageRows(ListRows):
    """Lines without items, computed again when what they show or the width changes."""

    def __init__(self) -> None:
        self.view: UsageView | None = None
        self.gauges: tuple[Gauge, ...] = ()
        self.now_ms: int | None = None
        self.full = False
        """Every figure, not only the rows at rest."""
        self.simulated = False
        """The money is that of the local worker."""
        self._lines: list[Content] = []
        self._lines_key: tuple[object, ...] = ()

    def _lines_at(self, width: int) -> list[Content]:
        if self.view is None:
            return []
        width = min(width, WIDEST)
        key = (self.view, width, self.now_ms if self.full else None, self.gauges, self.full)
        if key != self._lines_key:
            self._lines_key = key
            self._lines = contents(self.view, width, self.gauges, self.now_ms, full=self.full)
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
    """What this turn and the session cost; with the focus, every figure."""

    BORDER_TITLE = "Usage & cost"
    NEEDS_ITEMS = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(_STYLES[look].removeprefix(".") for look in Look if look.of_usage),
    }
    BINDINGS = bindings(Where.PANELS, Where.USAGE)

    def __init__(self) -> None:
        super().__init__(UsageRows(), id="panel-usage")
        self.tooltip = "Figures come from the service. Unknown is never shown as zero."
        self._view = TurnMemo(_key, self._view_of)

    @cached_property
    def money(self) -> MoneyIndex:
        """The money of each turn, which others share."""
        from handinger_tui.core.money.attribution import MoneyIndex  # no money before the first turn

        return MoneyIndex()

    def _view_of(self, session: Session) -> UsageView:
        from handinger_tui.core.money.usage_view import UsageView  # no money before the first turn

        return UsageView.of(session, self.money)

    def on_focus(self) -> None:
        self._set_full(True)

    def on_blur(self) -> None:
        """Show the rows at rest."""
        self._set_full(False)

    def _set_full(self, full: bool) -> None:
        self.rows.full = full
        self.scroll_home(animate=False)
        self.update()

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
        """Advance the clock of the running turn: once a second, redrawing only the line that shows it."""
        began = self.rows.view.began_ms if self.rows.view is not None else None
        if began is None:
            return
        # Whole seconds since the start, so that the clock never skips one.
        second = began + max(0, now_ms - began) // 1000 * 1000
        if second != self.rows.now_ms:
            self.rows.now_ms = second
            if self.rows.full:
                self.update()


def _key(turn: Turn) -> Key:
    """The memo key of a turn: everything that its figures depend on, which does not include its text."""
    readings = tuple((read.usage, read.costs, read.busy) for read in (turn.before, turn.snapshot) if read)
    source = (turn.before is None, turn.snapshot is None, turn.request.target_id, turn.worker_id)
    return turn.status, source, readings, turn.read_ms, turn.ended_ms, turn.began_ms


USAGE: Final = PanelEntry("usage", UsagePanel)
