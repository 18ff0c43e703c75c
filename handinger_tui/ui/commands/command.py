"""The type of a slash command, and the parts of a front that it acts on, none of which needs a widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from handinger_tui.core.evidence import Source
    from handinger_tui.core.prompts import Draft
    from handinger_tui.core.turns.turn import Lineage, Turn
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.front import Front
    from handinger_tui.ui.panels.file_actions import FileActions
    from handinger_tui.ui.ports import AppOptions
    from handinger_tui.ui.sessions.controller import SessionController


NEEDS_SCREEN: Final = "This needs the screen. Nothing was sent."
HAS_FOLDER: Final = "Use a name without a folder: the file is saved in your download folder."


def has_folder(name: str) -> bool:
    """Whether a typed file name has a folder, which would be dropped."""
    return not {"/", "\\"}.isdisjoint(name)


def number_in(argument: str, count: int) -> int | None:
    """The number from 1 to `count` that an argument is; None for any other text."""
    number = int(argument) if argument.isascii() and argument.isdecimal() and len(argument) < 10 else 0
    return number if 0 < number <= count else None


def numbers_to(count: int) -> str:
    """The numbers that `number_in` takes, in words."""
    return "1" if count == 1 else f"a number from 1 to {count}"


class Command(Struct, frozen=True):
    """A slash command.

    `run` is called with the text typed after the name. `takes`: the syntax of that text for the help.
    """

    name: str
    summary: str
    run: Callable[[CommandContext, str], Coroutine[Any, Any, None]]
    aliases: tuple[str, ...] = ()
    takes: str = ""
    choices: tuple[str, ...] = ()
    """Words that the prompt offers as the first argument."""
    offers: Callable[[SessionController], list[tuple[str, str]]] | None = None
    """Words with their meaning that the prompt offers, instead of `choices`."""
    repeats: bool = False
    """Whether every argument is one of those words, not only the first."""
    early: bool = False
    """Whether it works without a connection, and changes nothing of the lines that wait for one."""
    words: str = ""
    """Further words by which help and palette find it."""
    opens: bool = False
    """Whether it shows a screen, a question, the find bar or a session: keys behind it wait for that."""
    instead: str | None = None
    """What is said where there is no screen; None: it needs none."""
    only_bare: bool = False
    """Whether it needs one only without an argument."""

    def refusal(self, argument: str) -> str:
        """Why it cannot run without a screen, and what to do instead; "" if it can."""
        if self.instead is None or (self.only_bare and argument):
            return ""
        return f"/{self.name}: {NEEDS_SCREEN} {self.instead}".rstrip()

    @property
    def names(self) -> tuple[str, ...]:
        """Its name and its aliases."""
        return self.name, *self.aliases

    @property
    def help(self) -> tuple[str, str]:
        """Its syntax, and what it does."""
        also = f" (also {', '.join(f'/{name}' for name in self.aliases)})" if self.aliases else ""
        return f"/{self.name} {self.takes}".strip(), f"{self.summary}{also}"


PartPosition = tuple[str, int]
"""The id of a turn and the position of a part in it; -1 for a line that belongs to no part."""


class MessageFiles(Protocol):
    """The files that go with a message."""

    async def add(self, paths: Sequence[str]) -> None:
        """Attach files. Raises AttachmentProblem."""

    def clear(self) -> None:
        """Remove all that the text does not mention."""


class Message(Protocol):
    """What goes with the message that is written."""

    @property
    def attachments(self) -> MessageFiles:
        """The files that go with it."""

    def carry(self, text: str, lineage: Lineage) -> None:
        """Put a folded text before what is written."""


class WrittenMessage(Message, Protocol):
    """The message that is being written on a screen."""

    @property
    def text(self) -> str:
        """Its text, pasted texts folded."""

    @property
    def earlier_texts(self) -> Sequence[str]:
        """The prompt history, oldest first."""

    def replace_text(self, text: str) -> None:
        """Replace the text; the old one goes to the prompt history."""

    def start_from(self, draft: Draft, lineage: Lineage) -> None:
        """Replace the message with an earlier one, to be edited and sent as a new one."""

    async def edit_externally(self) -> None:
        """Edit the text in the person's own editor. Raises EditorProblem."""


