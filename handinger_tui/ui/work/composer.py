"""The message being written, and its one owner: text, attachments, where it came from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.acts import Offer
from handinger_tui.core.attention import SEEN_AFTER_S
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.prompts import Draft, draft_of_request, expand_chips, history_entry
from handinger_tui.core.turns.turn import Attachment, Lineage, LineageKind, Turn
from handinger_tui.ui.work.attachments import Attachments, PromptSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.ports import HistoryOfSessions
    from handinger_tui.ui.sessions.controller import Place
    from handinger_tui.ui.terminal.diff_app import DiffApp
    from handinger_tui.ui.widgets.prompt import PromptBox


class Submission(Struct, frozen=True):
    """A message as it was when Enter was pressed; later changes on the screen do not affect it."""

    place: Place
    snapshot: PromptSnapshot
    """The snapshot of the prompt at Enter."""
    replaces: str | None = None
    """The id of the queued turn that the prompt holds for editing."""
    offer: Offer | None = None
    """What Enter did at that moment, as far as the person can have read it below the prompt."""
    is_read: bool = False
    """Whether that line was there long enough to be read."""
    text: str = ""
    """The text to send, before its mentions are resolved to files."""
    released: str | None = None
    """The id of the queued turn that is sent before the others; the prompt is not involved."""
    is_again: bool = False
    """Whether it is an earlier message that is sent as it was; the prompt is not involved."""
    is_early: bool = False
    """Whether it was entered before the session was on the screen; it is not in the prompt any more."""


def beyond(snapshot: PromptSnapshot, leaving: Sequence[Submission]) -> PromptSnapshot | None:
    """The snapshot without the messages that are being sent but are still in the prompt.

    None when nothing remains, as when Enter is pressed twice.
    """
    text, files = snapshot.text, snapshot.files
    for earlier in leaving:
        if earlier.is_early:
            continue
        text = text.removeprefix(earlier.snapshot.text)
        files = tuple(file for file in files if file not in earlier.snapshot.files)
    if text == snapshot.text:
        return replace(snapshot, files=files)
    return replace(snapshot, text=text, files=files) if text.strip() or files else None


def apart(draft: Draft, leaving: Sequence[Submission]) -> Draft:
    """The draft without the messages that are being sent and still stand before it in the prompt."""
    others = []
    for earlier in leaving:
        text = earlier.snapshot.text
        if not earlier.is_early and draft.text != text and draft.text.startswith(text):
            others.append(expand_chips(text, earlier.snapshot.pasted))
            draft = replace(draft, text=draft.text[len(text) :])
    return replace(draft, others=(*others, *draft.others))


class QueueEdit(Struct, frozen=True):
    """A queued turn being edited.

    `aside`: the draft that was in the prompt before; it is restored afterwards.
    """

    actor: SessionActor
    turn: Turn
    aside: Draft


class Composer:
    """Owns the message that is being written: a new one, an earlier one, or a queued one that is edited.

    The queue keeps a message that is edited until the changed one is stored; it and all behind it wait.
    """

    def __init__(
        self,
        prompt: PromptBox,
        attachments: Attachments,
        app: Callable[[], DiffApp],
    ) -> None:
        self.prompt = prompt
        self.attachments = attachments
        self._app = app
        self.queue_edit: QueueEdit | None = None
        """The queued message that is edited, always of the session on the screen."""
        self._lineage: Lineage | None = None
        """The earlier message that the text is made from; None once the prompt is empty."""
        self._is_editing = False
        """Whether the person's own editor is open."""
        self._is_of_opened_session = False
        """Whether what was restored last came with the session on the screen."""
        self._aside: Draft | None = None
        self._before: Draft | None = None
        """The draft that was in the prompt before an earlier message was put there."""
        self._restored_text = ""
        """The text of the draft that was put into the prompt last."""

    def typed(self) -> None:
        """Update mentions and chips after the text or the cursor changed."""
        if not self.prompt.text:
            self._lineage = self._before = None
        self.attachments.typed()

    # -- sending ---------------------------------------------------------------------------------
    def snapshot(self) -> PromptSnapshot:
        """A snapshot of what is in the prompt now."""
        prompt, attachments = self.prompt, self.attachments
        return PromptSnapshot(
            prompt.text,
            attachments.chosen,
            tuple(prompt.pasted.texts),
            attachments.mentioned,
            attachments.drops,
            self._lineage,
        )

    def submission(
        self, place: Place, offer: Offer | None, leaving: Sequence[Submission], *, is_read: bool
    ) -> Submission | None:
        """What is entered: all that is in the prompt and not `leaving` already; None: nothing."""
        snapshot = self.snapshot()
        if snapshot.text.strip():
            if (remaining := beyond(snapshot, leaving)) is None:
                return None
            snapshot = remaining
        if self.queue_edit is None:
            return Submission(place, snapshot, offer=offer, is_read=is_read)
        turn = self.queue_edit.turn
        place = replace(place, budget=turn.request.budget or place.budget)
        return Submission(place, snapshot, turn.turn_id, offer, is_read)

    def clear_sent(self, snapshot: PromptSnapshot, sent: Sequence[Attachment]) -> None:
        """Remove a stored message from the prompt; what was typed and attached after it stays.

        Behind an earlier message that was edited, the draft from before it comes back.
        """
        before, self._lineage, self._before = self._before, None, None
        self.attachments.clear_sent(sent)
        text = self.prompt.text
        if not text.startswith(snapshot.text) and text.endswith(snapshot.text):
            # A message submitted earlier and refused is still in front of this one.
            self.prompt.put(text[: len(text) - len(snapshot.text)])
        else:
            self.prompt.clear_sent(snapshot.text)
        if before is not None and not self.prompt.text and not self.attachments.chosen:
            self.restore_unseen(before)
        self.attachments.show()

    def return_unsent(self, submission: Submission, *, is_on_screen: bool) -> bool:
        """Keep a message that was not sent: in the prompt, else in the prompt history.

        What was typed behind it is a message of its own, so it does not stay in front of that: then True.
        `is_on_screen`: its session. One without turns cannot be opened again: its text goes to the prompt.
        """
        snapshot, text = submission.snapshot, self.prompt.text
        if submission.is_early if is_on_screen else not submission.place.actor.session.turns:
            self.return_drafts([snapshot.draft])
            return False
        is_moved = is_on_screen and text != snapshot.text and text.startswith(snapshot.text)
        if is_moved:
            self.clear_sent(snapshot, snapshot.files)
        if not is_on_screen or text != snapshot.text:
            self.remember(snapshot)
        return is_moved

    def replace_text(self, text: str) -> None:
        """Replace the text of the prompt and focus it; the old text goes to the prompt history."""
        if self.prompt.text != text:
            self.prompt.message_history.add(self.prompt.text)
        self._lineage = None
        self.prompt.put(text)
        self.prompt.focus()

    def start_from(self, draft: Draft, lineage: Lineage) -> None:
        """Replace the contents of the prompt with an earlier message; the old text goes to the history."""
        self.cancel_queue_edit()
        before = self.draft() if self.origin is None else self._before
        if self.prompt.text.strip():
            self.remember(self.snapshot())
        self.restore(replace(draft, lineage=lineage))
        self._before = before
        self.prompt.focus()

    @property
    def origin(self) -> Lineage | None:
        """The earlier message that is being edited in the prompt; None for none."""
        return self._lineage if self._lineage is not None and self._lineage.kind is LineageKind.EDIT else None

    def cancel_edit(self) -> None:
        """Put the draft from before an earlier message back; what was made of it goes to the history."""
        before = self._before or Draft()
        self.remember(self.snapshot())
        self.restore(before)
        self.prompt.focus()

    def carry(self, text: str, lineage: Lineage) -> None:
        """Put a folded text before what is in the prompt."""
        self.prompt.put(f"{self.prompt.pasted.add(text)}\n\n{self.prompt.text}")
        self._lineage = lineage
        self.prompt.focus()

    @property
    def text(self) -> str:
        """The text of the prompt, pasted texts folded."""
        return self.prompt.text

    @property
    def earlier_texts(self) -> Sequence[str]:
        """The prompt history, oldest first."""
        return self.prompt.message_history.texts

    async def edit_externally(self) -> None:
        """Edit the text in the person's own editor; does nothing while that is open already.

        Raises:
            EditorProblem: the editor failed; the text is unchanged.
        """
        from handinger_tui.ui.terminal.external_editor import edit  # tempfile, and few use an editor

        if self._is_editing:
            return
        self._is_editing = True
        try:
            self.replace_text(await edit(self._app(), self.prompt.text))
        finally:
            self._is_editing = False

    def restore_with_session(self, draft: Draft) -> None:
        """Restore the draft of a session that is being opened."""
        self.restore(draft)
        self._is_of_opened_session = True

    @property
    def came_with_session(self) -> bool:
        """Whether the draft in the prompt, unchanged, is the one that its session was opened with."""
        return self._is_of_opened_session and self.is_restored

    def restore_unseen(self, draft: Draft) -> None:
        """Restore a draft that nobody asked for now: keys may be under way that were not meant for it."""
        self.restore(draft)
        self.prompt.sight.renew()

    def is_unseen(self, pressed_at: float) -> bool:
        """Whether a key pressed at this time (monotonic) cannot be meant for the draft in the prompt."""
        return pressed_at < self.prompt.sight.since + SEEN_AFTER_S and self.is_restored

    def make_way(self, pressed_at: float) -> None:
        """Something is typed. A draft that was not seen yet gives way, and is kept until that is sent."""
        if self.is_unseen(pressed_at):
            draft = self.draft()
            self.restore(Draft())
            self.set_aside(draft)

    def set_aside(self, draft: Draft) -> None:
        """Keep the draft of the first session, in whose place something was typed, until that is sent."""
        if not draft.text.strip() and not draft.files:
            return
        self._aside = draft
        self.prompt.message_history.add(history_entry(self.prompt.pasted.add_draft(draft), draft.files))

    def restore_aside(self) -> None:
        """Put that draft into the prompt, if it is empty."""
        if self._aside is not None and not self.prompt.text and not self.attachments.chosen:
            self.restore_unseen(self._aside)

    def remember(self, snapshot: PromptSnapshot, *, sent: bool = False) -> None:
        """Add the message to the prompt history; `sent`: it is stored as a turn."""
        self.prompt.message_history.add(history_entry(snapshot.text, snapshot.files), sent=sent)

    async def save_unsent(self, history: HistoryOfSessions) -> None:
        """Save the texts of the prompt history that are not sent and not on disk yet. Raises LedgerError."""
        shown = self.prompt.message_history
        texts, shown.unsaved = shown.unsaved, []
        try:
            if texts:
                await history.keep_unsent([self._expanded(text) for text in texts])
        except HandingerError:
            shown.unsaved = [*texts, *shown.unsaved]
            raise

    @property
    def unsent_texts(self) -> Sequence[str]:
        """The texts of the prompt history that are not sent and not on disk yet."""
        return [self._expanded(text) for text in self.prompt.message_history.unsaved]

    def _expanded(self, text: str) -> str:
        return expand_chips(text, self.prompt.pasted.texts)

    # -- drafts ----------------------------------------------------------------------------------
    def draft(self) -> Draft:
        """The text and the attachments of the prompt as a draft to save."""
        return self.snapshot().draft

    def restore(self, draft: Draft) -> None:
        """Replace the contents of the prompt with a saved draft."""
        self.attachments.restore(draft.files)
        self._aside = self._before = None
        self._is_of_opened_session = False
        self.prompt.sight.since = -math.inf
        self.prompt.message_history.add(*draft.others)
        self._restored_text = self.prompt.pasted.add_draft(draft)
        self.prompt.put(self._restored_text)
        self._lineage = draft.lineage
        self.attachments.show()

    @property
    def is_restored(self) -> bool:
        """Whether a saved draft is in the prompt, unchanged."""
        return bool(self.prompt.text) and self.prompt.text == self._restored_text

    def return_drafts(self, drafts: Sequence[Draft]) -> None:
        """Return possibly undelivered messages: all to the history, the oldest also to an empty prompt."""
        texts = [self.prompt.pasted.add_draft(draft) for draft in drafts]
        entries = [history_entry(text, draft.files) for text, draft in zip(texts, drafts, strict=True)]
        self.prompt.message_history.add(*reversed(entries))
        if drafts and not self.prompt.text.strip():
            self._restored_text = texts[0]
            self.prompt.put(texts[0])
            self.prompt.sight.renew()
            self._lineage = drafts[0].lineage
            self.attachments.choose(drafts[0].files)

    # -- a queued message -------------------------------------------------------------------------
    @property
    def edited_id(self) -> str | None:
        """The id of the queued turn that is being edited."""
        return None if self.queue_edit is None else self.queue_edit.turn.turn_id

    def begin_queue_edit(self, actor: SessionActor, turn: Turn) -> None:
        """Put a queued message into the prompt for editing.

        Raises:
            Busy: it is being sent already.
        """
        actor.gate.begin_edit(turn.turn_id)
        if self.edited_id == turn.turn_id:
            self.prompt.focus()
            return
        self._put_aside()
        self.queue_edit = QueueEdit(actor, turn, self.draft())
        self.restore(draft_of_request(turn.request))
        self.prompt.focus()

    def cancel_queue_edit(self) -> None:
        """Cancel the edit: the queued message stays, and a changed text goes to the prompt history.

        A queue that waited for the edit is held: nothing is sent by that.
        """
        if self.queue_edit is not None:
            self.queue_edit.actor.gate.end_edit()
        self._put_aside()

    def _put_aside(self) -> None:
        """Take the edited message out of the prompt, which gets the earlier draft back."""
        if self.queue_edit is not None:
            edit, self.queue_edit = self.queue_edit, None
            snapshot = self.snapshot()
            if snapshot.text != edit.turn.request.prompt:
                self.remember(snapshot)
            self.restore(edit.aside)

    def end_queue_edit(self, turn_id: str) -> None:
        """End the edit after the changed message replaced the queued one."""
        if self.queue_edit is not None and self.queue_edit.turn.turn_id == turn_id:
            edit, self.queue_edit = self.queue_edit, None
            typed_after = self.draft()
            if not typed_after.text.strip() and not typed_after.files:
                self.restore_unseen(edit.aside)
            else:
                self.set_aside(edit.aside)

    def draft_to_save(self) -> Draft:
        """The draft to save: during an edit the one set aside, with what was made of the queued message.

        The edited text is no draft of its own: in the prompt of the next program it would be a second message
        beside the queued one.
        """
        if (edit := self.queue_edit) is not None:
            snapshot = self.snapshot()
            text = history_entry(expand_chips(snapshot.text, snapshot.pasted), snapshot.files)
            return replace(edit.aside, others=() if snapshot.text == edit.turn.request.prompt else (text,))
        return self.draft()
