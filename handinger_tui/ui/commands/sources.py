"""Commands about sources."""

from __future__ import annotations

from typing import Final

from handinger_tui.ui.commands.command import Command, Context


async def sources(to: Context) -> None:
    """The panel of sources."""
    to.stage.show_panel("sources")


SOURCES: Final = (Command("sources", "Sources of this session", sources),)
