"""The command of the ledger: what everything took so far."""

from __future__ import annotations

from functools import partial
from typing import Final

from handinger_tui.ui.commands.command import Command, Context


async def ledger(to: Context) -> None:
    """The whole record; a session chosen there is opened."""
    # The screen and what it draws, 10 ms, needed only here.
    from handinger_tui.ui.screens.ledger import LedgerScreen  # noqa: PLC0415

    desk = to.desk
    books, purse = desk.connection.books, desk.connection.purse
    screen = LedgerScreen(books, purse, lambda: desk.session, to.stage.now_ms)
    chosen = await to.stage.ask(screen)
    if chosen is None or chosen == desk.session_id:
        return
    await to.stage.switch(partial(desk.open, chosen))


LEDGER: Final = (Command("ledger", "What everything took: days, workers, sessions, turns, charts", ledger),)
