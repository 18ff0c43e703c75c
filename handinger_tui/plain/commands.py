"""Slash commands of plain mode: those of the app that need no screen, and lists as numbered lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

from handinger_tui.core.evidence import Source, sources_of
from handinger_tui.core.read_aloud import in_words, line
from handinger_tui.core.safety import clean_line
from handinger_tui.core.voice import (
    Speech,
    Spoken,
    file_lines,
    help_line,
    receipt_lines,
    run_lines,
    session_lines,
    source_lines,
    speak,
    spending_lines,
)
from handinger_tui.ui.commands import COMMANDS, command_named, unknown_command_text
from handinger_tui.ui.commands.command import Command, CommandContext, chosen_message, number_in
from handinger_tui.ui.commands.money import limit, message_with_receipt, spending_reports
from handinger_tui.ui.commands.session import sessions
from handinger_tui.ui.widgets.session_rows import rows_of

if TYPE_CHECKING:
    from handinger_tui.plain.terminal import Output
    from handinger_tui.ui.sessions.controller import SessionController

MOST_LISTED: Final = 20


class Talk(Protocol):
    """What commands of plain mode ask of the conversation."""

    unsent: str
    """The text of the newest message that was not sent."""

    async def send(self, text: str) -> None:
        """Send a message. Raises HandingerError."""

    async def send_queued(self) -> None:
        """Send what is held in the queue, after a question. Raises LedgerError."""

    def drop_pasted(self) -> str:
        """Forget the lines that were pasted; returns them."""


class PlainCommands:
    """The commands that run in lines: those of the app that need no screen, and some of plain mode alone."""

    def __init__(self, out: Output, talk: Talk) -> None:
        self._out = out
        self._talk = talk
        self._listed: list[str] = []
        """The sessions of the last list, by their numbers."""
        lists = {
            "sessions": self._sessions,
            "runs": self._runs,
            "receipt": self._receipt,
            "limit": self._limit,
        }
        self._commands = (
            Command("help", "List the commands", self._help, ("keys",)),
            Command("read", "Read an answer again", self._read, takes="[N|last]"),
            Command("open", "Open a session by its number in the last list", self._open, takes="N"),
            Command(
                "queue",
                "List the queue, send what is held, or remove a message",
                self._queue,
                takes="[send|drop N]",
            ),
            Command("send", "Send the message that was not sent", self._send),
            Command("drop", "Remove the lines that were pasted", self._drop),
            Command("clearfiles", "Remove what is attached to the next message", self._clear_files),
            Command(
                "spending",
                "Show what was spent today, this week and this month, by project and session",
                self._spending,
            ),
            *(replace(one, run=lists.get(one.name, one.run)) for one in COMMANDS if not one.refusal("text")),
        )
        self.by_name = {name: command for command in self._commands for name in command.names}

    async def run(self, context: CommandContext, name: str, argument: str) -> None:
        """Run a command. Each gets an answer, and none becomes a message.

        Raises:
            HandingerError
        """
        command = self.by_name.get(name) or command_named(name)
        if command is None:
            self._out.tell("error", unknown_command_text(clean_line(name, 40), self.by_name))
        elif refusal := command.refusal(argument):
            self._out.tell("note", refusal)
        else:
            await command.run(context, argument)

    async def _help(self, _context: CommandContext, _argument: str) -> None:
        self._out.tell(
            "help", "A line is a message. While a turn runs it is queued. // sends a line that starts with /."
        )
        self._out.put(*(help_line(*command.help) for command in self._commands))

    # -- sessions --------------------------------------------------------------------------
    async def _sessions(self, context: CommandContext, argument: str) -> None:
        if argument:
            await sessions(context, argument)
            return
        controller = context.controller
        rows = await controller.recent(MOST_LISTED)
        opened = {session.session_id: session for session in controller.opened_sessions}
        self._list(row.session_id for row in rows)
        self._out.put(*session_lines(rows_of(rows, opened, context.now_ms())))
        self._out.tell("note", "/open N opens one." if rows else "No other sessions.")

    def _list(self, session_ids: Iterable[str]) -> None:
        """Number the sessions of a list; one that is empty leaves the numbers of the last one."""
        self._listed = [*session_ids] or self._listed

    async def _open(self, context: CommandContext, argument: str) -> None:
        number = number_in(argument, len(self._listed))
        if number is not None:
            await context.switcher.open(self._listed[number - 1])
        elif argument and not argument.isdecimal():
            await sessions(context, argument)
        else:
            self._out.tell("note", "Use /sessions or /runs first, then /open with a number of the list.")

    async def _runs(self, context: CommandContext, _argument: str) -> None:
        now_ms = context.now_ms()
        board = await context.controller.board()
        entries = board.entries(now_ms)
        # A schedule has no session to open.
        self._list(getattr(entry, "session_id", "") for entry in entries)
        self._out.put(*run_lines(board, now_ms))
        if entries:
            self._out.tell("note", "/open N opens one; nothing is sent by that.")

    # -- turns -----------------------------------------------------------------------------
    async def _read(self, context: CommandContext, argument: str) -> None:
        if (turn := chosen_message(context, argument, "read")) is not None:
            session = context.controller.session
            number = session.messages.index(turn) + 1
            self._out.put(line(f"turn {number}", clean_line(turn.request.prompt, 1000)))
            spoken = Spoken(is_announced=True, is_sent=True)
            self._out.put(*speak(spoken, session, turn, Speech(number), context.now_ms())[1])

    async def _receipt(self, context: CommandContext, argument: str) -> None:
        # As it is now, while the frames are read.
        session = context.controller.session
        if (turn := message_with_receipt(context, argument)) is not None:
            frames = await context.controller.engine.frames(turn.turn_id)
            self._out.put(*receipt_lines(session, turn, frames))

    # -- money -----------------------------------------------------------------------------
    async def _limit(self, context: CommandContext, argument: str) -> None:
        if argument:
            await limit(context, argument)
            return
        gauges = await context.controller.shown.recount()
        for gauge in gauges:
            self._out.tell("limit", f"{gauge.limit.scope.limit}: {', '.join(gauge.amounts)}")
        no_limits = "" if gauges else "There are no limits. "
        self._out.tell("note", f"{no_limits}To set one: /limit day 5. To lift it: /limit day off.")

    async def _spending(self, context: CommandContext, _argument: str) -> None:
        self._out.put(*spending_lines(*await spending_reports(context.controller)))

    # -- the next message ------------------------------------------------------------------
    async def _queue(self, context: CommandContext, argument: str) -> None:
        controller, (action, _, name) = context.controller, argument.lower().partition(" ")
        actor = controller.shown
        queue = actor.queued
        number = number_in(name.strip(), len(queue))
        if action == "send":
            await self._talk.send_queued()
        elif action == "drop" and number is not None:
            text = await actor.withdraw(queue[number - 1].turn_id)
            await controller.connection.history.keep_unsent([text])
            self._talk.unsent = text
            self._out.tell("note", "Withdrawn. /send sends it.")
        elif argument:
            self._out.tell("note", "Use /queue, /queue send, or /queue drop with the number of a message.")
        else:
            for at, turn in enumerate(queue, 1):
                self._out.put(line(f"queued {at}", clean_line(turn.request.prompt, 200)))
            held = "" if actor.hold is None else "The queue is held. /queue send sends it. "
            self._out.tell("queue", f"{held}{len(queue)} queued.")

    async def _send(self, _context: CommandContext, _argument: str) -> None:
        text, self._talk.unsent = self._talk.unsent, ""
        if text:
            await self._talk.send(text)
        else:
            self._out.tell("note", "There is no message that was not sent.")

    async def _drop(self, _context: CommandContext, _argument: str) -> None:
        text = self._talk.drop_pasted()
        if text:
            self._talk.unsent = text
        self._out.tell("note", "Dropped. /send sends it after all." if text else "Nothing was pasted.")

    async def _clear_files(self, context: CommandContext, _argument: str) -> None:
        context.message.attachments.clear()
        self._out.tell("note", "Nothing is attached now.")


class PlainView:
    """Implements `ui.commands.command.View`: panels are lists."""

    screen = None

    def __init__(
        self,
        controller: SessionController,
        out: Output,
        leave: Callable[[], None],
        repaint: Callable[[], None],
    ) -> None:
        self._controller = controller
        self._out = out
        self.leave = leave
        self.repaint = repaint

    def show_panel(self, name: str) -> None:
        """Say what the panel of this name lists."""
        session = self._controller.session
        lines = {
            "sources": source_lines(session),
            "files": file_lines(session),
            "usage": [line("session cost", in_words(self._controller.cost_text))],
        }.get(name, [])
        self._out.put(*(lines or [line("note", f"This session has no {name} yet.")]))

    @property
    def sources(self) -> Sequence[Source]:
        """The sources of the session."""
        return sources_of(self._controller.session)

    def show_budget(self, level: str) -> None:
        """Say the budget of the next message."""
        self._out.tell("note", f"Budget: {level}.")

    def show_title(self, title: str) -> None:
        """Say the title."""
        self._out.tell("note", f"Renamed: “{clean_line(title, 200)}”.")
