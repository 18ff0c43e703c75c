"""Drafts on the disk: what was typed in each session and is not sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.core.prompts import Draft, draft_as_typed, pack_draft, unpack_draft

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.core.turns.session import Session
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.ports import Connection

FRESH_DRAFT: Final = "fresh"
"""The name under which the draft of a session without turns is saved."""


def draft_name(session: Session) -> str:
    """The name under which the draft of a session is saved; its first turn changes that name."""
    return session.session_id if session.turns else FRESH_DRAFT


class DraftStore:
    """Saves and reads the draft of each session. Raises LedgerError."""

    def __init__(self, connection: Callable[[], Connection]) -> None:
        self._connection = connection
        self.stored_texts: set[str] = set()
        """Messages that a killed run had stored as turns, but perhaps not removed from its draft."""
        self._removals = 0
        """Number of `remove_sent` writes; a concurrent `read` reads again when it has changed."""

    async def save(self, name: str, draft: Draft) -> None:
        """Save a draft to disk."""
        await self._connection().history.save_draft(name, pack_draft(draft))

    async def read(self, actor: SessionActor) -> Draft:
        """The saved draft of a session."""
        history = self._connection().history
        while True:
            removals = self._removals
            draft = unpack_draft(await history.draft(draft_name(actor.session)))
            if removals == self._removals:
                # A message must not stand in the prompt, one Enter away from a second time, as if it had not
                # left. The prompt history has it.
                is_stored = not draft.files and draft.text.strip() in self.stored_texts
                return Draft() if is_stored else draft

    async def remove_sent(self, session_id: str, sent: Draft) -> None:
        """Remove a sent message from the saved draft of a session that is not on the screen."""
        await self._connection().history.change_draft(session_id, partial(_without, sent))
        self._removals += 1


def _without(sent: Draft, text: str) -> str:
    """What a saved draft is without a sent message."""
    saved = unpack_draft(text)
    if not saved.text.startswith(sent.text):
        return text
    files = [file for file in saved.files if file not in sent.files]
    draft = draft_as_typed(saved.text[len(sent.text) :], files, saved.pasted)
    return pack_draft(replace(draft, others=saved.others))
