"""Deleting sessions: the question names what is queued and what runs, and neither harms the totals."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import ApiError, HandingerError, NoSuchSession
from handinger_tui.core.formatting import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.sessions.controller import SessionController

STILL_RUNS: Final = (
    "Its worker is still running and may keep charging. The session stays under Runs (F7) until that has "
    "ended, so that its cost is known, and is deleted then."
)
IN_USE: Final = "Not deleted, because it is in use again."
LATER: Final = "It is deleted once its run has ended. F7 lists it until then."


class Deletions:
    """Deletes sessions of the history; one whose turn runs is deleted when that has ended."""

    def __init__(self, controller: SessionController) -> None:
        self._controller = controller

    async def consequences(self, session_id: str) -> Callable[[], str]:
        """Says what deleting a session does by now to its queue and its running turn; "" for neither.

        Raises:
            LedgerError
        """
        actor = await self._opened(session_id)

        def words() -> str:
            if actor is None:
                return ""
            queued = len(actor.queue.ids)
            are = "is" if queued == 1 else "are"
            messages = f"{plural(queued, 'queued message')} {are} withdrawn, not sent."
            return "\n\n".join(
                [*([messages] if queued else []), *([STILL_RUNS] if self._runs(actor) else [])]
            )

        return words

    async def delete(self, session_id: str) -> str:
        """Withdraw what is queued, and delete the session; returns what to tell the person, "" for nothing.

        Raises:
            HandingerError: another program works on it; nothing was deleted.
            LedgerError
        """
        from handinger_tui.engine.inbox import Busy  # with the connection

        actor = await self._opened(session_id)
        if actor is None:
            await self._controller.connection.history.delete(session_id)
            return ""
        if _works_elsewhere(actor):
            raise HandingerError("Another program works on this session.", "Nothing was deleted.")
        for turn_id in reversed(actor.queue.ids):
            # One that is being sent in this moment is the running turn then.
            with suppress(Busy):
                await actor.withdraw(turn_id)
        if self._runs(actor):
            self._controller.to_delete[session_id] = len(actor.session.turns)
            return LATER
        return "" if await self._delete(actor) else IN_USE

    async def delete_quiet(self, session_id: str) -> str:
        """Delete a session in which nothing has begun since the person saw it; returns why not, "" if so."""
        try:
            if session_id == self._controller.session_id or (await self.consequences(session_id))():
                return IN_USE
            return await self.delete(session_id)
        except HandingerError as problem:
            return problem.text

    async def delete_ended(self, tell: Callable[[str], object] = lambda _words: None) -> bool:
        """Delete the sessions that waited for the end of their turn; a session on the screen waits on.

        One that has a further message by now stays, and `tell` gets that in words. Returns whether any was
        deleted.

        Raises:
            LedgerError
        """
        is_any_deleted, to_delete = False, self._controller.to_delete
        for session_id, turns in tuple(to_delete.items()):
            actor = await self._opened(session_id)
            if actor is None:
                # Another program has deleted it, or the person has in another way.
                to_delete.pop(session_id, None)
            elif len(actor.session.turns) > turns:
                if to_delete.pop(session_id, None) is not None:
                    tell(f"“{self._controller.title(actor)}”: {IN_USE}")
            elif not (self._runs(actor) or session_id == self._controller.session_id):
                is_any_deleted |= await self._delete(actor)
        return is_any_deleted

    async def _opened(self, session_id: str) -> SessionActor | None:
        """The owner of the session; None where it cannot be loaded, as after damage."""
        with suppress(NoSuchSession):
            return self._controller.actor(await self._controller.open(session_id))
        return None

    def _runs(self, actor: SessionActor) -> bool:
        """Whether a turn runs of which the end can be read: that of another service cannot."""
        session = actor.session
        is_here = session.service == self._controller.engine.service
        return actor.running or (is_here and session.unwatched is not None)

    async def _delete(self, actor: SessionActor) -> bool:
        """Delete a session in which nothing runs; False: it is in use again, and stays.

        Raises:
            NoSuchSession: it was deleted by now.
            LedgerError
        """
        controller, session_id = self._controller, actor.session.session_id
        turns = len(actor.session.turns)
        # One call at a time: a program that quits waits for the one before.
        async with controller.deleting:
            # The last reading that can still change the amount of its newest turn.
            with suppress(ApiError):
                await actor.late.read_now()
            await actor.settled()
            # Looked at now: it may have been opened while the worker was read.
            if session_id == controller.session_id or len(actor.session.turns) > turns:
                return False
            await controller.delete(session_id)
            controller.to_delete.pop(session_id, None)
            return True


def _works_elsewhere(actor: SessionActor) -> bool:
    """Whether a turn is open that this program neither runs nor has queued."""
    own = {*actor.queue.ids, *([actor.runs.turn_id] if actor.runs.turn_id else [])}
    return any(turn.live and turn.turn_id not in own for turn in actor.session.turns)
