"""One run of the app that ends in a picture, and its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from textual.pilot import Pilot

from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.work.screen import WorkScreen

NARROW: Final = ((80, 24),)
"""Where the panels lie over the session instead of beside it."""
PATIENCE_S: Final = 60.0


@dataclass
class Scene:
    """One run of the app that ends in a picture."""

    app: HandingerApp
    pilot: Pilot[Any]

    @property
    def narrow(self) -> bool:
        """The panels lie over the session."""
        return self.app.size.width == NARROW[0][0]

    @property
    def work(self) -> WorkScreen:
        """The main screen."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, WorkScreen))

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the app run until `holds`, with a deadline."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.pilot.pause(0.02)

    async def connected(self) -> None:
        """Wait for the local worker."""
        await self.until(lambda: self.work.controller.session_id)

    async def say(self, text: str) -> None:
        """Type and send."""
        await self.connected()
        self.work.prompt.text = text
        await self.pilot.press("enter")
        await self.until(lambda: bool(self.turns))

    async def command(self, text: str) -> None:
        """Type something that starts no turn."""
        await self.connected()
        self.work.prompt.text = text
        await self.pilot.press("enter")
        await self.pilot.pause(0.3)

    @property
    def turns(self) -> tuple[Any, ...]:
        """The turns of the session on the screen."""
        return self.work.controller.session.turns

    async def answered(self, count: int = 1) -> None:
        """Wait until this many turns have ended."""
        await self.until(lambda: sum(not turn.live for turn in self.turns) >= count)
        await self.pilot.pause(0.3)
