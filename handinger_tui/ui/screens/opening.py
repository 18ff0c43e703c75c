"""Opening: which session the screen begins on."""

from __future__ import annotations

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.record import dataclass
from handinger_tui.ui.launch import Launch, Opening
from handinger_tui.ui.screens.desk import Desk


@dataclass(frozen=True, slots=True)
class Begun:
    """`session_id`: what to show; `notice`: one line to say; `pick`: show the session list.

    `problem`: it could not be read, and what was to be sent to it has to wait.
    """

    session_id: str
    notice: str = ""
    pick: bool = False
    problem: HandingerError | None = None


async def begin(desk: Desk, launch: Launch) -> Begun:
    """Open what was asked for on the command line. Nothing on the screen changes.

    Raises:
        NotFound, LedgerError
    """
    match launch.opening:
        case Opening.FRESH:
            return Begun(desk.session_id)
        case Opening.PICKER:
            return Begun(desk.session_id, pick=True)
        case Opening.WORKER:
            return await _worker(desk, launch.worker or "")
        case Opening.CHOSEN:
            return Begun(await desk.open(await desk.find(launch.session or "")))
        case Opening.LAST:
            return await _last(desk)
        case Opening.LAST_OR_FRESH:
            # The local worker forgets its workers when it ends: going on there would only be refused.
            return Begun(desk.session_id) if desk.connection.badge.local else await _last(desk, or_fresh=True)


async def _worker(desk: Desk, worker_id: str) -> Begun:
    session_id = await desk.open_worker(worker_id)
    try:
        await desk.engine.adopt(session_id)
    except HandingerError as problem:
        # What is typed next is meant for this worker all the same, never for a new one.
        return Begun(session_id, problem=problem)
    return Begun(session_id)


async def _last(desk: Desk, *, or_fresh: bool = False) -> Begun:
    row = await desk.newest()
    if row is None:
        return Begun(desk.session_id, "" if or_fresh else "There is no session yet: this is a new one.")
    session_id = await desk.open(row.session_id)
    if or_fresh and not desk.at_home(desk.session_of(session_id)):
        return Begun(desk.session_id)
    return Begun(session_id)
