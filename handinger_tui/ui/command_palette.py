"""Provides the slash commands to Textual's command palette."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from handinger_tui.ui.commands import COMMANDS, Command


class CommandProvider(Provider):
    """Lists every slash command; a chosen one runs without an argument."""

    async def discover(self) -> Hits:
        """All commands, before anything is typed."""
        for command in COMMANDS:
            yield DiscoveryHit(
                Content(command.summary),
                self._runner(command),
                text=command.summary,
                help=_format_names(command),
            )

    async def search(self, query: str) -> Hits:
        """The commands whose summary or name matches the query."""
        matcher = self.matcher(query)
        for command in COMMANDS:
            text = f"{command.summary} /{command.name}"
            score = matcher.match(text)
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(text),
                    self._runner(command),
                    text=text,
                    help=_format_names(command),
                )

    def _runner(self, command: Command) -> partial[bool]:
        return partial(self.app.call_later, self.screen.run_action, f"command({command.name!r})")


def _format_names(command: Command) -> str:
    """The names of a command. The palette parses markup, so only fixed texts of the program go there."""
    return "  ".join(f"/{name}" for name in (command.name, *command.aliases))
