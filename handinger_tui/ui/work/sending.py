"""How a message leaves: checked, confirmed, stored, then removed from the prompt."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from handinger_tui.core.acts import MAY_RUN_TWICE, Moot, until_sent
from handinger_tui.core.errors import AttachmentProblem, HandingerError, LedgerError
from handinger_tui.core.prompts import Draft
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import Attachment, Lineage, Turn, TurnStatus
from handinger_tui.ui.commands.money import raise_limit
from handinger_tui.ui.sessions.controller import Obstacles, SessionController
from handinger_tui.ui.sessions.drafts import draft_name
from handinger_tui.ui.work.attachments import PromptSnapshot
from handinger_tui.ui.work.composer import Composer, Submission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.sessions.message_files import Message
    from handinger_tui.ui.work.pane import SessionPane

TEXT_KEPT: Final = "Your text is still in the prompt."
TEXT_MOVED: Final = "Your earlier message was not sent. Press ↑ to bring it back."
NOT_STORED: Final = "your message is not stored yet"

RESEND_WORD: Final = "again"
"""The word that must be typed to send a message again."""
NOT_QUEUED: Final = "This message is no longer in the queue."
RUNS_NOW: Final = "A turn is running by now. The message is still in the queue."
WATCH_FIRST: Final = "Watching is free and shows the answer if the message arrived."
CLEAR_NOW: Final = "It is known by now what became of this message. Nothing was sent again."
NO_WORKER: Final = (
    "The id of its new worker never came back, so it cannot be watched. Check the dashboard first."
)


class SendFlow:
    """Sends the messages of each session one at a time, in the order in which Enter was pressed."""

    def __init__(
        self, controller: SessionController, interaction: Interaction, pane: SessionPane, composer: Composer
    ) -> None:
        self._controller = controller
        self._drafts = controller.drafts
        self._interaction = interaction
        self._pane = pane
        self._composer = composer
        self._locks: dict[str, asyncio.Lock] = {}
        self._leaving: dict[str, list[Submission]] = {}
        """What was entered and is not stored yet, by session; its text may still be in the prompt."""
        self.sent: Callable[[], Awaitable[None]]
        """Called when a message of the prompt is stored: what waits behind it goes on."""
        pane.is_leaving = lambda: bool(self.leaving(controller.session_id))

    def leaving(self, session_id: str) -> Sequence[Submission]:
        """The messages of a session that were entered and are not stored yet, the earliest first."""
        return self._leaving.get(session_id, ())

    def send(self, submission: Submission) -> None:
        """Send in the background what is entered now. Another Enter does not send it once more."""
        self._accept(submission)
        self._interaction.run(self._send_accepted(submission), NOT_STORED)

    async def finish(self, submission: Submission) -> None:
        """Send a line that waited, and wait until it is stored or refused."""
        self._accept(submission)
        await self._interaction.finish(self._send_in_order(submission), NOT_STORED, opens=False)

    def _accept(self, submission: Submission) -> None:
        self._leaving.setdefault(submission.place.session_id, []).append(submission)
        # The message and its answer come into sight.
        self._pane.sidebar.close()

    def _forget(self, submission: Submission) -> None:
        """A message has left the prompt or was not sent: the same text may be entered again."""
        leaving = self._leaving.get(submission.place.session_id, [])
        if submission in leaving:
            leaving.remove(submission)

    async def _send_accepted(self, submission: Submission) -> None:
        if await self._send_in_order(submission):
            if submission.replaces is not None:
                self._composer.end_queue_edit(submission.replaces)
            await self.sent()

    async def _send_in_order(self, submission: Submission) -> bool:
        """Send a message; the prompt is cleared only after the turn is on disk.

        False: it was not sent.

        Raises:
            Elsewhere: the session belongs to another service.
        """
        try:
            async with self._locks.setdefault(submission.place.session_id, asyncio.Lock()):
                return await self._send(submission)
        finally:
            self._forget(submission)

    def _is_on_screen(self, submission: Submission) -> bool:
        return self._controller.session_id == submission.place.session_id

    async def _send(self, submission: Submission) -> bool:
        try:
            message = await self._checked(submission)
            sent = await self._confirm_resend(submission, message) and await self._hand_over(
                submission, message
            )
        except AttachmentProblem as problem:
            self._report_refusal(submission, problem.text)
        except LedgerError as problem:
            self._report_refusal(submission, f"Not sent: {problem.text}", TEXT_KEPT)
        except HandingerError:
            self._keep_unsent(submission)
            raise
        else:
            if sent:
                await self._clear(submission, message)
                return True
            self._keep_unsent(submission)
        return False

    async def _checked(self, submission: Submission) -> Message:
        """What is sent, after each file was checked once more: it may have changed since it was attached.

        Raises:
            AttachmentProblem: a file cannot be sent or has changed. Nothing is changed.
        """
        from handinger_tui.ui.sessions.message_files import Message, with_mentions  # with the first message

        snapshot, attachments = submission.snapshot, self._composer.attachments
        text, files = submission.text, list[Attachment]()
        if not submission.is_again:
            text, files = await with_mentions(
                text, attachments.check_mention, snapshot.pasted, snapshot.mentions
            )
        files += [await attachments.check_again(file) for file in snapshot.files]
        return Message.of(text, files)

    async def _hand_over(self, submission: Submission, message: Message) -> bool:
        """Store and start the turn, queue it, or let it replace the queued one that was edited.

        False when a limit blocks it and the person does not raise it.
        """
        place, text, files = submission.place, message.text, message.files
        obstacles = self._obstacles(submission)
        while obstacles.remain:
            async with obstacles.attempt() as start:
                if submission.replaces is not None:
                    await place.actor.edit_queued(submission.replaces, text, place.budget, files)
                else:
                    lineage, offer = submission.snapshot.lineage, submission.offer
                    await place.actor.send(
                        text, place.budget, files, start=start, lineage=lineage, offer=offer
                    )
        return obstacles.are_overcome

    def _obstacles(self, submission: Submission) -> Obstacles:
        actor = submission.place.actor

        async def raise_it(gauge: Any) -> bool:
            about, front = self._about(submission), self._interaction
            return await raise_limit(self._controller, front, actor, gauge, sending=True, about=about)

        return Obstacles(self._controller, actor, partial(self._agree, submission), raise_it)

    async def _agree(self, submission: Submission, yes: str, body: str) -> bool:
        """Ask whether to send; of a session that is not on the screen the question names the title."""
        about = self._about(submission)
        text = f"Session: “{about}”\n\n{body}" if about else body
        return await self._interaction.confirm(f"{yes}?", text, yes=yes, no="Cancel")

    async def _confirm_resend(self, submission: Submission, message: Message) -> bool:
        """Whether to send the message.

        If the previous turn has the same text and its delivery is unknown, ask first.
        """
        session = submission.place.actor.session
        if (turn := session.in_doubt(message.text)) is None:
            return True
        from handinger_tui.ui.dialogs import Question  # 4 ms, and few are in doubt

        is_watchable = session.worker_id is not None
        title = self._about(submission)
        about = f"Session: “{title}”\n\n" if title else ""
        answers = [("Watch (free)", "watch"), ("Cancel", "leave"), ("Send again", "send")]
        default = "watch" if is_watchable else "cancel"
        words = f"{about}{MAY_RUN_TWICE}\n\n{WATCH_FIRST if is_watchable else NO_WORKER}"
        store, turn_id = submission.place.actor.store, turn.turn_id

        def words_by_now() -> str | Moot:
            return words if store.turn(turn_id).status is TurnStatus.UNKNOWN else Moot(CLEAR_NOW)

        question = Question(
            "Send again?",
            words,
            answers if is_watchable else answers[1:],
            typed=RESEND_WORD,
            placeholder=f"Enter to {default}; type {RESEND_WORD} to send again",
        )
        question.words = words_by_now
        choice = await self._interaction.ask(question)
        if choice == "watch":
            # Clear the prompt, so that another Enter cannot send it again. If it never arrived,
            # the text comes back.
            await self._clear(submission, message)
            await submission.place.actor.watch(turn.turn_id)
        return choice == "send"

    def _about(self, submission: Submission) -> str:
        """The title of the session; "" when it is the one on the screen."""
        return "" if self._is_on_screen(submission) else self._controller.title(submission.place.actor)

    async def send_again(self, actor: SessionActor, turn: Turn, budget: str, lineage: Lineage) -> bool:
        """Send the message of an earlier turn once more, as it was; False: it was not sent.

        Raises:
            Elsewhere: the session belongs to another service.
        """
        snapshot = PromptSnapshot(turn.request.prompt, turn.request.attachments, lineage=lineage)
        place = replace(self._controller.place(actor), budget=budget)
        submission = Submission(place, snapshot, text=snapshot.text, is_again=True)
        return await self._send_in_order(submission)

    async def send_queued(self, actor: SessionActor, turn: Turn) -> None:
        """Send a queued message before the others, after a question that names its cost.

        While the worker is busy it only becomes the next one, which costs nothing that was not agreed to.

        Raises:
            Busy: it is being sent already.
            LedgerError: it stays queued.
        """
        say = self._interaction.say
        budget = turn.request.budget or self._controller.budget
        if not (actor.gate.state.running or actor.gate.state.busy):
            usual = (await self._controller.typical_cost(budget)).text

            def words() -> str | Moot:
                state, waiting = actor.gate.state, len(actor.queue.ids) - 1
                if turn.turn_id not in actor.queue.ids:
                    return Moot(NOT_QUEUED)
                if state.running or state.busy:
                    return Moot(RUNS_NOW)
                stay = f"\n\n{until_sent(waiting)}." if waiting else ""
                return f"“{clean_line(turn.request.prompt, 200)}”\n\nBudget {budget}: {usual}.{stay}"

            if not await self._interaction.confirm("Send now?", words, yes="Send", no="Cancel"):
                return
        snapshot = PromptSnapshot(turn.request.prompt, turn.request.attachments)
        place = replace(self._controller.place(actor), budget=budget)
        submission = Submission(place, snapshot, released=turn.turn_id)
        obstacles = self._obstacles(submission)
        while obstacles.remain:
            async with obstacles.attempt() as start:
                await actor.resume(start, only=turn.turn_id)
        if obstacles.are_overcome and turn.turn_id in actor.queue.ids:
            held = actor.queue.hold is not None
            say(f"Next in the queue{', which stays held' if held else ': it is sent when the turn ends'}.")

    async def withdraw(self, actor: SessionActor, turn: Turn) -> None:
        """Remove a message from the queue; its text goes to the prompt history. Raises LedgerError."""
        await actor.withdraw(turn.turn_id)
        if self._composer.edited_id == turn.turn_id:
            self._composer.cancel_queue_edit()
        self._composer.remember(PromptSnapshot(turn.request.prompt, turn.request.attachments))
        self._interaction.say("Withdrawn. Press ↑ to bring the text back.")

    # -- after sending -------------------------------------------------------------------
    async def _clear(self, submission: Submission, message: Message) -> None:
        """Remove a stored message, and nothing else, from its prompt and its draft."""
        snapshot = submission.snapshot
        if submission.is_again and self._composer.prompt.text.strip() != snapshot.text.strip():
            if self._is_on_screen(submission):
                self._pane.trouble(None)
            return
        self._composer.remember(snapshot, sent=True)
        if not self._is_on_screen(submission):
            await self._drafts.remove_sent(
                submission.place.session_id, replace(snapshot.draft, files=message.files)
            )
        if not self._is_on_screen(submission):
            return
        self._pane.trouble(None)
        if not submission.is_early:
            self._composer.clear_sent(snapshot, message.files)
        if submission.replaces is None:
            # An edit is leaving until `_send` returns: else its turn would look as if it had left the queue.
            self._forget(submission)
        # The first message of a session changes the name under which its draft is saved.
        name = draft_name(submission.place.actor.session)
        if submission.place.draft_name != name:
            await self._drafts.save(submission.place.draft_name, Draft())
        if self._is_on_screen(submission):
            await self._drafts.save(name, self._composer.draft())

    def _report_refusal(self, submission: Submission, why: str, note: str = "") -> None:
        """Report why a message was not sent: on the card of the open session, else with the session title."""
        if self._is_on_screen(submission):
            note = note if self._composer.prompt.text == submission.snapshot.text else ""
            self._pane.trouble(f"{why} {note}".strip())
        else:
            title = self._controller.title(submission.place.actor)
            self._interaction.announce(f"Your message to “{title}” was not sent. {why}", "error")
        self._keep_unsent(submission)

    def _keep_unsent(self, submission: Submission) -> None:
        if self._composer.return_unsent(submission, is_on_screen=self._is_on_screen(submission)):
            self._interaction.say(TEXT_MOVED, "warning")
