"""Commands that tell what turns took: the receipt of one, and the levels of budget side by side."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.command import Command, Context


async def receipt(to: Context) -> None:
    """Of the newest turn that has ended, else of the one that runs; or by its number."""
    # The screen and what it draws, 10 ms, needed only here.
    from handinger_tui.ui.screens.receipt import ReceiptScreen, sent_turns  # noqa: PLC0415

    turns = sent_turns(to.desk.session)
    wanted = to.rest.strip().lower()
    if not turns:
        to.stage.say("There is no receipt yet: nothing was sent.", "warning")
        return
    if wanted in ("", "last"):
        newest = next((turn for turn in reversed(turns) if not turn.live), turns[-1])
    elif wanted.isdecimal() and wanted.isascii() and 0 < int(wanted[:9]) <= len(turns):
        newest = turns[int(wanted[:9]) - 1]
    else:
        named = clean_line(to.rest, 20)
        to.stage.say(f"There is no receipt {named}: a number from 1 to {len(turns)}, or last.", "warning")
        return
    await to.stage.ask(ReceiptScreen(to.desk, newest.turn_id))


async def budgets(to: Context) -> None:
    """What turns took at each level, and what the month comes to."""
    # The screen and what it reckons with, 10 ms, needed only here.
    from handinger_tui.ui.screens.budgets import BudgetsScreen  # noqa: PLC0415

    await to.stage.ask(BudgetsScreen(to.desk, to.stage.now_ms))


RECEIPT: Final = (
    Command("receipt", "What a turn took, in full: the last one, or by number", receipt, takes="[N|last]"),
    Command("budgets", "The levels of budget compared, and what the month comes to", budgets),
)
