"""Keeps the limits, the budget chip and the limit warnings of the screen up to date."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol, runtime_checkable

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.money.limits import UNTIL_RAISED, Gauge, State, near_text, reached_text
from handinger_tui.core.money.typical_cost import TypicalCost, typical_cost_chip
from handinger_tui.ui.widgets.pane import SessionPane
from handinger_tui.ui.work.command_host import CommandHost
from handinger_tui.ui.work.session_controller import SessionController

CHECKS_PER_S: Final = 1.0
"""How often per second the screen checks whether charges or limits were written."""


@runtime_checkable
class Reloads(Protocol):
    """A screen that shows data of the history."""

    def reload(self) -> None:
        """Read the history again: it has changed."""
        ...


async def typical_cost_of(desk: SessionController, budget: str) -> TypicalCost:
    """The typical cost of a turn of the open session's worker at a budget.

    Raises:
        LedgerError
    """
    books, simulated = desk.connection.books, desk.connection.purse.simulated
    return await books.usual(desk.session.worker_id, budget, simulated=simulated)


class LimitWatcher:
    """Reads charges and limits only after something was written, and shows each warning once."""

    def __init__(self, desk: SessionController, stage: CommandHost, pane: SessionPane) -> None:
        self._desk = desk
        self._stage = stage
        self._pane = pane
        self._chip_for: tuple[str, str | None, str] | None = None
        self.is_checking = False
        """Whether `check` is running; the next interval starts no second one."""

    async def check(self, screens: Sequence[object] = ()) -> None:
        """Count again if any program has written charges or limits.

        Those of `screens` that implement `Reloads` are reloaded.
        """
        desk = self._desk
        self.is_checking = True
        try:
            # An unreadable history is reported where it is needed, not once a second.
            with suppress(LedgerError):
                if await desk.connection.books.changed():
                    for screen in screens:
                        if isinstance(screen, Reloads):
                            screen.reload()
                    await self.count()
                    await self.refresh_chip()
        finally:
            self.is_checking = False

    async def count(self) -> None:
        """Read the limits of the open session, and resume a queue whose limit was raised by another program.

        Raises:
            LedgerError
        """
        engine, session_id = self._desk.engine, self._desk.session_id
        hold = self._desk.hold_of(session_id)
        now = await engine.actor(session_id).recount()
        # Only a changed limit resumes the queue. Usage that drops by itself, as at midnight, does not.
        reached = None if hold is None else hold.gauge
        if reached is not None and reached.limit not in [gauge.limit for gauge in now]:
            await engine.actor(session_id).resume()

    # -- the chip ----------------------------------------------------------------------
    @property
    def is_chip_stale(self) -> bool:
        """Whether the chip shows another session, worker or budget than the present one."""
        return self._chip_for != self._chip_key()

    def _chip_key(self) -> tuple[str, str | None, str]:
        return self._desk.session_id, self._desk.session.worker_id, self._desk.budget

    async def refresh_chip(self) -> None:
        """Show the typical cost of a turn of this worker at this budget on the chip.

        Raises:
            LedgerError
        """
        key = self._chip_for = self._chip_key()
        typical_cost = await typical_cost_of(self._desk, self._desk.budget)
        if key == self._chip_for:
            self._pane.usual(typical_cost_chip(typical_cost))

    # -- warnings ----------------------------------------------------------------------
    def warn(self, gauges: Sequence[Gauge]) -> None:
        """Show a warning for each limit, once at 80 % and once at 100 %."""
        for gauge in self._desk.warned.take_new(self._desk.session_id, gauges):
            if gauge.state is State.REACHED:
                self._stage.say(f"{reached_text(gauge)} {UNTIL_RAISED}", "error")
            else:
                self._stage.say(near_text(gauge), "warning")
