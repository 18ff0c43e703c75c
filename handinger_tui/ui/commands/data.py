"""The command of data: structured output and data parts, to be looked at, copied and saved."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.datasets import Dataset, datasets_of
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.command import Command, Context, Stage
from handinger_tui.ui.screens.desk import Desk

Spoken = tuple[str, int]
"""A turn's id and the position of a part in it; -1 for what is no part."""


async def data(to: Context) -> None:
    """The newest of the session, or one by its number."""
    count = len(datasets_of(to.desk.session))
    wanted = to.rest.strip()
    if wanted and not (wanted.isdecimal() and wanted.isascii() and 0 < int(wanted[:9]) <= count):
        told = f"a number from 1 to {count}" if count else "this session has none"
        to.stage.say(f"There is no data {clean_line(wanted, 20)}: {told}.", "warning")
        return
    await show_data(to.desk, to.stage, int(wanted[:9]) - 1 if wanted else None)


async def show_data(desk: Desk, stage: Stage, at: int | Spoken | None = None) -> None:
    """The page of data, at one by its position or where it stands in the transcript; else at the newest."""
    # The screen and what it draws, 15 ms, needed only here.
    from handinger_tui.ui.screens.data import DataScreen  # noqa: PLC0415

    found = datasets_of(desk.session)
    if not found:
        stage.say("This session has no data: structured output and data parts would be shown here.")
        return
    start = at if isinstance(at, int) else _standing(found, at)
    await stage.ask(DataScreen(desk, found, start))


def _standing(found: tuple[Dataset, ...], at: Spoken | None) -> int:
    """What stands there, else the last of that turn, else the newest of all."""
    here = [
        number
        for number, one in enumerate(found)
        if at is not None and one.turn_id == at[0] and one.position in (at[1], None if at[1] < 0 else at[1])
    ]
    same_turn = [number for number, one in enumerate(found) if at is not None and one.turn_id == at[0]]
    return (here or same_turn or [len(found) - 1])[-1]


DATA: Final = (Command("data", "Structured output and data parts, as tree and table", data, takes="[N]"),)
