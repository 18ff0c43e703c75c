"""The type of a slash command, and what commands and keys act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from handinger_tui.core.turns.turn import Lineage, Turn
    from handinger_tui.ui.ports import AppOptions
    from handinger_tui.ui.work.browsing import Browsing
    from handinger_tui.ui.work.composer import Composer, QueueEditor
    from handinger_tui.ui.work.evidence_actions import FileActions, SourceNavigation
    from handinger_tui.ui.work.interaction import Interaction
    from handinger_tui.ui.work.pane import SessionPane
    from handinger_tui.ui.work.session_controller import SessionController
    from handinger_tui.ui.work.session_switcher import SessionSwitcher


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
    opens: bool = False
    """Whether it shows a screen, a question, the find bar or a session: keys behind it wait for that."""


class CommandContext(Struct, frozen=True):
    """The parts of the work screen that commands and keys act on.

    What needs the connection raises `StillConnecting` until there is one.
    """

    commands: tuple[Command, ...]
    options: AppOptions
    controller: SessionController
    interaction: Interaction
    pane: SessionPane
    composer: Composer
    queue_editor: QueueEditor
    switcher: SessionSwitcher
    browsing: Browsing
    files: FileActions
    sources: SourceNavigation
    send_again: Callable[[str, Turn, str, Lineage], Awaitable[bool]]
    """Send the message of a turn again: session id, turn, budget, lineage. False: it was not sent."""
    repaint: Callable[[], None]
    """Paint the session after a change that the engine does not report."""
    now_ms: Callable[[], int]
