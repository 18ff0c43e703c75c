"""Commands about files of this machine that go with a message."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.pasting import named_paths
from handinger_tui.ui.commands.command import Command, Context


async def file(to: Context) -> None:
    """Attach what is named."""
    paths = named_paths(to.rest)
    if paths:
        await to.stage.drafting.add(paths)
    else:
        to.stage.say("Name a file: /file PATH, or @ in your message; F8 goes to those that go along.")


ATTACHING: Final = (Command("file", "Attach a file to the next message", file, takes="PATH"),)
