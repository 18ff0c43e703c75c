"""What became of the turns that were left running when the program ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import ApiError, NoSuchSession, Unreachable

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.sessions.controller import SessionController

MOST_CHECKED: Final = 20
"""Runs that are read for the report at the start."""
CHECK_S: Final = 10.0
"""Seconds that this may take."""


async def check_left_running(controller: SessionController) -> tuple[list[Session], list[Session]]:
    """Check once on the turns that were left running; what runs is followed from then on.

    Returns:
        The sessions whose turn has ended, without the one that is shown, and those whose turn still runs.

    Raises:
        LedgerError
    """
    ended: list[Session] = []
    running: list[Session] = []
    try:
        # A slow service delays the report of the others no longer.
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_S):
                await _check(controller, ended, running)
    finally:
        controller.follows = True
    return [session for session in ended if session.session_id != controller.session_id], running


async def _check(controller: SessionController, ended: list[Session], running: list[Session]) -> None:
    """Check on turns left running, newest first, with one GET each; what is more is read in its turn.

    Adds the sessions whose turn has `ended` and was fetched, and those whose turn is still `running`. Ended
    ones that are not on the screen are marked unread.

    Raises:
        LedgerError
    """
    connection = controller.connection
    # The local worker ends with the program, and its turns with it.
    if connection.account.local:
        return
    for row in await connection.history.sessions(
        MOST_CHECKED, base_urls=("", connection.base_url), running=True
    ):
        try:
            has_ended = await controller.check_running(row.session_id)
            actor = controller.actor(row.session_id)
        except Unreachable:
            # Without a network the other sessions cannot be read either.
            break
        except (ApiError, NoSuchSession):
            continue
        if has_ended:
            ended.append(actor.session)
            if row.session_id != controller.session_id:
                await connection.history.mark_unread(row.session_id)
        elif not actor.running and actor.session.unwatched is not None:
            running.append(actor.session)
