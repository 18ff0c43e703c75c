"""Raising: a limit is set, lifted or raised by what a person typed, and the queue goes on."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol, TypeVar

from textual.notifications import SeverityLevel
from textual.screen import Screen

from handinger_tui.core.limits import (
    UNTIL_RAISED,
    Gauge,
    Limit,
    Origin,
    Scope,
    State,
    Unit,
    exact_text,
    reached_text,
)
from handinger_tui.ui.screens.desk import Desk
from handinger_tui.ui.screens.limiting import RaiseLimit
from handinger_tui.ui.widgets.amounts import Wish

Answer = TypeVar("Answer")
WHERE: Final = {Origin.FLAG: "of the command line", Origin.CONFIG: "of the settings"}


class Speaking(Protocol):
    """Who can say a line and ask a question."""

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """One passing line."""
        ...

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer."""
        ...


async def grant(desk: Desk, stage: Speaking, wish: Wish) -> None:
    """Set or lift a limit, say what counts now, and let the queue go on where nothing blocks any more.

    Raises:
        HandingerError: a limit of the worker before there is one.
        LedgerError: it is not kept.
    """
    purse, session = desk.connection.purse, desk.session
    session_id = session.session_id
    before = await purse.limits(session)
    for unit in [wish.unit] if wish.unit else list(Unit):
        await purse.set_limit(session, wish.scope, unit, wish.amount)
    now = await desk.limits_changed(session_id)
    for gauge in now:
        if _meant(wish, gauge.limit.scope, gauge.limit.unit):
            # Told right here, and not once more as a warning.
            desk.warned.told(session_id, gauge)
    stage.say(*_told(wish, before, now))


def _told(wish: Wish, before: Sequence[Limit], now: Sequence[Gauge]) -> tuple[str, SeverityLevel]:
    left = [gauge for gauge in now if _meant(wish, gauge.limit.scope, gauge.limit.unit)]
    if wish.amount is None:
        return _lifted(wish, before, [gauge.limit for gauge in left])
    gauge = next((gauge for gauge in left if gauge.limit.amount == wish.amount), None)
    unit = wish.unit or Unit.USD
    if gauge is None:
        stands = ", ".join(_where(gauge.limit) for gauge in left)
        kept = f"The {wish.scope} limit {exact_text(wish.amount, unit)} is kept"
        return (f"{kept}, but {stands} goes before it." if stands else f"{kept}."), "warning"
    if gauge.state is State.REACHED:
        return f"{reached_text(gauge)} {UNTIL_RAISED}", "error"
    used = "" if gauge.percent is None else f": {gauge.percent} % used"
    severity: SeverityLevel = "warning" if gauge.state is State.NEAR else "information"
    return f"The {wish.scope} limit is {exact_text(wish.amount, unit)} now{used}.", severity


def _lifted(wish: Wish, before: Sequence[Limit], left: Sequence[Limit]) -> tuple[str, SeverityLevel]:
    if left:
        return f"Still there: {', '.join(map(_where, left))}.", "warning"
    if not any(_meant(wish, limit.scope, limit.unit) for limit in before):
        return f"There was no {wish.scope} limit.", "information"
    return f"The {wish.scope} limit is lifted.", "information"


def _meant(wish: Wish, scope: Scope, unit: Unit) -> bool:
    return scope is wish.scope and wish.unit in (None, unit)


def _where(limit: Limit) -> str:
    place = WHERE.get(limit.origin, "")
    return f"the {limit.scope} limit {place} ({exact_text(limit.amount, limit.unit)})".replace("  ", " ")


async def raise_limit(
    desk: Desk, stage: Speaking, session_id: str, gauge: Gauge, *, sending: bool, about: str = ""
) -> bool:
    """Ask for a larger amount and set it; False when the person leaves it as it is.

    `about`: the title of the session, where another one is on the screen.

    Raises:
        LedgerError: it is not kept.
    """
    purse, limit = desk.connection.purse, gauge.limit
    desk.warned.told(session_id, gauge)
    question = RaiseLimit(gauge, sending=sending, simulated=purse.simulated, about=about)
    amount: Decimal | None = await stage.ask(question)
    if amount is None:
        return False
    await purse.set_limit(desk.session_of(session_id), limit.scope, limit.unit, amount)
    return True
