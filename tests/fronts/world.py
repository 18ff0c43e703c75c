"""What a journey happens in: a service that counts, and one history, read as any program reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.export.result import Result, results_of
from handinger_tui.core.turns.turn import UNSENT
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.local.server import LocalServer
from tests.cli.program import environ
from tests.e2e.accounts import Account
from tests.e2e.runner import KEY
from tests.money.paid_service import PaidService, paid_service

LOOK_S = 0.05
PATIENCE_S = 60.0


@dataclass
class World:
    """One service and one history. `paid`: None where the local worker answers."""

    home: Path
    """Where the history is, and `Downloads`."""
    environ: dict[str, str]
    paid: PaidService | None

    @property
    def exported(self) -> Path:
        """The document of the session."""
        return self.home / "Downloads" / "session.md"

    @property
    def service(self) -> PaidService:
        """The service that counts its POSTs."""
        assert self.paid is not None
        return self.paid

    async def turns(self) -> list[Result]:
        """The turns of the history that were sent, the oldest session first."""
        ledger = Ledger(self.home / "history.db", access=FileAccess.READ)
        try:
            await ledger.start()
            rows = reversed(await ledger.history.sessions())
            sessions = [one for row in rows if (one := await ledger.load(row.session_id)) is not None]
        except LedgerError:
            # It is not there yet.
            return []
        finally:
            await ledger.aclose()
        return [turn for one in sessions for turn in results_of(one) if turn.status not in UNSENT]

    async def until(self, holds: Callable[[list[Result]], bool]) -> list[Result]:
        """Wait until the history shows that; its turns."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds(turns := await self.turns()):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(LOOK_S)
        return turns

    async def ended(self, count: int) -> list[Result]:
        """Wait until so many turns have ended."""
        return await self.until(lambda turns: sum(turn.status == "completed" for turn in turns) == count)


@contextmanager
def world(how: dict[str, object] | None) -> Iterator[World]:
    """A service and an empty history. `how`: members of `PaidService`; None: the local worker."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="fronts-")))
        (home / "Downloads").mkdir()
        if how is None:
            paid, account = None, Account(stack.enter_context(LocalServer.start(pace=0)), "workers").environ
        else:
            paid = stack.enter_context(paid_service(**how))
            account = {"HANDINGER_BASE_URL": paid.url, "HANDINGER_API_KEY": KEY}
        variables = environ(home, **account, HOME=str(home), TEXTUAL_ANIMATIONS="none")
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in variables.items():
            patch.setenv(name, value)
        yield World(home, variables, paid)
        if paid is not None:
            paid.finish()
