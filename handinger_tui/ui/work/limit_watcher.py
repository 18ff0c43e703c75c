"""Till: keeps limits, budget chip and warnings of the screen true while anybody spends."""

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

LOOKS_PER_S: Final = 1.0


@runtime_checkable
class Reloads(Protocol):
    """A screen that shows what is in the history."""

    def reload(self) -> None:
        """The history has changed."""
        ...


async def usual_of(desk: SessionController, budget: str) -> TypicalCost:
    """What a turn of this worker takes at a budget.

    Raises:
        LedgerError
    """
    books, simulated = desk.connection.books, desk.connection.purse.simulated
    return await books.usual(desk.session.worker_id, budget, simulated=simulated)


class LimitWatcher:
    """Reads only when something was written, and writes to the screen only what is new."""

    def __init__(self, desk: SessionController, stage: CommandHost, pane: SessionPane) -> None:
        self._desk = desk
        self._stage = stage
        self._pane = pane
        self._chip_for: tuple[str, str | None, str] | None = None
        self.looking = False
        """A look is under way: another one waits for the next second."""

    async def look(self, screens: Sequence[object] = ()) -> None:
        """Whether any program has written charges or limits; if so, count anew.

        Those of `screens` that show the history read it again.
        """
        desk = self._desk
        self.looking = True
        try:
            # A history that cannot be read is told where it is needed, not once a second.
            with suppress(LedgerError):
                if await desk.connection.books.changed():
                    for screen in screens:
                        if isinstance(screen, Reloads):
                            screen.reload()
                    await self.count()
                    await self.refresh_chip()
        finally:
            self.looking = False

    async def count(self) -> None:
        """Read the limits of the open session, and let a queue go on whose limit was raised elsewhere.

        Raises:
            LedgerError
        """
        engine, session_id = self._desk.engine, self._desk.session_id
        hold = self._desk.hold_of(session_id)
        now = await engine.recount(session_id)
        # Spending that falls by itself, as at midnight, starts nothing: a person has to raise the limit.
        reached = None if hold is None else hold.gauge
        if reached is not None and reached.limit not in [gauge.limit for gauge in now]:
            await engine.resume(session_id)

    # -- the chip ----------------------------------------------------------------------
    @property
    def chip_is_old(self) -> bool:
        """The chip tells of another session, worker or budget."""
        return self._chip_for != self._chip_of()

    def _chip_of(self) -> tuple[str, str | None, str]:
        return self._desk.session_id, self._desk.session.worker_id, self._desk.budget

    async def refresh_chip(self) -> None:
        """What a turn of this worker at this budget usually takes.

        Raises:
            LedgerError
        """
        made_for = self._chip_for = self._chip_of()
        usual = await usual_of(self._desk, self._desk.budget)
        if made_for == self._chip_for:
            self._pane.usual(typical_cost_chip(usual))

    # -- warnings ----------------------------------------------------------------------
    def warn(self, gauges: Sequence[Gauge]) -> None:
        """Each limit once at 80 % and once at 100 %."""
        for gauge in self._desk.warned.news(self._desk.session_id, gauges):
            if gauge.state is State.REACHED:
                self._stage.say(f"{reached_text(gauge)} {UNTIL_RAISED}", "error")
            else:
                self._stage.say(near_text(gauge), "warning")
