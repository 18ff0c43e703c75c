"""Which session is on the screen: switching to another one, each with its draft, and the first screen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.prompts import Draft, expand_chips, history_entry, pack_draft, unpack_draft
from handinger_tui.ui.sessions.controller import SessionController
from handinger_tui.ui.sessions.drafts import FRESH_DRAFT, draft_name
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.widgets.welcome import MOST_RECENT, Welcome
from handinger_tui.ui.work.composer import apart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.ports import EarlyTexts
    from handinger_tui.ui.work.attachments import PromptSnapshot
    from handinger_tui.ui.work.browsing import Browsing
    from handinger_tui.ui.work.composer import Composer, Submission
    from handinger_tui.ui.work.pane import SessionPane


class SessionSwitcher:
    """Changes the session on the screen in one step, to the one that was requested last.

    It also saves the draft of the session on the screen.
    """

    def __init__(
        self,
        controller: SessionController,
        interaction: Interaction,
        pane: SessionPane,
        composer: Composer,
        shown: Callable[[bool], None],
        early: EarlyTexts | None,
    ) -> None:
        """`shown` is called for every session put on the screen, with whether it is the first one."""
        self._controller = controller
        self._drafts = controller.drafts
        self._interaction = interaction
        self._pane = pane
        self.composer = composer
        self._shown = shown
        self._requests = 0
        """Number of switches requested so far: only the newest one takes effect."""
        self.shown_count = 0
        """How often a session was put on the screen, the same one, too."""
        self._early = early
        """Where the draft is kept while there is no history to keep it; None: nowhere, or no longer."""
        self.waiting_texts: Callable[[], Sequence[str]] = tuple
        """The lines that were entered and wait; they belong to the draft until they are turns."""
        self.leaving: Callable[[str], Sequence[Submission]] = lambda _session_id: ()
        """What was entered in a session and is not stored yet; its text may still be in the prompt."""
        self._on_disk: Draft | None = None
        """What was typed when it was saved last."""

    def refuse_in_replay(self) -> None:
        """Raise HandingerError in a replay, which has no other sessions."""
        if self._controller.connection.replay is not None:
            raise HandingerError("A replay shows one session.", "Press ^C twice to quit it.")

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns, with its draft.

        The screen keeps the present session until the new one is read. Keys wait for that, except where it
        takes long: then `doing` is shown, and the present session can be used. It stays while a text is typed
        there: the end of that would go to the new session.
        Returns the id, "" when a later call superseded this one.

        Raises:
            HandingerError: the session cannot be opened; the screen stays as it is.
        """
        self.refuse_in_replay()
        self._requests += 1
        number = self._requests
        interaction, hold = self._interaction, 0
        self._pane.opening(doing)
        if not doing and not interaction.is_typing:
            interaction.hold_keys()
            hold = interaction.openings
        try:
            saved_draft = await self._save_leaving_draft()
            session_id = await opening()
            draft = await self._drafts.read(self._controller.actor(session_id))
            await interaction.pause_in_typing()
            if number != self._requests:
                return ""
            # It may be deleted by now.
            self._controller.actor(session_id)
            if session_id != self._controller.session_id:
                self._leave_session(saved_draft)
            self.show(session_id, draft)
        except HandingerError:
            if number == self._requests:
                raise
            return ""
        finally:
            if number == self._requests:
                self._pane.opening("")
                interaction.release_keys(hold)
        return session_id

    async def open(self, session_id: str) -> str:
        """Show a stored session, see `switch`.

        Raises:
            NoSuchSession: it is not in the history.
            LedgerError: the history cannot be read.
        """
        return await self.switch(partial(self._controller.open, session_id))

    async def begin(self, *, title: str = "", stored_worker_id: str | None = None) -> str:
        """Show a new session, see `switch`; nothing is sent."""

        async def create() -> str:
            return self._controller.new_session(title=title, stored_worker_id=stored_worker_id)

        return await self.switch(create)

    async def show_first(self, session_id: str) -> None:
        """Show the first session; the text typed while the app was connecting stays.

        Where another one was opened meanwhile, as from the runs board, that stays on the screen. What earlier
        programs had when they were killed before that comes back.
        """
        draft = await self._drafts.read(self._controller.actor(session_id))
        left = await self._left_by_others()
        if not self._controller.session_id:
            self.show(session_id, draft)
        for one in left:
            self.composer.prompt.message_history.add(*one.others)
        self.composer.return_drafts(
            [replace(one, others=()) for one in left if one.text.strip() or one.files]
        )
        self._interaction.run(self.save_draft())

    async def _left_by_others(self) -> Sequence[Draft]:
        """What was typed in programs that ended before there was a history to keep it."""
        if self._early is None or not self._controller.connection.keeps_history:
            return ()
        is_sent = self._drafts.stored_texts
        drafts = [unpack_draft(text) for text in await self._early.take()]
        return [
            replace(
                Draft() if draft.text.strip() in is_sent else draft,
                others=tuple(text for text in draft.others if text.strip() not in is_sent),
            )
            for draft in drafts
        ]

    def show(self, session_id: str, draft: Draft) -> None:
        """Put a session on the screen with its draft, without an await in between."""
        before_id = self._controller.session_id
        unsent = self._controller.show(session_id)
        self.shown_count += 1
        has_early_text = not before_id and (self._pane.prompt.text or self.composer.attachments.chosen)
        if before_id and before_id != session_id:
            self.composer.restore_with_session(draft)
        elif not before_id and not has_early_text:
            self.composer.restore_unseen(draft)
        elif has_early_text:
            self.composer.set_aside(draft)
        self._pane.trouble(None)
        # A line about an action in the session before.
        self._pane.end_acknowledgment()
        self.composer.return_drafts(unsent)
        if self._controller.session.turns:
            self._interaction.run(self._controller.connection.history.mark_read(session_id))
        self._shown(not before_id)

    async def save_draft(self) -> None:
        """Save what is in the prompt, and what waits, to disk."""
        session_id = self._controller.session_id
        # Before there is a session, and with a history in memory, nothing of it is on disk.
        has_history = bool(session_id) and self._controller.connection.keeps_history
        if self._early is not None and not has_history:
            kept = self._typed()
            self._on_disk = kept if await self._early.keep(pack_draft(kept)) else None
        if has_history:
            await self.composer.save_unsent(self._controller.connection.history)
        if not session_id or session_id != self._controller.session_id:
            # The switch to another session has saved this draft: the older text must not replace it.
            return
        draft = self._draft()
        await self._drafts.save(draft_name(self._controller.shown.session), draft)
        if has_history:
            self._on_disk = draft
        if self._early is not None and has_history:
            early, self._early = self._early, None
            await early.forget()

    def _draft(self) -> Draft:
        """What is in the prompt, and the lines that wait."""
        draft = apart(self.composer.draft_to_save(), self.leaving(self._controller.session_id))
        waiting = self.waiting_texts()
        if waiting and not draft.text:
            draft, waiting = replace(draft, text=waiting[0]), waiting[1:]
        return replace(draft, others=(*draft.others, *waiting))

    def _typed(self) -> Draft:
        """As `_draft`, with the messages of the prompt history that are not sent and not on disk yet."""
        draft = self._draft()
        return replace(draft, others=(*draft.others, *self.composer.unsent_texts))

    @property
    def unsaved_texts(self) -> Sequence[str]:
        """What was typed since it was saved, or that could not be: it would end with the program."""
        typed = self._typed()
        if typed == self._on_disk:
            return ()
        text = history_entry(expand_chips(typed.text, typed.pasted), typed.files)
        return [one for one in (text, *typed.others) if one.strip()]

    async def _save_leaving_draft(self) -> Draft:
        """Save the draft of the session on the screen before another one is opened; returns the draft."""
        session_id, draft = self._controller.session_id, self.composer.draft_to_save()
        if not session_id:
            return draft
        name = draft_name(self._controller.shown.session)
        if name == FRESH_DRAFT and self.leaving(session_id):
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
        self.composer.cancel_queue_edit()
        snapshot = self.composer.snapshot()
        if snapshot.draft != saved_draft:
            name = session_id if self.leaving(session_id) else draft_name(self._controller.shown.session)
            self._interaction.run(self._save_snapshot(name, snapshot))

    async def _save_snapshot(self, name: str, snapshot: PromptSnapshot) -> None:
        try:
            await self._drafts.save(name, snapshot.draft)
        except HandingerError:
            # The text is no longer on the screen: it is kept in the prompt history.
            self.composer.remember(snapshot)
            raise


