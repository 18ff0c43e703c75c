"""Sessions on the screen: each is shown with its draft, and changes of all sessions arrive here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.core.amounts import usd_text
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.evidence.sources import files_of_turn, sources_of_turn
from handinger_tui.core.formatting import duration, plural
from handinger_tui.core.money.attribution import money_of
from handinger_tui.core.prompts import Draft, draft_of_request
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ui.widgets.status_text import STATUS_WORDS
from handinger_tui.ui.work.session_controller import FRESH_DRAFT, DraftStore, SessionController

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handinger_tui.ui.work.composer import Composer, PromptSnapshot, QueueEditor
    from handinger_tui.ui.work.interaction import Interaction
    from handinger_tui.ui.work.paint_scheduler import PaintScheduler
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

    def refuse_in_replay(self) -> None:
        """Raise Busy in a replay, which has no other sessions."""
        if self._controller.connection.replay is not None:
            from handinger_tui.engine.queues import Busy  # comes with a connection

            raise Busy("A replay shows one session.", "Press ^C twice to quit it.")

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns, with its draft.

        `doing` is shown while that takes time. Returns the id, "" when a later call superseded this one.
        The screen keeps the present session until the new one is read.

        Raises:
            HandingerError: the session cannot be opened; the screen stays as it is.
        """
        self.refuse_in_replay()
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


class FinishedTurns:
    """Detects ended turns by comparing the turns of a session with those of the previous call.

    The first call for a session detects nothing.
    """

    def __init__(self) -> None:
        self._last_seen: dict[str, tuple[Turn, ...]] = {}

    def remember(self, session: Session) -> None:
        """Store the present turns of a session, unless some are stored already."""
        self._last_seen.setdefault(session.session_id, session.turns)

    def ended(self, session: Session) -> list[Turn]:
        """The turns that have ended since the last call, including those that also started in between."""
        old = self._last_seen.get(session.session_id)
        self._last_seen[session.session_id] = session.turns
        if old is None:
            return []
        unchanged = same_front(old, session.turns)
        # A turn of unknown delivery that was watched again may be unknown at both calls: compare
        # its end, too.
        before = {turn.turn_id: (turn.status, turn.fault, turn.ended_ms) for turn in old[unchanged:]}
        return [
            turn
            for turn in session.turns[unchanged:]
            if before.get(turn.turn_id) != (turn.status, turn.fault, turn.ended_ms)
            and not turn.live
            and not turn.withdrawn
        ]


def undelivered(ended: list[Turn]) -> list[Draft]:
    """The messages of the ended turns that may not have been delivered, oldest first."""
    return [draft_of_request(turn.order) for turn in ended if turn.draft]


def facts_of(session: Session, turn: Turn) -> str:
    """What a turn that has ended came to: "finished in 3 m 12 s, $0.04, 4 sources, 2 files"."""
    usd = money_of(session, turn).usd
    sources, files = len(sources_of_turn(turn)), len(files_of_turn(turn))
    facts = [
        usd_text(usd) if usd is not None else "",
        plural(sources, "source") if sources else "",
        plural(files, "file") if files else "",
    ]
    is_complete = turn.status is TurnStatus.COMPLETED
    how = "finished" if is_complete else f"ended ({STATUS_WORDS[turn.status]})"
    if turn.ended_ms is not None:
        how += f" {'in' if is_complete else 'after'} {duration(turn.ended_ms - turn.order.created_ms)}"
    return ", ".join([how, *filter(None, facts)])


class SessionChanges:
    """The listener of the engine."""

    def __init__(
        self, controller: SessionController, interaction: Interaction, scheduler: PaintScheduler
    ) -> None:
        self._controller = controller
        self._interaction = interaction
        self._scheduler = scheduler
        self.finished = FinishedTurns()
        self._running_state = _running_state(None)

    def handle(self, session_id: str) -> None:
        """Handle a change of a session. Nothing is computed here: a stream calls it for every piece."""
        controller = self._controller
        if session_id == controller.session_id:
            before, now = self._running_state, _running_state(_newest_started(controller.session))
            self._running_state = now
            # The end of a text or turn is painted without waiting for the next tick.
            self._scheduler.request(
                at_once=any(old and not new for old, new in zip(before, now, strict=True))
            )
        elif session_id not in controller.checking:
            self._handle_elsewhere(controller.engine.session(session_id))

    def _handle_elsewhere(self, session: Session) -> None:
        """Report the end of a turn of a session that is not on the screen, and mark the session unread."""
        self.finished.remember(session)
        if self._controller.engine.actor(session.session_id).running:
            return
        ended = [turn for turn in self.finished.ended(session) if turn.status is not TurnStatus.RUNNING]
        if ended:
            facts = facts_of(session, ended[-1])
            self._interaction.announce(f"“{clean_line(session.title, 60)}” {facts}. Press ^S to open it.")
            self._interaction.run(self._controller.connection.history.mark_unread(session.session_id))


def _newest_started(session: Session) -> Turn | None:
    return next((turn for turn in reversed(session.turns) if turn.status is not TurnStatus.QUEUED), None)


def _running_state(turn: Turn | None) -> tuple[bool, bool]:
    """Whether the turn runs, and whether a text part of it is still streaming."""
    return (False, False) if turn is None else (turn.live, bool(turn.open_text))
