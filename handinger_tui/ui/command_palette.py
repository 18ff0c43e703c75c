"""Palette: the table of commands, in Textual's command palette."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from handinger_tui.ui.commands import COMMANDS, Command


class CommandProvider(Provider):
    """Offers every command that can run without more words."""

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for command in COMMANDS:
            yield DiscoveryHit(
                Content(command.summary), self._running(command), text=command.summary, help=_spelled(command)
            )

    async def search(self, query: str) -> Hits:
        """Those whose summary or name fits."""
        matcher = self.matcher(query)
        for command in COMMANDS:
            text = f"{command.summary} /{command.name}"
            score = matcher.match(text)
            if score > 0:
                yield Hit(
                    score, matcher.highlight(text), self._running(command), text=text, help=_spelled(command)
                )

    def _running(self, command: Command) -> partial[bool]:
        return partial(self.app.call_later, self.screen.run_action, f"command({command.name!r})")


def _spelled(command: Command) -> str:
    """Our own words only: the palette reads markup."""
    return "  ".join(f"/{name}" for name in (command.name, *command.aliases))
