"""Commands about the program itself."""

from __future__ import annotations

from typing import Final

from handinger_tui.ui.commands.command import Command, Context


async def show_help(to: Context) -> None:
    """Keys and commands."""
    to.stage.show_help()


async def palette(to: Context) -> None:
    """Every command, to search."""
    to.stage.show_palette()


async def leave(to: Context) -> None:
    """Leave; what runs on the server goes on."""
    await to.stage.leave()


PROGRAM: Final = (
    Command("help", "Keys and commands", show_help, ("keys",)),
    Command("palette", "Search all commands", palette),
    Command("quit", "Leave; drafts and sessions are kept", leave, ("exit",)),
)
