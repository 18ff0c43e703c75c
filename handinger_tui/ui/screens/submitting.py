"""Submitting: what becomes of the text that the prompt hands over."""

from __future__ import annotations

from collections.abc import Callable

from textual import on

from handinger_tui.core.input import CommandLine, Empty, Prompt, classify
from handinger_tui.ui.commands import command_named
from handinger_tui.ui.launch import Launch, Opening
from handinger_tui.ui.screens.citing import Citing
from handinger_tui.ui.screens.desk import Desk
from handinger_tui.ui.screens.raising import raise_limit
from handinger_tui.ui.screens.returns import Returns
from handinger_tui.ui.screens.sending import Sender
from handinger_tui.ui.widgets.prompt import PromptBox


class Submitting(Citing):
    """Prompt, command or nothing: each goes its way."""

    def __init__(self, launch: Launch, now_ms: Callable[[], int]) -> None:
        super().__init__(launch, now_ms)
        self.returns = Returns()
        self.arrived_at = ""
        """The session on the screen; "" before there is one."""
        self._sender = Sender(self.pane, self.stage)
        self._early = ""

    @property
    def arrived(self) -> bool:
        """A session is on the screen."""
        return bool(self.arrived_at)

    @on(PromptBox.Submitted)
    def _submitted(self, event: PromptBox.Submitted) -> None:
        match classify(event.text):
            case Empty():
                self.do(self._nothing_typed())
            case CommandLine(name, rest):
                if command_named(name) is not None:
                    self.prompt.let_go(event.text)
                self.do(self.run_command(name, rest))
            case Prompt(text):
                self.do(self._send(text, event.text))

    async def _nothing_typed(self) -> None:
        """Raise the limit that holds the queue, else watch what runs on: here, or elsewhere."""
        desk = self.desk
        if desk is not None and desk.held is not None:
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
            if not await raise_limit(desk, self.stage, gauge, sending=False):
                return
            await desk.release()

    async def _send(self, text: str, typed: str) -> None:
        if not self.arrived:
            self._early = typed
            self.stage.say("Still connecting; it is sent as soon as the service is there.")
            return
        await self._sender.send(self.at_work, text, typed)

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
            case Prompt(text):
                await self._send(text, typed)
            case _:
                return

    @on(PromptBox.TakeBack)
    def _take_back(self) -> None:
        self.do(self._withdraw())

    async def _withdraw(self) -> None:
        queued = self.at_work.queued
        if queued:
            self.returns.withdrawn(queued[-1].turn_id)
            self.prompt.put(await self.at_work.engine.withdraw(self.at_work.session_id, queued[-1].turn_id))
