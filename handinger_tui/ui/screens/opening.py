"""Opening: which session the screen begins on."""

from __future__ import annotations

from dataclasses import field

from handinger_tui.core.drafts import Draft
from handinger_tui.core.record import dataclass
from handinger_tui.ui.launch import Launch, Opening
from handinger_tui.ui.screens.desk import Desk


@dataclass(frozen=True, slots=True)
class Begun:
    """`waiting`: messages that were never sent; `said`: one line to say; `pick`: show the session list."""

    waiting: list[Draft] = field(default_factory=list)
    said: str = ""
    pick: bool = False


async def begin(desk: Desk, launch: Launch) -> Begun:
    """Open what was asked for on the command line.

    Raises:
        NotFound, ApiError, LedgerError: the desk then stands on a session all the same.
    """
    match launch.opening:
        case Opening.FRESH:
            return Begun()
        case Opening.PICKER:
            return Begun(pick=True)
        case Opening.WORKER:
            return Begun(await desk.open_worker(launch.worker or ""))
        case Opening.CHOSEN:
            return Begun(await desk.open(await desk.find(launch.session or "")))
        case Opening.LAST:
            return await _last(desk)
        case Opening.LAST_OR_FRESH:
            # The local worker forgets its workers when it ends: going on there would only be refused.
            return Begun() if desk.connection.badge.local else await _last(desk, or_fresh=True)


async def _last(desk: Desk, *, or_fresh: bool = False) -> Begun:
    row = await desk.newest()
    if row is None:
        return Begun() if or_fresh else Begun(said="There is no session yet: this is a new one.")
    waiting = await desk.open(row.session_id)
    if or_fresh and not desk.at_home(desk.session):
        desk.fresh()
        return Begun()
    return Begun(waiting)
