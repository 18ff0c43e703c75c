"""History: what can be asked of the stored sessions, and the small changes a person makes to them."""

from __future__ import annotations

import sqlite3

from handinger_tui.core.frames import Frame
from handinger_tui.core.session import SearchHit, Session, SessionSummary
from handinger_tui.core.turn import Turn
from handinger_tui.ledger import reads, writes
from handinger_tui.ledger.access import Access, one_moment


class History(Access):
    """The part of the ledger that is not the turn under way. Every method raises LedgerError."""

    async def sessions(self, limit: int = 200) -> list[SessionSummary]:
        """The newest sessions, newest first; no frame is read for it."""
        return await self._run(lambda db: reads.sessions(db, limit))

    async def find(self, prefix: str) -> list[str]:
        """Ids of the sessions that `prefix` can mean: the start of a session's, worker's or task's id."""
        return await self._run(lambda db: reads.find(db, prefix))

    async def load(self, session_id: str) -> Session | None:
        """The session with every turn folded from its frames; None when it is not known."""

        def load(db: sqlite3.Connection) -> Session | None:
            with one_moment(db):
                return reads.load(db, session_id, self._thread.waiting)

        return await self._run(load)

    async def load_turn(self, turn_id: str) -> Turn | None:
        """One turn, folded; None when it is not known."""
        return await self._run(lambda db: reads.load_turn(db, turn_id, self._thread.waiting))

    async def frames(self, turn_id: str) -> list[Frame]:
        """The frames of one turn, in order, queued ones included."""
        return await self._run(lambda db: reads.frames(db, turn_id, self._thread.waiting))

    async def last_snapshot(self, worker_id: str) -> str | None:
        """The newest whole Worker seen of a worker, as JSON text."""
        return await self._run(lambda db: reads.last_snapshot(db, worker_id))

    async def search(self, text: str, limit: int = 200) -> list[SessionSummary]:
        """Sessions in which one turn (prompt and answer) or the title holds every term of `text`."""
        return await self._run(lambda db: reads.matching_sessions(db, text, limit))

    async def search_turns(self, text: str, limit: int = 50) -> list[SearchHit]:
        """The matching turns themselves, newest first, each with an excerpt."""
        return await self._run(lambda db: reads.search(db, text, limit))

    async def prompts(self, limit: int = 500) -> list[str]:
        """Earlier prompts, newest last, each once."""
        return await self._run(lambda db: reads.prompts(db, limit))

    async def rename(self, session_id: str, title: str) -> None:
        """Give a session a title of the person's own."""
        await self._run(lambda db: writes.rename(db, session_id, title))

    async def delete(self, session_id: str) -> None:
        """Remove a session with all its frames; what it cost stays known."""
        await self._run(lambda db: writes.delete(db, session_id))

    async def mark_read(self, session_id: str) -> None:
        """The person has seen the newest answer."""
        await self._run(lambda db: writes.mark_read(db, session_id))

    async def mark_unread(self, session_id: str) -> None:
        """An answer came that the person has not seen."""
        await self._run(lambda db: writes.mark_unread(db, session_id))

    async def draft(self, session_id: str) -> str:
        """What was typed and not sent; "" when nothing was."""
        return await self._run(lambda db: reads.draft(db, session_id))

    async def save_draft(self, session_id: str, text: str) -> None:
        """Keep what is typed; the session itself need not be stored yet."""
        await self._run(lambda db: writes.save_draft(db, session_id, text))
