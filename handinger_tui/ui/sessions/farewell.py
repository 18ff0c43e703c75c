"""The lines that the terminal shows after the app has ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import one_word
from handinger_tui.core.turns.turn import TurnStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.sessions.controller import SessionController

MAX_LISTED: Final = 3
"""At most this many sessions are listed one by one."""
DAY_TIMEOUT_S: Final = 1.0
"""Leaving waits at most this many seconds for the total of the day."""


async def read_day(controller: SessionController) -> None:
    """Read the total of the day for the farewell, which is written after the history is closed."""
    with suppress(LedgerError, TimeoutError):
        async with asyncio.timeout(DAY_TIMEOUT_S):
            if controller.session_id:
                actor = controller.shown
                await actor.late.read_now()
                await actor.recount()
            connection = controller.connection
            controller.day = await connection.charges.spent(connection.limits.today())
            sessions = controller.opened_sessions
            controller.unended = {turn.turn_id for one in sessions for turn in one.turns if turn.live}


def lost_texts(controller: SessionController, unsaved: Sequence[str]) -> list[str]:
    """What ends with the program: what was typed and is not saved, and queues of a history in memory."""
    if not controller.connected or _has_queues_on_disk(controller):
        return [*unsaved]
    opened = [controller.actor(session.session_id) for session in controller.opened_sessions]
    queued = [turn for actor in opened for turn in actor.queued]
    return [*(turn.request.prompt for turn in queued), *unsaved]


def _has_queues_on_disk(controller: SessionController) -> bool:
    return controller.connection.keeps_history and controller.connection.can_resume


def lost_lines(texts: Sequence[str]) -> list[str]:
    """The lines that show them."""
    return [f"Not saved:            {text}" for text in texts]


def farewell(controller: SessionController, *, ids: bool = True) -> list[str]:
    """How to resume the session, its cost, the cost of the day, queued messages and turns still running.

    `ids`: False in plain mode, where an id is heard letter by letter. What is in no history is found by the
    id of its worker alone.
    """
    can_resume = controller.connection.can_resume
    ids = ids or not can_resume
    session = controller.session if controller.session_id else None
    local = controller.connection.account.local
    simulated = " · simulated" if local else ""
    lines = []
    if session is not None and session.turns:
        if can_resume:
            lines.append(f"Resume this session:  {_resume_command(controller, session, ids=ids)}")
        # The local worker ends with the program: its id is of no use later.
        if session.worker_id is not None and not local and ids:
            label, option = f"Its {session.kind}:", f"--{session.kind}"
            lines.append(f"{label:<22}handinger-tui {option} {one_word(session.worker_id)}")
        lines.append(f"Cost:                 {controller.cost_text}")
    day = controller.sent_today
    if day is not None and day.turns:
        priced = None if session is None else day.priced(session.prices)
        lines.append(f"Today:                {day.cost(priced)}{simulated}")
    if _has_queues_on_disk(controller):
        lines += _unsent_lines(controller, ids=ids)
    lines += [
        f"Not deleted yet:      {one_word(session_id)}, its worker is still running"
        for session_id in sorted(controller.to_delete)
    ]
    return lines if local else [*lines, *_still_running_lines(controller, ids=ids)]


def printed_text(controller: SessionController, what: str) -> str:
    """The last answer or the transcript of the session, as Markdown; "" for nothing."""
    session = controller.session if controller.connected and controller.session_id else None
    if session is None or not session.turns:
        return ""
    if what == "answer":
        return "" if session.answered is None else session.answered.answer
    if what == "transcript":
        from handinger_tui.core.export.exporters import session_markdown  # 20 ms

        return session_markdown(session)
    return ""


def _resume_command(controller: SessionController, session: Session, *, ids: bool) -> str:
    if ids:
        return f"handinger-tui --resume {one_word(session.session_id)}"
    is_newest = controller.opened_sessions[0].session_id == session.session_id
    return "handinger-tui --plain -c" if is_newest else "handinger-tui --plain, then /sessions"


def _unsent_lines(controller: SessionController, *, ids: bool) -> Iterator[str]:
    """The queued messages, and those that the end of the program stopped before they could leave."""

    def queued(session: Session) -> int:
        return len(controller.actor(session.session_id).queued)

    def stopped(session: Session) -> int:
        ended = (turn for turn in session.turns if turn.status is TurnStatus.NOT_SENT)
        return sum(turn.turn_id in controller.unended for turn in ended)

    for label, count_in, what, kept in (
        ("Not sent yet:", queued, "queued message", "kept for"),
        ("Not sent:", stopped, "message", "kept for /retry in"),
    ):
        counts = [(one, count) for one in controller.opened_sessions if (count := count_in(one))]
        for session, count in counts[:MAX_LISTED]:
            command = _resume_command(controller, session, ids=ids)
            yield f"{label:<22}{plural(count, what)}, {kept} {command}"


def _still_running_lines(controller: SessionController, *, ids: bool) -> list[str]:
    running = [session for session in controller.opened_sessions if _is_running(session)]
    if not running:
        return []
    they, them = ("it", "it") if len(running) == 1 else ("they", "them")
    head = f"{len(running)} still running: {they} may keep charging. Watch {them}:"
    if not ids:
        return [f"{head} handinger-tui --plain, then /runs"]
    if len(running) == 1:
        return [f"{head} {_watch_command(running[0])}"]
    lines = [head]
    lines += [f"  {_watch_command(session)}" for session in running[:MAX_LISTED]]
    more = len(running) - MAX_LISTED
    return [*lines, f"  and {more} more: handinger-tui --resume lists them"] if more > 0 else lines


def _is_running(session: Session) -> bool:
    is_watched = any(turn.live and turn.status is not TurnStatus.QUEUED for turn in session.turns)
    return is_watched or session.unwatched is not None


def _watch_command(session: Session) -> str:
    if session.worker_id is None:
        return f"handinger-tui --resume {one_word(session.session_id)}"
    return f"handinger-tui attach {one_word(session.worker_id)}"
