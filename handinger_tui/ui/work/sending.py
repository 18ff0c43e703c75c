"""What Enter does, and how a message leaves: checked, confirmed, stored, then removed from the prompt."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.acts import Act, HoldReason, Offer, Typed, enter, until_sent
from handinger_tui.core.errors import AttachmentProblem, HandingerError, LedgerError, NoHistory
from handinger_tui.core.money.limits import Gauge, LimitReached, LimitUnmeasured, StartPolicy
from handinger_tui.core.money.typical_cost import typical_cost_text
from handinger_tui.core.prompts import SIGNS, CommandLine, Draft, Empty, Prompt, classify, is_only_carried
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import Lineage, Turn, TurnRequest, TurnStatus
from handinger_tui.ui.commands import command_named, unknown_command_text
from handinger_tui.ui.commands.command import CommandContext
from handinger_tui.ui.work.composer import Composer, Message, PromptSnapshot
from handinger_tui.ui.work.early_lines import EarlyLine, EarlyLines
from handinger_tui.ui.work.limit_watcher import typical_cost_of
from handinger_tui.ui.work.session_controller import SessionController

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from decimal import Decimal

    from handinger_tui.ui.work.interaction import Interaction
    from handinger_tui.ui.work.pane import SessionPane

ADD_TO_FORK: Final = "Add a message to go with the conversation so far."
JUST_CHANGED: Final = "Nothing was sent: what Enter does had just changed."
TEXT_KEPT: Final = "Your text is still in the prompt."
TEXT_MOVED: Final = "Your earlier message was not sent. Press ↑ to bring it back."
NO_HISTORY: Final = (
    "This conversation will not be saved: neither the answers nor what they cost. "
    "Limits cannot be checked, and after a crash there is no record of what was sent."
)


RESEND_WORD: Final = "again"
"""The word that must be typed to send a message again."""
MAY_RUN_TWICE: Final = "This message may have arrived. If you send it again, it may run and charge you twice."
WATCH_FIRST: Final = "Watching is free and shows the answer if the message arrived."
NO_WORKER: Final = (
    "The id of its new worker never came back, so it cannot be watched. Check the dashboard first."
)


async def raise_limit(
    controller: SessionController,
    interaction: Interaction,
    session_id: str,
    gauge: Gauge,
    *,
    sending: bool,
    about: str = "",
) -> bool:
    """Ask for a higher amount and set it; False when the person leaves the limit as it is.

    `about`: the title of the session, "" when it is the one on the screen.

    Raises:
        LedgerError: the limit could not be stored.
    """
    from handinger_tui.ui.dialogs.limits import RaiseLimit  # 10 ms, and few limits are reached

    store, limit = controller.connection.limits, gauge.limit
    controller.warned.mark_shown(session_id, gauge)
    question = RaiseLimit(gauge, sending=sending, simulated=store.simulated, about=about)
    amount: Decimal | None = await interaction.ask(question)
    if amount is None:
        return False
    await store.set_limit(controller.session_of(session_id), limit.scope, limit.unit, amount)
    return True


class Submission(Struct, frozen=True):
    """A message as it was when Enter was pressed; later changes on the screen do not affect it."""

    session_id: str
    draft_name: str
    budget: str
    snapshot: PromptSnapshot
    """The snapshot of the prompt at Enter."""
    replaces: str | None = None
    """The id of the queued turn that the prompt holds for editing."""
    offer: Offer | None = None
    """What Enter did at that moment, as the line below the prompt said; None where it had just changed."""
    is_held: bool = False
    """The line below the prompt said that the message waits until it is sent."""
    text: str = ""
    """The text to send, before its mentions are resolved to files."""
    released: str | None = None
    """The id of the queued turn that is sent before the others; the prompt is not involved."""
    again: TurnRequest | None = None
    """The earlier message that is sent again as it was; the prompt is not involved."""
    is_early: bool = False
    """Whether it was entered before the session was on the screen; it is not in the prompt any more."""


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
        self._under_way: dict[str, list[Submission]] = {}

    # -- at Enter ------------------------------------------------------------------------
    def sending(self, session_id: str) -> bool:
        """Whether a message of the session is accepted but not yet stored on disk."""
        return bool(self._under_way.get(session_id))

    def beyond(self, session_id: str, snapshot: PromptSnapshot) -> PromptSnapshot | None:
        """The snapshot without the messages that are being sent but are still in the prompt.

        None when nothing remains, as when Enter is pressed twice.
        """
        text, files = snapshot.text, snapshot.files
        for earlier in self._under_way.get(session_id, []):
            if earlier.is_early:
                continue
            text = text.removeprefix(earlier.snapshot.text)
            files = tuple(file for file in files if file not in earlier.snapshot.files)
        if text == snapshot.text:
            return replace(snapshot, files=files)
        return replace(snapshot, text=text, files=files) if text.strip() or files else None

    def accept(self, submission: Submission) -> None:
        """Register a message when Enter is pressed; the caller must call `send` afterwards."""
        self._under_way.setdefault(submission.session_id, []).append(submission)

    async def send(self, submission: Submission) -> bool:
        """Send an accepted message; the prompt is cleared only after the turn is on disk.

        False: it was not sent.

        Raises:
            Elsewhere: the session belongs to another service.
        """
        session_id = submission.session_id
        try:
            async with self._locks.setdefault(session_id, asyncio.Lock()):
                return await self._send(submission)
        finally:
            self._finish(submission)

    def _finish(self, submission: Submission) -> None:
        """Unregister a message that left the prompt or was not sent: the same text may be submitted again."""
        under_way = self._under_way.get(submission.session_id, [])
        if submission in under_way:
            under_way.remove(submission)

    def _is_on_screen(self, submission: Submission) -> bool:
        return self._controller.session_id == submission.session_id

    async def _send(self, submission: Submission) -> bool:
        try:
            if submission.again is not None:
                message = await self._composer.message_again(submission.again)
            else:
                message = await self._composer.message(replace(submission.snapshot, text=submission.text))
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

    async def _hand_over(self, submission: Submission, message: Message) -> bool:
        """Store and start the turn, queue it, or let it replace the queued one that was edited.

        False when a limit blocks it and the person does not raise it.
        """
        actor = self._controller.engine.actor(submission.session_id)
        content = message.text, submission.budget, message.files

        async def send(start: StartPolicy) -> None:
            if submission.replaces is not None:
                await actor.edit_queued(submission.replaces, *content)
            else:
                offer = submission.offer
                await actor.send(
                    *content,
                    start=start,
                    lineage=submission.snapshot.lineage,
                    past_hold=None if offer is None else offer.passes,
                    held=submission.is_held,
                )

        return await self._start(submission, send)

    async def _start(self, submission: Submission, send: Callable[[StartPolicy], Awaitable[object]]) -> bool:
        """Call `send` until it succeeds; False when a limit blocks it and the person does not raise it."""
        has_agreed = has_settled = False
        start: StartPolicy | None = StartPolicy.MEASURED
        while start is not None:
            try:
                await send(start)
            except LimitReached as stop:
                start = await self._answer_to_limit(submission, stop, start, first=not has_settled)
                has_settled = True
            except NoHistory:
                if has_agreed or not await self._agree_to_no_history(submission):
                    raise
                has_agreed = True
            else:
                return True
        return False

    async def _answer_to_limit(
        self, submission: Submission, stop: LimitReached, start: StartPolicy, *, first: bool
    ) -> StartPolicy | None:
        """How to send after a limit forbade it; None: not at all."""
        if first and stop.gauge.has_reservations:
            # The turn in the way may be one of a program that crashed, or of an earlier detach.
            await self._controller.settle_open_turns()
            return start
        if isinstance(stop, LimitUnmeasured):
            is_agreed = await self._agree(submission, "Send anyway", stop.reason)
            return StartPolicy.UNMEASURED if is_agreed else None
        return start if await self._raise_limit(submission, stop) else None

    async def _raise_limit(self, submission: Submission, stop: LimitReached) -> bool:
        """Ask for a higher amount of a limit, and set it; False when the person leaves it."""
        # Several limits may be reached: each is asked for, and nothing is sent before the last is raised.
        session_id, about = submission.session_id, self._about(submission)
        if not await raise_limit(
            self._controller, self._interaction, session_id, stop.gauge, sending=True, about=about
        ):
            return False
        # A queue that this limit held stays held, and says that the limit no longer does.
        await self._controller.engine.actor(session_id).recount()
        return True

    async def _agree_to_no_history(self, submission: Submission) -> bool:
        agree = self._controller.connection.without_history
        if agree is None or not await self._agree(submission, "Send without history", NO_HISTORY):
            return False
        agree()
        return True

    async def _agree(self, submission: Submission, yes: str, body: str) -> bool:
        """Ask whether to send; of a session that is not on the screen the question names the title."""
        about = self._about(submission)
        text = f"Session: “{about}”\n\n{body}" if about else body
        return await self._interaction.confirm(f"{yes}?", text, yes=yes, no="Cancel")

    async def _confirm_resend(self, submission: Submission, message: Message) -> bool:
        """Whether to send the message.

        If the previous turn has the same text and its delivery is unknown, ask first.
        """
        session = self._controller.session_of(submission.session_id)
        turn = session.sent
        if (
            turn is None
            or turn.status is not TurnStatus.UNKNOWN
            or turn.request.prompt.strip() != message.text.strip()
        ):
            return True
        from handinger_tui.ui.dialogs import Question  # 4 ms, and few are in doubt

        is_watchable = session.worker_id is not None
        title = self._about(submission)
        about = f"Session: “{title}”\n\n" if title else ""
        answers = [("Watch (free)", "watch"), ("Cancel", "leave"), ("Send again", "send")]
        default = "watch" if is_watchable else "cancel"
        question = Question(
            "Send again?",
            f"{about}{MAY_RUN_TWICE}\n\n{WATCH_FIRST if is_watchable else NO_WORKER}",
            answers if is_watchable else answers[1:],
            typed=RESEND_WORD,
            placeholder=f"Enter to {default}; type {RESEND_WORD} to send again",
        )
        choice = await self._interaction.ask(question)
        if choice == "watch":
            # Clear the prompt, so that another Enter cannot send it again. If it never arrived,
            # the text comes back.
            await self._clear(submission, message)
            await self._controller.engine.actor(submission.session_id).watch(turn.turn_id)
        return choice == "send"

    def _about(self, submission: Submission) -> str:
        """The title of the session; "" when it is the one on the screen."""
        return "" if self._is_on_screen(submission) else self._controller.title(submission.session_id)

    async def send_again(self, session_id: str, turn: Turn, budget: str, lineage: Lineage) -> bool:
        """Send the message of an earlier turn once more, as it was; False: it was not sent.

        Raises:
            Elsewhere: the session belongs to another service.
        """
        snapshot = PromptSnapshot(turn.request.prompt, turn.request.attachments, lineage=lineage)
        name = self._drafts.name_of(session_id)
        submission = Submission(session_id, name, budget, snapshot, text=snapshot.text, again=turn.request)
        return await self.send(submission)

    async def send_queued(self, session_id: str, turn: Turn) -> None:
        """Send a queued message before the others, after a question that names its cost.

        While the worker is busy it only becomes the next one, which costs nothing that was not agreed to.

        Raises:
            Busy: it is being sent already.
            LedgerError: it stays queued.
        """
        actor, say = self._controller.engine.actor(session_id), self._interaction.say
        budget = turn.request.budget or self._controller.budget
        if not (actor.gate.state.running or actor.gate.state.busy):
            usual = typical_cost_text(await typical_cost_of(self._controller, budget))
            waiting = len(actor.queue.ids) - 1
            stay = f"\n\n{until_sent(waiting)}." if waiting else ""
            text = f"“{clean_line(turn.request.prompt, 200)}”\n\nBudget {budget}: {usual}.{stay}"
            if not await self._interaction.confirm("Send now?", text, yes="Send", no="Cancel"):
                return
        snapshot = PromptSnapshot(turn.request.prompt, turn.request.attachments)
        name = self._drafts.name_of(session_id)
        submission = Submission(session_id, name, budget, snapshot, released=turn.turn_id)
        agreed = await self._start(submission, partial(actor.resume, only=turn.turn_id))
        if agreed and turn.turn_id in actor.queue.ids:
            held = actor.queue.hold is not None
            say(f"Next in the queue{', which stays held' if held else ': it is sent when the turn ends'}.")

    # -- after sending -------------------------------------------------------------------
    async def _clear(self, submission: Submission, message: Message) -> None:
        """Remove a stored message, and nothing else, from its prompt and its draft."""
        snapshot = submission.snapshot
        if submission.again is not None and self._composer.prompt.text.strip() != snapshot.text.strip():
            if self._is_on_screen(submission):
                self._pane.trouble(None)
            return
        self._composer.remember(snapshot, sent=True)
        if not self._is_on_screen(submission):
            await self._drafts.remove_sent(
                submission.session_id, replace(snapshot.draft, files=message.files)
            )
        if not self._is_on_screen(submission):
            return
        self._pane.trouble(None)
        if not submission.is_early:
            self._composer.clear_sent(snapshot, message.files)
        if submission.replaces is None:
            # An edit stays registered until `send` returns: else its turn would look as if it
            # had left the queue.
            self._finish(submission)
        session_id = submission.session_id
        # The first message of a session changes the name under which its draft is saved.
        if submission.draft_name != self._drafts.name_of(session_id):
            await self._drafts.save(submission.draft_name, Draft())
        if self._is_on_screen(submission):
            await self._drafts.save(self._drafts.name_of(session_id), self._composer.draft())

    def _report_refusal(self, submission: Submission, why: str, note: str = "") -> None:
        """Report why a message was not sent: on the card of the open session, else with the session title."""
        if self._is_on_screen(submission):
            note = note if self._composer.prompt.text == submission.snapshot.text else ""
            self._pane.trouble(f"{why} {note}".strip())
        else:
            title = self._controller.title(submission.session_id)
            self._interaction.announce(f"Your message to “{title}” was not sent. {why}", "error")
        self._keep_unsent(submission)

    def _keep_unsent(self, submission: Submission) -> None:
        """Keep a message that was not sent: in the prompt, else in the prompt history.

        What was typed behind it is a message of its own, so it does not stay in front of that.
        """
        snapshot = submission.snapshot
        if submission.is_early and self._is_on_screen(submission):
            self._composer.return_drafts([snapshot.draft])
        elif self._is_on_screen(submission):
            text = self._composer.prompt.text
            if text != snapshot.text and text.startswith(snapshot.text):
                self._composer.clear_sent(snapshot, snapshot.files)
                self._interaction.say(TEXT_MOVED, "warning")
            if text != snapshot.text:
                self._composer.remember(snapshot)
        elif not self._controller.session_of(submission.session_id).turns:
            # A session without turns cannot be opened again, so its text goes to the present prompt.
            self._composer.return_drafts([snapshot.draft])
        else:
            self._composer.remember(snapshot)


class Submitter:
    """Acts on what the prompt submits. The target of a message is fixed the moment Enter is pressed."""

    def __init__(
        self, context: CommandContext, send_flow: SendFlow, run_command: Callable[[str, str], None]
    ) -> None:
        self._controller = context.controller
        self._drafts = context.controller.drafts
        self._interaction = context.interaction
        self._pane = context.pane
        self._composer = context.composer
        self._queue_editor = context.queue_editor
        self._switcher = context.switcher
        self._now_ms = context.now_ms
        self._context = context
        self._send_flow = send_flow
        self._run_command = run_command
        self.early = EarlyLines(
            context.interaction, context.pane, context.composer, self._finish_command, self._send_early
        )
        self._resuming: set[str] = set()
        """Sessions whose held queue is being resumed."""
        self._confirmed_signs: set[str] = set()
        """Leading signs that the person confirmed as the start of a message; they are not asked again."""
        self._is_asking_sign = False

    def target(self) -> Submission | None:
        """What Enter would submit now, and to which session; None before a session is on the screen."""
        session_id, edit = self._controller.session_id, self._queue_editor.edit
        if not session_id:
            return None
        budget = self._controller.budget
        if edit is not None:
            budget = edit.turn.request.budget or budget
        name, snapshot = self._drafts.name_of(session_id), self._composer.snapshot()
        return Submission(
            session_id,
            name,
            budget,
            snapshot,
            self._queue_editor.turn_id,
            offer=self._pane.offer_read,
            is_held=self._pane.offer_shown in (Act.QUEUE_BUSY, Act.QUEUE_HELD),
        )

    def submit(self, target: Submission | None, text: str) -> None:
        """Act on Enter; `text` is all there is of a message without a target."""
        if target is None or self.early.is_open:
            self.early.add(text, self._controller.budget)
        elif self.early.waiting and not target.snapshot.text.strip():
            # Looked at again: the next line comes into the prompt.
            self._interaction.run(self.early.work_through())
        elif target.snapshot.drops:
            # Enter was pressed right after a drop: its files are attached first.
            self._interaction.run(self._submit_with_drops(target))
        else:
            self._submit(target)

    async def _submit_with_drops(self, target: Submission) -> None:
        self._submit(replace(target, snapshot=await self._composer.with_drops(target.snapshot)))

    def _submit(self, target: Submission) -> None:
        snapshot = target.snapshot
        if snapshot.text.strip():
            beyond = self._send_flow.beyond(target.session_id, snapshot)
            if beyond is None:
                return
            snapshot = beyond
        match classify(snapshot.text):
            case Empty():
                self._submit_empty(target)
            case CommandLine(name, argument):
                # Else the command was meant for a session that is no longer on the screen.
                if target.session_id == self._controller.session_id:
                    self._submit_command(snapshot, name, argument)
            case Prompt() if is_only_carried(snapshot.text, snapshot.pasted):
                self._interaction.say(ADD_TO_FORK, "warning")
            case Prompt(text, sign):
                submission = replace(target, snapshot=snapshot, text=text)
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
        session_id, snapshot = self._controller.session_id, line.snapshot
        if (
            typed.sign
            and typed.sign not in self._confirmed_signs
            and not await self._confirm_sign(typed.sign)
        ):
            self._composer.return_drafts([snapshot.draft])
            return
        snapshot = await self._composer.with_drops(snapshot)
        submission = Submission(
            session_id,
            self._drafts.name_of(session_id),
            line.budget or self._controller.budget,
            snapshot,
            text=typed.text,
            is_early=True,
        )
        self._send_flow.accept(submission)
        self._pane.sidebar.close()
        await self._interaction.finish(
            self._send_flow.send(submission), "your message is not stored yet", opens=False
        )

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
        if submission.replaces is None and self._must_wait(submission.session_id):
            return
        self._send_flow.accept(submission)
        # The message and its answer come into sight.
        self._pane.sidebar.close()
        self._interaction.run(self._send_accepted(submission), "your message is not stored yet")

    async def _send_accepted(self, submission: Submission) -> None:
        if await self._send_flow.send(submission):
            if submission.replaces is not None:
                self._queue_editor.stored(submission.replaces)
            await self.early.work_through()

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
        session_id, shown = target.session_id, target.offer
        if session_id != self._controller.session_id:
            return
        state = replace(
            self._pane.prompt_state,
            typed=Typed.NOTHING,
            session=self._controller.state_of(session_id),
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
                self._queue_editor.cancel()
            case Act.WATCH | Act.WATCH_OTHER | Act.NOTHING:
                self._interaction.run(self._watch(session_id), "reaching the worker")
            case Act.RAISE_LIMIT:
                self._do_once(session_id, self._raise_limit(session_id))
            case _:
                self._do_once(session_id, self._resume(session_id))

    def _do_once(self, session_id: str, work: Coroutine[Any, Any, None]) -> None:
        """Do what concerns a held queue, unless that is being done, or a message of the session leaves."""
        is_busy = session_id in self._resuming or self._send_flow.sending(session_id)
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

    async def _raise_limit(self, session_id: str) -> None:
        """Ask for a higher amount of the limit that holds the queue, which stays held."""
        controller, hold = self._controller, self._controller.hold_of(session_id)
        gauge = None if hold is None else hold.gauge
        if gauge is not None and await raise_limit(
            controller, self._interaction, session_id, gauge, sending=False
        ):
            await controller.engine.actor(session_id).recount()

    async def _resume(self, session_id: str) -> None:
        """Send what is held. Where that may exceed a limit, ask first; a reached limit holds it again."""
        controller, interaction = self._controller, self._interaction
        hold, start = controller.hold_of(session_id), StartPolicy.MEASURED
        if hold is None:
            return
        if hold.reason is HoldReason.UNMEASURED:
            if not await interaction.confirm("Send anyway?", hold.detail, yes="Send anyway", no="Cancel"):
                return
            start = StartPolicy.UNMEASURED
        still = await controller.engine.actor(session_id).resume(start)
        if still is not None and still.gauge is None:
            interaction.say(f"Queue still held. {still.detail}".strip(), "warning")

    async def _watch(self, session_id: str) -> None:
        controller = self._controller
        if await controller.watch_unwatched(session_id) or controller.engine.actor(session_id).running:
            return
        if elsewhere := controller.running_elsewhere:
            running_id = elsewhere[0].session_id
            if await self._switcher.open(running_id):
                await controller.watch_unwatched(running_id)
