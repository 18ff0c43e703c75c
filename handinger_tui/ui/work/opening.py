"""The session that the screen starts with, turns that were left running, and turns that have ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from handinger_tui.core.errors import ApiError, HandingerError, Unreachable
from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts.drafts import Draft, draft_of
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ui.ports import AppOptions, Opening
from handinger_tui.ui.widgets.status_text import going_for, so_far, unwatched
from handinger_tui.ui.work.session_controller import NotFound, SessionController


@dataclass(frozen=True, slots=True)
class InitialSession:
    """The session to start with.

    `session_id`: the session to show; `notice`: a line to show to the person; `pick`: open the session list.
    `problem`: the worker of the session could not be read, so nothing is sent to it yet.
    """

    session_id: str
    notice: str = ""
    pick: bool = False
    problem: HandingerError | None = None


async def open_initial_session(desk: SessionController, options: AppOptions) -> InitialSession:
    """Open the session that the command line requests. The screen does not change.

    Raises:
        NotFound: no session matches, or more than one does.
        LedgerError: the history cannot be read.
    """
    match options.opening:
        case Opening.FRESH:
            return InitialSession(desk.session_id)
        case Opening.PICKER:
            return InitialSession(desk.session_id, pick=True)
        case Opening.WORKER:
            return await _open_worker(desk, options.worker or "")
        case Opening.CHOSEN:
            return InitialSession(await desk.open(await desk.find(options.session or "")))
        case Opening.LAST:
            return await _open_last(desk)
        case Opening.LAST_OR_FRESH:
            # The local worker forgets its workers when it ends: it would refuse to continue an old session.
            if desk.connection.badge.local:
                return InitialSession(desk.session_id)
            return await _open_last(desk, or_fresh=True)


async def _open_worker(desk: SessionController, worker_id: str) -> InitialSession:
    session_id = await desk.open_worker(worker_id)
    try:
        await desk.engine.adopt(session_id)
    except HandingerError as problem:
        # The session stays: what is typed next is meant for this worker, never for a new one.
        return InitialSession(session_id, problem=problem)
    return InitialSession(session_id)


async def _open_last(desk: SessionController, *, or_fresh: bool = False) -> InitialSession:
    row = await desk.newest()
    if row is None:
        return InitialSession(
            desk.session_id, "" if or_fresh else "There is no session yet: this is a new one."
        )
    session_id = await desk.open(row.session_id)
    if or_fresh and not desk.belongs_here(desk.session_of(session_id)):
        return InitialSession(desk.session_id)
    return InitialSession(session_id)


MAX_CHECKED: Final = 20
"""How many sessions are checked at the start, with one GET each."""


@dataclass(slots=True)
class RunningCheck:
    """The result of `check_running_sessions`, newest first.

    `ended`: sessions whose turn has ended and was fetched; `running`: sessions whose turn still runs.
    """

    ended: list[Session] = field(default_factory=list)
    running: list[Session] = field(default_factory=list)


async def check_running_sessions(desk: SessionController) -> RunningCheck:
    """Check on the newest turns left running. Ended ones of sessions not on the screen are marked unread.

    Raises:
        LedgerError
    """
    result = RunningCheck()
    # The local worker ends with the program, and its turns with it.
    if desk.connection.badge.local:
        return result
    rows = [row for row in await desk.shelf.sessions() if row.last_status is TurnStatus.RUNNING]
    for row in [row for row in rows if row.base_url in ("", desk.connection.base_url)][:MAX_CHECKED]:
        try:
            ended = await desk.check_running(row.session_id)
        except Unreachable:
            # Without a network the other sessions cannot be read either.
            break
        except (ApiError, NotFound):
            continue
        session = desk.engine.session(row.session_id)
        if ended:
            result.ended.append(session)
            if session.session_id != desk.session_id:
                await desk.shelf.mark_unread(session.session_id)
        elif not desk.engine.actor(session.session_id).running and unwatched(session) is not None:
            result.running.append(session)
    return result


def format_check(result: RunningCheck, shown_id: str, now_ms: int) -> list[str]:
    """The lines that report a check.

    A turn that ended in the session on the screen, `shown_id`, is left out.
    """
    lines = []
    ended = [session for session in result.ended if session.session_id != shown_id]
    if len(ended) == 1:
        lines.append(f"“{clean_line(ended[0].title, 60)}” has ended meanwhile: ^S opens it.")
    elif ended:
        lines.append(f"{len(ended)} runs have ended meanwhile: ^S lists them.")
    if result.running:
        lines.append(_format_running(result.running, now_ms))
    return lines


def _format_running(sessions: Sequence[Session], now_ms: int) -> str:
    turn = unwatched(sessions[0])
    if turn is None:
        return ""
    count = plural(len(sessions), "run")
    which = "the newest: " if len(sessions) > 1 else ""
    title = clean_line(sessions[0].title or sessions[0].worker_id or "Untitled", 60)
    about = f"{title}, {going_for(turn, now_ms)}, {so_far(sessions[0], turn)}"
    return f"{count} still going: {which}{about}. Enter on an empty prompt watches."


class FinishedTurns:
    """Detects ended turns by comparing the turns of a session with those of the previous call.

    The first call for a session detects nothing.
    """

    def __init__(self) -> None:
        self._last_seen: dict[str, tuple[Turn, ...]] = {}

    def remember(self, session: Session) -> None:
        """Store the present turns of a session, unless some are stored already."""
        self._last_seen.setdefault(session.session_id, session.turns)

    def ended(self, session: Session) -> list[Turn]:
        """The turns that have ended since the last call, including those that also started in between."""
        old = self._last_seen.get(session.session_id)
        self._last_seen[session.session_id] = session.turns
        if old is None:
            return []
        unchanged = same_front(old, session.turns)
        # A turn of unknown delivery that was watched again may be unknown at both calls: compare
        # its end, too.
        before = {turn.turn_id: (turn.status, turn.fault, turn.ended_ms) for turn in old[unchanged:]}
        return [
            turn
            for turn in session.turns[unchanged:]
            if before.get(turn.turn_id) != (turn.status, turn.fault, turn.ended_ms)
            and not turn.live
            and not turn.withdrawn
        ]


def drafts(ended: list[Turn]) -> list[Draft]:
    """The messages of the ended turns that may not have been delivered, oldest first."""
    return [draft_of(turn.order) for turn in ended if turn.draft]
