"""Looking back: the runs that were left going, each looked at once when the program starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Final

from handinger_tui.core.errors import ApiError, Unreachable
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety import clean_line
from handinger_tui.core.session import Session
from handinger_tui.core.turn import TurnStatus
from handinger_tui.core.words import plural
from handinger_tui.ui.screens.desk import Desk, NotFound
from handinger_tui.ui.widgets.words import going_for, so_far, unwatched

NEWEST: Final = 20
"""How many sessions are looked at: one GET each."""


@dataclass(slots=True)
class LookedBack:
    """`ended`: fetched and settled now; `going`: seen to run on. Newest first."""

    ended: list[Session] = field(default_factory=list)
    going: list[Session] = field(default_factory=list)


async def look_back(desk: Desk) -> LookedBack:
    """Look at the newest runs left going. Those that ended out of sight are marked unread.

    Raises:
        LedgerError
    """
    found = LookedBack()
    # The local worker ends with the program: what it ran is gone.
    if desk.connection.badge.local:
        return found
    rows = [row for row in await desk.shelf.sessions() if row.last_status is TurnStatus.RUNNING]
    for row in [row for row in rows if row.base_url in ("", desk.connection.base_url)][:NEWEST]:
        try:
            ended = await desk.look(row.session_id)
        except Unreachable:
            # Without a network none of them tells anything.
            break
        except (ApiError, NotFound):
            continue
        session = desk.engine.session(row.session_id)
        if ended:
            found.ended.append(session)
            if session.session_id != desk.session_id:
                await desk.shelf.mark_unread(session.session_id)
        elif not desk.engine.running(session.session_id) and unwatched(session) is not None:
            found.going.append(session)
    return found


def told(found: LookedBack, here: str, now_ms: int) -> list[str]:
    """What there is to say; nothing about a run that ended on the screen, session `here`."""
    said = []
    ended = [session for session in found.ended if session.session_id != here]
    if len(ended) == 1:
        said.append(f"“{clean_line(ended[0].title, 60)}” has ended meanwhile: ^S opens it.")
    elif ended:
        said.append(f"{len(ended)} runs have ended meanwhile: ^S lists them.")
    if found.going:
        said.append(_going(found.going, now_ms))
    return said


def _going(going: Sequence[Session], now_ms: int) -> str:
    turn = unwatched(going[0])
    if turn is None:
        return ""
    count = plural(len(going), "run")
    which = "the newest: " if len(going) > 1 else ""
    title = clean_line(going[0].title or going[0].worker_id or "Untitled", 60)
    about = f"{title}, {going_for(turn, now_ms)}, {so_far(going[0], turn)}"
    return f"{count} still going: {which}{about}. Enter on an empty prompt watches."
