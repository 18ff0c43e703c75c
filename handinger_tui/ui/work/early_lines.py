"""Lines that were entered before the first session was on the screen: they wait, and keep their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.attention import READ_S
from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts import CommandLine, Prompt, classify, expand_chips
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands import command_named
from handinger_tui.ui.work.attachments import PromptSnapshot
from handinger_tui.ui.work.composer import Composer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.sessions.controller import SessionController
    from handinger_tui.ui.work.pane import SessionPane

SHOWN: Final = 3
"""Waiting lines that are shown; of more than these, the number."""
ENTER_TOO_EARLY: Final = "Still connecting. Press Enter again once connected."
TYPED_BLIND: Final = "Typed before the app was there. Press Enter to send it."
SEE_SESSION_FIRST: Final = (
    "This is your last session. Press Enter to send your message here, or ^N to start a new one."
)


class EarlyLine(Struct, frozen=True):
    """A line as it was at its Enter."""

    snapshot: PromptSnapshot
    budget: str | None
    """The budget level at that time; None: the one that a line before it sets."""
    is_blind: bool = False
    """Whether it was entered, or pasted, before there was anything to see: it is not sent by itself."""


class EarlyLines:
    """Keeps the lines out of the prompt, one for each Enter, and works through them in order.

    A message for a session that the person had not seen is not sent: it comes into the prompt, and what is
    behind it waits until that was sent.
    """

    def __init__(
        self,
        controller: SessionController,
        interaction: Interaction,
        pane: SessionPane,
        composer: Composer,
        run_command: Callable[[str, str], Coroutine[Any, Any, None]],
        send: Callable[[EarlyLine, Prompt], Awaitable[None]],
    ) -> None:
        self._controller = controller
        self._interaction = interaction
        self._pane = pane
        self._composer = composer
        self._run_command = run_command
        self._send = send
        self._lines: list[EarlyLine] = []
        self._may_send: Callable[[], bool] | None = None
        """Whether messages may go to the session on the screen; None before the first one is there."""
        self._is_working = False
        self._leaving: EarlyLine | None = None
        """The message that is being sent, until it is stored as a turn."""
        self.changed: Callable[[], None] = lambda: None
        """Called when other lines wait: they are saved with the draft."""
        pane.take_back = self.take_back

    def takes_enter(self, pressed_at: float) -> bool:
        """Whether what is entered now is a line that waits, or asks for the next one of them.

        It waits behind others, for the first session, or to be looked at there. `pressed_at`: when its Enter
        was pressed (monotonic).
        """
        text = self._composer.prompt.text
        if self._may_send is None or self._is_working or self._is_too_early(pressed_at):
            self.add(text, self._controller.budget)
        elif self._lines and not text.strip():
            # Looked at again: the next line comes into the prompt.
            self._interaction.run(self.work_through())
        else:
            return False
        return True

    def _is_too_early(self, pressed_at: float) -> bool:
        """Whether the session that came by itself was not looked at before this Enter."""
        is_new = pressed_at < self._pane.session_since + READ_S
        return is_new and self._may_send is not None and not self._may_send()

    @property
    def texts(self) -> list[str]:
        """The texts that are neither in the prompt nor stored as a turn."""
        lines = self._lines if self._leaving is None else [self._leaving, *self._lines]
        return [expand_chips(line.snapshot.text, line.snapshot.pasted) for line in lines]

    def add(self, text: str, budget: str) -> None:
        """Take a line out of the prompt; an unknown command stays there."""
        typed = classify(text)
        if isinstance(typed, CommandLine):
            command = command_named(typed.name)
            if command is None or (command.early and not self._is_working):
                if command is not None:
                    self._composer.prompt.clear_sent(text)
                self._interaction.run(self._run_command(typed.name, typed.argument))
                return
        elif not isinstance(typed, Prompt):
            self._interaction.say(
                ENTER_TOO_EARLY if self._may_send is None else "Still busy with the lines before."
            )
            return
        snapshot = replace(self._composer.snapshot(), text=text)
        sets_budget = any(_sets_budget(line.snapshot.text) for line in self._lines)
        if isinstance(typed, CommandLine):
            # What is attached belongs to the next message.
            snapshot = replace(snapshot, files=(), drops=())
        self._lines.append(EarlyLine(snapshot, None if sets_budget else budget))
        self._composer.clear_sent(snapshot, snapshot.files)
        self._show()
        # Enter may have been pressed just before the first session was there, and is handled after it.
        self._interaction.run(self.work_through())

    def add_command(self, name: str, argument: str) -> None:
        """Add a command that a key asked for, however often."""
        text = f"/{name} {argument}".rstrip()
        if all(line.snapshot.text != text for line in self._lines):
            self._lines.append(EarlyLine(PromptSnapshot(text), None))
            self._show()
        self._interaction.run(self.work_through())

    def add_blind(self, lines: Sequence[str]) -> None:
        """Add lines that came before the first frame."""
        self._lines += [
            EarlyLine(PromptSnapshot(line), None, is_blind=True) for line in lines if line.strip()
        ]
        self._show()

    def take_back(self) -> None:
        """Esc: put the newest line back into the prompt; where that has text, into the prompt history."""
        if self._lines:
            line = self._lines.pop()
            self._show()
            self._composer.return_drafts([line.snapshot.draft])

    def begin(self, may_send: Callable[[], bool]) -> None:
        """The first session is on the screen: work through the lines.

        `may_send`: whether the person has seen the session on the screen, or asked for it.
        """
        self._may_send = may_send
        self._interaction.run(self.work_through(is_start=True), is_for_key=False)

    async def work_through(self, *, is_start: bool = False) -> None:
        """Work through the lines until one has to wait; each is finished before the next begins."""
        if self._is_working or self._may_send is None:
            return
        self._is_working = True
        try:
            while self._lines:
                line = self._lines[0]
                typed = classify(line.snapshot.text)
                if isinstance(typed, Prompt) and (line.is_blind or not self._may_send()):
                    self._offer(line, replaces_draft=is_start)
                    return
                del self._lines[0]
                self._show()
                if isinstance(typed, CommandLine):
                    if typed.argument:
                        self._composer.remember(line.snapshot)
                    await self._run_command(typed.name, typed.argument)
                elif isinstance(typed, Prompt):
                    self._leaving = line
                    await self._send(line, typed)
                    self._leaving = None
            self._composer.restore_aside()
        finally:
            self._is_working = False
            self._leaving = None
            if self._lines:
                # They wait for something else now.
                self._show()

    def _offer(self, line: EarlyLine, *, replaces_draft: bool) -> None:
        """Put a message into the prompt, if nothing was typed there."""
        prompt = self._composer.prompt
        if prompt.text.strip():
            if not (replaces_draft and self._composer.is_restored):
                return
            self._composer.remember(self._composer.snapshot())
        del self._lines[0]
        self._show()
        self._composer.restore_unseen(line.snapshot.draft)
        self._interaction.say(TYPED_BLIND if line.is_blind else SEE_SESSION_FIRST)

    def _show(self) -> None:
        """Show the waiting lines above the prompt."""
        shown = [clean_line(line.snapshot.text, 100) for line in self._lines[:SHOWN]]
        if len(self._lines) > SHOWN:
            shown.append(f"and {plural(len(self._lines) - SHOWN, 'more line')}")
        if self._may_send is None:
            what = "until you are connected"
        else:
            what = "for the line before" if self._is_working else "for your next Enter"
        head = f"Waiting {what} · Esc takes back the last"
        self._pane.wait("\n".join([head, *shown]) if self._lines else "")
        self.changed()


def _sets_budget(text: str) -> bool:
    typed = classify(text)
    return isinstance(typed, CommandLine) and typed.name == "budget"
