"""Sending: from the prompt to the engine, so that nothing is lost and nothing is paid twice unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from handinger_tui.core.drafts import Draft
from handinger_tui.core.errors import AttachmentProblem, HandingerError, LedgerError, NoHistory
from handinger_tui.core.limits import LimitReached
from handinger_tui.core.record import dataclass
from handinger_tui.core.turn import TurnStatus
from handinger_tui.ui.screens.desk import Desk, Outgoing
from handinger_tui.ui.screens.drafting import Drafting, Message, Written
from handinger_tui.ui.screens.stage import WorkStage
from handinger_tui.ui.widgets.pane import SessionPane

KEPT: Final = "Your text is still in the prompt."
NO_HISTORY: Final = (
    "Nothing will be kept of this conversation: not the answer, not what it cost. "
    "Limits cannot be checked, and after a crash nobody can tell whether a message was sent."
)


def not_sent(problem: HandingerError) -> str:
    """What was wrong, and what helps."""
    return f"{problem.summary} {problem.hint}".strip()


@dataclass(frozen=True, slots=True)
class Submission:
    """A message as it stood when Enter was pressed: what happens on the screen later changes none of it."""

    session_id: str
    draft_name: str
    budget: str
    text: str
    """What is sent, before its files are resolved."""
    written: Written
    """As it stands in the prompt."""
    replaces: str | None = None
    """The queued turn that it was taken from."""


class Sender:
    """Sends the messages of each session one after the other, in the order in which Enter was pressed."""

    def __init__(
        self, pane: SessionPane, stage: WorkStage, drafting: Drafting, on_screen: Callable[[], str]
    ) -> None:
        """`on_screen`: the id of the session that is on the screen, "" before there is one."""
        self._pane = pane
        self._drafting = drafting
        self._stage = stage
        self._on_screen = on_screen
        self._turns: dict[str, asyncio.Lock] = {}
        self._under_way: dict[str, list[Submission]] = {}

    # -- at Enter ------------------------------------------------------------------------
    def sending(self, session_id: str) -> bool:
        """A message of the session is on its way to the disk."""
        return bool(self._under_way.get(session_id))

    def beyond(self, session_id: str, written: Written) -> Written | None:
        """What was written beyond messages that still stand in the prompt, on their way already.

        None: nothing was, as when Enter is pressed twice.
        """
        text, files = written.text, written.files
        for earlier in self._under_way.get(session_id, []):
            text = text.removeprefix(earlier.written.text)
            files = tuple(file for file in files if file not in earlier.written.files)
        if text == written.text:
            return replace(written, files=files)
        return replace(written, text=text, files=files) if text.strip() or files else None

    def accept(self, submission: Submission) -> None:
        """Take a message at the very moment Enter was pressed; `send` has to follow."""
        self._under_way.setdefault(submission.session_id, []).append(submission)

    async def send(self, desk: Desk, submission: Submission) -> bool:
        """Send an accepted one; the box is emptied only once the order is on disk. False: it was not sent.

        Raises:
            Elsewhere: the session belongs to another service.
        """
        session_id = submission.session_id
        try:
            async with self._turns.setdefault(session_id, asyncio.Lock()):
                return await self._send(desk, submission)
        finally:
            self._finish(submission)

    def _finish(self, submission: Submission) -> None:
        """It stands in the prompt no more, or is not on its way: the same text may be entered again."""
        under_way = self._under_way[submission.session_id]
        if submission in under_way:
            under_way.remove(submission)

    def _here(self, submission: Submission) -> bool:
        return self._on_screen() == submission.session_id

    async def _send(self, desk: Desk, submission: Submission) -> bool:
        try:
            message = await self._drafting.message(replace(submission.written, text=submission.text))
            sent = await self._is_meant(desk, submission, message) and await self._hand_over(
                desk, submission, message
            )
        except AttachmentProblem as problem:
            self._refused(desk, submission, not_sent(problem))
        except LedgerError as problem:
            self._refused(desk, submission, f"Not sent: {not_sent(problem)}", KEPT)
        except HandingerError:
            self._bring_back(desk, submission)
            raise
        else:
            if sent:
                await self._clear(desk, submission, message)
                return True
            self._bring_back(desk, submission)
        return False

    async def _hand_over(self, desk: Desk, submission: Submission, message: Message) -> bool:
        """False when something stands in the way and the person leaves it so."""
        outgoing = Outgoing(
            submission.session_id, submission.budget, message.text, message.files, submission.replaces
        )
        asked = False
        while True:
            try:
                await desk.send(outgoing)
            except LimitReached as stop:
                from handinger_tui.ui.screens.raising import raise_limit  # noqa: PLC0415 - few limits are reached

                # Several may be used up: each is asked for, and nothing leaves before the last one is raised.
                about = self._about(desk, submission)
                if not await raise_limit(
                    desk, self._stage, submission.session_id, stop.gauge, sending=True, about=about
                ):
                    return False
                # A queue that this limit held goes first.
                await desk.limits_changed(submission.session_id)
            except NoHistory:
                if asked or not await self._agree_to_no_history(desk, submission):
                    raise
                asked = True
            else:
                return True

    async def _agree_to_no_history(self, desk: Desk, submission: Submission) -> bool:
        agree = desk.connection.without_history
        if agree is None:
            return False
        from handinger_tui.ui.screens.dialogs import Confirm  # noqa: PLC0415 - few histories are missing

        about = self._about(desk, submission)
        body = f"Session: “{about}”\n\n{NO_HISTORY}" if about else NO_HISTORY
        question = Confirm("Send without a history?", body, yes="Send without it", no="Do not send")
        if not await self._stage.ask(question):
            return False
        agree()
        return True

    async def _is_meant(self, desk: Desk, submission: Submission, message: Message) -> bool:
        """A message whose fate is unknown is sent again only by a person who knows that and spells it out."""
        session = desk.session_of(submission.session_id)
        turn = session.sent
        if (
            turn is None
            or turn.status is not TurnStatus.UNKNOWN
            or turn.order.prompt.strip() != message.text.strip()
        ):
            return True
        from handinger_tui.ui.screens.again import Choice, SendAgain  # noqa: PLC0415 - few are in doubt

        question = SendAgain(watchable=session.worker_id is not None, about=self._about(desk, submission))
        choice = await self._stage.ask(question)
        if choice is Choice.WATCH:
            # If it arrived, the text must not wait in the box for another Enter; if not, it comes back.
            await self._clear(desk, submission, message)
            await desk.engine.watch(submission.session_id, turn.turn_id)
        return choice is Choice.SEND

    def _about(self, desk: Desk, submission: Submission) -> str:
        """The title of the session, where another one is on the screen."""
        return "" if self._here(submission) else desk.title(submission.session_id)

    # -- afterwards ----------------------------------------------------------------------
    async def _clear(self, desk: Desk, submission: Submission, message: Message) -> None:
        """The message is safe elsewhere: take it, and nothing else, out of its prompt and its draft."""
        written = submission.written
        self._drafting.remember(written)
        if not self._here(submission):
            await desk.cut_draft(submission.session_id, replace(written.draft, files=message.files))
        if not self._here(submission):
            return
        self._pane.trouble(None)
        self._drafting.clear_sent(written, message.files)
        if submission.replaces is None:
            # An edit ends with its `send`: until then nobody may think that its turn just left the queue.
            self._finish(submission)
        session_id = submission.session_id
        # The first message gives the session, and so its draft, another name.
        if submission.draft_name != desk.draft_name(session_id):
            await desk.keep_draft(submission.draft_name, Draft())
        if self._here(submission):
            await desk.keep_draft(desk.draft_name(session_id), self._drafting.draft())

    def _refused(self, desk: Desk, submission: Submission, why: str, kept: str = "") -> None:
        """Say why it was not sent: on the card of its session, else by name."""
        if self._here(submission):
            self._pane.trouble(f"{why} {kept}".strip())
        else:
            title = desk.title(submission.session_id)
            self._stage.say(f"Your message to “{title}” was not sent. {why}", "error")
        self._bring_back(desk, submission)

    def _bring_back(self, desk: Desk, submission: Submission) -> None:
        """A message that was not sent stays where it was written, or can be called back."""
        written = submission.written
        if self._here(submission):
            if written.text not in self._drafting.written().text:
                self._drafting.remember(written)
        elif not desk.session_of(submission.session_id).turns:
            # Nothing leads back to a session without turns.
            self._drafting.give_back([written.draft])
        else:
            self._drafting.remember(written)
