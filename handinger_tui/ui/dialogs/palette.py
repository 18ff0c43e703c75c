"""The command palette: Textual's, with the keys of the key table."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.command import CommandPalette
from textual.widgets import Input

from handinger_tui.ui.keys import Where, bindings


class Palette(CommandPalette):
    """Lists all commands; its keys are in the key table, so that its help shows them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PALETTE)

    async def action_run(self) -> None:
        """Run the highlighted command."""
        await self.query_one(Input).action_submit()
