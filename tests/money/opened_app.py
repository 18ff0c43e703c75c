"""The whole app on a service of the tests, driven by Textual's pilot: the text of each of its places."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest
from textual.pilot import Pilot

from handinger_tui.cli.app import app_options
from handinger_tui.cli.args import parse
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.sessions import farewell
from tests.e2e.runner import KEY
from tests.money.programs import TIMES, Person
from tests.ui.fakes import unpainted
from tests.ui.pilot import running, text_of

SIZE: Final = (140, 52)
"""Wide and high enough that every place shows its amounts in full."""
WITHIN_S: Final = 60.0


@dataclass(frozen=True)
class OpenedApp:
    """The app while it runs."""

    app: HandingerApp
    pilot: Pilot[None]

    @property
    def session(self) -> Session:
        """The session on the screen."""
        return self.app.work.controller.session

    @property
    def notices(self) -> str:
        """All notifications so far."""
        return "\n".join(one.message for one in self.app._notifications)

    @property
    def text(self) -> str:
        """The screen as a terminal would show it."""
        return text_of(self.app)

    def text_of(self, selector: str) -> str:
        """The text of one widget."""
        return text_of(self.app, selector)

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the app run until a condition holds."""
        end = time.monotonic() + WITHIN_S
        while not holds():
            assert time.monotonic() < end, f"never so; the screen:\n{self.text}"
            await self.pilot.pause(0.04)

    async def shows(self, *words: str) -> None:
        """Wait until all of `words` are on the screen."""
        await self.until(lambda: all(word in self.text for word in words))

    async def send(self, text: str) -> None:
        """Type a message and press Enter, once the command before is over: Enter does nothing until then."""
        await self.until(lambda: not self.app.work.interaction.is_opening)
        self.app.work.prompt.put(text)
        if text.startswith("/"):
            # An Enter means what the line below the prompt says.
            await self.shows("Enter to run the command")
        await self.pilot.press("enter")

    async def new_session(self) -> None:
        """Press ^N and wait for the new session."""
        before = self.session.session_id
        await self.pilot.press("ctrl+n")
        await self.until(lambda: self.session.session_id != before)

    async def read_page(self, command: str, *keys: str, words: str) -> str:
        """Open a page, press keys there, and close it; returns its text, once `words` are on it."""
        await self.send(command)
        await self.until(lambda: self.app.screen is not self.app.work)
        await self.pilot.press(*keys)
        await self.until(lambda: self.app.screen is not self.app.work and words in self.text)
        page = self.text
        await self.pilot.press("escape")
        await self.until(lambda: self.app.screen is self.app.work)
        return page

    async def leave(self) -> list[str]:
        """Quit as a person does; returns the text of the terminal after that."""
        self.app.work.prompt.put("")
        await self.pilot.press("ctrl+d")
        await self.until(lambda: self.app._exit)
        return self.app.farewell


@asynccontextmanager
async def opened_app(person: Person, patch: pytest.MonkeyPatch, *argv: str) -> AsyncIterator[OpenedApp]:
    """The app of a person, connected; `argv` are arguments of the command line."""
    patch.setenv("TEXTUAL_ANIMATIONS", "none")
    patch.setattr(farewell, "DAY_TIMEOUT_S", WITHIN_S)
    environ = {"HANDINGER_TUI_HOME": str(person.home), "HANDINGER_BASE_URL": person.service.url}
    for name, value in (environ | TIMES | {"HANDINGER_API_KEY": KEY}).items():
        patch.setenv(name, value)
    args = parse([*argv])
    async with AsyncExitStack() as stack:
        app = HandingerApp(app_options(args, settings_for(args), stack))
        stack.enter_context(unpainted())
        async with running(app, size=SIZE) as pilot:
            opened = OpenedApp(app, pilot)
            await opened.until(lambda: app.work.controller.connected and app.work.controller.session_id)
            yield opened
