"""Queue editor: a queued message is taken into the prompt, changed, and put back in its place."""

from __future__ import annotations

from collections.abc import Collection

from handinger_tui.core.prompts.drafts import Draft, draft_of
from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.work.composer import Composer


@dataclass(frozen=True, slots=True)
class QueueEdit:
    """`aside`: what stood in the prompt before; it comes back afterwards."""

    turn: Turn
    aside: Draft


class QueueEditor:
    """The queued message stays as it is until the changed one is stored in its place."""

    def __init__(self, drafting: Composer) -> None:
        self._drafting = drafting
        self.edit: QueueEdit | None = None
        """What is being edited; always a message of the session on the screen."""

    @property
    def turn_id(self) -> str | None:
        """The queued turn that is being edited."""
        return None if self.edit is None else self.edit.turn.turn_id

    def begin(self, turn: Turn) -> None:
        """Take a queued message into the prompt."""
        self.cancel()
        self.edit = QueueEdit(turn, self._drafting.draft())
        self._drafting.restore(draft_of(turn.order))

    def cancel(self) -> None:
        """Leave the queued message as it is; what was changed can be called back from the history."""
        if self.edit is not None:
            edit, self.edit = self.edit, None
            written = self._drafting.written()
            if written.text != edit.turn.order.prompt:
                self._drafting.remember(written)
            self._drafting.restore(edit.aside)

    def stored(self, turn_id: str) -> None:
        """The changed message stands in the place of the queued one."""
        if self.edit is not None and self.edit.turn.turn_id == turn_id:
            edit, self.edit = self.edit, None
            typed_after = self._drafting.draft()
            if not typed_after.text.strip() and not typed_after.files:
                self._drafting.restore(edit.aside)

    def follow(self, queue: Collection[str]) -> str:
        """What to say when the message being edited has left the queue, else ""."""
        if self.edit is None or self.edit.turn.turn_id in queue:
            return ""
        edit, self.edit = self.edit, None
        if self._drafting.written().text == edit.turn.order.prompt:
            self._drafting.restore(edit.aside)
            return "The message you were editing was just sent."
        if edit.aside.text or edit.aside.files:
            self._drafting.give_back([edit.aside])
        return "The message you were editing was sent unchanged. Enter sends this as a new message."

    def draft(self) -> Draft:
        """What is to be kept of the prompt: the queued message itself is on the disk already."""
        if self.edit is not None and (self.edit.aside.text or self.edit.aside.files):
            return self.edit.aside
        return self._drafting.draft()
