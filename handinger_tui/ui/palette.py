"""The command palette: every slash command, found by its names or its summary."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from handinger_tui.ui.commands import COMMANDS
from handinger_tui.ui.commands.command import Command
from handinger_tui.ui.keys import KEYS, format_keys


class CommandProvider(Provider):
    """Lists every slash command; a chosen one runs without an argument."""

    async def discover(self) -> Hits:
        """All commands, before anything is typed."""
        for command in COMMANDS:
            yield DiscoveryHit(
                Content(command.summary),
                self._runner(command),
                text=command.summary,
                help=shown_names(command),
            )

    async def search(self, query: str) -> Hits:
        """The commands whose summary or names match the query."""
        matcher = self.matcher(query)
        for command in COMMANDS:
            names = shown_names(command)
            score = matcher.match(f"{command.summary} {names} {command.words}")
            if score > 0:
                summary = matcher.highlight(command.summary)
                yield Hit(score, summary, self._runner(command), text=command.summary, help=names)

    def _runner(self, command: Command) -> partial[bool]:
        return partial(self.app.call_later, self.screen.run_action, f"command({command.name!r})")


def shown_names(command: Command) -> str:
    """The names of a command, and its keys. The palette parses markup: only texts of the program go there."""
    call = f"command({command.name!r})"
    keys = [format_keys(key) for key in KEYS if key.action in (call, f"screen.{call}")]
    return "  ".join([*(f"/{name}" for name in command.names), *keys])
