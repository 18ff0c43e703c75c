"""Ledger: what everything took so far, by day, worker, session, budget, trigger and turn."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from handinger_tui.core.spending import By
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.screens import ledger_head as head
from handinger_tui.ui.screens.ledger_columns import Line
from handinger_tui.ui.screens.ledger_parts import Charts, Head
from handinger_tui.ui.screens.ledger_reading import LedgerReading
from handinger_tui.ui.screens.ledger_table import LedgerTable
from handinger_tui.ui.screens.ledger_view import View


class LedgerScreen(LedgerReading):
    """Returns the id of a session to open, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LEDGER)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's shape
        """Only keys that do something here are offered."""
        match action:
            case "widen":
                return bool(self._view.narrowed)
            case "charts":
                return (
                    self.has_class("-narrow")
                    and self._figures is not None
                    and self._figures.chart is not None
                )
            case "open":
                line = self._line
                return line is not None and line.session_id is not None
            case "narrow":
                return self._line is not None and self._view.by is not By.TRIGGER
            case _:
                return True

    @property
    def _line(self) -> Line | None:
        return self.table.current if self.is_mounted else None

    def _go(self, view: View, cursor_at: str | None = None) -> None:
        """Another view: its captions at once, its figures as soon as they are read."""
        self._view, self._cursor_at = view, cursor_at
        self.query_one(Head).turn_to(view)
        if self.has_class("-charts"):
            self.action_charts()
        self.refresh_bindings()
        self._read()

    @on(Head.Clicked)
    def _clicked(self, event: Head.Clicked) -> None:
        if event.does == head.PERIOD:
            self.action_period()
        elif event.does == head.WIDEN:
            self.action_widen()
        else:
            self.action_group(event.does)

    def action_group(self, by: str) -> None:
        """Another grouping of the same charges."""
        self._go(replace(self._view, by=By(by)))

    def action_period(self) -> None:
        """The next period; charts stay charts."""
        charts = self.has_class("-charts")
        self._go(self._view.next_period())
        if charts:
            self.action_charts()

    @on(LedgerTable.Taken)
    def action_narrow(self) -> None:
        """Leave out everything but the marked row."""
        line = self.table.current
        if line is None:
            return
        view = self._view.narrow(
            line.key if self._view.by is not By.TURN else line.session_id or "", line.words
        )
        if view is None:
            self.notify("There is no narrowing to this row.", severity="warning", markup=False)
        else:
            self._go(view)

    def action_widen(self) -> None:
        """Take the last narrowing away."""
        if self._view.narrowed:
            self._go(self._view.widen(), self._view.narrowed[-1].came_at)

    def action_back(self) -> None:
        """First the charts over the table, then the narrowings, then the screen."""
        if self.has_class("-charts") and self.has_class("-narrow"):
            self.action_charts()
        elif self._view.narrowed:
            self.action_widen()
        else:
            self.dismiss(None)

    def action_charts(self) -> None:
        """Table or charts, where there is no room for both."""
        self.toggle_class("-charts")
        (self.query_one(Charts) if self.has_class("-charts") else self.table).focus()

    def action_money(self) -> None:
        """Real money, or the simulated."""
        self._chosen_money = True
        self._go(replace(self._view, simulated=not self._view.simulated))

    def action_reload(self) -> None:
        """Read the history again."""
        self._read()

    def action_open(self) -> None:
        """Open the session of the marked row."""
        line = self.table.current
        if line is not None and line.session_id is not None:
            self.dismiss(line.session_id)