class FirstScreen:
    """Fills the first screen of a session without turns, and does what is chosen on it."""

    def __init__(
        self,
        controller: SessionController,
        interaction: Interaction,
        pane: SessionPane,
        browsing: Browsing,
        open_session: Callable[[str], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._controller = controller
        self._interaction = interaction
        self._pane = pane
        self._browsing = browsing
        self._open_session = open_session
        self._now_ms = now_ms

    def renew(self) -> None:
        """Read the newest sessions, if the first screen is shown."""
        if self._controller.session_id and not self._controller.session.turns:
            self._interaction.run(self._read())

    async def _read(self) -> None:
        opened = {session.session_id: session for session in self._controller.opened_sessions}
        self._pane.welcome.show_recent(await self._controller.recent(MOST_RECENT), opened, self._now_ms())

    def handle(self, event: PromptBox.FirstScreenEntered | Welcome.WelcomeRequest) -> None:
        """Browse the first screen, leave it, or use what was chosen. Nothing is sent, no text is lost."""
        if isinstance(event, PromptBox.FirstScreenEntered):
            if self._browsing.browsed is self._pane.welcome:
                # A key of the same burst, which the prompt got before the focus moved.
                self._pane.welcome.action_mark(1)
            else:
                self._browsing.browse(self._pane.welcome)
            return
        self._browsing.return_to_prompt()
        if isinstance(event, Welcome.IdeaChosen):
            prompt = self._pane.prompt
            if prompt.text in ("", *self._pane.welcome.ideas):
                prompt.put(event.text)
            else:
                self._interaction.say("The prompt has text already. Clear it to try this one.", "warning")
        elif isinstance(event, Welcome.SessionChosen):
            self._open_session(event.session_id)
