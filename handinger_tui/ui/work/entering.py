"""What Enter does: a message, a command, or with an empty prompt what the line below it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from handinger_tui.core.acts import Act, HoldReason, Moot, Typed, enter
from handinger_tui.core.attention import READ_S
from handinger_tui.core.prompts import SIGNS, CommandLine, Empty, Prompt, classify, message_of_fork
from handinger_tui.core.turns.turn import StartPolicy
from handinger_tui.ui.commands import command_named, unknown_command_text
from handinger_tui.ui.commands.command import CommandContext
from handinger_tui.ui.commands.money import raise_limit
from handinger_tui.ui.work.composer import Composer, Submission
from handinger_tui.ui.work.early_lines import EarlyLine, EarlyLines
from handinger_tui.ui.work.sending import SendFlow

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.work.attachments import PromptSnapshot
    from handinger_tui.ui.work.pane import SessionPane

ADD_TO_FORK: Final = "Add a message to go with the conversation so far."
NO_COMMAND_IN_FORK: Final = "A command cannot follow the conversation so far. Clear the prompt first."
OTHER_SESSION: Final = "Another session is open now. Nothing was done."
QUEUE_CHANGED: Final = "The queue has changed. Nothing was sent."
JUST_CHANGED: Final = "Nothing was sent: what Enter does had just changed."


class Submitter:
    """Acts on Enter. The target of a message is fixed at that moment."""

    def __init__(
        self,
        context: CommandContext,
        interaction: Interaction,
        pane: SessionPane,
        composer: Composer,
        send_flow: SendFlow,
        run_command: Callable[[str, str], None],
    ) -> None:
        self._controller = context.controller
        self._interaction = interaction
        self._pane = pane
        self._composer = composer
        self._switcher = context.switcher
        self._now_ms = context.now_ms
        self._context = context
        self._send_flow = send_flow
        self._run_command = run_command
        self.early = EarlyLines(
            context.controller, interaction, pane, composer, self._finish_command, self._send_early
        )
        send_flow.sent = self.early.work_through
        self._resuming: set[str] = set()
        """Sessions whose held queue is being resumed."""
        self._confirmed_signs: set[str] = set()
        """Leading signs that the person confirmed as the start of a message; they are not asked again."""
        self._is_asking_sign = False

    def enter(self) -> None:
        """Act on Enter, by what is in the prompt and below it at this moment."""
        composer, pressed_at = self._composer, self._interaction.pressed_at
        # The line about an earlier action would be read as an answer to this Enter.
        self._pane.end_acknowledgment()
        # The draft of a session that was just opened came into the prompt with it.
        is_new = composer.came_with_session and pressed_at < self._pane.session_since + READ_S
        if is_new or composer.is_unseen(pressed_at):
            self._interaction.say("Your draft is back. Press Enter again to send it.")
        elif not self.early.takes_enter(pressed_at):
            shown = self._pane.shown
            place = self._controller.place(self._controller.shown)
            entered = composer.submission(
                place,
                shown.as_read(pressed_at),
                self._send_flow.leaving(place.session_id),
                is_read=shown.was_read(pressed_at),
            )
            if entered is not None and entered.snapshot.drops:
                # Enter was pressed right after a drop: its files are attached first.
                self._interaction.run(self._submit_with_drops(entered))
            elif entered is not None:
                self._submit(entered)

    async def _submit_with_drops(self, target: Submission) -> None:
        self._submit(replace(target, snapshot=await self._composer.attachments.with_drops(target.snapshot)))

    def _submit(self, target: Submission) -> None:
        snapshot = target.snapshot
        typed = classify(snapshot.text)
        if not isinstance(typed, Prompt) and target.place.session_id != self._controller.session_id:
            # Its files were read meanwhile. A message still goes to its session.
            self._interaction.say(OTHER_SESSION, "warning")
            return
        match typed:
            case Empty():
                self._submit_empty(target)
            case CommandLine(name, argument):
                self._submit_command(snapshot, name, argument)
            case Prompt(text, sign):
                in_fork = message_of_fork(snapshot.text, snapshot.pasted)
                if isinstance(in_fork, Empty | CommandLine):
                    why = ADD_TO_FORK if isinstance(in_fork, Empty) else NO_COMMAND_IN_FORK
                    self._interaction.say(why, "warning")
                    return
                submission = replace(target, text=text)
                if not sign or sign in self._confirmed_signs:
                    self._send(submission)
                else:
                    self._interaction.run(self._send_if_confirmed(submission, sign))

    def _submit_command(self, snapshot: PromptSnapshot, name: str, argument: str) -> None:
        if command_named(name) is not None:
            self._composer.clear_sent(snapshot, ())
            if argument:
                # A command that is refused for what it says can be corrected.
                self._composer.remember(snapshot)
        self._run_command(name, argument)
        self._interaction.run(self.early.work_through())

    # -- entered before the first session was on the screen -----------------------------------
    async def _finish_command(self, name: str, argument: str) -> None:
        command = command_named(name)
        if command is None:
            self._interaction.say(unknown_command_text(name), "warning")
        else:
            await self._interaction.finish(
                command.run(self._context, argument), f"/{name}", opens=command.opens
            )

    async def _send_early(self, line: EarlyLine, typed: Prompt) -> None:
        """Send a message to the session on the screen, as if Enter were pressed now."""
        actor, snapshot = self._controller.shown, line.snapshot
        if (
            typed.sign
            and typed.sign not in self._confirmed_signs
            and not await self._confirm_sign(typed.sign)
        ):
            self._composer.return_drafts([snapshot.draft])
            return
        snapshot = await self._composer.attachments.with_drops(snapshot)
        place = self._controller.place(actor)
        place = replace(place, budget=line.budget or place.budget)
        await self._send_flow.finish(Submission(place, snapshot, text=typed.text, is_early=True))

    # -- messages --------------------------------------------------------------------------
    async def _send_if_confirmed(self, submission: Submission, sign: str) -> None:
        if await self._confirm_sign(sign):
            self._send(submission)

    async def _confirm_sign(self, sign: str) -> bool:
        """Ask whether text that begins with `sign` is a message; a yes is remembered for this sign."""
        if self._is_asking_sign:
            # Enter was pressed twice: the question is open already.
            return False
        body = f"{SIGNS[sign]} The text would go to the worker as a message, which may cost money."
        title = f"Send a message that starts with “{sign}”?"
        self._is_asking_sign = True
        try:
            is_confirmed = await self._interaction.confirm(title, body, yes="Send", no="Cancel")
        finally:
            self._is_asking_sign = False
        if is_confirmed:
            self._confirmed_signs.add(sign)
        return is_confirmed

    def _send(self, submission: Submission) -> None:
        if submission.replaces is not None or not self._must_wait(submission.place.session_id):
            self._send_flow.send(submission)

    def _must_wait(self, session_id: str) -> bool:
        """Whether the service asked for a pause that is not over; if so, say how long it lasts."""
        is_on_screen = session_id == self._controller.session_id
        wait_s = self._pane.card.waiting_s(self._now_ms()) if is_on_screen else 0
        if wait_s:
            self._interaction.say(f"The service asks to wait {wait_s} s more. Your text is kept.", "warning")
        return wait_s > 0

    # -- Enter on an empty prompt ------------------------------------------------------------
    def _submit_empty(self, target: Submission) -> None:
        """Do what the line below the prompt offers: send what is held, or watch a running turn.

        The state may have changed since the line was painted, or just before Enter was pressed: what it did
        not offer, or not long enough to be read, is not sent.
        """
        actor, shown = target.place.actor, target.offer if target.is_read else None
        state = replace(
            self._pane.prompt_state,
            typed=Typed.NOTHING,
            session=actor.gate.state,
            files=bool(target.snapshot.files),
        )
        now = enter(state)
        if now.sends and (shown is None or not shown.permits(now)):
            self._interaction.say(JUST_CHANGED)
            return
        match now.act:
            case Act.ADD_TEXT:
                self._interaction.say("Add a message to go with the attachment.", "warning")
            case Act.KEEP_QUEUED:
                self._composer.cancel_queue_edit()
            case Act.WATCH | Act.WATCH_OTHER | Act.NOTHING:
                self._interaction.run(self._watch(actor), "reaching the worker")
            case Act.RAISE_LIMIT:
                self._do_once(target.place.session_id, self._raise_limit(actor))
            case _:
                self._do_once(target.place.session_id, self._resume(actor))

    def _do_once(self, session_id: str, work: Coroutine[Any, Any, None]) -> None:
        """Do what concerns a held queue, unless that is being done, or a message of the session leaves."""
        is_busy = session_id in self._resuming or bool(self._send_flow.leaving(session_id))
        if is_busy or self._must_wait(session_id):
            work.close()
            if is_busy:
                self._interaction.say("Still busy with the Enter before.")
            return
        self._resuming.add(session_id)
        self._interaction.run(self._finish_resuming(session_id, work), "the queue")

    async def _finish_resuming(self, session_id: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            self._resuming.discard(session_id)

    async def _raise_limit(self, actor: SessionActor) -> None:
        """Ask for a higher amount of the limit that holds the queue, which stays held."""
        gauge = None if actor.hold is None else actor.hold.gauge
        if gauge is not None and await raise_limit(
            self._controller, self._interaction, actor, gauge, sending=False
        ):
            await actor.recount()

    async def _resume(self, actor: SessionActor) -> None:
        """Send what is held. Where that may exceed a limit, ask first; a reached limit holds it again."""
        interaction, hold, start = self._interaction, actor.hold, StartPolicy.MEASURED
        if hold is None:
            return
        if hold.reason is HoldReason.UNMEASURED:
            waiting = len(actor.queue.ids)

            def words() -> str | Moot:
                is_same = actor.hold == hold and len(actor.queue.ids) == waiting
                return hold.detail if is_same else Moot(QUEUE_CHANGED)

            if not await interaction.confirm("Send anyway?", words, yes="Send anyway", no="Cancel"):
                return
            start = StartPolicy.UNMEASURED
        still = await actor.resume(start)
        if still is not None and still.gauge is None:
            interaction.say(f"Queue still held. {still.detail}".strip(), "warning")

    async def _watch(self, actor: SessionActor) -> None:
        controller = self._controller
        if await controller.watch_unwatched(actor) or actor.running:
            return
        if elsewhere := controller.running_elsewhere:
            running_id = elsewhere[0].session_id
            if await self._switcher.open(running_id):
                await controller.watch_unwatched(controller.actor(running_id))
