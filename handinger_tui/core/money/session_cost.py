"""What sessions cost, in words: one when the program ends, and all runs elsewhere while it is open."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.attribution import MoneyIndex, session_money
from handinger_tui.core.money.spending import EMPTY_TOTAL, sum_text
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn


def cost_of_session(session: Session) -> str:
    """The cost of a session with gaps: "$1.23 + 2 unknown · 12 credits · 3 turns".

    Messages that were not sent are no turns; imported turns are named without a cost.
    """
    turns = [turn for turn in session.ours if not turn.unsent]
    money = session_money(turns, session.elsewhere)
    text = sum_text(money.usd, money.credits, len(turns), session.credit_usd)
    imported = len(session.turns) - len(session.ours)
    if not imported:
        return text
    words = f"{plural(imported, 'turn')} imported, not charged here"
    return f"{text} · {words}" if turns else words


def runs_cost(runs: Iterable[tuple[Session, Turn]]) -> str:
    """What turns of several sessions took so far in USD, in words; "" where nothing is known."""
    money = [MoneyIndex().of(session, turn) for session, turn in runs]
    amounts = (Total(one.usd, int(one.usd is None), Unit.USD in one.doubts) for one in money)
    total = reduce(add, amounts, EMPTY_TOTAL)
    return "" if total.value is None else total.words()
