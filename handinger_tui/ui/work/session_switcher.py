"""Puts sessions on the screen, each with its draft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.prompts import Draft
from handinger_tui.ui.work.session_controller import FRESH_DRAFT, DraftStore, SessionController

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handinger_tui.ui.work.composer import Composer, PromptSnapshot, QueueEditor
    from handinger_tui.ui.work.interaction import Interaction
    from handinger_tui.ui.work.pane import SessionPane


class SessionSwitcher:
    """Changes the session on the screen in one step, to the one that was requested last.

    It also saves the draft of the session on the screen.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the collaborators are all injected, here only
        self,
        controller: SessionController,
        drafts: DraftStore,
        interaction: Interaction,
        pane: SessionPane,
        composer: Composer,
        queue_editor: QueueEditor,
        is_sending: Callable[[str], bool],
        shown: Callable[[bool], None],
    ) -> None:
        """`is_sending`: whether a message of a session is accepted but not yet stored.

        `shown` is called for every session put on the screen, with whether it is the first one.
        """
        self._controller = controller
        self._drafts = drafts
        self._interaction = interaction
        self._pane = pane
        self._composer = composer
        self._queue_editor = queue_editor
        self._is_sending = is_sending
        self._shown = shown
        self._requests = 0
        """Number of switches requested so far: only the newest one takes effect."""

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns, with its draft.

        `doing` is shown while that takes time. Returns the id, "" when a later call superseded this one.
        The screen keeps the present session until the new one is read.

        Raises:
            HandingerError: the session cannot be opened; the screen stays as it is.
        """
        self._requests += 1
        number = self._requests
        self._pane.opening(doing)
        try:
            saved_draft = await self._save_leaving_draft()
            session_id = await opening()
            draft = await self._drafts.read(session_id)
        except HandingerError:
            if number == self._requests:
                raise
            return ""
        finally:
            if number == self._requests:
                self._pane.opening("")
        if number != self._requests:
            return ""
        if session_id != self._controller.session_id:
            self._leave_session(saved_draft)
        self.show(session_id, draft)
        return session_id

    async def show_first(self, session_id: str) -> None:
        """Show the first session; the text typed while the app was connecting stays."""
        self.show(session_id, await self._drafts.read(session_id))

    def show(self, session_id: str, draft: Draft) -> None:
        """Put a session on the screen with its draft, without an await in between."""
        before_id = self._controller.session_id
        unsent = self._controller.show(session_id)
        has_early_text = not before_id and (self._pane.prompt.text or self._composer.chosen)
        if before_id != session_id and not has_early_text:
            self._composer.restore(draft)
        self._pane.trouble(None)
        self._composer.return_drafts(unsent)
        if self._controller.session.turns:
            self._interaction.run(self._controller.connection.history.mark_read(session_id))
        self._shown(not before_id)

    async def save_draft(self) -> None:
        """Save the draft of the session on the screen to disk."""
        session_id = self._controller.session_id
        if session_id:
            await self._drafts.save(self._drafts.name_of(session_id), self._queue_editor.draft())

    async def _save_leaving_draft(self) -> Draft:
        """Save the draft of the session on the screen before another one is opened; returns the draft."""
        session_id, draft = self._controller.session_id, self._queue_editor.draft()
        if not session_id:
            return draft
        name = self._drafts.name_of(session_id)
        if name == FRESH_DRAFT and self._is_sending(session_id):
            # Its first message is being sent: the text must not become the draft of the next new session.
            await self._drafts.save(session_id, draft)
            await self._drafts.save(FRESH_DRAFT, Draft())
        else:
            await self._drafts.save(name, draft)
        return draft

    def _leave_session(self, saved_draft: Draft) -> None:
        """Save what was typed after `saved_draft` went to disk."""
        session_id = self._controller.session_id
        if not session_id:
            return
        self._queue_editor.cancel()
        snapshot = self._composer.snapshot()
        if snapshot.draft != saved_draft:
            sending = self._is_sending(session_id)
            name = session_id if sending else self._drafts.name_of(session_id)
            self._interaction.run(self._save_snapshot(name, snapshot))

    async def _save_snapshot(self, name: str, snapshot: PromptSnapshot) -> None:
        try:
            await self._drafts.save(name, snapshot.draft)
        except HandingerError:
            # The text is gone from the screen: the prompt history is the last place for it.
            self._composer.remember(snapshot)
            raise
