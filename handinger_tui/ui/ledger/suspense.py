"""Suspense on the ledger screen: lines on it, and the questions by which the person assigns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from textual.app import App

from handinger_tui.core.money.spending import ChargeFilter, Rise
from handinger_tui.core.money.suspense import Assigned, owners_text, rise_text
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.dialogs.confirm import Choice
from handinger_tui.ui.ledger.query import Figures, Reader, moment
from handinger_tui.ui.ledger.table import turn_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handinger_tui.ui.ports import RulingStore

TURNS: Final = 100
"""So many of the newest turns of a worker are offered as owners."""
_TAKE_BACK: Final = "-"
"""Prefix of the name of a choice that takes back what was assigned."""


def suspense_texts(figures: Figures) -> tuple[str, ...]:
    """The lines below the table."""
    rises = _rises(figures)
    texts = [_rise_line(rise) for rise in rises[-1:]]
    if len(rises) > 1:
        texts.append(f"{len(rises) - 1} more. Press a to list all.")
    return (*texts, *map(_assigned_line, figures.assigned[-1:]))


def _rises(figures: Figures) -> list[Rise]:
    return [rise for bucket in figures.suspense for rise in bucket.rises]


def _rise_line(rise: Rise) -> str:
    return clean_line(f"{rise.number}: {rise_text(rise)}, {rise.worker_id}: {owners_text(rise)}.")


def _assigned_line(one: Assigned) -> str:
    return clean_line(f"{one.number} was assigned to {one.turn_id}. Press a to undo.")


class Asking(Struct, frozen=True):
    """Asks what belongs to which turn, and stores it."""

    app: App[Any]
    reader: Reader
    rulings: RulingStore
    now_ms: Callable[[], int]

    async def assign(self, figures: Figures, rises: Sequence[Rise]) -> bool:
        """Assign one of `rises` (none: of all in the view), or take one back; False: a question was closed.

        Raises:
            LedgerError, SettingsError
        """
        rise = rises[0] if len(rises) == 1 else None
        if rise is None:
            offered = {str(one.number): one for one in rises or _rises(figures)}
            choices = [(number, _rise_line(one)) for number, one in offered.items()]
            taken = figures.assigned if not rises else ()
            choices += [(f"{_TAKE_BACK}{one.number}", _assigned_line(one)) for one in taken]
            chosen = await self.app.push_screen_wait(Choice("Suspense", choices))
            if chosen is None:
                return False
            if chosen.startswith(_TAKE_BACK):
                await self.rulings.assign(int(chosen.removeprefix(_TAKE_BACK)), None, self.now_ms())
                return True
            rise = offered[chosen]
        turn_id = await self._owner(rise, simulated=figures.view.simulated)
        if turn_id is not None:
            await self.rulings.assign(rise.number, turn_id, self.now_ms())
        return turn_id is not None

    async def _owner(self, rise: Rise, *, simulated: bool) -> str | None:
        """Ask for one of the newest turns of the worker."""
        which = ChargeFilter(worker_id=rise.worker_id, simulated=simulated)
        zone = self.reader.zone
        year = moment(self.now_ms(), zone).year
        rows = []
        for turn in await self.reader.charges.turn_charges(which, TURNS):
            when, session, *others = turn_line(turn, zone, year).cells
            rows.append((turn.turn_id, f"{when}  {others[-2]}  {session}  {turn.turn_id}"))
        return await self.app.push_screen_wait(Choice(f"Which turn cost {rise_text(rise)}?", rows))
