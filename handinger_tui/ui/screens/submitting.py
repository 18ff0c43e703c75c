"""Submitting: what becomes of the text that the prompt hands over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from textual import on
from textual.widgets import TextArea

from handinger_tui.core.drafts import draft_of
from handinger_tui.core.errors import AttachmentProblem, HandingerError
from handinger_tui.core.input import SIGNS, CommandLine, Empty, Prompt, classify
from handinger_tui.ui.commands import command_named
from handinger_tui.ui.launch import Launch, Opening
from handinger_tui.ui.screens.citing import Citing
from handinger_tui.ui.screens.desk import Desk
from handinger_tui.ui.screens.returns import Returns
from handinger_tui.ui.screens.sending import Sender, not_sent
from handinger_tui.ui.widgets.prompt import PromptBox


class Submitting(Citing):
    """Prompt, command or nothing: each goes its way."""

    def __init__(self, launch: Launch, now_ms: Callable[[], int]) -> None:
        super().__init__(launch, now_ms)
        self.returns = Returns()
        self.arrived_at = ""
        """The session on the screen; "" before there is one."""
        self._sender = Sender(self.pane, self.stage, self.drafting)
        self._early = ""
        self._signs: set[str] = set()
        """Those that were said to be meant as text."""
        self._asked_sign = False

    @property
    def arrived(self) -> bool:
        """A session is on the screen."""
        return bool(self.arrived_at)

    @on(PromptBox.Submitted)
    def _submitted(self, event: PromptBox.Submitted) -> None:
        if self.drafting.falling:
            # Enter right behind files that were dropped: they go along.
            self.do(self._submit_landed())
        else:
            self._submit(event.text)

    async def _submit_landed(self) -> None:
        await self.drafting.landed()
        self._submit(self.prompt.text)

    def _submit(self, typed: str) -> None:
        match classify(typed):
            case Empty():
                self.do(self._nothing_typed())
            case CommandLine(name, rest):
                if command_named(name) is not None:
                    self.prompt.let_go(typed)
                self.do(self.run_command(name, rest))
            case Prompt() as prompt:
                self.do(self._send(prompt, typed))

    @on(TextArea.SelectionChanged, "#prompt")
    def _moved(self) -> None:
        self.drafting.typed()

    @on(PromptBox.Dropped)
    def _dropped(self, event: PromptBox.Dropped) -> None:
        self.drafting.dropped(event.paths, event.text)

    async def _nothing_typed(self) -> None:
        """Raise the limit that holds the queue, else watch what runs on: here, or elsewhere."""
        desk = self.desk
        if self.drafting.chosen:
            self.stage.say("Say what to do with it: a message needs some text.", "warning")
        elif desk is not None and desk.held is not None:
            await self._let_go(desk)
        elif (
            desk is None
            or not self.arrived
            or await desk.watch_unwatched()
            or desk.session.busy
            or not desk.going
        ):
            return
        else:
            await self.keep_draft()
            await self.arrive(await desk.open(desk.going[0].session_id))
            await desk.watch_unwatched()

    async def _let_go(self, desk: Desk) -> None:
        """Ask for every limit that holds the queue, until it goes on or the person leaves it."""
        while (gauge := desk.held) is not None:
            from handinger_tui.ui.screens.raising import raise_limit  # noqa: PLC0415 - few limits are reached

            if not await raise_limit(desk, self.stage, gauge, sending=False):
                return
            await desk.release()

    async def _send(self, prompt: Prompt, typed: str) -> None:
        if not self.arrived:
            self._early = typed
            self.stage.say("Still connecting; it is sent as soon as the service is there.")
            return
        if await self._meant_as_text(prompt.sign):
            await self._sender.send(self.at_work, prompt.text, typed)

    async def _meant_as_text(self, sign: str) -> bool:
        """Asked for each sign until the answer is yes."""
        if not sign or sign in self._signs:
            return True
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
        match classify(typed):
            case Prompt() as prompt:
                await self._send(prompt, typed)
            case _:
                return

    async def send_first(self, desk: Desk) -> None:
        """What was given along with the command. A draft from before, and its files, do not go with it."""
        prompt, paths = self.launch.prompt, self.launch.attachments
        try:
            if prompt:
                message = await self.drafting.message_with(prompt, paths)
                await desk.send(message.text, message.files)
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

    @on(PromptBox.TakeBack)
    def _take_back(self) -> None:
        self.do(self._withdraw())

    async def _withdraw(self) -> None:
        queued = self.at_work.queued
        if queued:
            self.returns.withdrawn(queued[-1].turn_id)
            await self.at_work.engine.withdraw(self.at_work.session_id, queued[-1].turn_id)
            self.drafting.give_back([draft_of(queued[-1].order)])
