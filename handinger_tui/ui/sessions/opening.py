"""Which session a program opens first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.errors import HandingerError
from handinger_tui.ui.ports import Opening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.ui.ports import AppOptions
    from handinger_tui.ui.sessions.controller import SessionController


class InitialSession(Struct, frozen=True):
    """The session to start with.

    `notice`: a line to show to the person. `problem`: the worker of the session could not be read, so
    nothing is sent to it yet. `recovered`: the sessions of turns that an earlier run left open.
    """

    session_id: str
    notice: str = ""
    problem: HandingerError | None = None
    recovered: Sequence[str] = ()


async def open_first(controller: SessionController, options: AppOptions, new_id: str) -> InitialSession:
    """Settle what an earlier run left open, and open the session that the command line requests.

    What is shown does not change.

    Raises:
        NoSuchSession: no session matches, or more than one does.
        LedgerError: the history cannot be read.
    """
    is_last = options.opening in (Opening.LAST, Opening.LAST_OR_FRESH)
    # Before the recovery: what it settles in other sessions would make one of them the last.
    last_id = await controller.connection.history.last() if is_last else None
    recovered = await controller.recover()
    return replace(await _open_requested(controller, options, new_id, last_id), recovered=recovered)


async def _open_requested(
    controller: SessionController, options: AppOptions, new_id: str, last_id: str | None
) -> InitialSession:
    match options.opening:
        case Opening.FRESH | Opening.PICKER:
            return InitialSession(new_id)
        case Opening.WORKER:
            session_id = (
                await controller.open_place(options.worker or "")
                if options.target is None
                else await controller.open_worker(controller.connection.target_in(options.target))
            )
            try:
                session_id = await controller.adopt(session_id)
            except HandingerError as problem:
                # The session stays: what is typed next is meant for this worker, never for a new one.
                return InitialSession(session_id, problem=problem)
            return InitialSession(session_id)
        case Opening.CHOSEN:
            replay = controller.connection.replay
            chosen = await controller.find(options.session or "") if replay is None else replay.session_id
            return InitialSession(await controller.open(chosen))
        case Opening.LAST:
            if last_id is None:
                return InitialSession(new_id, "No earlier session. This is a new one.")
            return InitialSession(await controller.open(last_id))
        case Opening.LAST_OR_FRESH:
            # The local worker forgets its workers when it ends, and would refuse to continue a session.
            if last_id is None or controller.connection.account.local:
                return InitialSession(new_id)
            last = controller.actor(await controller.open(last_id)).session
            return InitialSession(last_id if controller.belongs_here(last) else new_id)