class Switcher(Protocol):
    """Which session is shown.

    Raises (all but `save_draft`): HandingerError in a replay, which has no other sessions.
    """

    def refuse_in_replay(self) -> None:
        """Raise it in a replay; do nothing else."""

    async def open(self, session_id: str) -> str:
        """Show a stored session; returns its id, "" when a later call superseded this one."""

    async def begin(self, *, title: str = "", stored_worker_id: str | None = None) -> str:
        """Show a new session; nothing is sent."""

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns; while it takes long, `doing` is shown."""

    async def save_draft(self) -> None:
        """Save the message that is being written. Raises LedgerError."""

    @property
    def unsaved_texts(self) -> Sequence[str]:
        """What was typed since it was saved, or that could not be: it would end with the program."""


class View(Protocol):
    """What is shown of the session, beside the message that is being written."""

    @property
    def screen(self) -> Screen | None:
        """What only a screen shows; None where there is none."""

    def show_panel(self, name: str) -> None:
        """Show the panel of this name."""

    @property
    def sources(self) -> Sequence[Source]:
        """The sources of the session, numbered as in their panel."""

    def show_budget(self, level: str) -> None:
        """Show the budget of the next message."""

    def show_title(self, title: str) -> None:
        """Show the title that the session has now."""

    @property
    def repaint(self) -> Callable[[], None]:
        """Shows a change that the engine does not report."""

    def leave(self) -> None:
        """End the program; the session stays in the history."""


class Screen(Protocol):
    """What a screen shows."""

    @property
    def message(self) -> WrittenMessage:
        """The message that is being written."""

    @property
    def part(self) -> PartPosition | None:
        """The part at the cursor of the transcript; None without a cursor."""

    @property
    def text_at_cursor(self) -> str | None:
        """The text of that part; None without a cursor."""

    def find(self, text: str) -> int:
        """Find a text in the session and browse what matches; returns the number of matches."""

    def find_in(self, session_id: str, text: str) -> None:
        """Show the first match in a session that was just opened."""

    async def open_find(self) -> None:
        """Ask for the text to find."""

    def group_sources(self, *, hosts: bool) -> None:
        """List the sources by host, or by turn."""

    def toggle_details(self) -> str:
        """Show more, or less, of thoughts and tool calls; returns how much that is."""

    def toggle_panels(self) -> None:
        """Show or hide the panels."""

    def widen_panels(self, cells: int) -> None:
        """Make the panels wider, or narrower."""

    def return_to_prompt(self) -> None:
        """Let what is typed next go to the message that is being written."""

    @property
    def theme(self) -> str:
        """The name of the theme; none is visible without `has_colors`."""

    def set_theme(self, name: str) -> None:
        """Switch to a theme."""

    @property
    def has_colors(self) -> bool:
        """Whether colors are shown."""

    def redraw(self) -> None:
        """Write the whole screen again."""

    async def page(self, text: str) -> None:
        """Show a text in the person's pager. Raises EditorProblem."""

    def show_help(self) -> None:
        """Show all keys and commands."""

    def show_palette(self) -> None:
        """Show the command palette."""


class CommandContext(Struct, frozen=True):
    """What commands act on.

    What needs the connection raises `StillConnecting` until there is one.
    """

    options: AppOptions
    controller: SessionController
    interaction: Front
    message: Message
    switcher: Switcher
    view: View
    files: FileActions
    send_again: Callable[[SessionActor, Turn, str, Lineage], Awaitable[bool]]
    """Send the message of a turn of a session again: its budget and lineage. False: it was not sent."""
    now_ms: Callable[[], int]

    @property
    def screen(self) -> Screen:
        """What only a screen shows. Raises HandingerError where there is none."""
        if self.view.screen is None:
            raise HandingerError(NEEDS_SCREEN)
        return self.view.screen


def chosen_message(context: CommandContext, argument: str, command: str) -> Turn | None:
    """The message with this number, or the last one; None after a word to the person."""
    messages, argument = context.controller.session.messages, argument.strip().lower()
    if not messages:
        context.interaction.say("Nothing was sent in this session yet.", "warning")
        return None
    if argument in ("", "last"):
        return messages[-1]
    if (number := number_in(argument, len(messages))) is not None:
        return messages[number - 1]
    shown = clean_line(argument, 20)
    context.interaction.say(
        f"No message {shown}. Use /{command} with {numbers_to(len(messages))}, or last.", "warning"
    )
    return None
