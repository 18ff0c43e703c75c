"""Opening: which session the screen begins on, and what it says at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from handinger_tui.core.safety import clean_line
from handinger_tui.core.session import Session
from handinger_tui.core.turn import TurnStatus
from handinger_tui.ui.launch import Launch, Opening
from handinger_tui.ui.screens.desk import Desk


@dataclass(frozen=True, slots=True)
class Begun:
    """`waiting`: prompts that were never sent; `said`: one line to say; `pick`: show the session list."""

    waiting: list[str] = field(default_factory=list)
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


def farewell(session: Session) -> list[str]:
    """What the terminal shows after leaving: how to come back, and what goes on without us."""
    if not session.turns:
        return []
    lines = [f"Resume this session:  handinger-tui --resume {clean_line(session.session_id)}"]
    if session.worker_id is None:
        return lines
    worker = clean_line(session.worker_id)
    lines.append(f"Its worker:           handinger-tui --worker {worker}")
    turn = session.current
    if session.busy or (turn is not None and turn.status is TurnStatus.RUNNING):
        lines.append("The worker is still running on the server and may keep charging.")
        lines.append(f"Watch it again:       handinger-tui attach {worker}")
    return lines
