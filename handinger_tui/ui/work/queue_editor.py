"""Edits a queued message in the prompt; the changed message replaces the queued one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from handinger_tui.core.prompts.drafts import Draft, draft_of
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.work.composer import Composer


@dataclass(frozen=True, slots=True)
class QueueEdit:
    """A queued turn being edited.

    `aside`: the draft that was in the prompt before; it is restored afterwards.
    """

    turn: Turn
    aside: Draft


class QueueEditor:
    """Tracks the edit of a queued message.

    The queue keeps the old message until the changed one is stored.
    """

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self.edit: QueueEdit | None = None
        """The present edit, always of a message of the session on the screen; None when there is none."""

    @property
    def turn_id(self) -> str | None:
        """The id of the queued turn that is being edited."""
        return None if self.edit is None else self.edit.turn.turn_id

    def begin(self, turn: Turn) -> None:
        """Put a queued message into the prompt for editing."""
        self.cancel()
        self.edit = QueueEdit(turn, self._composer.draft())
        self._composer.restore(draft_of(turn.order))

    def cancel(self) -> None:
        """Cancel the edit: the queued message stays, and a changed text goes to the prompt history."""
        if self.edit is not None:
            edit, self.edit = self.edit, None
            snapshot = self._composer.snapshot()
            if snapshot.text != edit.turn.order.prompt:
                self._composer.remember(snapshot)
            self._composer.restore(edit.aside)

    def stored(self, turn_id: str) -> None:
        """End the edit after the changed message replaced the queued one."""
        if self.edit is not None and self.edit.turn.turn_id == turn_id:
            edit, self.edit = self.edit, None
            typed_after = self._composer.draft()
            if not typed_after.text.strip() and not typed_after.files:
                self._composer.restore(edit.aside)

    def follow(self, queue: Collection[str]) -> str:
        """End the edit if its message has left the queue; returns the notice to show, else ""."""
        if self.edit is None or self.edit.turn.turn_id in queue:
            return ""
        edit, self.edit = self.edit, None
        if self._composer.snapshot().text == edit.turn.order.prompt:
            self._composer.restore(edit.aside)
            return "The message you were editing was just sent."
        if edit.aside.text or edit.aside.files:
            self._composer.return_drafts([edit.aside])
        return "The message you were editing was sent unchanged. Enter sends this as a new message."

    def draft(self) -> Draft:
        """The draft to save: during an edit the one set aside, since the queued message is on disk."""
        if self.edit is not None and (self.edit.aside.text or self.edit.aside.files):
            return self.edit.aside
        return self._composer.draft()
