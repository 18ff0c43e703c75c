"""The table of slash commands, from which completion, command palette and help are generated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import did_you_mean
from handinger_tui.ui.commands.command import Command
from handinger_tui.ui.commands.files import ATTACHING, FILES, SOURCES
from handinger_tui.ui.commands.money import MONEY
from handinger_tui.ui.commands.session import AGAIN, SESSION
from handinger_tui.ui.commands.view import VIEW
from handinger_tui.ui.commands.workers import AUTOMATION, WORKERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handinger_tui.ui.sessions.controller import SessionController

COMMANDS: Final[tuple[Command, ...]] = (
    *SESSION,
    *WORKERS,
    *AGAIN,
    *AUTOMATION,
    *ATTACHING,
    *MONEY,
    *SOURCES,
    *FILES,
    *VIEW,
)

_BY_NAME: Final = {name: command for command in COMMANDS for name in command.names}


def command_named(name: str) -> Command | None:
    """The command with exactly this name or alias, None when there is none. Never a similar one."""
    return _BY_NAME.get(name)


def unknown_command_text(name: str, names: Iterable[str] = _BY_NAME) -> str:
    """The message about a command that does not exist. `names`: those that do in this front."""
    suggestion = did_you_mean(name, names, "/help lists all commands.", "/{}")
    return f"Unknown command /{name}. {suggestion} Nothing was sent."


def completions(text: str, controller: SessionController) -> list[tuple[str, str]]:
    """What may complete a line that begins with a slash: commands, or behind one its arguments."""
    name, space, argument = text[1:].partition(" ")
    if not space:
        prefix = name.lower()
        return [
            (f"/{full}", command.summary)
            for command in COMMANDS
            for full in command.names
            if full.startswith(prefix) and (full == command.name or prefix)
        ]
    command = command_named(name.lower())
    if command is None:
        return []
    words = [(choice, "") for choice in command.choices]
    if command.offers is not None:
        words = command.offers(controller)
    before, gap, typed = argument.rpartition(" ") if command.repeats else ("", "", argument)
    return [
        (f"/{name} {before}{gap}{word}", meaning) for word, meaning in words if word.startswith(typed.lower())
    ]
