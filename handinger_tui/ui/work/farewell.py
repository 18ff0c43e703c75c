"""Leaving: what the terminal shows once the screen is gone."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.amounts import Total, credits_total_text, credits_words, total_text, usd_text
from handinger_tui.core.money.attribution import session_money
from handinger_tui.core.money.spending import Bucket, GroupBy, altogether
from handinger_tui.core.safety.cleaning import one_word
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.widgets.status_text import unwatched
from handinger_tui.ui.work.session_controller import SessionController

NAMED: Final = 3
"""At most this many runs are named one by one."""
DAY_WITHIN_S: Final = 1.0
"""Nobody waits longer than that for a figure on the way out."""


async def read_day(desk: SessionController) -> None:
    """Have the day's total at hand for the farewell, which is written when nothing can be read any more."""
    with suppress(LedgerError, TimeoutError):
        async with asyncio.timeout(DAY_WITHIN_S):
            await desk.engine.recount(desk.session_id)
            connection = desk.connection
            desk.day = altogether(await connection.books.buckets(GroupBy.DAY, connection.purse.today()))


def farewell(desk: SessionController) -> list[str]:
    """How to come back, what it cost, and what goes on without us."""
    session, local = desk.session, desk.connection.badge.local
    simulated = " · simulated: the local worker charges nothing" if local else ""
    lines = []
    if session.turns:
        lines.append(f"Resume this session:  handinger-tui --resume {one_word(session.session_id)}")
        # The local worker is gone with the program: its id leads nowhere.
        if session.worker_id is not None and not local:
            lines.append(f"Its worker:           handinger-tui --worker {one_word(session.worker_id)}")
        lines.append(f"It took:              {money_line(session)}{simulated}")
    if desk.day is not None and desk.day.turns:
        lines.append(f"Today altogether:     {day_line(desk.day)}{simulated}")
    lines += _queued(desk)
    return lines if local else [*lines, *_left_going(desk)]


def money_line(session: Session) -> str:
    """The session so far, gaps named: "$1.23 + 2 turns unknown · 12 credits + 1 turn unknown · 3 turns".

    Messages that still wait in the queue have taken nothing, and are no gaps.
    """
    turns = [turn for turn in session.turns if turn.status is not TurnStatus.QUEUED]
    money = session_money(turns)
    return _line(money.usd, money.credits, len(turns), goes_on=_goes_on(session))


def day_line(day: Bucket) -> str:
    """All sessions since midnight, gaps named likewise."""
    return _line(day.total("usd"), day.total("credits"), day.turns, goes_on=False)


def _line(usd: Total, spent: Total, turns: int, *, goes_on: bool) -> str:
    """`goes_on`: one of the turns runs, so that the only one missing has taken some of it already."""
    if usd.value is None:
        pieces = [f"cost {total_text(usd)}"]
    else:
        so_far = goes_on and usd.missing_turns == 1
        pieces = [f"{usd_text(usd.value)} so far" if so_far else total_text(usd)]
    if spent.value is not None:
        so_far = goes_on and spent.missing_turns == 1
        pieces.append(f"{credits_words(spent.value)} so far" if so_far else credits_total_text(spent))
    return " · ".join([*pieces, plural(turns, "turn")])


def _queued(desk: SessionController) -> list[str]:
    """Messages that wait for the next start; none of them is sent meanwhile."""
    waiting = [(session, len(desk.queue_of(session.session_id))) for session in desk.met]
    return [
        f"Not sent yet:         {plural(count, 'queued message')}, kept for "
        f"handinger-tui --resume {one_word(session.session_id)}"
        for session, count in waiting[:NAMED]
        if count
    ]


def _left_going(desk: SessionController) -> list[str]:
    going = [session for session in desk.met if _goes_on(session)]
    if not going:
        return []
    if len(going) == 1:
        return [f"1 run left going: it may keep charging. Watch it: {_command(going[0])}"]
    lines = [f"{len(going)} runs left going: they may keep charging. Watch them:"]
    lines += [f"  {_command(session)}" for session in going[:NAMED]]
    more = len(going) - NAMED
    return [*lines, f"  and {more} more: handinger-tui --resume lists them"] if more > 0 else lines


def _goes_on(session: Session) -> bool:
    on_its_way = any(turn.live and turn.status is not TurnStatus.QUEUED for turn in session.turns)
    return on_its_way or unwatched(session) is not None


def _command(session: Session) -> str:
    if session.worker_id is None:
        return f"handinger-tui --resume {one_word(session.session_id)}"
    return f"handinger-tui attach {one_word(session.worker_id)}"
