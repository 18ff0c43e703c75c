"""The loop of plain mode: each line is a message or a command, and what happens is said at once."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from handinger_tui.core.acts import (
    LOCAL_ENDS,
    MAY_RUN_TWICE,
    RUNS_ON,
    Act,
    HoldReason,
    Offer,
    PromptState,
    Typed,
    enter,
    stay_words,
    until_sent,
    waiting_words,
)
from handinger_tui.core.errors import HandingerError, LedgerError
from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts import SIGNS, CommandLine, Empty, classify
from handinger_tui.core.runs import Runaways
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import FinishedTurns, Session
from handinger_tui.core.turns.turn import Attachment, Lineage, StartPolicy, Turn
from handinger_tui.core.voice import Speech, Spoken, heartbeat, speak, spoken_before
from handinger_tui.plain.commands import PlainCommands, PlainView
from handinger_tui.plain.front import PlainFront, in_lines
from handinger_tui.plain.terminal import Entered, LineReader, Output
from handinger_tui.ui.commands.command import CommandContext
from handinger_tui.ui.commands.view import leave
from handinger_tui.ui.panels.file_actions import FileActions
from handinger_tui.ui.panels.files import Downloads
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.sessions.controller import Obstacles, SessionController
from handinger_tui.ui.sessions.hooks import Hooks
from handinger_tui.ui.sessions.left_running import check_left_running
from handinger_tui.ui.sessions.message_files import (
    check_file,
    require_same,
    sendable,
    with_mentions,
)
from handinger_tui.ui.sessions.opening import open_first
from handinger_tui.ui.widgets.status_text import (
    ended_words,
    hold_advice,
    left_running_words,
    next_step,
    shown_turns,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.ports import AppOptions

TELL_EVERY_S: Final = 0.1
"""Seconds from a change to what is said of it: many come at once."""
LOOK_EVERY_S: Final = 1.0
"""Seconds between two looks at what other programs wrote, and at whether a turn is silent."""
KEEP_S: Final = 1.0
"""Most seconds in which what was typed and not sent is stored when a signal ends the program."""
RECENT: Final = 3
"""The newest turns, of which a cost that changes is said."""
INTERRUPTED: Final = 130
UNWRITABLE: Final = 10
CUT: Final = "The terminal passes at most 4,095 bytes of a line, so yours may be cut. Not sent."
AS_ONE: Final = "Enter sends all as one message, /drop removes them."
AT_LIMIT: Final = "A limit is reached: nothing is sent until it is raised with /limit."
"""No key raises one in passing."""
TOO_EARLY: Final = "That was typed before what is shown now. Not sent; /send sends it."


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _held_now(actor: SessionActor) -> tuple[str, HoldReason] | None:
    hold = None if actor.gate.state.running else actor.hold
    return None if hold is None else (actor.session.session_id, hold.reason)


class PlainMessage:
    """Implements `ui.commands.command.Message` and its files: what goes with the next line."""

    def __init__(self, attach: Callable[[str], Attachment], out: Output) -> None:
        self._check = partial(check_file, attach)
        self._out = out
        self._files: dict[str, Attachment] = {}
        """By path."""
        self._carried = ""
        """A conversation that the next message continues."""
        self.lineage: Lineage | None = None

    @property
    def attachments(self) -> PlainMessage:
        """The files that go with it."""
        return self

    async def add(self, paths: Sequence[str]) -> None:
        """Attach files. Raises AttachmentProblem."""
        for path in paths:
            (file,) = sendable([await self._check(path)])
            self._files[file.path] = file
            self._out.tell(
                "attached", f"{file.name}. It goes with your next message; /clearfiles removes it."
            )

    async def ready(self, text: str, *, is_pasted: bool) -> tuple[str, tuple[Attachment, ...]]:
        """What is sent for a text, after each file was checked again. What was pasted mentions no files.

        Raises:
            AttachmentProblem: one of them cannot be sent, or has changed.
        """
        files: list[Attachment] = []
        if not is_pasted:
            text, files = await with_mentions(text, self._check)
        for before in tuple(self._files.values()):
            (now,) = sendable([await self._check(before.path)])
            # The next line sends it as it is now.
            self._files[before.path] = now
            require_same(before, now)
        added = {file.path: file for file in (*self._files.values(), *files)}
        return f"{self._carried}\n\n{text}" if self._carried else text, tuple(added.values())

    def clear(self) -> None:
        """Remove all files."""
        self._files.clear()

    def carry(self, text: str, lineage: Lineage) -> None:
        """Put a conversation before the next message."""
        self._carried, self.lineage = text, lineage

    def begin_next(self) -> None:
        """Forget what went with the message that was stored."""
        self._files.clear()
        self._carried, self.lineage = "", None


class Conversation:
    """One run of plain mode."""

    _held: tuple[str, HoldReason] | None = None
    """The session whose queue is held, and why, as the person has heard it."""

    def __init__(
        self, options: AppOptions, out: Output, descriptor: int, *, reads_at_end: bool, rings: bool
    ) -> None:
        """`descriptor`: what lines are read from. `rings`: the end of a turn rings the bell."""
        self._options = options
        self._out = out
        self._reads_at_end = reads_at_end
        self._rings = rings
        self._now_ms = _now_ms
        self.controller = SessionController(options.budget)
        self._reader = LineReader(descriptor, self._take)
        self._is_script = not self._reader.is_terminal
        self._lines: asyncio.Queue[Entered | None] = asyncio.Queue()
        self._answer: asyncio.Future[str | None] | None = None
        self._telling = asyncio.Lock()
        self._is_over = False
        """No line comes any more, or the program ends."""
        self._work: asyncio.Task[None] | None = None
        """What the last line asked for."""
        self._background: set[asyncio.Task[None]] = set()
        self._offered: Offer | None = None
        """What the person was told that a line does; None before the first session is shown."""
        self._hint = ""
        self._has_hinted_quit = False
        self._pasted: list[str] = []
        self.unsent, self.unsaved_texts = "", list[str]()
        """The text of the newest message that was not sent; all of those that could not be saved."""
        self._code: int | None = None
        self._defect: BaseException | None = None
        """An error of the program itself, which ends it."""
        self._changed = asyncio.Event()
        self._recounts = False
        self._spoken: dict[str, Spoken] = {}
        self._finished = FinishedTurns()
        self._ends: list[tuple[Session, Turn]] = []
        """Turns that have ended, of which nothing was said yet."""
        self._front = PlainFront(out, self._ask_line, self._run)
        self._message = PlainMessage(options.disk.attachment, out)
        view = PlainView(self.controller, out, self.quit, self._changed.set)
        self.context = CommandContext(
            options,
            self.controller,
            self._front,
            self._message,
            self,
            view,
            FileActions(self.controller, self._front, Downloads(lambda: None)),
            self._send_again,
            self._now_ms,
        )
        self._commands = PlainCommands(out, self)
        self._runaways = Runaways()
        self._hooks = Hooks(options.notices, self._run, lambda text: self._front.say(text, "warning"))

    # -- from beginning to end -------------------------------------------------------------
    async def run(self) -> int:
        """Talk until the person quits, the input ends or a signal comes; returns the exit code.

        Raises:
            SettingsError, LedgerError: there is no connection.
        """
        self._reader.start()
        if self._options.host_question:
            question = self._options.host_question
            if not await self._front.confirm("New host", question, yes="Send the key", no="Quit"):
                return 1
            await asyncio.to_thread(self._options.trust_host)
        connection = await self._options.connect()
        for warning in connection.warnings:
            self._out.tell("warning", warning)
        new_id = self.controller.connect(connection)
        unsubscribe = connection.engine.subscribe(self._note_change)
        try:
            self._begin(self._start(new_id))
            self._run(self._tell_changes())
            self._run(self._look())
            await self._answer_lines()
        finally:
            unsubscribe()
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)
            with suppress(HandingerError, TimeoutError):
                async with asyncio.timeout(KEEP_S):
                    await self.save_draft()
        if self._defect is not None:
            raise self._defect
        return self._code or 0

    def quit(self, code: int = 0) -> None:
        """End the program; turns at the worker continue."""
        self._code = code if self._code is None else self._code
        self._is_over = True
        if code and self._work is not None:
            self._work.cancel()
        self._answer_question(None)
        self._lines.put_nowait(None)

    def interrupt(self) -> None:
        """Ctrl+C: answer a question with no, else say how to quit, and quit at the second press."""
        self._out.interrupted()
        if self._is_over and self._work is None:
            # The rest is stored and said, whatever is pressed.
            return
        if self._answer is not None:
            self._answer_question(None)
        elif self._has_hinted_quit or self._is_script or self._offered is None:
            self.quit(INTERRUPTED)
        else:
            self._has_hinted_quit = True
            is_local = self.controller.connection.account.local
            ending = (LOCAL_ENDS if is_local else RUNS_ON) if self.controller.running else ""
            self._out.tell("note", f"Press Ctrl+C again to quit. {ending}")
            self._run(self._ready())

    async def _answer_lines(self) -> None:
        while True:
            await self._finish_work()
            if self._lines.empty() and not self._is_over:
                await self._front.finish(self._ready())
            entered = await self._lines.get()
            if entered is None:
                break
            self._begin(self._enter(entered))
        if self._is_script and self._code is None:
            self._begin(self._wait_for_answers())
            await self._finish_work()
        if self._code is None:
            # Nothing more can be entered: the farewell says what could not be saved.
            self.controller.leaves_unsaved = True
            await self._front.finish(leave(self.context))

    async def _wait_for_answers(self) -> None:
        """The last line of a script is a message as any other: it leaves, and is answered."""
        # All of them now: one that is only followed is closed at its end.
        opened = [self.controller.actor(session.session_id) for session in self.controller.opened_sessions]
        for actor in opened:
            await actor.settled()
        await self._tell()

    def _begin(self, work: Coroutine[Any, Any, object]) -> None:
        async def run() -> None:
            try:
                await work
            except HandingerError:
                # What was typed behind a command was typed for what it was to show.
                self._hold_waiting()
                raise

        self._work = asyncio.create_task(self._front.finish(run()))

    async def _finish_work(self) -> None:
        if self._work is not None:
            await asyncio.wait({self._work})
            work, self._work = self._work, None
            if not work.cancelled():
                work.result()

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            self._defect = defect
            self.quit(1)

    # -- lines -----------------------------------------------------------------------------
    def _take(self, entered: Entered | None) -> None:
        """A line of the reader; None at the end of the input."""
        if entered is None:
            self._is_over = True
            self._answer_question(None)
            self._lines.put_nowait(None)
            return
        self._out.entered(entered.at_s)
        self._has_hinted_quit = False
        if not self._answer_question(entered.text):
            # What was typed before the session was shown may be meant for another one.
            is_early = self._offered is None and not self._is_script
            self._lines.put_nowait(replace(entered, is_early=is_early))

    def _hold_waiting(self) -> None:
        """Let no line become a message that was typed before what is shown now."""
        waiting = [self._lines.get_nowait() for _ in range(self._lines.qsize())]
        for entered in waiting:
            self._lines.put_nowait(entered and replace(entered, is_early=True))

    def _answer_question(self, text: str | None) -> bool:
        if self._answer is None or self._answer.done():
            return False
        self._answer.set_result(text)
        return True

    async def _ask_line(self, prompt: str) -> str | None:
        """The next line that comes from now on: one that was typed before is no answer, but of a script."""
        if self._is_script and not self._lines.empty():
            if (entered := self._lines.get_nowait()) is not None:
                return entered.text
            # The end of the input is there for who waits for the next line, too.
            self._lines.put_nowait(None)
        if self._is_over:
            return None
        self._hold_waiting()
        self._out.prompt(prompt)
        self._answer = asyncio.get_running_loop().create_future()
        try:
            return await self._answer
        finally:
            self._answer = None

    async def _ready(self) -> None:
        """Say what a line does now, where that has changed, and show the prompt while nothing runs."""
        controller = self.controller
        if not controller.session_id:
            return
        state = controller.shown.gate.state
        offer = enter(PromptState(Typed.MESSAGE, state))
        cost = ""
        if offer.sends and not offer.asks:
            with suppress(LedgerError):
                cost = (await controller.typical_cost(controller.budget)).about
            cost = f", {cost}, budget {controller.budget}"
        hint = AT_LIMIT if offer.act is Act.RAISE_AND_SEND else f"{offer.act_words}{cost}"
        if hint != self._hint and offer.act is not Act.QUEUE:
            self._hint = hint
            self._out.tell("ready", hint)
        self._offered = offer
        # Behind a line that waits comes its answer.
        if not state.running and self._answer is None and self._work is None and self._lines.empty():
            self._out.prompt()

    async def _enter(self, entered: Entered) -> None:
        """Do what a line asks for."""
        text = entered.text
        typed = classify(text)
        if entered.is_cut:
            self._out.tell("error", CUT)
            await self._keep(text)
        elif entered.is_pasted:
            self._pasted.append(text)
            if self._lines.empty():
                self._out.tell("pasted", f"{plural(len(self._pasted), 'line')}. {AS_ONE}")
        elif isinstance(typed, CommandLine) or text.strip() == "?":
            name, argument = (typed.name, typed.argument) if isinstance(typed, CommandLine) else ("help", "")
            await self._commands.run(self.context, name, argument)
        elif self._pasted:
            pasted, self._pasted = "\n".join([*self._pasted, text]).strip("\n"), []
            await self.send(pasted, is_pasted=True)
        elif isinstance(typed, Empty):
            # Free, as in the app: nothing is sent by it.
            await self.controller.watch_unwatched(self.controller.shown)
        elif entered.is_early:
            self._out.tell("note", TOO_EARLY)
            await self._keep(typed.text)
        elif typed.sign and not await self._front.confirm(
            SIGNS[typed.sign], "", yes="Send it to the worker", no="Do not send"
        ):
            await self._keep(typed.text)
        else:
            await self.send(typed.text)

    def drop_pasted(self) -> str:
        """Forget the lines that were pasted; returns them."""
        pasted, self._pasted = "\n".join(self._pasted), []
        return pasted

    # -- sending ---------------------------------------------------------------------------
    async def send(
        self, text: str, start: StartPolicy = StartPolicy.MEASURED, *, is_pasted: bool = False
    ) -> None:
        """Send a message, or queue it behind what runs. A text that is not sent is kept.

        Raises:
            HandingerError: it was not sent.
        """
        message, actor, offered = self._message, self.controller.shown, self._offered
        budget = self.controller.budget
        obstacles, turn_id = self._obstacles(actor, start), ""
        try:
            may_send = await self._may_send_again(text)
            while may_send and obstacles.remain:
                async with obstacles.attempt() as policy:
                    ready, files = await message.ready(text, is_pasted=is_pasted)
                    lineage = message.lineage
                    turn_id = await actor.send(
                        ready, budget, files, start=policy, lineage=lineage, offer=offered
                    )
        except (HandingerError, asyncio.CancelledError):
            await self._keep(text)
            raise
        if not obstacles.are_overcome:
            await self._keep(text)
            self._out.tell("note", "Not sent. The text is kept: /send sends it.")
            return
        message.begin_next()
        self.unsaved_texts = [one for one in self.unsaved_texts if one != text]
        self._say_queued(actor, turn_id)

    def _obstacles(self, actor: SessionActor, start: StartPolicy = StartPolicy.MEASURED) -> Obstacles:
        async def agree(yes: str, body: str) -> bool:
            return await self._front.confirm(f"{yes}?", body, yes=yes, no="Do not send")

        return Obstacles(self.controller, actor, agree, self._refuse, start)

    async def _refuse(self, gauge: Any) -> bool:
        """Say which limit is reached: it is raised by a command, never in passing."""
        self._out.tell("limit", in_lines(f"{gauge.blocked_text} {gauge.limit.raise_hint}"))
        return False

    async def _may_send_again(self, text: str) -> bool:
        """Ask before a message is sent again whose delivery is unknown."""
        if self.controller.session.in_doubt(text) is None:
            return True
        return await self._front.confirm("Send again?", MAY_RUN_TWICE, yes="Send again", no="Do not send")

    def _say_queued(self, actor: SessionActor, turn_id: str) -> None:
        ids = actor.queue.ids
        if turn_id not in ids:
            return
        is_held = actor.hold is not None or actor.gate.state.busy
        words = f"{until_sent(len(ids))}: /queue" if is_held else waiting_words(len(ids))
        self._out.tell("queued", f"{words}.")
        self._held = _held_now(actor)

    async def _send_again(self, actor: SessionActor, turn: Turn, budget: str, lineage: Lineage) -> bool:
        """Send the message of an earlier turn once more; the question about it was answered with yes."""
        text, files = turn.request.prompt, turn.request.attachments
        obstacles, turn_id = self._obstacles(actor), ""
        while obstacles.remain:
            async with obstacles.attempt() as start:
                turn_id = await actor.send(text, budget, files, start=start, lineage=lineage)
        if obstacles.are_overcome:
            self._say_queued(actor, turn_id)
        return obstacles.are_overcome

    async def send_queued(self) -> None:
        """Send what is held in the queue, after a question. Raises LedgerError."""
        controller, actor = self.controller, self.controller.shown
        queue, hold = actor.queued, actor.hold
        if hold is None:
            self._out.tell("note", waiting_words(len(queue)) + "." if queue else "The queue is empty.")
            return
        cost = (await controller.typical_cost(controller.budget)).about
        detail = f"{hold.detail} " if hold.detail else ""
        title = f"{detail}Send {len(queue)} of the queue, {cost} each?"
        if not await self._front.confirm(title, "", yes="Send", no="Keep them held"):
            return
        is_unmeasured = hold.reason == "unmeasured"
        left = await actor.resume(StartPolicy.UNMEASURED if is_unmeasured else StartPolicy.MEASURED)
        if left is not None:
            if left.gauge is not None:
                await self._refuse(left.gauge)
            self._out.tell("queue", f"{left.detail} {stay_words(len(actor.queue.ids))}.")

    async def _keep(self, text: str) -> None:
        """Keep a text that was typed and not sent."""
        self.unsent = text
        with suppress(HandingerError):
            await self._save([text])

    async def _save(self, texts: Sequence[str]) -> None:
        """Store texts that were typed and not sent. Raises LedgerError."""
        self.unsaved_texts += texts
        if self.controller.connected:
            kept = [*self.unsaved_texts]
            await self.controller.connection.history.keep_unsent(kept)
            if self.controller.connection.keeps_history:
                self.unsaved_texts = [text for text in self.unsaved_texts if text not in kept]

    # -- sessions: implements `ui.commands.command.Switcher` ---------------------------------
    def refuse_in_replay(self) -> None:
        """Plain mode plays no replays."""

    async def open(self, session_id: str) -> str:
        """Show a stored session. Raises NoSuchSession, LedgerError."""
        return await self.switch(partial(self.controller.open, session_id))

    async def begin(self, *, title: str = "", stored_worker_id: str | None = None) -> str:
        """Show a new session; nothing is sent."""
        self._show(self.controller.new_session(title=title, stored_worker_id=stored_worker_id))
        return self.controller.session_id

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns. Raises HandingerError."""
        if doing:
            self._out.tell("note", doing)
        self._show(await opening())
        return self.controller.session_id

    async def save_draft(self) -> None:
        """Store what was typed and not sent, in the order in which it was typed. Raises LedgerError."""
        waiting = ["\n".join(self._pasted), *self._take_waiting(), self._reader.unfinished]
        self._pasted = []
        texts = [text for text in waiting if text.strip()]
        if texts or self.unsaved_texts:
            await self._save(texts)

    def _take_waiting(self) -> list[str]:
        texts = []
        while not self._lines.empty():
            entered = self._lines.get_nowait()
            texts += [] if entered is None else [entered.text]
        return texts

    def _show(self, session_id: str) -> None:
        """Say which session is shown. What is over in it is not read out again, what runs is."""
        controller = self.controller
        unsent = controller.show(session_id)
        self._finished.ended(controller.session)
        session, queue = controller.session, controller.shown.queued
        turns = shown_turns(session, queue).turns
        self._hint = ""
        title = f"“{clean_line(session.title, 60)}”" if session.title else "untitled"
        count = sum(not turn.unsent for turn in turns)
        words = f"{title}, {plural(count, 'turn')}. /read reads the last answer."
        self._out.tell("session", words if turns else "new. Your first message starts a worker.")
        for number, turn in enumerate(turns, 1):
            if turn.live:
                self._out.tell("watching", f"turn {number}. What you type now is queued.")
            if turn.live or turn.turn_id not in self._spoken:
                # The amounts of a long session take too long for all of them.
                is_recent = number > len(turns) - RECENT
                of = session if is_recent else Session("", 0)
                self._spoken[turn.turn_id] = spoken_before(of, turn, self._now_ms())
        if queue:
            self._out.tell("queue", f"{until_sent(len(queue))}: /queue.")
        self._held = _held_now(controller.shown)
        for draft in unsent:
            self._out.tell("note", f"Not sent last time; /send sends it: “{clean_line(draft.text, 200)}”")
            self.unsent = draft.text
        if session.turns:
            self._run(self._front.finish(controller.connection.history.mark_read(session_id)))

    async def _start(self, new_id: str) -> None:
        """Open the first session and send its message; what was left running is followed from then on."""
        options = self._options
        try:
            await self._open_first(new_id)
        except HandingerError:
            self.controller.follows = True
            # It was meant for this worker.
            if options.prompt:
                await self._keep(options.prompt)
            raise
        try:
            if options.prompt:
                await self.send(options.prompt, options.start)
        finally:
            self._run(self._front.finish(self._report_left_running()))

    async def _open_first(self, new_id: str) -> None:
        """Show the session that the command line asks for."""
        controller, options = self.controller, self._options
        try:
            initial = await open_first(controller, options, new_id)
        except HandingerError:
            self._show(new_id)
            raise
        if initial.notice:
            self._out.tell("note", initial.notice)
        self._show(initial.session_id)
        if initial.problem is not None:
            raise initial.problem
        await controller.watch_unwatched(controller.shown)
        if options.opening is Opening.PICKER:
            await self._commands.run(self.context, "sessions", "")
        await self._message.add(options.attachments)

    async def _report_left_running(self) -> None:
        """Say which turns that were left running have ended, and follow those that run on."""
        for text in left_running_words(*await check_left_running(self.controller), self._now_ms()):
            self._front.say(text)

    # -- what happens ------------------------------------------------------------------------
    def _note_change(self, session_id: str) -> None:
        session = self.controller.actor(session_id).session
        ended = self._finished.ended(session)
        # Whoever checks a session reports its end.
        if session_id not in self.controller.checking:
            self._ends += [(session, turn) for turn in ended]
        self._changed.set()

    async def _tell_changes(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(TELL_EVERY_S)
            self._changed.clear()
            await self._front.finish(self._tell())

    async def _tell(self) -> None:
        """Say what is new in the session that is shown, and which turns of others have ended."""
        async with self._telling:
            await self._tell_news()

    async def _tell_news(self) -> None:
        controller, session_id = self.controller, self.controller.session_id
        ended, self._ends = self._ends, []
        recounts, self._recounts = self._recounts, False
        for session, turn in ended:
            self._hooks.end(session, turn)
            if session.session_id != session_id:
                self._say_aloud(f"“{clean_line(session.title, 60)}”: {ended_words(session, turn)}.")
                await controller.connection.history.mark_unread(session.session_id)
        if not session_id:
            return
        shown = shown_turns(controller.session, controller.shown.queued)
        for number, turn in enumerate(shown.turns, 1):
            before = self._spoken.get(turn.turn_id, Spoken())
            is_recent = recounts and number > len(shown.turns) - RECENT
            if before.turn is turn and not is_recent:
                continue
            about = ""
            if not before.is_announced:
                with suppress(LedgerError):
                    about = (await controller.typical_cost(turn.request.budget or controller.budget)).about
            step = next_step(shown, turn, is_text_back=False, edits=False)
            speech = Speech(number, about, self._reads_at_end, step)
            spoken, lines = speak(before, shown, turn, speech, self._now_ms())
            self._spoken[turn.turn_id] = spoken
            self._out.put(*lines)
        self._tell_limits(session_id)
        self._tell_hold()
        if self._rings and any(session.session_id == session_id for session, _ in ended):
            self._out.ring()
        if not self._is_over:
            await self._ready()

    def _tell_limits(self, session_id: str) -> None:
        gauges = self.controller.shown.gauges
        for gauge in self.controller.warned.take_new(session_id, gauges):
            self._out.tell("limit", gauge.warning)
            self._hooks.limit(gauge.part)

    def _tell_hold(self) -> None:
        """Say once why the queue does not go on: from then on nothing of it is sent by itself."""
        actor, before = self.controller.shown, self._held
        self._held = _held_now(actor)
        if (hold := actor.hold) is not None and self._held not in (None, before):
            why = hold_advice(self.controller.session, hold, len(actor.queue.ids), self._now_ms()).text
            act = "/queue send sends it." if hold.gauge is None else hold.gauge.limit.raise_hint
            self._out.tell("queue", in_lines(f"{why} {act}"))

    def _say_aloud(self, text: str) -> None:
        """Say what is no answer to the person, with the bell."""
        self._out.tell("note", text)
        if self._rings:
            self._out.ring()

    async def _look(self) -> None:
        """Look at what other programs wrote, and say of a silent turn that it runs."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._out.is_closed:
                self.quit(UNWRITABLE)
            if not self.controller.session_id:
                continue
            # An unreadable history is reported where it is needed, not once a second.
            with suppress(LedgerError):
                await self._take_news()
            shown = shown_turns(self.controller.session, self.controller.shown.queued)
            for number, turn in enumerate(shown.turns, 1):
                if turn.live and turn.turn_id in self._spoken:
                    spoken, lines = heartbeat(self._spoken[turn.turn_id], shown, turn, number, self._now_ms())
                    self._spoken[turn.turn_id] = spoken
                    self._out.put(*lines)

    async def _take_news(self) -> None:
        controller = self.controller
        now_ms = self._now_ms()
        # Reading it makes the engine follow what runs and nobody watches.
        board = await controller.board()
        for run, need in self._runaways.take_new(board, now_ms):
            self._say_aloud(f"“{clean_line(run.title, 60)}”: {need.text}")
        news = await controller.news()
        if news is None:
            return
        await controller.engine.take_offers()
        await controller.shown.recount()
        controller.counted_day = news.day
        self._recounts = True
        self._changed.set()
