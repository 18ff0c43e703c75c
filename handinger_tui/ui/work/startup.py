"""The start with a connection: the requested session, the first message, and turns that were left running."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from handinger_tui.core.errors import AttachmentProblem, HandingerError
from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts import Draft
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.widgets.status_text import left_running_words
from handinger_tui.ui.work.entering import Submitter
from handinger_tui.ui.work.limit_watcher import reload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.engine.replay import Replay
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.commands.command import CommandContext
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.work.pane import SessionPane
    from handinger_tui.ui.work.session_switcher import SessionSwitcher


class Startup:
    """Opens the requested session, then sends the message of the command line or the early one."""

    def __init__(
        self,
        context: CommandContext,
        interaction: Interaction,
        pane: SessionPane,
        switcher: SessionSwitcher,
        submitter: Submitter,
    ) -> None:
        self._context = context
        self._options = context.options
        self._controller = context.controller
        self._interaction = interaction
        self._pane = pane
        self._composer = switcher.composer
        self._switcher = switcher
        self._submitter = submitter

    async def run(self, new_id: str) -> None:
        """Open, show and send. `new_id`: the new session that is shown if no other one is requested.

        Raises:
            HandingerError: the requested session cannot be opened, or the message cannot be sent. The
                message is in the prompt then, and a session is on the screen.
        """
        try:
            initial_id = await self._open_first(new_id)
        except HandingerError:
            # What was entered was meant for the session that failed to open: nothing is sent elsewhere.
            failed_id = self._controller.session_id
            self._submitter.early.begin(lambda: self._controller.session_id != failed_id)
            raise
        session = self._controller.session
        is_unseen = bool(session.turns) and self._options.opening is Opening.LAST_OR_FRESH
        # A session that was chosen by default: what costs money goes there only once the person saw it.
        unseen_id = initial_id if is_unseen or self._controller.connection.replay is not None else ""
        self._submitter.early.begin(lambda: self._controller.session_id != unseen_id)
        if (replay := self._controller.connection.replay) is not None:
            self._interaction.run(self._play(replay))

    async def _open_first(self, new_id: str) -> str:
        """Show the first session and send the message of the command line; returns its id."""
        from handinger_tui.ui.sessions.opening import InitialSession, open_first  # connected

        controller, prompt = self._controller, self._composer.prompt
        initial = InitialSession(new_id)
        try:
            initial = await open_first(controller, self._options, new_id)
            self._report_recovered(initial.recovered, initial.session_id)
            await self._switcher.show_first(initial.session_id)
            # After the session is shown: finding the prompts of 2,000 turns takes 0.1 s.
            prompt.message_history.add(*await controller.connection.history.prompts(), older=True)
            controller.tags = await controller.connection.history.tags()
            controller.projects = await controller.connection.history.projects()
            if initial.problem is not None:
                raise initial.problem
        except HandingerError:
            # The message was meant for the session that failed to open: keep it, do not send it elsewhere.
            await self._restore_first(self._options.prompt or prompt.text)
            if not controller.session_id:
                await self._switcher.show_first(initial.session_id)
            raise
        if initial.notice:
            self._interaction.announce(initial.notice, "warning")
        # Free: it was watched when the program ended, or is asked for now.
        actor = controller.actor(initial.session_id)
        await controller.watch_unwatched(actor)
        await self._send_first(actor)
        return initial.session_id

    async def _play(self, replay: Replay) -> None:
        """Play the session; the prompt says so, and what the keys do.

        Raises:
            LedgerError: the history cannot be read.
        """
        prompt = self._composer.prompt
        prompt.placeholder, prompt.replays = "Replay: nothing is sent", True
        prompt.refresh_bindings()
        replay.on_change = self._context.view.repaint
        self._announce(replay.pop_notice())
        await replay.run(lambda _turn: self._announce(replay.pop_notice()))

    def _announce(self, notice: str) -> None:
        if notice:
            self._interaction.announce(notice)

    def _report_recovered(self, recovered: Sequence[str], opened_id: str) -> None:
        """Report the leftovers of an earlier run: messages that may have been sent, and queued ones."""
        controller, say = self._controller, self._interaction.say
        actors = [controller.actor(session_id) for session_id in recovered]
        checking = sum(actor.running for actor in actors)
        if checking:
            were = "was" if checking == 1 else "were"
            say(f"{plural(checking, 'message')} {were} interrupted last time; checking…")
        for actor in actors:
            queued = len(actor.queue.ids)
            # The queue of the opened session is visible above its prompt.
            if queued and actor.session.session_id != opened_id:
                were = "was" if queued == 1 else "were"
                messages = f"{plural(queued, 'message')} to “{controller.title(actor)}”"
                say(f"{messages} {were} not sent last time. Press ^S to open it.")

    # -- the first message ---------------------------------------------------------------
    async def _send_first(self, actor: SessionActor) -> None:
        """Send the prompt of the command line, or attach its files.

        A stored draft and its files are not included.
        """
        composer, prompt, paths = self._composer, self._options.prompt, self._options.attachments
        budget = self._controller.budget
        try:
            if prompt:
                message = await composer.attachments.message_with(prompt, paths)
                await actor.send(message.text, budget, message.files, start=self._options.start)
                composer.prompt.message_history.add(prompt, sent=True)
            else:
                await composer.attachments.add(paths)
        except HandingerError as problem:
            await self._restore_first(prompt or composer.prompt.text)
            if not isinstance(problem, AttachmentProblem):
                raise
            self._pane.trouble(problem.text)

    async def _restore_first(self, prompt: str) -> None:
        """Put a message that was not sent into the prompt, and its files on chips.

        What is there goes to the prompt history: a draft, or text typed while the app was connecting.
        """
        if self._composer.prompt.text != prompt:
            self._composer.remember(self._composer.snapshot())
            self._composer.restore(Draft(prompt))
        with suppress(HandingerError):
            await self._composer.attachments.add(self._options.attachments)

    # -- later -----------------------------------------------------------------------------
    async def check_left_running(self) -> None:
        """Check once on the turns that were left running, and report the result. Raises LedgerError."""
        from handinger_tui.ui.sessions.left_running import check_left_running  # with the connection

        # What is on the board is said there, and a notification would cover it.
        ended, running = (
            [session for session in sessions if not self._controller.is_on_board(session.session_id)]
            for sessions in await check_left_running(self._controller)
        )
        for line in left_running_words(ended, running, self._context.now_ms()):
            self._interaction.announce(line)
        self._context.view.repaint()
        reload(self._interaction.app.screen_stack)
