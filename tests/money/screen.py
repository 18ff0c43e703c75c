"""The app with its screen on the history of a person, against the paid service."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from textual.pilot import Pilot

from handinger_tui.cli.connection import connection
from handinger_tui.cli.local_files.paths import Paths
from handinger_tui.cli.wiring import open_services
from handinger_tui.core.secret import Secret
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Trigger
from handinger_tui.settings import Settings
from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.ports import AppOptions, Connection
from tests.e2e.runner import KEY
from tests.money.programs import Person
from tests.ui.fakes import screen_text

WITHIN_S: Final = 20.0


@dataclass
class Screen:
    """The app while it runs."""

    app: HandingerApp
    pilot: Pilot[None]

    @property
    def session(self) -> Session:
        return self.app.work.controller.session

    def text(self) -> str:
        return screen_text(self.app)

    def notices(self) -> str:
        """All notifications so far."""
        return "\n".join(one.message for one in self.app._notifications)

    async def until(self, done: Callable[[], object]) -> None:
        """Let the app run until something is so."""
        end = time.monotonic() + WITHIN_S
        while not done():
            assert time.monotonic() < end, f"never so; the screen:\n{self.text()}\nsaid: {self.notices()}"
            await self.pilot.pause(0.02)

    async def shows(self, *words: str) -> None:
        """Wait until all of `words` are on the screen."""
        await self.until(lambda: all(word in self.text() for word in words))

    async def enter(self, text: str) -> None:
        """Type a line into the prompt and press Enter."""
        self.app.work.prompt.put(text)
        await self.pilot.press("enter")
        await self.pilot.pause()


@asynccontextmanager
async def screen_of(person: Person, width: int = 110, height: int = 60) -> AsyncIterator[Screen]:
    """The app in this process; it opens the newest session of the person."""
    settings = Settings(person.service.url, Secret(KEY))
    paths = Paths(person.home / "config.toml", person.home / "history.db", person.home)
    async with open_services(settings, paths, trigger=Trigger.APP, watch_money=True) as services:

        async def connect() -> Connection:
            return connection(services)

        app = HandingerApp(AppOptions(connect))
        async with app.run_test(size=(width, height), notifications=True) as pilot:
            screen = Screen(app, pilot)
            await screen.until(lambda: app.work.controller.session_id)
            # What is restated from now on is news for the app, even if it did not look before.
            await services.ledger.charges.news()
            yield screen
            await services.engine.aclose()
