"""Which session the screen begins on, runs that were left going, and turns that ended meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Final

from handinger_tui.core.errors import ApiError, HandingerError, Unreachable
from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts.drafts import Draft, draft_of
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ui.ports import AppOptions, Opening
from handinger_tui.ui.widgets.status_text import going_for, so_far, unwatched
from handinger_tui.ui.work.session_controller import NotFound, SessionController


@dataclass(frozen=True, slots=True)
class Begun:
    """`session_id`: what to show; `notice`: one line to say; `pick`: show the session list.

    `problem`: it could not be read, and what was to be sent to it has to wait.
    """

    session_id: str
    notice: str = ""
    pick: bool = False
    problem: HandingerError | None = None


async def begin(desk: SessionController, launch: AppOptions) -> Begun:
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


async def _worker(desk: SessionController, worker_id: str) -> Begun:
    session_id = await desk.open_worker(worker_id)
    try:
        await desk.engine.adopt(session_id)
    except HandingerError as problem:
        # What is typed next is meant for this worker all the same, never for a new one.
        return Begun(session_id, problem=problem)
    return Begun(session_id)


async def _last(desk: SessionController, *, or_fresh: bool = False) -> Begun:
    row = await desk.newest()
    if row is None:
        return Begun(desk.session_id, "" if or_fresh else "There is no session yet: this is a new one.")
    session_id = await desk.open(row.session_id)
    if or_fresh and not desk.at_home(desk.session_of(session_id)):
        return Begun(desk.session_id)
    return Begun(session_id)


NEWEST: Final = 20
"""How many sessions are looked at: one GET each."""


@dataclass(slots=True)
class LookedBack:
    """`ended`: fetched and settled now; `going`: seen to run on. Newest first."""

    ended: list[Session] = field(default_factory=list)
    going: list[Session] = field(default_factory=list)


async def look_back(desk: SessionController) -> LookedBack:
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


class FinishedTurns:
    """Remembers, per session, how its turns stood. The first look at a session finds nothing new."""

    def __init__(self) -> None:
        self._stood: dict[str, tuple[Turn, ...]] = {}

    def met(self, session: Session) -> None:
        """Take a session as it stands, where nothing is known of it yet."""
        self._stood.setdefault(session.session_id, session.turns)

    def ended(self, session: Session) -> list[Turn]:
        """The turns that have ended since the last look, those that came and went in between included."""
        old = self._stood.get(session.session_id)
        self._stood[session.session_id] = session.turns
        if old is None:
            return []
        same = same_front(old, session.turns)
        # A turn in doubt that was watched and stays in doubt may do so between two looks.
        before = {turn.turn_id: (turn.status, turn.fault, turn.ended_ms) for turn in old[same:]}
        return [
            turn
            for turn in session.turns[same:]
            if before.get(turn.turn_id) != (turn.status, turn.fault, turn.ended_ms)
            and not turn.live
            and not turn.withdrawn
        ]


def drafts(ended: list[Turn]) -> list[Draft]:
    """The messages among them that were not surely delivered, oldest first."""
    return [draft_of(turn.order) for turn in ended if turn.draft]
