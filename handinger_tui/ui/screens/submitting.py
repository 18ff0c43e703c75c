"""Submitting: what becomes of the text that the prompt hands over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from textual import on
from textual.widgets import TextArea

from handinger_tui.core.errors import AttachmentProblem, HandingerError
from handinger_tui.core.input import SIGNS, CommandLine, Empty, Prompt, classify
from handinger_tui.core.record import dataclass
from handinger_tui.core.turn import Turn
from handinger_tui.ui.commands import command_named
from handinger_tui.ui.launch import Launch, Opening
from handinger_tui.ui.screens.citing import Citing
from handinger_tui.ui.screens.desk import Desk, Outgoing
from handinger_tui.ui.screens.drafting import Written
from handinger_tui.ui.screens.returns import Returns
from handinger_tui.ui.screens.sending import Sender, Submission, not_sent
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.widgets.queue_strip import QueueStrip


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes and what stood on the screen, fixed when Enter is pressed."""

    session_id: str
    draft_name: str
    budget: str
    written: Written
    replaces: str | None = None
    """The queued turn that the prompt holds for editing."""


class Submitting(Citing):
    """Prompt, command or nothing: each goes its way."""

    def __init__(self, launch: Launch, now_ms: Callable[[], int]) -> None:
        super().__init__(launch, now_ms)
        self.returns = Returns()
        self.arrived_at = ""
        """The session on the screen; "" before there is one."""
        self.sender = Sender(self.pane, self.stage, self.drafting, lambda: self.arrived_at)
        self.prompt.target = self._target
        self._early = ""
        self._resuming: set[str] = set()
        """Sessions whose held queue somebody asked to go on."""
        self._signs: set[str] = set()
        """Those that were said to be meant as text."""
        self._asked_sign = False

    @property
    def arrived(self) -> bool:
        """A session is on the screen."""
        return bool(self.arrived_at)

    def _target(self) -> Target | None:
        desk, editor = self.desk, self.queue_editor
        if desk is None or not self.arrived:
            return None
        session_id, budget = self.arrived_at, desk.budget
        if editor.edit is not None:
            budget = editor.edit.turn.order.budget or budget
        name = desk.draft_name(session_id)
        return Target(session_id, name, budget, self.drafting.written(), editor.turn_id)

    @on(PromptBox.Submitted)
    def _submitted(self, event: PromptBox.Submitted) -> None:
        target = event.target
        if not isinstance(target, Target):
            self._submit_unconnected(event.text)
        elif target.written.drops:
            # Enter right behind files that were dropped: they are attached.
            self.do(self._submit_landed(target))
        else:
            self._submit(target)

    async def _submit_landed(self, target: Target) -> None:
        self._submit(replace(target, written=await self.drafting.landed(target.written)))

    def _submit(self, target: Target) -> None:
        """What stood on the screen at Enter, as prompt, command or nothing."""
        written = target.written
        if written.text.strip():
            beyond = self.sender.beyond(target.session_id, written)
            if beyond is None:
                return
            written = beyond
        match classify(written.text):
            case Empty():
                self._nothing_typed(target)
            case CommandLine(name, rest):
                if target.session_id != self.arrived_at:
                    # It was meant for what is no longer on the screen.
                    return
                if command_named(name) is not None:
                    self.drafting.clear_sent(written, ())
                self.do(self.run_command(name, rest))
            case Prompt(text, sign):
                target = replace(target, written=written)
                if not sign or sign in self._signs:
                    self._send(target, text)
                else:
                    self.do(self._send_if_meant(target, text, sign))

    async def _send_if_meant(self, target: Target, text: str, sign: str) -> None:
        if await self._meant_as_text(sign):
            self._send(target, text)

    def _send(self, target: Target, text: str) -> None:
        if target.replaces is None and self._must_wait(target.session_id):
            return
        submission = Submission(
            target.session_id, target.draft_name, target.budget, text, target.written, target.replaces
        )
        self.sender.accept(submission)
        self.do(self._send_accepted(submission))

    async def _send_accepted(self, submission: Submission) -> None:
        if await self.sender.send(self.at_work, submission) and submission.replaces is not None:
            self.queue_editor.stored(submission.replaces)

    def _must_wait(self, session_id: str) -> bool:
        """Whether the service asked for a pause; then that is shown."""
        wait = self.pane.card.waiting_s(self.now_ms()) if session_id == self.arrived_at else 0
        if wait:
            self.stage.say(f"The service asks to wait {wait} s more. Your text stays here.", "warning")
        return wait > 0

    def _submit_unconnected(self, typed: str) -> None:
        match classify(typed):
            case Empty():
                return
            case CommandLine(name, rest):
                if command_named(name) is not None:
                    self.prompt.let_go(typed)
                self.do(self.run_command(name, rest))
            case Prompt():
                self._early = typed
                self.stage.say("Still connecting; it is sent as soon as the service is there.")

    @on(TextArea.SelectionChanged, "#prompt")
    def _moved(self) -> None:
        self.drafting.typed()

    @on(PromptBox.Dropped)
    def _dropped(self, event: PromptBox.Dropped) -> None:
        self.drafting.dropped(event.paths, event.text)

    # -- Enter on an empty prompt --------------------------------------------------------
    def _nothing_typed(self, target: Target) -> None:
        """Go on with what waits or runs: in this session, else in another one."""
        session_id = target.session_id
        if target.written.files:
            self.stage.say("Add a message to go with the attachment.", "warning")
        elif target.replaces is not None:
            self.queue_editor.cancel()
        elif self.at_work.hold_of(session_id) is not None:
            # Enter pressed twice goes on once.
            if session_id not in self._resuming and not self._must_wait(session_id):
                self._resuming.add(session_id)
                self.do(self._resume(session_id))
        else:
            self.do(self._watch(session_id))

    async def _resume(self, session_id: str) -> None:
        """Go on with a held queue; a limit in the way is asked for until the person leaves it."""
        desk = self.at_work
        try:
            while (hold := desk.hold_of(session_id)) is not None:
                if hold.gauge is not None:
                    from handinger_tui.ui.screens.raising import raise_limit  # noqa: PLC0415 - few are reached

                    if not await raise_limit(desk, self.stage, session_id, hold.gauge, sending=False):
                        return
                still = await desk.engine.resume(session_id)
                if still is not None and still.gauge is None:
                    self.stage.say(f"Still held. {still.detail}".strip(), "warning")
                if still is None or still.gauge is None:
                    return
        finally:
            self._resuming.discard(session_id)

    async def _watch(self, session_id: str) -> None:
        desk = self.at_work
        if await desk.watch_unwatched(session_id) or desk.engine.running(session_id) or not desk.going:
            return
        going = desk.going[0].session_id
        if await self.switch(partial(desk.open, going)):
            await desk.watch_unwatched(going)

    async def _meant_as_text(self, sign: str) -> bool:
        """Asked for each sign until the answer is yes."""
        if self._asked_sign:
            # Enter was pressed twice.
            return False
        from handinger_tui.ui.screens.dialogs import Confirm  # noqa: PLC0415 - once there is a question

        body = f"{SIGNS[sign]} Sent to the worker as a message, it costs what a message costs."
        title = f"Send a message that begins with “{sign}”?"
        self._asked_sign = True
        try:
            meant = await self.stage.ask(Confirm(title, body, yes="Send it", no="Do not send"))
        finally:
            self._asked_sign = False
        if meant:
            self._signs.add(sign)
        return bool(meant)

    async def send_early(self, desk: Desk) -> None:
        """Enter was pressed before we were connected: send now, but only where nothing else was opened."""
        typed, self._early = self._early, ""
        if not typed or not self.prompt.text.startswith(typed):
            return
        if desk.session.turns and self.launch.opening is Opening.LAST_OR_FRESH:
            # Nobody named this session: what costs money goes there only after it was seen.
            self.stage.say("This is your last session. Enter sends your message here, ^N starts anew.")
            return
        target = self._target()
        if target is not None:
            self._submit(replace(target, written=replace(target.written, text=typed)))

    async def send_first(self, desk: Desk, session_id: str) -> None:
        """What was given along with the command. A draft from before, and its files, do not go with it."""
        prompt, paths, budget = self.launch.prompt, self.launch.attachments, desk.budget
        try:
            if prompt:
                message = await self.drafting.message_with(prompt, paths)
                await desk.send(Outgoing(session_id, budget, message.text, message.files))
                self.prompt.remember(prompt)
            else:
                await self.drafting.add(paths)
        except HandingerError as problem:
            await self.keep_first(prompt or self.prompt.text)
            if not isinstance(problem, AttachmentProblem):
                raise
            self.pane.trouble(not_sent(problem))

    async def keep_first(self, prompt: str) -> None:
        """What was to be sent stays, in the prompt and on chips."""
        self.prompt.put(prompt)
        with suppress(HandingerError):
            await self.drafting.add(self.launch.attachments)

    # -- the queue -------------------------------------------------------------------------
    @on(PromptBox.QueueEntered)
    def _enter_queue(self) -> None:
        if self.pane.queue.queue:
            self.pane.queue.mark_newest()
            self.browse(self.pane.queue)

    @on(QueueStrip.Clicked)
    def _click_queue(self) -> None:
        self.browse(self.pane.queue)

    @on(QueueStrip.Left)
    def _leave_queue(self, event: QueueStrip.Left) -> None:
        self.prompt.focus()
        if event.typed:
            self.prompt.insert(event.typed)

    @on(QueueStrip.Edited)
    def _edit_queued(self, event: QueueStrip.Edited) -> None:
        self.queue_editor.begin(event.turn)
        self.prompt.focus()
        self.panels_changed()

    @on(QueueStrip.Dropped)
    def _drop_queued(self, event: QueueStrip.Dropped) -> None:
        self.do(self._withdraw(self.arrived_at, event.turn))

    async def _withdraw(self, session_id: str, turn: Turn) -> None:
        await self.at_work.engine.withdraw(session_id, turn.turn_id)
        if self.queue_editor.turn_id == turn.turn_id:
            self.queue_editor.cancel()
        self.drafting.remember(Written(turn.order.prompt, turn.order.attachments))
        self.stage.say("Withdrawn. ↑ brings the text back.")

    @on(QueueStrip.Moved)
    def _move_queued(self, event: QueueStrip.Moved) -> None:
        self.do(self.at_work.engine.move_queued(self.arrived_at, event.turn.turn_id, event.to))
